#include "machine/probe.h"
#include "cpu/interpreter/interpreter.h"
#include "machine/machine.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

namespace r86 {

namespace {

template <class... Parts>
std::string text(const char* format, Parts... parts) {
    char out[128];
    std::snprintf(out, sizeof out, format, parts...);
    return out;
}

const char* kind_name(EventKind kind) {
    switch (kind) {
    case EventKind::External: return "interrupt";
    case EventKind::Nmi: return "nmi";
    case EventKind::Exception: return "exception";
    case EventKind::Icebp: return "icebp";
    default: return "software interrupt";
    }
}

bool contains(const std::vector<u16>& ports, u16 port, unsigned size) {
    return std::any_of(ports.begin(), ports.end(), [&](u16 one) { return one >= port && one < port + size; });
}

template <class F>
void for_pages(const Probe::Range& range, F&& f) {
    const u64 last = range.physical + std::max<u64>(range.length, 1) - 1;
    for (u64 page = range.physical & ~kPageMask; page <= last; page += kPageSize)
        if (page < PhysicalMemory::kAddressSpace) f(PhysAddr{page});
}

} // namespace

Probe::Probe(Machine& machine, What what) : machine_(machine), what_(std::move(what)) {
    PhysicalMemory& memory = machine_.pc().memory;
    for (const Range& range : what_.ranges)
        for_pages(range, [&](PhysAddr page) {
            memory.watch(page, static_cast<u8>((range.write ? kWatchDebug : 0) | (range.read ? kWatchRead : 0)));
        });
    Cpu& cpu = machine_.cpu();
    cpu.set_watcher(this);
    cpu.interpreter().set_breakpoints(what_.breakpoints);
    if (!what_.ranges.empty()) cpu.watches_changed();
}

Probe::~Probe() {
    Cpu& cpu = machine_.cpu();
    cpu.set_watcher(nullptr);
    cpu.interpreter().set_breakpoints({});
    for (const Range& range : what_.ranges)
        for_pages(range, [&](PhysAddr page) { machine_.pc().memory.unwatch(page, kWatchDebug | kWatchRead); });
    if (!what_.ranges.empty()) cpu.watches_changed();
}

bool Probe::only_writes() const {
    const bool others = !what_.breakpoints.empty() || !what_.ports_read.empty() || !what_.ports_written.empty() ||
                        what_.vectors.any() || what_.cr3 || what_.cpl || what_.mode;
    return !others && std::none_of(what_.ranges.begin(), what_.ranges.end(), [](const Range& r) { return r.read; });
}

Probe::Modes Probe::modes() const {
    const Cpu& cpu = machine_.cpu();
    return {cpu.s.cr3, cpu.cpl(), !cpu.protected_mode() ? "real" : cpu.v86() ? "v86" : "protected"};
}

void Probe::collect_until(Tick before) {
    state_ = State::Collect;
    limit_ = before;
    last_ = modes();
}

void Probe::stop_after(Tick after) {
    state_ = State::Stop;
    limit_ = after;
    inclusive_ = false;
    last_ = modes();
    hit_.reset();
}

void Probe::stop_from(Tick first) {
    stop_after(first);
    inclusive_ = true;
}

bool Probe::wants(bool access) const {
    const Tick tick = machine_.now();
    return state_ == State::Collect ? tick < limit_
                                    : state_ == State::Stop && (access ? tick >= limit_ : tick > limit_) && !hit_;
}

bool Probe::found(Hit hit) {
    hit.tick = machine_.now();
    hit_ = std::move(hit);
    if (state_ != State::Stop) return false;
    if (!hit_->breakpoint) machine_.interrupt(); // the processor itself stops before a breakpoint
    return true;
}

bool Probe::at_breakpoint(u64 linear) {
    if (!wants()) return false;
    return found({0, text("breakpoint %08llx", static_cast<unsigned long long>(linear)), true, {}});
}

void Probe::access(PhysAddr address, unsigned length, bool write) {
    if (!wants(true)) return;
    for (usize i = 0; i < what_.ranges.size(); ++i) {
        const Range& range = what_.ranges[i];
        if (!(write ? range.write : range.read)) continue;
        if (address.value + length <= range.physical || address.value >= range.physical + range.length) continue;
        found({0,
               text("%s phys:%08llx %u", write ? "write" : "read", static_cast<unsigned long long>(address.value),
                    length),
               false, i});
        return;
    }
}

void Probe::memory_write(PhysAddr address, unsigned length) { access(address, length, true); }
void Probe::memory_read(PhysAddr address, unsigned length) { access(address, length, false); }

void Probe::port_access(u16 port, unsigned size, bool write, u32 value) {
    if (!wants(inclusive_) || !contains(write ? what_.ports_written : what_.ports_read, port, size)) return;
    found({0, text("%s port %03x %0*x", write ? "out" : "in", port, static_cast<int>(2 * size), value), false, {}});
}

void Probe::delivery(u8 vector, EventKind kind) {
    if (wants(inclusive_) && what_.vectors[vector]) found({0, text("%s %02x", kind_name(kind), vector), false, {}});
}

void Probe::mode_changed() {
    if (state_ == State::Rest) return;
    const Modes now = modes();
    const Modes before = std::exchange(last_, now);
    if (!wants()) return;
    const auto wide = [](u64 value) { return static_cast<unsigned long long>(value); };
    if (what_.cr3 && now.cr3 != before.cr3)
        found({0, text("cr3 %08llx -> %08llx", wide(before.cr3), wide(now.cr3)), false, {}});
    else if (what_.cpl && now.cpl != before.cpl)
        found({0, text("cpl %u -> %u", before.cpl, now.cpl), false, {}});
    else if (what_.mode && std::strcmp(now.mode, before.mode) != 0)
        found({0, text("mode %s -> %s", before.mode, now.mode), false, {}});
}

} // namespace r86

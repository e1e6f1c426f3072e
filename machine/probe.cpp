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
void for_pages(u64 physical, u64 length, F&& f) {
    const u64 last = physical + std::max<u64>(length, 1) - 1;
    for (u64 page = physical & ~kPageMask; page <= last; page += kPageSize)
        if (page < PhysicalMemory::kAddressSpace) f(PhysAddr{page});
}

bool overlap(PhysAddr address, unsigned length, u64 physical, u64 bytes) {
    return address.value + length > physical && address.value < physical + bytes;
}

} // namespace

Probe::Probe(Machine& machine, What what)
    : machine_(machine), what_(std::move(what)), space_(address_space(machine.cpu().s)) {
    Cpu& cpu = machine_.cpu();
    cpu.set_watcher(this);
    cpu.interpreter().set_breakpoints(what_.breakpoints);
    look_up();
    watch_pages();
}

Probe::~Probe() {
    Cpu& cpu = machine_.cpu();
    cpu.set_watcher(nullptr);
    cpu.interpreter().set_breakpoints({});
    unwatch_pages();
}

/// Which bytes of memory are to be watched now.
void Probe::look_up() {
    pieces_.clear();
    walks_.clear();
    all_mapped_ = true;
    for (const Range& range : what_.ranges) pieces_.push_back({range, pieces_.size()});
    for (usize i = 0; i < what_.linear.size(); ++i) {
        const Range& range = what_.linear[i];
        for (u64 done = 0; done < range.length;) {
            const u64 linear = (range.address + done) & 0xFFFFFFFF;
            const u64 length = std::min(range.length - done, kPageSize - (linear & kPageMask));
            walks_.push_back(walk_tables(machine_.pc().memory, space_, linear));
            if (walks_.back().mapped)
                pieces_.push_back({{walks_.back().physical, length, range.read, range.write}, what_.ranges.size() + i});
            else
                all_mapped_ = false;
            done += length;
        }
    }
}

template <class F>
void Probe::for_watched_pages(F&& f) const {
    for (const auto& [range, index] : pieces_) {
        const auto bits = static_cast<u8>((range.write ? kWatchDebug : 0) | (range.read ? kWatchRead : 0));
        for_pages(range.address, range.length, [&](PhysAddr page) { f(page, bits); });
    }
    for (const TableWalk& walk : walks_)
        for (const PageEntry& entry : walk)
            for_pages(entry.physical, entry.bytes, [&](PhysAddr page) { f(page, u8{kWatchDebug}); });
    if (!pieces_.empty() || !walks_.empty()) machine_.cpu().watches_changed();
}

void Probe::watch_pages() {
    for_watched_pages([&](PhysAddr page, u8 bits) { machine_.pc().memory.watch(page, bits); });
}

void Probe::unwatch_pages() {
    for_watched_pages([&](PhysAddr page, u8 bits) { machine_.pc().memory.unwatch(page, bits); });
}

bool Probe::only_writes() const {
    const bool others = !what_.breakpoints.empty() || !what_.ports_read.empty() || !what_.ports_written.empty() ||
                        what_.vectors.any() || what_.cr3 || what_.cpl || what_.mode;
    const auto reads = [](const Range& range) { return range.read; };
    return !others && std::none_of(what_.ranges.begin(), what_.ranges.end(), reads) &&
           std::none_of(what_.linear.begin(), what_.linear.end(), reads);
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
    for (const auto& [range, index] : pieces_) {
        if (!(write ? range.write : range.read) || !overlap(address, length, range.address, range.length)) continue;
        found({0,
               text("%s phys:%08llx %u", write ? "write" : "read", static_cast<unsigned long long>(address.value),
                    length),
               false, index});
        return;
    }
}

/// The bytes of a table change only after this, so the look at them waits for the boundary.
void Probe::table_write(PhysAddr address, unsigned length) {
    if (state_ != State::Stop || stale_) return;
    for (const TableWalk& walk : walks_)
        for (const PageEntry& entry : walk)
            if (overlap(address, length, entry.physical, entry.bytes)) return look_again();
}

void Probe::look_again() {
    stale_ = true;
    machine_.interrupt();
}

bool Probe::goes_on() {
    if (!std::exchange(stale_, false)) return false;
    if (!space_.paging) space_ = address_space(machine_.cpu().s);
    unwatch_pages();
    look_up();
    watch_pages();
    return !hit_;
}

void Probe::memory_write(PhysAddr address, unsigned length) {
    table_write(address, length);
    access(address, length, true);
}

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
    if (state_ == State::Stop && !what_.linear.empty() && !space_.paging && (machine_.cpu().s.cr0 & kCR0_PG))
        look_again();
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

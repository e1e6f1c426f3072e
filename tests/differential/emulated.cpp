#include "tests/differential/emulated.h"
#include "cpu/decoder/decoder.h"
#include "cpu/fpu/x87.h"
#include "cpu/interrupts/debug.h"
#include "cpu/mmu/mmu.h"
#include "cpu/segmentation/segmentation.h"
#include <algorithm>
#include <cstring>

namespace r86::differential {

namespace {

// The emulated system's own pages, supervisor only.
constexpr u32 kGdtAt = kSystem, kIdtAt = kSystem + 0x1000, kTssAt = kSystem + 0x2000, kLdtAt = kSystem + 0x3000,
              kHandlers = kSystem + 0x4000, kInnerStackTop = kSystem + 0x6000;

// Physical layout.
constexpr u32 kPdpt = 0x1000, kDirectories = 0x2000, kTables = 0x6000, kSystemFrames = 0x10000, kUserFrames = 0x20000;

constexpr u64 kPresent = 1, kWritable = 2, kUser = 4, kNoExecute = u64{1} << 63;
constexpr u32 kTickLimit = 60'000;

// The global descriptors where Linux has them, so that a wild selector finds the same.
constexpr u16 kCode0Selector = 0x10, kData0Selector = 0x18, kUserCodeSelector = 0x23, kUserDataSelector = 0x2B,
              kTssSelector = 0x40, kLdtSelector = 0x50;

u64 descriptor(u32 base, u32 limit, u8 access, u8 flags) {
    return (limit & 0xFFFF) | u64{base & 0xFFFFFF} << 16 | u64{access} << 40 | u64{(limit >> 16) & 15} << 48 |
           u64{flags} << 52 | u64{base >> 24} << 56;
}

/// What the kernel makes of a descriptor given to modify_ldt.
u64 local_descriptor(const LocalDescriptor& from) {
    const u8 type = static_cast<u8>((from.limited ? 0 : 2) | from.contents << 2 | 1);
    const u8 access = static_cast<u8>((from.present ? 0x80 : 0) | 0x60 | 0x10 | type);
    return descriptor(from.base, from.limit, access, static_cast<u8>((from.big ? 4 : 0) | (from.pages ? 8 : 0)));
}

} // namespace

Emulated::Emulated(const InterpreterSettings& settings, u32 drop_every)
    : memory_(u64{1} << 20, log_), io_(log_), clock_(100), model_(find_cpu_model("max")),
      cpu_(model_, memory_, io_, clock_, log_), drop_every_(drop_every) {
    cpu_.interpreter().set_settings(settings);
    build_tables();
}

void Emulated::build_tables() {
    const auto map_page = [&](u32 linear, u32 frame, u64 flags) {
        // One directory for each GiB; page tables are taken in turn.
        static constexpr u32 kTableBytes = 0x1000;
        const u32 directory = kDirectories + (linear >> 30) * kTableBytes;
        poke64(kPdpt + 8 * (linear >> 30), directory | kPresent);
        const u32 entry = directory + 8 * ((linear >> 21) & 511);
        u64 table = memory_.read(PhysAddr{entry}, 8) & 0xFFFFF000;
        if (!table) {
            table = kTables;
            while (memory_.read(PhysAddr{table + 0xFF8}, 8)) table += kTableBytes;
            // The last slot of each table marks it as taken; no region reaches that far.
            poke64(static_cast<u32>(table) + 0xFF8, u64{1} << 9);
            poke64(entry, table | kPresent | kWritable | kUser);
        }
        poke64(static_cast<u32>(table) + 8 * ((linear >> 12) & 511), frame | flags);
    };
    for (u32 page = 0; page < kSystemPages; ++page)
        map_page(kSystem + page * kPage, kSystemFrames + page * kPage, kPresent | kWritable);
    u32 frame = kUserFrames;
    for (const Region& region : kRegions)
        for (u32 at = 0; at < region.size; at += kPage, frame += kPage) {
            u64 flags = kPresent | kUser;
            if (region.rights != Rights::ReadOnly) flags |= kWritable;
            if (region.rights != Rights::All) flags |= kNoExecute;
            map_page(region.base + at, frame, flags);
        }

    const auto system = [&](u32 linear) { return kSystemFrames + (linear - kSystem); };
    const auto gdt = [&](u16 selector, u64 value) { poke64(system(kGdtAt) + (selector & 0xFFF8u), value); };
    gdt(kCode0Selector, descriptor(0, 0xFFFFF, 0x9B, 0xC));
    gdt(kData0Selector, descriptor(0, 0xFFFFF, 0x93, 0xC));
    gdt(kTssSelector, descriptor(kTssAt, 0x67, 0x8B, 0));
    gdt(kLdtSelector, descriptor(kLdtAt, kLocals * 8 - 1, 0x82, 0));
    gdt(0x08, descriptor(0, 0xFFFFF, 0x9B, 0xC));
    gdt(kUserCodeSelector, descriptor(0, 0xFFFFF, 0xFB, 0xC));
    gdt(kUserDataSelector, descriptor(0, 0xFFFFF, 0xF3, 0xC));
    gdt(0x7B, descriptor(0, 0, 0xF5, 4));
    gdt(kExitSelector, descriptor(0, 0xFFFFF, 0xFB, 0xA)); // L and not D, as LAR shows it
    for (unsigned n = 0; n < kLocals; ++n) poke64(system(kLdtAt) + 8 * n, local_descriptor(kLocalDescriptors[n]));
    // As Linux sets its gates: only INT3 and INTO may be called from programs.
    for (u32 vector = 0; vector < 256; ++vector) {
        const u32 handler = kHandlers + 4 * vector;
        const u32 dpl = vector == 3 || vector == 4 ? 3 : 0;
        poke32(system(kIdtAt) + 8 * vector, (handler & 0xFFFF) | u32{kCode0Selector} << 16);
        poke32(system(kIdtAt) + 8 * vector + 4, (handler & 0xFFFF0000) | 0x8E00 | dpl << 13);
        poke32(system(kHandlers) + 4 * vector, 0xF4F4F4F4);
    }
    poke32(system(kTssAt) + 4, kInnerStackTop);
    poke32(system(kTssAt) + 8, kData0Selector);
    poke32(system(kTssAt) + 0x64, 0x680000);
}

PhysAddr Emulated::physical(u32 linear) const { return {kUserFrames + image_offset(linear)}; }

void Emulated::load_segment(unsigned seg, u16 selector) {
    Segment& out = cpu_.s.seg[seg];
    if (is_null(selector)) {
        out = Segment{};
        out.selector = selector;
        out.null = true;
        return;
    }
    const u32 at = kSystemFrames + (kLdtAt - kSystem) + (selector & 0xFFF8u);
    const u64 both = memory_.read(PhysAddr{at}, 8);
    out = Descriptor{static_cast<u32>(both), static_cast<u32>(both >> 32)}.segment(selector);
}

void Emulated::load(const Registers& from) {
    CpuState& s = cpu_.s;
    cpu_.reset(ResetKind::PowerOn);
    s.cr0 = kCR0_PE | kCR0_PG | kCR0_MP | kCR0_ET | kCR0_NE | kCR0_WP | kCR0_AM;
    s.cr3 = kPdpt;
    s.cr4 = kCR4_PAE | kCR4_OSFXSR | kCR4_OSXMMEXCPT;
    s.msr.efer = kEFER_NXE;
    for (unsigned i = 0; i < 4; ++i) s.pdpte[i] = memory_.read(PhysAddr{kPdpt + 8 * i}, 8);
    s.gdtr = {kGdtAt, 0x7F};
    s.idtr = {kIdtAt, 0x7FF};
    s.tr = Segment{kTssSelector, 0x8B, 0x67, kTssAt, false};
    s.ldtr = Segment{kLdtSelector, 0x82, kLocals * 8 - 1, kLdtAt, false};
    for (unsigned i = 0; i < 8; ++i) s.gpr[i] = from.gpr[i];
    for (unsigned seg = 0; seg < kSegments; ++seg) load_segment(seg, from.selector[seg]);
    s.rip = s.next_rip = from.eip;
    cpu_.state_changed();
    cpu_.set_eflags(from.eflags, ~0u);
    X87State& x = s.x87;
    x = X87State{};
    x.control = from.fp.control;
    x.status = from.fp.status;
    const unsigned top = (from.fp.status >> 11) & 7;
    for (unsigned i = 0; i < 8; ++i) {
        Float80& to = x.st[(top + i) & 7];
        std::memcpy(&to.significand, from.fp.st[i].data(), 8);
        std::memcpy(&to.sign_exponent, from.fp.st[i].data() + 8, 2);
        std::memcpy(s.vector[i].bytes.data(), from.fp.xmm[i].data(), 16);
    }
    fpu::set_abridged_tag(x, from.fp.tag);
    x.instruction_offset = from.fp.fip;
    fpu::update_summary(cpu_);
    s.mxcsr = from.fp.mxcsr;
    cpu_.state_changed();
}

FloatState Emulated::floats() const {
    const CpuState& s = cpu_.s;
    FloatState out;
    out.control = s.x87.control;
    out.status = s.x87.status;
    out.tag = fpu::abridged_tag(s.x87);
    out.fip = s.x87.instruction_offset;
    out.mxcsr = s.mxcsr;
    for (unsigned i = 0; i < 8; ++i) {
        const Float80& from = s.x87.st[fpu::physical(s.x87, i)];
        std::memcpy(out.st[i].data(), &from.significand, 8);
        std::memcpy(out.st[i].data() + 8, &from.sign_exponent, 2);
        std::memcpy(out.xmm[i].data(), s.vector[i].bytes.data(), 16);
    }
    return out;
}

bool Emulated::instruction_here(Insn& insn) {
    const CpuState& s = cpu_.s;
    std::array<u8, 15> bytes{};
    for (u32 i = 0; i < bytes.size(); ++i) {
        const u32 linear = static_cast<u32>(s.seg[CS].base + s.rip) + i;
        if (image_offset(linear) < kImageSize)
            bytes[i] = static_cast<u8>(memory_.read(physical(linear), 1));
        else if (i == 0)
            return false;
    }
    static const Decoder decoder(model_);
    return decoder.decode(bytes, cpu_.code32() ? CodeSize::Bits32 : CodeSize::Bits16, insn) == DecodeResult::Ok;
}

Outcome Emulated::run(const Program& program, const Layout&, const std::vector<u8>& memory, u64* executed) {
    CpuState& s = cpu_.s;
    memory_.write(PhysAddr{kUserFrames}, memory);
    load(program.start);
    const Tick begin = s.tick;
    const Tick end = begin + kTickLimit;
    RunStop stop = RunStop::Target;
    for (Tick until = begin; stop == RunStop::Target && s.tick < end;) {
        until = drop_every_ ? std::min(end, until + 1 + (until * 7919 + program.seed) % drop_every_) : end;
        Insn insn;
        const bool observed = observer_ && instruction_here(insn);
        if (observer_) until = s.tick + 1;
        const u64 unretired = s.unretired;
        const u32 linear = static_cast<u32>(s.seg[CS].base + s.rip);
        stop = cpu_.run(until);
        if (observed) observer_(linear, insn, s.unretired == unretired);
        if (drop_every_ && stop == RunStop::Target) {
            if (until & 1) cpu_.interpreter().drop_blocks();
            if (until & 2) cpu_.mmu().flush_all();
        }
    }
    if (executed && stop != RunStop::Target) *executed += s.tick - begin;

    Outcome out;
    Registers& r = out.registers;
    for (unsigned i = 0; i < 8; ++i) r.gpr[i] = static_cast<u32>(s.gpr[i]);
    for (unsigned seg = 0; seg < kSegments; ++seg) r.selector[seg] = s.seg[seg].selector;
    r.eip = static_cast<u32>(s.rip);
    r.eflags = cpu_.eflags();
    r.fp = floats();
    out.memory.resize(kImageSize);
    memory_.read(PhysAddr{kUserFrames}, out.memory);
    if (stop == RunStop::Target) {
        out.ending = Ending::Timeout;
        return out;
    }
    if (stop != RunStop::Halted || (s.seg[CS].selector & 0xFFFC) != kCode0Selector) return out;
    // In a handler: what was interrupted is on the inner stack.
    const u32 vector = (static_cast<u32>(s.rip) - 1 - kHandlers) / 4;
    const bool has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
    u32 at = kSystemFrames + (static_cast<u32>(s.gpr[RSP]) - kSystem);
    const auto pop = [&] {
        const u32 value = static_cast<u32>(memory_.read(PhysAddr{at}, 4));
        at += 4;
        return value;
    };
    out.vector = static_cast<u8>(vector);
    if (has_error) out.error = pop();
    r.eip = pop();
    r.selector[CS] = static_cast<u16>(pop());
    r.eflags = pop();
    r.gpr[RSP] = pop();
    r.selector[SS] = static_cast<u16>(pop());
    out.ending = Ending::Fault;
    if (vector == 14) out.fault_address = static_cast<u32>(s.cr2);
    if (vector == 14 && r.eip == kExit && r.selector[CS] == kExitSelector) {
        out.ending = Ending::Exit; // nothing is mapped there
        out.vector = 0;
        out.error = out.fault_address = 0;
        r.eflags &= ~kRF; // of the fault that ended it
    }
    return out;
}

} // namespace r86::differential

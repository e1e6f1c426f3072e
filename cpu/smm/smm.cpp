/// System-management mode: SDM Vol. 3, chapter 34, tables 34-1 (the 32-bit save map) and 34-4 (state on entry).
/// Revision 20000h: SMBASE relocation, no I/O instruction restart. Fields in the part that the manual calls reserved
/// lie where firmware for P6-class machines expects them.
#include "cpu/cpu.h"
#include "cpu/interrupts/debug.h"
#include "cpu/semantics.h"
#include "cpu/system/control.h"

namespace r86 {

namespace {

// Offsets from SMBASE + 8000h.
enum SaveMap : u32 {
    kCr0 = 0x7FFC,
    kCr3 = 0x7FF8,
    kEflags = 0x7FF4,
    kEip = 0x7FF0,
    kEdi = 0x7FEC, // the general registers go down to EAX at 7FD0h
    kDr6 = 0x7FCC,
    kDr7 = 0x7FC8,
    kTrSelector = 0x7FC4,
    kLdtrSelector = 0x7FC0,
    kEsSelector = 0x7FA8, // ES, CS, SS, DS, FS, GS, four bytes each
    kIoState = 0x7FA4,
    kIoAddress = 0x7FA0,
    kLowSegments = 0x7F84, // ES, CS, SS: rights, limit, base
    kLdtr = 0x7F78,
    kGdtBase = 0x7F74,
    kGdtLimit = 0x7F70,
    kTr = 0x7F5C,
    kIdtBase = 0x7F58,
    kIdtLimit = 0x7F54,
    kHighSegments = 0x7F2C, // DS, FS, GS
    kCr4 = 0x7F14,
    kHaltRestart = 0x7F02,
    kIoRestart = 0x7F00,
    kRevision = 0x7EFC,
    kSmbase = 0x7EF8,
    kNmiBlocked = 0x7EF0,
    kShadow = 0x7EEC,
    kDebugPending = 0x7EE8,
    kPdptes = 0x7E00,
};
constexpr u32 kRevisionValue = 0x20000;
constexpr u32 kUnusable = 1u << 16; // in a rights field: the segment holds a null selector

/// The map in memory, read and written below the MMU.
class SaveArea {
public:
    SaveArea(Cpu& cpu) : cpu_(cpu), base_(u64{cpu.s.smbase} + 0x8000) {}

    u32 get(u32 offset) const { return static_cast<u32>(cpu_.physical_read(at(offset), 4)); }
    u16 get16(u32 offset) const { return static_cast<u16>(cpu_.physical_read(at(offset), 2)); }
    void put(u32 offset, u64 value) { cpu_.physical_write(at(offset), 4, static_cast<u32>(value)); }
    void put16(u32 offset, u16 value) { cpu_.physical_write(at(offset), 2, value); }

    void put_segment(u32 offset, u32 selector_offset, const Segment& segment) {
        put(offset, (segment.attributes & 0xFFu) | (segment.attributes & 0xF00u) << 4 | (segment.null ? kUnusable : 0));
        put(offset + 4, segment.limit);
        put(offset + 8, segment.base);
        put(selector_offset, segment.selector);
    }
    Segment get_segment(u32 offset, u32 selector_offset) const {
        const u32 rights = get(offset);
        Segment segment;
        segment.selector = static_cast<u16>(get(selector_offset));
        segment.attributes = static_cast<u16>((rights & 0xFF) | ((rights >> 4) & 0xF00));
        segment.null = rights & kUnusable;
        segment.limit = get(offset + 4);
        segment.base = get(offset + 8);
        return segment;
    }

private:
    PhysAddr at(u32 offset) const {
        const u64 address = (base_ + offset) & 0xFFFFFFFF;
        return {cpu_.s.a20 ? address : address & ~(u64{1} << 20)};
    }
    Cpu& cpu_;
    u64 base_;
};

u32 segment_offset(unsigned seg) { return seg < 3 ? kLowSegments + 12 * seg : kHighSegments + 12 * (seg - 3); }

void save(Cpu& cpu, SaveArea& area) {
    const CpuState& s = cpu.s;
    area.put(kCr0, s.cr0);
    area.put(kCr3, s.cr3);
    area.put(kEflags, cpu.eflags());
    area.put(kEip, s.rip);
    for (unsigned i = 0; i < 8; ++i) area.put(kEdi - 4 * (7 - i), s.gpr[i]);
    area.put(kDr6, s.dr[6]);
    area.put(kDr7, s.dr[7]);
    area.put(kIoState, 0);
    area.put(kIoAddress, 0);
    for (unsigned i = 0; i < kSegments; ++i) area.put_segment(segment_offset(i), kEsSelector + 4 * i, s.seg[i]);
    area.put_segment(kLdtr, kLdtrSelector, s.ldtr);
    area.put_segment(kTr, kTrSelector, s.tr);
    area.put(kGdtBase, s.gdtr.base);
    area.put(kGdtLimit, s.gdtr.limit);
    area.put(kIdtBase, s.idtr.base);
    area.put(kIdtLimit, s.idtr.limit);
    area.put(kCr4, s.cr4);
    area.put16(kHaltRestart, s.halted);
    area.put16(kIoRestart, 0);
    area.put(kRevision, kRevisionValue);
    area.put(kSmbase, s.smbase);
    area.put(kNmiBlocked, s.nmi_blocked);
    area.put(kShadow, s.shadow);
    area.put(kDebugPending, s.debug_pending);
    for (unsigned i = 0; i < 4; ++i) {
        area.put(kPdptes + 8 * i, s.pdpte[i]);
        area.put(kPdptes + 8 * i + 4, s.pdpte[i] >> 32);
    }
}

/// Illegal control register values in the map shut the processor down (SDM Vol. 3, 34.3.1).
bool legal(const Cpu& cpu, const SaveArea& area) {
    const u32 cr0 = area.get(kCr0);
    if ((cr0 & kCR0_PG) && !(cr0 & kCR0_PE)) return false;
    if ((cr0 & kCR0_NW) && !(cr0 & kCR0_CD)) return false;
    return !(area.get(kCr4) & ~cr4_allowed(cpu));
}

void restore(Cpu& cpu, const SaveArea& area) {
    CpuState& s = cpu.s;
    s.cr0 = (area.get(kCr0) & kCR0_Defined) | kCR0_ET;
    s.cr3 = area.get(kCr3);
    s.cr4 = area.get(kCr4);
    const u32 eflags = area.get(kEflags);
    s.eflags = (eflags & 0x3F7FD5 & ~kStatusFlags) | 2;
    if (!(s.cr0 & kCR0_PE)) s.eflags &= ~kVM; // no such mode, whatever the map holds
    s.flags.set(eflags);
    s.next_rip = area.get(kEip);
    for (unsigned i = 0; i < 8; ++i) s.gpr[i] = area.get(kEdi - 4 * (7 - i));
    for (unsigned i = 0; i < kSegments; ++i) s.seg[i] = area.get_segment(segment_offset(i), kEsSelector + 4 * i);
    s.ldtr = area.get_segment(kLdtr, kLdtrSelector);
    s.tr = area.get_segment(kTr, kTrSelector);
    s.gdtr = {area.get(kGdtBase), static_cast<u16>(area.get(kGdtLimit))};
    s.idtr = {area.get(kIdtBase), static_cast<u16>(area.get(kIdtLimit))};
    s.smbase = area.get(kSmbase);
    s.halted = area.get16(kHaltRestart) & 1;
    s.nmi_blocked = area.get(kNmiBlocked) & 1;
    s.shadow = area.get(kShadow) & 3;
    s.debug_pending = area.get(kDebugPending) & (kDR6_BS | kDR6_BT | 0xF);
    for (unsigned i = 0; i < 4; ++i) s.pdpte[i] = area.get(kPdptes + 8 * i) | u64{area.get(kPdptes + 8 * i + 4)} << 32;
    cpu.write_dr(6, area.get(kDr6));
    cpu.write_dr(7, area.get(kDr7));
}

} // namespace

void Cpu::enter_smm() {
    // SMIACT# first: SMRAM may be hidden from everything else.
    if (hooks.smm_changed) hooks.smm_changed(true);
    s.smm = true;
    SaveArea area(*this);
    save(*this, area);
    s.smi_pending = false;
    s.nmi_blocked = true;
    s.halted = false;
    s.shadow = 0;
    s.debug_pending = 0; // the trap of the instruction before comes after RSM (SDM Vol. 3, table 6-2)
    s.flags.set(0);
    s.eflags = 2;
    s.rip = s.next_rip = 0x8000;
    s.cr0 &= ~(kCR0_PE | kCR0_EM | kCR0_TS | kCR0_PG);
    s.cr4 = 0;
    for (Segment& segment : s.seg) {
        segment = Segment{};
        segment.attributes = 0x893; // G, 16-bit, present, read/write, accessed
        segment.limit = 0xFFFFFFFF;
    }
    s.seg[CS].selector = static_cast<u16>(s.smbase >> 4);
    s.seg[CS].base = s.smbase;
    write_dr(7, 0x400);
    flush_translations();
    update_mode();
}

Fault Cpu::leave_smm() {
    if (!s.smm) return Fault::ud();
    const SaveArea area(*this);
    if (!legal(*this, area)) {
        s.shutdown = true;
        Fault silent = Fault::ud();
        silent.silent = 1;
        return silent;
    }
    restore(*this, area);
    s.smm = false;
    if (hooks.smm_changed) hooks.smm_changed(false);
    s.rip = s.next_rip;
    flush_translations();
    update_mode();
    return Fault::none();
}

Fault exec::rsm(Cpu& cpu, const Insn&) { return cpu.leave_smm(); }

} // namespace r86

/// State after RESET# and INIT#: SDM Vol. 3, table 9-1 "IA-32 and Intel 64 Processor States Following Power-up, Reset,
/// or INIT".
#include "cpu/cpu.h"

namespace r86 {

namespace {

/// What RESET and INIT have in common.
void reset_common(Cpu& cpu) {
    CpuState& s = cpu.s;
    const bool was_smm = s.smm;
    s.gpr.fill(0);
    s.gpr[RDX] = cpu.model.signature; // EAX = 0: the self test passed
    s.flags.set(0);
    s.eflags = 2;
    s.rip = s.next_rip = 0xFFF0;
    for (Segment& segment : s.seg) {
        segment = Segment{};
        segment.attributes = 0x93; // present, read/write, accessed
    }
    s.seg[CS].selector = 0xF000;
    s.seg[CS].base = 0xFFFF0000;
    s.ldtr = Segment{};
    s.ldtr.attributes = 0x82;
    s.tr = Segment{};
    s.tr.attributes = 0x83;
    s.gdtr = s.idtr = DescriptorTable{};
    s.cr0 = 0x60000010;
    s.cr2 = s.cr3 = 0;
    s.cr4 = 0;
    s.pdpte.fill(0);
    s.dr = {0, 0, 0, 0, 0, 0, 0xFFFF0FF0, 0x400};
    s.halted = s.shutdown = s.smm = false;
    s.pause_end = 0;
    s.nmi_blocked = s.nmi_pending = s.smi_pending = false;
    s.shadow = 0;
    s.debug_pending = 0;
    s.external_event = 0;
    s.end_repeat();
    if (was_smm && cpu.hooks.smm_changed) cpu.hooks.smm_changed(false);
}

} // namespace

void Cpu::reset(ResetKind) {
    const bool ferr = s.x87.ferr;
    reset_common(*this);
    const bool ignne = s.x87.ignne; // a pin
    s.x87 = X87State{};
    s.x87.ignne = ignne;
    s.vector.fill({});
    s.mxcsr = 0x1F80;
    s.test.fill(0);
    s.smbase = 0x30000;
    s.msr = Msrs{};
    if (!model.has(Feature::APIC)) s.msr.apic_base = 0;
    if (hooks.apic_base) hooks.apic_base(s.msr.apic_base);
    s.msr.misc_enable = 0x1801; // fast strings; no branch trace store, no precise event sampling
    s.msr.tsc_offset = -static_cast<i64>(clock.ns_at(s.tick));
    if (ferr && hooks.ferr) hooks.ferr(false);
    update_mode();
    state_changed();
}

void Cpu::init() {
    const u32 cache_bits = s.cr0 & (kCR0_CD | kCR0_NW);
    reset_common(*this);
    s.cr0 = 0x10 | cache_bits;
    update_mode();
    state_changed();
}

} // namespace r86

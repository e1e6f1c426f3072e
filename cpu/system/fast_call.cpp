/// SYSENTER and SYSEXIT: SDM Vol. 2, both instructions, "Operation". CS and SS are flat whatever the GDT holds.
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86::exec {

namespace {

Segment flat(u16 selector, u16 rights) {
    Segment segment;
    segment.selector = selector;
    segment.attributes = rights;
    segment.limit = 0xFFFFFFFF;
    return segment;
}

// G, D/B, present, DPL and type: execute/read or read/write, accessed.
constexpr u16 kCode = 0xC9B, kData = 0xC93;

} // namespace

Fault sysenter(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::SEP)) return Fault::ud();
    CpuState& s = cpu.s;
    if (!cpu.protected_mode() || (s.msr.sysenter_cs & 0xFFFC) == 0) return Fault::gp(0);
    const auto selector = static_cast<u16>(s.msr.sysenter_cs & 0xFFFC);
    s.eflags &= ~(kVM | kIF | kRF);
    s.seg[CS] = flat(selector, kCode);
    s.seg[SS] = flat(static_cast<u16>(selector + 8), kData);
    s.gpr[RSP] = static_cast<u32>(s.msr.sysenter_esp);
    s.next_rip = static_cast<u32>(s.msr.sysenter_eip);
    cpu.update_mode();
    return Fault::none();
}

Fault sysexit(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::SEP)) return Fault::ud();
    CpuState& s = cpu.s;
    if (!cpu.protected_mode() || (s.msr.sysenter_cs & 0xFFFC) == 0 || cpu.cpl() != 0) return Fault::gp(0);
    const auto base = static_cast<u16>(s.msr.sysenter_cs & 0xFFFC);
    s.seg[CS] = flat(static_cast<u16>((base + 16) | 3), kCode | 0x60);
    s.seg[SS] = flat(static_cast<u16>((base + 24) | 3), kData | 0x60);
    s.gpr[RSP] = cpu.gpr<u32>(RCX);
    s.next_rip = cpu.gpr<u32>(RDX);
    cpu.update_mode();
    return Fault::none();
}

} // namespace r86::exec

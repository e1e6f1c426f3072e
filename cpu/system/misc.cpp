/// HLT, cache control, counters, CPUID, MSR access and what this processor refuses.
/// NOT IMPLEMENTED: MONITOR/MWAIT, RDTSCP, SYSCALL/SYSRET and SWAPGS are #UD: no model here has them. Performance
/// counters exist and stand at zero.
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86 {

u64 Cpu::time_stamp_counter() const {
    // 1 GHz: one count a nanosecond of virtual time.
    return clock.ns_at(s.tick) + static_cast<u64>(s.msr.tsc_offset);
}

namespace exec {

Fault hlt(Cpu& cpu, const Insn&) {
    if (cpu.cpl() != 0) return Fault::gp(0);
    cpu.s.halted = true;
    return Fault::none();
}

// There is no cache whose contents could be lost or written back.
Fault invd(Cpu& cpu, const Insn&) { return cpu.cpl() != 0 ? Fault::gp(0) : Fault::none(); }
Fault wbinvd(Cpu& cpu, const Insn&) { return cpu.cpl() != 0 ? Fault::gp(0) : Fault::none(); }

Fault cpuid(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::CPUID)) return Fault::ud();
    const u32 leaf = cpu.gpr<u32>(RAX);
    auto [eax, ebx, ecx, edx] = r86::cpuid(cpu.model, leaf, cpu.gpr<u32>(RCX), cpu.s.cr4);
    // IA32_MISC_ENABLE bit 22, "limit CPUID maxval" (SDM Vol. 4, table 2-2).
    if (leaf == 0 && (cpu.s.msr.misc_enable & (1u << 22)) && eax > 3) eax = 3;
    if (leaf == 1) {
        // The feature bit follows IA32_APIC_BASE.EN (SDM Vol. 3, 10.4.3); leaf 1 loads the microcode revision
        // (SDM Vol. 3, 9.11.7.1).
        if (!(cpu.s.msr.apic_base & 0x800)) edx &= ~(1u << static_cast<unsigned>(Feature::APIC));
        cpu.s.msr.bios_update = u64{1} << 32;
    }
    cpu.set_gpr<u32>(RAX, eax);
    cpu.set_gpr<u32>(RBX, ebx);
    cpu.set_gpr<u32>(RCX, ecx);
    cpu.set_gpr<u32>(RDX, edx);
    return Fault::none();
}

namespace {
void set_edx_eax(Cpu& cpu, u64 value) {
    cpu.set_gpr<u32>(RAX, static_cast<u32>(value));
    cpu.set_gpr<u32>(RDX, static_cast<u32>(value >> 32));
}
} // namespace

Fault rdtsc(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::TSC)) return Fault::ud();
    if ((cpu.s.cr4 & kCR4_TSD) && cpu.cpl() != 0) return Fault::gp(0);
    set_edx_eax(cpu, cpu.time_stamp_counter());
    return Fault::none();
}

Fault rdpmc(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::MMX)) return Fault::ud();
    if (!(cpu.s.cr4 & kCR4_PCE) && cpu.cpl() != 0) return Fault::gp(0);
    // Two counters up to family 6, eighteen with an optional "fast" bit 31 on family 15.
    const bool netburst = ((cpu.model.signature >> 8) & 15) == 15;
    const u32 index = netburst ? cpu.gpr<u32>(RCX) & 0x7FFFFFFF : cpu.gpr<u32>(RCX);
    if (index >= (netburst ? 18u : 2u)) return Fault::gp(0);
    set_edx_eax(cpu, 0);
    return Fault::none();
}

Fault rdmsr(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::MSR)) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    u64 value = 0;
    if (Fault fault = cpu.read_msr(cpu.gpr<u32>(RCX), value)) return fault;
    set_edx_eax(cpu, value);
    return Fault::none();
}

Fault wrmsr(Cpu& cpu, const Insn&) {
    if (!cpu.model.has(Feature::MSR)) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    return cpu.write_msr(cpu.gpr<u32>(RCX), u64{cpu.gpr<u32>(RDX)} << 32 | cpu.gpr<u32>(RAX));
}

Fault rdtscp(Cpu&, const Insn&) { return Fault::ud(); }
Fault monitor(Cpu&, const Insn&) { return Fault::ud(); }
Fault mwait(Cpu&, const Insn&) { return Fault::ud(); }
Fault syscall(Cpu&, const Insn&) { return Fault::ud(); }
Fault sysret(Cpu&, const Insn&) { return Fault::ud(); }
Fault swapgs(Cpu&, const Insn&) { return Fault::ud(); }

} // namespace exec
} // namespace r86

/// EFLAGS as a whole and IF: SDM Vol. 2, PUSHF, POPF, CLI, STI; SDM Vol. 3, 20.3 "Interrupt and Exception Handling in
/// Virtual-8086 Mode", 20.4 "Protected-Mode Virtual Interrupts".
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86::exec {

namespace {

constexpr u32 kAlways16 = kStatusFlags | kTF | kDF | kNT;
constexpr u32 kAlways32 = kAlways16 | kRF | kAC | kID; // RF is written as zero

/// CLI and STI work on IF, on VIF, or not at all.
enum class InterruptFlag : u8 { Real, Virtual, Denied };

InterruptFlag interrupt_flag(const Cpu& cpu) {
    if (!cpu.protected_mode() || cpu.iopl() >= cpu.cpl()) return InterruptFlag::Real; // v86: CPL is 3
    const u32 needed = cpu.v86() ? kCR4_VME : kCR4_PVI;
    return cpu.cpl() == 3 && (cpu.s.cr4 & needed) ? InterruptFlag::Virtual : InterruptFlag::Denied;
}

/// POPF in virtual-8086 mode with IOPL < 3: 16-bit form with VME only, IF goes to VIF.
Fault popf_virtual(Cpu& cpu, const Insn& insn) {
    if (insn.operand_size != 2 || !(cpu.s.cr4 & kCR4_VME)) return Fault::gp(0);
    u16 image = 0;
    if (Fault fault = cpu.read<u16>(SS, cpu.stack_pointer(), image)) return fault;
    if ((image & kTF) || ((image & kIF) && (cpu.s.eflags & kVIP))) return Fault::gp(0);
    cpu.set_stack_pointer(cpu.stack_pointer() + 2);
    cpu.set_eflags(image | (image & kIF ? kVIF : 0), kAlways16 | kVIF);
    return Fault::none();
}

} // namespace

Fault pushf(Cpu& cpu, const Insn& insn) {
    u32 image = cpu.eflags() & ~(kVM | kRF);
    if (cpu.v86() && cpu.iopl() < 3) {
        if (insn.operand_size != 2 || !(cpu.s.cr4 & kCR4_VME)) return Fault::gp(0);
        image = (image & ~kIF) | kIOPL | (cpu.s.eflags & kVIF ? kIF : 0);
    }
    if (insn.operand_size == 2) return cpu.push<u16>(static_cast<u16>(image));
    return cpu.push<u32>(image);
}

Fault popf(Cpu& cpu, const Insn& insn) {
    if (cpu.v86() && cpu.iopl() < 3) return popf_virtual(cpu, insn);
    u32 image = 0;
    u32 mask = kAlways32;
    if (insn.operand_size == 2) {
        u16 low = 0;
        if (Fault fault = cpu.pop<u16>(low)) return fault;
        image = low;
        mask = kAlways16;
    } else if (Fault fault = cpu.pop<u32>(image)) {
        return fault;
    }
    if (cpu.cpl() <= cpu.iopl()) mask |= kIF;
    if (cpu.cpl() == 0) mask |= kIOPL;
    cpu.set_eflags(image & ~kRF, mask);
    return Fault::none();
}

Fault cli(Cpu& cpu, const Insn&) {
    switch (interrupt_flag(cpu)) {
    case InterruptFlag::Real: cpu.set_eflags(0, kIF); return Fault::none();
    case InterruptFlag::Virtual: cpu.set_eflags(0, kVIF); return Fault::none();
    default: return Fault::gp(0);
    }
}

Fault sti(Cpu& cpu, const Insn&) {
    switch (interrupt_flag(cpu)) {
    case InterruptFlag::Real:
        if (!(cpu.s.eflags & kIF)) cpu.s.shadow = kShadowSti;
        cpu.set_eflags(kIF, kIF);
        return Fault::none();
    case InterruptFlag::Virtual:
        if (cpu.s.eflags & kVIP) return Fault::gp(0); // an interrupt is waiting for the monitor to deliver it
        cpu.set_eflags(kVIF, kVIF);
        return Fault::none();
    default: return Fault::gp(0);
    }
}

} // namespace r86::exec

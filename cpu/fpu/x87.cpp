/// Tag word, exception summary and the two exception paths of the x87: see x87.h.
#include "cpu/fpu/x87.h"

namespace r86::fpu {

u16 tag_word(const X87State& x) {
    u16 word = 0;
    for (unsigned reg = 0; reg < 8; ++reg) {
        word = static_cast<u16>(word | (empty_register(x, reg) ? 3 : tag_of(x.st[reg])) << (2 * reg));
    }
    return word;
}

void set_tag_word(X87State& x, u16 word) {
    x.tag = 0x5555;
    for (unsigned reg = 0; reg < 8; ++reg)
        if (((word >> (2 * reg)) & 3) == 3) set_empty(x, reg);
}

u8 abridged_tag(const X87State& x) {
    unsigned tag = 0;
    for (unsigned reg = 0; reg < 8; ++reg) tag |= (empty_register(x, reg) ? 0u : 1u) << reg;
    return static_cast<u8>(tag);
}

void set_abridged_tag(X87State& x, u8 tag) {
    x.tag = 0x5555;
    for (unsigned reg = 0; reg < 8; ++reg)
        if (!((tag >> reg) & 1)) set_empty(x, reg);
}

void initialize(X87State& x) {
    x.control = 0x037F;
    x.status = 0;
    x.tag = 0xFFFF;
    x.opcode = 0;
    x.instruction_offset = x.operand_offset = 0;
    x.instruction_selector = x.operand_selector = 0;
}

void update_summary(Cpu& cpu) {
    X87State& x = cpu.s.x87;
    if (x.status & ~x.control & 0x3F)
        x.status |= kES | kBusy;
    else
        x.status &= static_cast<u16>(~(kES | kBusy));
    const bool ferr = (x.status & kES) && !(cpu.s.cr0 & kCR0_NE);
    if (ferr != x.ferr) {
        x.ferr = ferr;
        if (cpu.hooks.ferr) cpu.hooks.ferr(ferr);
    }
}

void set_status(Cpu& cpu, u16 value) {
    cpu.s.x87.status = value;
    update_summary(cpu);
}

void set_control(Cpu& cpu, u16 value) {
    cpu.s.x87.control = (value & kControlWritable) | kControlOnes;
    update_summary(cpu);
}

bool pending(Cpu& cpu, Fault& fault) {
    fault = Fault::none();
    if (cpu.s.cr0 & kCR0_NE) {
        fault = Fault::mf();
        return false;
    }
    // The PC's way (SDM Vol. 1, 8.7.2 "MS-DOS Compatibility Sub-mode"): FERR# makes the board raise IRQ 13 and the
    // processor stands still before this instruction until an interrupt comes, unless IGNNE# lets it go on.
    update_summary(cpu);
    if (cpu.s.x87.ignne || !cpu.hooks.ferr) return true;
    cpu.s.next_rip = cpu.s.rip;
    cpu.run_state.leave = true; // a block would go on with the instruction behind this one
    return false;
}

bool stack_fault(Cpu& cpu, bool overflow) {
    X87State& x = cpu.s.x87;
    x.status = static_cast<u16>((x.status & ~kC1) | kIE | kStackFault | (overflow ? kC1 : 0));
    if (x.control & kIE) return true;
    update_summary(cpu);
    return false;
}

} // namespace r86::fpu

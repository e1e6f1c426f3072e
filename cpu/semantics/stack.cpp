/// The stack: SDM Vol. 1, 6.2 "Stacks", 6.6 "Procedure Calls for Block-Structured Languages", 7.3.1.5 "Stack
/// Manipulation". Element width is the operand size; SP or ESP is used by SS.B, and ENTER and LEAVE use BP or EBP
/// alike.
#include "cpu/semantics/operands.h"

namespace r86::exec {

/// PUSH SP stores the old value (the 286 and later; the 8086 stores the new one).
Fault push(Cpu& cpu, const Insn& insn) {
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.load<T>(insn, 0, value)) return fault;
        return cpu.push<T>(value);
    });
}

/// An address with ESP as its base counts from after the increment; POP ESP leaves the popped value.
Fault pop(Cpu& cpu, const Insn& insn) {
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        using T = decltype(zero);
        const u64 old_rsp = cpu.s.gpr[RSP];
        T value;
        if (Fault fault = cpu.pop<T>(value)) return fault;
        Fault fault = cpu.store<T>(insn, 0, value);
        if (fault) cpu.s.gpr[RSP] = old_rsp;
        return fault;
    });
}

template <class T>
static Fault push_all(Cpu& cpu) {
    const u32 mask = cpu.stack_mask();
    const u32 sp = cpu.stack_pointer();
    const auto slot = [&](unsigned n) { return (sp - n * static_cast<u32>(sizeof(T))) & mask; };
    // All checks first, alignment too, in the order of the pushes: what is reported is the first one that faults.
    T untouched;
    for (unsigned n = 1; n <= 8; ++n)
        if (Fault fault = cpu.read_for_write<T>(SS, slot(n), untouched)) return fault;
    for (unsigned n = 1; n <= 8; ++n)
        if (Fault fault = cpu.write<T>(SS, slot(n), cpu.gpr<T>(n - 1))) return fault;
    cpu.set_stack_pointer(slot(8));
    return Fault::none();
}
Fault pusha(Cpu& cpu, const Insn& insn) { return insn.operand_size == 2 ? push_all<u16>(cpu) : push_all<u32>(cpu); }

/// The slot of ESP is passed over, but read. Each register is loaded as it is popped: a fault half way leaves those
/// before it loaded and ESP alone, so that the instruction can be restarted (measured on Intel processors; the SDM is
/// silent).
template <class T>
static Fault pop_all(Cpu& cpu) {
    const u32 mask = cpu.stack_mask();
    const u32 sp = cpu.stack_pointer();
    for (unsigned n = 0; n < 8; ++n) {
        T value;
        if (Fault fault = cpu.read<T>(SS, (sp + n * static_cast<u32>(sizeof(T))) & mask, value)) return fault;
        if (const unsigned reg = 7 - n; reg != RSP) cpu.set_gpr<T>(reg, value);
    }
    cpu.set_stack_pointer(sp + 8 * static_cast<u32>(sizeof(T)));
    return Fault::none();
}
Fault popa(Cpu& cpu, const Insn& insn) { return insn.operand_size == 2 ? pop_all<u16>(cpu) : pop_all<u32>(cpu); }

/// ENTER size, level. Everything is probed before the first write: the pushes in their order, each copied frame pointer
/// where it is read, then the word at the new top, which hardware checks for writing without writing to it.
template <class T>
static Fault enter_frame(Cpu& cpu, const Insn& insn) {
    const u32 mask = cpu.stack_mask();
    const u32 size = static_cast<u32>(insn.imm) & 0xFFFF;
    const u32 level = static_cast<u32>(insn.imm2) & 31;
    const u32 sp = cpu.stack_pointer();
    const u32 bp = cpu.gpr<u32>(RBP);
    constexpr u32 step = sizeof(T);
    // FrameTemp is the whole of ESP after the first push, on a 16-bit stack as well.
    const u32 frame = ((sp - step) & mask) | (static_cast<u32>(cpu.s.gpr[RSP]) & ~mask);
    const u32 pushes = level == 0 ? 1 : level + 1;
    const u32 top = (sp - pushes * step - size) & mask;

    // All checks first, in the order of the accesses; the new top is touched like an operand.
    T untouched;
    for (u32 n = 1; n <= pushes; ++n) {
        if (n >= 2 && n < pushes) {
            if (Fault fault = cpu.read<T>(SS, (bp - (n - 1) * step) & mask, untouched)) return fault;
        }
        if (Fault fault = cpu.read_for_write<T>(SS, (sp - n * step) & mask, untouched)) return fault;
    }
    if (Fault fault = cpu.read_for_write<T>(SS, top, untouched)) return fault;

    for (u32 n = 1; n <= pushes; ++n) {
        T value = static_cast<T>(bp);
        if (n > 1 && n == pushes) {
            value = static_cast<T>(frame);
        } else if (n > 1) {
            // Read only now: the pushes may run over the old display.
            if (Fault fault = cpu.read<T>(SS, (bp - (n - 1) * step) & mask, value)) return fault;
        }
        if (Fault fault = cpu.write<T>(SS, (sp - n * step) & mask, value)) return fault;
    }
    cpu.set_gpr<T>(RBP, static_cast<T>(frame));
    cpu.set_stack_pointer(top);
    return Fault::none();
}
Fault enter(Cpu& cpu, const Insn& insn) {
    return insn.operand_size == 2 ? enter_frame<u16>(cpu, insn) : enter_frame<u32>(cpu, insn);
}

Fault leave(Cpu& cpu, const Insn& insn) {
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        using T = decltype(zero);
        const u32 frame = cpu.gpr<u32>(RBP) & cpu.stack_mask();
        T value;
        if (Fault fault = cpu.read<T>(SS, frame, value)) return fault;
        cpu.set_stack_pointer(frame + static_cast<u32>(sizeof(T)));
        cpu.set_gpr<T>(RBP, value);
        return Fault::none();
    });
}

} // namespace r86::exec

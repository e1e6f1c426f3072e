/// Near transfers of control: SDM Vol. 1, 6.4.1 "Near CALL and RET Operation", 7.3.8 "Control Transfer Instructions".
/// The target is checked against the code segment before anything changes.
#include "cpu/semantics/operands.h"

namespace r86::exec {

/// Target of a relative or indirect near branch in operand 0.
static Fault target_of(Cpu& cpu, const Insn& insn, u64& target) {
    if (insn.op[0].kind == OperandKind::Rel) {
        target = cpu.s.next_rip + insn.imm;
        if (insn.operand_size < 8) target &= insn.operand_size == 2 ? 0xFFFF : 0xFFFFFFFF;
        return Fault::none();
    }
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        decltype(zero) value;
        if (Fault fault = cpu.load(insn, 0, value)) return fault;
        target = value;
        return Fault::none();
    });
}

static Fault take(Cpu& cpu, const Insn& insn) {
    u64 target;
    if (Fault fault = target_of(cpu, insn, target)) return fault;
    return cpu.branch_near(target, insn.operand_size);
}

Fault jmp(Cpu& cpu, const Insn& insn) { return take(cpu, insn); }

Fault jcc(Cpu& cpu, const Insn& insn) {
    return condition(cpu.s.flags, insn.opcode & 15u) ? take(cpu, insn) : Fault::none();
}

static u64 counter(const Cpu& cpu, const Insn& insn) {
    const u64 rcx = cpu.s.gpr[RCX];
    return insn.address_size == 2 ? rcx & 0xFFFF : insn.address_size == 4 ? rcx & 0xFFFFFFFF : rcx;
}

Fault jcxz(Cpu& cpu, const Insn& insn) { return counter(cpu, insn) == 0 ? take(cpu, insn) : Fault::none(); }

/// The counter is CX or ECX by address size; it does not count when the branch faults.
static Fault loop_if(Cpu& cpu, const Insn& insn, bool wanted) {
    const u64 left = counter(cpu, insn) - 1;
    const u64 mask = insn.address_size == 2 ? 0xFFFF : insn.address_size == 4 ? 0xFFFFFFFF : ~u64{0};
    if (wanted && (left & mask) != 0) {
        if (Fault fault = take(cpu, insn)) return fault;
    }
    if (insn.address_size == 2)
        cpu.set_gpr<u16>(RCX, static_cast<u16>(left));
    else
        cpu.set_gpr<u64>(RCX, left & mask);
    return Fault::none();
}
Fault loop(Cpu& cpu, const Insn& insn) { return loop_if(cpu, insn, true); }
Fault loope(Cpu& cpu, const Insn& insn) { return loop_if(cpu, insn, cpu.s.flags.zf()); }
Fault loopne(Cpu& cpu, const Insn& insn) { return loop_if(cpu, insn, !cpu.s.flags.zf()); }

/// Intel's processors check the stack before the target, so #SS or a page fault of the push comes before #GP.
Fault call(Cpu& cpu, const Insn& insn) {
    u64 target = 0;
    if (Fault fault = target_of(cpu, insn, target)) return fault;
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        using T = decltype(zero);
        const T back = static_cast<T>(cpu.s.next_rip);
        T untouched;
        const u32 slot = (cpu.stack_pointer() - static_cast<u32>(sizeof(T))) & cpu.stack_mask();
        if (Fault fault = cpu.read_for_write<T>(SS, slot, untouched)) return fault;
        if (Fault fault = cpu.branch_near(target, insn.operand_size)) return fault;
        return cpu.push(back);
    });
}

Fault ret(Cpu& cpu, const Insn& insn) {
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        using T = decltype(zero);
        const u32 sp = cpu.stack_pointer();
        T target;
        if (Fault fault = cpu.read<T>(SS, sp, target)) return fault;
        if (Fault fault = cpu.branch_near(target, insn.operand_size)) return fault;
        const u32 parameters = insn.operand_count != 0 ? static_cast<u32>(insn.imm) & 0xFFFF : 0;
        cpu.set_stack_pointer(sp + static_cast<u32>(sizeof(T)) + parameters);
        return Fault::none();
    });
}

} // namespace r86::exec

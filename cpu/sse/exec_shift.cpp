/// Shifts of packed integers. SDM Vol. 2, by name.
#include "cpu/sse/lanes.h"
#include "cpu/sse/operands.h"

namespace r86::exec {

using namespace sse;

namespace {

/// The count is an immediate byte or the low quadword of operand 1.
template <class F>
Fault shift(Cpu& cpu, const Insn& insn, F f) {
    if (insn.op[1].kind != OperandKind::Imm)
        return binary(cpu, insn, [f](auto a, auto b) { return f(a, lane<u64>(b, 0)); });
    const unsigned to = insn.op[0].reg;
    Fault fault;
    if (insn.op[0].kind == OperandKind::Mmx) {
        if (!begin_mmx(cpu, fault)) return fault;
        enter_mmx(cpu.s);
        set_mm(cpu.s, to, f(mm(cpu.s, to), insn.imm));
        return fault;
    }
    if (fault = check_sse(cpu); fault) return fault;
    set_xmm(cpu.s, to, f(xmm(cpu.s, to), insn.imm));
    return fault;
}

template <class F>
Fault shift_bytes(Cpu& cpu, const Insn& insn, F f) {
    if (Fault fault = check_sse(cpu)) return fault;
    set_xmm(cpu.s, insn.op[0].reg, f(xmm(cpu.s, insn.op[0].reg), insn.imm));
    return Fault::none();
}

} // namespace

#define R86_SHIFT(name, ...)                                                                                           \
    Fault name(Cpu& cpu, const Insn& insn) { return shift(cpu, insn, op::__VA_ARGS__); }
#include "cpu/sse/shift_list.inc"
#undef R86_SHIFT

Fault pslldq(Cpu& cpu, const Insn& insn) { return shift_bytes(cpu, insn, op::pslldq); }
Fault psrldq(Cpu& cpu, const Insn& insn) { return shift_bytes(cpu, insn, op::psrldq); }

} // namespace r86::exec

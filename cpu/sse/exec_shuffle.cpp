/// Shuffles by an immediate. SDM Vol. 2, by name.
#include "cpu/sse/lanes.h"
#include "cpu/sse/operands.h"

namespace r86::exec {

using namespace sse;

namespace {
unsigned order(const Insn& insn) { return static_cast<unsigned>(insn.imm); }
} // namespace

Fault pshufw(Cpu& cpu, const Insn& insn) {
    Fault fault;
    Mm b;
    if (!begin_mmx(cpu, fault)) return fault;
    if (fault = load_mm(cpu, insn, 1, b); fault) return fault;
    enter_mmx(cpu.s);
    set_mm(cpu.s, insn.op[0].reg, op::pshuf<u16>(b, order(insn)));
    return fault;
}
Fault pshufd(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [&](Xmm, Xmm b) { return op::pshuf<u32>(b, order(insn)); });
}
Fault pshuflw(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [&](Xmm, Xmm b) { return op::pshufw_half<0>(b, order(insn)); });
}
Fault pshufhw(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [&](Xmm, Xmm b) { return op::pshufw_half<4>(b, order(insn)); });
}
Fault shufps(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [&](Xmm a, Xmm b) { return op::shufps(a, b, order(insn)); });
}
Fault shufpd(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [&](Xmm a, Xmm b) { return op::shufpd(a, b, order(insn)); });
}

} // namespace r86::exec

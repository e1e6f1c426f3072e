/// Packs, unpacks and shuffles. SDM Vol. 2, by name.
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

Fault packsswb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::packs<i16, i8>); }
Fault packssdw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::packs<i32, i16>); }
Fault packuswb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::packs<i16, u8>); }
Fault punpcklbw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::punpckl<u8>); }
Fault punpcklwd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::punpckl<u16>); }
Fault punpckldq(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::punpckl<u32>); }
Fault punpcklqdq(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::punpckl<u64>); }
Fault punpckhbw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::punpckh<u8>); }
Fault punpckhwd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::punpckh<u16>); }
Fault punpckhdq(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::punpckh<u32>); }
Fault punpckhqdq(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::punpckh<u64>); }
Fault unpcklps(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::punpckl<u32>); }
Fault unpcklpd(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::punpckl<u64>); }
Fault unpckhps(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::punpckh<u32>); }
Fault unpckhpd(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::punpckh<u64>); }

} // namespace r86::exec

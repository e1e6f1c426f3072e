/// Packed-integer arithmetic and logic of MMX, SSE, SSE2 and SSSE3; the bitwise operations on floating-point registers
/// are the same ones. What each computes stands in cpu/sse/lanes.h. SDM Vol. 2, by name.
#include "cpu/sse/lanes.h"
#include "cpu/sse/operands.h"

namespace r86::exec {

using namespace sse;

#define R86_PACKED(name, ...)                                                                                          \
    Fault name(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::__VA_ARGS__); }
#define R86_PACKED_WHOLE(name, ...)                                                                                    \
    Fault name(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::__VA_ARGS__); }
#define R86_PACKED_XMM(name, ...)                                                                                      \
    Fault name(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::__VA_ARGS__); }
#include "cpu/sse/packed_list.inc"
#undef R86_PACKED
#undef R86_PACKED_WHOLE
#undef R86_PACKED_XMM

Fault pshufb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pshufb); }
Fault phaddw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::phadd<u16>); }
Fault phaddd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::phadd<u32>); }
Fault phaddsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::phaddsw); }
Fault phsubw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::phsub<u16>); }
Fault phsubd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::phsub<u32>); }
Fault phsubsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::phsubsw); }
Fault pmaddubsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmaddubsw); }
Fault pmulhrsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmulhrsw); }
Fault psignb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psign<i8>); }
Fault psignw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psign<i16>); }
Fault psignd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psign<i32>); }
Fault pabsb(Cpu& cpu, const Insn& insn) { return unary(cpu, insn, op::pabs<i8>); }
Fault pabsw(Cpu& cpu, const Insn& insn) { return unary(cpu, insn, op::pabs<i16>); }
Fault pabsd(Cpu& cpu, const Insn& insn) { return unary(cpu, insn, op::pabs<i32>); }
Fault palignr(Cpu& cpu, const Insn& insn) {
    return binary(cpu, insn, [&](auto a, auto b) { return op::palignr(a, b, static_cast<unsigned>(insn.imm)); });
}

} // namespace r86::exec

/// Packed-integer arithmetic and logic of MMX, SSE, SSE2 and SSSE3; the bitwise operations on floating-point registers
/// are the same ones. What each computes stands in cpu/sse/lanes.h. SDM Vol. 2, by name.
#include "cpu/sse/lanes.h"
#include "cpu/sse/operands.h"

namespace r86::exec {

using namespace sse;

Fault paddb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padd<u8>); }
Fault paddw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padd<u16>); }
Fault paddd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padd<u32>); }
Fault paddq(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padd<u64>); }
Fault psubb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psub<u8>); }
Fault psubw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psub<u16>); }
Fault psubd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psub<u32>); }
Fault psubq(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psub<u64>); }
Fault paddsb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padds<i8>); }
Fault paddsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padds<i16>); }
Fault paddusb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padds<u8>); }
Fault paddusw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::padds<u16>); }
Fault psubsb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psubs<i8>); }
Fault psubsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psubs<i16>); }
Fault psubusb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psubs<u8>); }
Fault psubusw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psubs<u16>); }
Fault pmullw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmullw); }
Fault pmulhw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmulhw); }
Fault pmulhuw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmulhuw); }
Fault pmuludq(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmuludq); }
Fault pmaddwd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmaddwd); }
Fault psadbw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::psadbw); }
Fault pavgb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pavg<u8>); }
Fault pavgw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pavg<u16>); }
Fault pminub(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmin<u8>); }
Fault pmaxub(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmax<u8>); }
Fault pminsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmin<i16>); }
Fault pmaxsw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pmax<i16>); }
Fault pcmpeqb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pcmpeq<i8>); }
Fault pcmpeqw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pcmpeq<i16>); }
Fault pcmpeqd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pcmpeq<i32>); }
Fault pcmpgtb(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pcmpgt<i8>); }
Fault pcmpgtw(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pcmpgt<i16>); }
Fault pcmpgtd(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pcmpgt<i32>); }
Fault pand(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pand); }
Fault pandn(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pandn); }
Fault por(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::por); }
Fault pxor(Cpu& cpu, const Insn& insn) { return binary(cpu, insn, op::pxor); }
Fault andps(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::pand); }
Fault andpd(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::pand); }
Fault andnps(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::pandn); }
Fault andnpd(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::pandn); }
Fault orps(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::por); }
Fault orpd(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::por); }
Fault xorps(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::pxor); }
Fault xorpd(Cpu& cpu, const Insn& insn) { return binary_xmm(cpu, insn, op::pxor); }
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

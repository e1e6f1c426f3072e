/// Conversions of SSE and SSE2 between integers, singles and doubles. SDM Vol. 2, by name.
#include "cpu/sse/float_operands.h"

namespace r86::exec {

using namespace sse;

namespace {

template <class B>
u32 to_dword(Context& c, B value, bool truncate) {
    return static_cast<u32>(softfloat::to_i32(c, value, truncate));
}

/// Two dwords to the low two elements. From memory the x87 is left alone: the manual says so of CVTPI2PD only, Intel's
/// processors do it for CVTPI2PS as well.
template <class B>
Fault from_mmx(Cpu& cpu, const Insn& insn) {
    const bool transition = insn.op[1].kind == OperandKind::Mmx;
    Fault fault;
    if (transition) {
        if (!begin_mmx_and_sse(cpu, fault)) return fault;
    } else if (fault = check_sse(cpu); fault) {
        return fault;
    }
    Mm source;
    if (fault = load_mm(cpu, insn, 1, source); fault) return fault;
    Context c{cpu.s.mxcsr};
    Xmm result = xmm(cpu.s, insn.op[0].reg);
    for (unsigned i = 0; i < 2; ++i) result = with_lane(result, i, softfloat::from_i32<B>(c, lane<i32>(source, i)));
    if (transition) enter_mmx(cpu.s); // even before #XM, as Intel's processors do
    if (fault = take_flags(cpu, c); fault) return fault;
    set_xmm(cpu.s, insn.op[0].reg, result);
    return fault;
}

/// The low two elements to MMX dwords.
template <class B>
Fault to_mmx(Cpu& cpu, const Insn& insn, bool truncate) {
    Fault fault;
    if (!begin_mmx_and_sse(cpu, fault)) return fault;
    Xmm source;
    if (fault = load_xmm(cpu, insn, 1, source); fault) return fault;
    Context c{cpu.s.mxcsr};
    Lanes<u32, 8> result{};
    for (unsigned i = 0; i < 2; ++i) result[i] = to_dword(c, lane<B>(source, i), truncate);
    enter_mmx(cpu.s); // even before #XM, as Intel's processors do
    if (fault = take_flags(cpu, c); fault) return fault;
    set_mm(cpu.s, insn.op[0].reg, pack(result));
    return fault;
}

template <class B>
Fault from_general(Cpu& cpu, const Insn& insn) {
    if (Fault fault = check_sse(cpu)) return fault;
    Context c{cpu.s.mxcsr};
    B result = 0;
    if (insn.op[1].width == 8) {
        u64 value = 0;
        if (Fault fault = cpu.load<u64>(insn, 1, value)) return fault;
        result = softfloat::from_i64<B>(c, static_cast<i64>(value));
    } else {
        u32 value = 0;
        if (Fault fault = cpu.load<u32>(insn, 1, value)) return fault;
        result = softfloat::from_i32<B>(c, static_cast<i32>(value));
    }
    if (Fault fault = take_flags(cpu, c)) return fault;
    set_xmm(cpu.s, insn.op[0].reg, with_lane(xmm(cpu.s, insn.op[0].reg), 0, result));
    return Fault::none();
}

template <class B>
Fault to_general(Cpu& cpu, const Insn& insn, bool truncate) {
    if (Fault fault = check_sse(cpu)) return fault;
    Xmm source;
    if (Fault fault = load_xmm(cpu, insn, 1, source)) return fault;
    Context c{cpu.s.mxcsr};
    const B value = lane<B>(source, 0);
    const bool wide = insn.op[0].width == 8;
    const u64 result = wide ? static_cast<u64>(softfloat::to_i64(c, value, truncate)) : to_dword(c, value, truncate);
    if (Fault fault = take_flags(cpu, c)) return fault;
    cpu.set_gpr<u64>(insn.op[0].reg, result);
    return Fault::none();
}

/// Elements 0 to Count - 1 from From to To by f; the rest of the destination becomes zero.
template <class From, class To, unsigned Count, class F>
Fault packed(Cpu& cpu, const Insn& insn, F f) {
    return float_operation(cpu, insn, [f](Context& c, Xmm, Xmm b) {
        Lanes<To, 16> result{};
        for (unsigned i = 0; i < Count; ++i) result[i] = f(c, lane<From>(b, i));
        return pack(result);
    });
}
/// Element 0 alone; the rest of the destination stays.
template <class From, class To>
Fault scalar(Cpu& cpu, const Insn& insn, To (*f)(Context&, From)) {
    return float_operation(cpu, insn,
                           [f](Context& c, Xmm a, Xmm b) { return with_lane(a, 0, f(c, lane<From>(b, 0))); });
}

template <class B>
u32 nearest(Context& c, B value) {
    return to_dword(c, value, false);
}
template <class B>
u32 truncated(Context& c, B value) {
    return to_dword(c, value, true);
}

} // namespace

Fault cvtpi2ps(Cpu& cpu, const Insn& insn) { return from_mmx<u32>(cpu, insn); }
Fault cvtpi2pd(Cpu& cpu, const Insn& insn) { return from_mmx<u64>(cpu, insn); }
Fault cvtps2pi(Cpu& cpu, const Insn& insn) { return to_mmx<u32>(cpu, insn, false); }
Fault cvtpd2pi(Cpu& cpu, const Insn& insn) { return to_mmx<u64>(cpu, insn, false); }
Fault cvttps2pi(Cpu& cpu, const Insn& insn) { return to_mmx<u32>(cpu, insn, true); }
Fault cvttpd2pi(Cpu& cpu, const Insn& insn) { return to_mmx<u64>(cpu, insn, true); }

Fault cvtsi2ss(Cpu& cpu, const Insn& insn) { return from_general<u32>(cpu, insn); }
Fault cvtsi2sd(Cpu& cpu, const Insn& insn) { return from_general<u64>(cpu, insn); }
Fault cvtss2si(Cpu& cpu, const Insn& insn) { return to_general<u32>(cpu, insn, false); }
Fault cvtsd2si(Cpu& cpu, const Insn& insn) { return to_general<u64>(cpu, insn, false); }
Fault cvttss2si(Cpu& cpu, const Insn& insn) { return to_general<u32>(cpu, insn, true); }
Fault cvttsd2si(Cpu& cpu, const Insn& insn) { return to_general<u64>(cpu, insn, true); }

Fault cvtps2pd(Cpu& cpu, const Insn& insn) { return packed<u32, u64, 2>(cpu, insn, softfloat::widen); }
Fault cvtpd2ps(Cpu& cpu, const Insn& insn) { return packed<u64, u32, 2>(cpu, insn, softfloat::narrow); }
Fault cvtss2sd(Cpu& cpu, const Insn& insn) { return scalar<u32, u64>(cpu, insn, softfloat::widen); }
Fault cvtsd2ss(Cpu& cpu, const Insn& insn) { return scalar<u64, u32>(cpu, insn, softfloat::narrow); }
Fault cvtdq2ps(Cpu& cpu, const Insn& insn) { return packed<i32, u32, 4>(cpu, insn, softfloat::from_i32<u32>); }
Fault cvtdq2pd(Cpu& cpu, const Insn& insn) { return packed<i32, u64, 2>(cpu, insn, softfloat::from_i32<u64>); }
Fault cvtps2dq(Cpu& cpu, const Insn& insn) { return packed<u32, u32, 4>(cpu, insn, nearest<u32>); }
Fault cvttps2dq(Cpu& cpu, const Insn& insn) { return packed<u32, u32, 4>(cpu, insn, truncated<u32>); }
Fault cvtpd2dq(Cpu& cpu, const Insn& insn) { return packed<u64, u32, 2>(cpu, insn, nearest<u64>); }
Fault cvttpd2dq(Cpu& cpu, const Insn& insn) { return packed<u64, u32, 2>(cpu, insn, truncated<u64>); }

} // namespace r86::exec

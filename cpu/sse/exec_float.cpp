/// Floating-point arithmetic and compares of SSE, SSE2 and SSE3. SDM Vol. 2, by name.
#include "cpu/sse/approximate.h"
#include "cpu/sse/float_operands.h"
#include "cpu/sse/lanes.h"

namespace r86::exec {

using namespace sse;

namespace {

template <class B>
B root_of_second(Context& c, B, B b) {
    return softfloat::square_root(c, b);
}

/// Odd elements are added, even ones subtracted.
template <class B>
Fault add_subtract(Cpu& cpu, const Insn& insn) {
    return float_operation(cpu, insn, [](Context& c, Xmm a, Xmm b) {
        auto x = lanes<B>(a);
        const auto y = lanes<B>(b);
        for (unsigned i = 0; i < x.size(); ++i)
            x[i] = i & 1 ? softfloat::add(c, x[i], y[i]) : softfloat::subtract(c, x[i], y[i]);
        return pack(x);
    });
}

/// f on the pairs of op0, then on those of op1.
template <class B, class F>
Fault horizontal(Cpu& cpu, const Insn& insn, F f) {
    return float_operation(cpu, insn, [f](Context& c, Xmm a, Xmm b) {
        return op::horizontal<B>(a, b, [&](B x, B y) { return f(c, x, y); });
    });
}

template <class B, unsigned Count>
Fault compare(Cpu& cpu, const Insn& insn) {
    const u8 predicate = insn.imm & 7;
    return each_element<B, Count>(
        cpu, insn, [predicate](Context& c, B a, B b) { return softfloat::compare_predicate(c, a, b, predicate); });
}

/// COMISS, UCOMISS: ZF, PF, CF; the other status flags become zero.
template <class B>
Fault compare_to_flags(Cpu& cpu, const Insn& insn, bool quiet) {
    if (Fault fault = check_sse(cpu)) return fault;
    Xmm b;
    if (Fault fault = load_xmm(cpu, insn, 1, b)) return fault;
    Context c{cpu.s.mxcsr};
    const auto relation = softfloat::compare(c, lane<B>(xmm(cpu.s, insn.op[0].reg), 0), lane<B>(b, 0), quiet);
    if (Fault fault = take_flags(cpu, c)) return fault;
    cpu.s.flags.set(comis_flags(relation));
    return Fault::none();
}

/// No exceptions, so no context.
template <unsigned Count>
Fault approximate(Cpu& cpu, const Insn& insn, u32 (*f)(u32)) {
    return binary_xmm(cpu, insn, [f](Xmm a, Xmm b) {
        auto x = lanes<u32>(a);
        for (unsigned i = 0; i < Count; ++i) x[i] = f(lane<u32>(b, i));
        return pack(x);
    });
}

} // namespace

Fault addps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, softfloat::add<u32>); }
Fault addpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, softfloat::add<u64>); }
Fault addss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, softfloat::add<u32>); }
Fault addsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, softfloat::add<u64>); }

Fault subps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, softfloat::subtract<u32>); }
Fault subpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, softfloat::subtract<u64>); }
Fault subss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, softfloat::subtract<u32>); }
Fault subsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, softfloat::subtract<u64>); }

Fault mulps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, softfloat::multiply<u32>); }
Fault mulpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, softfloat::multiply<u64>); }
Fault mulss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, softfloat::multiply<u32>); }
Fault mulsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, softfloat::multiply<u64>); }

Fault divps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, softfloat::divide<u32>); }
Fault divpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, softfloat::divide<u64>); }
Fault divss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, softfloat::divide<u32>); }
Fault divsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, softfloat::divide<u64>); }

Fault minps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, softfloat::minimum<u32>); }
Fault minpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, softfloat::minimum<u64>); }
Fault minss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, softfloat::minimum<u32>); }
Fault minsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, softfloat::minimum<u64>); }

Fault maxps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, softfloat::maximum<u32>); }
Fault maxpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, softfloat::maximum<u64>); }
Fault maxss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, softfloat::maximum<u32>); }
Fault maxsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, softfloat::maximum<u64>); }

Fault sqrtps(Cpu& cpu, const Insn& insn) { return each_element<u32, 4>(cpu, insn, root_of_second<u32>); }
Fault sqrtpd(Cpu& cpu, const Insn& insn) { return each_element<u64, 2>(cpu, insn, root_of_second<u64>); }
Fault sqrtss(Cpu& cpu, const Insn& insn) { return each_element<u32, 1>(cpu, insn, root_of_second<u32>); }
Fault sqrtsd(Cpu& cpu, const Insn& insn) { return each_element<u64, 1>(cpu, insn, root_of_second<u64>); }

Fault rcpps(Cpu& cpu, const Insn& insn) { return approximate<4>(cpu, insn, approximate_reciprocal); }
Fault rcpss(Cpu& cpu, const Insn& insn) { return approximate<1>(cpu, insn, approximate_reciprocal); }
Fault rsqrtps(Cpu& cpu, const Insn& insn) { return approximate<4>(cpu, insn, approximate_reciprocal_root); }
Fault rsqrtss(Cpu& cpu, const Insn& insn) { return approximate<1>(cpu, insn, approximate_reciprocal_root); }

Fault addsubps(Cpu& cpu, const Insn& insn) { return add_subtract<u32>(cpu, insn); }
Fault addsubpd(Cpu& cpu, const Insn& insn) { return add_subtract<u64>(cpu, insn); }
Fault haddps(Cpu& cpu, const Insn& insn) { return horizontal<u32>(cpu, insn, softfloat::add<u32>); }
Fault haddpd(Cpu& cpu, const Insn& insn) { return horizontal<u64>(cpu, insn, softfloat::add<u64>); }
Fault hsubps(Cpu& cpu, const Insn& insn) { return horizontal<u32>(cpu, insn, softfloat::subtract<u32>); }
Fault hsubpd(Cpu& cpu, const Insn& insn) { return horizontal<u64>(cpu, insn, softfloat::subtract<u64>); }

Fault cmpps(Cpu& cpu, const Insn& insn) { return compare<u32, 4>(cpu, insn); }
Fault cmppd(Cpu& cpu, const Insn& insn) { return compare<u64, 2>(cpu, insn); }
Fault cmpss(Cpu& cpu, const Insn& insn) { return compare<u32, 1>(cpu, insn); }
Fault cmpsd_xmm(Cpu& cpu, const Insn& insn) { return compare<u64, 1>(cpu, insn); }
Fault comiss(Cpu& cpu, const Insn& insn) { return compare_to_flags<u32>(cpu, insn, false); }
Fault comisd(Cpu& cpu, const Insn& insn) { return compare_to_flags<u64>(cpu, insn, false); }
Fault ucomiss(Cpu& cpu, const Insn& insn) { return compare_to_flags<u32>(cpu, insn, true); }
Fault ucomisd(Cpu& cpu, const Insn& insn) { return compare_to_flags<u64>(cpu, insn, true); }

} // namespace r86::exec

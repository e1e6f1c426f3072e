#pragma once
/// Floating-point instructions on XMM registers in software: elements through softfloat, flags into MXCSR, #XM.
/// SDM Vol. 1, 11.5 "SSE, SSE2, and SSE3 Exceptions".
#include "cpu/fpu/softfloat.h"
#include "cpu/sse/operands.h"

namespace r86::sse {

using softfloat::Context;

/// Takes over what the elements raised. An unmasked IE, DE or ZE in any element stops the instruction before anything
/// is rounded, so then OE, UE and PE of the other elements do not show (SDM Vol. 1, 11.5.3.2, 11.5.4).
inline Fault take_flags(Cpu& cpu, const Context& c) {
    constexpr u32 before = softfloat::kInvalid | softfloat::kDenormal | softfloat::kZeroDivide;
    cpu.s.mxcsr |= c.unmasked() & before ? c.flags & before : c.flags;
    if (!c.unmasked()) return Fault::none();
    return cpu.s.cr4 & kCR4_OSXMMEXCPT ? Fault::xm() : Fault::ud();
}

/// f on elements 0 to Count - 1; the others come from a.
template <class B, unsigned Count, class F>
Xmm each(Context& c, Xmm a, Xmm b, F f) {
    auto x = lanes<B>(a);
    const auto y = lanes<B>(b);
    for (unsigned i = 0; i < Count; ++i) x[i] = f(c, x[i], y[i]);
    return pack(x);
}

/// Operand 0 is destination and first source: op0 = f(context, op0, op1) unless an exception is due.
template <class F>
Fault float_operation(Cpu& cpu, const Insn& insn, F f) {
    if (Fault fault = check_sse(cpu)) return fault;
    Xmm b;
    if (Fault fault = load_xmm(cpu, insn, 1, b)) return fault;
    Context c{cpu.s.mxcsr};
    const Xmm result = f(c, xmm(cpu.s, insn.op[0].reg), b);
    if (Fault fault = take_flags(cpu, c)) return fault;
    set_xmm(cpu.s, insn.op[0].reg, result);
    return Fault::none();
}
template <class B, unsigned Count, class F>
Fault each_element(Cpu& cpu, const Insn& insn, F f) {
    return float_operation(cpu, insn, [f](Context& c, Xmm a, Xmm b) { return each<B, Count>(c, a, b, f); });
}

/// COMISS and its kin: less CF, equal ZF, unordered ZF, PF and CF.
inline u32 comis_flags(softfloat::Relation relation) {
    switch (relation) {
    case softfloat::Relation::Less: return kCF;
    case softfloat::Relation::Equal: return kZF;
    case softfloat::Relation::Greater: return 0;
    default: return kZF | kPF | kCF;
    }
}

} // namespace r86::sse

/// Addition, multiplication, division, square root and comparison with every special case: see arithmetic.h.
/// The order of checks is that of SDM Vol. 1, 4.9.2 "Floating-Point Exception Priority": unsupported formats and NaNs,
/// other invalid operations and division by zero, denormal operands, then the result.
#include "cpu/fpu/arithmetic.h"

namespace r86::fpu {

namespace {

bool unsupported(Class a, Class b) { return a == Class::Unsupported || b == Class::Unsupported; }

/// DE for either operand; true if it is unmasked.
bool denormal_stops(FpuContext& c, Class a, Class b) {
    if (a != Class::Denormal && b != Class::Denormal && !(c.control & FpuContext::kDenormalOperand)) return false;
    return c.raise(kDE);
}

} // namespace

namespace slow {

Float80 add(FpuContext& c, Float80 a, Float80 b, bool negate_b) {
    const Class ca = classify(a), cb = classify(b);
    if (unsupported(ca, cb)) return c.invalid();
    if (is_nan(ca) || is_nan(cb)) return propagate_nan(c, a, b);
    const bool sign_a = sign_of(a), sign_b = sign_of(b) != negate_b;
    if (ca == Class::Infinity && cb == Class::Infinity && sign_a != sign_b) return c.invalid();
    if (denormal_stops(c, ca, cb)) return kIndefinite;
    if (ca == Class::Infinity) return a;
    if (cb == Class::Infinity) return infinity80(sign_b);
    const bool zero_sign = sign_a == sign_b ? sign_a : c.rounding() == Rounding::Down;
    if (ca == Class::Zero && cb == Class::Zero) return zero80(zero_sign);
    const Finite x = ca == Class::Zero ? Finite{} : normalize(a), y = cb == Class::Zero ? Finite{} : normalize(b);
    if (ca == Class::Zero) return pack(c, {sign_b, y.exponent, y.significand, 0});
    if (cb == Class::Zero) return pack(c, {sign_a, x.exponent, x.significand, 0});
    const Unrounded sum = add_significands(sign_a, x.exponent, x.significand, sign_b, y.exponent, y.significand);
    return sum.zero() ? zero80(zero_sign) : pack(c, sum);
}

Float80 multiply(FpuContext& c, Float80 a, Float80 b) {
    const Class ca = classify(a), cb = classify(b);
    if (unsupported(ca, cb)) return c.invalid();
    if (is_nan(ca) || is_nan(cb)) return propagate_nan(c, a, b);
    const bool sign = sign_of(a) != sign_of(b);
    if ((ca == Class::Infinity && cb == Class::Zero) || (ca == Class::Zero && cb == Class::Infinity))
        return c.invalid();
    if (denormal_stops(c, ca, cb)) return kIndefinite;
    if (ca == Class::Infinity || cb == Class::Infinity) return infinity80(sign);
    if (ca == Class::Zero || cb == Class::Zero) return zero80(sign);
    const Finite x = normalize(a), y = normalize(b);
    return pack(c, multiply_significands(sign, x.exponent + y.exponent - kBias, x.significand, y.significand));
}

Float80 divide(FpuContext& c, Float80 a, Float80 b) {
    const Class ca = classify(a), cb = classify(b);
    if (unsupported(ca, cb)) return c.invalid();
    if (is_nan(ca) || is_nan(cb)) return propagate_nan(c, a, b);
    const bool sign = sign_of(a) != sign_of(b);
    if (ca == cb && (ca == Class::Infinity || ca == Class::Zero)) return c.invalid();
    if (cb == Class::Zero && ca != Class::Infinity) {
        c.raise(kZE);
        return infinity80(sign);
    }
    if (denormal_stops(c, ca, cb)) return kIndefinite;
    if (ca == Class::Infinity) return infinity80(sign);
    if (cb == Class::Infinity || ca == Class::Zero) return zero80(sign);
    const Finite x = normalize(a), y = normalize(b);
    return pack(c, divide_significands(sign, x.exponent - y.exponent + kBias, x.significand, y.significand));
}

} // namespace slow

Float80 square_root(FpuContext& c, Float80 a) {
    const Class ca = classify(a);
    if (ca == Class::Unsupported) return c.invalid();
    if (is_nan(ca)) return propagate_nan(c, a);
    if (ca == Class::Zero) return a;
    if (sign_of(a)) return c.invalid();
    if (ca == Class::Denormal && c.raise(kDE)) return kIndefinite;
    if (ca == Class::Infinity) return a;
    const Finite x = normalize(a);
    Unrounded root = square_root_significand(x.exponent - kBias, x.significand);
    root.exponent += kBias;
    return pack(c, root);
}

Relation compare(FpuContext& c, Float80 a, Float80 b, bool quiet) {
    const Class ca = classify(a), cb = classify(b);
    if (unsupported(ca, cb)) {
        c.raise(kIE);
        return Relation::Unordered;
    }
    if (is_nan(ca) || is_nan(cb)) {
        if (!quiet || ca == Class::Signaling || cb == Class::Signaling) c.raise(kIE);
        return Relation::Unordered;
    }
    denormal_stops(c, ca, cb);
    if (ca == Class::Zero && cb == Class::Zero) return Relation::Equal;
    const bool sign_a = sign_of(a);
    if (sign_a != sign_of(b)) return sign_a ? Relation::Less : Relation::Greater;
    // A pseudo-denormal has the value of the normal number with exponent 1.
    const auto magnitude = [](Float80 v) {
        const u16 exponent = exponent_of(v);
        return make128(exponent == 0 && v.significand >> 63 ? 1 : exponent, v.significand);
    };
    const u128 ma = magnitude(a), mb = magnitude(b);
    if (ma == mb) return Relation::Equal;
    return (ma < mb) != sign_a ? Relation::Less : Relation::Greater;
}

} // namespace r86::fpu

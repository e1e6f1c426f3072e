/// Rounding and NaN rules of the 80-bit format: see float80.h.
#include "cpu/fpu/float80.h"

namespace r86::fpu {

Float80 pack(FpuContext& c, const Unrounded& u, unsigned precision) {
    const Rounding rc = c.rounding();
    const Rounded r = round_significand(u.hi, u.lo, precision, rc, u.sign);
    i32 exponent = u.exponent + r.carry;
    if (exponent >= kTopExponent) {
        c.flags |= kOE;
        if (!c.masked(kOE)) {
            exponent -= kBiasAdjust;
            if (exponent >= kTopExponent) { // only FSCALE goes so far
                c.flags |= kPE;
                c.round_up = true;
                return infinity80(u.sign);
            }
            c.round_up = r.up;
            if (r.inexact) c.flags |= kPE;
            return make_float80(u.sign, exponent, r.significand);
        }
        c.flags |= kPE;
        const bool to_infinity =
            rc == Rounding::Nearest || (rc == Rounding::Up && !u.sign) || (rc == Rounding::Down && u.sign);
        c.round_up = to_infinity;
        if (to_infinity) return infinity80(u.sign);
        return make_float80(u.sign, kTopExponent - 1, ~u64{0} << (64 - precision));
    }
    if (u.exponent > 0) {
        c.round_up = r.up;
        if (r.inexact) c.flags |= kPE;
        return make_float80(u.sign, exponent, r.significand);
    }
    const bool tiny = exponent <= 0; // after rounding with an unbounded exponent
    if (tiny && !c.masked(kUE)) {
        c.flags |= kUE;
        exponent += kBiasAdjust;
        if (exponent <= 0) { // only FSCALE goes so far
            c.flags |= kPE;
            c.round_up = false;
            return zero80(u.sign);
        }
        c.round_up = r.up;
        if (r.inexact) c.flags |= kPE;
        return make_float80(u.sign, exponent, r.significand);
    }
    const u128 shifted = shift_right_sticky(make128(u.hi, u.lo), static_cast<unsigned>(1 - u.exponent));
    const Rounded d = round_significand(high64(shifted), low64(shifted), precision, rc, u.sign);
    c.round_up = d.up;
    if (d.inexact) c.flags |= static_cast<u16>(kPE | (tiny ? kUE : 0));
    return make_float80(u.sign, static_cast<i32>(d.significand >> 63), d.significand);
}

Float80 propagate_nan(FpuContext& c, Float80 a, Float80 b) {
    const Class ca = classify(a), cb = classify(b);
    if (ca == Class::Signaling || cb == Class::Signaling) c.flags |= kIE;
    const Float80 qa{a.significand | kQuietBit, a.sign_exponent}, qb{b.significand | kQuietBit, b.sign_exponent};
    if (!is_nan(ca)) return qb;
    if (!is_nan(cb)) return qa;
    // A signaling NaN yields to a quiet one; of two alike the larger significand wins, of equal ones the positive.
    if (ca == Class::Signaling && cb == Class::Quiet) return qb;
    if (ca == Class::Quiet && cb == Class::Signaling) return qa;
    if (qa.significand != qb.significand) return qa.significand > qb.significand ? qa : qb;
    return sign_of(a) ? qb : qa;
}

Float80 propagate_nan(FpuContext& c, Float80 a) {
    if (classify(a) == Class::Signaling) c.flags |= kIE;
    return {a.significand | kQuietBit, a.sign_exponent};
}

} // namespace r86::fpu

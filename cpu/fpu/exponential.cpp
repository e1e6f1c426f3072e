/// F2XM1: see transcendental.h. SDM Vol. 2, F2XM1, table 3-16.
#include "cpu/fpu/tables.h"
#include "cpu/fpu/transcendental.h"

namespace r86::fpu {

namespace {

constexpr u128 kLn2 = make128(0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF); // Q128

/// |e^t - 1| for t = (-1)^negative * |t|, |t| < 1/80.
Wide exp_minus_1(Wide t, bool negative) {
    if (t.m == 0) return t;
    const u128 q = fixed(t, 128);
    // |t| (1 +- t/2 + t^2/6 +- ...)
    u128 p = kExpCoefficients[9].value();
    for (usize k = 9; k-- > 0;) {
        const u128 step = multiply_high(q, p);
        p = negative ? kExpCoefficients[k].value() - step : kExpCoefficients[k].value() + step;
    }
    u128 w = multiply_high(q, p) >> 1; // Q127
    if (w == 0) w = 1;
    const u128 one = static_cast<u128>(1) << 127;
    return multiply(t, {negative ? one - w : one + w, 0});
}

} // namespace

Float80 exp2_minus_1(FpuContext& c, Float80 x) {
    const Class cx = classify(x);
    if (cx == Class::Unsupported) return c.invalid();
    if (is_nan(cx)) return propagate_nan(c, x);
    if (cx == Class::Zero) return x;
    const bool negative = sign_of(x);
    if (cx == Class::Infinity) return negative ? make_float80(true, kBias, kIntegerBit) : x;
    if (cx == Class::Denormal && c.raise(kDE)) return kIndefinite;
    const Finite f = normalize(x);
    const i32 exponent = f.exponent - kBias;
    if (exponent >= 0) { // -1 gives -1/2; beyond is undefined, and the hardware hands the operand back
        c.flags |= kPE;
        if (negative && exponent == 0 && f.significand == kIntegerBit)
            return make_float80(true, kBias - 1, kIntegerBit);
        return x;
    }
    // |x| = index/32 + r, |r| <= 1/64; both signs as magnitudes.
    const Wide magnitude{make128(f.significand, 0), exponent};
    i32 index = 0;
    bool below = false;
    Wide r = magnitude;
    if (exponent >= -7) {
        const u128 q = fixed(magnitude, 127);
        index = static_cast<i32>((static_cast<u64>(q >> 121) + 1) >> 1);
        const u128 point = static_cast<u128>(static_cast<u32>(index)) << 122;
        below = q < point;
        r = normalize_wide(below ? point - q : q - point, 0);
    }
    const bool r_negative = negative != below;
    Wide t;
    if (r.m != 0) t = multiply(r, {kLn2, -1});
    const Wide e = exp_minus_1(t, r_negative);
    if (index == 0) return finish(c, negative, e);
    // 2^x - 1 = (T - 1) + T e, T = 2^(index/32); Q126.
    const u128 power = kExp2Table[32 + (negative ? -index : index)].value();
    i128 part = 0;
    if (e.m != 0) part = static_cast<i128>(fixed(multiply(normalize_wide(power, 1), e), 126));
    const u128 one = static_cast<u128>(1) << 126;
    const i128 sum = static_cast<i128>(power - one) + (r_negative ? -part : part);
    return finish(c, sum < 0, normalize_wide(static_cast<u128>(sum < 0 ? -sum : sum), 1));
}

} // namespace r86::fpu

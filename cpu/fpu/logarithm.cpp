/// FYL2X and FYL2XP1: see transcendental.h. SDM Vol. 2, FYL2X, table 3-48, and FYL2XP1, table 3-49.
#include "cpu/fpu/tables.h"
#include "cpu/fpu/transcendental.h"

namespace r86::fpu {

namespace {

constexpr u128 kTwoOverLn2 = make128(0xB8AA3B295C17F0BB, 0xBE87FED0691D3E89); // Q126

/// log2((1 + s) / (1 - s)) = 2 atanh(s) / ln 2 for 0 < s < 1/300.
Wide log2_ratio(Wide s) {
    const i32 shift = -2 * (s.exponent + 1);
    const u128 z = shift >= 128 ? 0 : multiply_high(s.m, s.m) >> shift;
    u128 p = kOddReciprocals[4].value();
    for (usize k = 4; k-- > 0;) p = kOddReciprocals[k].value() + multiply_high(z, p);
    const u128 factor = kTwoOverLn2 + multiply_high(kTwoOverLn2, multiply_high(z, p));
    return multiply(s, {factor, 1});
}

struct Logarithm {
    bool negative = false;
    Wide magnitude; ///< m = 0: the logarithm is zero
};

/// log2 of m / 2^127 * 2^exponent, m normalized.
Logarithm log2_wide(u128 m, i32 exponent) {
    if (high64(m) >= 0xB504F333F9DE6484) { // sqrt 2: keep m in [0.707, 1.414]
        m >>= 1;
        ++exponent;
    }
    const unsigned j = static_cast<unsigned>(static_cast<u64>((m >> 119) + 1) >> 1); // nearest j/128
    const u128 point = static_cast<u128>(j) << 120;
    const bool below = m < point;
    const u128 difference = below ? point - m : m - point;
    Wide part;
    if (difference != 0)
        part = log2_ratio(divide(normalize_wide(difference, 0), normalize_wide((m >> 1) + (point >> 1), 1)));
    if (j == 128 && exponent == 0) return {below, part};
    const i128 small = part.m == 0 ? 0 : static_cast<i128>(fixed(part, 112));
    const i128 sum = (static_cast<i128>(exponent) * (static_cast<i128>(1) << 112)) + kLog2Table[j - 90].signed_value() +
                     (below ? -small : small);
    return {sum < 0, normalize_wide(static_cast<u128>(sum < 0 ? -sum : sum), 127 - 112)};
}

Float80 times(FpuContext& c, const Logarithm& log, Float80 y) {
    const Finite f = normalize(y);
    const bool sign = log.negative != sign_of(y);
    if (log.magnitude.m == 0) return zero80(sign);
    return finish(c, sign, multiply(log.magnitude, {make128(f.significand, 0), f.exponent - kBias}));
}

} // namespace

Float80 y_log2_x(FpuContext& c, Float80 y, Float80 x) {
    const Class cy = classify(y), cx = classify(x);
    if (cy == Class::Unsupported || cx == Class::Unsupported) return c.invalid();
    if (is_nan(cy) || is_nan(cx)) return propagate_nan(c, x, y);
    const bool sign_y = sign_of(y);
    if (cx == Class::Zero) {
        if (cy == Class::Zero) return c.invalid();
        if (cy != Class::Infinity) c.raise(kZE);
        return infinity80(!sign_y);
    }
    if (sign_of(x)) return c.invalid();
    const bool one = x == kOne;
    if ((cx == Class::Infinity && cy == Class::Zero) || (one && cy == Class::Infinity)) return c.invalid();
    if ((cy == Class::Denormal || cx == Class::Denormal) && c.raise(kDE)) return kIndefinite;
    const bool below_one = exponent_of(x) < kBias;
    if (cx == Class::Infinity) return infinity80(sign_y);
    if (cy == Class::Infinity) return infinity80(sign_y != below_one);
    if (cy == Class::Zero) return zero80(sign_y != below_one);
    if (one) return zero80(sign_y);
    const Finite f = normalize(x);
    return times(c, log2_wide(make128(f.significand, 0), f.exponent - kBias), y);
}

Float80 y_log2_x_plus_1(FpuContext& c, Float80 y, Float80 x) {
    const Class cy = classify(y), cx = classify(x);
    if (cy == Class::Unsupported || cx == Class::Unsupported) return c.invalid();
    if (is_nan(cy) || is_nan(cx)) return propagate_nan(c, x, y);
    const bool sign_x = sign_of(x), sign = sign_x != sign_of(y);
    if (cx == Class::Infinity && (sign_x || cy == Class::Zero)) return c.invalid();
    if (cx == Class::Zero && cy == Class::Infinity) return c.invalid();
    if ((cy == Class::Denormal || cx == Class::Denormal) && c.raise(kDE)) return kIndefinite;
    if (cx == Class::Infinity || cy == Class::Infinity) return infinity80(sign);
    if (cx == Class::Zero || cy == Class::Zero) return zero80(sign);
    const Finite f = normalize(x);
    const i32 exponent = f.exponent - kBias;
    if (sign_x && exponent >= 0) { // 1 + x <= 0: undefined; the hardware hands the operand back
        c.flags |= kPE;
        return x;
    }
    if (exponent < -8) {
        // s = x / (2 + x) keeps the relative precision of a small x.
        const u128 two = static_cast<u128>(1) << 126; // 2 in Q125
        const u128 xq = fixed({make128(f.significand, 0), exponent}, 125);
        const Wide s = divide({make128(f.significand, 0), exponent}, normalize_wide(sign_x ? two - xq : two + xq, 2));
        return times(c, {sign_x, log2_ratio(s)}, y);
    }
    // 1 + x is exact in 128 bits while x < 2^62; above, a sticky bit stands for the rest.
    if (exponent < 0) {
        const u128 one = static_cast<u128>(1) << 126;
        const u128 xq = fixed({make128(f.significand, 0), exponent}, 126);
        const Wide m = normalize_wide(sign_x ? one - xq : one + xq, 1);
        return times(c, log2_wide(m.m, m.exponent), y);
    }
    const Unrounded sum = add_significands(false, exponent, f.significand, false, 0, kIntegerBit);
    return times(c, log2_wide(make128(sum.hi, sum.lo), sum.exponent), y);
}

} // namespace r86::fpu

#pragma once
/// Constants of the transcendental functions as 128-bit fixed-point numbers ("Qn": n bits after the point), and the
/// little arithmetic that they need.
#include "cpu/fpu/float80.h"

namespace r86::fpu {

struct Word128 {
    u64 high, low;
    constexpr u128 value() const { return make128(high, low); }
    constexpr i128 signed_value() const { return static_cast<i128>(value()); }
};

extern const Word128 kSinCoefficients[11]; ///< 1/(2k+1)!, k = 1.., Q128
extern const Word128 kCosCoefficients[12]; ///< 1/(2k)!, k = 1.., Q128
extern const Word128 kExpCoefficients[10]; ///< 1/(k+1)!, k = 1.., Q128
extern const Word128 kOddReciprocals[7];   ///< 1/(2k+1), k = 1.., Q128
extern const Word128 kAtanTable[33];       ///< atan(i/32), Q125
extern const Word128 kLog2Table[93];       ///< log2(j/128), j = 90..182, signed Q112
extern const Word128 kExp2Table[65];       ///< 2^(i/32), i = -32..32, Q126

/// High half of the product; up to two units low.
constexpr u128 multiply_high(u128 a, u128 b) {
    const u128 high = multiply64(high64(a), high64(b));
    const u128 middle = multiply64(high64(a), low64(b)), other = multiply64(low64(a), high64(b));
    return high + high64(middle) + high64(other);
}

/// A positive number m / 2^127 * 2^exponent, top bit of m set (or all zero).
struct Wide {
    u128 m = 0;
    i32 exponent = 0;
};

constexpr Wide normalize_wide(u128 m, i32 exponent) {
    if (m == 0) return {};
    const unsigned shift = leading_zeros(m);
    return {m << shift, exponent - static_cast<i32>(shift)};
}

constexpr Wide multiply(Wide a, Wide b) { return normalize_wide(multiply_high(a.m, b.m), a.exponent + b.exponent + 1); }

/// As a fixed-point number with `point` bits after the point; the value must fit.
constexpr u128 fixed(Wide a, i32 point) {
    const i32 shift = 127 - a.exponent - point;
    return shift >= 128 ? 0 : shift >= 0 ? a.m >> shift : a.m << -shift;
}

/// Quotient good to about 2^-125 of itself.
Wide divide(Wide a, Wide b);

/// Rounds a transcendental's result: RC counts, PC does not, and PE is always raised, exact or not, as the hardware
/// does (SDM Vol. 1, 8.3.10 "Transcendental Instruction Accuracy").
Float80 finish(FpuContext& c, bool sign, Wide value);

} // namespace r86::fpu

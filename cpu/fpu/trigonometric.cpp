/// FSIN, FCOS, FSINCOS and FPTAN: see transcendental.h.
#include "cpu/fpu/tables.h"
#include "cpu/fpu/transcendental.h"

namespace r86::fpu {

namespace {

/// pi/2 with the 66 bits of the hardware: 0xC90FDAA22168C234C * 2^-67, here in units of 2^-65.
constexpr u128 kHalfPi = make128(0x3, 0x243F6A8885A308D3);
constexpr u64 kTwoOverPi = 0xA2F9836E4E441529; // Q64

/// An angle reduced to [-pi/4, pi/4] and the number of quarter turns taken off, modulo 4.
struct Reduced {
    Wide r;
    bool negative = false;
    unsigned quadrant = 0;
};

/// x = significand * 2^(exponent - 63) > 0, exponent <= 62. The remainder is exact.
Reduced reduce(i32 exponent, u64 significand) {
    if (exponent < -1 || (exponent == -1 && significand <= 0xC90FDAA22168C234))
        return {{make128(significand, 0), exponent}, false, 0};
    const unsigned shift = static_cast<unsigned>(127 - exponent); // 65 to 128
    const u128 product = multiply64(significand, kTwoOverPi);
    u64 quotient = shift == 128 ? 0 : static_cast<u64>(product >> shift);
    quotient += static_cast<u64>(product >> (shift - 1)) & 1; // to nearest
    const u128 value = static_cast<u128>(significand) << (exponent + 2);
    i128 r = static_cast<i128>(value - quotient * kHalfPi);
    if (r > static_cast<i128>(kHalfPi >> 1)) {
        r -= static_cast<i128>(kHalfPi);
        ++quotient;
    } else if (r < -static_cast<i128>(kHalfPi >> 1)) {
        r += static_cast<i128>(kHalfPi);
        --quotient;
    }
    const bool negative = r < 0;
    return {normalize_wide(static_cast<u128>(negative ? -r : r), 127 - 65), negative,
            static_cast<unsigned>(quotient & 3)};
}

/// c1 - z c2 + z^2 c3 - ..., times z. z < 1 in Q128.
template <usize N>
u128 alternating(u128 z, const Word128 (&coefficients)[N]) {
    u128 p = coefficients[N - 1].value();
    for (usize k = N - 1; k-- > 0;) p = coefficients[k].value() - multiply_high(z, p);
    return multiply_high(z, p);
}

u128 square(Wide r) {
    const u128 z = multiply_high(r.m, r.m);
    const i32 shift = -2 * (r.exponent + 1); // r < 1
    return shift >= 128 ? 0 : z >> shift;
}

Wide sine_kernel(Wide r, u128 z) {
    const u128 w = alternating(z, kSinCoefficients);
    return normalize_wide(multiply_high(r.m, 0 - (w == 0 ? 1 : w)), r.exponent);
}

Wide cosine_kernel(u128 z) {
    const u128 w = alternating(z, kCosCoefficients);
    return normalize_wide(0 - (w == 0 ? 1 : w), -1);
}

/// The special operands that all four share. True: `result` is final, or the operand is out of range.
enum class Special : u8 { No, Done, OutOfRange };
Special special(FpuContext& c, Float80 a, Float80 at_zero, Float80& result) {
    const Class ca = classify(a);
    switch (ca) {
    case Class::Zero: result = at_zero; return Special::Done;
    case Class::Infinity:
    case Class::Unsupported: result = c.invalid(); return Special::Done;
    case Class::Quiet:
    case Class::Signaling: result = propagate_nan(c, a); return Special::Done;
    case Class::Denormal:
        if (c.raise(kDE)) {
            result = kIndefinite;
            return Special::Done;
        }
        return Special::No;
    default: return exponent_of(a) >= kBias + 63 ? Special::OutOfRange : Special::No;
    }
}

/// Below this exponent the hardware takes sin x = tan x = x and cos x = 1, rounding nothing.
constexpr i32 kTinyExponent = -68;

Float80 unrounded(FpuContext& c, bool sign, Finite x) {
    c.round_up = false;
    return finish(c, sign, {make128(x.significand, 0), x.exponent - kBias});
}

Float80 sine_or_cosine(FpuContext& c, bool negate, bool want_cosine, const Reduced& reduced, u128 z) {
    const unsigned quadrant = reduced.quadrant + want_cosine;
    const bool odd = quadrant & 1;
    const bool sign = negate ^ ((quadrant & 2) != 0) ^ (!odd && reduced.negative);
    return finish(c, sign, odd ? cosine_kernel(z) : sine_kernel(reduced.r, z));
}

} // namespace

bool sine(FpuContext& c, Float80 a, Float80& result) {
    const Special kind = special(c, a, a, result);
    if (kind != Special::No) return kind == Special::Done;
    const Finite x = normalize(a);
    const bool sign = sign_of(a);
    if (x.exponent - kBias < kTinyExponent) {
        result = unrounded(c, sign, x);
        return true;
    }
    const Reduced reduced = reduce(x.exponent - kBias, x.significand);
    result = sine_or_cosine(c, sign, false, reduced, square(reduced.r));
    return true;
}

bool cosine(FpuContext& c, Float80 a, Float80& result) {
    const Special kind = special(c, a, kOne, result);
    if (kind != Special::No) return kind == Special::Done;
    const Finite x = normalize(a);
    if (x.exponent - kBias < kTinyExponent) {
        result = unrounded(c, false, {kBias, kIntegerBit});
        return true;
    }
    const Reduced reduced = reduce(x.exponent - kBias, x.significand);
    result = sine_or_cosine(c, false, true, reduced, square(reduced.r));
    return true;
}

bool sine_cosine(FpuContext& c, Float80 a, Float80& sin, Float80& cos) {
    const Special kind = special(c, a, a, sin);
    if (kind != Special::No) {
        cos = classify(a) == Class::Zero ? kOne : sin;
        return kind == Special::Done;
    }
    const Finite x = normalize(a);
    const bool sign = sign_of(a);
    if (x.exponent - kBias < kTinyExponent) {
        cos = unrounded(c, false, {kBias, kIntegerBit});
        sin = unrounded(c, sign, x);
        return true;
    }
    const Reduced reduced = reduce(x.exponent - kBias, x.significand);
    const u128 z = square(reduced.r);
    sin = sine_or_cosine(c, sign, false, reduced, z);
    cos = sine_or_cosine(c, false, true, reduced, z);
    return true;
}

bool tangent(FpuContext& c, Float80 a, Float80& result) {
    const Special kind = special(c, a, a, result);
    if (kind != Special::No) return kind == Special::Done;
    const Finite x = normalize(a);
    const bool sign = sign_of(a);
    if (x.exponent - kBias < kTinyExponent) {
        result = unrounded(c, sign, x);
        return true;
    }
    const Reduced reduced = reduce(x.exponent - kBias, x.significand);
    const u128 z = square(reduced.r);
    const Wide s = sine_kernel(reduced.r, z), k = cosine_kernel(z);
    const bool odd = reduced.quadrant & 1;
    result = finish(c, sign ^ reduced.negative ^ odd, odd ? divide(k, s) : divide(s, k));
    return true;
}

} // namespace r86::fpu

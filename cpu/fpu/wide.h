#pragma once
/// Significand arithmetic that every floating-point format here shares: 64-bit normalized significands in, a 128-bit
/// result (the low half may be only a sticky tail) out, and one rounding rule. Integers alone, so that the answer is
/// the same on every host.
#include "core/types.h"
#include <bit>

namespace r86::fpu {

using u128 = unsigned __int128;
using i128 = __int128;

constexpr u64 high64(u128 v) { return static_cast<u64>(v >> 64); }
constexpr u64 low64(u128 v) { return static_cast<u64>(v); }
constexpr u128 make128(u64 high, u64 low) { return (static_cast<u128>(high) << 64) | low; }
constexpr u128 multiply64(u64 a, u64 b) { return static_cast<u128>(a) * b; }

constexpr unsigned leading_zeros(u128 v) {
    return high64(v) ? static_cast<unsigned>(std::countl_zero(high64(v)))
                     : 64u + static_cast<unsigned>(std::countl_zero(low64(v)));
}

/// v >> count, with any bit lost kept as a one in the lowest place ("sticky").
constexpr u128 shift_right_sticky(u128 v, unsigned count) {
    if (count == 0) return v;
    if (count >= 128) return v != 0;
    return (v >> count) | ((v << (128 - count)) != 0);
}

/// The two rounding bits RC of the x87 control word and of MXCSR (SDM Vol. 1, table 4-8).
enum class Rounding : u8 { Nearest = 0, Down = 1, Up = 2, Zero = 3 };

/// A result before rounding: (-1)^sign * (hi:lo / 2^127) * 2^exponent; the top bit of hi is set unless all is zero.
/// The exponent is biased or not as the caller likes: additions keep it, products and quotients get it from the caller.
struct Unrounded {
    bool sign = false;
    i32 exponent = 0;
    u64 hi = 0;
    u64 lo = 0;
    constexpr bool zero() const { return (hi | lo) == 0; }
};

struct Rounded {
    u64 significand; ///< kept bits in place, the rest zero; after a carry 1000...
    bool carry;      ///< rounding overflowed the significand: exponent + 1
    bool inexact;
    bool up; ///< magnitude was increased: C1 of the x87
};

/// Rounds hi:lo at `precision` bits counted from the top of hi: 64, or at most 62.
constexpr Rounded round_significand(u64 hi, u64 lo, unsigned precision, Rounding rounding, bool sign) {
    u64 rest = lo, half = u64{1} << 63, unit = 1;
    if (precision < 64) {
        unit = u64{1} << (64 - precision);
        half = unit >> 1;
        rest = (hi & (unit - 1)) | (lo != 0); // bit 0 lies below the half: sticky
        hi &= ~(unit - 1);
    }
    bool up = false;
    switch (rounding) {
    case Rounding::Nearest: up = rest > half || (rest == half && (hi & unit)); break;
    case Rounding::Down: up = sign && rest != 0; break;
    case Rounding::Up: up = !sign && rest != 0; break;
    case Rounding::Zero: break;
    }
    const u64 sum = hi + (up ? unit : 0);
    const bool carry = up && sum == 0;
    return {carry ? u64{1} << 63 : sum, carry, rest != 0, up};
}

/// a + b or, by the signs, a - b, of normalized significands. An exact zero comes back as zero(), its sign undecided.
constexpr Unrounded add_significands(bool sign_a, i32 exp_a, u64 sig_a, bool sign_b, i32 exp_b, u64 sig_b) {
    if (exp_a < exp_b || (exp_a == exp_b && sig_a < sig_b)) {
        const i32 e = exp_a;
        exp_a = exp_b;
        exp_b = e;
        const u64 s = sig_a;
        sig_a = sig_b;
        sig_b = s;
        const bool n = sign_a;
        sign_a = sign_b;
        sign_b = n;
    }
    const u128 big = make128(sig_a, 0);
    const u128 small = shift_right_sticky(make128(sig_b, 0), static_cast<unsigned>(exp_a - exp_b));
    if (sign_a == sign_b) {
        const u128 sum = big + small;
        if (sum >= big) return {sign_a, exp_a, high64(sum), low64(sum)};
        const u128 half = (sum >> 1) | (sum & 1);
        return {sign_a, exp_a + 1, high64(half) | (u64{1} << 63), low64(half)};
    }
    u128 difference = big - small;
    if (difference == 0) return {};
    const unsigned shift = leading_zeros(difference);
    difference <<= shift;
    return {sign_a, exp_a - static_cast<i32>(shift), high64(difference), low64(difference)};
}

/// Product of significands; `exponent` is the sum of the operands' exponents.
constexpr Unrounded multiply_significands(bool sign, i32 exponent, u64 a, u64 b) {
    u128 product = multiply64(a, b);
    if (high64(product) >> 63) return {sign, exponent + 1, high64(product), low64(product)};
    product <<= 1;
    return {sign, exponent, high64(product), low64(product)};
}

/// Quotient of significands; `exponent` is the difference of the operands' exponents. lo holds 0, below half, half or
/// above half, which is all that rounding asks.
constexpr Unrounded divide_significands(bool sign, i32 exponent, u64 a, u64 b) {
    const bool less = a < b;
    const u128 numerator = static_cast<u128>(a) << (less ? 64 : 63);
    const u64 quotient = static_cast<u64>(numerator / b);
    const u64 remainder = static_cast<u64>(numerator - multiply64(quotient, b));
    u64 tail = 0;
    if (remainder != 0) {
        const u64 left = b - remainder; // compares 2 * remainder with b without overflow
        tail = remainder < left ? 1 : remainder == left ? u64{1} << 63 : (u64{1} << 63) + 1;
    }
    return {sign, less ? exponent - 1 : exponent, quotient, tail};
}

/// Root of significand * 2^exponent (unbiased); the tail in lo as for a quotient.
Unrounded square_root_significand(i32 exponent, u64 significand);

} // namespace r86::fpu

#pragma once
/// The arithmetic of the x87: pure functions of operands and context, no processor, no host floating point.
/// SDM Vol. 2, the instruction named at each function; Vol. 1, 8.3 "x87 FPU Instruction Set", 8.5 exceptions.
/// NOT IMPLEMENTED: nothing known.
#include "cpu/fpu/float80.h"
#include <utility>

namespace r86::fpu {

namespace slow {
Float80 add(FpuContext& c, Float80 a, Float80 b, bool negate_b);
Float80 multiply(FpuContext& c, Float80 a, Float80 b);
Float80 divide(FpuContext& c, Float80 a, Float80 b);
} // namespace slow

/// The common case, kept inline: round to nearest at 64 or 53 bits, two normal operands, no trouble near the ends of
/// the exponent range.
namespace fast {

constexpr u16 kModeMask = 0x0F00 | FpuContext::kDenormalOperand;
constexpr u16 kNearest64 = 0x0300, kNearest53 = 0x0200;

inline bool mode_ok(const FpuContext& c) {
    const u16 mode = c.control & kModeMask;
    return mode == kNearest64 || mode == kNearest53;
}
inline bool exponent_ok(i32 exponent) { return static_cast<u32>(exponent - 1) < 0x7FFDu; }

/// Rounds to nearest even; false if the exponent leaves the middle of the range (a carry included).
[[gnu::always_inline]] inline bool finish(FpuContext& c, bool sign, i32 exponent, u64 hi, u64 lo, Float80& out) {
    if (!exponent_ok(exponent)) return false;
    bool up, inexact;
    if ((c.control & kModeMask) == kNearest64) {
        inexact = lo != 0;
        up = (lo >> 63) && ((lo << 1) != 0 || (hi & 1));
        hi += up;
    } else {
        const u64 rest = (hi & 0x7FF) | (lo != 0);
        inexact = rest != 0;
        up = rest > 0x400 || (rest == 0x400 && (hi & 0x800));
        hi = (hi & ~u64{0x7FF}) + (up ? 0x800 : 0);
    }
    if (hi == 0) { // carry out of all ones
        hi = kIntegerBit;
        ++exponent;
    }
    c.flags |= inexact ? kPE : 0;
    c.round_up = up;
    out = make_float80(sign, exponent, hi);
    return true;
}

/// a + b, or a - b; false: nothing but the common case is known here.
[[gnu::always_inline]] inline bool add(FpuContext& c, Float80 a, Float80 b, bool negate_b, Float80& out) {
    if (is_normal(a) && is_normal(b) && fast::mode_ok(c)) [[likely]] {
        bool sign_a = sign_of(a), sign_b = sign_of(b) != negate_b;
        i32 exp_a = exponent_of(a), exp_b = exponent_of(b);
        u64 sig_a = a.significand, sig_b = b.significand;
        if (exp_a < exp_b || (exp_a == exp_b && sig_a < sig_b)) {
            std::swap(sign_a, sign_b);
            std::swap(exp_a, exp_b);
            std::swap(sig_a, sig_b);
        }
        const unsigned distance = static_cast<unsigned>(exp_a - exp_b);
        u64 hi = 0, lo = 1; // a far smaller operand is only a sticky tail
        if (distance < 64) {
            const u128 small = make128(sig_b, 0) >> distance;
            hi = high64(small);
            lo = low64(small);
        } else if (distance < 128) {
            lo = low64(shift_right_sticky(sig_b, distance - 64));
        }
        if (sign_a == sign_b) {
            u64 sum = sig_a + hi;
            if (sum < sig_a) {
                lo = (lo >> 1) | (lo & 1) | (sum << 63);
                sum = (sum >> 1) | kIntegerBit;
                ++exp_a;
            }
            return finish(c, sign_a, exp_a, sum, lo, out);
        } else {
            const u128 difference = make128(sig_a, 0) - make128(hi, lo);
            if (difference != 0) {
                const unsigned shift = leading_zeros(difference);
                const u128 normal = difference << shift;
                return finish(c, sign_a, exp_a - static_cast<i32>(shift), high64(normal), low64(normal), out);
            }
        }
    }
    return false;
}

/// a * b.
[[gnu::always_inline]] inline bool multiply(FpuContext& c, Float80 a, Float80 b, Float80& out) {
    if (!is_normal(a) || !is_normal(b) || !mode_ok(c)) return false;
    u128 product = multiply64(a.significand, b.significand);
    const bool low = !(high64(product) >> 63);
    product <<= low;
    return finish(c, sign_of(a) != sign_of(b), exponent_of(a) + exponent_of(b) - kBias + !low, high64(product),
                  low64(product), out);
}

/// a / b.
[[gnu::always_inline]] inline bool divide(FpuContext& c, Float80 a, Float80 b, Float80& out) {
    if (!is_normal(a) || !is_normal(b) || !mode_ok(c)) return false;
    const Unrounded u = divide_significands(sign_of(a) != sign_of(b), exponent_of(a) - exponent_of(b) + kBias,
                                            a.significand, b.significand);
    return finish(c, u.sign, u.exponent, u.hi, u.lo, out);
}

} // namespace fast

/// FADD; with `negate_b` FSUB (a - b). A NaN keeps its sign.
inline Float80 add(FpuContext& c, Float80 a, Float80 b, bool negate_b = false) {
    Float80 out;
    if (fast::add(c, a, b, negate_b, out)) [[likely]]
        return out;
    return slow::add(c, a, b, negate_b);
}
inline Float80 subtract(FpuContext& c, Float80 a, Float80 b) { return add(c, a, b, true); }

/// FMUL.
inline Float80 multiply(FpuContext& c, Float80 a, Float80 b) {
    Float80 out;
    if (fast::multiply(c, a, b, out)) [[likely]]
        return out;
    return slow::multiply(c, a, b);
}

/// FDIV: a / b.
inline Float80 divide(FpuContext& c, Float80 a, Float80 b) {
    Float80 out;
    if (fast::divide(c, a, b, out)) [[likely]]
        return out;
    return slow::divide(c, a, b);
}

Float80 square_root(FpuContext& c, Float80 a);      ///< FSQRT
Float80 round_to_integer(FpuContext& c, Float80 a); ///< FRNDINT
Float80 scale(FpuContext& c, Float80 a, Float80 b); ///< FSCALE: a * 2^trunc(b)

/// FXTRACT: a becomes significand; the exponent goes to `exponent`.
Float80 extract(FpuContext& c, Float80 a, Float80& exponent);

/// FPREM and FPREM1. `condition` gets C0, C1, C3 (quotient bits 2, 0, 1) and C2 (reduction incomplete).
Float80 remainder(FpuContext& c, Float80 a, Float80 b, bool nearest, u16& condition);

enum class Relation : u8 { Less, Equal, Greater, Unordered };
/// FCOM (`quiet` false: any NaN is invalid) and FUCOM (`quiet`: only signaling NaNs are).
Relation compare(FpuContext& c, Float80 a, Float80 b, bool quiet);

} // namespace r86::fpu

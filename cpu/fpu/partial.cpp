/// FPREM, FPREM1, FSCALE, FXTRACT and FRNDINT: what works on exponents and integer parts. See arithmetic.h.
#include "cpu/fpu/arithmetic.h"

namespace r86::fpu {

namespace {

/// The operand itself: a denormal stays one without UE, but a pseudo-denormal becomes the normal number it means.
Float80 unchanged(Float80 a) {
    if (exponent_of(a) == 0 && (a.significand & kIntegerBit)) a.sign_exponent |= 1;
    return a;
}

} // namespace

Float80 round_to_integer(FpuContext& c, Float80 a) {
    const Class ca = classify(a);
    if (ca == Class::Unsupported) return c.invalid();
    if (is_nan(ca)) return propagate_nan(c, a);
    if (ca == Class::Zero || ca == Class::Infinity) return a;
    if (ca == Class::Denormal && c.raise(kDE)) return kIndefinite;
    const i32 exponent = exponent_of(a);
    if (exponent >= kBias + 63) return a;
    const bool sign = sign_of(a);
    const i32 integer_bits = exponent - kBias + 1; // of the significand; at most 63
    if (integer_bits <= 0) {                       // |a| < 1
        const u128 tail = shift_right_sticky(make128(0, a.significand), static_cast<unsigned>(-integer_bits));
        bool up = false;
        switch (c.rounding()) {
        case Rounding::Nearest: up = low64(tail) > kIntegerBit; break;
        case Rounding::Down: up = sign; break;
        case Rounding::Up: up = !sign; break;
        case Rounding::Zero: break;
        }
        c.flags |= kPE;
        c.round_up = up;
        return up ? make_float80(sign, kBias, kIntegerBit) : zero80(sign);
    }
    const Rounded r = round_significand(a.significand, 0, static_cast<unsigned>(integer_bits), c.rounding(), sign);
    if (r.inexact) c.flags |= kPE;
    c.round_up = r.up;
    return make_float80(sign, exponent + r.carry, r.significand);
}

Float80 extract(FpuContext& c, Float80 a, Float80& exponent) {
    const Class ca = classify(a);
    exponent = kIndefinite;
    if (ca == Class::Unsupported) return c.invalid();
    if (is_nan(ca)) return exponent = propagate_nan(c, a);
    if (ca == Class::Infinity) {
        exponent = infinity80(false);
        return a;
    }
    if (ca == Class::Zero) {
        c.raise(kZE);
        exponent = infinity80(true);
        return a;
    }
    if (ca == Class::Denormal && c.raise(kDE)) return kIndefinite;
    const Finite x = normalize(a);
    const i32 value = x.exponent - kBias;
    if (value == 0) {
        exponent = zero80(false);
    } else {
        const u64 magnitude = static_cast<u64>(value < 0 ? -value : value);
        const int shift = std::countl_zero(magnitude);
        exponent = make_float80(value < 0, kBias + 63 - shift, magnitude << shift);
    }
    return make_float80(sign_of(a), kBias, x.significand);
}

Float80 scale(FpuContext& c, Float80 a, Float80 b) {
    const Class ca = classify(a), cb = classify(b);
    if (ca == Class::Unsupported || cb == Class::Unsupported) return c.invalid();
    if (is_nan(ca) || is_nan(cb)) return propagate_nan(c, a, b);
    const bool sign = sign_of(a), down = sign_of(b);
    // SDM Vol. 2, FSCALE, table 3-30.
    if (cb == Class::Infinity) {
        if ((ca == Class::Infinity && down) || (ca == Class::Zero && !down)) return c.invalid();
        if (ca == Class::Denormal && c.raise(kDE)) return kIndefinite;
        return down ? zero80(sign) : infinity80(sign);
    }
    if ((ca == Class::Denormal || cb == Class::Denormal) && c.raise(kDE)) return kIndefinite;
    if (ca == Class::Infinity || ca == Class::Zero) return a;
    if (cb == Class::Zero) return unchanged(a);
    const Finite x = normalize(a);
    const i32 eb = exponent_of(b) - kBias;
    i32 amount = 0;
    if (eb > 16)
        amount = 0x20000;
    else if (eb >= 0)
        amount = static_cast<i32>(b.significand >> (63 - eb));
    return pack(c, {sign, x.exponent + (down ? -amount : amount), x.significand, 0}, 64);
}

namespace {

/// value * 2^shift mod divisor, and the low bits of the quotient. value < divisor on entry to each step.
u64 reduce(u64 value, u64 divisor, unsigned shift, u64& quotient) {
    while (shift != 0) {
        const unsigned step = shift > 62 ? 62 : shift;
        const u128 numerator = static_cast<u128>(value) << step;
        const u64 q = static_cast<u64>(numerator / divisor);
        value = static_cast<u64>(numerator - multiply64(q, divisor));
        quotient = (quotient << step) + q;
        shift -= step;
    }
    return value;
}

} // namespace

Float80 remainder(FpuContext& c, Float80 a, Float80 b, bool nearest, u16& condition) {
    condition = 0;
    const Class ca = classify(a), cb = classify(b);
    if (ca == Class::Unsupported || cb == Class::Unsupported) return c.invalid();
    if (is_nan(ca) || is_nan(cb)) return propagate_nan(c, a, b);
    if (ca == Class::Infinity || cb == Class::Zero) return c.invalid();
    if ((ca == Class::Denormal || cb == Class::Denormal) && c.raise(kDE)) return kIndefinite;
    if (ca == Class::Zero) return a;
    const bool sign = sign_of(a);
    if (cb == Class::Infinity) return unchanged(a);
    const Finite x = normalize(a);
    const Finite y = normalize(b);
    const i32 distance = x.exponent - y.exponent;
    bool result_sign = sign;
    u64 quotient = 0, value = x.significand;
    i32 exponent = y.exponent;
    const auto deliver = [&]() -> Float80 {
        if (value == 0) return zero80(sign);
        const int shift = std::countl_zero(value);
        return pack(c, {result_sign, exponent - shift, value << shift, 0}, 64);
    };
    if (distance < -1) { // below half of b: the operand itself
        exponent = x.exponent;
        return deliver();
    }
    if (distance >= 64) {
        // A partial step lowers the exponent by 32 to 63 (SDM Vol. 2, FPREM: N), here as the hardware chooses it.
        const unsigned step = (static_cast<unsigned>(distance) & 31) | 32;
        if (value >= y.significand) value -= y.significand;
        value = reduce(value, y.significand, step, quotient);
        exponent = y.exponent + distance - static_cast<i32>(step);
        condition = kC2;
        return deliver();
    }
    if (distance == -1) { // a is in (b/4, b): quotient 0, or 1 when nearest
        if (!nearest || x.significand <= y.significand) {
            exponent = x.exponent;
            return deliver();
        }
        // b - a = 2 b' - a' at a's scale
        value = static_cast<u64>((static_cast<u128>(y.significand) << 1) - x.significand);
        exponent = x.exponent;
        quotient = 1;
        result_sign = !sign;
    } else {
        if (value >= y.significand) {
            value -= y.significand;
            quotient = 1;
        }
        value = reduce(value, y.significand, static_cast<unsigned>(distance), quotient);
        if (nearest) {
            const u64 left = y.significand - value;
            if (value > left || (value == left && (quotient & 1))) {
                value = left;
                ++quotient;
                result_sign = !sign;
            }
        }
    }
    condition = static_cast<u16>((quotient & 4 ? kC0 : 0) | (quotient & 2 ? kC3 : 0) | (quotient & 1 ? kC1 : 0));
    return deliver();
}

} // namespace r86::fpu

/// Conversions of the x87: see convert.h.
#include "cpu/fpu/convert.h"

namespace r86::fpu {

namespace {

/// Exact; NaN payloads move to the top of the fraction. A denormal comes out normal and is reported.
template <unsigned kFraction, i32 kFormatBias, i32 kFormatTop>
Float80 widen(u64 bits, bool sign, bool& denormal) {
    const u64 fraction = bits & ((u64{1} << kFraction) - 1);
    const i32 exponent = static_cast<i32>(bits >> kFraction) & kFormatTop;
    denormal = false;
    if (exponent == kFormatTop) return make_float80(sign, kTopExponent, kIntegerBit | (fraction << (63 - kFraction)));
    if (exponent != 0)
        return make_float80(sign, exponent - kFormatBias + kBias, kIntegerBit | (fraction << (63 - kFraction)));
    if (fraction == 0) return zero80(sign);
    denormal = true;
    const int shift = std::countl_zero(fraction);
    return make_float80(sign, kBias - kFormatBias + 1 - (shift - (63 - static_cast<i32>(kFraction))),
                        fraction << shift);
}

Float80 widen32(u32 v, bool& denormal) { return widen<23, 127, 255>(v, v >> 31, denormal); }
Float80 widen64(u64 v, bool& denormal) { return widen<52, 1023, 2047>(v, v >> 63, denormal); }

Float80 finish_load(FpuContext& c, Float80 v, bool denormal) {
    if (denormal) c.raise(kDE);
    return is_nan(classify(v)) ? propagate_nan(c, v) : v;
}

/// FST to single or double: rounding by RC at the format's precision; overflow and underflow by its range.
template <unsigned kFraction, i32 kFormatBias, i32 kFormatTop>
u64 narrow(FpuContext& c, Float80 v) {
    constexpr unsigned precision = kFraction + 1;
    const bool sign = sign_of(v);
    const u64 sign_bit = static_cast<u64>(sign) << (kFraction == 23 ? 31 : 63);
    constexpr u64 infinity = static_cast<u64>(kFormatTop) << kFraction;
    constexpr u64 fraction_mask = (u64{1} << kFraction) - 1;
    constexpr u64 quiet = u64{1} << (kFraction - 1);
    const Class cv = classify(v);
    switch (cv) {
    case Class::Zero: return sign_bit;
    case Class::Infinity: return sign_bit | infinity;
    case Class::Unsupported: c.raise(kIE); return (u64{1} << (kFraction == 23 ? 31 : 63)) | infinity | quiet;
    case Class::Signaling: c.raise(kIE); [[fallthrough]];
    case Class::Quiet: return sign_bit | infinity | quiet | ((v.significand >> (63 - kFraction)) & fraction_mask);
    default: break;
    }
    const Finite x = normalize(v);
    const Rounding rc = c.rounding();
    const i32 exponent = x.exponent - kBias + kFormatBias;
    const Rounded r = round_significand(x.significand, 0, precision, rc, sign);
    const i32 rounded_exponent = exponent + r.carry;
    const auto assemble = [&](i32 e, u64 significand) {
        return sign_bit | (static_cast<u64>(e) << kFraction) | ((significand >> (63 - kFraction)) & fraction_mask);
    };
    if (rounded_exponent >= kFormatTop) {
        c.flags |= kOE;
        if (!c.masked(kOE)) return sign_bit | infinity; // nothing is stored, so nothing was rounded: no PE, no C1
        c.flags |= kPE;
        c.round_up = rc == Rounding::Nearest || (rc == Rounding::Up && !sign) || (rc == Rounding::Down && sign);
        return sign_bit | (c.round_up ? infinity : infinity - 1);
    }
    if (exponent > 0) {
        c.round_up = r.up;
        if (r.inexact) c.flags |= kPE;
        return assemble(rounded_exponent, r.significand);
    }
    const bool tiny = rounded_exponent <= 0;
    if (tiny && !c.masked(kUE)) {
        c.flags |= kUE;
        return sign_bit;
    }
    const u128 shifted = shift_right_sticky(make128(x.significand, 0), static_cast<unsigned>(1 - exponent));
    const Rounded d = round_significand(high64(shifted), low64(shifted), precision, rc, sign);
    c.round_up = d.up;
    if (d.inexact) c.flags |= static_cast<u16>(kPE | (tiny ? kUE : 0));
    return assemble(static_cast<i32>(d.significand >> 63), d.significand);
}

/// |value| as an integer by `rounding`; false for what is no number or needs more than 64 bits. Sets flags only of an
/// inexact success, into `inexact` and `up`.
bool to_magnitude(Float80 v, Rounding rounding, u64& magnitude, bool& inexact, bool& up) {
    magnitude = 0;
    inexact = up = false;
    const Class cv = classify(v);
    if (cv == Class::Zero) return true;
    if (cv != Class::Normal && cv != Class::Denormal) return false;
    const Finite x = normalize(v);
    const i32 exponent = x.exponent - kBias;
    if (exponent > 63) return false;
    const u128 value = shift_right_sticky(make128(x.significand, 0), static_cast<unsigned>(63 - exponent));
    const bool sign = sign_of(v);
    magnitude = high64(value);
    const u64 rest = low64(value);
    inexact = rest != 0;
    switch (rounding) {
    case Rounding::Nearest: up = rest > kIntegerBit || (rest == kIntegerBit && (magnitude & 1)); break;
    case Rounding::Down: up = sign && inexact; break;
    case Rounding::Up: up = !sign && inexact; break;
    case Rounding::Zero: break;
    }
    return !(up && ++magnitude == 0);
}

} // namespace

Float80 widen_operand(FpuContext& c, u32 value) {
    bool denormal = false;
    const Float80 v = widen32(value, denormal);
    if (denormal) c.control |= FpuContext::kDenormalOperand;
    return v;
}

Float80 widen_operand(FpuContext& c, u64 value) {
    bool denormal = false;
    const Float80 v = widen64(value, denormal);
    if (denormal) c.control |= FpuContext::kDenormalOperand;
    return v;
}

Float80 load_f32(FpuContext& c, u32 value) {
    bool denormal = false;
    const Float80 v = widen32(value, denormal);
    return finish_load(c, v, denormal);
}

Float80 load_f64(FpuContext& c, u64 value) {
    bool denormal = false;
    const Float80 v = widen64(value, denormal);
    return finish_load(c, v, denormal);
}

u32 store_f32(FpuContext& c, Float80 value) { return static_cast<u32>(narrow<23, 127, 255>(c, value)); }
u64 store_f64(FpuContext& c, Float80 value) { return narrow<52, 1023, 2047>(c, value); }

Float80 from_integer(i64 value) {
    if (value == 0) return zero80(false);
    const u64 magnitude = value < 0 ? 0 - static_cast<u64>(value) : static_cast<u64>(value);
    const int shift = std::countl_zero(magnitude);
    return make_float80(value < 0, kBias + 63 - shift, magnitude << shift);
}

i64 to_integer(FpuContext& c, Float80 value, unsigned bits, bool truncate) {
    const u64 limit = u64{1} << (bits - 1);
    const bool sign = sign_of(value);
    u64 magnitude = 0;
    bool inexact = false, up = false;
    if (!to_magnitude(value, truncate ? Rounding::Zero : c.rounding(), magnitude, inexact, up) ||
        magnitude > limit - !sign) {
        c.raise(kIE);
        return static_cast<i64>(0 - limit);
    }
    if (inexact) c.flags |= kPE;
    c.round_up = up;
    return static_cast<i64>(sign ? 0 - magnitude : magnitude);
}

Float80 from_bcd(const Bcd& bcd) {
    u64 value = 0;
    // Digits above 9 are not checked by the hardware; they count with their weight.
    for (int i = 8; i >= 0; --i) {
        const u8 byte = bcd[static_cast<usize>(i)];
        value = value * 100 + (byte >> 4) * 10u + (byte & 15);
    }
    Float80 v = from_integer(static_cast<i64>(value));
    if (bcd[9] & 0x80) v.sign_exponent |= 0x8000;
    return v;
}

Bcd to_bcd(FpuContext& c, Float80 value) {
    u64 magnitude = 0;
    bool inexact = false, up = false;
    if (!to_magnitude(value, c.rounding(), magnitude, inexact, up) || magnitude > 999'999'999'999'999'999u) {
        c.raise(kIE);
        return {0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
    }
    if (inexact) c.flags |= kPE;
    c.round_up = up;
    Bcd bcd{};
    for (usize i = 0; i < 9; ++i) {
        const u64 pair = magnitude % 100;
        magnitude /= 100;
        bcd[i] = static_cast<u8>((pair / 10) << 4 | pair % 10);
    }
    bcd[9] = sign_of(value) ? 0x80 : 0;
    return bcd;
}

} // namespace r86::fpu

/// Single and double precision arithmetic of SSE: see softfloat.h.
#include "cpu/fpu/softfloat.h"

namespace r86::softfloat {

using fpu::Rounded;
using fpu::Unrounded;

namespace {

template <Bits B>
struct Format;
template <>
struct Format<u32> {
    static constexpr unsigned kPrecision = 24, kFraction = 23;
    static constexpr i32 kBias = 127, kTop = 255;
};
template <>
struct Format<u64> {
    static constexpr unsigned kPrecision = 53, kFraction = 52;
    static constexpr i32 kBias = 1023, kTop = 2047;
};

enum class Kind : u8 { Zero, Finite, Infinity, Quiet, Signaling };

/// An operand taken apart. A denormal is normalized (exponent 0 and below) and remembered as one.
struct Operand {
    Kind kind = Kind::Zero;
    bool sign = false;
    bool denormal = false;
    i32 exponent = 0; ///< biased as in the format
    u64 significand = 0;
    bool nan() const { return kind >= Kind::Quiet; }
};

template <Bits B>
constexpr B sign_bit(bool sign) {
    return sign ? B{1} << (sizeof(B) * 8 - 1) : 0;
}
template <Bits B>
constexpr B infinity(bool sign) {
    return sign_bit<B>(sign) | (static_cast<B>(Format<B>::kTop) << Format<B>::kFraction);
}
template <Bits B>
constexpr B quiet_bit() {
    return B{1} << (Format<B>::kFraction - 1);
}
/// The "QNaN floating-point indefinite" (SDM Vol. 1, 4.8.3.7).
template <Bits B>
constexpr B indefinite() {
    return infinity<B>(true) | quiet_bit<B>();
}

template <Bits B>
Operand unpack(const Context& c, B bits) {
    using F = Format<B>;
    const u64 fraction = bits & ((B{1} << F::kFraction) - 1);
    const i32 exponent = static_cast<i32>((bits >> F::kFraction) & static_cast<B>(F::kTop));
    Operand o;
    o.sign = bits >> (sizeof(B) * 8 - 1);
    o.exponent = exponent;
    if (exponent == F::kTop) {
        o.kind = fraction == 0 ? Kind::Infinity : (bits & quiet_bit<B>()) ? Kind::Quiet : Kind::Signaling;
    } else if (exponent != 0) {
        o.kind = Kind::Finite;
        o.significand = (u64{1} << 63) | (fraction << (63 - F::kFraction));
    } else if (fraction != 0 && !c.denormals_are_zero()) {
        o.kind = Kind::Finite;
        o.denormal = true;
        const int shift = std::countl_zero(fraction);
        o.significand = fraction << shift;
        o.exponent = 1 - (shift - (63 - static_cast<i32>(F::kFraction)));
    }
    return o;
}

/// True when the operation must stop: an unmasked pre-computation exception.
bool raise(Context& c, u32 flag) {
    c.flags |= flag;
    return !c.masked(flag);
}

template <Bits B>
B invalid(Context& c) {
    raise(c, kInvalid);
    return indefinite<B>();
}

/// Rules of SDM Vol. 1, table 4-7 for SSE: the first operand if it is a NaN, else the second; quieted.
template <Bits B>
B propagate(Context& c, B a, const Operand& oa, B b, const Operand& ob) {
    if (oa.kind == Kind::Signaling || ob.kind == Kind::Signaling) raise(c, kInvalid);
    return (oa.nan() ? a : b) | quiet_bit<B>();
}

/// Rounds and packs; the exponent is biased as in the format. SDM Vol. 1, 4.9.1.4 to 4.9.1.6, 11.5.2.
template <Bits B>
B pack(Context& c, const Unrounded& u) {
    using F = Format<B>;
    const Rounding rc = c.rounding();
    const auto assemble = [&](i32 exponent, u64 significand) {
        return static_cast<B>(sign_bit<B>(u.sign) | (static_cast<B>(exponent) << F::kFraction) |
                              (static_cast<B>(significand >> (63 - F::kFraction)) & ((B{1} << F::kFraction) - 1)));
    };
    const Rounded r = fpu::round_significand(u.hi, u.lo, F::kPrecision, rc, u.sign);
    const i32 exponent = u.exponent + r.carry;
    if (exponent >= F::kTop) {
        c.flags |= kOverflow;
        if (!c.masked(kOverflow)) {
            if (r.inexact) c.flags |= kPrecision;
            return infinity<B>(u.sign);
        }
        c.flags |= kPrecision;
        const bool to_infinity =
            rc == Rounding::Nearest || (rc == Rounding::Up && !u.sign) || (rc == Rounding::Down && u.sign);
        return to_infinity ? infinity<B>(u.sign) : infinity<B>(u.sign) - 1;
    }
    if (u.exponent > 0) {
        if (r.inexact) c.flags |= kPrecision;
        return assemble(exponent, r.significand);
    }
    const bool tiny = exponent <= 0; // after rounding with an unbounded exponent
    if (tiny && !c.masked(kUnderflow)) {
        c.flags |= kUnderflow | (r.inexact ? kPrecision : 0);
        return sign_bit<B>(u.sign);
    }
    if (tiny && c.flush_to_zero()) {
        c.flags |= kUnderflow | kPrecision;
        return sign_bit<B>(u.sign);
    }
    const fpu::u128 shifted = fpu::shift_right_sticky(fpu::make128(u.hi, u.lo), static_cast<unsigned>(1 - u.exponent));
    const Rounded d = fpu::round_significand(fpu::high64(shifted), fpu::low64(shifted), F::kPrecision, rc, u.sign);
    if (d.inexact) c.flags |= kPrecision | (tiny ? kUnderflow : 0);
    return assemble(d.significand >> 63, d.significand);
}

template <Bits B>
B add_signed(Context& c, B a, B b, bool negate_b) {
    const Operand x = unpack(c, a);
    Operand y = unpack(c, b);
    if (x.nan() || y.nan()) return propagate(c, a, x, b, y);
    y.sign ^= negate_b;
    if (x.kind == Kind::Infinity && y.kind == Kind::Infinity && x.sign != y.sign) return invalid<B>(c);
    if ((x.denormal || y.denormal) && raise(c, kDenormal)) return indefinite<B>();
    if (x.kind == Kind::Infinity || y.kind == Kind::Infinity)
        return infinity<B>(x.kind == Kind::Infinity ? x.sign : y.sign);
    const bool zero_sign = x.sign == y.sign ? x.sign : c.rounding() == Rounding::Down;
    if (x.kind == Kind::Zero && y.kind == Kind::Zero) return sign_bit<B>(zero_sign);
    if (x.kind == Kind::Zero) return pack<B>(c, {y.sign, y.exponent, y.significand, 0});
    if (y.kind == Kind::Zero) return pack<B>(c, {x.sign, x.exponent, x.significand, 0});
    const Unrounded sum = fpu::add_significands(x.sign, x.exponent, x.significand, y.sign, y.exponent, y.significand);
    return sum.zero() ? sign_bit<B>(zero_sign) : pack<B>(c, sum);
}

/// MINSS and MAXSS by the order wanted. With DAZ a denormal counts, and comes back, as zero.
template <Bits B>
B select(Context& c, B a, B b, Relation wanted) {
    const Operand x = unpack(c, a), y = unpack(c, b);
    const auto value = [&](B bits, const Operand& o) { return o.kind == Kind::Zero ? sign_bit<B>(o.sign) : bits; };
    const Relation relation = compare(c, a, b, false);
    return relation == wanted ? value(a, x) : value(b, y);
}

/// The integer nearest by `rounding`, as sign and magnitude; false if it needs more than 64 bits.
bool to_magnitude(const Operand& o, i32 unbiased, Rounding rounding, u64& magnitude, bool& inexact) {
    inexact = false;
    magnitude = 0;
    if (o.kind == Kind::Zero) return true;
    if (unbiased > 63) return false;
    const fpu::u128 value =
        fpu::shift_right_sticky(fpu::make128(o.significand, 0), static_cast<unsigned>(63 - unbiased));
    const u64 rest = fpu::low64(value), half = u64{1} << 63;
    magnitude = fpu::high64(value);
    inexact = rest != 0;
    bool up = false;
    switch (rounding) {
    case Rounding::Nearest: up = rest > half || (rest == half && (magnitude & 1)); break;
    case Rounding::Down: up = o.sign && inexact; break;
    case Rounding::Up: up = !o.sign && inexact; break;
    case Rounding::Zero: break;
    }
    if (up && ++magnitude == 0) return false;
    return true;
}

template <Bits B, class I>
I to_integer(Context& c, B a, bool truncate) {
    constexpr u64 limit = u64{1} << (sizeof(I) * 8 - 1);
    const Operand o = unpack(c, a);
    u64 magnitude = 0;
    bool inexact = false;
    if (o.nan() || o.kind == Kind::Infinity ||
        !to_magnitude(o, o.exponent - Format<B>::kBias, truncate ? Rounding::Zero : c.rounding(), magnitude, inexact) ||
        magnitude > limit - !o.sign) {
        raise(c, kInvalid);
        return static_cast<I>(limit);
    }
    if (inexact) c.flags |= kPrecision;
    return static_cast<I>(o.sign ? 0 - magnitude : magnitude);
}

template <Bits B>
B from_integer(Context& c, i64 value) {
    if (value == 0) return 0;
    const u64 magnitude = value < 0 ? 0 - static_cast<u64>(value) : static_cast<u64>(value);
    const int shift = std::countl_zero(magnitude);
    return pack<B>(c, {value < 0, Format<B>::kBias + 63 - shift, magnitude << shift, 0});
}

} // namespace

template <Bits B>
B add(Context& c, B a, B b) {
    return add_signed(c, a, b, false);
}

template <Bits B>
B subtract(Context& c, B a, B b) {
    return add_signed(c, a, b, true);
}

template <Bits B>
B multiply(Context& c, B a, B b) {
    const Operand x = unpack(c, a), y = unpack(c, b);
    if (x.nan() || y.nan()) return propagate(c, a, x, b, y);
    const bool sign = x.sign != y.sign;
    if ((x.kind == Kind::Infinity && y.kind == Kind::Zero) || (x.kind == Kind::Zero && y.kind == Kind::Infinity))
        return invalid<B>(c);
    if ((x.denormal || y.denormal) && raise(c, kDenormal)) return indefinite<B>();
    if (x.kind == Kind::Infinity || y.kind == Kind::Infinity) return infinity<B>(sign);
    if (x.kind == Kind::Zero || y.kind == Kind::Zero) return sign_bit<B>(sign);
    return pack<B>(
        c, fpu::multiply_significands(sign, x.exponent + y.exponent - Format<B>::kBias, x.significand, y.significand));
}

template <Bits B>
B divide(Context& c, B a, B b) {
    const Operand x = unpack(c, a), y = unpack(c, b);
    if (x.nan() || y.nan()) return propagate(c, a, x, b, y);
    const bool sign = x.sign != y.sign;
    if (x.kind == y.kind && (x.kind == Kind::Infinity || x.kind == Kind::Zero)) return invalid<B>(c);
    if (y.kind == Kind::Zero && x.kind == Kind::Finite) {
        raise(c, kZeroDivide);
        return infinity<B>(sign);
    }
    if ((x.denormal || y.denormal) && raise(c, kDenormal)) return indefinite<B>();
    if (x.kind == Kind::Infinity) return infinity<B>(sign);
    if (y.kind == Kind::Infinity || x.kind == Kind::Zero) return sign_bit<B>(sign);
    return pack<B>(
        c, fpu::divide_significands(sign, x.exponent - y.exponent + Format<B>::kBias, x.significand, y.significand));
}

template <Bits B>
B square_root(Context& c, B a) {
    const Operand x = unpack(c, a);
    if (x.nan()) return propagate(c, a, x, a, x);
    if (x.kind == Kind::Zero) return sign_bit<B>(x.sign);
    if (x.sign) return invalid<B>(c);
    if (x.denormal && raise(c, kDenormal)) return indefinite<B>();
    if (x.kind == Kind::Infinity) return infinity<B>(false);
    Unrounded root = fpu::square_root_significand(x.exponent - Format<B>::kBias, x.significand);
    root.exponent += Format<B>::kBias;
    return pack<B>(c, root);
}

template <Bits B>
Relation compare(Context& c, B a, B b, bool quiet) {
    const Operand x = unpack(c, a), y = unpack(c, b);
    if (x.nan() || y.nan()) {
        if (!quiet || x.kind == Kind::Signaling || y.kind == Kind::Signaling) raise(c, kInvalid);
        return Relation::Unordered;
    }
    if (x.denormal || y.denormal) raise(c, kDenormal);
    if (x.kind == Kind::Zero && y.kind == Kind::Zero) return Relation::Equal;
    if (x.sign != y.sign) return x.sign ? Relation::Less : Relation::Greater;
    const B ma = x.kind == Kind::Zero ? 0 : a, mb = y.kind == Kind::Zero ? 0 : b;
    constexpr B magnitude = ~sign_bit<B>(true);
    if ((ma & magnitude) == (mb & magnitude)) return Relation::Equal;
    return ((ma & magnitude) < (mb & magnitude)) != x.sign ? Relation::Less : Relation::Greater;
}

template <Bits B>
B minimum(Context& c, B a, B b) {
    return select(c, a, b, Relation::Less);
}

template <Bits B>
B maximum(Context& c, B a, B b) {
    return select(c, a, b, Relation::Greater);
}

template <Bits B>
B compare_predicate(Context& c, B a, B b, u8 predicate) {
    const u8 base = predicate & 3; // EQ, LT, LE, UNORD; bit 2 negates
    const Relation relation = compare(c, a, b, base == 0 || base == 3);
    bool holds = false;
    switch (base) {
    case 0: holds = relation == Relation::Equal; break;
    case 1: holds = relation == Relation::Less; break;
    case 2: holds = relation == Relation::Less || relation == Relation::Equal; break;
    default: holds = relation == Relation::Unordered; break;
    }
    return holds != ((predicate & 4) != 0) ? static_cast<B>(~B{0}) : B{0};
}

template <Bits B>
i32 to_i32(Context& c, B a, bool truncate) {
    return to_integer<B, i32>(c, a, truncate);
}

template <Bits B>
i64 to_i64(Context& c, B a, bool truncate) {
    return to_integer<B, i64>(c, a, truncate);
}

template <Bits B>
B from_i32(Context& c, i32 value) {
    return from_integer<B>(c, value);
}

template <Bits B>
B from_i64(Context& c, i64 value) {
    return from_integer<B>(c, value);
}

u64 widen(Context& c, u32 a) {
    const Operand x = unpack(c, a);
    const u64 sign = sign_bit<u64>(x.sign);
    switch (x.kind) {
    case Kind::Zero: return sign;
    case Kind::Infinity: return infinity<u64>(x.sign);
    case Kind::Signaling: raise(c, kInvalid); [[fallthrough]];
    case Kind::Quiet: return infinity<u64>(x.sign) | quiet_bit<u64>() | (static_cast<u64>(a & 0x7FFFFF) << 29);
    default: break;
    }
    if (x.denormal && raise(c, kDenormal)) return indefinite<u64>();
    return pack<u64>(c, {x.sign, x.exponent - 127 + 1023, x.significand, 0});
}

u32 narrow(Context& c, u64 a) {
    const Operand x = unpack(c, a);
    switch (x.kind) {
    case Kind::Zero: return sign_bit<u32>(x.sign);
    case Kind::Infinity: return infinity<u32>(x.sign);
    case Kind::Signaling: raise(c, kInvalid); [[fallthrough]];
    case Kind::Quiet: return infinity<u32>(x.sign) | quiet_bit<u32>() | static_cast<u32>((a >> 29) & 0x7FFFFF);
    default: break;
    }
    if (x.denormal && raise(c, kDenormal)) return indefinite<u32>();
    return pack<u32>(c, {x.sign, x.exponent - 1023 + 127, x.significand, 0});
}

#define R86_SOFTFLOAT(B)                                                                                               \
    template B add<B>(Context&, B, B);                                                                                 \
    template B subtract<B>(Context&, B, B);                                                                            \
    template B multiply<B>(Context&, B, B);                                                                            \
    template B divide<B>(Context&, B, B);                                                                              \
    template B square_root<B>(Context&, B);                                                                            \
    template B minimum<B>(Context&, B, B);                                                                             \
    template B maximum<B>(Context&, B, B);                                                                             \
    template Relation compare<B>(Context&, B, B, bool);                                                                \
    template B compare_predicate<B>(Context&, B, B, u8);                                                               \
    template i32 to_i32<B>(Context&, B, bool);                                                                         \
    template i64 to_i64<B>(Context&, B, bool);                                                                         \
    template B from_i32<B>(Context&, i32);                                                                             \
    template B from_i64<B>(Context&, i64);
R86_SOFTFLOAT(u32)
R86_SOFTFLOAT(u64)
#undef R86_SOFTFLOAT

} // namespace r86::softfloat

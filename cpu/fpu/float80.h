#pragma once
/// The 80-bit extended format of the x87 (SDM Vol. 1, 4.2.2 "Floating-Point Data Types", 8.2 "x87 FPU Data Types"),
/// its classes, and the context in which one operation runs: control word in, exception flags and C1 out.
#include "cpu/fpu/wide.h"
#include "cpu/state.h"

namespace r86::fpu {

// x87 status word, SDM Vol. 1, 8.1.3.
inline constexpr u16 kIE = 0x0001, kDE = 0x0002, kZE = 0x0004, kOE = 0x0008, kUE = 0x0010, kPE = 0x0020,
                     kStackFault = 0x0040, kES = 0x0080, kC0 = 0x0100, kC1 = 0x0200, kC2 = 0x0400, kC3 = 0x4000,
                     kBusy = 0x8000;

inline constexpr i32 kBias = 0x3FFF;
inline constexpr u16 kTopExponent = 0x7FFF;
inline constexpr u64 kIntegerBit = u64{1} << 63;
inline constexpr u64 kQuietBit = u64{1} << 62;
/// Bias adjustment of unmasked overflow and underflow: 3 * 2^13 (SDM Vol. 1, 4.9.1.4, 4.9.1.5).
inline constexpr i32 kBiasAdjust = 24576;

constexpr bool sign_of(Float80 v) { return v.sign_exponent >> 15; }
constexpr u16 exponent_of(Float80 v) { return v.sign_exponent & kTopExponent; }
constexpr Float80 make_float80(bool sign, i32 exponent, u64 significand) {
    return {significand, static_cast<u16>((sign ? 0x8000 : 0) | static_cast<u16>(exponent))};
}
constexpr Float80 zero80(bool sign) { return make_float80(sign, 0, 0); }
constexpr Float80 infinity80(bool sign) { return make_float80(sign, kTopExponent, kIntegerBit); }
inline constexpr Float80 kIndefinite{kIntegerBit | kQuietBit, 0xFFFF}; ///< SDM Vol. 1, 4.8.3.7
inline constexpr Float80 kOne{kIntegerBit, 0x3FFF};

/// SDM Vol. 1, tables 4-4 and 8-3. Pseudo-denormals (integer bit set, exponent 0) count as Denormal; pseudo-NaN,
/// pseudo-infinity and unnormal numbers as Unsupported.
enum class Class : u8 { Zero, Denormal, Normal, Infinity, Quiet, Signaling, Unsupported };

constexpr bool is_normal(Float80 v) {
    return (v.significand >> 63) && static_cast<u16>(exponent_of(v) - 1) < kTopExponent - 1;
}

constexpr Class classify(Float80 v) {
    const u16 exponent = exponent_of(v);
    if (exponent == 0) return v.significand == 0 ? Class::Zero : Class::Denormal;
    if (!(v.significand & kIntegerBit)) return Class::Unsupported;
    if (exponent != kTopExponent) return Class::Normal;
    if (v.significand == kIntegerBit) return Class::Infinity;
    return v.significand & kQuietBit ? Class::Quiet : Class::Signaling;
}
constexpr bool is_nan(Class c) { return c == Class::Quiet || c == Class::Signaling; }

/// Tag word value: 0 valid, 1 zero, 2 special (SDM Vol. 1, 8.1.7).
constexpr u16 tag_of(Float80 v) { return is_normal(v) ? 0 : classify(v) == Class::Zero ? 1 : 2; }

/// One operation. Functions add to `flags`; where an exception in `stopped()` is unmasked the result must not be
/// stored. Unmasked overflow and underflow deliver the bias-adjusted result, which is stored (in a register).
struct FpuContext {
    /// Control word (PC in bits 8-9, RC in 10-11, masks in 0-5). Bit 15, which the word does not have, tells that a
    /// memory operand was a single or double denormal: it is normal once widened, and still raises DE.
    u16 control = 0x037F;
    u16 flags = 0;         ///< status word bits IE to PE
    bool round_up = false; ///< C1: the last inexact rounding went away from zero

    static constexpr u16 kDenormalOperand = 0x8000;

    Rounding rounding() const { return static_cast<Rounding>((control >> 10) & 3); }
    /// PC, SDM Vol. 1, table 8-2; the reserved value 1 works as extended.
    unsigned precision() const {
        const unsigned pc = (control >> 8) & 3;
        return pc == 0 ? 24 : pc == 2 ? 53 : 64;
    }
    bool masked(u16 flag) const { return (control & flag) == flag; }
    u16 unmasked() const { return flags & ~control & 0x3F; }
    /// An unmasked pre-computation exception: nothing is stored, nothing popped.
    bool stopped() const { return (flags & ~control & (kIE | kDE | kZE)) != 0; }
    /// Raises a flag; true if it is unmasked and the operation must stop.
    bool raise(u16 flag) {
        flags |= flag;
        return (control & flag) == 0;
    }
    Float80 invalid() {
        flags |= kIE;
        return kIndefinite;
    }
};

/// A finite nonzero operand with the denormals normalized (exponent 0 and below).
struct Finite {
    i32 exponent = 0;
    u64 significand = 0;
};
constexpr Finite normalize(Float80 v) {
    const i32 exponent = exponent_of(v);
    if (v.significand >> 63) return {exponent == 0 ? 1 : exponent, v.significand};
    const int shift = std::countl_zero(v.significand);
    return {1 - shift, v.significand << shift};
}

/// Rounds to the precision and range of the format by the context (SDM Vol. 1, 4.8.4, 4.9.1, 8.5.4 to 8.5.6);
/// `u.exponent` is biased. `precision` 64 for what ignores PC.
Float80 pack(FpuContext& c, const Unrounded& u, unsigned precision);
inline Float80 pack(FpuContext& c, const Unrounded& u) { return pack(c, u, c.precision()); }

/// The NaN result of two operands of which at least one is a NaN (SDM Vol. 1, table 4-7, x87 column).
Float80 propagate_nan(FpuContext& c, Float80 a, Float80 b);
/// The same for one operand.
Float80 propagate_nan(FpuContext& c, Float80 a);

} // namespace r86::fpu

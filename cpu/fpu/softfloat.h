#pragma once
/// Single and double precision as SSE computes them, bit for bit and flag for flag (SDM Vol. 1, 4.8 "Real numbers and
/// floating-point formats", 4.9 "Overview of floating-point exceptions", 11.5 "SSE, SSE2 and SSE3 exceptions").
/// A value is its bits: u32 is single, u64 is double. Used where the host's own unit may not be: an exception is
/// unmasked, or the host is no x86.
/// NOT IMPLEMENTED: nothing of SSE to SSSE3; fused operations.
#include "cpu/fpu/wide.h"
#include <concepts>

namespace r86::softfloat {

using fpu::Rounding;

/// Exception flags, in the places that MXCSR and the x87 status word share.
inline constexpr u32 kInvalid = 0x01, kDenormal = 0x02, kZeroDivide = 0x04, kOverflow = 0x08, kUnderflow = 0x10,
                     kPrecision = 0x20;

/// One operation on one element. `flags` collects what it raised: with an unmasked IE, DE or ZE only those
/// pre-computation flags, and the value returned must not be stored; with an unmasked OE, UE or PE the flags are
/// complete, and the value must not be stored either.
struct Context {
    u32 mxcsr = 0x1F80;
    u32 flags = 0;

    Rounding rounding() const { return static_cast<Rounding>((mxcsr >> 13) & 3); }
    bool denormals_are_zero() const { return mxcsr & 0x40; }
    bool flush_to_zero() const { return mxcsr & 0x8000; }
    bool masked(u32 flag) const { return ((mxcsr >> 7) & flag) == flag; }
    /// Flags raised whose exception is unmasked: #XM is due.
    u32 unmasked() const { return flags & ~(mxcsr >> 7) & 0x3F; }
};

template <class B>
concept Bits = std::same_as<B, u32> || std::same_as<B, u64>;

enum class Relation : u8 { Less, Equal, Greater, Unordered };

template <Bits B>
B add(Context& c, B a, B b);
template <Bits B>
B subtract(Context& c, B a, B b);
template <Bits B>
B multiply(Context& c, B a, B b);
template <Bits B>
B divide(Context& c, B a, B b);
template <Bits B>
B square_root(Context& c, B a);
/// MINSS and MAXSS: the second operand where both are zero or either is a NaN (#IA for any NaN).
template <Bits B>
B minimum(Context& c, B a, B b);
template <Bits B>
B maximum(Context& c, B a, B b);
/// COMISS and the ordering predicates of CMPSS (LT, LE, NLT, NLE): `quiet` = false, #IA for any NaN. UCOMISS and EQ,
/// NEQ, ORD, UNORD: `quiet` = true, #IA for signaling NaNs only.
template <Bits B>
Relation compare(Context& c, B a, B b, bool quiet);
/// The eight predicates of CMPPS (imm8 bits 2..0): all ones or zero.
template <Bits B>
B compare_predicate(Context& c, B a, B b, u8 predicate);

/// To a signed integer with the context's rounding, or truncated; out of range gives 80...0 and #IA.
template <Bits B>
i32 to_i32(Context& c, B a, bool truncate);
template <Bits B>
i64 to_i64(Context& c, B a, bool truncate);
template <Bits B>
B from_i32(Context& c, i32 value);
template <Bits B>
B from_i64(Context& c, i64 value);
u64 widen(Context& c, u32 a);  ///< CVTSS2SD
u32 narrow(Context& c, u64 a); ///< CVTSD2SS

} // namespace r86::softfloat

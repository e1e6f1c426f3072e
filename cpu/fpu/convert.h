#pragma once
/// Conversions between the 80-bit format and what memory holds: single, double, integers, packed BCD.
/// SDM Vol. 1, 4.2 and 8.3.3 "Data Transfer Instructions".
#include "cpu/fpu/float80.h"
#include <array>

namespace r86::fpu {

/// A memory operand of arithmetic (FADD m32fp ...): a signaling NaN stays one, and a denormal marks the context, so
/// that the operation itself applies its order of checks.
Float80 widen_operand(FpuContext& c, u32 value);
Float80 widen_operand(FpuContext& c, u64 value);
/// FLD m32fp and m64fp: raises IE (the NaN is quieted) and DE itself. An unmasked DE does not stop the load.
Float80 load_f32(FpuContext& c, u32 value);
Float80 load_f64(FpuContext& c, u64 value);
/// FST: with an unmasked OE or UE (or IE) nothing may be stored; see store_stopped().
u32 store_f32(FpuContext& c, Float80 value);
u64 store_f64(FpuContext& c, Float80 value);

/// FILD: exact.
Float80 from_integer(i64 value);
/// FIST, FISTP, FISTTP (`truncate`); `bits` 16, 32 or 64. Out of range: the integer indefinite 80...0 and IE.
i64 to_integer(FpuContext& c, Float80 value, unsigned bits, bool truncate);

using Bcd = std::array<u8, 10>;
Float80 from_bcd(const Bcd& bcd);
/// FBSTP: 18 digits, or the packed BCD indefinite FFFFC000000000000000 and IE.
Bcd to_bcd(FpuContext& c, Float80 value);

/// After a store: an unmasked numeric exception that forbids the write and the pop (SDM Vol. 1, 8.5.4, 8.5.5).
inline bool store_stopped(const FpuContext& c) { return (c.unmasked() & (kIE | kDE | kOE | kUE)) != 0; }

} // namespace r86::fpu

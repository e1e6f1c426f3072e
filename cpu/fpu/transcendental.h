#pragma once
/// The transcendental instructions of the x87 in integer arithmetic of 128 bits: within 0.51 units of the 64-bit
/// significance, the same bits on every host. Hardware promises 1 ulp (SDM Vol. 1, 8.3.10) and differs from processor
/// to processor in the last bit; special cases, flags and out-of-range operands are those of P6 and later processors.
/// Arguments of the trigonometric functions are reduced with a pi of 66 bits (8.3.8).
/// NOT IMPLEMENTED: nothing known.
#include "cpu/fpu/float80.h"

namespace r86::fpu {

/// FSIN, FCOS, FPTAN. False: |a| >= 2^63, C2 is to be set and nothing changes.
bool sine(FpuContext& c, Float80 a, Float80& result);
bool cosine(FpuContext& c, Float80 a, Float80& result);
bool tangent(FpuContext& c, Float80 a, Float80& result);
bool sine_cosine(FpuContext& c, Float80 a, Float80& sin, Float80& cos); ///< FSINCOS
Float80 arctangent(FpuContext& c, Float80 y, Float80 x);                ///< FPATAN: y = ST(1), x = ST(0)
Float80 exp2_minus_1(FpuContext& c, Float80 x);                         ///< F2XM1
Float80 y_log2_x(FpuContext& c, Float80 y, Float80 x);                  ///< FYL2X: y = ST(1), x = ST(0)
Float80 y_log2_x_plus_1(FpuContext& c, Float80 y, Float80 x);           ///< FYL2XP1

} // namespace r86::fpu

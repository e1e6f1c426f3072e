#pragma once
/// RCPPS and RSQRTPS: SDM Vol. 2, by name, promises a relative error of at most 1.5 * 2^-12 and no exceptions. What we
/// compute is the same on every host, and what Intel's processors compute: the argument is cut to 2048 intervals
/// (RCPPS: the upper 11 fraction bits; RSQRTPS: the exponent's parity and the upper 10), and the answer is that of the
/// interval's middle, rounded to 12 fraction bits. Integers alone, no table.
#include "core/types.h"

namespace r86::sse {

/// Denormals count as zero and give an infinity; a result below the normal range is a zero. NaNs are quieted.
u32 approximate_reciprocal(u32 a);
/// Denormals count as zero; below zero: the default NaN.
u32 approximate_reciprocal_root(u32 a);

} // namespace r86::sse

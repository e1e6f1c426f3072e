/// RCPPS and RSQRTPS: see approximate.h.
#include "cpu/sse/approximate.h"

namespace r86::sse {

namespace {

constexpr u32 kSign = 0x80000000, kInfinity = 0x7F800000, kQuiet = 0x00400000, kDefaultNan = 0xFFC00000;
constexpr u32 exponent(u32 a) { return (a >> 23) & 0xFF; }
constexpr u32 fraction(u32 a) { return a & 0x7FFFFF; }

/// A value in [1/2, 1) given as value * 2^13 becomes a single with this biased exponent for [1/2, 1).
constexpr u32 assemble(u32 scaled, u32 biased) { return biased << 23 | (scaled - 4096) << 11; }

/// round(2^38 / sqrt(m)) / 2^k without a root: the largest s with s^2 * m <= limit, by bits; then rounded.
constexpr u32 reciprocal_root(u64 m, u64 numerator) {
    // s = numerator / sqrt(m) with one bit more than wanted: s^2 * m <= numerator^2.
    u64 s = 0;
    for (u64 bit = u64{1} << 14; bit; bit >>= 1) {
        const u64 next = s | bit;
        if (static_cast<unsigned __int128>(next * next) * m <= static_cast<unsigned __int128>(numerator) * numerator)
            s = next;
    }
    return static_cast<u32>((s + 1) >> 1);
}

} // namespace

u32 approximate_reciprocal(u32 a) {
    const u32 sign = a & kSign;
    if (exponent(a) == 0xFF) return fraction(a) ? a | kQuiet : sign;
    if (exponent(a) == 0) return sign | kInfinity;
    if (exponent(a) > 252) return sign; // at most 2^-126
    // The middle of the interval is (4096 + 2i + 1) / 4096; its reciprocal times 2^13 is 2^25 / (4096 + 2i + 1).
    const u32 middle = 4096 + 2 * (fraction(a) >> 12) + 1;
    const u32 scaled = (2 * (u32{1} << 25) / middle + 1) / 2;
    return sign | assemble(scaled, 252 - exponent(a) + 1);
}

u32 approximate_reciprocal_root(u32 a) {
    if (exponent(a) == 0xFF && fraction(a)) return a | kQuiet;
    if (exponent(a) == 0) return (a & kSign) | kInfinity;
    if (a & kSign) return kDefaultNan;
    if (exponent(a) == 0xFF) return 0;
    // a = x * 4^e with x in [1, 4): even (unbiased) exponents give [1, 2), odd ones [2, 4).
    const i32 unbiased = static_cast<i32>(exponent(a)) - 127;
    const bool odd = unbiased & 1;
    const u64 middle = (2048 + 2 * (fraction(a) >> 13) + 1) << (odd ? 1 : 0); // times 2^11
    // 1/sqrt(x) * 2^14 = 2^14 * sqrt(2^11 / middle) = sqrt(2^39 / middle); both squared and times 2^k to stay whole.
    const u32 scaled = reciprocal_root(middle << 1, u64{1} << 20);
    return assemble(scaled, static_cast<u32>(126 - (unbiased - (odd ? 1 : 0)) / 2));
}

} // namespace r86::sse

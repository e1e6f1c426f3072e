/// The square root, the one significand operation too long for a header.
#include "cpu/fpu/wide.h"
#include <array>

namespace r86::fpu {

namespace {

/// 2^16 / sqrt(v) at the middle of each 1/64 of [1, 4): the seed of Newton's iteration.
constexpr std::array<u32, 256> make_seeds() {
    std::array<u32, 256> seeds{};
    for (u32 i = 64; i < 256; ++i) {
        u64 low = 0, high = 1u << 17;
        while (high - low > 1) {
            const u64 s = (low + high) / 2;
            if (s * s * (2 * i + 1) <= (u64{1} << 39))
                low = s;
            else
                high = s;
        }
        seeds[i] = static_cast<u32>(low);
    }
    return seeds;
}
constexpr std::array<u32, 256> kSeeds = make_seeds();

} // namespace

Unrounded square_root_significand(i32 exponent, u64 significand) {
    const bool odd = exponent & 1;
    const u128 radicand = static_cast<u128>(significand) << (odd ? 64 : 63); // root = floor(sqrt(radicand))
    const u64 v = odd ? significand : significand >> 1;                      // in [1, 4), 62 bits of fraction
    // y ~ 1/sqrt(v) with 63 bits of fraction; y' = y (3 - v y^2) / 2 doubles the good bits: 7, 14, 28, 56, 60.
    u64 y = static_cast<u64>(kSeeds[v >> 56]) << 47;
    for (int i = 0; i < 4; ++i) {
        const u64 yy = high64(multiply64(y, y));           // 62 bits
        const u64 vyy = high64(multiply64(v, yy));         // 60 bits
        const u64 factor = (u64{3} << 60) - vyy;           // 60 bits, about 2
        y = static_cast<u64>(multiply64(y, factor) >> 61); // halved
    }
    const u128 estimate = multiply64(v, y) >> 62;
    u64 root = high64(estimate) ? ~u64{0} : low64(estimate);
    // The estimate is a few units off; the remainder is then small, and exact modulo 2^128.
    i128 remainder = static_cast<i128>(radicand - multiply64(root, root));
    while (remainder < 0) {
        --root;
        remainder += static_cast<i128>(2 * static_cast<u128>(root) + 1);
    }
    while (remainder > static_cast<i128>(2 * static_cast<u128>(root))) {
        remainder -= static_cast<i128>(2 * static_cast<u128>(root) + 1);
        ++root;
    }
    // sqrt(root^2 + remainder) lies above root + 1/2 when remainder > root; never exactly at it.
    const u64 tail = remainder == 0 ? 0 : remainder > static_cast<i128>(root) ? (u64{1} << 63) + 1 : 1;
    return {false, (exponent - odd) / 2, root, tail};
}

} // namespace r86::fpu

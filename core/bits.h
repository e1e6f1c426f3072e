#pragma once
/// Bit helpers with the numbering of the manuals: bit 0 is the least significant.
#include "core/types.h"
#include <bit>
#include <concepts>
#include <type_traits>

namespace r86 {

template <std::unsigned_integral T>
constexpr bool bit(T value, unsigned n) {
    return (value >> n) & 1u;
}

/// Bits hi..lo inclusive, moved down to bit 0.
template <std::unsigned_integral T>
constexpr T bits(T value, unsigned hi, unsigned lo) {
    const T shifted = static_cast<T>(value >> lo);
    const unsigned width = hi - lo + 1;
    return width >= sizeof(T) * 8 ? shifted : static_cast<T>(shifted & ((T{1} << width) - 1));
}

template <std::unsigned_integral T>
constexpr bool msb(T value) {
    return value >> (sizeof(T) * 8 - 1);
}

template <std::unsigned_integral T>
constexpr std::make_signed_t<T> as_signed(T value) {
    return static_cast<std::make_signed_t<T>>(value);
}

/// Even parity of a byte, as PF wants it: true when the number of set bits is even.
constexpr bool even_parity(u8 value) { return (std::popcount(value) & 1) == 0; }

constexpr u64 align_up(u64 value, u64 alignment) { return (value + alignment - 1) / alignment * alignment; }

} // namespace r86

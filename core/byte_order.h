#pragma once
/// Numbers in the byte order that a file format prescribes, at any alignment, on any host.
#include "core/types.h"
#include <concepts>

namespace r86 {

template <std::unsigned_integral T>
constexpr T load_be(const u8* from) {
    T value = 0;
    for (usize i = 0; i < sizeof(T); ++i) value = static_cast<T>(u64{value} << 8 | from[i]);
    return value;
}

template <std::unsigned_integral T>
constexpr T load_le(const u8* from) {
    T value = 0;
    for (usize i = sizeof(T); i-- > 0;) value = static_cast<T>(u64{value} << 8 | from[i]);
    return value;
}

template <std::unsigned_integral T>
constexpr void store_be(u8* to, T value) {
    for (usize i = 0; i < sizeof(T); ++i) to[i] = static_cast<u8>(value >> 8 * (sizeof(T) - 1 - i));
}

template <std::unsigned_integral T>
constexpr void store_le(u8* to, T value) {
    for (usize i = 0; i < sizeof(T); ++i) to[i] = static_cast<u8>(value >> 8 * i);
}

} // namespace r86

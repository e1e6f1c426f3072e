#pragma once
/// A packed operand by value (8 bytes of MMX, 16 of XMM) and its lanes. The bytes are the guest's: little-endian, lane
/// 0 lowest (SDM Vol. 1, 4.6 "Packed SIMD data types").
#include "core/types.h"
#include <array>
#include <bit>
#include <limits>

namespace r86::sse {

template <unsigned N>
struct alignas(N) Packed {
    std::array<u8, N> bytes{};
    constexpr bool operator==(const Packed&) const = default;
};
using Mm = Packed<8>;
using Xmm = Packed<16>;

static_assert(std::endian::native == std::endian::little, "lanes are read with the host's byte order");

template <class T, unsigned N>
using Lanes = std::array<T, N / sizeof(T)>;

template <class T, unsigned N>
constexpr Lanes<T, N> lanes(Packed<N> v) {
    return std::bit_cast<Lanes<T, N>>(v);
}
template <class T, std::size_t Count>
constexpr auto pack(std::array<T, Count> lanes) {
    return std::bit_cast<Packed<static_cast<unsigned>(Count * sizeof(T))>>(lanes);
}

/// Lane n alone.
template <class T, unsigned N>
constexpr T lane(Packed<N> v, unsigned n) {
    return lanes<T>(v)[n];
}
template <class T, unsigned N>
constexpr Packed<N> with_lane(Packed<N> v, unsigned n, T value) {
    auto all = lanes<T>(v);
    all[n] = value;
    return pack(all);
}

/// f on each lane, or on each pair of lanes.
template <class T, unsigned N, class F>
constexpr Packed<N> map(Packed<N> a, F f) {
    auto x = lanes<T>(a);
    for (T& value : x) value = static_cast<T>(f(value));
    return pack(x);
}
template <class T, unsigned N, class F>
constexpr Packed<N> map(Packed<N> a, Packed<N> b, F f) {
    auto x = lanes<T>(a);
    const auto y = lanes<T>(b);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<T>(f(x[i], y[i]));
    return pack(x);
}

/// Cut to the range of To (SDM Vol. 1, 9.3.2 "Saturation and Wraparound Modes").
template <class To>
constexpr To saturate(i32 value) {
    constexpr i32 low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
    return static_cast<To>(value < low ? low : value > high ? high : value);
}

} // namespace r86::sse

#pragma once
/// Address kinds that do not convert into each other: passing a linear address to physical memory does not compile.
#include "core/types.h"
#include <compare>

namespace r86 {

template <class Tag, class Rep>
struct Address {
    Rep value{};
    constexpr auto operator<=>(const Address&) const = default;
    constexpr Address operator+(Rep delta) const { return {static_cast<Rep>(value + delta)}; }
};

using LinearAddr = Address<struct LinearTag, u64>;
using PhysAddr = Address<struct PhysTag, u64>;

inline constexpr unsigned kPageShift = 12;
inline constexpr u64 kPageSize = u64{1} << kPageShift;
inline constexpr u64 kPageMask = kPageSize - 1;

} // namespace r86

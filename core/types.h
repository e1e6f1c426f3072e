#pragma once
/// Fixed-width names used everywhere; nothing else may be abbreviated.
#include <cstddef>
#include <cstdint>

namespace r86 {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i8 = std::int8_t;
using i16 = std::int16_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;

/// The only coordinate of a session: +1 for each retired instruction, REP iteration, delivered exception or
/// interrupt, plus the ticks that a halt skips.
using Tick = u64;
inline constexpr Tick kNever = ~Tick{0};

} // namespace r86

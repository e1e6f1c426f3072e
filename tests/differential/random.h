#pragma once
/// Random numbers for random programs.
#include "tests/random.h"

namespace r86::differential {

using test::Random;

/// A number that instructions have opinions about: small, near a border, or anything.
inline u32 interesting32(Random& random) {
    static constexpr u32 kValues[] = {
        0,    1,    2,     3,      7,      8,      0x0F,    0x10,       0x1F,       0x20,       0x7F,       0x80,
        0x81, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF};
    switch (random.below(4)) {
    case 0: return random.pick(kValues);
    case 1: return static_cast<u32>(random.next()) >> random.below(32);
    default: return static_cast<u32>(random.next());
    }
}

} // namespace r86::differential

#pragma once
/// Programs that leave their pieces: a computed jump, or a return from a broken stack, goes into the middle of an
/// instruction, or a store through a wild pointer rewrites one. What runs there is compared like everything else,
/// unless it is what pieces never are made of.
#include "tests/differential/emulated.h"

namespace r86::differential {

struct Wild {
    std::string reason; ///< empty: nothing that must not be compared
    u32 undefined = 0;  ///< status flags that are undefined at the end
};

/// Runs the program in the emulator once more and looks at every instruction that is not where a piece has one: does it
/// belong to exclusions.inc, or read status flags that are undefined there?
Wild follow_wild_jumps(const Program& program);

} // namespace r86::differential

#pragma once
/// Which status flags are undefined where, found by following a program's pieces through all its jumps.
#include "cpu/insn.h"
#include "tests/differential/program.h"

namespace r86::differential {

/// What one instruction does to the status flags.
struct FlagEffect {
    u32 read = 0;
    u32 written = 0; ///< for certain
    u32 undefined = 0;
};
FlagEffect flag_effect(const Insn& insn);

struct FlagFlow {
    /// For each piece, and at last for the exit: status flags that may be undefined there.
    std::vector<u32> undefined_before;
    /// No piece reads a flag that may be undefined, so the program means the same on every processor.
    bool defined = true;
};
FlagFlow follow_flags(const Program& program, const Layout& layout);
/// Flags that are undefined where the program ended.
Mask mask_at(const FlagFlow& flow, const Program& program, const Layout& layout, const Outcome& outcome);

} // namespace r86::differential

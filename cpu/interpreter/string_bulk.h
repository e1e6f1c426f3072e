#pragma once
/// REP string instructions many iterations at a time: only where every byte is plain memory that nobody watches, so
/// that nothing can tell the difference.
#include "core/types.h"

namespace r86 {

class Cpu;
struct Insn;

/// Carries out up to `limit` iterations and returns how many; 0 if the next one must go through the generic form.
/// Registers and flags are as after the last of them.
u64 string_bulk(Cpu& cpu, const Insn& insn, u64 limit);
/// After string_bulk returned more than 0: is the instruction over (count used up or condition met)?
bool string_finished(const Cpu& cpu, const Insn& insn);

} // namespace r86

#pragma once
/// From decoded instructions to a block: flag liveness, fusion, choice of handlers.
#include "cpu/block/block_cache.h"
#include "cpu/block/op.h"
#include <span>

namespace r86 {

inline constexpr unsigned kMaxBlockInstructions = 32;

/// Must the dispatcher look after this instruction whatever it did? Port accesses and loads of data segments need not
/// end a block: a board that wants attention, or a mode that changed, is seen behind every generic instruction.
bool ends_decoded_block(const Insn& insn);

/// `insns` is not empty; only the last may end a block; `code` are their bytes. The result is not in the cache's index
/// yet.
Block* build_block(BlockCache& cache, std::span<const Insn> insns, const u8* code, u64 physical, u32 mode);

} // namespace r86

#pragma once
/// The one place that asks the host for large zeroed memory.
#include "core/types.h"

namespace r86 {

/// Zero-filled, page-aligned, committed on first touch. Throws UserError when the host refuses.
void* host_allocate(u64 bytes);
void host_release(void* memory, u64 bytes);
/// The same for guest RAM, in huge pages where the host gives them: a guest walks through far more of it than the
/// host's TLB reaches with small ones.
void* host_allocate_ram(u64 bytes);
/// Gives the physical memory back to the host; contents read as zero afterwards.
void host_discard(void* memory, u64 bytes);

} // namespace r86

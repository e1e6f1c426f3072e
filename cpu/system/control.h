#pragma once
/// Control register parts that several instructions share: SDM Vol. 3, 2.5 and 4.4.1.
#include "core/types.h"
#include <array>

namespace r86 {

class Cpu;

/// The four PDPTEs that `cr3` points to; false if a present one has a reserved bit set.
bool read_pdptes(Cpu& cpu, u64 cr3, std::array<u64, 4>& out);
/// CR3 of a new task; its PDPTEs were checked before.
void load_cr3_for_task(Cpu& cpu, u32 cr3);
/// CR4 bits that this model has.
u32 cr4_allowed(const Cpu& cpu);

} // namespace r86

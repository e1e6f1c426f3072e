#pragma once
/// Control register parts that several instructions share: SDM Vol. 3, 2.5 and 4.4.1.
#include "cpu/state.h"
#include <array>

namespace r86 {

class Cpu;

/// What else is written to CR0 in 32-bit mode is ignored.
inline constexpr u32 kCR0_Defined =
    kCR0_PE | kCR0_MP | kCR0_EM | kCR0_TS | kCR0_ET | kCR0_NE | kCR0_WP | kCR0_AM | kCR0_NW | kCR0_CD | kCR0_PG;

/// The four PDPTEs that `cr3` points to; false if a present one has a reserved bit set.
bool read_pdptes(Cpu& cpu, u64 cr3, std::array<u64, 4>& out);
/// CR3 of a new task; its PDPTEs were checked before.
void load_cr3_for_task(Cpu& cpu, u32 cr3);
/// CR4 bits that this model has.
u32 cr4_allowed(const Cpu& cpu);

} // namespace r86

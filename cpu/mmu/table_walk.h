#pragma once
/// How page tables translate a linear address, for people who ask: no faults, no accessed and dirty bits, no caches,
/// and in any address space that was current once.
#include "core/types.h"
#include <array>

namespace r86 {

class PhysicalMemory;
struct CpuState;

/// What a walk begins with, SDM Vol. 3, 4.1.1 "Three Paging Modes".
struct AddressSpace {
    bool paging = false;
    bool pae = false;
    bool large_pages = false;   ///< CR4.PSE, or PAE
    bool a20 = true;            ///< false: address line 20 is held low
    u64 directory = 0;          ///< without PAE
    std::array<u64, 4> pdpte{}; ///< with it
};
AddressSpace address_space(const CpuState& state);

struct PageEntry {
    u64 physical = 0; ///< where the entry stands
    u64 value = 0;
    unsigned bytes = 4;
};

/// The entries that were looked at, directory first: none without paging; the last one is not present or maps a page.
struct TableWalk {
    std::array<PageEntry, 2> entries{};
    unsigned levels = 0;
    bool mapped = false;
    u64 physical = 0; ///< if mapped

    const PageEntry* begin() const { return entries.data(); }
    const PageEntry* end() const { return entries.data() + levels; }
};
TableWalk walk_tables(PhysicalMemory& memory, const AddressSpace& space, u64 linear);
/// Whether memory holds now, where the entries of a walk stand, what maps the same page: rights, accessed and dirty
/// bits aside.
bool maps_the_same(PhysicalMemory& memory, const TableWalk& walk);

} // namespace r86

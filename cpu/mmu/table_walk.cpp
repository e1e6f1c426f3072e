/// SDM Vol. 3, 4.3 "32-bit Paging", 4.4 "PAE Paging".
#include "cpu/mmu/table_walk.h"
#include "core/memory.h"
#include "cpu/state.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

constexpr u64 kPresent = 1, kLarge = 0x80, kFrame = 0xFFFFFFF000;
constexpr u64 kHighFrame = 0x1FE000; ///< of a 4 MiB page: address bits 39 to 32 (PSE-36)
constexpr unsigned kHighShift = 19;

u64 through_gate(const AddressSpace& space, u64 physical) { return space.a20 ? physical : physical & ~(u64{1} << 20); }

/// All ones where no memory is: chips are not asked, since some change when they are read.
u64 read_entry(PhysicalMemory& memory, u64 physical, unsigned bytes) {
    u64 value = ~u64{0} >> (64 - 8 * bytes);
    if (memory.exists({physical}))
        if (const u8* page = memory.page({physical}).read) std::memcpy(&value, page + (physical & kPageMask), bytes);
    return value;
}

} // namespace

AddressSpace address_space(const CpuState& s) {
    AddressSpace space;
    space.paging = s.cr0 & kCR0_PG;
    space.pae = s.cr4 & kCR4_PAE;
    space.large_pages = s.cr4 & (kCR4_PAE | kCR4_PSE);
    space.a20 = s.a20;
    space.directory = s.cr3 & 0xFFFFF000;
    space.pdpte = s.pdpte;
    return space;
}

TableWalk walk_tables(PhysicalMemory& memory, const AddressSpace& space, u64 linear) {
    TableWalk walk;
    const auto leads_to = [&](u64 physical) {
        walk.mapped = true;
        walk.physical = through_gate(space, physical);
        return walk;
    };
    if (!space.paging) return leads_to(linear);

    const unsigned bytes = space.pae ? 8 : 4;
    const auto look_up = [&](u64 table, unsigned shift) {
        const u64 index = (linear >> shift) & (space.pae ? 0x1FF : 0x3FF);
        const u64 physical = through_gate(space, table + index * bytes);
        const u64 value = read_entry(memory, physical, bytes);
        walk.entries[walk.levels++] = {physical, value, bytes};
        return value;
    };
    u64 directory = space.directory;
    if (space.pae) {
        const u64 pdpte = space.pdpte[(linear >> 30) & 3];
        if (!(pdpte & kPresent)) return walk;
        directory = pdpte & kFrame;
    }
    const unsigned shift = space.pae ? 21 : 22;
    const u64 pde = look_up(directory, shift);
    if (!(pde & kPresent)) return walk;
    if ((pde & kLarge) && space.large_pages) {
        const u64 in_page = (u64{1} << shift) - 1;
        const u64 above = space.pae ? 0 : (pde & kHighFrame) << kHighShift;
        return leads_to(above | (pde & kFrame & ~in_page) | (linear & in_page));
    }
    const u64 pte = look_up(pde & kFrame, 12);
    if (!(pte & kPresent)) return walk;
    return leads_to((pte & kFrame) | (linear & kPageMask));
}

bool maps_the_same(PhysicalMemory& memory, const TableWalk& walk) {
    return std::all_of(walk.begin(), walk.end(), [&](const PageEntry& entry) {
        const u64 now = read_entry(memory, entry.physical, entry.bytes);
        return ((now ^ entry.value) & (kPresent | kLarge | kFrame)) == 0;
    });
}

} // namespace r86

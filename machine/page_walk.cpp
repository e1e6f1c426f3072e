/// SDM Vol. 3, 4.3 "32-bit Paging", 4.4 "PAE Paging". NOT IMPLEMENTED: the A20 gate, which the processor's walk
/// honours.
#include "machine/page_walk.h"
#include "machine/machine.h"
#include <algorithm>

namespace r86 {

namespace {
constexpr u64 kPresent = 1, kLarge = 0x80, kFrame = 0xFFFFFFF000;

u64 read_entry(Machine& machine, u64 physical, unsigned bytes) {
    const std::vector<u8> content = machine.read_physical(physical, bytes);
    u64 value = 0;
    for (unsigned i = 0; i < bytes; ++i) value |= u64{content[i]} << (8 * i);
    return value;
}
} // namespace

std::vector<PageEntry> page_entries(Machine& machine, u64 linear) {
    const CpuState& s = machine.cpu().s;
    if (!(s.cr0 & kCR0_PG)) return {};
    const bool pae = s.cr4 & kCR4_PAE;
    const unsigned bytes = pae ? 8 : 4;
    std::vector<PageEntry> entries;
    const auto add = [&](u64 table, unsigned shift) {
        const u64 index = (linear >> shift) & (pae ? 0x1FF : 0x3FF);
        const u64 physical = table + index * bytes;
        entries.push_back({physical, read_entry(machine, physical, bytes), bytes});
        return entries.back().value;
    };
    u64 directory = s.cr3 & 0xFFFFF000;
    if (pae) {
        const u64 pdpte = s.pdpte[(linear >> 30) & 3];
        if (!(pdpte & kPresent)) return entries;
        directory = pdpte & kFrame;
    }
    const u64 pde = add(directory, pae ? 21 : 22);
    if (!(pde & kPresent) || ((pde & kLarge) && (pae || (s.cr4 & kCR4_PSE)))) return entries;
    add(pde & kFrame, 12);
    return entries;
}

bool maps_the_same(Machine& machine, const std::vector<PageEntry>& entries) {
    return std::all_of(entries.begin(), entries.end(), [&](const PageEntry& entry) {
        const u64 now = read_entry(machine, entry.physical, entry.bytes);
        return ((now ^ entry.value) & (kPresent | kLarge | kFrame)) == 0;
    });
}

} // namespace r86

#pragma once
/// Which page-table entries translate a linear address now, for people who ask.
#include "core/types.h"
#include <vector>

namespace r86 {

class Machine;

struct PageEntry {
    u64 physical = 0; ///< where the entry stands
    u64 value = 0;
    unsigned bytes = 4;
};

/// Directory first; ends at an entry that is not present or maps a large page. Empty without paging. No side effects.
std::vector<PageEntry> page_entries(Machine& machine, u64 linear);
/// Whether memory holds now, where these entries stand, what maps the same page: rights, accessed and dirty bits aside.
bool maps_the_same(Machine& machine, const std::vector<PageEntry>& entries);

} // namespace r86

#pragma once
/// Where a differential program lives: the same linear addresses and the same local descriptors on the host and in the
/// emulator, so that even a wild access means the same on both sides. All below 2 GiB, for compatibility-mode segments.
#include "core/types.h"
#include <array>

namespace r86::differential {

inline constexpr u32 kPage = 4096;

enum class Rights : u8 { None, ReadOnly, ReadWrite, All };

/// One mapped range; between and around them nothing is mapped.
struct Region {
    const char* name;
    u32 base;
    u32 size;
    Rights rights;
};
inline constexpr u32 kCode = 0x20000000, kExit = 0x7A5C0000, kData = 0x20080000, kStack = 0x200C0000;
/// Data: two pages, a hole, one read-only page, two pages. The page borders are where instructions are restarted.
inline constexpr std::array<Region, 5> kRegions = {{
    {"code", kCode, 4 * kPage, Rights::All},
    {"data", kData, 2 * kPage, Rights::ReadWrite},
    {"constant", kData + 3 * kPage, 1 * kPage, Rights::ReadOnly},
    {"more data", kData + 4 * kPage, 2 * kPage, Rights::ReadWrite},
    {"stack", kStack, 2 * kPage, Rights::ReadWrite},
}};
inline constexpr u32 kImageSize = (4 + 2 + 1 + 2 + 2) * kPage; ///< all regions, one after the other

/// Index in the image of a linear address, or kImageSize.
constexpr u32 image_offset(u32 linear) {
    u32 at = 0;
    for (const Region& region : kRegions) {
        if (linear - region.base < region.size) return at + (linear - region.base);
        at += region.size;
    }
    return kImageSize;
}

/// What the benches keep for themselves: the host's exit code and the area behind it, the emulated system's tables,
/// handlers and inner stack. A program that reaches them by a wild pointer has no result to compare.
inline constexpr u32 kExitPages = 2, kSystem = 0xD1340000, kSystemPages = 6;
constexpr bool is_the_benches(u32 linear) {
    return linear - kExit < kExitPages * kPage || linear - kSystem < kSystemPages * kPage;
}

/// Local descriptors, in the terms of Linux's modify_ldt (which sets DPL 3, S and the accessed bit).
struct LocalDescriptor {
    const char* name;
    u32 base;
    u32 limit;    ///< raw: in pages with `pages`
    bool big;     ///< D/B
    u8 contents;  ///< 0 data, 1 expand-down data, 2 code
    bool limited; ///< read-only data, execute-only code
    bool pages;   ///< G
    bool present;
};
enum Local : u8 {
    kCode32,
    kCode16,
    kCode32Based,
    kFlat,
    kBased,       ///< 64 KiB from kData
    kBasedBig,    ///< the same with B = 1
    kShort,       ///< the first 1.5 pages of data, byte granular
    kConstant,    ///< read-only, 64 KiB from kData
    kDown,        ///< expand-down, from 800h to 64 KiB
    kDownBig,     ///< expand-down to 4 GiB
    kAbsent,      ///< not present
    kStack16,     ///< 64 KiB from kStack, B = 0
    kStack32,     ///< the same, B = 1
    kStackFlat16, ///< flat, but B = 0: SP wraps in 64 KiB
    kExecuteOnly,
    kLocals
};
inline constexpr std::array<LocalDescriptor, kLocals> kLocalDescriptors = {{
    {"code32", 0, 0xFFFFF, true, 2, false, true, true},
    {"code16", kCode, 0xFFFF, false, 2, false, false, true},
    {"code32 based", kCode, 0x3FFF, true, 2, false, false, true},
    {"flat", 0, 0xFFFFF, true, 0, false, true, true},
    {"based", kData, 0xFFFF, false, 0, false, false, true},
    {"based big", kData, 0xFFFF, true, 0, false, false, true},
    {"short", kData, 0x17FF, true, 0, false, false, true},
    {"constant", kData, 0xFFFF, true, 0, true, false, true},
    {"down", kData, 0x7FF, false, 1, false, false, true},
    {"down big", kData, 0x7FF, true, 1, false, false, true},
    {"absent", kData, 0xFFFF, true, 0, false, false, false},
    {"stack16", kStack, 0xFFFF, false, 0, false, false, true},
    {"stack32", kStack, 0xFFFF, true, 0, false, false, true},
    {"flat stack16", kStack, 0xFFFFF, false, 0, false, true, true},
    {"execute only", kCode, 0xFFFF, true, 2, true, false, true},
}};
constexpr u16 selector_of(unsigned local) { return static_cast<u16>(local << 3 | 7); }

/// The code segment that a program leaves through; 64-bit code on the host (Linux's __USER_CS).
inline constexpr u16 kExitSelector = 0x33;

} // namespace r86::differential

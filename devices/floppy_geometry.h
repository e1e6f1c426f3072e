#pragma once
/// The diskette formats of the PC: how an image's size becomes cylinders, heads, sectors and a data rate.
#include "core/types.h"
#include <array>

namespace r86 {

/// Data rates by the 82077AA's selection codes (data sheet 2.1.4 "Data Rate Select Register").
enum class DataRate : u8 { Kbps500 = 0, Kbps300 = 1, Kbps250 = 2, Mbps1 = 3 };

struct FloppyGeometry {
    u8 cylinders = 0;
    u8 heads = 0;
    u8 sectors = 0; ///< of 512 bytes in a track
    DataRate rate = DataRate::Kbps500;
    u8 drive_type = 0; ///< CMOS 10h: 1 = 360 KB, 2 = 1.2 MB, 3 = 720 KB, 4 = 1.44 MB, 5 = 2.88 MB
    constexpr u64 bytes() const { return u64{512} * cylinders * heads * sectors; }
};

/// By rising size, so that the first that holds an image is the smallest.
inline constexpr std::array<FloppyGeometry, 14> kFloppyGeometries{{
    {40, 1, 8, DataRate::Kbps250, 1},  // 160 KB, 5.25"
    {40, 1, 9, DataRate::Kbps250, 1},  // 180 KB
    {40, 2, 8, DataRate::Kbps250, 1},  // 320 KB
    {40, 2, 9, DataRate::Kbps250, 1},  // 360 KB
    {80, 2, 8, DataRate::Kbps250, 3},  // 640 KB
    {80, 2, 9, DataRate::Kbps250, 3},  // 720 KB, 3.5" DD
    {80, 2, 10, DataRate::Kbps250, 3}, // 800 KB
    {80, 2, 15, DataRate::Kbps500, 2}, // 1.2 MB, 5.25" HD
    {80, 2, 18, DataRate::Kbps500, 4}, // 1.44 MB, 3.5" HD
    {82, 2, 18, DataRate::Kbps500, 4}, // the same with two cylinders more
    {80, 2, 20, DataRate::Kbps500, 4}, // 1.6 MB
    {80, 2, 21, DataRate::Kbps500, 4}, // 1.68 MB, Microsoft's DMF
    {82, 2, 21, DataRate::Kbps500, 4}, // 1.72 MB
    {80, 2, 36, DataRate::Mbps1, 5},   // 2.88 MB, 3.5" ED
}};

inline constexpr u64 kSmallestFloppy = 512;
inline constexpr u64 kLargestFloppy = kFloppyGeometries.back().bytes();

/// The smallest standard geometry that holds `bytes`; nullptr beyond 2.88 MB.
constexpr const FloppyGeometry* floppy_geometry(u64 bytes) {
    for (const FloppyGeometry& geometry : kFloppyGeometries) {
        if (bytes <= geometry.bytes()) return &geometry;
    }
    return nullptr;
}

static_assert(floppy_geometry(512)->bytes() == 163840);
static_assert(floppy_geometry(1474560)->sectors == 18);
static_assert(floppy_geometry(2949120)->sectors == 36 && !floppy_geometry(2949121));

} // namespace r86

#pragma once
/// The RAM part of a digest: the sum over all pages of H(page number, content). The order of the pages does not matter,
/// so that a changed page can be exchanged in the sum. Pages of zeros count nothing.
#include "core/types.h"
#include <span>

namespace r86 {

struct RamHash {
    u64 low = 0;
    u64 high = 0;
    RamHash& operator+=(const RamHash& other) {
        low += other.low;
        high += other.high;
        return *this;
    }
    RamHash& operator-=(const RamHash& other) {
        low -= other.low;
        high -= other.high;
        return *this;
    }
    bool operator==(const RamHash&) const = default;
};

/// `content` is one page of 4 KiB.
RamHash hash_page(u64 number, std::span<const u8> content);
/// Pages of video memory count from here.
inline constexpr u64 kVideoPages = u64{1} << 32;
/// A changed cluster of an image; one of zeros counts as well.
RamHash hash_cluster(u32 image, u64 cluster, std::span<const u8> content);
RamHash hash_ram(std::span<const u8> ram);

} // namespace r86

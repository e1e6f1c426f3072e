#pragma once
/// The header of a qcow2 file, versions 2 and 3.
/// Format: QEMU, docs/interop/qcow2.txt. All numbers are big-endian.
/// NOT IMPLEMENTED: encryption, external data files, extended L2 entries (sub-clusters): refused with a sentence.
#include "devices/host_file.h"
#include <string>
#include <vector>

namespace r86 {

struct Qcow2Header {
    u32 version = 3;
    u32 cluster_bits = 16;
    u64 size = 0; ///< of the disk, bytes
    u32 l1_entries = 0;
    u64 l1_offset = 0;
    u64 refcount_table_offset = 0;
    u32 refcount_table_clusters = 0;
    u32 snapshots = 0;
    u64 snapshots_offset = 0;
    u64 incompatible = 0, compatible = 0, autoclear = 0;
    u32 refcount_order = 4; ///< a refcount has 2^order bits
    u32 header_bytes = 104;
    u8 compression = 0; ///< 0 deflate, 1 zstd
    std::string backing_file{};
    std::string backing_format{}; ///< empty: not told
    bool has_bitmaps = false;

    static constexpr u64 kDirty = 1, kCorrupt = 2, kExternalData = 4, kCompression = 8, kExtendedL2 = 16;

    u64 cluster_bytes() const { return u64{1} << cluster_bits; }
    u64 l2_entries() const { return cluster_bytes() / 8; }
    u64 refcounts_in_block() const { return cluster_bytes() * 8 >> refcount_order; }

    /// Throws UserError if the file cannot be read, is damaged, or needs what is not implemented.
    static Qcow2Header read(HostFile& file);
    /// The first cluster of a new file. `size`, tables and backing are taken from the members.
    std::vector<u8> encode() const;
};

/// An entry of an L2 table (section "L2 table entry").
struct Qcow2Entry {
    static constexpr u64 kCopied = u64{1} << 63, kCompressed = u64{1} << 62, kZero = 1;
    static constexpr u64 kOffsetMask = 0x00FF'FFFF'FFFF'FE00;
    u64 raw = 0;

    bool compressed() const { return raw & kCompressed; }
    bool copied() const { return raw & kCopied; } ///< its refcount is exactly one
    bool zero() const { return !compressed() && (raw & kZero); }
    u64 offset() const { return raw & kOffsetMask; } ///< of a standard entry; 0 = not allocated
    /// Where compressed data starts and how many bytes it has at most.
    u64 compressed_offset(u32 cluster_bits) const { return raw & ((u64{1} << (70 - cluster_bits)) - 1); }
    u64 compressed_bytes(u32 cluster_bits) const {
        const u32 x = 70 - cluster_bits; // 62 - (cluster_bits - 8)
        const u64 sectors = (raw >> x & ((u64{1} << (62 - x)) - 1)) + 1;
        return sectors * 512 - (compressed_offset(cluster_bits) & 511);
    }
};

} // namespace r86

#pragma once
/// A sparse extent of a VMDK image: grains that two levels of tables lead to.
/// Format: VMware, "Virtual Disk Format 1.1", section "Hosted Sparse Extents". All numbers are little-endian.
#include "devices/image_formats.h"
#include <map>

namespace r86 {

struct VmdkSparseHeader {
    static constexpr usize kBytes = 512;
    static constexpr u32 kMagic = 0x564D444B;
    static constexpr u32 kRedundantTable = 2, kZeroGrains = 4, kCompressed = 1 << 16;
    u32 version = 1, flags = 3;
    u64 capacity = 0, grain_sectors = 128; // sectors
    u64 descriptor_offset = 0, descriptor_sectors = 0;
    u32 table_entries = 512;
    u64 redundant_directory = 0, directory = 0; // sectors
    u64 overhead = 0;
    u16 compression = 0; ///< 1: deflate

    /// An empty string, or what is wrong.
    std::string decode(std::span<const u8, kBytes> raw);
    std::array<u8, kBytes> encode() const;
    u64 directory_entries() const {
        const u64 covered = grain_sectors * table_entries;
        return (capacity + covered - 1) / covered;
    }
};

/// Reads and writes one extent. Grains are handed out where a killed process left some that no entry leads to, then at
/// the end of what is used, in space that was added to the file before, so that no entry ever leads behind the file's
/// end.
class VmdkSparseExtent {
public:
    enum class Place : u8 { Nowhere, Zero, Here };

    /// Throws UserError. The file outlives the extent.
    VmdkSparseExtent(HostFile& file, bool writable);
    const VmdkSparseHeader& header() const { return header_; }
    u64 grain_bytes() const { return header_.grain_sectors * 512; }
    bool writable() const { return writable_; }

    /// Where the grain's content comes from. False: a host error or damage, see `error`.
    bool find(u64 grain, Place& place);
    /// Only for grains that are `Here`.
    bool read(u64 grain, usize inside, std::span<u8> out);
    /// Over a grain that is `Here`.
    bool overwrite(u64 grain, usize inside, std::span<const u8> in);
    /// A grain that is not `Here`: `whole` is all of it. `replaces`: it read as something else than zeros before.
    bool add(u64 grain, std::span<const u8> whole, bool replaces);
    bool flush();
    bool close();
    const std::string& error() const { return error_; }

private:
    bool fail() {
        error_ = "image " + file_.error();
        return false;
    }
    bool fail(const char* what) {
        error_ = "image '" + file_.path() + "' is damaged: " + what;
        return false;
    }
    std::vector<u32> read_directory(u64 sector) const;
    void check_places();
    bool find_table(u64 index, std::vector<u32>*& out);
    bool allocate(u64 sectors, u64& sector);
    bool add_table(u64 index);
    bool unpack(u64 grain, u64 offset);

    HostFile& file_;
    bool writable_;
    VmdkSparseHeader header_;
    std::vector<u32> directory_, redundant_; // sectors of grain tables
    std::map<u64, std::vector<u32>> tables_;
    u64 used_ = 0;          // sectors: the end of what is used
    u64 untouched_ = 0;     // sectors: what lies behind was never written
    std::vector<u64> free_; // sectors: grains in front of used_ that no entry leads to
    OrderedWrites waiting_;
    std::vector<u8> unpacked_;
    u64 unpacked_grain_ = ~u64{0};
    std::string error_;
};

/// Fills a new file with an empty extent.
bool create_vmdk_sparse(HostFile& file, u64 sectors, const std::string& descriptor);

} // namespace r86

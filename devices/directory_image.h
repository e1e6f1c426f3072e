#pragma once
/// A read-only medium put together from pieces: metadata in memory and files of the host, which are opened when a guest
/// reads them. The layouts (FAT, ISO 9660) build it.
#include "devices/block_image.h"
#include "devices/host_directory.h"
#include "devices/host_file.h"
#include <deque>
#include <map>

namespace r86 {

class DirectoryImage final : public ReadOnlyImage {
public:
    explicit DirectoryImage(std::string name) : name_(std::move(name)) {}

    /// Pieces may come in any order and do not overlap; what no piece covers reads as zeros.
    void add_bytes(u64 offset, std::vector<u8> bytes);
    void add_file(u64 offset, u64 bytes, std::string host_path);
    /// To be called last.
    void set_size(u64 bytes) { size_ = bytes; }

    u64 size() const override { return size_; }
    const std::string& name() const override { return name_; }

protected:
    bool do_read(u64 offset, std::span<u8> out) override;
    bool do_revert(u64) override { return true; } // it never changes

private:
    struct Piece {
        u64 bytes = 0;
        std::vector<u8> memory{};
        std::string host_path{}; ///< not empty: a file
    };
    HostFile* file(const std::string& path);

    std::string name_;
    u64 size_ = 0;
    std::map<u64, Piece> pieces_;
    std::deque<std::unique_ptr<HostFile>> open_; // those that were read last
};

/// FAT12, FAT16 or FAT32 with long names: a floppy without partitions, or a disk with one.
void lay_out_fat(DirectoryImage& image, const DirectoryTree& tree, bool floppy);
/// ISO 9660 level 1 with Joliet and Rock Ridge.
void lay_out_iso9660(DirectoryImage& image, const DirectoryTree& tree);

} // namespace r86

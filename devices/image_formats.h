#pragma once
/// How the formats of image files plug in. Each one opens a HostFile and gives a BlockImage; what stands in other files
/// (a parent image, the extents of a VMDK) it asks of its neighbours. Nothing outside the opener needs this header.
///
/// Rules that all formats keep:
/// - Every number in a file may be hostile. Opening checks what later accesses rely on, or throws UserError.
/// - A crash loses only what was not flushed: a reference (table entry, bitmap bit, L1 entry) reaches the file after
///   what it refers to. Where only a flush guarantees that order, the reference waits in OrderedWrites.
#include "devices/block_image.h"
#include "devices/host_file.h"
#include <map>

namespace r86 {

/// What an image file may name beside itself.
class ImageNeighbours {
public:
    virtual ~ImageNeighbours() = default;
    /// The read-only image under `child`; an empty format is probed. Throws UserError.
    virtual std::unique_ptr<BlockImage> open_parent(const std::string& child, const std::string& name,
                                                    const std::string& format) = 0;
    /// A file that holds a part of `image`. Throws UserError.
    virtual std::unique_ptr<HostFile> open_extent(const std::string& image, const std::string& name, bool writable) = 0;
    /// How the file beside `image` that has this name but for capitals is spelt; the name itself if there is none.
    virtual std::string spelling(const std::string& /*image*/, const std::string& name) { return name; }
};

std::unique_ptr<BlockImage> open_qcow2(std::unique_ptr<HostFile> file, bool writable, ImageNeighbours& neighbours);
std::unique_ptr<BlockImage> open_vhd(std::unique_ptr<HostFile> file, bool writable, ImageNeighbours& neighbours);
std::unique_ptr<BlockImage> open_vmdk(std::unique_ptr<HostFile> file, bool writable, ImageNeighbours& neighbours);
/// `size` beyond the file's end reads as zeros. `guarded`: the format was probed, so that a guest must not write what
/// would be taken for another format at the next start.
std::unique_ptr<BlockImage> open_raw(std::unique_ptr<HostFile> file, u64 size, bool writable, bool guarded);

/// The mode, 1 or 2, of a CD whose sectors have sync, header and parities as well; 0: no such file. `header` is the
/// file's beginning.
u8 raw_cd_mode(std::span<const u8> header, u64 file_bytes);
std::unique_ptr<BlockImage> open_raw_cd(std::unique_ptr<HostFile> file, u8 mode);
/// The disc whose tracks lie in the files beside a cue sheet.
std::unique_ptr<BlockImage> open_cue_sheet(std::unique_ptr<HostFile> file, ImageNeighbours& neighbours);

/// The format that a file's first and last bytes claim, one that cannot be opened included; "raw" if none. Throws
/// UserError if it cannot be read or is packed.
std::string probe_format(HostFile& file);
/// The same by the first sector alone.
const char* format_of_header(std::span<const u8> header);
inline constexpr usize kProbedBytes = 512;

/// Changes of metadata that may reach the file only when what they refer to is on the medium. They are small and few:
/// whoever adds many calls `settle` in between.
class OrderedWrites {
public:
    /// A later write to the same offset replaces an earlier one; writes do not overlap otherwise.
    void add(u64 offset, std::span<const u8> bytes) { writes_[offset].assign(bytes.begin(), bytes.end()); }
    bool empty() const { return writes_.empty(); }
    usize count() const { return writes_.size(); }
    /// Flushes, then writes. False: a host error; what is not yet written stays for the next call.
    [[nodiscard]] bool settle(HostFile& file);

private:
    std::map<u64, std::vector<u8>> writes_;
};

/// Reads from the image under another one; zeros beyond its end, or where there is none.
[[nodiscard]] bool read_below(BlockImage* parent, u64 offset, std::span<u8> out);

[[noreturn]] void throw_damaged(const std::string& path, const std::string& what);

} // namespace r86

#pragma once
/// Making new image files, and the work of `rewind86 image` on existing ones.
#include "devices/block_image.h"
#include <array>
#include <functional>

namespace r86 {

class HostFile;

struct ImageRecipe {
    std::string format = "qcow2"; ///< raw, qcow2, vhd, vmdk
    u64 size = 0;                 ///< of the disk, bytes; a multiple of 512
    std::string parent{};         ///< the image under it, as it shall stand in the file; empty: none
    std::string parent_format{};
    std::vector<std::string> allowed_parents{}; ///< as ImageOptions::parents
    u64 cluster_bytes = 0;                      ///< qcow2: a power of two, 512 to 2 MiB; 0: 64 KiB
    bool old_version = false;                   ///< qcow2 version 2
    /// VHD and VMDK carry an identity, by which an image on top finds its parent unchanged: random bytes.
    std::array<u8, 16> id{};
    std::array<u8, 16> parent_id{}; ///< VHD and VMDK: filled in by `create_image`
    u32 seconds_since_2000 = 0;     ///< VHD: the time of making
    bool fixed = false;             ///< VHD and VMDK: all space taken at once ("fixed", "monolithicFlat")
};

void create_qcow2(HostFile& file, const ImageRecipe& recipe);
void create_vhd(HostFile& file, const ImageRecipe& recipe);
void create_vmdk(HostFile& file, const ImageRecipe& recipe);

/// Makes a new file; one that exists is an error. With a parent, a size of 0 takes the parent's. Throws UserError.
void create_image(const std::string& path, ImageRecipe recipe);

struct ImageCheck {
    std::string format{};
    u64 corruptions = 0, leaks = 0;
    u64 fixed = 0;
    u64 allocated = 0, compressed = 0, clusters = 0; ///< of the disk; 0 where the format does not tell
    std::string first_problem{};
};

/// Throws UserError if the file cannot be opened as an image at all. `repair` frees leaks and makes refcounts new.
ImageCheck check_image(const std::string& path, const std::string& format, bool repair);

/// Called with what is done and what there is to do; may be empty.
using ImageProgress = std::function<void(u64 done, u64 total)>;

/// Copies a disk into one of at least its size, leaving out zeros where the target reads as zeros already.
void copy_image(BlockImage& source, BlockImage& target, const ImageProgress& progress);

/// Writes what an image holds into the image under it, which is opened as in `options`. The image itself stays as it
/// is. Returns the path of what was written.
std::string commit_image(const std::string& path, const ImageOptions& options, const ImageProgress& progress);

} // namespace r86

#include "devices/directory_image.h"
#include "core/error.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {
constexpr usize kMostOpenFiles = 8;
}

void DirectoryImage::add_bytes(u64 offset, std::vector<u8> bytes) {
    if (bytes.empty()) return;
    const u64 length = bytes.size();
    pieces_[offset] = {length, std::move(bytes), ""};
}

void DirectoryImage::add_file(u64 offset, u64 bytes, std::string host_path) {
    if (bytes) pieces_[offset] = {bytes, {}, std::move(host_path)};
}

HostFile* DirectoryImage::file(const std::string& path) {
    for (const auto& one : open_)
        if (one->path() == path) return one.get();
    try {
        open_.push_front(HostFile::open(path, HostFile::Access::Read, "file"));
    } catch (const UserError& error) {
        report(error.what());
        return nullptr;
    }
    if (open_.size() > kMostOpenFiles) open_.pop_back();
    return open_.front().get();
}

bool DirectoryImage::do_read(u64 offset, std::span<u8> out) {
    std::fill(out.begin(), out.end(), u8{0});
    auto at = pieces_.upper_bound(offset);
    if (at != pieces_.begin()) --at;
    for (; at != pieces_.end() && at->first < offset + out.size(); ++at) {
        const auto& [start, piece] = *at;
        const u64 from = std::max(start, offset), to = std::min<u64>(start + piece.bytes, offset + out.size());
        if (from >= to) continue;
        const std::span<u8> part = out.subspan(from - offset, to - from);
        if (piece.host_path.empty()) {
            std::memcpy(part.data(), piece.memory.data() + (from - start), part.size());
            continue;
        }
        HostFile* source = file(piece.host_path);
        // A file that became shorter since ends in zeros.
        if (!source || !source->read_padded(from - start, part)) return source && report(source->error());
    }
    return true;
}

std::unique_ptr<BlockImage> open_directory_image(const std::string& path, MediaKind kind) {
    const DirectoryTree tree = DirectoryTree::read(path);
    auto image = std::make_unique<DirectoryImage>(path);
    if (kind == MediaKind::Cd)
        lay_out_iso9660(*image, tree);
    else
        lay_out_fat(*image, tree, kind == MediaKind::Floppy);
    return image;
}

} // namespace r86

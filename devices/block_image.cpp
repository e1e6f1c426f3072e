#include "devices/block_image.h"
#include "core/error.h"
#include "devices/image_formats.h"
#include <algorithm>
#include <cstring>
#include <utility>

namespace r86 {

bool BlockImage::report(const std::string& sentence) {
    if (error_hook_) error_hook_(sentence);
    return false;
}

bool BlockImage::read(u64 offset, std::span<u8> out) {
    if (offset > size() || out.size() > size() - offset) return false;
    if (out.empty()) return true;
    if (first_read_) announce_read(offset, out.size());
    return do_read(offset, out);
}

void BlockImage::announce_read(u64 offset, usize length) {
    for (u64 cluster = offset / kClusterBytes; cluster <= (offset + length - 1) / kClusterBytes; ++cluster) {
        if (announced_.size() <= cluster) announced_.resize(cluster + 1);
        if (announced_[cluster] || changed_.count(cluster)) continue;
        announced_[cluster] = true;
        first_read_(cluster);
    }
}

bool BlockImage::write(u64 offset, std::span<const u8> in) {
    if (read_only() || offset > size() || in.size() > size() - offset) return false;
    if (in.empty()) return true;
    const u64 first = offset / kClusterBytes;
    const u64 last = (offset + in.size() - 1) / kClusterBytes;
    for (u64 cluster = first; cluster <= last; ++cluster) {
        if (before_write_) before_write_(cluster);
        changed_.insert(cluster);
    }
    return do_write(offset, in);
}

bool BlockImage::flush() { return do_flush(); }

usize BlockImage::cluster_bytes(u64 cluster) const {
    const u64 start = cluster * kClusterBytes;
    return start >= size() ? 0 : static_cast<usize>(std::min(kClusterBytes, size() - start));
}

bool BlockImage::read_cluster(u64 cluster, std::vector<u8>& out) {
    out.resize(cluster_bytes(cluster));
    return read(cluster * kClusterBytes, out);
}

bool BlockImage::restore_cluster(u64 cluster, std::span<const u8> content, bool changed) {
    if (content.size() != cluster_bytes(cluster)) return false;
    if (!changed && do_revert(cluster)) {
        changed_.erase(cluster);
        return true;
    }
    if (!do_write(cluster * kClusterBytes, content)) return false;
    if (changed)
        changed_.insert(cluster);
    else
        changed_.erase(cluster);
    return true;
}

void BlockImage::visit(StateVisitor& visitor) {
    u64 count = changed_.size();
    visitor.field("changed_count", count);
    if (!visitor.loading()) {
        std::vector<u8> content;
        for (u64 cluster : changed_) {
            u64 number = cluster;
            visitor.field("cluster", number);
            if (!read_cluster(cluster, content)) std::fill(content.begin(), content.end(), u8{0});
            visitor.blob("content", content, kClusterBytes);
        }
        return;
    }
    const std::set<u64> before = std::exchange(changed_, {});
    std::set<u64> wanted;
    std::vector<u8> content;
    for (u64 i = 0; i < count; ++i) {
        u64 cluster = 0;
        visitor.field("cluster", cluster);
        visitor.blob("content", content, kClusterBytes);
        if (cluster >= (size() + kClusterBytes - 1) / kClusterBytes || !restore_cluster(cluster, content, true))
            throw UserError("the saved state does not fit image '" + name() + "'; use the image it was made with");
        wanted.insert(cluster);
    }
    for (u64 cluster : before) {
        if (!wanted.count(cluster)) do_revert(cluster);
    }
}

std::vector<u8>* SnapshotOverlay::find(u64 cluster) {
    return cluster < clusters_.size() ? clusters_[cluster].get() : nullptr;
}

bool SnapshotOverlay::do_read(u64 offset, std::span<u8> out) {
    while (!out.empty()) {
        const u64 cluster = offset / kClusterBytes;
        const usize inside = offset % kClusterBytes;
        const usize length = std::min<usize>(out.size(), kClusterBytes - inside);
        if (const std::vector<u8>* own = find(cluster))
            std::memcpy(out.data(), own->data() + inside, length);
        else if (!base_->read(offset, out.first(length)))
            return false;
        out = out.subspan(length);
        offset += length;
    }
    return true;
}

bool SnapshotOverlay::do_write(u64 offset, std::span<const u8> in) {
    while (!in.empty()) {
        const u64 cluster = offset / kClusterBytes;
        const usize inside = offset % kClusterBytes;
        const usize length = std::min<usize>(in.size(), kClusterBytes - inside);
        std::vector<u8>* own = find(cluster);
        if (!own) {
            auto fresh = std::make_unique<std::vector<u8>>(kClusterBytes);
            // What the write covers whole need not be read.
            if (length < cluster_bytes(cluster) &&
                !base_->read(cluster * kClusterBytes, std::span(*fresh).first(cluster_bytes(cluster))))
                return false;
            if (clusters_.size() <= cluster) clusters_.resize(cluster + 1);
            clusters_[cluster] = std::move(fresh);
            own = clusters_[cluster].get();
        }
        std::memcpy(own->data() + inside, in.data(), length);
        in = in.subspan(length);
        offset += length;
    }
    return true;
}

bool SnapshotOverlay::do_revert(u64 cluster) {
    if (cluster < clusters_.size()) clusters_[cluster].reset();
    return true;
}

namespace {

class MemoryImage final : public BlockImage {
public:
    MemoryImage(std::vector<u8> content, bool read_only, std::string name)
        : content_(std::move(content)), read_only_(read_only), name_(std::move(name)) {}
    u64 size() const override { return content_.size(); }
    bool read_only() const override { return read_only_; }
    const std::string& name() const override { return name_; }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        std::memcpy(out.data(), content_.data() + offset, out.size());
        return true;
    }
    bool do_write(u64 offset, std::span<const u8> in) override {
        std::memcpy(content_.data() + offset, in.data(), in.size());
        return true;
    }
    bool do_flush() override { return true; }
    bool do_revert(u64) override { return false; }

private:
    std::vector<u8> content_;
    bool read_only_;
    std::string name_;
};

} // namespace

std::unique_ptr<BlockImage> make_memory_image(std::vector<u8> content, bool read_only, std::string name) {
    return std::make_unique<MemoryImage>(std::move(content), read_only, std::move(name));
}

bool OrderedWrites::settle(HostFile& file) {
    if (writes_.empty()) return true;
    if (!file.flush()) return false;
    while (!writes_.empty()) {
        if (!file.write(writes_.begin()->first, writes_.begin()->second)) return false;
        writes_.erase(writes_.begin());
    }
    return true;
}

bool read_below(BlockImage* parent, u64 offset, std::span<u8> out) {
    const u64 end = parent ? parent->size() : 0;
    const usize there = offset < end ? static_cast<usize>(std::min<u64>(out.size(), end - offset)) : 0;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(there), out.end(), u8{0});
    return there == 0 || parent->read(offset, out.first(there));
}

void throw_damaged(const std::string& path, const std::string& what) {
    throw UserError("image '" + path + "' is damaged: " + what);
}

} // namespace r86

/// VMDK: the image format of VMware, read and written.
/// Format: VMware, "Virtual Disk Format 1.1". Kinds: monolithicSparse, monolithicFlat, twoGbMaxExtentSparse and -Flat;
/// streamOptimized (compressed) is read only.
///
/// How a write stays safe: a grain is written before the table entry that leads to it. The entry waits for a flush
/// where the grain replaces what a parent shows, so that the old content stays until the new one is whole. Grains that
/// a killed process left without an entry are used again after the next open. NOT IMPLEMENTED: the sparse extents of
/// ESX ("COWD", "vmfsSparse", "seSparse"), raw devices as extents, the change tracking file.
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/image_create.h"
#include "devices/vmdk_descriptor.h"
#include "devices/vmdk_sparse.h"
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

namespace r86 {

namespace {

constexpr u64 kSector = 512;
constexpr u64 kLargestDescriptor = 1 << 20;
using Kind = VmdkDescriptor::Extent::Kind;

class VmdkImage final : public BlockImage {
public:
    VmdkImage(std::unique_ptr<HostFile> file, bool writable) : file_(std::move(file)), writable_(writable) {}
    ~VmdkImage() override {
        if (!writable_) return;
        for (Extent& extent : extents_)
            if (extent.sparse && !extent.sparse->close()) report(extent.sparse->error());
        do_flush();
    }
    void open(ImageNeighbours& neighbours);

    u64 size() const override { return size_; }
    bool read_only() const override { return !writable_; }
    const std::string& name() const override { return file_->path(); }
    void describe(ImageFacts& facts) const override;
    bool holds(u64 offset, u64 bytes) override;
    BlockImage* parent() override { return parent_.get(); }

protected:
    bool do_read(u64 offset, std::span<u8> out) override;
    bool do_write(u64 offset, std::span<const u8> in) override;
    bool do_flush() override;
    bool do_revert(u64) override { return false; }

private:
    struct Extent {
        u64 start = 0, bytes = 0; // in the disk
        Kind kind = Kind::Zero;
        u64 offset = 0;                // Flat: in the file
        std::unique_ptr<HostFile> own; // empty: the image's file itself
        HostFile* file = nullptr;
        std::unique_ptr<VmdkSparseExtent> sparse;
    };
    void read_descriptor();
    void add_extent(const VmdkDescriptor::Extent& told, ImageNeighbours& neighbours);
    void open_parent(ImageNeighbours& neighbours);
    Extent& extent_at(u64 offset);
    bool read_grain(Extent& extent, u64 inside, std::span<u8> out);
    bool write_grain(Extent& extent, u64 inside, std::span<const u8> in);
    bool mark_changed();

    std::unique_ptr<HostFile> file_;
    bool writable_;
    VmdkDescriptor descriptor_;
    u64 descriptor_offset_ = 0;
    bool embedded_ = false; // the descriptor stands in the sparse extent
    std::vector<Extent> extents_;
    u64 size_ = 0;
    bool changed_ = false;
    std::unique_ptr<BlockImage> parent_;
};

void VmdkImage::read_descriptor() {
    const std::string& path = file_->path();
    std::array<u8, VmdkSparseHeader::kBytes> raw{};
    if (!file_->read_padded(0, raw)) throw UserError("image " + file_->error());
    u64 bytes = file_->size();
    if (load_le<u32>(&raw[0]) == VmdkSparseHeader::kMagic) {
        embedded_ = true;
        VmdkSparseHeader header;
        const std::string problem = header.decode(raw);
        if (!problem.empty()) throw_damaged(path, problem);
        descriptor_offset_ = header.descriptor_offset * kSector;
        bytes = header.descriptor_sectors * kSector;
        if (header.descriptor_offset == 0) // an extent of another image
            throw UserError("image '" + path + "' is a part of a VMDK image; name its descriptor file");
        if (header.descriptor_offset > file_->size() / kSector ||
            header.descriptor_sectors > kLargestDescriptor / kSector || bytes > file_->size() - descriptor_offset_)
            throw_damaged(path, "its descriptor lies outside the file");
    } else if (std::memcmp(raw.data(), "COWD", 4) == 0) {
        throw UserError("image '" + path +
                        "' has the VMDK kind of ESX, which is not supported; convert it with qemu-img");
    } else if (bytes > kLargestDescriptor) {
        throw UserError("image '" + path + "' is no VMDK file");
    }
    std::string text(bytes, '\0');
    if (!file_->read(descriptor_offset_, {reinterpret_cast<u8*>(text.data()), text.size()}))
        throw UserError("image " + file_->error());
    text.resize(std::min(text.find('\0'), text.size()));
    std::string problem;
    if (!descriptor_.parse(text, problem)) throw_damaged(path, problem);
}

void VmdkImage::add_extent(const VmdkDescriptor::Extent& told, ImageNeighbours& neighbours) {
    Extent extent;
    extent.kind = told.kind;
    extent.start = size_;
    extent.bytes = told.sectors * kSector;
    extent.offset = told.offset * kSector;
    if (told.sectors > (u64{1} << 40)) throw_damaged(name(), "its size is impossible");
    if (told.kind != Kind::Zero) {
        if (embedded_) {
            extent.file = file_.get();
        } else {
            extent.own = neighbours.open_extent(name(), told.file, writable_);
            extent.file = extent.own.get();
            if (extent.file->read_only() || !told.writable) writable_ = false;
        }
    } else {
        writable_ = false; // there is no place for what a guest writes
    }
    if (told.kind == Kind::Flat &&
        (extent.offset > extent.file->size() || extent.bytes > extent.file->size() - extent.offset))
        throw_damaged(extent.file->path(), "it is shorter than its part of the disk");
    if (told.kind == Kind::Sparse) {
        extent.sparse = std::make_unique<VmdkSparseExtent>(*extent.file, writable_);
        if (!extent.sparse->writable()) writable_ = false;
        if (extent.sparse->header().capacity < told.sectors)
            throw_damaged(extent.file->path(), "it is smaller than its part of the disk");
    }
    size_ += extent.bytes;
    extents_.push_back(std::move(extent));
}

void VmdkImage::open(ImageNeighbours& neighbours) {
    read_descriptor();
    const std::string& type = descriptor_.create_type;
    if (type != "monolithicSparse" && type != "monolithicFlat" && type != "twoGbMaxExtentSparse" &&
        type != "twoGbMaxExtentFlat" && type != "streamOptimized" && type != "vmfs")
        throw UserError("image '" + name() + "' has the VMDK kind '" + type +
                        "', which is not supported; convert it with qemu-img");
    if (embedded_ && (descriptor_.extents.size() != 1 || descriptor_.extents[0].kind != Kind::Sparse))
        throw_damaged(name(), "its descriptor does not describe its only extent");
    for (const auto& extent : descriptor_.extents) add_extent(extent, neighbours);
    open_parent(neighbours);
}

void VmdkImage::open_parent(ImageNeighbours& neighbours) {
    if (descriptor_.parent_cid == 0xFFFFFFFF) return;
    std::string hint = descriptor_.parent_file;
    std::replace(hint.begin(), hint.end(), '\\', '/');
    parent_ = neighbours.open_parent(name(), hint, "vmdk");
    ImageFacts facts;
    parent_->describe(facts);
    u8 wanted[4];
    store_be<u32>(wanted, descriptor_.parent_cid);
    if (!facts.id.empty() && !std::equal(facts.id.begin(), facts.id.end(), wanted))
        throw UserError("image '" + name() + "' does not fit its parent '" + parent_->name() +
                        "', which was changed since");
    parent_->on_error([this](const std::string& sentence) { report(sentence); });
}

void VmdkImage::describe(ImageFacts& facts) const {
    facts.format = "vmdk";
    facts.file_bytes = 0;
    if (!embedded_) facts.file_bytes = file_->size();
    for (const Extent& extent : extents_) {
        if (extent.file) facts.file_bytes += extent.file->size();
        if (extent.sparse) facts.cluster_bytes = extent.sparse->grain_bytes();
    }
    facts.details.push_back({"type", descriptor_.create_type});
    if (extents_.size() > 1) facts.details.push_back({"extents", std::to_string(extents_.size())});
    facts.id.resize(4);
    store_be<u32>(facts.id.data(), descriptor_.cid);
    if (descriptor_.parent_cid == 0xFFFFFFFF) return;
    facts.parent = descriptor_.parent_file;
    facts.parent_format = "vmdk";
    facts.parent_id.resize(4);
    store_be<u32>(facts.parent_id.data(), descriptor_.parent_cid);
}

VmdkImage::Extent& VmdkImage::extent_at(u64 offset) {
    const auto after = std::upper_bound(extents_.begin(), extents_.end(), offset,
                                        [](u64 at, const Extent& extent) { return at < extent.start; });
    return *(after - 1);
}

bool VmdkImage::do_read(u64 offset, std::span<u8> out) {
    while (!out.empty()) {
        Extent& extent = extent_at(offset);
        const u64 inside = offset - extent.start;
        usize length = std::min<u64>(out.size(), extent.bytes - inside);
        if (extent.sparse)
            length = std::min<u64>(length, extent.sparse->grain_bytes() - inside % extent.sparse->grain_bytes());
        const auto piece = out.first(length);
        bool good = true;
        switch (extent.kind) {
        case Kind::Zero: std::fill(piece.begin(), piece.end(), u8{0}); break;
        case Kind::Flat:
            good = extent.file->read(extent.offset + inside, piece) || report("image " + extent.file->error());
            break;
        case Kind::Sparse: good = read_grain(extent, inside, piece); break;
        }
        if (!good) return false;
        out = out.subspan(length);
        offset += length;
    }
    return true;
}

bool VmdkImage::read_grain(Extent& extent, u64 inside, std::span<u8> out) {
    VmdkSparseExtent& sparse = *extent.sparse;
    const u64 grain = inside / sparse.grain_bytes();
    VmdkSparseExtent::Place place{};
    if (!sparse.find(grain, place)) return report(sparse.error());
    if (place == VmdkSparseExtent::Place::Here)
        return sparse.read(grain, inside % sparse.grain_bytes(), out) || report(sparse.error());
    return read_below(place == VmdkSparseExtent::Place::Zero ? nullptr : parent_.get(), extent.start + inside, out);
}

bool VmdkImage::do_write(u64 offset, std::span<const u8> in) {
    if (!writable_ || !mark_changed()) return false;
    while (!in.empty()) {
        Extent& extent = extent_at(offset);
        const u64 inside = offset - extent.start;
        usize length = std::min<u64>(in.size(), extent.bytes - inside);
        if (extent.sparse)
            length = std::min<u64>(length, extent.sparse->grain_bytes() - inside % extent.sparse->grain_bytes());
        const auto piece = in.first(length);
        const bool good = extent.kind == Kind::Flat ? extent.file->write(extent.offset + inside, piece) ||
                                                          report("image " + extent.file->error())
                                                    : write_grain(extent, inside, piece);
        if (!good) return false;
        in = in.subspan(length);
        offset += length;
    }
    return true;
}

bool VmdkImage::write_grain(Extent& extent, u64 inside, std::span<const u8> in) {
    VmdkSparseExtent& sparse = *extent.sparse;
    const u64 grain = inside / sparse.grain_bytes();
    const usize in_grain = inside % sparse.grain_bytes();
    VmdkSparseExtent::Place place{};
    if (!sparse.find(grain, place)) return report(sparse.error());
    if (place == VmdkSparseExtent::Place::Here) return sparse.overwrite(grain, in_grain, in) || report(sparse.error());
    std::vector<u8> whole(sparse.grain_bytes());
    const u64 start = extent.start + grain * whole.size();
    const bool shows_parent = place == VmdkSparseExtent::Place::Nowhere && parent_ && start < parent_->size();
    if (shows_parent && !read_below(parent_.get(), start, whole)) return false;
    std::copy(in.begin(), in.end(), whole.begin() + static_cast<std::ptrdiff_t>(in_grain));
    return sparse.add(grain, whole, shows_parent) || report(sparse.error());
}

/// The first write gives the content a new identity, so that images on top of the old one are not used with this one.
bool VmdkImage::mark_changed() {
    if (changed_) return true;
    if (descriptor_.cid_at) {
        u32 cid = descriptor_.cid + 1;
        if (cid == 0xFFFFFFFF) cid = 1; // means "no parent"
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08x", cid);
        if (!file_->write(descriptor_offset_ + descriptor_.cid_at, {reinterpret_cast<const u8*>(digits), 8}))
            return report("image " + file_->error());
        descriptor_.cid = cid;
    }
    changed_ = true;
    return true;
}

bool VmdkImage::do_flush() {
    if (!writable_) return true;
    bool good = true;
    for (Extent& extent : extents_) {
        if (extent.sparse)
            good = (extent.sparse->flush() || report(extent.sparse->error())) && good;
        else if (extent.file)
            good = (extent.file->flush() || report("image " + extent.file->error())) && good;
    }
    if (!embedded_) good = (file_->flush() || report("image " + file_->error())) && good;
    return good;
}

bool VmdkImage::holds(u64 offset, u64 bytes) {
    for (u64 at = offset; at < offset + bytes;) {
        Extent& extent = extent_at(at);
        if (extent.kind == Kind::Flat) return true;
        if (extent.kind == Kind::Zero) {
            at = extent.start + extent.bytes;
            continue;
        }
        const u64 unit = extent.sparse->grain_bytes(), inside = at - extent.start;
        VmdkSparseExtent::Place place{};
        if (!extent.sparse->find(inside / unit, place) || place != VmdkSparseExtent::Place::Nowhere) return true;
        at = std::min(extent.start + (inside / unit + 1) * unit, extent.start + extent.bytes);
    }
    return false;
}

} // namespace

std::unique_ptr<BlockImage> open_vmdk(std::unique_ptr<HostFile> file, bool writable, ImageNeighbours& neighbours) {
    auto image = std::make_unique<VmdkImage>(std::move(file), writable);
    image->open(neighbours);
    return image;
}

void create_vmdk(HostFile& file, const ImageRecipe& recipe) {
    VmdkDescriptor descriptor;
    descriptor.cid = load_be<u32>(recipe.id.data());
    if (descriptor.cid >= 0xFFFFFFFE) descriptor.cid = 1;
    descriptor.create_type = recipe.fixed ? "monolithicFlat" : "monolithicSparse";
    if (!recipe.parent.empty()) {
        descriptor.parent_cid = load_be<u32>(recipe.parent_id.data());
        descriptor.parent_file = recipe.parent;
    }
    const std::string& path = file.path();
    std::string own = path.substr(path.find_last_of('/') + 1);
    const u64 sectors = recipe.size / kSector;
    if (!recipe.fixed) {
        descriptor.extents.push_back({.sectors = sectors, .file = own});
        if (recipe.size > (u64{2} << 40)) throw UserError("a sparse VMDK holds at most 2 TB");
        if (!create_vmdk_sparse(file, sectors, descriptor.text())) throw UserError("image " + file.error());
        return;
    }
    const std::string flat = own.substr(0, own.rfind('.')) + "-flat.vmdk";
    descriptor.extents.push_back({.kind = Kind::Flat, .sectors = sectors, .file = flat});
    auto data = HostFile::open(path_beside(path, flat), HostFile::Access::Create, "disk extent");
    if (!data->resize(recipe.size) || !data->flush()) throw UserError("image " + data->error());
    const std::string text = descriptor.text();
    if (!file.write(0, {reinterpret_cast<const u8*>(text.data()), text.size()}) || !file.flush())
        throw UserError("image " + file.error());
}

} // namespace r86

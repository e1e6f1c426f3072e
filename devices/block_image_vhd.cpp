/// VHD: the image format of Virtual PC and Hyper-V, fixed, dynamic and differencing, read and written.
/// Format: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0 (2006).
///
/// How a write stays safe. A new block takes the place of the footer at the file's end; first a footer is written
/// behind it, then bitmap and data, and after a flush the table entry. In a differencing image a sector's data is
/// written before the bit that prefers it to the parent's. A killed process may leave a block that no entry names: the
/// next open finds it, and new blocks go there first.
/// NOT IMPLEMENTED: split files (.v01), which Virtual Server made of disks on FAT.
#include "core/bits.h"
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/image_create.h"
#include "devices/image_formats.h"
#include "devices/vhd_format.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

constexpr u32 kUnused = ~u32{0};
constexpr usize kSector = 512;
constexpr usize kMostWaiting = 64;
constexpr u64 kLargestDisk = u64{2040} << 30; // section "Overview": sector offsets have 32 bits
constexpr usize kMostBitmaps = 4096;

class VhdImage final : public BlockImage {
public:
    VhdImage(std::unique_ptr<HostFile> file, bool writable) : file_(std::move(file)), writable_(writable) { open(); }
    ~VhdImage() override {
        if (writable_) do_flush();
    }
    u64 size() const override { return footer_.current_size; }
    bool read_only() const override { return !writable_; }
    const std::string& name() const override { return file_->path(); }
    void describe(ImageFacts& facts) const override;
    bool holds(u64 offset, u64 bytes) override;
    BlockImage* parent() override { return parent_.get(); }
    void open_parent(ImageNeighbours& neighbours);

protected:
    bool do_read(u64 offset, std::span<u8> out) override;
    bool do_write(u64 offset, std::span<const u8> in) override;
    bool do_flush() override;
    bool do_revert(u64) override { return false; }

private:
    bool fixed() const { return footer_.type == VhdFooter::Type::Fixed; }
    bool host_error() { return report("image " + file_->error()); }
    void open();
    void open_tables();
    void check_overlaps(u64 table_bytes);
    std::vector<std::string> parent_names() const;
    u64 block_offset(u64 block) const { return u64{table_[block]} * kSector; }
    u64 data_offset(u64 block) const { return block_offset(block) + bitmap_bytes_; }
    bool find_bitmap(u64 block, std::vector<u8>*& out);
    bool add_block(u64 block);
    bool write_in_block(u64 block, usize inside, std::span<const u8> in);

    std::unique_ptr<HostFile> file_;
    bool writable_;
    VhdFooter footer_;
    std::array<u8, VhdFooter::kBytes> raw_footer_{};
    VhdDynamicHeader header_;
    u64 bitmap_bytes_ = 0;   // in front of each block, padded to sectors
    std::vector<u32> table_; // the block allocation table: sectors
    std::map<u64, std::vector<u8>> bitmaps_;
    u64 end_ = 0;           // where the footer stands
    std::vector<u64> free_; // places of blocks in front of it that no entry names
    OrderedWrites waiting_;
    std::unique_ptr<BlockImage> parent_;
};

bool bitmap_bit(const std::vector<u8>& bitmap, usize sector) { return bitmap[sector / 8] >> (7 - sector % 8) & 1; }

void VhdImage::open() {
    const std::string& path = file_->path();
    if (file_->size() < VhdFooter::kBytes) throw UserError("image '" + path + "' is no VHD file");
    const auto must = [&](bool done) {
        if (!done) throw UserError("image " + file_->error());
    };
    end_ = align_up(file_->size() - VhdFooter::kBytes, kSector);
    must(file_->read_padded(end_, raw_footer_));
    const bool at_end = VhdFooter::decode(raw_footer_, footer_);
    if (!at_end) {
        // The copy at the start serves where the end was lost.
        must(file_->read(0, raw_footer_));
        if (!VhdFooter::decode(raw_footer_, footer_)) throw UserError("image '" + path + "' has no valid VHD footer");
        if (fixed()) throw_damaged(path, "its footer is missing at the end");
        end_ = align_up(file_->size(), kSector);
    }
    if (footer_.current_size % kSector || footer_.current_size > kLargestDisk)
        throw_damaged(path, "its disk size is impossible");
    switch (footer_.type) {
    case VhdFooter::Type::Fixed:
        if (footer_.current_size > end_) throw_damaged(path, "it is shorter than its disk");
        return;
    case VhdFooter::Type::Dynamic:
    case VhdFooter::Type::Differencing: break;
    default: throw UserError("image '" + path + "' is a VHD of an unknown type");
    }
    open_tables();
    if (!at_end && writable_) must(file_->write(end_, raw_footer_) && file_->flush());
}

void VhdImage::open_tables() {
    const std::string& path = file_->path();
    std::array<u8, VhdDynamicHeader::kBytes> raw{};
    if (footer_.data_offset > file_->size() || raw.size() > file_->size() - footer_.data_offset)
        throw_damaged(path, "its dynamic header lies outside the file");
    if (!file_->read(footer_.data_offset, raw)) throw UserError("image " + file_->error());
    if (!VhdDynamicHeader::decode(raw, header_)) throw_damaged(path, "its dynamic header is not valid");
    const u32 block = header_.block_bytes;
    if (block < 4096 || block > (256u << 20) || (block & (block - 1)))
        throw_damaged(path, "its block size is impossible");
    bitmap_bytes_ = align_up(block / kSector / 8, kSector);
    const u64 needed = (footer_.current_size + block - 1) / block;
    const u64 bytes = u64{header_.table_entries} * 4;
    if (header_.table_entries < needed || header_.table_offset > file_->size() ||
        bytes > file_->size() - header_.table_offset)
        throw_damaged(path, "its block table does not fit the file");
    std::vector<u8> table(needed * 4);
    if (!file_->read(header_.table_offset, table)) throw UserError("image " + file_->error());
    table_.resize(needed);
    for (u64 i = 0; i < needed; ++i) {
        table_[i] = load_be<u32>(&table[i * 4]);
        if (table_[i] != kUnused && block_offset(i) + bitmap_bytes_ + block > end_ + VhdFooter::kBytes)
            throw_damaged(path, "a block lies outside the file");
    }
    if (writable_) check_overlaps(bytes);
}

/// A write must change nothing but what it means. Finds the blocks that no entry names as well.
void VhdImage::check_overlaps(u64 table_bytes) {
    std::vector<std::pair<u64, u64>> ranges{
        {0, VhdFooter::kBytes}, {footer_.data_offset, VhdDynamicHeader::kBytes}, {header_.table_offset, table_bytes}};
    for (u64 i = 0; i < table_.size(); ++i)
        if (table_[i] != kUnused) ranges.push_back({block_offset(i), bitmap_bytes_ + header_.block_bytes});
    std::sort(ranges.begin(), ranges.end());
    for (usize i = 1; i < ranges.size(); ++i)
        if (ranges[i].first < ranges[i - 1].first + ranges[i - 1].second)
            throw_damaged(file_->path(), "two of its parts overlap; it can be read with --snapshot");
    if (ranges.back().first + ranges.back().second > end_)
        throw_damaged(file_->path(), "a part overlaps its footer; it can be read with --snapshot");
    for (const auto& locator : header_.locators)
        if (locator.platform) ranges.push_back({locator.offset, locator.length});
    ranges.push_back({end_, VhdFooter::kBytes});
    std::sort(ranges.begin(), ranges.end());
    const u64 whole = bitmap_bytes_ + header_.block_bytes;
    u64 used = header_.table_offset + table_bytes; // a block in front of the table is nobody's work
    for (const auto& [start, bytes] : ranges) {
        for (used = align_up(used, kSector); used + whole <= std::min(start, end_); used += whole)
            free_.push_back(used);
        used = std::max(used, start + bytes);
    }
}

/// The places where the parent may be, best first: section "Parent Locator Entries", then its name.
std::vector<std::string> VhdImage::parent_names() const {
    std::vector<std::string> names;
    const auto last_part = [](const std::string& path) { return path.substr(path.find_last_of('/') + 1); };
    for (const u32 platform : {kVhdRelativePath, kVhdAbsolutePath}) {
        for (const auto& locator : header_.locators) {
            if (locator.platform != platform || locator.length > 65536 || locator.offset > file_->size() ||
                locator.length > file_->size() - locator.offset)
                continue;
            std::vector<u8> raw(locator.length & ~1u);
            if (!file_->read(locator.offset, raw)) continue;
            std::u16string text;
            for (usize i = 0; i < raw.size(); i += 2)
                if (const u16 unit = load_le<u16>(&raw[i])) text += static_cast<char16_t>(unit);
            std::string path = utf16_to_utf8(text);
            std::replace(path.begin(), path.end(), '\\', '/');
            names.push_back(platform == kVhdRelativePath ? path : last_part(path));
        }
    }
    std::string name = utf16_to_utf8(header_.parent_name);
    std::replace(name.begin(), name.end(), '\\', '/');
    if (!name.empty()) names.push_back(last_part(name));
    return names;
}

void VhdImage::open_parent(ImageNeighbours& neighbours) {
    if (footer_.type != VhdFooter::Type::Differencing) return;
    std::string first_trouble = "image '" + name() + "' does not name its parent";
    const auto names = parent_names();
    for (usize i = 0; i < names.size() && !parent_; ++i) {
        try {
            parent_ = neighbours.open_parent(name(), names[i], "vhd");
        } catch (const UserError& error) {
            if (i == 0) first_trouble = error.what();
        }
    }
    if (!parent_) throw UserError(first_trouble);
    ImageFacts facts;
    parent_->describe(facts);
    if (!facts.id.empty() && !std::equal(facts.id.begin(), facts.id.end(), header_.parent_id.begin()))
        throw UserError("image '" + name() + "' was made on another disk than '" + parent_->name() + "' is");
    parent_->on_error([this](const std::string& sentence) { report(sentence); });
}

void VhdImage::describe(ImageFacts& facts) const {
    facts.format = "vhd";
    facts.file_bytes = file_->size();
    facts.id.assign(footer_.id.begin(), footer_.id.end());
    const char* type = fixed() ? "fixed" : footer_.type == VhdFooter::Type::Dynamic ? "dynamic" : "differencing";
    facts.details.push_back({"type", type});
    if (fixed()) return;
    facts.cluster_bytes = header_.block_bytes;
    if (footer_.type != VhdFooter::Type::Differencing) return;
    const auto names = parent_names();
    if (!names.empty()) facts.parent = names.front();
    facts.parent_format = "vhd";
    facts.parent_id.assign(header_.parent_id.begin(), header_.parent_id.end());
}

bool VhdImage::find_bitmap(u64 block, std::vector<u8>*& out) {
    const auto known = bitmaps_.find(block);
    if (known != bitmaps_.end()) {
        out = &known->second;
        return true;
    }
    if (waiting_.empty() && bitmaps_.size() > kMostBitmaps) bitmaps_.clear();
    std::vector<u8> bitmap(bitmap_bytes_);
    if (!file_->read_padded(block_offset(block), bitmap)) return host_error();
    out = &(bitmaps_[block] = std::move(bitmap));
    return true;
}

bool VhdImage::do_read(u64 offset, std::span<u8> out) {
    if (fixed()) return file_->read(offset, out) || host_error();
    while (!out.empty()) {
        const u64 block = offset / header_.block_bytes;
        const usize inside = offset % header_.block_bytes;
        usize length = std::min<usize>(out.size(), header_.block_bytes - inside);
        if (table_[block] == kUnused) {
            if (!read_below(parent_.get(), offset, out.first(length))) return false;
        } else {
            std::vector<u8>* bitmap = nullptr;
            if (!find_bitmap(block, bitmap)) return false;
            // The longest run of sectors that all come from the same place.
            const bool own = bitmap_bit(*bitmap, inside / kSector);
            usize run = kSector - inside % kSector;
            while (run < length && bitmap_bit(*bitmap, (inside + run) / kSector) == own) run += kSector;
            length = std::min(length, run);
            if (own ? !(file_->read_padded(data_offset(block) + inside, out.first(length)) || host_error())
                    : !read_below(parent_.get(), offset, out.first(length)))
                return false;
        }
        out = out.subspan(length);
        offset += length;
    }
    return true;
}

/// A block of zeros, in an image with a parent one that shows the parent.
bool VhdImage::add_block(u64 block) {
    const bool reused = !free_.empty();
    const u64 at = reused ? free_.back() : end_, after = at + bitmap_bytes_ + header_.block_bytes;
    if (at / kSector >= kUnused) return report("image '" + name() + "' cannot become larger than the format allows");
    std::vector<u8> bitmap(bitmap_bytes_, parent_ ? 0 : 0xFF);
    u8 entry[4];
    store_be<u32>(entry, static_cast<u32>(at / kSector));
    const bool placed = reused ? file_->write(at + bitmap_bytes_, std::vector<u8>(header_.block_bytes))
                               : file_->write(after, raw_footer_);
    if (!placed || !file_->write(at, bitmap) || !file_->flush()) return host_error();
    if (reused)
        free_.pop_back();
    else
        end_ = after;
    table_[block] = static_cast<u32>(at / kSector);
    bitmaps_[block] = std::move(bitmap);
    if (file_->write(header_.table_offset + block * 4, entry)) return true;
    waiting_.add(header_.table_offset + block * 4, entry);
    return host_error();
}

bool VhdImage::do_write(u64 offset, std::span<const u8> in) {
    if (!writable_) return false;
    if (fixed()) return file_->write(offset, in) || host_error();
    while (!in.empty()) {
        const u64 block = offset / header_.block_bytes;
        const usize inside = offset % header_.block_bytes;
        const usize length = std::min<usize>(in.size(), header_.block_bytes - inside);
        if (!write_in_block(block, inside, in.first(length))) return false;
        in = in.subspan(length);
        offset += length;
    }
    return true;
}

bool VhdImage::write_in_block(u64 block, usize inside, std::span<const u8> in) {
    if (table_[block] == kUnused && !add_block(block)) return false;
    std::vector<u8>* bitmap = nullptr;
    if (!find_bitmap(block, bitmap)) return false;
    const usize first = inside / kSector, last = (inside + in.size() - 1) / kSector;
    bool all_own = true;
    for (usize s = first; s <= last; ++s) all_own &= bitmap_bit(*bitmap, s);
    if (all_own) return file_->write(data_offset(block) + inside, in) || host_error();

    // Whole sectors, since the bitmap knows no parts.
    std::vector<u8> sectors((last - first + 1) * kSector);
    if (!do_read(block * header_.block_bytes + first * kSector, sectors)) return false;
    std::copy(in.begin(), in.end(), sectors.begin() + static_cast<std::ptrdiff_t>(inside - first * kSector));
    if (!file_->write(data_offset(block) + first * kSector, sectors)) return host_error();
    for (usize s = first; s <= last; ++s) (*bitmap)[s / 8] |= static_cast<u8>(0x80 >> s % 8);
    for (usize at = first / 8 / kSector * kSector; at <= last / 8; at += kSector)
        waiting_.add(block_offset(block) + at, std::span(*bitmap).subspan(at, kSector));
    return waiting_.count() < kMostWaiting || do_flush();
}

bool VhdImage::do_flush() {
    if (!writable_) return true;
    return (waiting_.settle(*file_) && file_->flush()) || host_error();
}

bool VhdImage::holds(u64 offset, u64 bytes) {
    if (fixed()) return true;
    for (u64 at = offset; at < offset + bytes; at = (at / kSector + 1) * kSector) {
        const u64 block = at / header_.block_bytes;
        if (table_[block] == kUnused) continue;
        std::vector<u8>* bitmap = nullptr;
        if (!find_bitmap(block, bitmap) || bitmap_bit(*bitmap, at % header_.block_bytes / kSector)) return true;
    }
    return false;
}

} // namespace

std::unique_ptr<BlockImage> open_vhd(std::unique_ptr<HostFile> file, bool writable, ImageNeighbours& neighbours) {
    auto image = std::make_unique<VhdImage>(std::move(file), writable);
    image->open_parent(neighbours);
    return image;
}

void create_vhd(HostFile& file, const ImageRecipe& recipe) {
    if (recipe.size > kLargestDisk) throw UserError("a VHD holds at most 2040 GB");
    const auto must = [&](bool done) {
        if (!done) throw UserError("image " + file.error());
    };
    VhdFooter footer;
    footer.current_size = recipe.size;
    footer.timestamp = recipe.seconds_since_2000;
    footer.id = recipe.id;
    if (recipe.fixed) {
        footer.type = VhdFooter::Type::Fixed;
        return must(file.write(recipe.size, footer.encode()) && file.flush());
    }
    VhdDynamicHeader header;
    header.table_offset = VhdFooter::kBytes + VhdDynamicHeader::kBytes;
    header.table_entries = static_cast<u32>((recipe.size + header.block_bytes - 1) / header.block_bytes);
    footer.data_offset = VhdFooter::kBytes;
    std::vector<u8> table(align_up(u64{header.table_entries} * 4, kSector), 0xFF), path;
    u64 end = header.table_offset + table.size();
    if (!recipe.parent.empty()) {
        footer.type = VhdFooter::Type::Differencing;
        header.parent_id = recipe.parent_id;
        std::string name = recipe.parent;
        header.parent_name = utf8_to_utf16(name.substr(name.find_last_of('/') + 1));
        std::replace(name.begin(), name.end(), '/', '\\');
        for (const char16_t unit : utf8_to_utf16(".\\" + name)) {
            path.push_back(static_cast<u8>(unit));
            path.push_back(static_cast<u8>(unit >> 8));
        }
        header.locators[0] = {kVhdRelativePath, static_cast<u32>(path.size()), end};
        path.resize(align_up(path.size(), kSector));
    }
    const auto raw = footer.encode();
    must(file.write(0, raw) && file.write(VhdFooter::kBytes, header.encode()) &&
         file.write(header.table_offset, table) && (path.empty() || file.write(end, path)) &&
         file.write(end + path.size(), raw) && file.flush());
}

} // namespace r86

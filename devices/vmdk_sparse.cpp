#include "devices/vmdk_sparse.h"
#include "core/bits.h"
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/decompress.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

constexpr u64 kSector = 512;
constexpr u32 kZeroGrain = 1;
constexpr usize kMostWaiting = 64;
constexpr u64 kBatchGrains = 64;
constexpr u64 kMostDirectoryEntries = 1 << 22;
constexpr usize kTableCacheBytes = 32 << 20;
constexpr u64 kAtEnd = ~u64{0}; // a stream: header and directory are repeated at the end

} // namespace

std::string VmdkSparseHeader::decode(std::span<const u8, kBytes> raw) {
    if (load_le<u32>(&raw[0]) != kMagic) return "it has no sparse header";
    version = load_le<u32>(&raw[4]);
    flags = load_le<u32>(&raw[8]);
    capacity = load_le<u64>(&raw[12]);
    grain_sectors = load_le<u64>(&raw[20]);
    descriptor_offset = load_le<u64>(&raw[28]);
    descriptor_sectors = load_le<u64>(&raw[36]);
    table_entries = load_le<u32>(&raw[44]);
    redundant_directory = load_le<u64>(&raw[48]);
    directory = load_le<u64>(&raw[56]);
    overhead = load_le<u64>(&raw[64]);
    compression = load_le<u16>(&raw[77]);
    if (version < 1 || version > 3) return "its version is unknown";
    if (grain_sectors < 1 || grain_sectors > 65536 || (grain_sectors & (grain_sectors - 1)))
        return "its grain size is impossible";
    if (table_entries < 1 || table_entries > 65536) return "its grain tables have an impossible size";
    if (capacity > (u64{1} << 40) || directory_entries() > kMostDirectoryEntries) return "its size is impossible";
    if ((flags & kCompressed) && compression != 1) return "its compression is unknown";
    return "";
}

std::array<u8, VmdkSparseHeader::kBytes> VmdkSparseHeader::encode() const {
    std::array<u8, kBytes> raw{};
    store_le<u32>(&raw[0], kMagic);
    store_le<u32>(&raw[4], version);
    store_le<u32>(&raw[8], flags);
    store_le<u64>(&raw[12], capacity);
    store_le<u64>(&raw[20], grain_sectors);
    store_le<u64>(&raw[28], descriptor_offset);
    store_le<u64>(&raw[36], descriptor_sectors);
    store_le<u32>(&raw[44], table_entries);
    store_le<u64>(&raw[48], redundant_directory);
    store_le<u64>(&raw[56], directory);
    store_le<u64>(&raw[64], overhead);
    std::memcpy(&raw[73], "\n \r\n", 4); // so that a transfer as text is noticed
    return raw;
}

VmdkSparseExtent::VmdkSparseExtent(HostFile& file, bool writable) : file_(file), writable_(writable) {
    const auto load_header = [&](u64 at) {
        std::array<u8, VmdkSparseHeader::kBytes> raw{};
        if (!file_.read_padded(at, raw)) throw UserError("image " + file_.error());
        const std::string problem = header_.decode(raw);
        if (!problem.empty()) throw_damaged(file_.path(), problem);
    };
    load_header(0);
    if (header_.directory == kAtEnd) {
        if (file_.size() < 3 * kSector) throw_damaged(file_.path(), "its end is missing");
        load_header(file_.size() - 2 * kSector);
        if (header_.directory == kAtEnd) throw_damaged(file_.path(), "its end names no grain directory");
    }
    if (header_.flags & VmdkSparseHeader::kCompressed) writable_ = false;
    directory_ = read_directory(header_.directory);
    if (header_.flags & VmdkSparseHeader::kRedundantTable) redundant_ = read_directory(header_.redundant_directory);
    if (writable_) check_places();
}

std::vector<u32> VmdkSparseExtent::read_directory(u64 sector) const {
    std::vector<u8> raw(header_.directory_entries() * 4);
    if (sector > file_.size() / kSector || raw.size() > file_.size() - sector * kSector)
        throw_damaged(file_.path(), "its grain directory lies outside the file");
    if (!file_.read(sector * kSector, raw)) throw UserError("image " + file_.error());
    std::vector<u32> out(raw.size() / 4);
    for (usize i = 0; i < out.size(); ++i) out[i] = load_le<u32>(&raw[i * 4]);
    return out;
}

/// Before anything is written: every part is in the file, and no two overlap. Finds the end of what is used, and the
/// gaps in front of it.
void VmdkSparseExtent::check_places() {
    const u64 table_sectors = (u64{header_.table_entries} * 4 + kSector - 1) / kSector;
    const u64 directory_sectors = (directory_.size() * 4 + kSector - 1) / kSector;
    std::vector<std::pair<u64, u64>> ranges{{0, 1}, {header_.directory, directory_sectors}};
    if (header_.descriptor_offset) ranges.push_back({header_.descriptor_offset, header_.descriptor_sectors});
    if (!redundant_.empty()) ranges.push_back({header_.redundant_directory, directory_sectors});
    for (u64 i = 0; i < directory_.size(); ++i) {
        if (!redundant_.empty() && redundant_[i]) ranges.push_back({redundant_[i], table_sectors});
        if (!directory_[i]) continue;
        ranges.push_back({directory_[i], table_sectors});
        std::vector<u32>* table = nullptr;
        if (!find_table(i, table)) throw UserError(error_);
        for (const u32 entry : *table)
            if (entry > kZeroGrain) ranges.push_back({entry, header_.grain_sectors});
    }
    std::sort(ranges.begin(), ranges.end());
    const u64 in_file = (file_.size() + kSector - 1) / kSector;
    for (usize i = 0; i < ranges.size(); ++i) {
        if (ranges[i].second > in_file || ranges[i].first > in_file - ranges[i].second)
            throw_damaged(file_.path(), "one of its parts lies outside the file; it can be read with --snapshot");
        if (i && ranges[i].first < ranges[i - 1].first + ranges[i - 1].second)
            throw_damaged(file_.path(), "two of its parts overlap; it can be read with --snapshot");
        if (i == 0) continue;
        const u64 gap = std::max(ranges[i - 1].first + ranges[i - 1].second, header_.overhead);
        if (gap >= ranges[i].first) continue; // an overhead that anybody may have written: no sum of it is safe
        for (u64 at = align_up(gap, header_.grain_sectors); at + header_.grain_sectors <= ranges[i].first;
             at += header_.grain_sectors)
            free_.push_back(at);
    }
    used_ = ranges.back().first + ranges.back().second;
    untouched_ = in_file;
}

bool VmdkSparseExtent::find_table(u64 index, std::vector<u32>*& out) {
    out = nullptr;
    if (!directory_[index]) return true;
    const auto known = tables_.find(index);
    if (known != tables_.end()) {
        out = &known->second;
        return true;
    }
    const u64 offset = u64{directory_[index]} * kSector;
    std::vector<u8> raw(u64{header_.table_entries} * 4);
    if (offset > file_.size() || raw.size() > file_.size() - offset) return fail("a grain table lies outside the file");
    if (waiting_.empty() && tables_.size() * raw.size() > kTableCacheBytes) tables_.clear();
    if (!file_.read(offset, raw)) return fail();
    std::vector<u32> table(header_.table_entries);
    for (usize i = 0; i < table.size(); ++i) table[i] = load_le<u32>(&raw[i * 4]);
    out = &(tables_[index] = std::move(table));
    return true;
}

bool VmdkSparseExtent::find(u64 grain, Place& place) {
    std::vector<u32>* table = nullptr;
    if (!find_table(grain / header_.table_entries, table)) return false;
    const u32 entry = table ? (*table)[grain % header_.table_entries] : 0;
    place = entry == 0                                                               ? Place::Nowhere
            : entry == kZeroGrain && (header_.flags & VmdkSparseHeader::kZeroGrains) ? Place::Zero
                                                                                     : Place::Here;
    return true;
}

bool VmdkSparseExtent::read(u64 grain, usize inside, std::span<u8> out) {
    const u64 offset = u64{tables_[grain / header_.table_entries][grain % header_.table_entries]} * kSector;
    if (offset >= file_.size()) return fail("a grain lies outside the file");
    if (!(header_.flags & VmdkSparseHeader::kCompressed)) return file_.read_padded(offset + inside, out) || fail();
    if (unpacked_grain_ != grain && !unpack(grain, offset)) return false;
    std::memcpy(out.data(), unpacked_.data() + inside, out.size());
    return true;
}

/// Section "Stream-Optimized Compressed Sparse Extents": the grain's number, its length, the data.
bool VmdkSparseExtent::unpack(u64 grain, u64 offset) {
    u8 marker[12];
    if (!file_.read_padded(offset, marker)) return fail();
    const u32 length = load_le<u32>(marker + 8);
    if (length > 2 * grain_bytes() + 1024) return fail("a compressed grain is too long");
    std::vector<u8> packed(length);
    if (!file_.read_padded(offset + sizeof marker, packed)) return fail();
    unpacked_grain_ = ~u64{0};
    // The last grain may be cut at the end of the disk.
    const u64 left = (header_.capacity - grain * header_.grain_sectors) * kSector;
    unpacked_.assign(grain_bytes(), 0);
    const std::span<u8> cut = std::span(unpacked_).first(std::min<u64>(grain_bytes(), left));
    if (!has_inflate()) return fail("this build cannot unpack its grains");
    if (!inflate_zlib(packed, unpacked_) && !inflate_zlib(packed, cut)) return fail("a grain cannot be unpacked");
    unpacked_grain_ = grain;
    return true;
}

bool VmdkSparseExtent::overwrite(u64 grain, usize inside, std::span<const u8> in) {
    const u64 offset = u64{tables_[grain / header_.table_entries][grain % header_.table_entries]} * kSector;
    return file_.write(offset + inside, in) || fail();
}

bool VmdkSparseExtent::allocate(u64 sectors, u64& sector) {
    sector = align_up(used_, std::min<u64>(sectors, header_.grain_sectors));
    const u64 end = sector + sectors;
    if (end > ~u32{0}) {
        error_ = "image '" + file_.path() + "' cannot become larger than the format allows";
        return false;
    }
    if (end * kSector > file_.size()) {
        const u64 more = (end + kBatchGrains * header_.grain_sectors) * kSector;
        if (!file_.resize(more) || !file_.flush()) return fail();
    }
    used_ = end;
    return true;
}

/// A grain table of zeros, and its copy.
bool VmdkSparseExtent::add_table(u64 index) {
    const std::vector<u8> zeros(align_up(u64{header_.table_entries} * 4, kSector));
    u64 sector = 0, copy = 0;
    const bool two = !redundant_.empty();
    if (!allocate(zeros.size() / kSector, sector) || (two && !allocate(zeros.size() / kSector, copy))) return false;
    if (!file_.write(sector * kSector, zeros) || (two && !file_.write(copy * kSector, zeros)) || !file_.flush())
        return fail();
    u8 raw[4];
    if (two && !redundant_[index]) {
        redundant_[index] = static_cast<u32>(copy);
        store_le<u32>(raw, redundant_[index]);
        waiting_.add(header_.redundant_directory * kSector + index * 4, raw);
    }
    directory_[index] = static_cast<u32>(sector);
    store_le<u32>(raw, directory_[index]);
    waiting_.add(header_.directory * kSector + index * 4, raw);
    tables_[index].assign(header_.table_entries, 0);
    return true;
}

bool VmdkSparseExtent::add(u64 grain, std::span<const u8> whole, bool replaces) {
    const u64 index = grain / header_.table_entries, entry = grain % header_.table_entries;
    std::vector<u32>* table = nullptr;
    if (!find_table(index, table)) return false;
    if (!table && (!add_table(index) || !find_table(index, table))) return false;
    u64 sector = 0;
    const u64 used_before = used_;
    const bool reused = !free_.empty();
    if (reused)
        sector = free_.back();
    else if (!allocate(header_.grain_sectors, sector))
        return false;
    const bool wait = replaces || sector < untouched_;
    if (!file_.write(sector * kSector, whole)) {
        used_ = used_before;
        untouched_ = std::max(untouched_, sector + header_.grain_sectors);
        return fail();
    }
    if (reused) free_.pop_back();
    (*table)[entry] = static_cast<u32>(sector);
    u8 raw[4];
    store_le<u32>(raw, static_cast<u32>(sector));
    std::vector<u64> places{u64{directory_[index]} * kSector + entry * 4};
    if (!redundant_.empty() && redundant_[index]) places.push_back(u64{redundant_[index]} * kSector + entry * 4);
    for (const u64 place : places) {
        if (!wait && file_.write(place, raw)) continue;
        waiting_.add(place, raw);
        if (!wait) return fail();
    }
    return waiting_.count() < kMostWaiting || flush();
}

bool VmdkSparseExtent::flush() { return !writable_ || (waiting_.settle(file_) && file_.flush()) || fail(); }

bool VmdkSparseExtent::close() {
    if (!writable_) return true;
    if (!flush()) return false;
    return used_ * kSector >= file_.size() || file_.resize(used_ * kSector) || fail();
}

bool create_vmdk_sparse(HostFile& file, u64 sectors, const std::string& descriptor) {
    VmdkSparseHeader h;
    h.capacity = sectors;
    h.descriptor_offset = 1;
    h.descriptor_sectors = 20;
    const u64 entries = h.directory_entries(), directory_sectors = (entries * 4 + kSector - 1) / kSector;
    const u64 table_sectors = u64{h.table_entries} * 4 / kSector;
    h.redundant_directory = h.descriptor_offset + h.descriptor_sectors;
    h.directory = h.redundant_directory + directory_sectors + entries * table_sectors;
    h.overhead = align_up(h.directory + directory_sectors + entries * table_sectors, h.grain_sectors);
    if (!file.resize(h.overhead * kSector) || !file.write(0, h.encode())) return false;
    std::vector<u8> text(descriptor.begin(), descriptor.end());
    text.resize(h.descriptor_sectors * kSector);
    if (!file.write(h.descriptor_offset * kSector, text)) return false;
    for (const u64 at : {h.redundant_directory, h.directory}) {
        std::vector<u8> directory(directory_sectors * kSector);
        for (u64 i = 0; i < entries; ++i)
            store_le<u32>(&directory[i * 4], static_cast<u32>(at + directory_sectors + i * table_sectors));
        if (!file.write(at * kSector, directory)) return false;
    }
    return file.flush();
}

} // namespace r86

#include "devices/qcow2_header.h"
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/image_formats.h"
#include <cstring>

namespace r86 {

namespace {

constexpr u32 kMagic = 0x514649FB;
// As QEMU limits them, so that a hostile header cannot make us ask the host for absurd memory.
constexpr u64 kLargestL1 = 32 << 20;
constexpr u64 kLargestRefcountTable = 8 << 20;
constexpr u32 kMostSnapshots = 65536;

constexpr u32 kBackingFormat = 0xE2792ACA, kFeatureNames = 0x6803F857, kBitmaps = 0x23852875;

bool inside(const HostFile& file, u64 offset, u64 bytes) {
    return offset <= file.size() && bytes <= file.size() - offset;
}

/// "feature names": 48 bytes each: type, bit, name.
std::string feature_name(std::span<const u8> table, unsigned bit) {
    for (usize at = 0; at + 48 <= table.size(); at += 48) {
        if (table[at] != 0 || table[at + 1] != bit) continue;
        std::string name;
        for (usize i = at + 2; i < at + 48 && table[i] >= 0x20 && table[i] < 0x7F; ++i)
            name += static_cast<char>(table[i]);
        return "'" + name + "'";
    }
    return "number " + std::to_string(bit);
}

void read_extensions(HostFile& file, Qcow2Header& h, std::vector<u8>& names) {
    const u64 end = std::min(file.size(), h.cluster_bytes());
    u64 at = h.version == 2 ? 72 : h.header_bytes;
    while (at + 8 <= end) {
        u8 head[8];
        if (!file.read(at, head)) throw UserError("image " + file.error());
        const u32 type = load_be<u32>(head);
        const u64 length = load_be<u32>(head + 4);
        at += 8;
        if (type == 0) return;
        if (length > end - at) throw_damaged(file.path(), "a header extension runs over its cluster");
        std::vector<u8> data(length);
        if (!file.read(at, data)) throw UserError("image " + file.error());
        if (type == kBackingFormat) h.backing_format.assign(data.begin(), data.end());
        if (type == kFeatureNames) names = std::move(data);
        if (type == kBitmaps) h.has_bitmaps = true;
        at += (length + 7) & ~u64{7};
    }
}

void check_features(const HostFile& file, const Qcow2Header& h, std::span<const u8> names) {
    const std::string subject = "image '" + file.path() + "' ";
    if (h.incompatible & Qcow2Header::kExternalData)
        throw UserError(subject + "keeps its data in another file, which is not supported; convert it with qemu-img");
    if (h.incompatible & Qcow2Header::kExtendedL2)
        throw UserError(subject + "has extended L2 entries, which are not supported; convert it with qemu-img");
    const u64 known = Qcow2Header::kDirty | Qcow2Header::kCorrupt | Qcow2Header::kCompression;
    for (unsigned n = 0; n < 64; ++n) {
        if ((h.incompatible & ~known) >> n & 1)
            throw UserError(subject + "needs the feature " + feature_name(names, n) +
                            ", which is not supported; convert it with qemu-img");
    }
}

} // namespace

Qcow2Header Qcow2Header::read(HostFile& file) {
    const std::string& path = file.path();
    std::vector<u8> raw(std::min<u64>(file.size(), 112));
    if (!file.read(0, raw)) throw UserError("image " + file.error());
    if (raw.size() < 72 || load_be<u32>(raw.data()) != kMagic) throw UserError("image '" + path + "' is no qcow2 file");
    raw.resize(112);
    const auto be32 = [&](usize at) { return load_be<u32>(&raw[at]); };
    const auto be64 = [&](usize at) { return load_be<u64>(&raw[at]); };
    Qcow2Header h;
    h.version = be32(4);
    if (h.version != 2 && h.version != 3)
        throw UserError("image '" + path + "' has qcow2 version " + std::to_string(h.version) + "; 2 and 3 are known");
    h.cluster_bits = be32(20);
    h.size = be64(24);
    h.l1_entries = be32(36);
    h.l1_offset = be64(40);
    h.refcount_table_offset = be64(48);
    h.refcount_table_clusters = be32(56);
    h.snapshots = be32(60);
    h.snapshots_offset = be64(64);
    h.header_bytes = 72;
    if (h.version == 3) {
        h.incompatible = be64(72);
        h.compatible = be64(80);
        h.autoclear = be64(88);
        h.refcount_order = be32(96);
        h.header_bytes = be32(100);
        if (h.header_bytes < 104) throw_damaged(path, "its header is shorter than version 3 demands");
        if (h.header_bytes > 104) h.compression = raw[104];
    }
    if (h.cluster_bits < 9 || h.cluster_bits > 21) throw_damaged(path, "its cluster size is not 512 bytes to 2 MiB");
    const u64 cluster = h.cluster_bytes();
    if (h.header_bytes > cluster) throw_damaged(path, "its header is larger than a cluster");
    if (be32(32) != 0)
        throw UserError("image '" + path + "' is encrypted, which is not supported; convert it with qemu-img");
    std::vector<u8> names;
    read_extensions(file, h, names);
    check_features(file, h, names);
    if (h.refcount_order > 6) throw_damaged(path, "its refcounts have more than 64 bits");
    if (h.compression > 1)
        throw UserError("image '" + path + "' uses an unknown compression; convert it with qemu-img");
    if (h.size % 512) throw_damaged(path, "its disk size is no multiple of 512");

    const u64 covered = cluster * h.l2_entries();
    const u64 needed = h.size / covered + (h.size % covered != 0);
    if (u64{h.l1_entries} * 8 > kLargestL1 || needed > h.l1_entries)
        throw_damaged(path, "its L1 table does not fit the disk size");
    if (h.l1_offset % cluster || !inside(file, h.l1_offset, u64{h.l1_entries} * 8))
        throw_damaged(path, "its L1 table lies outside the file");
    if (h.refcount_table_clusters == 0 || u64{h.refcount_table_clusters} * cluster > kLargestRefcountTable ||
        h.refcount_table_offset % cluster || h.refcount_table_offset == 0 ||
        !inside(file, h.refcount_table_offset, u64{h.refcount_table_clusters} * cluster))
        throw_damaged(path, "its refcount table lies outside the file");
    if (h.snapshots > kMostSnapshots || (h.snapshots && (h.snapshots_offset % cluster || h.snapshots_offset == 0 ||
                                                         !inside(file, h.snapshots_offset, u64{h.snapshots} * 40))))
        throw_damaged(path, "its snapshot table lies outside the file");

    const u64 name_offset = be64(8);
    const u32 name_bytes = be32(16);
    if (name_offset) {
        if (name_bytes > 1023 || name_offset > cluster || name_bytes > cluster - name_offset ||
            !inside(file, name_offset, name_bytes))
            throw_damaged(path, "the name of its backing file lies outside the header");
        std::vector<u8> name(name_bytes);
        if (!file.read(name_offset, name)) throw UserError("image " + file.error());
        h.backing_file.assign(name.begin(), name.end());
        if (h.backing_file.find('\0') != std::string::npos)
            throw_damaged(path, "the name of its backing file has a NUL");
    }
    return h;
}

std::vector<u8> Qcow2Header::encode() const {
    std::vector<u8> out(cluster_bytes());
    store_be<u32>(&out[0], kMagic);
    store_be<u32>(&out[4], version);
    store_be<u32>(&out[20], cluster_bits);
    store_be<u64>(&out[24], size);
    store_be<u32>(&out[36], l1_entries);
    store_be<u64>(&out[40], l1_offset);
    store_be<u64>(&out[48], refcount_table_offset);
    store_be<u32>(&out[56], refcount_table_clusters);
    usize at = 72;
    if (version == 3) {
        store_be<u32>(&out[96], refcount_order);
        store_be<u32>(&out[100], 104);
        at = 104;
    }
    if (backing_file.empty()) return out;
    const usize needed = 8 + ((backing_format.size() + 7) & ~usize{7}) + 8 + backing_file.size();
    if (backing_file.size() > 1023 || at + needed > out.size())
        throw UserError("the name of the backing file is too long for the header");
    if (!backing_format.empty()) {
        store_be<u32>(&out[at], kBackingFormat);
        store_be<u32>(&out[at + 4], static_cast<u32>(backing_format.size()));
        std::memcpy(&out[at + 8], backing_format.data(), backing_format.size());
        at += 8 + ((backing_format.size() + 7) & ~usize{7});
    }
    at += 8; // the end of the extensions
    store_be<u64>(&out[8], at);
    store_be<u32>(&out[16], static_cast<u32>(backing_file.size()));
    std::memcpy(&out[at], backing_file.data(), backing_file.size());
    return out;
}

} // namespace r86

/// A directory of the host as a FAT volume.
/// Format: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (fatgen103); long names by the same, section
/// "FAT Long Directory Entries". Every file lies in one run of clusters, in the order of the tree.
#include "core/bits.h"
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/directory_image.h"
#include "devices/vhd_format.h"
#include <algorithm>
#include <array>
#include <cstring>
#include <set>

namespace r86 {

namespace {

constexpr u64 kSector = 512;
constexpr u32 kHeads = 16, kTrackSectors = 63; // as the disk tells firmware
constexpr usize kEntry = 32;
constexpr u8 kDirectoryAttribute = 0x10, kArchive = 0x20, kVolumeLabel = 0x08, kReadOnly = 0x01, kLongName = 0x0F;
constexpr usize kLongNameUnits = 13; // of UTF-16 in one entry
constexpr u32 kFewestFat16 = 4085, kMostFat16 = 65524, kMostFat12 = 4084;
constexpr u64 kLargestDisk = u64{1} << 40;

using Node = DirectoryTree::Node;
using ShortName = std::array<u8, 11>;

enum class Type : u8 { Fat12, Fat16, Fat32 };

/// Characters that a short name may have beside letters and digits.
bool short_name_character(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && std::strchr("!#$%&'()-@^_`{}~", c));
}

/// The part of a name that fits into `room` characters; `exact` becomes false where something was lost.
std::string short_part(const std::string& text, usize room, bool& exact) {
    std::string out;
    for (char c : text) {
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == ' ' || c == '.' || (static_cast<u8>(c) & 0xC0) == 0x80) { // not the later bytes of one character
            exact = false;
            continue;
        }
        if (!short_name_character(c)) {
            exact = false;
            c = '_';
        }
        if (out.size() < room)
            out += c;
        else
            exact = false;
    }
    return out;
}

ShortName pack(const std::string& base, const std::string& extension) {
    ShortName out;
    out.fill(' ');
    std::copy(base.begin(), base.end(), out.begin());
    std::copy(extension.begin(), extension.end(), out.begin() + 8);
    return out;
}

/// The 8.3 name, with a number where names would be equal or something was lost ("LONGFI~1").
ShortName make_short_name(const std::string& name, std::set<ShortName>& taken) {
    const usize dot = name.rfind('.');
    const bool has_extension = dot != std::string::npos && dot > 0;
    bool exact = true;
    const std::string extension = has_extension ? short_part(name.substr(dot + 1), 3, exact) : "";
    std::string base = short_part(has_extension ? name.substr(0, dot) : name, 8, exact);
    if (base.empty()) {
        base = "_";
        exact = false;
    }
    ShortName out = pack(base, extension);
    for (u32 n = 1; !exact || taken.count(out); ++n) {
        const std::string tail = "~" + std::to_string(n);
        out = pack(base.substr(0, 8 - tail.size()) + tail, extension);
        exact = true;
    }
    taken.insert(out);
    return out;
}

std::string shown(const ShortName& name) {
    std::string out(name.begin(), name.begin() + 8), extension(name.begin() + 8, name.end());
    out.erase(out.find_last_not_of(' ') + 1);
    extension.erase(extension.find_last_not_of(' ') + 1);
    return extension.empty() ? out : out + "." + extension;
}

u8 short_name_checksum(const ShortName& name) {
    u8 sum = 0;
    for (const u8 c : name) sum = static_cast<u8>((sum << 7 | sum >> 1) + c);
    return sum;
}

/// What one node needs to be listed.
struct Listed {
    ShortName name{};
    std::u16string long_name{}; // empty: the short name is the name
    usize entries() const { return 1 + (long_name.size() + kLongNameUnits - 1) / kLongNameUnits; }
};

class FatLayout {
public:
    FatLayout(DirectoryImage& image, const DirectoryTree& tree, bool floppy)
        : image_(image), nodes_(tree.nodes), floppy_(floppy), listed_(nodes_.size()), first_(nodes_.size()) {
        name_all();
        if (floppy)
            choose_floppy();
        else
            choose_disk();
        place();
        write();
    }

private:
    u64 cluster_bytes() const { return cluster_sectors_ * kSector; }
    u64 directory_bytes(u32 node) const;
    u64 clusters_of(u32 node) const {
        if (node == 0 && type_ != Type::Fat32) return 0;
        const u64 bytes = nodes_[node].directory ? std::max(directory_bytes(node), kSector) : nodes_[node].size;
        return (bytes + cluster_bytes() - 1) / cluster_bytes();
    }
    u64 clusters_needed() const {
        u64 sum = 0;
        for (u32 n = 0; n < nodes_.size(); ++n) sum += clusters_of(n);
        return sum;
    }
    u64 data_sector() const { return reserved_ + 2 * fat_sectors_ + root_entries_ * kEntry / kSector; }
    u64 cluster_offset(u32 cluster) const {
        return (hidden_ + data_sector()) * kSector + (cluster - 2) * cluster_bytes();
    }
    void name_all();
    void choose_floppy();
    void choose_disk();
    void place();
    void write();
    std::vector<u8> directory(u32 node) const;
    void append_entry(std::vector<u8>& out, const Listed& listed, const Node& node, u32 cluster) const;
    std::vector<u8> boot_sector() const;
    void set_fat(u32 cluster, u32 value);
    [[noreturn]] void too_large(const char* limit) const {
        throw UserError("directory '" + nodes_[0].host_path + "' is too large for a " + limit);
    }

    DirectoryImage& image_;
    const std::vector<Node>& nodes_;
    bool floppy_;
    std::vector<Listed> listed_;
    std::vector<u32> first_; // cluster of each node; 0: none
    Type type_ = Type::Fat12;
    u64 cluster_sectors_ = 1, reserved_ = 1, fat_sectors_ = 9, root_entries_ = 224, clusters_ = 0;
    u64 hidden_ = 0, sectors_ = 0; // of the volume
    u32 track_sectors_ = kTrackSectors, heads_ = kHeads;
    u8 media_ = 0xF8;
    std::vector<u8> fat_;
};

void FatLayout::name_all() {
    for (const Node& node : nodes_) {
        std::set<ShortName> taken;
        for (const u32 child : node.children) {
            const std::string& name = nodes_[child].name;
            if (!nodes_[child].directory && nodes_[child].size > ~u32{0})
                throw UserError("file '" + nodes_[child].host_path + "' is larger than the 4 GiB that FAT allows");
            listed_[child].name = make_short_name(name, taken);
            if (shown(listed_[child].name) == name) continue;
            listed_[child].long_name = utf8_to_utf16(name).substr(0, 255);
            for (char16_t& c : listed_[child].long_name) // what FAT does not allow
                if (c < 0x20 || (c < 0x80 && std::strchr("\"*/:<>?\\|", c))) c = u'_';
        }
    }
}

u64 FatLayout::directory_bytes(u32 node) const {
    u64 entries = node == 0 ? 1 : 2; // the label, or the two dots
    for (const u32 child : nodes_[node].children) entries += listed_[child].entries();
    return entries * kEntry;
}

void FatLayout::choose_floppy() {
    heads_ = 2;
    media_ = 0xF0;
    for (const bool extra : {false, true}) { // 1.44 MB, else 2.88 MB
        track_sectors_ = extra ? 36 : 18;
        sectors_ = 2 * 80 * track_sectors_;
        cluster_sectors_ = extra ? 2 : 1;
        root_entries_ = std::max<u64>(extra ? 240 : 224, align_up(directory_bytes(0) / kEntry, 16));
        if (data_sector() >= sectors_) continue;
        clusters_ = (sectors_ - data_sector()) / cluster_sectors_;
        if (clusters_ <= kMostFat12 && clusters_needed() <= clusters_) return;
    }
    too_large("floppy of 2.88 MB; use --disk-dir or --cdrom-dir");
}

void FatLayout::choose_disk() {
    hidden_ = kTrackSectors;
    type_ = Type::Fat16;
    root_entries_ = std::max<u64>(512, align_up(directory_bytes(0) / kEntry, 16));
    for (cluster_sectors_ = 4; cluster_sectors_ <= 64; cluster_sectors_ *= 2) {
        clusters_ = std::max<u64>(clusters_needed(), kFewestFat16 + 100);
        if (clusters_ <= kMostFat16 && root_entries_ <= 65520) {
            fat_sectors_ = ((clusters_ + 2) * 2 + kSector - 1) / kSector;
            break;
        }
    }
    if (cluster_sectors_ > 64) {
        type_ = Type::Fat32;
        root_entries_ = 0;
        reserved_ = 32;
        for (cluster_sectors_ = 8; cluster_sectors_ < 64 && clusters_needed() > (1u << 21);) cluster_sectors_ *= 2;
        clusters_ = std::max<u64>(clusters_needed(), kMostFat16 + 100);
        fat_sectors_ = ((clusters_ + 2) * 4 + kSector - 1) / kSector;
    }
    // The volume ends with a cylinder; a few clusters more do no harm as long as the type stays.
    sectors_ = align_up(hidden_ + data_sector() + clusters_ * cluster_sectors_, kHeads * kTrackSectors) - hidden_;
    if (sectors_ * kSector > kLargestDisk) too_large("disk of 1 TB");
    const u64 possible = (sectors_ - data_sector()) / cluster_sectors_;
    const u64 in_fat = fat_sectors_ * kSector / (type_ == Type::Fat32 ? 4 : 2) - 2;
    clusters_ = std::min(possible, in_fat);
    if (type_ == Type::Fat16 && possible > kMostFat16) sectors_ = data_sector() + kMostFat16 * cluster_sectors_;
    // A reader counts the clusters from the sectors, so there must not be more of them than the FAT has room for.
    sectors_ =
        std::min(sectors_, data_sector() + std::min<u64>(in_fat, clusters_) * cluster_sectors_ + cluster_sectors_ - 1);
}

void FatLayout::set_fat(u32 cluster, u32 value) {
    switch (type_) {
    case Type::Fat16: store_le<u16>(&fat_[cluster * 2], static_cast<u16>(value)); break;
    case Type::Fat32: store_le<u32>(&fat_[u64{cluster} * 4], value & 0x0FFF'FFFF); break;
    case Type::Fat12: {
        u8* at = &fat_[cluster + cluster / 2];
        const u32 old = load_le<u16>(at);
        store_le<u16>(at,
                      static_cast<u16>(cluster % 2 ? (old & 0x000F) | value << 4 : (old & 0xF000) | (value & 0xFFF)));
    }
    }
}

/// Gives every node its clusters and fills the FAT.
void FatLayout::place() {
    fat_.assign(fat_sectors_ * kSector, 0);
    set_fat(0, 0x0FFF'FF00 | media_);
    set_fat(1, 0x0FFF'FFFF);
    u32 next = 2;
    for (u32 n = 0; n < nodes_.size(); ++n) {
        const u64 count = clusters_of(n);
        if (count == 0) continue;
        first_[n] = next;
        for (u64 i = 1; i < count; ++i, ++next) set_fat(next, next + 1);
        set_fat(next++, 0x0FFF'FFFF);
    }
}

void FatLayout::append_entry(std::vector<u8>& out, const Listed& listed, const Node& node, u32 cluster) const {
    static constexpr u8 kUnitAt[kLongNameUnits] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    const usize pieces = listed.entries() - 1;
    for (usize piece = pieces; piece > 0; --piece) { // the last part of the name comes first
        std::array<u8, kEntry> entry{};
        entry[0] = static_cast<u8>(piece | (piece == pieces ? 0x40 : 0));
        entry[11] = kLongName;
        entry[13] = short_name_checksum(listed.name);
        for (usize i = 0; i < kLongNameUnits; ++i) {
            const usize unit = (piece - 1) * kLongNameUnits + i;
            const u16 value = unit < listed.long_name.size()    ? listed.long_name[unit]
                              : unit == listed.long_name.size() ? 0
                                                                : 0xFFFF;
            store_le<u16>(&entry[kUnitAt[i]], value);
        }
        out.insert(out.end(), entry.begin(), entry.end());
    }
    std::array<u8, kEntry> entry{};
    std::copy(listed.name.begin(), listed.name.end(), entry.begin());
    entry[11] = node.directory ? kDirectoryAttribute : kArchive | kReadOnly;
    const DateTime t = date_of(node.seconds);
    const u32 year = std::clamp(t.year, 1980u, 2107u) - 1980;
    const u16 date = static_cast<u16>(year << 9 | t.month << 5 | t.day);
    store_le<u16>(&entry[18], date); // last access
    store_le<u16>(&entry[20], static_cast<u16>(type_ == Type::Fat32 ? cluster >> 16 : 0));
    store_le<u16>(&entry[22], static_cast<u16>(t.hour << 11 | t.minute << 5 | t.second / 2));
    store_le<u16>(&entry[24], date);
    store_le<u16>(&entry[26], static_cast<u16>(cluster));
    store_le<u32>(&entry[28], node.directory ? 0 : static_cast<u32>(node.size));
    out.insert(out.end(), entry.begin(), entry.end());
}

std::vector<u8> FatLayout::directory(u32 number) const {
    const Node& node = nodes_[number];
    std::vector<u8> out;
    if (number == 0) {
        append_entry(out, {pack("REWIND86", ""), {}}, node, 0);
        out[11] = kVolumeLabel;
    } else {
        append_entry(out, {pack(".", ""), {}}, node, first_[number]);
        const u32 parent = node.parent;
        append_entry(out, {pack("..", ""), {}}, nodes_[parent], parent == 0 ? 0 : first_[parent]);
    }
    for (const u32 child : node.children) append_entry(out, listed_[child], nodes_[child], first_[child]);
    return out;
}

std::vector<u8> FatLayout::boot_sector() const {
    const bool fat32 = type_ == Type::Fat32;
    std::vector<u8> s(kSector);
    // There is no system on it: INT 18h asks the firmware for the next device.
    const u8 code_at = fat32 ? 0x5A : 0x3E;
    const u8 jump[] = {0xEB, static_cast<u8>(code_at - 2), 0x90}, code[] = {0xCD, 0x18, 0xEB, 0xFE};
    std::copy(std::begin(jump), std::end(jump), s.begin());
    std::copy(std::begin(code), std::end(code), s.begin() + code_at);
    std::memcpy(&s[3], "MSWIN4.1", 8);
    store_le<u16>(&s[11], kSector);
    s[13] = static_cast<u8>(cluster_sectors_);
    store_le<u16>(&s[14], static_cast<u16>(reserved_));
    s[16] = 2;
    store_le<u16>(&s[17], static_cast<u16>(root_entries_));
    store_le<u16>(&s[19], static_cast<u16>(sectors_ < 65536 && !fat32 ? sectors_ : 0));
    s[21] = media_;
    store_le<u16>(&s[22], static_cast<u16>(fat32 ? 0 : fat_sectors_));
    store_le<u16>(&s[24], static_cast<u16>(track_sectors_));
    store_le<u16>(&s[26], static_cast<u16>(heads_));
    store_le<u32>(&s[28], static_cast<u32>(hidden_));
    store_le<u32>(&s[32], static_cast<u32>(sectors_ < 65536 && !fat32 ? 0 : sectors_));
    usize tail = 36;
    if (fat32) {
        store_le<u32>(&s[36], static_cast<u32>(fat_sectors_));
        store_le<u32>(&s[44], first_[0]);
        store_le<u16>(&s[48], 1); // FSInfo
        store_le<u16>(&s[50], 6); // copy of the boot sector
        tail = 64;
    }
    s[tail] = floppy_ ? 0x00 : 0x80;
    s[tail + 2] = 0x29;
    store_le<u32>(&s[tail + 3], 0x52383600);
    std::memcpy(&s[tail + 7], "REWIND86   ", 11);
    std::memcpy(&s[tail + 18], fat32 ? "FAT32   " : type_ == Type::Fat16 ? "FAT16   " : "FAT12   ", 8);
    s[510] = 0x55;
    s[511] = 0xAA;
    return s;
}

void FatLayout::write() {
    const u64 start = hidden_ * kSector;
    if (!floppy_) {
        std::vector<u8> mbr(kSector);
        const u8 code[] = {0xCD, 0x18, 0xEB, 0xFE};
        std::copy(std::begin(code), std::end(code), mbr.begin());
        store_le<u32>(&mbr[440], 0x52383600);
        const u64 last = hidden_ + sectors_ - 1;
        const auto chs = [&](usize at, u64 lba) { // beyond cylinder 1023: the largest that there is
            const u64 cylinder = std::min<u64>(lba / (kHeads * kTrackSectors), 1023);
            const bool beyond = lba / (kHeads * kTrackSectors) > 1023;
            mbr[at] = static_cast<u8>(beyond ? kHeads - 1 : lba / kTrackSectors % kHeads);
            mbr[at + 1] = static_cast<u8>((beyond ? kTrackSectors : lba % kTrackSectors + 1) | (cylinder >> 2 & 0xC0));
            mbr[at + 2] = static_cast<u8>(cylinder);
        };
        const bool needs_lba = last / (kHeads * kTrackSectors) > 1023;
        chs(447, hidden_);
        chs(451, last);
        mbr[450] = type_ == Type::Fat32 ? (needs_lba ? 0x0C : 0x0B) : needs_lba ? 0x0E : sectors_ < 65536 ? 0x04 : 0x06;
        store_le<u32>(&mbr[454], static_cast<u32>(hidden_));
        store_le<u32>(&mbr[458], static_cast<u32>(sectors_));
        mbr[510] = 0x55;
        mbr[511] = 0xAA;
        image_.add_bytes(0, std::move(mbr));
    }
    image_.add_bytes(start, boot_sector());
    if (type_ == Type::Fat32) {
        image_.add_bytes(start + 6 * kSector, boot_sector());
        std::vector<u8> info(kSector); // FSInfo: nothing known about free clusters
        store_le<u32>(&info[0], 0x41615252);
        store_le<u32>(&info[484], 0x61417272);
        store_le<u32>(&info[488], ~u32{0});
        store_le<u32>(&info[492], ~u32{0});
        store_le<u32>(&info[508], 0xAA550000);
        image_.add_bytes(start + 7 * kSector, info);
        image_.add_bytes(start + kSector, std::move(info));
    }
    for (u32 n = 0; n < nodes_.size(); ++n) {
        const bool fixed_root = n == 0 && type_ != Type::Fat32;
        const u64 at = fixed_root ? start + (reserved_ + 2 * fat_sectors_) * kSector : cluster_offset(first_[n]);
        if (nodes_[n].directory)
            image_.add_bytes(at, directory(n));
        else if (first_[n])
            image_.add_file(at, nodes_[n].size, nodes_[n].host_path);
    }
    image_.add_bytes(start + (reserved_ + fat_sectors_) * kSector, fat_);
    image_.add_bytes(start + reserved_ * kSector, std::move(fat_));
    image_.set_size(align_up(hidden_ + sectors_, floppy_ ? 1 : kHeads * kTrackSectors) * kSector);
}

} // namespace

void lay_out_fat(DirectoryImage& image, const DirectoryTree& tree, bool floppy) { FatLayout(image, tree, floppy); }

} // namespace r86

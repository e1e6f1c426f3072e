/// A directory of the host as a CD.
/// Format: ECMA-119 (ISO 9660) interchange level 1; Joliet Specification (Microsoft, 1995) for Windows' long names;
/// SUSP 1.10 and RRIP 1.10 (IEEE P1281, P1282) for names and modes on Unix.
/// NOT IMPLEMENTED: files of 4 GiB and more (several extents); Rock Ridge names of more than 150 bytes and Joliet names
/// of more than 64 characters are cut; directories deeper than eight levels are not moved up, which readers accept.
#include "core/bits.h"
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/directory_image.h"
#include "devices/vhd_format.h"
#include <algorithm>
#include <cstring>
#include <set>

namespace r86 {

namespace {

constexpr u64 kSector = 2048;
constexpr u32 kFirstDescriptor = 16; // 6.2.1: the system area lies before
constexpr usize kLongestRockRidgeName = 150, kLongestJolietName = 64;
constexpr usize kPadding = 150; // sectors behind the last file: some drives read ahead of what they are asked for

using Node = DirectoryTree::Node;

/// 7.2.3 and 7.3.3: both byte orders, the little-endian one first.
void both16(u8* to, u16 value) {
    store_le<u16>(to, value);
    store_be<u16>(to + 2, value);
}
void both32(u8* to, u32 value) {
    store_le<u32>(to, value);
    store_be<u32>(to + 4, value);
}

/// 9.1.5 "Recording Date and Time".
void put_date(u8* to, i64 seconds) {
    const DateTime t = date_of(seconds);
    const u8 date[] = {static_cast<u8>(std::clamp(t.year, 1900u, 2155u) - 1900),
                       static_cast<u8>(t.month),
                       static_cast<u8>(t.day),
                       static_cast<u8>(t.hour),
                       static_cast<u8>(t.minute),
                       static_cast<u8>(t.second),
                       0};
    std::copy(std::begin(date), std::end(date), to);
}

/// 7.5 with 10.1: capital letters, digits and underscore, eight and three of them.
std::string iso_part(const std::string& text, usize room) {
    std::string out;
    for (char c : text) {
        if ((static_cast<u8>(c) & 0xC0) == 0x80) continue;
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        const bool allowed = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (out.size() < room) out += allowed ? c : '_';
    }
    return out;
}

/// One of the two directory hierarchies.
class Hierarchy {
public:
    Hierarchy(const std::vector<Node>& nodes, bool joliet)
        : nodes_(nodes), joliet_(joliet), names_(nodes.size()), order_(nodes.size()), extent_(nodes.size()) {
        for (u32 n = 0; n < nodes.size(); ++n)
            if (nodes[n].directory) name_children(n);
        // 6.9.1: path tables list directories by level, then parent, then name.
        directories_.push_back(0);
        for (usize i = 0; i < directories_.size(); ++i)
            for (const u32 child : order_[directories_[i]])
                if (nodes[child].directory) directories_.push_back(child);
    }

    /// Gives each directory its place; the first free sector after it.
    u32 place(u32 sector) {
        for (const u32 directory : directories_) {
            extent_[directory] = sector;
            sector += static_cast<u32>(directory_bytes(directory) / kSector);
        }
        return sector;
    }
    u32 root_extent() const { return extent_[0]; }
    u32 root_bytes() const { return static_cast<u32>(directory_bytes(0)); }
    u32 path_table_bytes() const;
    std::vector<u8> path_table(bool big_endian) const;
    /// Once all files have their `sectors`.
    void write(DirectoryImage& image, const std::vector<u32>& sectors) const {
        for (const u32 directory : directories_)
            image.add_bytes(extent_[directory] * kSector, directory_content(directory, sectors));
    }
    std::vector<u8> root_record() const { return record(std::string(1, '\0'), 0, extent_[0], root_bytes(), {}); }

private:
    void name_children(u32 directory);
    std::string unique_name(const Node& node, std::set<std::string>& taken) const;
    std::vector<u8> record(const std::string& name, u32 node, u32 extent, u32 bytes,
                           const std::vector<u8>& system) const;
    std::vector<u8> system_use(u32 node, bool self, bool first) const;
    std::vector<std::vector<u8>> records(u32 directory, const std::vector<u32>& sectors) const;
    u64 directory_bytes(u32 directory) const;
    std::vector<u8> directory_content(u32 directory, const std::vector<u32>& sectors) const;

    const std::vector<Node>& nodes_;
    bool joliet_;
    std::vector<std::string> names_;      // as recorded
    std::vector<std::vector<u32>> order_; // children by recorded name
    std::vector<u32> directories_;
    std::vector<u32> extent_; // of directories
};

std::string Hierarchy::unique_name(const Node& node, std::set<std::string>& taken) const {
    if (joliet_) {
        std::u16string wide = utf8_to_utf16(node.name).substr(0, kLongestJolietName);
        const std::u16string all = wide;
        for (u32 n = 0;; ++n) {
            if (n) { // cut names may be equal
                const std::u16string tail = utf8_to_utf16("~" + std::to_string(n));
                wide = all.substr(0, kLongestJolietName - tail.size()) + tail;
            }
            std::string out;
            for (char16_t c : wide) {
                if (c < 0x20 || (c < 0x80 && std::strchr("*/:;?\\", c))) c = u'_';
                out += static_cast<char>(c >> 8);
                out += static_cast<char>(c);
            }
            if (taken.insert(out).second) return out;
        }
    }
    const usize dot = node.name.rfind('.');
    const bool has_extension = !node.directory && dot != std::string::npos && dot > 0;
    const std::string base = iso_part(has_extension ? node.name.substr(0, dot) : node.name, 8);
    const std::string extension = has_extension ? iso_part(node.name.substr(dot + 1), 3) : "";
    for (u32 n = 0;; ++n) {
        std::string out = base;
        if (n) {
            const std::string tail = std::to_string(n);
            out = base.substr(0, 8 - tail.size()) + tail;
        }
        if (!node.directory) out += "." + extension + ";1"; // 7.5.1
        if (taken.insert(out).second) return out;
    }
}

void Hierarchy::name_children(u32 directory) {
    std::set<std::string> taken;
    for (const u32 child : nodes_[directory].children) names_[child] = unique_name(nodes_[child], taken);
    order_[directory] = nodes_[directory].children;
    std::sort(order_[directory].begin(), order_[directory].end(), [this](u32 a, u32 b) {
        return std::lexicographical_compare(names_[a].begin(), names_[a].end(), names_[b].begin(), names_[b].end(),
                                            [](char x, char y) { return static_cast<u8>(x) < static_cast<u8>(y); });
    });
}

/// 9.1 "Format of a Directory Record".
std::vector<u8> Hierarchy::record(const std::string& name, u32 node, u32 extent, u32 bytes,
                                  const std::vector<u8>& system) const {
    std::vector<u8> out(align_up(33 + name.size(), 2));
    both32(&out[2], extent);
    both32(&out[10], bytes);
    put_date(&out[18], nodes_[node].seconds);
    out[25] = nodes_[node].directory ? 2 : 0;
    both16(&out[28], 1);
    out[32] = static_cast<u8>(name.size());
    std::copy(name.begin(), name.end(), out.begin() + 33);
    out.insert(out.end(), system.begin(), system.end());
    if (out.size() % 2) out.push_back(0);
    out[0] = static_cast<u8>(out.size());
    return out;
}

/// Rock Ridge: PX (mode), TF (time of change), NM (name); in the root's own record also SP and ER.
std::vector<u8> Hierarchy::system_use(u32 number, bool self, bool first) const {
    if (joliet_) return {};
    const Node& node = nodes_[number];
    std::vector<u8> out;
    if (first) out = {'S', 'P', 7, 1, 0xBE, 0xEF, 0};
    const usize px = out.size();
    out.resize(px + 36);
    std::memcpy(&out[px], "PX\x24\x01", 4);
    both32(&out[px + 4], node.directory ? 0040555 : 0100555);
    both32(&out[px + 12], node.directory ? 2 : 1); // links
    const usize tf = out.size();
    out.resize(tf + 12);
    std::memcpy(&out[tf], "TF\x0C\x01\x02", 5); // MODIFY
    put_date(&out[tf + 5], node.seconds);
    if (!self) {
        std::string name = node.name;
        if (name.size() > kLongestRockRidgeName) {
            usize cut = kLongestRockRidgeName;
            while (cut && (static_cast<u8>(name[cut]) & 0xC0) == 0x80) --cut; // whole characters
            name.resize(cut);
        }
        const u8 head[] = {'N', 'M', static_cast<u8>(5 + name.size()), 1, 0};
        out.insert(out.end(), std::begin(head), std::end(head));
        out.insert(out.end(), name.begin(), name.end());
    }
    if (first) {
        const std::string id = "RRIP_1991A", text = "Rock Ridge", source = "IEEE P1282";
        const u8 head[] = {'E',
                           'R',
                           static_cast<u8>(8 + id.size() + text.size() + source.size()),
                           1,
                           static_cast<u8>(id.size()),
                           static_cast<u8>(text.size()),
                           static_cast<u8>(source.size()),
                           1};
        out.insert(out.end(), std::begin(head), std::end(head));
        for (const std::string* part : {&id, &text, &source}) out.insert(out.end(), part->begin(), part->end());
    }
    return out;
}

std::vector<std::vector<u8>> Hierarchy::records(u32 directory, const std::vector<u32>& sectors) const {
    const auto entry = [&](const std::string& name, u32 node, bool self, bool first) {
        const bool is_directory = nodes_[node].directory;
        const u32 extent = is_directory ? extent_[node] : sectors.empty() ? 0 : sectors[node];
        // While sizes are being found a directory's own is not needed: all records are as long with any number.
        const u32 bytes = !is_directory     ? static_cast<u32>(nodes_[node].size)
                          : sectors.empty() ? 0
                                            : static_cast<u32>(directory_bytes(node));
        return record(name, node, extent, bytes, system_use(node, self, first));
    };
    std::vector<std::vector<u8>> out;
    out.push_back(entry(std::string(1, '\0'), directory, true, directory == 0));
    out.push_back(entry(std::string(1, '\1'), nodes_[directory].parent, true, false));
    for (const u32 child : order_[directory]) out.push_back(entry(names_[child], child, false, false));
    return out;
}

/// 6.8.1.1: a record does not cross a sector's end.
u64 Hierarchy::directory_bytes(u32 directory) const {
    u64 at = 0;
    for (const auto& one : records(directory, {})) {
        if (at % kSector + one.size() > kSector) at = align_up(at, kSector);
        at += one.size();
    }
    return align_up(at, kSector);
}

std::vector<u8> Hierarchy::directory_content(u32 directory, const std::vector<u32>& sectors) const {
    std::vector<u8> out;
    for (const auto& one : records(directory, sectors)) {
        if (out.size() % kSector + one.size() > kSector) out.resize(align_up(out.size(), kSector));
        out.insert(out.end(), one.begin(), one.end());
    }
    out.resize(align_up(out.size(), kSector));
    return out;
}

u32 Hierarchy::path_table_bytes() const {
    u64 sum = 0;
    for (const u32 directory : directories_) sum += 8 + align_up(directory == 0 ? 1 : names_[directory].size(), 2);
    return static_cast<u32>(sum);
}

/// 9.4 "Format of a Path Table Record".
std::vector<u8> Hierarchy::path_table(bool big_endian) const {
    std::vector<u16> number(nodes_.size(), 1);
    for (usize i = 0; i < directories_.size(); ++i) number[directories_[i]] = static_cast<u16>(i + 1);
    std::vector<u8> out;
    for (const u32 directory : directories_) {
        const std::string name = directory == 0 ? std::string(1, '\0') : names_[directory];
        const usize at = out.size();
        out.resize(at + 8 + align_up(name.size(), 2));
        out[at] = static_cast<u8>(name.size());
        const u16 parent = number[nodes_[directory].parent];
        if (big_endian) {
            store_be<u32>(&out[at + 2], extent_[directory]);
            store_be<u16>(&out[at + 6], parent);
        } else {
            store_le<u32>(&out[at + 2], extent_[directory]);
            store_le<u16>(&out[at + 6], parent);
        }
        std::copy(name.begin(), name.end(), out.begin() + static_cast<std::ptrdiff_t>(at + 8));
    }
    return out;
}

void put_text(u8* to, usize length, const std::string& text, bool wide) {
    for (usize i = 0; i < length; ++i) {
        const usize at = wide ? i / 2 : i;
        const char c = at < text.size() ? text[at] : ' ';
        to[i] = wide && i % 2 == 0 ? 0 : static_cast<u8>(c);
    }
}

/// 8.4 "Primary Volume Descriptor", 8.5 "Supplementary Volume Descriptor".
std::vector<u8> volume_descriptor(const Hierarchy& tree, bool joliet, u32 volume_sectors, u32 little, u32 big) {
    std::vector<u8> out(kSector);
    out[0] = joliet ? 2 : 1;
    std::memcpy(&out[1], "CD001\x01", 6);
    put_text(&out[8], 32, "", joliet);
    put_text(&out[40], 32, "REWIND86", joliet);
    both32(&out[80], volume_sectors);
    if (joliet) std::memcpy(&out[88], "%/E", 3); // UCS-2 level 3
    both16(&out[120], 1);
    both16(&out[124], 1);
    both16(&out[128], kSector);
    both32(&out[132], tree.path_table_bytes());
    store_le<u32>(&out[140], little);
    store_be<u32>(&out[148], big);
    const std::vector<u8> root = tree.root_record();
    std::copy(root.begin(), root.end(), out.begin() + 156);
    put_text(&out[190], 623, "", joliet); // volume set to bibliographic file
    for (usize date = 0; date < 4; ++date) std::memset(&out[813 + 17 * date], '0', 16); // not told
    out[881] = 1;
    return out;
}

} // namespace

void lay_out_iso9660(DirectoryImage& image, const DirectoryTree& tree) {
    const auto& nodes = tree.nodes;
    for (const Node& node : nodes)
        if (node.size > ~u32{0})
            throw UserError("file '" + node.host_path + "' is larger than the 4 GiB that this CD allows");
    if (std::count_if(nodes.begin(), nodes.end(), [](const Node& node) { return node.directory; }) > 65535)
        throw UserError("directory '" + nodes[0].host_path + "' has more than the 65535 directories of a CD");
    Hierarchy primary(nodes, false), joliet(nodes, true);
    u64 next = kFirstDescriptor + 3;
    const auto take = [&](u64 bytes) {
        const u64 at = next;
        next += (bytes + kSector - 1) / kSector;
        return static_cast<u32>(at);
    };
    const u32 primary_little = take(primary.path_table_bytes()), primary_big = take(primary.path_table_bytes());
    const u32 joliet_little = take(joliet.path_table_bytes()), joliet_big = take(joliet.path_table_bytes());
    next = primary.place(static_cast<u32>(next));
    next = joliet.place(static_cast<u32>(next));
    std::vector<u32> sectors(nodes.size());
    for (usize n = 0; n < nodes.size(); ++n) {
        if (nodes[n].directory) continue;
        sectors[n] = static_cast<u32>(next);
        image.add_file(next * kSector, nodes[n].size, nodes[n].host_path);
        next += (nodes[n].size + kSector - 1) / kSector;
        if (next > ~u32{0} - kPadding) throw UserError("directory '" + nodes[0].host_path + "' is too large for a CD");
    }
    const u32 total = static_cast<u32>(next + kPadding);
    image.add_bytes(kFirstDescriptor * kSector, volume_descriptor(primary, false, total, primary_little, primary_big));
    image.add_bytes((kFirstDescriptor + 1) * kSector,
                    volume_descriptor(joliet, true, total, joliet_little, joliet_big));
    std::vector<u8> terminator(kSector); // 8.3
    std::memcpy(terminator.data(),
                "\xFF"
                "CD001\x01",
                7);
    image.add_bytes((kFirstDescriptor + 2) * kSector, std::move(terminator));
    image.add_bytes(primary_little * kSector, primary.path_table(false));
    image.add_bytes(primary_big * kSector, primary.path_table(true));
    image.add_bytes(joliet_little * kSector, joliet.path_table(false));
    image.add_bytes(joliet_big * kSector, joliet.path_table(true));
    primary.write(image, sectors);
    joliet.write(image, sectors);
    image.set_size(total * kSector);
}

} // namespace r86

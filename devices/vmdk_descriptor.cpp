#include "devices/vmdk_descriptor.h"
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

namespace r86 {

namespace {

constexpr usize kMostExtents = 4096;

std::string trimmed(const std::string& text) {
    const auto first = text.find_first_not_of(" \t\r\"");
    if (first == std::string::npos) return "";
    return text.substr(first, text.find_last_not_of(" \t\r\"") - first + 1);
}

template <class T>
bool number(const std::string& text, T& out, int base = 10) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

/// The next word of an extent line; a quoted one may hold spaces.
std::string word(const std::string& line, usize& at) {
    at = std::min(line.find_first_not_of(" \t", at), line.size());
    usize end = at;
    if (at < line.size() && line[at] == '"') {
        end = std::min(line.find('"', at + 1), line.size());
        const std::string out = line.substr(at + 1, end - at - 1);
        at = std::min(end + 1, line.size());
        return out;
    }
    end = std::min(line.find_first_of(" \t\r", at), line.size());
    const std::string out = line.substr(at, end - at);
    at = end;
    return out;
}

bool parse_extent(const std::string& line, VmdkDescriptor::Extent& out) {
    using Kind = VmdkDescriptor::Extent::Kind;
    usize at = 0;
    const std::string access = word(line, at), sectors = word(line, at), kind = word(line, at);
    out.writable = access == "RW";
    if (!number(sectors, out.sectors) || out.sectors > (u64{1} << 54)) return false;
    if (kind == "ZERO") {
        out.kind = Kind::Zero;
        return true;
    }
    out.file = word(line, at);
    if (kind == "SPARSE")
        out.kind = Kind::Sparse;
    else if (kind == "FLAT" || kind == "VMFS")
        out.kind = Kind::Flat;
    else
        return false;
    const std::string offset = word(line, at);
    if (!offset.empty() && (!number(offset, out.offset) || out.offset > (u64{1} << 54))) return false;
    return !out.file.empty();
}

} // namespace

bool VmdkDescriptor::parse(const std::string& text, std::string& problem) {
    for (usize at = 0; at < text.size();) {
        const usize end = std::min(text.find('\n', at), text.size());
        const std::string line = text.substr(at, end - at);
        const usize line_at = at;
        at = end + 1;
        if (line.starts_with("RW ") || line.starts_with("RDONLY ") || line.starts_with("NOACCESS ")) {
            Extent extent;
            if (!parse_extent(line, extent) || extents.size() >= kMostExtents) {
                problem = "its descriptor has an extent that cannot be understood";
                return false;
            }
            extents.push_back(extent);
            continue;
        }
        const usize equals = line.find('=');
        if (equals == std::string::npos || line[0] == '#') continue;
        std::string key = trimmed(line.substr(0, equals));
        std::transform(key.begin(), key.end(), key.begin(), [](unsigned char c) { return std::tolower(c); });
        const std::string value = trimmed(line.substr(equals + 1));
        if (key == "cid" && number(value, cid, 16) && value.size() == 8)
            cid_at = line_at + line.find(value, equals);
        else if (key == "parentcid")
            number(value, parent_cid, 16);
        else if (key == "createtype")
            create_type = value;
        else if (key == "parentfilenamehint")
            parent_file = value;
    }
    if (create_type.empty())
        problem = "its descriptor does not say what kind it is";
    else if (extents.empty())
        problem = "its descriptor names no extent";
    return problem.empty();
}

std::string VmdkDescriptor::text() const {
    char hex[32];
    std::snprintf(hex, sizeof hex, "%08x\nparentCID=%08x", cid, parent_cid);
    std::string out =
        "# Disk DescriptorFile\nversion=1\nCID=" + std::string(hex) + "\ncreateType=\"" + create_type + "\"\n";
    if (!parent_file.empty()) out += "parentFileNameHint=\"" + parent_file + "\"\n";
    out += "\n# Extent description\n";
    u64 sectors = 0;
    for (const Extent& extent : extents) {
        sectors += extent.sectors;
        out += "RW " + std::to_string(extent.sectors) +
               (extent.kind == Extent::Kind::Flat ? " FLAT \"" + extent.file + "\" 0\n"
                                                  : " SPARSE \"" + extent.file + "\"\n");
    }
    const u64 cylinders = std::min<u64>(std::max<u64>(sectors / (16 * 63), 1), 16383);
    out += "\n# The Disk Data Base\n#DDB\n\nddb.virtualHWVersion = \"4\"\nddb.geometry.cylinders = \"" +
           std::to_string(cylinders) +
           "\"\nddb.geometry.heads = \"16\"\nddb.geometry.sectors = \"63\"\nddb.adapterType = \"ide\"\n";
    return out;
}

} // namespace r86

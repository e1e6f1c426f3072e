#include "devices/vhd_format.h"
#include "core/bits.h"
#include "core/byte_order.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

constexpr usize kFooterChecksum = 64, kHeaderChecksum = 36;

/// Appendix: the ones' complement of the sum of all bytes but the checksum's own.
u32 checksum(std::span<const u8> bytes, usize at) {
    u32 sum = 0;
    for (usize i = 0; i < bytes.size(); ++i)
        if (i < at || i >= at + 4) sum += bytes[i];
    return ~sum;
}

struct Geometry {
    u32 cylinders, heads, sectors;
};

/// Appendix "CHS Calculation".
Geometry geometry(u64 total) {
    total = std::min<u64>(total, 65535 * 16 * 255);
    Geometry g{0, 16, 255};
    u64 tracks = total / 255;
    if (total < 65535 * 16 * 63) {
        g.sectors = 17;
        tracks = total / 17;
        g.heads = static_cast<u32>(std::max<u64>((tracks + 1023) / 1024, 4));
        if (tracks >= u64{g.heads} * 1024 || g.heads > 16) {
            g.sectors = 31;
            g.heads = 16;
            tracks = total / 31;
        }
        if (tracks >= u64{g.heads} * 1024) {
            g.sectors = 63;
            g.heads = 16;
            tracks = total / 63;
        }
    }
    g.cylinders = static_cast<u32>(tracks / g.heads);
    return g;
}

} // namespace

bool VhdFooter::decode(std::span<const u8, kBytes> raw, VhdFooter& out) {
    if (std::memcmp(raw.data(), "conectix", 8) != 0) return false;
    if (load_be<u32>(&raw[kFooterChecksum]) != checksum(raw, kFooterChecksum)) return false;
    out.data_offset = load_be<u64>(&raw[16]);
    out.timestamp = load_be<u32>(&raw[24]);
    out.current_size = load_be<u64>(&raw[48]);
    out.type = static_cast<Type>(load_be<u32>(&raw[60]));
    std::copy_n(&raw[68], 16, out.id.begin());
    return true;
}

std::array<u8, VhdFooter::kBytes> VhdFooter::encode() const {
    std::array<u8, kBytes> raw{};
    std::memcpy(&raw[0], "conectix", 8);
    store_be<u32>(&raw[8], 2);        // features: the reserved bit, always set
    store_be<u32>(&raw[12], 0x10000); // version 1.0
    store_be<u64>(&raw[16], data_offset);
    store_be<u32>(&raw[24], timestamp);
    // Some readers take the size from the geometry, which rounds, unless a creator that they know says otherwise.
    std::memcpy(&raw[28], "win ", 4);
    store_be<u32>(&raw[32], 0x00060001);
    std::memcpy(&raw[36], "Wi2k", 4);
    store_be<u64>(&raw[40], current_size);
    store_be<u64>(&raw[48], current_size);
    const Geometry g = geometry(current_size / 512);
    store_be<u16>(&raw[56], static_cast<u16>(g.cylinders));
    raw[58] = static_cast<u8>(g.heads);
    raw[59] = static_cast<u8>(g.sectors);
    store_be<u32>(&raw[60], static_cast<u32>(type));
    std::copy(id.begin(), id.end(), &raw[68]);
    store_be<u32>(&raw[kFooterChecksum], checksum(raw, kFooterChecksum));
    return raw;
}

bool VhdDynamicHeader::decode(std::span<const u8, kBytes> raw, VhdDynamicHeader& out) {
    if (std::memcmp(raw.data(), "cxsparse", 8) != 0) return false;
    if (load_be<u32>(&raw[kHeaderChecksum]) != checksum(raw, kHeaderChecksum)) return false;
    out.table_offset = load_be<u64>(&raw[16]);
    out.table_entries = load_be<u32>(&raw[28]);
    out.block_bytes = load_be<u32>(&raw[32]);
    std::copy_n(&raw[40], 16, out.parent_id.begin());
    for (usize at = 64; at < 576; at += 2) {
        const u16 unit = load_be<u16>(&raw[at]);
        if (!unit) break;
        out.parent_name += static_cast<char16_t>(unit);
    }
    for (usize i = 0; i < out.locators.size(); ++i) {
        const u8* entry = &raw[576 + 24 * i];
        out.locators[i] = {load_be<u32>(entry), load_be<u32>(entry + 8), load_be<u64>(entry + 16)};
    }
    return true;
}

std::array<u8, VhdDynamicHeader::kBytes> VhdDynamicHeader::encode() const {
    std::array<u8, kBytes> raw{};
    std::memcpy(&raw[0], "cxsparse", 8);
    store_be<u64>(&raw[8], ~u64{0});
    store_be<u64>(&raw[16], table_offset);
    store_be<u32>(&raw[24], 0x10000);
    store_be<u32>(&raw[28], table_entries);
    store_be<u32>(&raw[32], block_bytes);
    std::copy(parent_id.begin(), parent_id.end(), &raw[40]);
    for (usize i = 0; i < std::min<usize>(parent_name.size(), 255); ++i)
        store_be<u16>(&raw[64 + 2 * i], static_cast<u16>(parent_name[i]));
    for (usize i = 0; i < locators.size(); ++i) {
        u8* entry = &raw[576 + 24 * i];
        store_be<u32>(entry, locators[i].platform);
        store_be<u32>(entry + 4, static_cast<u32>(align_up(locators[i].length, 512)));
        store_be<u32>(entry + 8, locators[i].length);
        store_be<u64>(entry + 16, locators[i].offset);
    }
    store_be<u32>(&raw[kHeaderChecksum], checksum(raw, kHeaderChecksum));
    return raw;
}

std::string utf16_to_utf8(const std::u16string& text) {
    std::string out;
    for (usize i = 0; i < text.size(); ++i) {
        u32 code = text[i];
        if (code >= 0xD800 && code < 0xDC00 && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] < 0xE000)
            code = 0x10000 + ((code - 0xD800) << 10) + (text[++i] - 0xDC00u);
        if (code < 0x80) {
            out += static_cast<char>(code);
        } else if (code < 0x800) {
            out += static_cast<char>(0xC0 | code >> 6);
            out += static_cast<char>(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            out += static_cast<char>(0xE0 | code >> 12);
            out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
            out += static_cast<char>(0x80 | (code & 0x3F));
        } else {
            out += static_cast<char>(0xF0 | code >> 18);
            out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
            out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
            out += static_cast<char>(0x80 | (code & 0x3F));
        }
    }
    return out;
}

std::u16string utf8_to_utf16(const std::string& text) {
    std::u16string out;
    for (usize i = 0; i < text.size();) {
        const u8 first = static_cast<u8>(text[i++]);
        unsigned more = first < 0x80                    ? 0
                        : first >= 0xC2 && first < 0xE0 ? 1
                        : first >= 0xE0 && first < 0xF0 ? 2
                        : first >= 0xF0 && first < 0xF5 ? 3
                                                        : 4;
        if (more == 4) { // no character starts so
            out += u'\uFFFD';
            continue;
        }
        u32 code = more == 0 ? first : first & (0x3Fu >> more);
        bool good = true;
        for (; more && good; --more) {
            good = i < text.size() && (static_cast<u8>(text[i]) & 0xC0) == 0x80;
            if (good) code = code << 6 | (static_cast<u8>(text[i++]) & 0x3F);
        }
        if (!good) {
            out += u'\uFFFD';
        } else if (code < 0x10000) {
            out += static_cast<char16_t>(code);
        } else {
            out += static_cast<char16_t>(0xD800 + ((code - 0x10000) >> 10));
            out += static_cast<char16_t>(0xDC00 + ((code - 0x10000) & 0x3FF));
        }
    }
    return out;
}

} // namespace r86

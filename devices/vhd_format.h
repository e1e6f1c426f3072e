#pragma once
/// The footer and the dynamic header of a VHD file.
/// Format: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0 (2006). All numbers are big-endian.
#include "core/types.h"
#include <array>
#include <span>
#include <string>
#include <vector>

namespace r86 {

struct VhdFooter {
    static constexpr usize kBytes = 512;
    enum class Type : u32 { Fixed = 2, Dynamic = 3, Differencing = 4 };
    u64 data_offset = ~u64{0}; ///< of the dynamic header
    u64 current_size = 0;      ///< of the disk, bytes
    Type type = Type::Dynamic;
    u32 timestamp = 0; ///< seconds since 2000
    std::array<u8, 16> id{};

    /// False if the cookie or the checksum is wrong.
    static bool decode(std::span<const u8, kBytes> raw, VhdFooter& out);
    std::array<u8, kBytes> encode() const;
};

struct VhdDynamicHeader {
    static constexpr usize kBytes = 1024;
    u64 table_offset = 0;
    u32 table_entries = 0;
    u32 block_bytes = 2 << 20;
    std::array<u8, 16> parent_id{};
    std::u16string parent_name{};
    struct Locator {
        u32 platform = 0, length = 0;
        u64 offset = 0;
    };
    std::array<Locator, 8> locators{};

    static bool decode(std::span<const u8, kBytes> raw, VhdDynamicHeader& out);
    std::array<u8, kBytes> encode() const;
};

/// "W2ru": the path of the parent from the image's directory, UTF-16 little-endian.
inline constexpr u32 kVhdRelativePath = 0x57327275;
/// "W2ku": the absolute path on the host that made the image, UTF-16 little-endian.
inline constexpr u32 kVhdAbsolutePath = 0x57326B75;

std::string utf16_to_utf8(const std::u16string& text);
/// Malformed bytes become U+FFFD.
std::u16string utf8_to_utf16(const std::string& text);

} // namespace r86

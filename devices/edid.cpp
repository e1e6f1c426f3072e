#include "devices/edid.h"
#include <algorithm>
#include <string_view>

namespace r86 {

namespace {

using Block = std::array<u8, 128>;

/// 3.4: three letters of five bits each, A being 1.
constexpr u16 manufacturer(std::string_view letters) {
    u16 id = 0;
    for (const char c : letters) id = static_cast<u16>(id << 5 | (c - 'A' + 1));
    return id;
}

enum class Aspect : u8 { R16to10, R4to3, R5to4, R16to9 };

/// 3.9: a size at 60 Hz by its width.
constexpr std::array<u8, 2> standard_timing(unsigned width, Aspect aspect) {
    return {static_cast<u8>(width / 8 - 31), static_cast<u8>(static_cast<unsigned>(aspect) << 6)};
}

/// Dots of a line or lines of a frame.
struct Extent {
    unsigned active, blanking, sync_offset, sync_width;
};

constexpr unsigned kWidthMm = 320;
constexpr unsigned kHeightMm = 240;

/// 3.10.2: separate syncs, both of negative polarity.
constexpr std::array<u8, 18> detailed_timing(unsigned clock_khz, Extent h, Extent v) {
    const unsigned clock = clock_khz / 10;
    const auto byte = [](unsigned value) { return static_cast<u8>(value); };
    return {byte(clock),
            byte(clock >> 8),
            byte(h.active),
            byte(h.blanking),
            byte(h.active >> 8 << 4 | h.blanking >> 8),
            byte(v.active),
            byte(v.blanking),
            byte(v.active >> 8 << 4 | v.blanking >> 8),
            byte(h.sync_offset),
            byte(h.sync_width),
            byte((v.sync_offset & 15) << 4 | (v.sync_width & 15)),
            byte(h.sync_offset >> 8 << 6 | h.sync_width >> 8 << 4 | v.sync_offset >> 4 << 2 | v.sync_width >> 4),
            byte(kWidthMm),
            byte(kHeightMm),
            byte(kWidthMm >> 8 << 4 | kHeightMm >> 8),
            0,
            0,
            0x18};
}

Block build() {
    Block block{};
    const auto put = [&block](std::size_t at, const auto& bytes) {
        std::copy(bytes.begin(), bytes.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
    };
    std::fill(block.begin() + 1, block.begin() + 7, u8{0xFF});
    constexpr u16 kManufacturer = manufacturer("RWD");
    put(0x08, std::array<u8, 4>{kManufacturer >> 8, kManufacturer & 0xFF, 0x86, 0x00});
    put(0x10, std::array<u8, 4>{0, 2026 - 1990, 1, 3}); // no week; EDID 1.3
    // 3.6: analog, 0.7 V, separate syncs; size in cm; gamma 2.2; colours, sRGB, the first detailed timing is preferred.
    put(0x14, std::array<u8, 5>{0x08, kWidthMm / 10, kHeightMm / 10, 120, 0x0E});
    // 3.7: red, green, blue and white of IEC 61966-2-1 in ten bits each, the low two of all first.
    put(0x19, std::array<u8, 10>{0xEE, 0x91, 0xA3, 0x54, 0x4C, 0x99, 0x26, 0x0F, 0x50, 0x54});
    put(0x23, std::array<u8, 3>{0xA1, 0x08, 0x00}); // 720x400 at 70 Hz; 640x480, 800x600, 1024x768 at 60 Hz
    put(0x26, standard_timing(1152, Aspect::R4to3));
    put(0x28, standard_timing(1280, Aspect::R16to10));
    put(0x2A, standard_timing(1280, Aspect::R4to3));
    put(0x2C, standard_timing(1280, Aspect::R5to4));
    put(0x2E, standard_timing(1400, Aspect::R4to3));
    put(0x30, standard_timing(1600, Aspect::R4to3));
    put(0x32, standard_timing(1680, Aspect::R16to10));
    put(0x34, standard_timing(1920, Aspect::R16to10));
    // VESA Monitor Timing Standard: 1024x768 at 60 Hz.
    put(0x36, detailed_timing(65000, {1024, 320, 24, 136}, {768, 38, 3, 6}));
    // 3.10.3: range limits 50-85 Hz, 30-100 kHz, 200 MHz; the name; a descriptor that says nothing.
    put(0x48, std::array<u8, 18>{0, 0, 0, 0xFD, 0, 50, 85, 30, 100, 20, 0, '\n', ' ', ' ', ' ', ' ', ' ', ' '});
    put(0x5A, std::array<u8, 5>{0, 0, 0, 0xFC, 0});
    put(0x5F, std::string_view("rewind86\n    "));
    put(0x6C, std::array<u8, 4>{0, 0, 0, 0x10});
    u8 sum = 0;
    for (const u8 byte : block) sum = static_cast<u8>(sum + byte);
    block.back() = static_cast<u8>(-sum);
    return block;
}

} // namespace

const std::array<u8, 128>& monitor_edid() {
    static const Block block = build();
    return block;
}

} // namespace r86

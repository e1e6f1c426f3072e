#pragma once
/// A VGA with a clock, spoken to through its ports and its window only.
#include "devices/vga.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include <algorithm>
#include <cstring>
#include <map>

namespace r86 {

/// Writes state into bytes and back.
class VgaStateCopy final : public StateVisitor {
public:
    bool load = false;
    std::map<std::string, std::vector<u8>> fields;

    bool loading() const override { return load; }
    void begin(std::string_view name) override { path_.push_back(std::string(name)); }
    void end() override { path_.pop_back(); }
    void number(std::string_view name, u64& value, unsigned bytes) override {
        std::array<u8, 8> raw{};
        for (unsigned i = 0; i < bytes; ++i) raw[i] = static_cast<u8>(value >> (i * 8));
        this->bytes(name, std::span<u8>(raw).first(bytes));
        value = 0;
        for (unsigned i = 0; i < bytes; ++i) value |= u64{raw[i]} << (i * 8);
    }
    void bytes(std::string_view name, std::span<u8> data) override {
        std::string key;
        for (const auto& part : path_) key += part + ".";
        key += name;
        if (load) {
            const auto& from = fields.at(key);
            REQUIRE(from.size() == data.size());
            std::copy(from.begin(), from.end(), data.begin());
        } else {
            REQUIRE(fields.emplace(key, std::vector<u8>(data.begin(), data.end())).second);
        }
    }
    void blob(std::string_view, std::vector<u8>&, usize) override {}

private:
    std::vector<std::string> path_;
};

struct VgaMode {
    u8 misc;
    std::array<u8, 5> sequencer;
    std::array<u8, 0x19> crtc;
    std::array<u8, 9> graphics;
    u8 attribute_mode;
};

// IBM, "VGA Register Values for BIOS modes", as every VGA BIOS programs them.
inline constexpr VgaMode kMode3{0x67,
                                {0x03, 0x00, 0x03, 0x00, 0x02},
                                {0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0,
                                 0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF},
                                {0, 0, 0, 0, 0, 0x10, 0x0E, 0x0F, 0xFF},
                                0x0C};
inline constexpr VgaMode kMode4{0x63,
                                {0x03, 0x09, 0x03, 0x00, 0x02},
                                {0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0,
                                 0,    0,    0,    0x9C, 0x8E, 0x8F, 0x14, 0x00, 0x96, 0xB9, 0xA2, 0xFF},
                                {0, 0, 0, 0, 0, 0x30, 0x0F, 0x0F, 0xFF},
                                0x01};
inline constexpr VgaMode kMode6{0x63,
                                {0x03, 0x01, 0x01, 0x00, 0x06},
                                {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0xC1, 0x00, 0x00, 0,
                                 0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x00, 0x96, 0xB9, 0xC2, 0xFF},
                                {0, 0, 0, 0, 0, 0x00, 0x0D, 0x0F, 0xFF},
                                0x01};
inline constexpr VgaMode kMode0D{0x63,
                                 {0x03, 0x09, 0x0F, 0x00, 0x06},
                                 {0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0x00, 0xC0, 0x00, 0x00, 0,
                                  0,    0,    0,    0x9C, 0x8E, 0x8F, 0x14, 0x00, 0x96, 0xB9, 0xE3, 0xFF},
                                 {0, 0, 0, 0, 0, 0x00, 0x05, 0x0F, 0xFF},
                                 0x01};
inline constexpr VgaMode kMode12{0xE3,
                                 {0x03, 0x01, 0x0F, 0x00, 0x06},
                                 {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0x00, 0x40, 0x00, 0x00, 0,
                                  0,    0,    0,    0xEA, 0x8C, 0xDF, 0x28, 0x00, 0xE7, 0x04, 0xE3, 0xFF},
                                 {0, 0, 0, 0, 0, 0x00, 0x05, 0x0F, 0xFF},
                                 0x01};
inline constexpr VgaMode kMode13{0x63,
                                 {0x03, 0x01, 0x0F, 0x00, 0x0E},
                                 {0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0x00, 0x41, 0x00, 0x00, 0,
                                  0,    0,    0,    0x9C, 0x8E, 0x8F, 0x28, 0x40, 0x96, 0xB9, 0xA3, 0xFF},
                                 {0, 0, 0, 0, 0, 0x40, 0x05, 0x0F, 0xFF},
                                 0x41};

struct VgaBoard {
    VirtualClock clock{100};
    EventQueue queue{clock};
    Log log;
    Vga vga{queue, log};

    void out(u16 port, u8 value) { vga.write8(static_cast<u16>(port - 0x3B0), value); }
    u8 in(u16 port) { return vga.read8(static_cast<u16>(port - 0x3B0)); }
    void indexed(u16 port, u8 index, u8 value) {
        vga.write16(static_cast<u16>(port - 0x3B0), static_cast<u16>(index | value << 8));
    }
    u8 read_indexed(u16 port, u8 index) {
        out(port, index);
        return in(static_cast<u16>(port + 1));
    }
    void sequencer(u8 index, u8 value) { indexed(0x3C4, index, value); }
    void graphics(u8 index, u8 value) { indexed(0x3CE, index, value); }
    void crtc(u8 index, u8 value) { indexed(0x3D4, index, value); }
    /// With PAS clear for the palette, and set again afterwards.
    void attribute(u8 index, u8 value) {
        in(0x3DA);
        out(0x3C0, index);
        out(0x3C0, value);
        out(0x3C0, 0x20);
    }
    void colour(u8 index, u8 red, u8 green, u8 blue) {
        out(0x3C8, index);
        for (const u8 value : {red, green, blue}) out(0x3C9, value);
    }
    void vbe(u16 index, u16 value) {
        vga.vbe().write16(0, index);
        vga.vbe().write16(1, value);
    }
    u16 read_vbe(u16 index) {
        vga.vbe().write16(0, index);
        return vga.vbe().read16(1);
    }
    void vbe_mode(u16 width, u16 height, u16 depth) {
        vbe(4, 0);
        vbe(1, width);
        vbe(2, height);
        vbe(3, depth);
        vbe(4, 0x41);
    }
    void poke(u32 address, u64 value, unsigned size = 1) { vga.window().write(address - 0xA0000, size, value); }
    u64 peek(u32 address, unsigned size = 1) { return vga.window().read(address - 0xA0000, size); }

    void run_to_ns(u64 ns) { run_events(clock, queue, clock.tick_at(ns)); }
    void run_frames(unsigned count) { run_to_ns(clock.now_ns() + count * u64{14'300'000}); }

    /// Palette register n selects DAC word n, whose colour is n, 0, 63 - n in six bits.
    void set_mode(const VgaMode& mode) {
        out(0x3C2, mode.misc);
        for (u8 i = 0; i < mode.sequencer.size(); ++i) sequencer(i, mode.sequencer[i]);
        crtc(0x11, 0);
        for (u8 i = 0; i < mode.crtc.size(); ++i) crtc(i, mode.crtc[i]);
        for (u8 i = 0; i < mode.graphics.size(); ++i) graphics(i, mode.graphics[i]);
        for (u8 i = 0; i < 16; ++i) attribute(i, i);
        attribute(0x10, mode.attribute_mode);
        attribute(0x12, 0x0F);
        attribute(0x13, mode.attribute_mode & 1 ? 0 : 8);
        attribute(0x14, 0);
        out(0x3C6, 0xFF);
        for (unsigned i = 0; i < 256; ++i)
            colour(static_cast<u8>(i), static_cast<u8>(i & 63), static_cast<u8>(i >> 6),
                   static_cast<u8>(63 - (i & 63)));
    }
    static u32 rgb(unsigned index) {
        const auto wide = [](unsigned v) { return v << 2 | v >> 4; };
        return wide(index & 63) << 16 | wide(index >> 6) << 8 | wide(63 - (index & 63));
    }
    /// Loads a glyph into plane 2 as the BIOS does, and goes back to text mode.
    void load_glyph(u32 font, u8 code, unsigned row, u8 dots) {
        sequencer(2, 0x04);
        sequencer(4, 0x06);
        graphics(5, 0x00);
        graphics(6, 0x04);
        poke(0xA0000 + font + code * 32u + row, dots);
        sequencer(2, 0x03);
        sequencer(4, 0x02);
        graphics(5, 0x10);
        graphics(6, 0x0E);
    }
};

/// Dots of one line as text: each colour of `legend` by its letter, others as '?'.
inline std::string dots(const Picture& p, u32 x, u32 y, u32 count, const std::map<u32, char>& legend) {
    std::string result;
    for (u32 i = 0; i < count; ++i) {
        const auto found = legend.find(p.pixels[usize{y} * p.width + x + i]);
        result += found == legend.end() ? '?' : found->second;
    }
    return result;
}

} // namespace r86

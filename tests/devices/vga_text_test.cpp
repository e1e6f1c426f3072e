/// Reading the screen as text, from cells and from pixels.
#include "tests/devices/vga_fixture.h"
#include <cstring>

using namespace r86;

namespace {

using Glyph = std::array<u8, 16>;
constexpr Glyph kA{0, 0, 0x10, 0x38, 0x6C, 0xC6, 0xC6, 0xFE, 0xC6, 0xC6, 0xC6, 0xC6, 0, 0, 0, 0};
constexpr Glyph kI{0, 0, 0x3C, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x3C, 0, 0, 0, 0};
constexpr Glyph kFace{0, 0, 0x7E, 0x81, 0xA5, 0x81, 0x81, 0xBD, 0x99, 0x81, 0x81, 0x7E, 0, 0, 0, 0};

/// A "BIOS" with a little of an 8x16 font somewhere in it.
std::vector<u8> bios() {
    std::vector<u8> image(1000 + 4096 + 50, 0);
    const auto put = [&](u8 code, const Glyph& glyph) {
        std::copy(glyph.begin(), glyph.end(), image.begin() + 1000 + code * 16);
    };
    for (unsigned code = 0x20; code < 0x100; ++code) // unlike any other
        for (unsigned row = 1; row < 15 && code != 0x20; ++row)
            image[1000 + code * 16 + row] = static_cast<u8>(code * 37 + row * row * 59);
    put(1, kFace);
    put('A', kA);
    put('I', kI);
    return image;
}

struct ReadBoard : VgaBoard {
    ReadBoard() {
        const auto image = bios();
        vga.set_video_bios(image);
    }
    void draw32(u32 column, u32 row, const Glyph& glyph, u32 foreground, u32 background) {
        for (u32 y = 0; y < 16; ++y) {
            for (u32 x = 0; x < 8; ++x) {
                const u32 colour = glyph[y] & (0x80 >> x) ? foreground : background;
                std::memcpy(vga.vram().data() + ((row * 16 + y) * 800 + column * 8 + x) * 4, &colour, 4);
            }
        }
    }
};

} // namespace

TEST_CASE_METHOD(VgaBoard, "text: rows of a text mode as Unicode, trailing blanks cut") {
    set_mode(kMode3);
    for (u32 i = 0; i < 80 * 25; ++i) poke(0xB8000 + i * 2, 0x0720, 2);
    const u8 top[] = {'H', 'i', 0xC9, 0xCD, 0x01, 0xE1};
    for (u32 i = 0; i < sizeof top; ++i) poke(0xB8000 + i * 2, top[i]);
    poke(0xB8000 + (24 * 80 + 79) * 2, 'x');
    crtc(0x0E, 0);
    crtc(0x0F, 82);
    const TextScreen screen = vga.text();
    CHECK(screen.columns == 80);
    CHECK(screen.rows == 25);
    const auto lines = screen.lines();
    REQUIRE(lines.size() == 25);
    CHECK(lines[0] == "Hi\u2554\u2550\u263A\u00DF");
    CHECK(lines[1].empty());
    CHECK(lines[24] == std::string(79, ' ') + "x");
    CHECK(screen.cells[0].foreground == rgb(7));
    CHECK(screen.cells[0].background == rgb(0));
    CHECK(screen.cursor_visible);
    CHECK(screen.cursor_row == 1);
    CHECK(screen.cursor_column == 2);
}

TEST_CASE_METHOD(VgaBoard, "text: follows start address and split screen") {
    set_mode(kMode3);
    poke(0xB8000, 'S');
    poke(0xB8000 + 2000 * 2, 'T');
    crtc(0x0C, 2000 >> 8);
    crtc(0x0D, 2000 & 0xFF);
    CHECK(vga.text().lines()[0] == "T");
    crtc(0x11, 0);
    crtc(0x18, 24 * 16 - 1 - 256);
    crtc(0x09, 0x0F);
    const auto lines = vga.text().lines();
    REQUIRE(lines.size() == 25);
    CHECK(lines[0] == "T");
    CHECK(lines[24] == "S");
}

TEST_CASE_METHOD(ReadBoard, "text: letters drawn into a linear frame buffer, in any two colours, also inverted") {
    set_mode(kMode3);
    vbe_mode(800, 600, 32);
    draw32(0, 0, kA, 0xAAAAAA, 0x000000);
    draw32(1, 0, kI, 0xFF0000, 0x0000FF);
    draw32(3, 36, kA, 0x000000, 0xAAAAAA);
    Glyph noise{};
    noise.fill(0x35);
    draw32(9, 36, noise, 0x123456, 0x654321);
    Glyph similar = kA; // one dot more than the font has
    similar[3] |= 0x01;
    draw32(5, 2, similar, 0xFFFFFF, 0x000000);
    const TextScreen screen = vga.text();
    CHECK(screen.columns == 100);
    CHECK(screen.rows == 37);
    const auto lines = screen.lines();
    CHECK(lines[0] == "AI");
    CHECK(lines[1].empty());
    CHECK(lines[2] == "     A");
    CHECK(lines[36] == "   A");
    // The eight-dot M of frame buffer consoles, which is closer to the BIOS font's N than to its M.
    constexpr Glyph kM{0, 0, 0xC6, 0xEE, 0xFE, 0xFE, 0xD6, 0xC6, 0xC6, 0xC6, 0xC6, 0xC6};
    draw32(0, 1, kM, 0xAAAAAA, 0x000000);
    CHECK(vga.text().lines()[1] == "M");
    CHECK(screen.cells[1].foreground == 0xFF0000);
    CHECK(screen.cells[1].background == 0x0000FF);
    CHECK(screen.cells[36 * 100 + 3].foreground == 0x000000);
}

TEST_CASE_METHOD(ReadBoard, "text: letters drawn in planes and in mode 13h") {
    set_mode(kMode12);
    sequencer(2, 0x0A);
    for (u32 y = 0; y < 16; ++y) poke(0xA0000 + (16 + y) * 80 + 2, kA[y]);
    auto lines = vga.text().lines();
    REQUIRE(lines.size() == 30);
    CHECK(lines[1] == "  A");

    set_mode(kMode13);
    for (u32 i = 0; i < 64000; i += 4) poke(0xA0000 + i, 0x01010101, 4);
    for (u32 y = 0; y < 16; ++y)
        for (u32 x = 0; x < 8; ++x)
            if (kI[y] & (0x80 >> x)) poke(0xA0000 + (32 + y) * 320 + 16 + x, 0x0F);
    lines = vga.text().lines();
    REQUIRE(lines.size() == 12);
    CHECK(lines[2] == "  I");
}

TEST_CASE_METHOD(ReadBoard, "text: a blank screen has none") {
    CHECK(vga.text().lines().empty());
    vga.set_video_bios({});
    set_mode(kMode12);
    CHECK(vga.text().lines().empty());
}

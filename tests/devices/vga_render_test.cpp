/// Pictures, dot by dot where it matters. Palette entry n has the colour VgaBoard::rgb(n).
#include "tests/devices/vga_fixture.h"

using namespace r86;

namespace {

const std::map<u32, char> kLegend{{VgaBoard::rgb(0), '.'}, {VgaBoard::rgb(7), '#'}, {VgaBoard::rgb(15), 'W'},
                                  {VgaBoard::rgb(1), 'b'}, {VgaBoard::rgb(4), 'r'}, {VgaBoard::rgb(2), 'g'},
                                  {VgaBoard::rgb(3), 'c'}};

struct TextBoard : VgaBoard {
    TextBoard() {
        set_mode(kMode3);
        crtc(0x0A, 0x20); // no cursor unless a test wants one
        for (u32 i = 0; i < 80 * 25; ++i) poke(0xB8000 + i * 2, 0x0720, 2);
        load_glyph(0, 'A', 3, 0xA5);
        load_glyph(0, 0xC4, 7, 0xFF);
        load_glyph(0, 0xB3, 7, 0xFF);
    }
    std::string line(u32 x, u32 y, u32 count) { return dots(vga.render(), x, y, count, kLegend); }
};

} // namespace

TEST_CASE_METHOD(TextBoard, "vga picture: 80x25 text is 720x400 with nine dots a character") {
    poke(0xB8000 + (2 * 80 + 1) * 2, 0x0741, 2); // row 2, column 1
    const Picture picture = vga.render();
    CHECK(picture.width == 720);
    CHECK(picture.height == 400);
    CHECK(line(9, 2 * 16 + 3, 9) == "#.#..#.#.");
    CHECK(line(9, 2 * 16 + 4, 9) == ".........");
    CHECK(line(0, 2 * 16 + 3, 9) == ".........");
}

TEST_CASE_METHOD(TextBoard,
                 "vga picture: the ninth dot repeats the eighth in C0h-DFh when Line Graphics Enable says so") {
    poke(0xB8000, 0x07B307C4, 4);
    CHECK(line(0, 7, 18) == "#################.");
    attribute(0x10, 0x08);
    CHECK(line(0, 7, 18) == "########.########.");
}

TEST_CASE_METHOD(TextBoard, "vga picture: eight-dot characters make 640") {
    sequencer(1, 0x01);
    poke(0xB8000, 0x07410741, 4);
    CHECK(vga.render().width == 640);
    attribute(0x13, 0);
    CHECK(line(0, 3, 16) == "#.#..#.##.#..#.#");
}

TEST_CASE_METHOD(TextBoard, "vga picture: 40 columns have dots of twice the width") {
    sequencer(1, 0x08);
    crtc(0x11, 0);
    crtc(0x00, 0x2D);
    crtc(0x01, 0x27);
    poke(0xB8000, 0x0741, 2);
    CHECK(vga.render().width == 720);
    CHECK(line(0, 3, 18) == "##..##....##..##..");
}

TEST_CASE_METHOD(TextBoard,
                 "vga picture: attribute bit 7 blinks with 1/32 of the frame rate, or is background intensity") {
    poke(0xB8000, 0x9741, 2); // blinking, on blue
    const u64 start = clock.now_ns();
    CHECK(line(0, 3, 9) == "#b#bb#b#b");
    run_to_ns(start + 16 * 14'268'000ull); // a frame is 14.268 ms
    CHECK(line(0, 3, 9) == "bbbbbbbbb");
    CHECK(dots(vga.render(VgaBlink::Steady), 0, 3, 9, kLegend) == "#b#bb#b#b");
    run_to_ns(start + 32 * 14'268'000ull);
    CHECK(line(0, 3, 9) == "#b#bb#b#b");
    poke(0xB8001, 0xF4);
    attribute(0x10, 0x04);
    run_to_ns(start + 48 * 14'268'000ull);
    CHECK(line(0, 3, 9) == "rWrWWrWrW");
}

TEST_CASE_METHOD(TextBoard, "vga picture: the cursor has start and end lines, skew, and blinks with 1/16") {
    poke(0xB8000 + 10, 0x04000400, 4); // columns 5 and 6 in red
    crtc(0x0A, 0x0D);
    crtc(0x0B, 0x0E);
    crtc(0x0F, 5);
    const u64 start = clock.now_ns();
    CHECK(line(36, 13, 27) == ".........rrrrrrrrr.........");
    CHECK(line(45, 12, 9) == ".........");
    CHECK(line(45, 14, 9) == "rrrrrrrrr");
    CHECK(line(45, 15, 9) == ".........");
    run_to_ns(start + 8 * 14'268'000ull);
    CHECK(line(45, 13, 9) == ".........");
    CHECK(dots(vga.render(VgaBlink::Steady), 45, 13, 9, kLegend) == "rrrrrrrrr");
    run_to_ns(start + 16 * 14'268'000ull);
    CHECK(line(45, 13, 9) == "rrrrrrrrr");
    crtc(0x0B, 0x2E); // one character later
    CHECK(line(45, 13, 18) == ".........rrrrrrrrr");
    crtc(0x0B, 0x0C); // end before start: none
    CHECK(line(45, 13, 18) == "..................");
}

TEST_CASE_METHOD(TextBoard, "vga picture: underline for attributes X000X001b") {
    crtc(0x14, 0x0C);
    poke(0xB8000, 0x0700'0100u, 4);
    CHECK(line(0, 12, 18) == "bbbbbbbbb.........");
    CHECK(line(0, 11, 9) == ".........");
}

TEST_CASE_METHOD(TextBoard, "vga picture: attribute bit 3 chooses between two fonts when they differ") {
    load_glyph(0x2000, 'A', 3, 0xFF); // map 4 of Character Map Select
    poke(0xB8000, 0x0F410741, 4);
    attribute(0x12, 0x07); // bit 3 is no colour then
    CHECK(line(0, 3, 18) == "#.#..#.#.#.#..#.#.");
    sequencer(3, 0x20);
    CHECK(line(0, 3, 18) == "#.#..#.#.########.");
    sequencer(3, 0x10);
    CHECK(line(0, 3, 18) == "########.#.#..#.#.");
}

TEST_CASE_METHOD(TextBoard, "vga picture: start address is taken at vertical retrace") {
    poke(0xB8000 + 80 * 2, 0x0741, 2);
    crtc(0x0D, 80);
    CHECK(line(0, 3, 9) == ".........");
    run_frames(1);
    CHECK(line(0, 3, 9) == "#.#..#.#.");
}

TEST_CASE_METHOD(TextBoard, "vga picture: preset row scan, pixel and byte panning scroll smoothly") {
    poke(0xB8000, 0x0741, 2);
    poke(0xB8000 + 80 * 2, 0x0741, 2);
    crtc(0x08, 0x02);
    CHECK(line(0, 1, 9) == "#.#..#.#.");
    CHECK(line(0, 14 + 3, 9) == "#.#..#.#.");
    crtc(0x08, 0x00);
    attribute(0x13, 0); // 9-dot: 8 is none, 0 is one dot, 7 is eight
    CHECK(line(0, 3, 9) == ".#..#.#..");
    attribute(0x13, 2);
    CHECK(line(0, 3, 9) == "..#.#....");
    attribute(0x13, 8);
    crtc(0x08, 0x20);
    poke(0xB8000 + 2, 0x0741, 2);
    CHECK(line(0, 3, 9) == "#.#..#.#.");
    poke(0xB8000 + 2, 0x0720, 2);
    CHECK(line(0, 3, 9) == ".........");
}

TEST_CASE_METHOD(TextBoard, "vga picture: line compare starts again at address 0 below a scrolled screen") {
    poke(0xB8000, 0x0741, 2);
    crtc(0x0C, 0x04);
    run_frames(1);
    crtc(0x11, 0);
    crtc(0x18, 199);
    crtc(0x07, 0x0F);
    crtc(0x09, 0x0F);
    attribute(0x13, 1); // two dots to the left, in both parts
    CHECK(line(0, 3, 9) == ".........");
    CHECK(line(0, 199 + 3, 9) == ".........");
    CHECK(line(0, 200 + 3, 9) == "#..#.#...");
    attribute(0x10, 0x2C); // the split part does not pan
    CHECK(line(0, 200 + 3, 9) == "#.#..#.#.");
}

TEST_CASE_METHOD(TextBoard, "vga picture: screen off, palette address source and reset blank the screen") {
    poke(0xB8000, 0x4720, 2);
    CHECK(line(0, 0, 2) == "rr");
    const auto black = [&] {
        const Picture picture = vga.render();
        return picture.width * picture.height == picture.pixels.size() &&
               std::all_of(picture.pixels.begin(), picture.pixels.end(), [](u32 p) { return p == 0; });
    };
    CHECK_FALSE(black());
    sequencer(1, 0x20);
    CHECK(black());
    sequencer(1, 0x00);
    in(0x3DA);
    out(0x3C0, 0x00);
    CHECK(black());
    in(0x3DA);
    out(0x3C0, 0x20);
    CHECK_FALSE(black());
    sequencer(0, 0x01);
    CHECK(black());
}

TEST_CASE_METHOD(VgaBoard, "vga picture: mode 12h shows four planes of 640x480") {
    set_mode(kMode12);
    const u8 bytes[4] = {0b10101010, 0b11001100, 0b11110000, 0};
    for (u8 plane = 0; plane < 3; ++plane) {
        sequencer(2, static_cast<u8>(1 << plane));
        poke(0xA0000 + 80 * 479 + 79, bytes[plane]);
    }
    const Picture picture = vga.render();
    CHECK(picture.width == 640);
    CHECK(picture.height == 480);
    for (u32 x = 0; x < 8; ++x) CHECK(picture.pixels[479 * 640 + 632 + x] == rgb(7 - x));
    CHECK(picture.pixels[0] == rgb(0));
    // Pixel panning by three moves the byte in from the right.
    attribute(0x13, 3);
    CHECK(vga.render().pixels[479 * 640 + 629] == rgb(7));
}

TEST_CASE_METHOD(VgaBoard, "vga picture: palette, plane enable and colour select stand between pixels and the DAC") {
    set_mode(kMode12);
    sequencer(2, 0x05);
    poke(0xA0000, 0x80); // pixel 5
    CHECK(vga.render().pixels[0] == rgb(5));
    attribute(0x05, 0x2A);
    CHECK(vga.render().pixels[0] == rgb(0x2A));
    attribute(0x14, 0x0C);
    CHECK(vga.render().pixels[0] == rgb(0xEA));
    attribute(0x14, 0x05);
    CHECK(vga.render().pixels[0] == rgb(0x6A));
    attribute(0x10, 0x81); // P5, P4 Select
    CHECK(vga.render().pixels[0] == rgb(0x5A));
    out(0x3C6, 0x0F);
    CHECK(vga.render().pixels[0] == rgb(0x0A));
    out(0x3C6, 0xFF);
    attribute(0x10, 0x01);
    attribute(0x12, 0x0E); // pixel 5 becomes 4
    attribute(0x14, 0);
    CHECK(vga.render().pixels[0] == rgb(4));
}

TEST_CASE_METHOD(VgaBoard, "vga picture: 320x200 with 16 colours is doubled both ways to 640x400") {
    set_mode(kMode0D);
    poke(0xA0000 + 40, 0x80); // line 1, all planes
    const Picture picture = vga.render();
    CHECK(picture.width == 640);
    CHECK(picture.height == 400);
    CHECK(dots(picture, 0, 1, 4, kLegend) == "....");
    CHECK(dots(picture, 0, 2, 4, kLegend) == "WW..");
    CHECK(dots(picture, 0, 3, 4, kLegend) == "WW..");
    CHECK(dots(picture, 0, 4, 4, kLegend) == "....");
    attribute(0x13, 1);
    poke(0xA0000 + 40, 0x40);
    CHECK(dots(vga.render(), 0, 2, 4, kLegend) == "WW..");
}

TEST_CASE_METHOD(VgaBoard, "vga picture: mode 13h is 320x200 bytes doubled both ways") {
    set_mode(kMode13);
    for (u32 i = 0; i < 64000; ++i) poke(0xA0000 + i, static_cast<u8>(i % 320 + i / 320 * 3));
    const Picture picture = vga.render();
    REQUIRE(picture.width == 640);
    REQUIRE(picture.height == 400);
    unsigned wrong = 0;
    for (u32 y = 0; y < 400; ++y)
        for (u32 x = 0; x < 640; ++x) wrong += picture.pixels[y * 640 + x] != rgb((x / 2 + y / 2 * 3) & 0xFF);
    CHECK(wrong == 0);
    attribute(0x13, 2); // one pixel is two dots
    CHECK(vga.render().pixels[0] == rgb(1));
}

TEST_CASE_METHOD(VgaBoard, "vga picture: mode X is 320x240 in planes of one pixel in four, with pages") {
    set_mode(kMode13);
    sequencer(4, 0x06);
    out(0x3C2, 0xE3);
    const std::pair<u8, u8> tweaks[] = {{0x11, 0x2C}, {0x06, 0x0D}, {0x07, 0x3E}, {0x09, 0x41},
                                        {0x10, 0xEA}, {0x11, 0xAC}, {0x12, 0xDF}, {0x14, 0x00},
                                        {0x15, 0xE7}, {0x16, 0x06}, {0x17, 0xE3}};
    for (const auto& [index, value] : tweaks) crtc(index, value);
    for (u32 page = 0; page < 2; ++page) {
        for (u32 x = 0; x < 320; ++x) {
            sequencer(2, static_cast<u8>(1 << (x & 3)));
            poke(0xA0000 + page * 19200 + 239 * 80 + x / 4, static_cast<u8>(x + page));
        }
    }
    Picture picture = vga.render();
    REQUIRE(picture.width == 640);
    REQUIRE(picture.height == 480);
    for (u32 x = 0; x < 640; x += 37) CHECK(picture.pixels[479 * 640 + x] == rgb((x / 2) & 0xFF));
    crtc(0x0C, 19200 >> 8);
    crtc(0x0D, 19200 & 0xFF);
    run_frames(2);
    vga.render(picture);
    for (u32 x = 0; x < 640; x += 37) CHECK(picture.pixels[478 * 640 + x] == rgb((x / 2 + 1) & 0xFF));
}

TEST_CASE_METHOD(VgaBoard, "vga picture: CGA modes keep odd lines 8 KiB behind even ones") {
    set_mode(kMode4);
    poke(0xB8000, 0b00'01'10'11, 1); // pixels 0 to 3 of line 0
    poke(0xB8001, 0b11'10'01'00, 1);
    poke(0xB8000 + 0x2000, 0b11'11'00'00, 1); // line 1
    poke(0xB8000 + 80, 0b01'00'00'00, 1);     // line 2
    const Picture four = vga.render();
    CHECK(four.width == 640);
    CHECK(four.height == 400);
    CHECK(dots(four, 0, 0, 16, kLegend) == "..bbggccccggbb..");
    CHECK(dots(four, 0, 1, 16, kLegend) == "..bbggccccggbb..");
    CHECK(dots(four, 0, 2, 8, kLegend) == "cccc....");
    CHECK(dots(four, 0, 3, 8, kLegend) == "cccc....");
    CHECK(dots(four, 0, 4, 4, kLegend) == "bb..");

    set_mode(kMode6);
    attribute(0x12, 0x01); // only plane 0, so what plane 1 keeps of mode 4 does not show
    for (u32 i = 0; i < 0x4000; ++i) poke(0xB8000 + i, 0);
    poke(0xB8000 + 1, 0xA1);
    poke(0xB8000 + 0x2000 + 79, 0x01);
    poke(0xB8000 + 80, 0x80);
    const Picture two = vga.render();
    CHECK(dots(two, 0, 0, 16, kLegend) == "........b.b....b");
    CHECK(dots(two, 632, 2, 8, kLegend) == ".......b");
    CHECK(dots(two, 0, 4, 2, kLegend) == "b.");
}

TEST_CASE_METHOD(VgaBoard, "vga picture: the generation counts what can change a picture") {
    set_mode(kMode13);
    run_frames(2);
    const u64 before = vga.frame_generation();
    in(0x3DA);
    peek(0xA0000);
    run_frames(3);
    CHECK(vga.frame_generation() == before);
    poke(0xA0000, 1);
    CHECK(vga.frame_generation() != before);
    const u64 written = vga.frame_generation();
    colour(1, 2, 3, 4);
    CHECK(vga.frame_generation() != written);
}

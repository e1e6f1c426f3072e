/// Bochs VBE extensions: register file and pictures.
#include "tests/devices/vga_fixture.h"

using namespace r86;

namespace {

struct VbeBoard : VgaBoard {
    VbeBoard() { set_mode(kMode3); }
};

} // namespace

TEST_CASE_METHOD(VbeBoard, "vbe: the ID tells the version and takes older ones") {
    CHECK(read_vbe(0) == 0xB0C5);
    vbe(0, 0xB0C2);
    CHECK(read_vbe(0) == 0xB0C2);
    vbe(0, 0xB0C6);
    CHECK(read_vbe(0) == 0xB0C2);
    CHECK(read_vbe(10) == 256); // 16 MiB
    CHECK(read_vbe(99) == 0);
}

TEST_CASE_METHOD(VbeBoard, "vbe: GETCAPS turns the size registers into limits") {
    vbe(1, 800);
    vbe(4, 0x02);
    CHECK(read_vbe(1) >= 1920);
    CHECK(read_vbe(2) >= 1200);
    CHECK(read_vbe(3) == 32);
    vbe(4, 0);
    CHECK(read_vbe(1) == 800);
}

TEST_CASE_METHOD(VbeBoard, "vbe: sizes are fixed while enabled, nonsense is refused") {
    vbe_mode(1024, 768, 16);
    vbe(1, 640);
    vbe(3, 8);
    CHECK(read_vbe(1) == 1024);
    CHECK(read_vbe(3) == 16);
    vbe(4, 0);
    vbe(1, 0);
    vbe(2, 1601);
    vbe(3, 17);
    CHECK(read_vbe(1) == 1024);
    CHECK(read_vbe(2) == 768);
    CHECK(read_vbe(3) == 16);
}

TEST_CASE_METHOD(VbeBoard, "vbe: virtual width, and the height that memory has for it") {
    vbe_mode(1024, 768, 32);
    CHECK(read_vbe(6) == 1024);
    CHECK(read_vbe(7) == 4096);
    vbe(6, 2048);
    CHECK(read_vbe(6) == 2048);
    CHECK(read_vbe(7) == 2048);
    vbe(6, 100); // not less than the screen
    CHECK(read_vbe(6) == 1024);
    vbe(6, 0xFFFF); // not more than memory has lines for
    CHECK(read_vbe(6) == 5456);
    CHECK(read_vbe(7) >= 768);
}

TEST_CASE_METHOD(VbeBoard, "vbe: enabling clears the screen unless told otherwise") {
    vga.vram()[1000] = 0x55;
    vbe(1, 640);
    vbe(2, 480);
    vbe(3, 8);
    vbe(4, 0xC1);
    CHECK(vga.vram()[1000] == 0x55);
    vbe(4, 0);
    vbe(4, 0x41);
    CHECK(vga.vram()[1000] == 0);
    vga.vram()[1000] = 0x55;
    vbe(4, 0x41); // enabled already: nothing is cleared
    CHECK(vga.vram()[1000] == 0x55);
}

TEST_CASE_METHOD(VbeBoard, "vbe: packed pixels of every depth") {
    struct Case {
        u16 depth;
        std::vector<u8> bytes; // of two pixels
        u32 first, second;
    };
    const Case cases[] = {
        {8, {0x21, 0xFF}, rgb(0x21), rgb(0xFF)},
        {15, {0x00, 0x7C, 0x1F, 0x00}, 0xFF0000, 0x0000FF},
        {16, {0xE0, 0x07, 0x10, 0x84}, 0x00FF00, 0x848284},
        {24, {0x01, 0x02, 0x03, 0x0A, 0x0B, 0x0C}, 0x030201, 0x0C0B0A},
        {32, {0x01, 0x02, 0x03, 0xFF, 0x0A, 0x0B, 0x0C, 0x00}, 0x030201, 0x0C0B0A},
    };
    for (const Case& c : cases) {
        CAPTURE(c.depth);
        vbe_mode(800, 600, c.depth);
        const usize bytes = c.bytes.size() / 2;
        // The last pixel of line 0 and the first of line 1 are neighbours.
        std::copy(c.bytes.begin(), c.bytes.end(), vga.vram().begin() + static_cast<long>(799 * bytes));
        const Picture picture = vga.render();
        CHECK(picture.width == 800);
        CHECK(picture.height == 600);
        CHECK(picture.pixels[799] == c.first);
        CHECK(picture.pixels[800] == c.second);
    }
}

TEST_CASE_METHOD(VbeBoard, "vbe: 16 colours in planes, with a window that banks move") {
    vbe_mode(1024, 768, 4);
    sequencer(4, 0x06);
    graphics(5, 0x00);
    graphics(6, 0x05);
    sequencer(2, 0x05);
    poke(0xA0000 + 128, 0x80); // pixel 0 of line 1
    vbe(5, 1);
    poke(0xA0000 + 0x3FF, 0x01); // byte 103FFh of the planes: line 519, pixel 1023
    const Picture picture = vga.render();
    CHECK(picture.pixels[1024] == rgb(5));
    CHECK(picture.pixels[1025] == rgb(0));
    CHECK(picture.pixels[519 * 1024 + 1023] == rgb(5));
}

TEST_CASE_METHOD(VbeBoard, "vbe: offsets move a window over a larger picture") {
    vbe_mode(640, 480, 32);
    vbe(6, 1000);
    vbe(8, 10);
    vbe(9, 700);
    vga.vram()[(700 * 1000 + 10) * 4] = 0x42;
    vga.vram()[(1179 * 1000 + 649) * 4] = 0x43;
    const Picture picture = vga.render();
    CHECK(picture.pixels.front() == 0x42);
    CHECK(picture.pixels.back() == 0x43);
    vbe(9, 0xFFFF); // beyond memory: black
    CHECK(vga.render().pixels.front() == 0);
}

TEST_CASE_METHOD(VbeBoard, "vbe: eight DAC bits make finer colours") {
    vbe_mode(640, 480, 8);
    vbe(4, 0x61);
    colour(9, 0x81, 0x42, 0x23);
    vga.vram()[0] = 9;
    CHECK(vga.render().pixels[0] == 0x814223);
}

TEST_CASE_METHOD(VgaBoard, "vbe: a driver needs no VGA BIOS but must open the palette address source") {
    vbe_mode(640, 480, 32);
    vga.vram()[2] = 0x99;
    CHECK(vga.render().pixels[0] == 0);
    out(0x3C2, 0x01);
    in(0x3DA);
    out(0x3C0, 0x20);
    CHECK(vga.render().pixels[0] == 0x990000);
}

TEST_CASE_METHOD(VbeBoard, "vbe: 60 frames a second, and the generation moves with each") {
    vbe_mode(1280, 1024, 32);
    unsigned frames = 0;
    vga.on_frame([&] { ++frames; });
    vga.want_frames(true);
    const u64 generation = vga.frame_generation();
    run_to_ns(clock.now_ns() + 1'000'000'000);
    CHECK(frames == 60);
    CHECK(vga.frame_generation() >= generation + 60);
    vbe(4, 0);
    CHECK(vga.render().width == 720);
}

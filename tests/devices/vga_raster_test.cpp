/// Changes in the middle of a frame: what demos and games do between one scan line and the next.
#include "tests/devices/state_tools.h"
#include "tests/devices/vga_fixture.h"

using namespace r86;

namespace {

/// 640x480 in planes, all pixels 1; and a program that waits for scan lines as real ones do, by time.
struct RasterBoard : VgaBoard {
    static constexpr u64 kLineNs = 800 * 1'000'000'000ull / 25'175'000;
    Picture frame; // as the hook saw the last one
    RasterBoard() {
        set_mode(kMode12);
        sequencer(2, 0x01);
        for (u32 at = 0; at < 80 * 480; at += 8) poke(0xA0000 + at, ~u64{0}, 8);
        vga.on_frame([this] { vga.render(frame); });
        vga.want_frames(true);
        run_frames(3);
        while (!(in(0x3DA) & 8)) wait(1'000);
        while (in(0x3DA) & 1) wait(100);
        top = clock.now_ns();
    }
    u64 top = 0;
    void wait(u64 ns) { run_to_ns(clock.now_ns() + ns); }
    /// To the horizontal blanking after line `n` of the frame that began at `top`.
    void behind(u32 n) { run_to_ns(top + n * kLineNs + kLineNs * 9 / 10); }
    void finish_frame() {
        top += 525 * kLineNs;
        run_to_ns(top);
    }
    u32 at(u32 y) const { return frame.pixels[usize{y} * frame.width + 100]; }
    static u32 grey(unsigned value) { return (value << 2 | value >> 4) * 0x010101u; }
    void grey_palette(unsigned value) {
        colour(1, static_cast<u8>(value), static_cast<u8>(value), static_cast<u8>(value));
    }
};

} // namespace

TEST_CASE_METHOD(RasterBoard, "vga raster: a colour of the DAC changed behind a line is there from the next line on") {
    grey_palette(10);
    for (int round = 0; round < 2; ++round) {
        behind(99);
        grey_palette(20);
        behind(100);
        grey_palette(30);
        behind(490); // in the vertical blanking
        grey_palette(10);
        finish_frame();
        CHECK(at(0) == grey(10));
        CHECK(at(99) == grey(10));
        CHECK(at(100) == grey(20));
        CHECK(at(101) == grey(30));
        CHECK(at(479) == grey(30));
    }
    // Looking at any other time shows the whole frame before, and so do the registers' own values not matter.
    behind(50);
    CHECK(vga.render().pixels == frame.pixels);
    finish_frame(); // nothing was changed in this one
    CHECK(at(479) == grey(10));
    CHECK(vga.render().pixels == frame.pixels);
}

TEST_CASE_METHOD(RasterBoard,
                 "vga raster: colours set once in the middle of a frame tear that frame, and no picture asked for") {
    grey_palette(10);
    behind(200);
    grey_palette(40);
    const auto even = [](const Picture& p) {
        return std::all_of(p.pixels.begin(), p.pixels.end(), [&](u32 pixel) { return pixel == p.pixels[0]; });
    };
    CHECK(even(vga.render()));
    finish_frame();
    CHECK(at(200) == grey(10));
    CHECK(at(201) == grey(40));
    CHECK(even(vga.render()));
    finish_frame();
    CHECK(at(0) == grey(40));
}

TEST_CASE_METHOD(RasterBoard, "vga raster: palette, panning, row offset and screen off count from line to line") {
    for (u32 x = 0; x < 80; ++x) poke(0xA0000 + 300 * 80 + x, 0x80); // one dot in eight
    behind(9);
    attribute(0x01, 0x05); // with the palette address source off for less than a line
    behind(19);
    sequencer(1, 0x21);
    behind(29);
    sequencer(1, 0x01);
    behind(299);
    attribute(0x13, 3); // counts for line 300
    behind(300);
    attribute(0x13, 0);
    crtc(0x13, 0); // from here on the same line again and again
    behind(310);
    crtc(0x13, 40);
    finish_frame();
    CHECK(at(9) == rgb(1));
    CHECK(at(10) == rgb(5));
    CHECK(at(19) == rgb(5));
    CHECK(at(20) == 0);
    CHECK(at(29) == 0);
    CHECK(at(30) == rgb(5));
    const auto dot = [&](u32 x, u32 y) { return frame.pixels[usize{y} * frame.width + x] == rgb(5); };
    CHECK(dot(5, 300)); // eight minus three
    CHECK_FALSE(dot(0, 300));
    CHECK(dot(0, 301)); // the counter is still at line 301's address, and stays there
    CHECK(dot(1, 305));
    CHECK(dot(1, 311));
}

TEST_CASE_METHOD(RasterBoard, "vga raster: line compare moved while the beam is above it") {
    poke(0xA0000, 0); // only line 0 begins with eight dark dots
    behind(50);
    crtc(0x18, 99);
    crtc(0x07, 0x2E); // bit 8
    crtc(0x09, 0x00); // bit 9
    finish_frame();
    CHECK(frame.pixels[0] == rgb(0));
    CHECK(frame.pixels[usize{50} * 640] == rgb(1));
    CHECK(frame.pixels[usize{100} * 640] == rgb(0)); // starts again at address 0
    CHECK(frame.pixels[usize{101} * 640] == rgb(1));
}

TEST_CASE_METHOD(RasterBoard, "vga raster: what moves no dot is not kept, and too many changes do no harm") {
    VgaStateCopy copy;
    behind(10);
    for (unsigned i = 0; i < 20; ++i) { // a program that draws
        sequencer(2, static_cast<u8>(i & 15));
        graphics(8, static_cast<u8>(i));
        graphics(5, static_cast<u8>(i & 3));
        crtc(0x0E, static_cast<u8>(i));
    }
    graphics(5, 0);
    finish_frame();
    const u64 generation = vga.frame_generation();
    finish_frame();
    CHECK(vga.frame_generation() == generation);
    behind(10);
    for (unsigned i = 0; i < 10'000; ++i) grey_palette(i & 63);
    grey_palette(33);
    behind(20);
    grey_palette(9);
    finish_frame();
    CHECK(frame.pixels.size() == 640 * 480);
    finish_frame();
    CHECK(at(100) == grey(9));
}

TEST_CASE_METHOD(RasterBoard, "vga raster: saved in the middle of a frame, the pictures go on as without") {
    grey_palette(10);
    behind(99);
    grey_palette(20);
    finish_frame();
    behind(49);
    grey_palette(30);

    VgaBoard other;
    other.clock.set_now(clock.now());
    test::load(other.queue, test::save(queue)); // the frame timer
    test::load(other.vga, test::save(vga));
    other.vga.loaded();
    CHECK(test::save(other.vga) == test::save(vga));
    Picture seen;
    other.vga.on_frame([&] { other.vga.render(seen); });
    other.vga.want_frames(true);
    top += 525 * kLineNs;
    for (VgaBoard* board : {static_cast<VgaBoard*>(this), &other}) board->run_to_ns(top);
    CHECK(at(49) == grey(20));
    CHECK(at(50) == grey(30));
    CHECK(seen.pixels == frame.pixels);
    CHECK(other.vga.render().pixels == vga.render().pixels);
    CHECK(vga.render().pixels == frame.pixels);
}

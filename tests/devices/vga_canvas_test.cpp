/// A picture that is drawn piece by piece is the one that is drawn at once, whatever happened in between.
#include "devices/vga_canvas.h"
#include "tests/devices/vga_fixture.h"
#include "tests/random.h"
#include "tests/rounds.h"

using namespace r86;

namespace {

struct CanvasBoard : VgaBoard {
    VgaCanvas canvas;
    Picture picture;
    test::Random random{86};

    CanvasBoard() {
        set_mode(kMode3);
        fill();
    }
    void fill() {
        for (u32 i = 0; i < 0x4000; ++i) poke(0xB8000 + i * 2, random.next() & 0xFFFF, 2);
        for (unsigned n = 0; n < 512; ++n)
            load_glyph(random.below(8) * 0x2000u, static_cast<u8>(random.next()), random.below(32),
                       static_cast<u8>(random.next()));
    }
    /// Draws what has changed; true if it is the whole picture.
    bool redraw() {
        vga.render(canvas, picture);
        const Picture whole = vga.render();
        return picture.width == whole.width && picture.height == whole.height && picture.pixels == whole.pixels;
    }

    void change_something() {
        const u8 value = static_cast<u8>(random.next());
        switch (random.below(16)) {
        case 0:
        case 1:
        case 2: poke(0xB8000 + random.below(0x8000), value); break; // anywhere, mostly not on the screen
        case 3:
        case 4:
        case 5: poke(0xB8000 + random.below(80 * 25 * 2), value); break;
        case 6: load_glyph(random.below(8) * 0x2000u, value, random.below(32), static_cast<u8>(random.next())); break;
        case 7: crtc(0x0F, value); break;
        case 8: crtc(0x0E, value & 7); break;
        case 9: crtc(random.pick<u8>({0x0A, 0x0B}), value); break;
        case 10: crtc(random.pick<u8>({0x08, 0x0C, 0x0D, 0x09, 0x13, 0x14, 0x17, 0x18, 0x01}), value); break;
        case 11: colour(value, value & 63, random.below(64) & 63, 5); break;
        case 12: attribute(random.pick<u8>({0x00, 0x07, 0x0F, 0x12, 0x13, 0x14}), value & 0x3F); break;
        case 13: attribute(0x10, random.chance(80) ? (value & 0x2C) : value); break;
        case 14: sequencer(3, value & 0x3F); break;
        case 15: sequencer(1, random.chance(80) ? (value & 1) : (value & 0x29)); break;
        }
    }
};

} // namespace

TEST_CASE_METHOD(CanvasBoard, "vga canvas: random changes of memory and registers, drawn in pieces or at once") {
    for (unsigned round = 0; round < test::rounds(40); ++round) {
        if (round % 8 == 7) {
            set_mode(random.pick({kMode12, kMode13, kMode4}));
            REQUIRE(redraw());
        }
        set_mode(kMode3);
        if (round % 4 == 0) fill();
        for (unsigned step = 0; step < 40; ++step) {
            for (unsigned n = random.below(4); n > 0; --n) change_something();
            if (random.chance(50)) run_frames(1 + random.below(20));
            INFO("round " << round << " step " << step);
            REQUIRE(redraw());
        }
    }
}

TEST_CASE_METHOD(CanvasBoard, "vga canvas: what has not changed is not drawn") {
    sequencer(3, 0);
    crtc(0x0A, 0x0D);
    crtc(0x0B, 0x0E);
    crtc(0x0E, 0);
    crtc(0x0F, 85);        // second row
    attribute(0x10, 0x04); // attribute bit 7 is a colour
    run_frames(8);
    REQUIRE(redraw());

    run_frames(8);
    REQUIRE(redraw());
    CHECK(canvas.rows_drawn() == 1); // the cursor's phase: on again
    crtc(0x0F, 165);                 // from the second row to the third
    REQUIRE(redraw());
    CHECK(canvas.rows_drawn() == 2);
    crtc(0x0A, 0x20); // no cursor: a new frame, once
    REQUIRE(redraw());
    CHECK(canvas.rows_drawn() == 25);
    run_frames(8);
    REQUIRE(redraw());
    CHECK(canvas.rows_drawn() == 0);
    poke(0xB8000 + 7 * 160 + 10, static_cast<u8>(peek(0xB8000 + 7 * 160 + 10) + 1));
    REQUIRE(redraw());
    CHECK(canvas.rows_drawn() == 1);
}

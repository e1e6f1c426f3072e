/// A guest that writes anything anywhere must not lead the chip outside of its tables, nor time astray.
#include "tests/devices/vga_fixture.h"
#include <random>

using namespace r86;

TEST_CASE_METHOD(VgaBoard, "vga: random register and memory writes keep pictures, text and time within bounds") {
    std::minstd_rand random(86);
    const auto below = [&](u32 limit) { return static_cast<u32>(random() >> 3) % limit; };
    vga.on_frame([] {});
    vga.want_frames(true);
    const VgaMode* const modes[] = {&kMode3, &kMode4, &kMode6, &kMode0D, &kMode12, &kMode13};
    for (unsigned round = 0; round < 300; ++round) {
        if (below(3) == 0) set_mode(*modes[below(6)]);
        for (unsigned i = 0; i < 40; ++i) {
            switch (below(7)) {
            case 0: vga.write8(static_cast<u16>(below(0x30)), static_cast<u8>(below(256))); break;
            case 1: crtc(static_cast<u8>(below(0x1A)), static_cast<u8>(below(256))); break;
            case 2: graphics(static_cast<u8>(below(9)), static_cast<u8>(below(256))); break;
            case 3: attribute(static_cast<u8>(below(0x15)), static_cast<u8>(below(256))); break;
            case 4:
                if (below(4) == 0) vbe(static_cast<u16>(below(12)), static_cast<u16>(below(0x10000)));
                break;
            case 5: poke(0xA0000 + below(0x1FFF8), random(), 1u << below(4)); break;
            default: peek(0xA0000 + below(0x1FFF8), 1u << below(4)); break;
            }
            vga.read8(static_cast<u16>(below(0x30)));
        }
        const Picture picture = vga.render();
        CHECK(picture.width <= 4608);
        CHECK(picture.height <= 2048);
        CHECK(picture.pixels.size() == usize{picture.width} * picture.height);
        const TextScreen text = vga.text();
        CHECK(text.cells.size() == usize{text.rows} * text.columns);
        const u64 before = vga.frame_generation();
        run_frames(1);
        CHECK(vga.frame_generation() - before < 16);
    }
}

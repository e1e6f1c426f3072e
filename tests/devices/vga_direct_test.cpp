// Lending the window as host memory is a cache: a VGA that lends and one that never does are the same to everybody.
#include "tests/devices/vga_fixture.h"
#include <random>

using namespace r86;

namespace {

struct Board : VgaBoard {
    bool lending = true;
    u64 direct_accesses = 0;

    /// As the processor's page tables have it: direct where the window is lent, through the chip otherwise.
    void store(u32 offset, u64 value, unsigned size) {
        const VgaDirect::Piece piece = vga.memory().direct();
        if (offset >= piece.offset && offset + size <= piece.offset + piece.size) {
            ++direct_accesses;
            std::memcpy(piece.host + (offset - piece.offset), &value, size);
        } else {
            vga.window().write(offset, size, value);
        }
    }
    u64 fetch(u32 offset, unsigned size) {
        const VgaDirect::Piece piece = vga.memory().direct();
        if (offset < piece.offset || offset + size > piece.offset + piece.size) return vga.window().read(offset, size);
        ++direct_accesses;
        u64 value = 0;
        std::memcpy(&value, piece.host + (offset - piece.offset), size);
        return value;
    }
    void frame() {
        run_frames(1);
        if (!lending) vga.loaded(); // takes back what was lent
    }
    std::map<std::string, std::vector<u8>> state() {
        VgaStateCopy copy;
        vga.visit(copy);
        return copy.fields;
    }
};

} // namespace

TEST_CASE("vga window: text and chain-4 are lent after a busy frame, planes and masks are not") {
    Board b;
    const auto busy = [&](u32 offset) {
        for (int i = 0; i < 300; ++i) b.store(offset, 0x0741, 2);
        b.frame();
        return b.vga.memory().direct().size;
    };
    b.set_mode(kMode3);
    b.frame();
    CHECK(b.vga.memory().direct().size == 0);
    CHECK(busy(0x18000) == 0x8000);
    CHECK(b.vga.memory().direct().offset == 0x18000);
    b.store(0x18002, 0x1F42, 2);
    CHECK(b.vga.text().cells[1].character == U'B'); // looking puts it back
    b.graphics(8, 0x0F);                            // a bit mask: the data path takes part
    CHECK(b.vga.memory().direct().size == 0);
    CHECK(b.peek(0xB8002) == 0x42);
    b.set_mode(kMode13);
    CHECK(busy(0) == 0x10000);
    b.sequencer(2, 0x03);
    CHECK(b.vga.memory().direct().size == 0);
    b.set_mode(kMode12);
    CHECK(busy(0) == 0);
}

TEST_CASE("vga window: a write to the lent window is a change of the frame") {
    Board b;
    b.set_mode(kMode13);
    for (u32 i = 0; i < 300; ++i) b.store(i, 1, 1);
    b.frame();
    REQUIRE(b.vga.memory().direct().size);
    const u64 before = b.vga.frame_generation();
    CHECK(b.vga.frame_generation() == before);
    b.store(320, 9, 1);
    CHECK(b.vga.frame_generation() != before);
    const u64 written = b.vga.frame_generation();
    b.store(320, 9, 1);
    CHECK(b.vga.frame_generation() == written);
    CHECK(b.vga.memory().linear().read(1280, 1) == 9);
    b.vga.memory().linear().write(1281, 1, 8);
    CHECK(b.fetch(321, 1) == 8);
    // Changed by the linear aperture and back through the window, with no look in between.
    b.store(321, 0, 1);
    const std::vector<u32> black = b.vga.render().pixels;
    b.vga.memory().linear().write(1281, 1, 8);
    CHECK(b.vga.render().pixels != black);
    b.store(321, 0, 1);
    CHECK(b.vga.render().pixels == black);
    b.vga.memory().linear().write(1281, 1, 8);
    b.store(321, 0, 1);
    CHECK(b.vga.render().pixels == black);
}

TEST_CASE("vga window: with and without lending every read, picture and state is the same") {
    Board a, b;
    b.lending = false;
    std::mt19937 random(22);
    const auto below = [&](u32 n) { return static_cast<u32>(random() % n); };
    const VgaMode* modes[] = {&kMode3, &kMode13, &kMode4, &kMode12, &kMode13, &kMode3};
    for (unsigned round = 0; round < 120; ++round) {
        const VgaMode& mode = *modes[below(6)];
        const bool change = round % 6 == 0;
        const u32 base = mode.graphics[6] & 8 ? 0x18000 : 0;
        for (Board* board : {&a, &b})
            if (change) board->set_mode(mode);
        for (unsigned i = 0; i < 600; ++i) {
            const unsigned size = 1u << below(4);
            const u32 offset = below(8) ? base + below(0x7FF8) : below(0x1FFF8);
            const u64 value = random() | u64{random()} << 32;
            switch (below(4000)) {
            case 0: a.graphics(5, static_cast<u8>(value)), b.graphics(5, static_cast<u8>(value)); break;
            case 1: a.sequencer(2, static_cast<u8>(value)), b.sequencer(2, static_cast<u8>(value)); break;
            case 2: a.graphics(8, 0xFF), b.graphics(8, 0xFF); break;
            case 3: a.set_mode(kMode13), b.set_mode(kMode13); break;
            case 4:
                a.vga.memory().linear().write(offset, size, value);
                b.vga.memory().linear().write(offset, size, value);
                break;
            case 5:
                if (below(8) == 0) a.vbe_mode(640, 480, 8), b.vbe_mode(640, 480, 8);
                a.vbe(4, 0), b.vbe(4, 0);
                break;
            case 6:
                CHECK(a.vga.memory().linear().read(offset, size) == b.vga.memory().linear().read(offset, size));
                break;
            case 7: CHECK(a.vga.memory().peek(offset) == b.vga.memory().peek(offset)); break;
            default:
                if (value & 1) {
                    a.store(offset, value, size), b.store(offset, value, size);
                } else {
                    REQUIRE(a.fetch(offset, size) == b.fetch(offset, size));
                }
            }
        }
        if (round % 4 == 0) REQUIRE(a.state() == b.state());
        if (round % 8 == 1) CHECK(a.vga.render().pixels == b.vga.render().pixels);
        a.frame(), b.frame();
    }
    CHECK(a.state() == b.state());
    CHECK(a.direct_accesses > 5000);
    CHECK(b.direct_accesses == 0);
}

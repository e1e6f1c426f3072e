/// Memory window and data path of the graphics controller. Planes are seen through read mode 0 or in video memory,
/// where byte n of plane p is byte 4n + p.
#include "tests/devices/vga_fixture.h"

using namespace r86;

namespace {

struct PlanarBoard : VgaBoard {
    PlanarBoard() { set_mode(kMode12); }
    u32 cell(u32 n) {
        const u8* at = vga.vram().data() + n * 4;
        return static_cast<u32>(at[0] | at[1] << 8 | at[2] << 16) | static_cast<u32>(at[3]) << 24;
    }
};

} // namespace

TEST_CASE_METHOD(PlanarBoard,
                 "vga memory: Map Mask chooses the planes that are written, Read Map Select the one read") {
    sequencer(2, 0x05);
    poke(0xA0010, 0xC3);
    CHECK(cell(0x10) == 0x00C300C3);
    graphics(4, 0);
    CHECK(peek(0xA0010) == 0xC3);
    graphics(4, 1);
    CHECK(peek(0xA0010) == 0x00);
    graphics(4, 2);
    CHECK(peek(0xA0010) == 0xC3);
}

TEST_CASE_METHOD(PlanarBoard,
                 "vga memory: write mode 0 rotates, sets and resets, combines with the latches and masks") {
    poke(0xA0000, 0x0F);
    peek(0xA0000); // latches 0F in all planes
    graphics(3, 0x04);
    poke(0xA0001, 0x21); // rotated right by 4
    CHECK(cell(1) == 0x12121212);
    graphics(3, 0x00);
    graphics(0, 0x03);
    graphics(1, 0x05); // plane 0 set, plane 2 reset, 1 and 3 from the processor
    poke(0xA0002, 0x5A);
    CHECK(cell(2) == 0x5A005AFF);
    graphics(1, 0x00);
    graphics(3, 0x08); // AND
    poke(0xA0003, 0x33);
    CHECK(cell(3) == 0x03030303);
    graphics(3, 0x10); // OR
    poke(0xA0004, 0x33);
    CHECK(cell(4) == 0x3F3F3F3F);
    graphics(3, 0x18); // XOR
    poke(0xA0005, 0x33);
    CHECK(cell(5) == 0x3C3C3C3C);
    graphics(3, 0x00);
    graphics(8, 0xF0); // low half from the latches
    poke(0xA0006, 0xA0);
    CHECK(cell(6) == 0xAFAFAFAF);
}

TEST_CASE_METHOD(PlanarBoard, "vga memory: write mode 1 copies the latches, whatever the processor writes") {
    for (u8 plane = 0; plane < 4; ++plane) {
        sequencer(2, static_cast<u8>(1 << plane));
        poke(0xA0000, 0x11u * (plane + 1));
    }
    sequencer(2, 0x0F);
    graphics(5, 0x01);
    graphics(8, 0x00);
    peek(0xA0000);
    poke(0xA0100, 0xFF);
    CHECK(cell(0x100) == 0x44332211);
}

TEST_CASE_METHOD(PlanarBoard, "vga memory: write mode 2 writes a colour under the bit mask") {
    poke(0xA0000, 0x00);
    peek(0xA0000);
    graphics(5, 0x02);
    graphics(8, 0x81);
    poke(0xA0000, 0xF9); // only the low four bits count
    CHECK(cell(0) == 0x81000081);
}

TEST_CASE_METHOD(PlanarBoard, "vga memory: write mode 3 uses the rotated byte as a further mask for set/reset") {
    poke(0xA0000, 0xFF);
    peek(0xA0000);
    graphics(5, 0x03);
    graphics(0, 0x06);
    graphics(3, 0x04);
    graphics(8, 0x3F);
    poke(0xA0000, 0x1E); // rotated E1h, masked 21h
    CHECK(cell(0) == 0xDEFFFFDE);
}

TEST_CASE_METHOD(PlanarBoard, "vga memory: read mode 1 compares colours in the planes that matter") {
    sequencer(2, 0x01);
    poke(0xA0000, 0xF0);
    sequencer(2, 0x02);
    poke(0xA0000, 0xCC);
    graphics(5, 0x08);
    graphics(2, 0x03);
    CHECK(peek(0xA0000) == 0xC0);
    graphics(7, 0x02); // only plane 1
    CHECK(peek(0xA0000) == 0xCC);
    graphics(7, 0x00);
    CHECK(peek(0xA0000) == 0xFF);
}

TEST_CASE_METHOD(VgaBoard, "vga memory: text mode writes characters to plane 0 and attributes to plane 1") {
    set_mode(kMode3);
    poke(0xB8002, 0x1F41, 2);
    // Odd/even: both bytes at plane address 2.
    CHECK(vga.vram()[8] == 0x41);
    CHECK(vga.vram()[9] == 0x1F);
    CHECK(vga.vram()[10] == 0);
    CHECK(peek(0xB8002, 2) == 0x1F41);
    poke(0xB8003, 0x2E);
    CHECK(peek(0xB8002, 4) == 0x2E41);
    poke(0xB8004, 0x0102030405060708, 8);
    CHECK(peek(0xB8004, 8) == 0x0102030405060708);
    CHECK(peek(0xB8005, 2) == 0x0607);
    poke(0xB8005, 0xAABB, 2);
    CHECK(peek(0xB8004, 4) == 0x05AABB08);
}

TEST_CASE_METHOD(VgaBoard, "vga memory: chain 4 spreads consecutive bytes over the planes") {
    set_mode(kMode13);
    poke(0xA0004, 0x44332211, 4);
    // Address bits 1 and 0 choose the plane and are 0 in the plane's address: plane address 4, video memory byte 16.
    for (u32 i = 0; i < 4; ++i) CHECK(vga.vram()[16 + i] == 0x11 * (i + 1));
    CHECK(peek(0xA0005) == 0x22);
    CHECK(peek(0xA0003, 4) == 0x33221100);
    poke(0xA0006, 0x8877, 2);
    CHECK(peek(0xA0004, 4) == 0x88772211);
    sequencer(2, 0x02); // the map mask still counts
    poke(0xA0004, 0xEEEEEEEE, 4);
    CHECK(peek(0xA0004, 4) == 0x8877EE11);
}

TEST_CASE_METHOD(VgaBoard, "vga memory: bytes written in mode 13h are found where unchained planes have them") {
    set_mode(kMode13);
    poke(0xA0008, 0x44332211, 4);
    sequencer(4, 0x06);
    for (u8 plane = 0; plane < 4; ++plane) {
        graphics(4, plane);
        CHECK(peek(0xA0008) == 0x11u * (plane + 1));
        CHECK(peek(0xA0009) == 0);
    }
}

TEST_CASE_METHOD(VgaBoard, "vga memory: Memory Map chooses the window, RAM Enable closes it") {
    set_mode(kMode12);
    const auto answers = [&](u32 address) {
        graphics(8, 0xFF);
        poke(address, 0x5A);
        return peek(address) == 0x5A;
    };
    const u32 places[] = {0xA0000, 0xAFFFF, 0xB0000, 0xB7FFF, 0xB8000, 0xBFFFF};
    const std::array<const char*, 4> expected{"111111", "110000", "001100", "000011"};
    for (u8 map = 0; map < 4; ++map) {
        graphics(6, static_cast<u8>(1 | map << 2));
        std::string got;
        for (const u32 place : places) got += answers(place) ? '1' : '0';
        CHECK(got == expected[map]);
    }
    out(0x3C2, 0xE1);
    CHECK(peek(0xB8000, 4) == 0xFFFFFFFF);
}

TEST_CASE_METHOD(VgaBoard, "vga memory: the 128 KiB window chains its highest bit into odd/even addresses") {
    set_mode(kMode3);
    graphics(6, 0x02);
    poke(0xA0000, 0x41);
    poke(0xB0000, 0x42);
    CHECK(vga.vram()[0] == 0x41);
    CHECK(vga.vram()[4] == 0x42);
}

TEST_CASE_METHOD(VgaBoard, "vga memory: VBE banks map 64 KiB of packed memory at A0000h") {
    vbe_mode(1024, 768, 32);
    out(0x3C2, 0x67);
    vbe(5, 2);
    poke(0xA0001, 0xAABBCCDD, 4);
    CHECK(vga.vram()[0x20001] == 0xDD);
    CHECK(vga.vram()[0x20004] == 0xAA);
    CHECK(peek(0xA0001, 4) == 0xAABBCCDD);
    vbe(5, 255);
    poke(0xAFFFF, 0x99);
    CHECK(vga.vram()[VgaMemory::kBytes - 1] == 0x99);
    vbe(5, 256); // beyond the end: refused
    CHECK(read_vbe(5) == 255);
    CHECK(peek(0xB8000) == 0xFF);
}

TEST_CASE_METHOD(VgaBoard, "vga memory: a page's first change by the chip is announced once") {
    set_mode(kMode13);
    std::vector<u32> pages;
    vga.memory().forget_touched();
    vga.memory().on_first_touch([&](u32 page) {
        if (page == 4) CHECK(vga.vram()[0x4000] == 0); // before the change
        pages.push_back(page);
    });
    poke(0xA1000, 1); // plane address 1000h is byte 4000h
    poke(0xA1004, 2);
    poke(0xA0000, 3);
    CHECK(pages == std::vector<u32>{4, 0});
    vga.memory().forget_touched();
    poke(0xA0000, 3);
    CHECK(pages == std::vector<u32>{4, 0, 0});
}

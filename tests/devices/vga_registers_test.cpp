/// Ports of the VGA: IBM "Personal System/2 Hardware Interface Technical Reference", VGA function, paragraph by
/// paragraph.
#include "tests/devices/vga_fixture.h"

using namespace r86;

TEST_CASE_METHOD(VgaBoard, "vga: Miscellaneous Output moves the CRTC between 3Bxh and 3Dxh") {
    out(0x3C2, 0x67);
    CHECK(in(0x3CC) == 0x67);
    out(0x3D4, 0x0E);
    CHECK(in(0x3D4) == 0x0E);
    CHECK(in(0x3B4) == 0xFF);
    out(0x3C2, 0x66);
    CHECK(in(0x3B4) == 0x0E);
    CHECK(in(0x3D4) == 0xFF);
    CHECK(in(0x3DA) == 0xFF);
    out(0x3D5, 0x55); // nobody there
    CHECK(in(0x3B5) == 0x00);
}

TEST_CASE_METHOD(VgaBoard, "vga: registers read back with the bits that exist") {
    out(0x3C2, 0x01);
    const std::array<u8, 5> sequencer_bits{0x03, 0x3D, 0x0F, 0x3F, 0x0E};
    for (u8 i = 0; i < 5; ++i) {
        sequencer(i, 0xFF);
        CHECK(read_indexed(0x3C4, i) == sequencer_bits[i]);
    }
    const std::array<u8, 9> graphics_bits{0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF};
    for (u8 i = 0; i < 9; ++i) {
        graphics(i, 0xFF);
        CHECK(read_indexed(0x3CE, i) == graphics_bits[i]);
    }
    CHECK(read_indexed(0x3C4, 5) == 0);
    CHECK(read_indexed(0x3CE, 0x0F) == 0);
    crtc(0x0A, 0xFF);
    CHECK(read_indexed(0x3D4, 0x0A) == 0x3F);
    CHECK(read_indexed(0x3D4, 0x19) == 0);
    out(0x3DA, 0xFF);
    CHECK(in(0x3CA) == 0x08);
}

TEST_CASE_METHOD(VgaBoard, "vga: CR11 bit 7 protects CR00-CR07 but for the line compare bit") {
    set_mode(kMode3);
    crtc(0x00, 0x11);
    crtc(0x07, 0x00);
    CHECK(read_indexed(0x3D4, 0x00) == 0x5F);
    CHECK(read_indexed(0x3D4, 0x07) == 0x0F);
    crtc(0x08, 0x03);
    CHECK(read_indexed(0x3D4, 0x08) == 0x03);
    crtc(0x11, 0x0E);
    crtc(0x00, 0x11);
    CHECK(read_indexed(0x3D4, 0x00) == 0x11);
}

TEST_CASE_METHOD(VgaBoard, "vga: attribute port takes index and data in turns, and a status read restarts it") {
    out(0x3C2, 0x01);
    in(0x3DA);
    out(0x3C0, 0x10);
    CHECK(read_indexed(0x3D4, 0x24) == 0x80);
    out(0x3C0, 0x0C);
    CHECK(read_indexed(0x3D4, 0x24) == 0x00);
    CHECK(in(0x3C1) == 0x0C);
    out(0x3C0, 0x11); // index
    in(0x3DA);
    out(0x3C0, 0x13); // index again, not data
    out(0x3C0, 0x05);
    CHECK(in(0x3C0) == 0x13);
    CHECK(in(0x3C1) == 0x05);
    out(0x3C0, 0x11);
    CHECK(in(0x3C1) == 0x00);
}

TEST_CASE_METHOD(VgaBoard, "vga: the palette cannot be written while it drives the screen") {
    out(0x3C2, 0x01);
    in(0x3DA);
    for (const u8 value : {0x03, 0x2A, 0x23, 0x15}) out(0x3C0, value);
    out(0x3C0, 0x03);
    CHECK(in(0x3C1) == 0x2A);
}

TEST_CASE_METHOD(VgaBoard, "vga: DAC addresses step after three components, separately for reading and writing") {
    out(0x3C8, 0xFE);
    for (u8 i = 1; i <= 9; ++i) out(0x3C9, i);
    CHECK(in(0x3C8) == 0x01); // FEh, FFh, 00h were written
    CHECK(in(0x3C7) == 0x00);
    out(0x3C7, 0xFF);
    CHECK(in(0x3C7) == 0x03);
    for (u8 i = 4; i <= 9; ++i) CHECK(in(0x3C9) == i);
    // A colour arrives as a whole, with its third component.
    out(0x3C8, 0x00);
    out(0x3C9, 0x3F);
    out(0x3C9, 0x3F);
    out(0x3C7, 0x00);
    CHECK(in(0x3C9) == 7);
}

TEST_CASE_METHOD(VgaBoard, "vga: DAC has six bits, eight when the VBE asks for them") {
    colour(5, 0xFF, 0x80, 0x41);
    out(0x3C7, 5);
    CHECK(in(0x3C9) == 0x3F);
    CHECK(in(0x3C9) == 0x00);
    CHECK(in(0x3C9) == 0x01);
    vbe(4, 0x61);
    colour(5, 0xFF, 0x80, 0x41);
    out(0x3C7, 5);
    CHECK(in(0x3C9) == 0xFF);
    CHECK(in(0x3C9) == 0x80);
    CHECK(in(0x3C9) == 0x41);
}

TEST_CASE_METHOD(VgaBoard, "vga: Input Status 1 follows the beam through a 70 Hz text frame") {
    set_mode(kMode3);
    const u64 start = clock.now_ns();
    // 28.322 MHz, 100 characters of 9 dots, 449 lines; display 80 characters, 400 lines; retrace 412-413.
    const auto at = [&](u64 line, u64 character) {
        const u64 dot_clocks = line * 900 + character * 9;
        run_to_ns(start + dot_clocks * 1'000'000'000 / 28'322'000 + 20);
        return in(0x3DA);
    };
    CHECK(at(0, 2) == 0x00);
    CHECK(at(0, 82) == 0x01);
    CHECK(at(1, 2) == 0x00);
    CHECK(at(399, 78) == 0x00);
    CHECK(at(400, 2) == 0x01);
    CHECK(at(411, 99) == 0x01);
    CHECK(at(412, 1) == 0x09);
    CHECK(at(413, 99) == 0x09);
    CHECK(at(414, 1) == 0x01);
    CHECK(at(448, 99) == 0x01);
    CHECK(at(449, 2) == 0x00);
    CHECK(at(449 * 70 + 412, 1) == 0x09);
}

TEST_CASE_METHOD(VgaBoard, "vga: Input Status 0 tells a vertical interrupt until CR11 clears it") {
    set_mode(kMode3);
    const auto frames = [&](unsigned n) { run_to_ns(clock.now_ns() + n * 14'300'000); };
    const u8 end = read_indexed(0x3D4, 0x11) & 0x0F;
    frames(2);
    CHECK(in(0x3C2) == 0x10); // cleared, as the BIOS leaves it
    crtc(0x11, end | 0x10);
    CHECK(in(0x3C2) == 0x10);
    frames(1);
    CHECK(in(0x3C2) == 0x90);
    CHECK(in(0x3C2) == 0x90);
    crtc(0x11, end | 0x30); // disabled: what is pending stays
    CHECK(in(0x3C2) == 0x90);
    crtc(0x11, end | 0x20);
    CHECK(in(0x3C2) == 0x10);
    crtc(0x11, end | 0x30);
    frames(2);
    CHECK(in(0x3C2) == 0x10);
}

TEST_CASE_METHOD(VgaBoard, "vga: frames come at vertical retrace, at the rate of the mode, only while wanted") {
    unsigned frames = 0;
    vga.on_frame([&] { ++frames; });
    set_mode(kMode12);
    const u64 start = clock.now_ns();
    run_to_ns(start + 1'000'000'000);
    CHECK(frames == 0);
    vga.want_frames(true);
    // 25.175 MHz / (800 x 525) = 59.94 Hz
    run_to_ns(start + 11'000'000'000);
    CHECK(frames >= 599);
    CHECK(frames <= 600);
    bool in_retrace = false;
    vga.on_frame([&] { in_retrace = in(0x3DA) & 8; });
    run_frames(3);
    CHECK(in_retrace);
}

TEST_CASE_METHOD(VgaBoard, "vga: no register value makes frames endlessly short or long") {
    out(0x3C2, 0x67);
    sequencer(0, 3);
    for (u8 i = 0; i < 0x19; ++i) crtc(i, 0); // 5 characters, 2 lines
    unsigned frames = 0;
    vga.on_frame([&] { ++frames; });
    vga.want_frames(true);
    run_to_ns(clock.now_ns() + 1'000'000'000);
    CHECK(frames >= 69);
    CHECK(frames <= 71);
    const Picture picture = vga.render();
    CHECK(picture.width == 720);
    CHECK(picture.height == 400);
}

TEST_CASE_METHOD(VgaBoard, "vga: state saved in the middle of everything is the same after loading") {
    set_mode(kMode3);
    poke(0xB8000, 0x1F411E42, 4);
    poke(0xBFFFE, 0x0731, 2);
    vga.vram()[VgaMemory::kBytes - 1] = 0x77;
    run_frames(5);
    in(0x3DA);
    out(0x3C0, 0x31);
    out(0x3C8, 7);
    out(0x3C9, 1);
    vbe(5, 3);
    peek(0xB8000);
    VgaStateCopy saved;
    vga.visit(saved);

    VgaBoard other;
    other.clock.set_now(clock.now());
    other.set_mode(kMode13);
    other.poke(0xA8000, 0x12345678, 4);
    saved.load = true;
    other.vga.visit(saved);
    other.vga.loaded();
    VgaStateCopy again;
    other.vga.visit(again);
    CHECK(again.fields == saved.fields);
    CHECK(other.vga.render().pixels == vga.render().pixels);
    CHECK(other.in(0x3DA) == in(0x3DA));
    CHECK(other.vga.vram()[VgaMemory::kBytes - 1] == 0x77);
    // The colour whose first component was written is completed by the two others.
    other.out(0x3C9, 2);
    other.out(0x3C9, 3);
    other.out(0x3C7, 7);
    CHECK(other.in(0x3C9) == 1);
}

TEST_CASE_METHOD(VgaBoard, "vga: hard reset stops the clocks and keeps video memory") {
    set_mode(kMode3);
    poke(0xB8000, 0x41);
    vga.reset(ResetKind::Hard);
    CHECK(in(0x3CC) == 0);
    CHECK(vga.vram()[0] == 0x41);
    const Picture picture = vga.render();
    CHECK(picture.width == 720);
    CHECK(picture.height == 400);
    CHECK(std::all_of(picture.pixels.begin(), picture.pixels.end(), [](u32 p) { return p == 0; }));
    vga.reset(ResetKind::PowerOn);
    CHECK(vga.vram()[0] == 0);
}

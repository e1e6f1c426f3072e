/// The display adapter's registers in memory (BAR 2), the EDID there and behind the wires of the DDC.
#include "devices/edid.h"
#include "devices/vga_mmio.h"
#include "tests/devices/vga_fixture.h"
#include <numeric>

using namespace r86;

namespace {

struct MmioBoard : VgaBoard {
    VgaMmio mmio{vga};
    MmioBoard() { set_mode(kMode3); }
};

/// A host that moves the wires of the DDC by the register of index 0Bh, as a VGA BIOS does.
struct DdcHost : VgaBoard {
    static constexpr u8 kEnable = 0x80, kDck = 1, kDda = 2, kDckIn = 4, kDdaIn = 8;
    bool clock = true, data = true;

    DdcHost() {
        set_mode(kMode3);
        vga.vbe().write16(0, 0x0B);
        drive();
    }
    u8 wires() { return vga.vbe().read8(1); }
    bool data_in() { return wires() & kDdaIn; }
    void drive() { vga.vbe().write8(1, static_cast<u8>(kEnable | (clock ? kDck : 0) | (data ? kDda : 0))); }
    void set_clock(bool level) {
        clock = level;
        drive();
    }
    void set_data(bool level) {
        data = level;
        drive();
    }
    void start() {
        set_data(true);
        set_clock(true);
        set_data(false);
        set_clock(false);
    }
    void stop() {
        set_data(false);
        set_clock(true);
        set_data(true);
    }
    /// One bit out while the monitor may pull: what stood on the wire.
    bool bit(bool level) {
        set_data(level);
        set_clock(true);
        const bool seen = data_in();
        set_clock(false);
        return seen;
    }
    /// True if the monitor acknowledged.
    bool send(u8 byte) {
        for (int i = 7; i >= 0; --i) bit(byte >> i & 1);
        return !bit(true);
    }
    u8 receive(bool acknowledge) {
        u8 byte = 0;
        for (int i = 0; i < 8; ++i) byte = static_cast<u8>(byte << 1 | (bit(true) ? 1 : 0));
        bit(!acknowledge);
        return byte;
    }
};

} // namespace

TEST_CASE("EDID 1.3: header, sum, and the timing of 1024x768 at 60 Hz") {
    const auto& edid = monitor_edid();
    const std::array<u8, 8> header{0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0};
    CHECK(std::equal(header.begin(), header.end(), edid.begin()));
    CHECK(edid[0x12] == 1);
    CHECK(edid[0x13] == 3);
    CHECK(std::accumulate(edid.begin(), edid.end(), 0u) % 256 == 0);
    const u8* timing = &edid[0x36];
    const unsigned clock_khz = (timing[0] | timing[1] << 8) * 10u;
    const unsigned width = timing[2] | (timing[4] & 0xF0) << 4, line = width + (timing[3] | (timing[4] & 15) << 8);
    const unsigned height = timing[5] | (timing[7] & 0xF0) << 4, frame = height + (timing[6] | (timing[7] & 15) << 8);
    CHECK(width == 1024);
    CHECK(height == 768);
    CHECK(clock_khz * 1000 / (line * frame) == 60);
}

TEST_CASE_METHOD(MmioBoard, "vga mmio: the EDID stands at 0 and cannot be written") {
    mmio.write(0, 4, 0);
    for (u64 at = 0; at < 128; at += 4) {
        const u8* b = &monitor_edid()[at];
        CHECK(mmio.read(at, 4) == (u32{b[0]} | u32{b[1]} << 8 | u32{b[2]} << 16 | u32{b[3]} << 24));
    }
    CHECK(mmio.read(0x80, 8) == 0); // no extension
}

TEST_CASE_METHOD(MmioBoard, "vga mmio: ports 3C0h-3DFh stand at 400h, a word is index and data") {
    mmio.write(0x400 + 0x0E, 2, 0x0A05); // 3CEh: graphics mode register
    CHECK(read_indexed(0x3CE, 5) == 0x0A);
    out(0x3C8, 7);
    for (int i = 0; i < 3; ++i) mmio.write(0x400 + 0x09, 1, 0x2A); // 3C9h
    out(0x3C7, 7);
    CHECK(mmio.read(0x400 + 0x09, 1) == 0x2A);
    CHECK(mmio.read(0x400 + 0x0C, 1) == in(0x3CC));
    CHECK(mmio.read(0x420, 1) == 0);
}

TEST_CASE_METHOD(MmioBoard, "vga mmio: VBE registers stand flat from 500h on") {
    CHECK(mmio.read(0x500, 2) == 0xB0C5);
    mmio.write(0x502, 4, 600u << 16 | 800); // XRES and YRES in one access
    mmio.write(0x506, 2, 16);
    mmio.write(0x508, 2, 0x41);
    CHECK(vga.vbe().enabled());
    CHECK(vga.render().width == 800);
    CHECK(vga.render().height == 600);
    CHECK(read_vbe(3) == 16);
    CHECK(mmio.read(0x514, 2) == 256); // memory in pieces of 64 KiB
    CHECK(mmio.read(0x515, 1) == 1);
    mmio.write(0x508, 1, 0); // half a register
    CHECK(vga.vbe().enabled());
    CHECK(mmio.read(0x516, 2) == 0); // the DDC has no copy
}

TEST_CASE_METHOD(MmioBoard, "vga mmio: the byte order of the frame buffer is little-endian") {
    CHECK(mmio.read(0x600, 4) == 8); // bytes of the block
    mmio.write(0x604, 4, 0xBEBEBEBE);
    CHECK(mmio.read(0x604, 4) == 0x1E1E1E1E);
}

TEST_CASE_METHOD(DdcHost, "ddc: off, the wires are high whatever is written") {
    CHECK(wires() == (kEnable | kDck | kDda | kDckIn | kDdaIn)); // as a BIOS expects it after 83h
    vga.vbe().write16(1, 0);
    CHECK(vga.vbe().read16(1) == 0x0F);
}

TEST_CASE_METHOD(DdcHost, "ddc: the EDID is read from any offset and goes round") {
    start();
    CHECK(send(0xA0));
    CHECK(send(0x00));
    start(); // again, without a stop
    CHECK(send(0xA1));
    for (const u8 byte : monitor_edid()) CHECK(receive(true) == byte);
    CHECK(receive(false) == monitor_edid()[0]);
    CHECK(data_in()); // let go
    stop();

    start();
    CHECK(send(0xA0));
    CHECK(send(0x36));
    stop();
    start();
    CHECK(send(0xA1));
    CHECK(receive(false) == monitor_edid()[0x36]);
    stop();
    start(); // goes on behind it
    CHECK(send(0xA1));
    CHECK(receive(false) == monitor_edid()[0x37]);
    stop();
}

TEST_CASE_METHOD(DdcHost, "ddc: another address is not acknowledged, and nothing is written") {
    start();
    CHECK_FALSE(send(0x6E)); // DDC/CI
    CHECK_FALSE(send(0x00));
    stop();
    start();
    CHECK(send(0xA0));
    CHECK(send(0x08));
    CHECK(send(0x55));
    stop();
    start();
    CHECK(send(0xA0));
    CHECK(send(0x08));
    start();
    CHECK(send(0xA1));
    CHECK(receive(false) == monitor_edid()[0x08]);
}

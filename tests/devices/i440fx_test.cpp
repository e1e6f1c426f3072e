#include "devices/i440fx.h"
#include "tests/catch.h"

using namespace r86;

namespace {

struct Video : MmioHandler {
    u64 read(u64, unsigned) override { return 0x56; }
    void write(u64, unsigned, u64) override {}
};

struct Bench {
    Log log;
    PhysicalMemory memory{2 << 20, log};
    IoBus io{log};
    PciBus bus{memory, io, log};
    I440fx pmc{memory, 0x1AF4, 0x1100};
    Video video;
    std::vector<u8> rom = std::vector<u8>(0x20000, 0xEE);

    Bench() {
        pmc.set_video({PhysicalMemory::Target::Mmio, nullptr, &video, 0});
        pmc.set_firmware(rom.data());
        bus.attach(0, 0, pmc);
        pmc.reset(ResetKind::PowerOn);
    }
    u8 at(u64 address) { return static_cast<u8>(memory.read({address}, 1)); }
    void put(u64 address, u8 value) { memory.write({address}, 1, value); }
};

} // namespace

TEST_CASE("82441FX identity, with the subsystem of the platform") {
    Bench b;
    CHECK(b.pmc.config_read(0, 4) == 0x12378086);
    CHECK(b.pmc.config_read(0x2C, 4) == 0x11001AF4);
    CHECK(b.pmc.config_read(0x72, 1) == 2);
}

TEST_CASE("82441FX, 3.2.18: the four settings of a PAM nibble") {
    struct Segment {
        u8 reg;
        bool high;
        u64 base;
    };
    const Segment segment =
        GENERATE(Segment{0x59, true, 0xF0000}, Segment{0x5A, false, 0xC0000}, Segment{0x5A, true, 0xC4000},
                 Segment{0x5B, false, 0xC8000}, Segment{0x5D, true, 0xDC000}, Segment{0x5E, false, 0xE0000},
                 Segment{0x5F, true, 0xEC000});
    Bench b;
    const u8 rom = segment.base >= 0xE0000 ? 0xEE : 0xFF; // nothing else is plugged in
    const auto set = [&](unsigned value) { b.pmc.config_write(segment.reg, 1, segment.high ? value << 4 : value); };
    const u64 last = segment.base + (segment.base == 0xF0000 ? 0xFFFF : 0x3FFF);
    CHECK(b.at(segment.base) == rom);
    b.put(segment.base, 1);
    set(2); // writes to RAM, reads from ROM
    b.put(segment.base, 2);
    b.put(last, 3);
    CHECK(b.at(segment.base) == rom);
    set(1); // shadow: reads from RAM, writes nowhere
    CHECK(b.at(segment.base) == 2);
    CHECK(b.at(last) == 3);
    b.put(segment.base, 9);
    CHECK(b.at(segment.base) == 2);
    set(3);
    b.put(segment.base, 9);
    CHECK(b.at(segment.base) == 9);
    b.pmc.reset(ResetKind::Hard);
    CHECK(b.at(segment.base) == rom);
    set(1);
    CHECK(b.at(segment.base) == 9); // RAM keeps its content through a reset
}

TEST_CASE("82441FX, 3.2.21: SMRAM") {
    Bench b;
    CHECK(b.at(0xA0000) == 0x56);
    b.pmc.config_write(0x72, 1, 0x4A); // D_OPEN, G_SMRAME
    b.put(0xA8000, 0x31);
    CHECK(b.at(0xA8000) == 0x31);
    b.pmc.config_write(0x72, 1, 0x0A);
    CHECK(b.at(0xA8000) == 0x56);
    b.pmc.set_smm(true);
    CHECK(b.at(0xA8000) == 0x31);
    b.pmc.set_smm(false);
    CHECK(b.at(0xA8000) == 0x56);
    b.pmc.config_write(0x72, 1, 0x5A); // locking closes it
    CHECK(b.pmc.config_read(0x72, 1) == 0x1A);
    b.pmc.config_write(0x72, 1, 0x42);
    CHECK(b.pmc.config_read(0x72, 1) == 0x1A);
    b.pmc.reset(ResetKind::Hard);
    CHECK(b.pmc.config_read(0x72, 1) == 0x02);
}

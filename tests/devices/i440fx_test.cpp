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

TEST_CASE("82441FX, 3.2: power-on values and writable bits of every register") {
    struct Register {
        u8 offset;
        unsigned size;
        u32 after_reset, after_zeros, after_ones;
    };
    const Register registers[] = {
        {0x00, 4, 0x12378086, 0x12378086, 0x12378086}, // VID, DID
        {0x04, 2, 0x0006, 0x0006, 0x0146},             // PCICMD: memory and bus master cannot be taken away
        {0x06, 2, 0x0280, 0x0280, 0x0280},             // PCISTS: no error to clear
        {0x08, 4, 0x06000002, 0x06000002, 0x06000002}, // RID, CLASSC
        {0x0C, 4, 0x00000000, 0x00000000, 0x0000F800}, // MLT; HEADT, BIST
        {0x10, 4, 0, 0, 0},                            // no BARs
        {0x3C, 4, 0, 0, 0},                            // no interrupt
        {0x50, 2, 0x0000, 0x0000, 0xC374},             // PMCCFG
        {0x52, 1, 0x00, 0x00, 0xFF},                   // DETURBO
        {0x53, 1, 0x83, 0x00, 0xFF},                   // DBC
        {0x54, 1, 0x00, 0x00, 0xFF},                   // AXC
        {0x55, 2, 0x0000, 0x0000, 0xFFFF},             // DRT
        {0x57, 1, 0x01, 0x00, 0xFF},                   // DRAMC
        {0x58, 1, 0x10, 0x00, 0xFF},                   // DRAMT
        {0x59, 1, 0x00, 0x00, 0x30},                   // PAM0
        {0x5A, 4, 0, 0, 0x33333333},                   // PAM1-4
        {0x5E, 2, 0, 0, 0x3333},                       // PAM5-6
        {0x60, 4, 0x01010101, 0, 0xFFFFFFFF},          // DRB0-3
        {0x64, 4, 0x01010101, 0, 0xFFFFFFFF},          // DRB4-7
        {0x68, 1, 0x00, 0x00, 0xC0},                   // FDHC
        {0x70, 1, 0x00, 0x00, 0xF8},                   // MTT
        {0x71, 1, 0x10, 0x00, 0x1F},                   // CLT
        {0x72, 1, 0x02, 0x02, 0x3A},                   // SMRAM: D_LCK clears D_OPEN
        {0x90, 1, 0x00, 0x00, 0xFF},                   // ERRCMD
        {0x91, 1, 0x00, 0x00, 0x00},                   // ERRSTS
        {0x93, 1, 0x00, 0x00, 0x0F},                   // TRC
    };
    Bench b;
    for (const Register& r : registers) {
        INFO("register " << int{r.offset});
        CHECK(b.pmc.config_read(r.offset, r.size) == r.after_reset);
        b.pmc.config_write(r.offset, r.size, 0);
        CHECK(b.pmc.config_read(r.offset, r.size) == r.after_zeros);
        b.pmc.config_write(r.offset, r.size, 0xFFFFFFFF);
        CHECK(b.pmc.config_read(r.offset, r.size) == r.after_ones);
    }
    b.pmc.reset(ResetKind::Hard);
    for (const Register& r : registers) CHECK(b.pmc.config_read(r.offset, r.size) == r.after_reset);
}

TEST_CASE("82441FX, FDHC: a hole in RAM at 512 KiB or at 15 MiB") {
    Log log;
    PhysicalMemory memory{24 << 20, log};
    I440fx pmc{memory, 0, 0};
    pmc.reset(ResetKind::PowerOn);
    const auto at = [&](u64 address) { return static_cast<u8>(memory.read({address}, 1)); };
    const u64 probes[] = {0x7FFFF, 0x80000, 0x9FFFF, 0xEFFFFF, 0xF00000, 0xFFFFFF, 0x1000000};
    for (const u64 address : probes) memory.write({address}, 1, 0x42);
    const auto seen = [&] {
        std::string text;
        for (const u64 address : probes) text += at(address) == 0x42 ? 'R' : at(address) == 0xFF ? '.' : '?';
        return text;
    };
    CHECK(seen() == "RRRRRRR");
    pmc.config_write(0x68, 1, 0x40);
    CHECK(seen() == "R..RRRR");
    memory.write({0x80000}, 1, 0x13); // goes nowhere
    pmc.config_write(0x68, 1, 0x80);
    CHECK(seen() == "RRRR..R");
    pmc.config_write(0x68, 1, 0xC0); // reserved
    CHECK(seen() == "RRRRRRR");
    pmc.config_write(0x68, 1, 0x80);
    pmc.reset(ResetKind::Hard);
    CHECK(seen() == "RRRRRRR");
}

TEST_CASE("82441FX, TRC: RCPU resets on its rising edge, hard with SHRE and soft without") {
    Bench b;
    int hard = 0, soft = 0;
    b.pmc.reset_pulse.connect([&](bool level) { hard += level; });
    b.pmc.init_pulse.connect([&](bool level) { soft += level; });
    b.pmc.config_write(0x93, 1, 0x02);
    CHECK(hard + soft == 0);
    b.pmc.config_write(0x93, 1, 0x06);
    CHECK(hard == 1);
    b.pmc.config_write(0x93, 1, 0x06);
    CHECK(hard == 1);
    b.pmc.config_write(0x93, 1, 0x00);
    b.pmc.config_write(0x93, 1, 0x04);
    CHECK(hard == 1);
    CHECK(soft == 1);
    b.pmc.config_write(0x90, 4, 0x00000000); // as a part of a wider access
    b.pmc.config_write(0x90, 4, 0x06000000);
    CHECK(hard == 2);
}

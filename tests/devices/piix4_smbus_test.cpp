// PIIX4 SMBus host controller through its ports, and what the EEPROMs of memory modules say.
#include "devices/piix4_pm.h"
#include "devices/spd.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

constexpr u8 kBusy = 1, kDone = 2, kDeviceError = 4, kFailed = 0x10;
constexpr u8 kQuick = 0x00, kByte = 0x04, kByteData = 0x08, kWordData = 0x0C, kBlock = 0x14;
constexpr u16 kBase = 0x700;

struct Bench {
    Log log;
    PhysicalMemory memory{1 << 20, log};
    IoBus io{log};
    VirtualClock clock{1000}; // a tick is a nanosecond
    EventQueue events{clock};
    PciBus bus{memory, io, log};
    Piix4Pm pm{events};
    explicit Bench(u64 ram = u64{192} << 20) {
        u8 slot = 0x50;
        for (const auto& module : memory_modules(ram)) pm.smbus().attach(slot++, module);
        bus.attach(1, 3, pm);
        pm.reset(ResetKind::PowerOn);
        pm.config_write(0x90, 4, kBase | 1);
        pm.config_write(0xD2, 1, 9); // enabled, IRQ 9
    }
    u8 get(u16 offset) { return static_cast<u8>(io.read(static_cast<u16>(kBase + offset), 1)); }
    void set(u16 offset, u8 value) { io.write(static_cast<u16>(kBase + offset), 1, value); }
    void pass(u64 ns) { run_events(clock, events, clock.now() + ns); }
    /// A transfer as a driver makes it; returns the status it ends with.
    u8 transfer(u8 protocol, u8 address, bool reads, u8 command = 0) {
        set(0, 0x1E);
        set(4, static_cast<u8>(address << 1 | (reads ? 1 : 0)));
        set(3, command);
        set(2, static_cast<u8>(0x40 | protocol));
        CHECK((get(0) & kBusy) == kBusy);
        for (int i = 0; i < 100 && (get(0) & kBusy); ++i) pass(100'000);
        return get(0);
    }
};

u64 megabytes_of(const std::array<u8, 256>& spd) {
    return ((u64{1} << (spd[3] + spd[4])) * spd[17] * 8 * spd[5]) >> 20;
}

} // namespace

TEST_CASE("PIIX4 SMBus, 7.3: an address that nobody has ends with a device error") {
    Bench b;
    CHECK(b.get(0) == 0);
    CHECK(b.transfer(kByteData, 0x30, true) == kDeviceError);
    CHECK(b.transfer(kQuick, 0x54, false) == kDeviceError);
    b.set(0, kDeviceError); // written with one to clear
    CHECK(b.get(0) == 0);
}

TEST_CASE("PIIX4 SMBus, SMBHSTCNT: quick, byte, byte data, word data and block protocols") {
    Bench b;
    CHECK(b.transfer(kQuick, 0x50, false) == kDone);
    CHECK(b.transfer(kByteData, 0x50, true, 2) == kDone);
    CHECK(b.get(5) == 4); // SDRAM
    CHECK(b.transfer(kWordData, 0x50, true, 0) == kDone);
    CHECK(b.get(5) == 128);
    CHECK(b.get(6) == 8);
    CHECK(b.transfer(kByte, 0x50, false, 3) == kDone); // sets the address counter
    CHECK(b.transfer(kByte, 0x50, true) == kDone);
    CHECK(b.get(5) == 12);
    CHECK(b.transfer(kByte, 0x50, true) == kDone); // which goes on by itself
    CHECK(b.get(5) == 10);
    CHECK(b.transfer(kBlock, 0x50, true, 13) == kDone); // byte 13 says 8
    CHECK(b.get(5) == 8);
    b.get(2); // resets the index into the block
    for (const u8 expected : {0, 1, 0x8F, 4, 6}) CHECK(b.get(7) == expected);
    b.get(2);
    CHECK(b.get(7) == 0);
    CHECK(b.transfer(kBlock, 0x50, true, 0) == kDeviceError); // 128 bytes do not fit
    CHECK(b.transfer(0x10, 0x50, true) == kDeviceError);      // no such protocol
}

TEST_CASE("PIIX4 SMBus: modules protect their EEPROMs against writes") {
    Bench b;
    b.set(5, 0x99);
    CHECK(b.transfer(kByteData, 0x50, false, 2) == kDone);
    CHECK(b.transfer(kByteData, 0x50, true, 2) == kDone);
    CHECK(b.get(5) == 4);
}

TEST_CASE("PIIX4 SMBus: a transfer takes the time of its bytes; START while busy is ignored, KILL ends it") {
    Bench b;
    b.set(4, 0xA1);
    b.set(3, 2);
    b.set(2, 0x40 | kByteData);
    b.pass(300'000);
    CHECK(b.get(0) == kBusy);
    b.set(2, 0x40 | kQuick);
    b.pass(100'000);
    CHECK(b.get(0) == kDone);
    CHECK((b.get(2) & 0x40) == 0); // START is write-only
    b.set(0, kDone);
    b.set(2, 0x40 | kWordData);
    b.set(2, 0x02);
    CHECK(b.get(0) == kFailed);
    b.pass(10'000'000);
    CHECK(b.get(0) == kFailed);
}

TEST_CASE("PIIX4 SMBus, SMBHSTCFG: the interrupt is IRQ 9 or an SMI, and only if INTEREN asks for it") {
    Bench b;
    int smis = 0;
    b.pm.smi.connect([&](bool level) { smis += level; });
    CHECK(b.transfer(kByteData, 0x50, true) == kDone);
    CHECK_FALSE(b.pm.sci.level());
    CHECK(b.transfer(kByteData | 1, 0x50, true) == kDone);
    CHECK(b.pm.sci.level());
    b.set(0, kDone);
    CHECK_FALSE(b.pm.sci.level());
    b.pm.config_write(0xD2, 1, 1);
    b.pm.config_write(0x40, 4, 0x601);
    b.pm.config_write(0x80, 1, 1);
    b.io.write(0x628, 1, 0); // GLBCTL.SMI_EN
    CHECK(b.transfer(kByteData | 1, 0x50, true) == kDone);
    CHECK(smis == 0);
    b.io.write(0x628, 1, 1);
    CHECK(b.transfer(kByteData | 1, 0x50, true) == kDone);
    CHECK(smis == 1);
    CHECK_FALSE(b.pm.sci.level());
    b.pm.config_write(0xD2, 1, 0); // disabled: the ports are gone
    CHECK(b.get(0) == 0xFF);
}

TEST_CASE("PIIX4 SMBus: state saved in the middle of a transfer goes on in another one") {
    Bench a, b;
    a.transfer(kByte, 0x51, false, 5);
    a.set(0, 0x1E);
    a.set(4, 0xA3);
    a.set(2, 0x41 | kByte);
    a.pass(50'000);
    b.clock.set_now(a.clock.now());
    test::load(b.pm, test::save(a.pm));
    test::load(b.events, test::save(a.events));
    a.pass(1'000'000);
    b.pass(1'000'000);
    CHECK(b.get(5) == 1); // sides, byte 5
    CHECK(b.pm.sci.level());
    CHECK(a.get(5) == 1);
    CHECK(test::save(a.pm) == test::save(b.pm));
}

TEST_CASE("SPD: modules make up the memory, with geometry, density and checksum that agree") {
    struct Case {
        u64 megabytes;
        std::vector<u64> modules;
    };
    for (const Case& c : {Case{4, {}}, Case{8, {8}}, Case{16, {16}}, Case{48, {32, 16}}, Case{64, {64}},
                          Case{128, {128}}, Case{192, {128, 64}}, Case{512, {512}}, Case{1024, {1024}},
                          Case{3584, {1024, 1024, 1024, 512}}, Case{255, {128, 64, 32, 16}}}) {
        INFO(c.megabytes << " MiB");
        const auto modules = memory_modules(c.megabytes << 20);
        std::vector<u64> sizes;
        for (const auto& spd : modules) {
            sizes.push_back(megabytes_of(spd));
            CHECK(u64{spd[31]} * 4 * spd[5] == megabytes_of(spd)); // density of a side in units of 4 MiB
            unsigned sum = 0;
            for (usize i = 0; i < 63; ++i) sum += spd[i];
            CHECK(spd[63] == (sum & 0xFF));
            CHECK(spd[2] == 4);
            CHECK(spd[3] >= 11);
            CHECK(spd[3] <= 13);
            CHECK(spd[4] >= 8);
            CHECK(spd[4] <= 11);
            CHECK(std::string(spd.begin() + 73, spd.begin() + 87) == "REWIND86 SDRAM");
        }
        CHECK(sizes == c.modules);
    }
}

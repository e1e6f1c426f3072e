#include "devices/piix4_ide.h"
#include "devices/piix4_pm.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"

using namespace r86;

namespace {

struct Bench {
    Log log;
    PhysicalMemory memory{1 << 20, log};
    IoBus io{log};
    VirtualClock clock{1000}; // a tick is a nanosecond
    EventQueue events{clock};
    PciBus bus{memory, io, log};
    Piix4Pm pm{events};

    Bench() {
        bus.attach(1, 3, pm);
        io.map(0xB2, 2, pm.apm_ports(), "apm");
        pm.reset(ResetKind::PowerOn);
        pm.config_write(0x40, 4, 0x601);
        pm.config_write(0x80, 1, 1);
    }
    void run_to(u64 ns) { run_events(clock, events, clock.tick_at(ns)); }
};

} // namespace

TEST_CASE("PIIX4, 7.1: the PM ports stand where PMBASE says while PMREGMISC enables them") {
    Bench b;
    CHECK(b.pm.config_read(0, 4) == 0x71138086);
    CHECK(b.pm.config_read(0x40, 4) == 0x601);
    b.io.write(0x602, 2, 0x0101);
    CHECK(b.io.read(0x602, 2) == 0x0101);
    b.pm.config_write(0x40, 4, 0xB001);
    CHECK(b.io.read(0x602, 2) == 0xFFFF);
    CHECK(b.io.read(0xB002, 2) == 0x0101);
    b.pm.config_write(0x80, 1, 0);
    CHECK(b.io.read(0xB002, 2) == 0xFFFF);
}

TEST_CASE("PIIX4, PMTMR: 24 bits at 3.579545 MHz") {
    Bench b;
    b.run_to(1'000'000'000);
    CHECK(b.io.read(0x608, 4) == 3579545);
    CHECK(b.io.read(0x608, 2) == (3579545 & 0xFFFF));
    b.run_to(5'000'000'000);
    CHECK(b.io.read(0x608, 4) == (5u * 3579545 & 0xFFFFFF));
}

TEST_CASE("PIIX4, TMROF_STS: each change of the timer's top bit raises SCI once") {
    Bench b;
    b.io.write(0x604, 2, 1); // SCI_EN
    b.io.write(0x602, 2, 1); // TMROF_EN
    b.run_to(2'343'000'000); // 800000h / 3.579545 MHz = 2.34348 s
    CHECK_FALSE(b.pm.sci.level());
    b.run_to(2'344'000'000);
    CHECK(b.pm.sci.level());
    CHECK((b.io.read(0x600, 2) & 1) == 1);
    b.io.write(0x600, 2, 1);
    CHECK_FALSE(b.pm.sci.level());
    CHECK((b.io.read(0x600, 2) & 1) == 0);
    b.run_to(4'688'000'000);
    CHECK(b.pm.sci.level());
}

TEST_CASE("PIIX4, PMSTS: the power button waits for SCI_EN and its enable bit") {
    Bench b;
    b.pm.press_power_button();
    CHECK_FALSE(b.pm.sci.level());
    b.io.write(0x602, 2, 0x100);
    CHECK_FALSE(b.pm.sci.level());
    b.io.write(0xB2, 1, 0xF1); // the ACPI hand-over
    CHECK((b.io.read(0x604, 2) & 1) == 1);
    CHECK(b.pm.sci.level());
    b.io.write(0x600, 2, 0x100);
    CHECK_FALSE(b.pm.sci.level());
    b.io.write(0xB2, 1, 0xF0);
    CHECK((b.io.read(0x604, 2) & 1) == 0);
}

TEST_CASE("PIIX4, PMCNTRL: SUS_EN with SUS_TYP 0 turns the power off") {
    Bench b;
    b.io.write(0x604, 2, 5 << 10 | 1 << 13);
    CHECK_FALSE(b.pm.power_off.level());
    b.io.write(0x604, 2, 0 << 10 | 1);
    CHECK_FALSE(b.pm.power_off.level());
    b.io.write(0x604, 2, 1 << 13);
    CHECK(b.pm.power_off.level());
    CHECK((b.io.read(0x604, 2) & 1 << 13) == 0); // SUS_EN is write-only
}

TEST_CASE("PIIX4, APMC: an SMI while APMC_EN and SMI_EN are set") {
    Bench b;
    int smis = 0;
    b.pm.smi.connect([&](bool level) { smis += level; });
    b.io.write(0xB3, 1, 0x42);
    b.io.write(0xB2, 1, 0x10);
    CHECK(b.io.read(0xB2, 1) == 0x10);
    CHECK(b.io.read(0xB3, 1) == 0x42);
    CHECK(smis == 0);
    b.pm.config_write(0x58, 4, 1 << 25);
    b.io.write(0xB2, 1, 0x10);
    CHECK(smis == 1); // SMI_EN is set from the start
    b.io.write(0x628, 4, 0);
    b.io.write(0xB2, 1, 0x10);
    CHECK(smis == 1);
    b.io.write(0x628, 4, 1);
    b.io.write(0xB2, 1, 0x10);
    CHECK(smis == 2);
}

TEST_CASE("PIIX4, PMSTS: an interrupt of the clock sets RTC_STS, and with RTC_EN it raises SCI") {
    Bench b;
    b.pm.rtc_interrupt(true);
    b.pm.rtc_interrupt(false);
    CHECK((b.io.read(0x600, 2) & 0x400) == 0x400);
    CHECK_FALSE(b.pm.sci.level());
    b.io.write(0x604, 2, 1);
    b.io.write(0x602, 2, 0x400);
    CHECK(b.pm.sci.level());
    b.io.write(0x600, 2, 0x400);
    CHECK_FALSE(b.pm.sci.level());
    CHECK((b.io.read(0x600, 2) & 0x400) == 0);
}

TEST_CASE("PIIX4, 7.2: what the registers keep, what is cleared by ones, what a reset leaves") {
    Bench b;
    b.io.write(0x602, 2, 0xFFFF); // PMEN
    CHECK(b.io.read(0x602, 2) == 0x0521);
    b.io.write(0x602, 2, 0);
    b.io.write(0x604, 2, 0xDFFF); // PMCNTRL without SUS_EN
    CHECK(b.io.read(0x604, 2) == 0x1C07);
    b.io.write(0x608, 4, 0);
    b.run_to(1'000'000);
    CHECK(b.io.read(0x608, 4) == 3579); // PMTMR is read-only
    b.io.write(0x60E, 2, 0x0F01);       // GPEN
    CHECK(b.io.read(0x60E, 2) == 0x0F01);
    CHECK(b.io.read(0x60C, 2) == 0); // GPSTS: nothing has happened
    b.io.write(0x60C, 2, 0xFFFF);
    CHECK(b.io.read(0x60C, 2) == 0);
    b.io.write(0x634, 4, 0x12345678); // GPO outputs keep what is written
    CHECK(b.io.read(0x634, 4) == 0x12345678);
    b.pm.press_power_button();
    b.pm.reset(ResetKind::Hard);
    CHECK(b.io.read(0x602, 2) == 0xFFFF); // the ports are where the reset leaves them: nowhere
    b.pm.config_write(0x40, 4, 0x601);
    b.pm.config_write(0x80, 1, 1);
    CHECK(b.io.read(0x600, 2) == 0);
    CHECK(b.io.read(0x602, 2) == 0);
    CHECK(b.io.read(0x604, 2) == 0);
}

TEST_CASE("PIIX3 IDE: identity, decode enable and the bus master's BAR") {
    struct Ports : PortHandler {
        u8 read8(u16 offset) override { return static_cast<u8>(offset + 1); }
        void write8(u16, u8) override {}
    } ports;
    Bench b;
    Piix4Ide ide(ports);
    b.bus.attach(1, 1, ide);
    CHECK(ide.config_read(0, 4) == 0x70108086);
    CHECK(ide.config_read(8, 4) == 0x01018000);
    CHECK(ide.config_read(0x40, 4) == 0);
    ide.config_write(0x40, 4, 0x80008000);
    CHECK(ide.config_read(0x40, 4) == 0x80008000);
    ide.config_write(0x20, 4, 0xFFFFFFFF);
    CHECK(ide.config_read(0x20, 4) == 0xFFFFFFF1); // firmware computes the size with 32 bits
    ide.config_write(0x20, 4, 0xC001);
    CHECK_FALSE(ide.bus_master_enabled());
    ide.config_write(4, 2, 5);
    CHECK(ide.bus_master_enabled());
    CHECK(b.io.read(0xC008, 1) == 9);
}

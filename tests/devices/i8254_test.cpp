#include "devices/i8254.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Bench {
    VirtualClock clock{1000}; // a tick is a nanosecond
    EventQueue queue{clock};
    I8254 pit{queue};
    u64 base = 0;
    std::vector<u64> rises, falls;
    Bench() {
        pit.reset(ResetKind::PowerOn);
        to(100);
        base = 100;
        pit.out[0].connect([this](bool level) { (level ? rises : falls).push_back(clk()); });
        for (unsigned n = 0; n < 3; ++n) pit.set_gate(n, true);
    }
    u64 clk() const { return clock.cycles(I8254::kHz) - base; }
    /// To the start of CLK period `n` after the base, taking events on the way.
    void to(u64 n) {
        const u64 ns = VirtualClock::ns_of_cycles(base + n, I8254::kHz);
        run_events(clock, queue, ns);
    }
    void program(unsigned n, u8 control, unsigned count) {
        pit.write8(3, static_cast<u8>(n << 6 | control));
        if (control & 0x10) pit.write8(static_cast<u16>(n), static_cast<u8>(count));
        if (control & 0x20) pit.write8(static_cast<u16>(n), static_cast<u8>(count >> 8));
    }
    unsigned count(unsigned n = 0) {
        pit.write8(3, static_cast<u8>(n << 6));
        const unsigned low = pit.read8(static_cast<u16>(n));
        return low | pit.read8(static_cast<u16>(n)) << 8;
    }
    u8 status(unsigned n = 0) {
        pit.write8(3, static_cast<u8>(0xE0 | 2u << n));
        return pit.read8(static_cast<u16>(n));
    }
};

using Edges = std::vector<u64>;

} // namespace

TEST_CASE("8254: nothing counts before a control word and a count") {
    Bench b;
    b.to(5000);
    CHECK(b.rises.empty());
    b.pit.write8(0, 0x10); // no control word yet
    b.to(6000);
    CHECK(b.queue.next() == kNever);
    b.pit.write8(3, 0x34);
    b.to(7000);
    CHECK(b.queue.next() == kNever);
    CHECK(b.pit.read8(3) == 0xFF);
}

TEST_CASE("8254 mode 0: OUT rises N + 1 CLKs after the count is written and the count goes on") {
    Bench b;
    b.program(0, 0x30, 10);
    CHECK_FALSE(b.pit.out_level(0));
    b.to(5);
    CHECK(b.count() == 6); // loaded on CLK 1
    b.to(100);
    CHECK(b.rises == Edges{11});
    CHECK(b.count() == 0xFFFF - (100 - 12));
    b.program(0, 0x30, 1000);
    b.pit.write8(0, 1); // the first byte of a new count stops counting
    CHECK_FALSE(b.pit.out_level(0));
    b.to(5000);
    CHECK(b.rises == Edges{11});
}

TEST_CASE("8254 mode 0: GATE low holds the count") {
    Bench b;
    b.program(0, 0x30, 100);
    b.to(11);
    CHECK(b.count() == 90);
    b.pit.set_gate(0, false);
    b.to(5000);
    CHECK(b.count() == 90);
    b.pit.set_gate(0, true);
    b.to(5090);
    CHECK(b.rises == Edges{5090});
}

TEST_CASE("8254 mode 1: the trigger starts a low pulse of N CLKs and can be repeated") {
    Bench b;
    b.program(0, 0x32, 20);
    b.pit.set_gate(0, false);
    b.to(50);
    CHECK(b.pit.out_level(0));
    b.pit.set_gate(0, true);
    b.to(60);
    CHECK_FALSE(b.pit.out_level(0));
    b.pit.set_gate(0, false); // GATE has no effect but its rising edge
    b.pit.set_gate(0, true);
    b.to(200);
    CHECK(b.falls == Edges{51});
    CHECK(b.rises.back() == 61 + 20);
}

TEST_CASE("8254 mode 2: one low CLK in every N") {
    Bench b;
    b.program(0, 0x34, 100);
    b.to(350);
    CHECK(b.falls == Edges{100, 200, 300});
    CHECK(b.rises == Edges{0, 101, 201, 301});
    CHECK(b.count() == 51);
}

TEST_CASE("8254 mode 2: a new count waits for the end of the period, GATE restarts it") {
    Bench b;
    b.program(0, 0x34, 100);
    b.to(50);
    b.pit.write8(0, 30);
    b.pit.write8(0, 0);
    b.to(125);
    CHECK(b.rises == Edges{0, 101});
    b.to(140);
    CHECK(b.rises == Edges{0, 101, 131});
    b.to(160); // CE is 1: OUT is low
    CHECK_FALSE(b.pit.out_level(0));
    b.pit.set_gate(0, false);
    CHECK(b.pit.out_level(0)); // at once
    b.to(500);
    b.pit.set_gate(0, true);
    b.to(531);
    CHECK(b.rises.back() == 531);
}

TEST_CASE("8254 mode 3: half high, half low; an odd count is high one CLK longer") {
    Bench b;
    b.program(0, 0x36, 10);
    b.to(30);
    CHECK(b.falls == Edges{6, 16, 26});
    CHECK(b.rises == Edges{0, 11, 21});
    Bench odd;
    odd.program(0, 0x36, 5);
    odd.to(15);
    CHECK(odd.falls == Edges{4, 9, 14});
    CHECK(odd.rises == Edges{0, 6, 11});
    // Counts by two: 4, 2, 0 while high, 4, 2 while low.
    std::vector<unsigned> seen;
    for (u64 clk = 16; clk < 21; ++clk) {
        odd.to(clk);
        seen.push_back(odd.count());
    }
    CHECK(seen == std::vector<unsigned>{4, 2, 0, 4, 2});
}

TEST_CASE("8254 mode 3: a count of 0 is 65536, as the PC's clock has it") {
    Bench b;
    b.program(0, 0x36, 0);
    b.to(1 + 65536 * 3 + 10);
    CHECK(b.rises == Edges{0, 65537, 131073, 196609});
    b.to(u64{1} + 65536 * 10 + 1);
    CHECK(b.count() == 65534);
}

TEST_CASE("8254 mode 3: a new count waits for the end of the half, or for the trigger if that comes first") {
    Bench b;
    b.program(0, 0x36, 100);
    b.to(30);
    b.pit.write8(0, 20);
    b.pit.write8(0, 0);
    b.to(85);
    CHECK(b.falls == Edges{51, 71});
    CHECK(b.rises == Edges{0, 61, 81});
    Bench triggered;
    triggered.program(0, 0x36, 100);
    triggered.to(30);
    triggered.pit.write8(0, 20);
    triggered.pit.write8(0, 0);
    triggered.to(40);
    triggered.pit.set_gate(0, false);
    triggered.pit.set_gate(0, true); // loads with the next CLK
    triggered.to(65);
    CHECK(triggered.falls == Edges{51});
    CHECK(triggered.rises == Edges{0, 61});
}

TEST_CASE("8254 mode 0: a new count while it counts is loaded with the next CLK, and OUT stays low") {
    Bench b;
    b.program(0, 0x30, 100);
    b.to(50);
    b.pit.write8(0, 20);
    b.pit.write8(0, 0);
    CHECK_FALSE(b.pit.out_level(0));
    b.to(120);
    CHECK(b.rises == Edges{71}); // 50 + 1 + 20
}

TEST_CASE("8254 mode 4: a strobe of one CLK, once for each count") {
    Bench b;
    b.program(0, 0x38, 10);
    b.to(100);
    CHECK(b.falls == Edges{11});
    CHECK(b.rises == Edges{0, 12});
    b.pit.write8(0, 20);
    b.pit.write8(0, 0);
    b.to(200);
    CHECK(b.falls == Edges{11, 121});
}

TEST_CASE("8254 mode 5: the strobe comes N CLKs after the trigger") {
    Bench b;
    b.pit.set_gate(0, false);
    b.program(0, 0x3A, 10);
    b.to(50);
    CHECK(b.falls.empty());
    b.pit.set_gate(0, true);
    b.to(100);
    CHECK(b.falls == Edges{61});
    CHECK(b.rises.back() == 62);
}

TEST_CASE("8254: BCD counts through 10000") {
    Bench b;
    b.program(0, 0x35, 0x0100); // mode 2, BCD 100
    b.to(1 + 37);
    CHECK(b.count() == 0x0063);
    b.to(250);
    CHECK(b.falls == Edges{100, 200});
    b.program(0, 0x31, 0x0000); // mode 0, 10000
    b.to(250 + 1 + 1);
    CHECK(b.count() == 0x9999);
}

TEST_CASE("8254: modes X10 and X11 are modes 2 and 3") {
    Bench b;
    b.program(0, 0x3C, 100);
    b.to(120);
    CHECK(b.falls == Edges{100});
    b.program(0, 0x3E, 100);
    b.to(180);
    CHECK(b.falls.back() == 171);
}

TEST_CASE("8254: one-byte access clears the other byte") {
    Bench b;
    b.program(0, 0x24, 0x0200); // most significant byte only
    b.to(1);
    CHECK(b.pit.read8(0) == 0x02);
    b.program(0, 0x14, 0x0050); // least significant byte only
    b.to(2);
    CHECK(b.pit.read8(0) == 0x50);
    CHECK(b.pit.read8(0) == 0x50);
}

TEST_CASE("8254: Counter Latch Command holds the count until it was read, a second one is ignored") {
    Bench b;
    b.program(0, 0x30, 1000);
    b.to(101);
    b.pit.write8(3, 0x00);
    b.to(201);
    b.pit.write8(3, 0x00);
    CHECK(b.pit.read8(0) == (900 & 0xFF));
    CHECK(b.pit.read8(0) == 900 >> 8);
    CHECK(b.count() == 800);
}

TEST_CASE("8254: read and write flip-flops are apart") {
    Bench b;
    b.program(0, 0x30, 0x1234);
    b.to(1);
    CHECK(b.pit.read8(0) == 0x34);
    b.pit.write8(0, 0x78);
    CHECK(b.pit.read8(0) == 0x12);
    b.pit.write8(0, 0x56);
    b.to(2);
    CHECK(b.count() == 0x5678);
}

TEST_CASE("8254: Read-Back Command latches count and status of several counters") {
    Bench b;
    b.program(0, 0x34, 1000);
    b.program(1, 0x16, 40);
    CHECK(b.status(0) == 0xF4); // OUT high, null count, RW 3, mode 2
    b.to(301);
    b.pit.write8(3, 0xC0 | 0x06); // counters 0 and 1: count and status
    b.to(500);
    CHECK(b.pit.read8(0) == 0xB4); // status first
    CHECK(b.pit.read8(0) == (700 & 0xFF));
    CHECK(b.pit.read8(0) == 700 >> 8);
    CHECK(b.pit.read8(1) == 0x16); // 300 mod 40 = 20: the low half has just begun
    CHECK(b.status(0) == 0xB4);
}

TEST_CASE("8254: null count is set by a write and cleared by the load") {
    Bench b;
    b.program(0, 0x36, 1000);
    CHECK((b.status() & 0x40) != 0);
    b.to(1);
    CHECK((b.status() & 0x40) == 0);
    b.pit.write8(0, 50);
    CHECK((b.status() & 0x40) == 0); // not before the second byte
    b.pit.write8(0, 0);
    b.to(400);
    CHECK((b.status() & 0x40) != 0);
    b.to(501);
    CHECK((b.status() & 0x40) == 0);
}

TEST_CASE("8254: far jumps of a lazy counter equal many small steps") {
    for (const u8 control : {0x30, 0x34, 0x36, 0x38, 0x35, 0x37}) {
        for (const unsigned n : {2u, 3u, 7u, 100u, 0u}) {
            Bench b;
            b.program(2, control, n);
            Bench steps;
            steps.program(2, control, n);
            for (u64 clk = 0; clk < 700; ++clk) {
                steps.to(clk);
                steps.pit.write8(3, 0xE0 | 8); // latching commits the lazy state
                steps.pit.read8(2);
            }
            b.to(699);
            INFO("control " << int(control) << " count " << n);
            CHECK(b.count(2) == steps.count(2));
            CHECK(b.pit.out_level(2) == steps.pit.out_level(2));
        }
    }
}

TEST_CASE("8254: the smallest counts cannot hold up the machine, and no pulse is lost where a tick is longer") {
    VirtualClock clock(1); // a tick is a microsecond, more than a CLK
    EventQueue queue(clock);
    I8254 pit(queue);
    pit.reset(ResetKind::PowerOn);
    unsigned rises = 0;
    pit.out[0].connect([&](bool level) { rises += level; });
    pit.write8(3, 0x14);
    pit.write8(0, 2);
    for (Tick t = 0; t < 1000; ++t) {
        clock.set_now(t);
        queue.run_due();
    }
    CHECK(rises > 300);
    pit.write8(3, 0x16);
    pit.write8(0, 1);
    clock.set_now(2000);
    queue.run_due();
    CHECK(queue.next() == kNever);
}

TEST_CASE("8254: high time of an output, for the speaker") {
    Bench b;
    b.program(2, 0xB6 & 0x3F, 100);
    b.to(0);
    CHECK(b.pit.high_cycles(2, b.base, b.base + 1001) == 501);
    CHECK(b.pit.high_cycles(2, b.base + 51, b.base + 101) == 0);
}

TEST_CASE("8254: state restores in the middle of a two-byte write and of a period") {
    Bench b;
    b.program(0, 0x36, 1001);
    b.to(300);
    b.pit.write8(0, 0x22);
    b.pit.write8(3, 0x00);
    b.pit.read8(0);
    Bench other;
    other.to(300);
    test::load(other.pit, test::save(b.pit));
    test::load(other.queue, test::save(b.queue));
    CHECK(test::save(other.pit) == test::save(b.pit));
    b.pit.write8(0, 0x01);
    other.pit.write8(0, 0x01);
    CHECK(b.pit.read8(0) == other.pit.read8(0));
    b.to(5000);
    other.to(5000);
    CHECK(test::save(other.pit) == test::save(b.pit));
}

TEST_CASE("8254: a read right behind the count finds the count, as the ISA bus gives it time to arrive") {
    // Linux' quick_pit_calibrate: mode 0, FFFFh, two reads to let a CLK pass, then FFh is expected in the high byte.
    VirtualClock clock(100);
    EventQueue queue(clock);
    I8254 pit(queue);
    pit.reset(ResetKind::PowerOn);
    pit.set_gate(2, true);
    pit.write8(3, 0xB0);
    pit.write8(2, 0xFF);
    pit.write8(2, 0xFF);
    clock.set_now(clock.now() + 1);
    CHECK(pit.read8(2) == 0xFF);
    CHECK(pit.read8(2) == 0xFF);
    clock.set_now(clock.tick_at(1'000'000));
    pit.read8(2);
    CHECK(pit.read8(2) == 0xFB); // FFFFh - 1193
}

TEST_CASE("8254 mode 0: writing the first byte of two stops the count, the second starts the new one; GATE low loads") {
    Bench b;
    b.program(0, 0x30, 100);
    b.to(10);
    b.pit.write8(0, 50);
    b.to(1000);
    CHECK(b.rises.empty());
    b.pit.write8(0, 0);
    b.to(1051);
    CHECK(b.rises == Edges{1051});
    b.pit.set_gate(0, false);
    b.program(0, 0x30, 20); // "GATE = 0 disables counting", but the count is loaded
    b.to(2000);
    CHECK(b.count() == 20);
    CHECK((b.status() & 0x40) == 0);
    b.pit.set_gate(0, true);
    b.to(2020);
    CHECK(b.rises == Edges{1051, 2020});
}

TEST_CASE("8254 mode 1: a new count waits for the next trigger") {
    Bench b;
    b.pit.set_gate(0, false);
    b.program(0, 0x32, 100);
    CHECK(b.pit.out_level(0));
    b.pit.set_gate(0, true);
    b.to(20);
    b.pit.write8(0, 10);
    b.pit.write8(0, 0);
    b.to(300);
    CHECK(b.falls == Edges{1});
    CHECK(b.rises == Edges{0, 101});
    b.pit.set_gate(0, false);
    b.pit.set_gate(0, true);
    b.to(400);
    CHECK(b.falls == Edges{1, 301});
    CHECK(b.rises == Edges{0, 101, 311});
}

TEST_CASE("8254 mode 3: GATE low raises OUT at once and holds; its rising edge starts a whole period") {
    Bench b;
    b.program(0, 0x36, 100);
    b.to(70); // in the low half
    CHECK_FALSE(b.pit.out_level(0));
    b.pit.set_gate(0, false);
    CHECK(b.pit.out_level(0));
    b.to(500);
    CHECK(b.pit.out_level(0));
    b.pit.set_gate(0, true);
    b.to(551);
    CHECK(b.falls.back() == 551);
    b.pit.write8(0, 20); // a new count comes with the next half
    b.pit.write8(0, 0);
    b.to(640);
    CHECK(b.rises == Edges{0, 70, 601, 621}); // 70: by GATE
    CHECK(b.falls == Edges{51, 551, 611, 631});
}

TEST_CASE("8254 mode 4: GATE low holds the count; a new count restarts it, of two bytes the second one") {
    Bench b;
    b.program(0, 0x38, 100);
    b.to(31);
    b.pit.set_gate(0, false);
    b.to(1000);
    CHECK(b.count() == 70);
    b.pit.set_gate(0, true);
    b.to(1040);
    b.pit.write8(0, 200); // "Writing the first byte has no effect on counting"
    b.to(1050);
    CHECK(b.count() == 20);
    b.pit.write8(0, 0);
    b.to(1300);
    CHECK(b.falls == Edges{1251});
    CHECK(b.rises == Edges{0, 1252});
}

TEST_CASE("8254 mode 5: another trigger before the strobe starts the count again") {
    Bench b;
    b.pit.set_gate(0, false);
    b.program(0, 0x3A, 50);
    b.pit.set_gate(0, true);
    b.to(30);
    b.pit.set_gate(0, false);
    b.to(40);
    b.pit.set_gate(0, true);
    b.to(200);
    CHECK(b.falls == Edges{91});
    CHECK(b.rises == Edges{0, 92});
}

TEST_CASE("8254, Read-Back Command: of both latches the status is read first; a second command changes neither") {
    Bench b;
    b.program(0, 0x34, 1000);
    b.to(101);
    b.pit.write8(3, 0xC2);
    b.to(201);
    b.pit.write8(3, 0xC2);
    CHECK(b.pit.read8(0) == 0xB4); // OUT high, count loaded, mode 2 with two bytes
    CHECK((b.pit.read8(0) | b.pit.read8(0) << 8) == 900);
    CHECK((b.pit.read8(0) | b.pit.read8(0) << 8) == 800); // nothing latched any more
    b.pit.write8(3, 0xC2);
    b.pit.write8(3, 0x34); // a new control word lets go of both
    CHECK((b.status() & 0x40) != 0);
}

// The parallel port through its three ports and its interrupt line: IBM AT "Printer Adapter", IEEE 1284 compatibility
// mode, and the direction bit of the PS/2.
#include "devices/parallel_port.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Printer : ByteSink {
    std::string text;
    void put(u8 byte) override { text += static_cast<char>(byte); }
};

struct Bench {
    VirtualClock clock{1000};
    EventQueue queue{clock};
    Printer printer;
    ParallelPort port{queue, "lpt1"};
    unsigned interrupts = 0;
    explicit Bench(bool plugged = true) {
        if (plugged) port.connect(&printer);
        port.irq.connect([this](bool level) { interrupts += level; });
        port.reset(ResetKind::PowerOn);
    }
    void wait(u64 ns) { run_events(clock, queue, clock.now() + ns); }
    u8 data() { return port.read8(0); }
    u8 status() { return port.read8(1); }
    u8 control() { return port.read8(2); }
    void set_control(u8 value) { port.write8(2, value); }
    void strobe(u8 control_bits = 0x0C) {
        set_control(control_bits | 1);
        set_control(control_bits);
    }
};

} // namespace

TEST_CASE("parallel port, data register: a latch that reads back what was written") {
    Bench b;
    for (unsigned value = 0; value < 256; ++value) {
        b.port.write8(0, static_cast<u8>(value));
        CHECK(b.data() == value);
    }
    CHECK(b.printer.text.empty()); // no strobe, no byte
}

TEST_CASE("parallel port, control register: six bits read back, the upper two are ones; the status cannot be written") {
    Bench b;
    for (unsigned value = 0; value < 256; ++value) {
        b.set_control(static_cast<u8>(value & ~1u));
        CHECK(b.control() == ((value & 0x3E) | 0xC0));
    }
    b.set_control(0x0C);
    b.port.write8(1, 0x00);
    CHECK(b.status() == 0xDF);
    b.port.reset(ResetKind::Hard);
    CHECK(b.control() == 0xC0);
    CHECK(b.data() == 0x00);
    CHECK(b.port.read8(3) == 0xFF); // EPP and ECP are not there
}

TEST_CASE("parallel port, status register: selected, no error, paper; BUSY inverted and ACK by time") {
    Bench b;
    b.set_control(0x0C);
    CHECK(b.status() == 0xDF); // not busy, no ACK, SLCT, no error
    b.port.write8(0, 'x');
    b.strobe();
    CHECK((b.status() & 0xC0) == 0x40);
    b.wait(ParallelPort::kBusyNs - 1);
    CHECK((b.status() & 0xC0) == 0x40);
    b.wait(1);
    CHECK((b.status() & 0xC0) == 0x00); // ACK is low
    b.wait(ParallelPort::kAckNs);
    CHECK((b.status() & 0xC0) == 0xC0);
}

TEST_CASE("parallel port, STROBE: its falling edge takes the byte on the lines at that moment, once") {
    Bench b;
    b.set_control(0x0C);
    b.port.write8(0, 'a');
    b.set_control(0x0D);
    b.port.write8(0, 'b');
    b.set_control(0x0D); // still low
    CHECK(b.printer.text == "a");
    b.wait(20'000);
    b.set_control(0x0C);
    CHECK(b.printer.text == "a");
    b.strobe();
    CHECK(b.printer.text == "ab");
    b.strobe(); // busy: lost
    b.wait(20'000);
    b.port.write8(0, 'c');
    b.strobe();
    CHECK(b.printer.text == "abc");
}

TEST_CASE("parallel port, INIT: while it is low the printer takes nothing; a byte under way is given up") {
    Bench b;
    b.port.write8(0, 'x');
    b.strobe(0x08);
    CHECK(b.printer.text.empty());
    b.set_control(0x1C);
    b.strobe(0x1C);
    CHECK((b.status() & 0x80) == 0);
    b.set_control(0x18); // INIT in the middle
    CHECK((b.status() & 0xC0) == 0xC0);
    b.wait(50'000);
    CHECK(b.interrupts == 0);
    b.set_control(0x1C);
    b.strobe(0x1C);
    b.wait(50'000);
    CHECK(b.interrupts == 1);
    CHECK(b.printer.text == "xx");
}

TEST_CASE("parallel port, IRQ enable: the end of ACK interrupts; a status read or the next byte ends it") {
    Bench b;
    b.set_control(0x1C);
    b.port.write8(0, 'x');
    b.strobe(0x1C);
    b.wait(15'000);
    CHECK(b.port.irq.level());
    b.strobe(0x1C);
    CHECK_FALSE(b.port.irq.level());
    b.wait(15'000);
    CHECK(b.interrupts == 2);
    b.status();
    CHECK_FALSE(b.port.irq.level());
    b.strobe(0x1C);
    b.wait(15'000);
    CHECK(b.port.irq.level());
    b.set_control(0x0C); // taken away with its enable
    CHECK_FALSE(b.port.irq.level());
    b.strobe(0x0C);
    b.wait(15'000);
    CHECK(b.interrupts == 3);
}

TEST_CASE("parallel port, direction: as input the data register shows the lines, and the latch keeps its byte") {
    Bench b(false);
    b.port.write8(0, 0x12);
    CHECK(b.data() == 0x12);
    b.set_control(0x2C);
    CHECK(b.data() == 0xFF); // nobody drives them
    b.port.set_input(0x5A);
    CHECK(b.data() == 0x5A);
    b.port.write8(0, 0x34);
    CHECK(b.data() == 0x5A);
    b.set_control(0x0C);
    CHECK(b.data() == 0x34);
}

TEST_CASE("parallel port: with nothing plugged in the lines are pulled up, and nothing ever happens") {
    Bench b(false);
    b.set_control(0x1C);
    CHECK(b.status() == 0x7F); // BUSY, no ACK, out of paper
    b.strobe(0x1C);
    b.wait(1'000'000);
    CHECK(b.status() == 0x7F);
    CHECK(b.interrupts == 0);
    CHECK(b.queue.next() == kNever);
}

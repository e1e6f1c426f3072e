#include "devices/ns16550a.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Collected : ByteSink {
    std::string text;
    void put(u8 byte) override { text += static_cast<char>(byte); }
};

struct Bench {
    VirtualClock clock{1000};
    EventQueue queue{clock};
    Ns16550a uart{queue, "com1"};
    Collected out;
    u64 character = 0;
    explicit Bench(u8 fcr = 0) {
        uart.reset(ResetKind::PowerOn);
        uart.connect(&out);
        uart.write8(3, 0x83);
        uart.write8(0, 1); // 115200
        uart.write8(1, 0);
        uart.write8(3, 0x03);
        uart.write8(4, 0x0B);
        uart.write8(2, fcr);
        character = uart.character_ns();
    }
    void wait(u64 ns) { run_events(clock, queue, clock.now() + ns); }
    u8 iir() { return uart.read8(2); }
    u8 lsr() { return uart.read8(5); }
};

} // namespace

TEST_CASE("16550: baud rate and frame length set the time of a character") {
    Bench b;
    CHECK(b.character == 86805); // 10 bits at 115200
    b.uart.write8(3, 0x0C | 0x03);
    CHECK(b.uart.character_ns() == 12 * 8680 + 6); // parity, two stop bits
    b.uart.write8(3, 0x04);                        // 5 bits, 1.5 stop bits
    CHECK(b.uart.character_ns() == 65104);
    b.uart.write8(3, 0x83);
    b.uart.write8(0, 0), b.uart.write8(1, 0); // divisor 0 must not stop or hurry the machine
    CHECK(b.uart.character_ns() > 1'000'000);
}

TEST_CASE("16550: divisor latch, scratch register and LCR read back") {
    Bench b;
    b.uart.write8(3, 0x9B);
    b.uart.write8(0, 0x34), b.uart.write8(1, 0x12);
    CHECK(b.uart.read8(0) == 0x34);
    CHECK(b.uart.read8(1) == 0x12);
    CHECK(b.uart.read8(3) == 0x9B);
    b.uart.write8(3, 0x1B);
    b.uart.write8(1, 0xFF);
    CHECK(b.uart.read8(1) == 0x0F);
    b.uart.write8(7, 0xA5);
    CHECK(b.uart.read8(7) == 0xA5);
    b.uart.write8(4, 0xFF);
    CHECK(b.uart.read8(4) == 0x1F);
}

TEST_CASE("16550: THR and shift register are emptied at the speed of the line") {
    Bench b;
    CHECK(b.lsr() == 0x60);
    b.uart.write8(0, 'a');
    CHECK(b.lsr() == 0x20); // in the shift register already
    b.uart.write8(0, 'b');
    CHECK(b.lsr() == 0x00);
    b.wait(b.character);
    CHECK(b.out.text == "a");
    CHECK(b.lsr() == 0x20);
    b.wait(b.character);
    CHECK(b.out.text == "ab");
    CHECK(b.lsr() == 0x60);
}

TEST_CASE("16550: the transmitter FIFO holds 16 bytes; more are lost") {
    Bench b(0x01);
    for (unsigned i = 0; i < 20; ++i) b.uart.write8(0, static_cast<u8>('a' + i));
    CHECK(b.lsr() == 0x00);
    b.wait(17 * b.character);
    CHECK(b.out.text == "abcdefghijklmnopq"); // one in the shift register, 16 in the FIFO
    CHECK(b.lsr() == 0x60);
    b.uart.write8(0, 'x'), b.uart.write8(0, 'y'), b.uart.write8(0, 'z');
    b.uart.write8(2, 0x05); // XMIT FIFO reset keeps the shift register
    b.wait(5 * b.character);
    CHECK(b.out.text == "abcdefghijklmnopqx");
}

TEST_CASE("16550: word length cuts the upper bits in loopback") {
    Bench b;
    b.uart.write8(3, 0x02);
    b.uart.write8(4, 0x10);
    b.uart.write8(0, 0xC1);
    b.wait(b.character);
    CHECK(b.uart.read8(0) == 0x41);
}

// A kernel that writes its last line and ends the machine lost the line's end.
TEST_CASE("16550: a flush sends what is in the transmitter") {
    Bench b(0x01);
    for (const char c : {'a', 'b', 'c', 'd'}) b.uart.write8(0, static_cast<u8>(c));
    b.wait(b.character + b.character / 2);
    CHECK(b.out.text == "a");
    b.uart.flush();
    CHECK(b.out.text == "abcd");
}

// The text of kernels that set the divisor only came out cut to the five bits of the reset value.
TEST_CASE("16550: the far end gets and sends whole bytes whatever the word length") {
    Bench b;
    b.uart.reset(ResetKind::PowerOn);
    const u8 line_control = b.uart.read8(3);
    CHECK(line_control == 0);
    b.uart.write8(3, line_control | 0x80);
    b.uart.write8(0, 1);
    b.uart.write8(1, 0);
    b.uart.write8(3, line_control);
    b.uart.write8(0, 'P');
    CHECK(b.uart.receive('q'));
    b.wait(b.character);
    CHECK(b.out.text == "P");
    CHECK(b.uart.read8(0) == 'q');
}

TEST_CASE("16550: THRE interrupt, cleared by reading IIR or writing THR") {
    Bench b;
    b.uart.write8(1, 0x02);
    CHECK(b.uart.irq.level()); // THR is empty
    CHECK(b.iir() == 0x02);
    CHECK(b.iir() == 0x01);
    CHECK_FALSE(b.uart.irq.level());
    b.uart.write8(0, 'a');
    CHECK(b.uart.irq.level()); // moved on to the shift register at once
    b.uart.write8(0, 'b');
    CHECK_FALSE(b.uart.irq.level());
    b.wait(b.character);
    CHECK(b.iir() == 0x02);
}

TEST_CASE("16550: received data without FIFOs, and the far end waits until it is taken") {
    Bench b;
    b.uart.write8(1, 0x01);
    CHECK(b.uart.receive('x'));
    CHECK(b.uart.receive('y'));
    CHECK((b.lsr() & 1) == 0);
    b.wait(b.character);
    CHECK(b.uart.irq.level());
    CHECK(b.iir() == 0x04);
    b.wait(10 * b.character);
    CHECK(b.lsr() == 0x61); // no overrun
    CHECK(b.uart.read8(0) == 'x');
    CHECK_FALSE(b.uart.irq.level());
    b.wait(b.character);
    CHECK(b.uart.read8(0) == 'y');
    CHECK(b.iir() == 0x01);
}

TEST_CASE("16550: the far end is told when there is no more room") {
    Bench b;
    const usize room = b.uart.room();
    for (usize i = 0; i < room; ++i) CHECK(b.uart.receive(static_cast<u8>(i)));
    CHECK(b.uart.room() == 0);
    CHECK_FALSE(b.uart.receive(1));
    for (usize i = 0; i < room; ++i) {
        b.wait(b.character);
        CHECK(b.uart.read8(0) == i);
    }
}

TEST_CASE("16550: receiver trigger levels and the character timeout") {
    static constexpr unsigned levels[4] = {1, 4, 8, 14};
    for (unsigned i = 0; i < 4; ++i) {
        Bench b(static_cast<u8>(0x01 | i << 6));
        CHECK(b.iir() == 0xC1);
        b.uart.write8(1, 0x01);
        for (unsigned n = 0; n < 16; ++n) {
            b.uart.receive(static_cast<u8>(n));
            b.wait(b.character);
            INFO("level " << levels[i] << ", " << n + 1 << " characters");
            CHECK((b.iir() == 0xC4) == (n + 1 >= levels[i]));
        }
    }
    Bench b(0xC1);
    b.uart.write8(1, 0x01);
    b.uart.receive('a');
    b.wait(b.character);
    b.wait(4 * b.character - 100);
    CHECK(b.iir() == 0xC1);
    b.wait(200);
    CHECK(b.iir() == 0xCC);
    CHECK(b.uart.irq.level());
    CHECK(b.uart.read8(0) == 'a');
    CHECK(b.iir() == 0xC1);
}

TEST_CASE("16550: FIFO reset, and a change of the FIFO mode loses what is inside") {
    Bench b(0x01);
    b.uart.receive('a');
    b.wait(b.character);
    b.uart.write8(2, 0x03);
    CHECK((b.lsr() & 1) == 0);
    b.uart.receive('b');
    b.wait(b.character);
    b.uart.write8(2, 0x00);
    CHECK((b.lsr() & 1) == 0);
    CHECK((b.iir() & 0xC0) == 0);
}

TEST_CASE("16550: loopback of data, with overruns") {
    Bench b;
    b.uart.write8(4, 0x1B);
    b.uart.write8(0, 0x55);
    b.wait(b.character);
    CHECK(b.lsr() == 0x61);
    b.uart.write8(0, 0x66);
    b.wait(b.character);
    CHECK(b.lsr() == 0x63); // overrun
    CHECK(b.lsr() == 0x61);
    CHECK(b.uart.read8(0) == 0x66);
    CHECK(b.out.text.empty());
    b.uart.receive('z'); // the line is cut
    b.wait(5 * b.character);
    CHECK((b.lsr() & 1) == 0);
    b.uart.write8(4, 0x0B);
    b.wait(b.character);
    CHECK(b.uart.read8(0) == 'z');
}

TEST_CASE("16550: loopback of the modem lines, as drivers probe it") {
    Bench b;
    b.uart.set_modem_inputs(0xB0);
    b.uart.write8(4, 0x10);
    CHECK((b.uart.read8(6) & 0xF0) == 0x00);
    b.uart.write8(4, 0x1A);
    CHECK((b.uart.read8(6) & 0xF0) == 0x90); // RTS -> CTS, OUT2 -> DCD
    b.uart.write8(4, 0x15);
    CHECK((b.uart.read8(6) & 0xF0) == 0x60); // DTR -> DSR, OUT1 -> RI
    CHECK_FALSE(b.uart.dtr.level());
    b.uart.write8(4, 0x03);
    CHECK(b.uart.dtr.level());
    CHECK(b.uart.rts.level());
    CHECK((b.uart.read8(6) & 0xF0) == 0xB0);
}

TEST_CASE("16550: modem status changes, the trailing edge of RI, and their interrupt") {
    Bench b;
    b.uart.read8(6);
    b.uart.write8(1, 0x08);
    b.uart.set_modem_inputs(Ns16550a::kCts);
    CHECK(b.uart.irq.level());
    CHECK(b.iir() == 0x00);
    CHECK(b.uart.read8(6) == 0x11);
    CHECK_FALSE(b.uart.irq.level());
    b.uart.set_modem_inputs(Ns16550a::kCts | Ns16550a::kRi);
    CHECK(b.uart.read8(6) == 0x50); // a leading edge says nothing
    b.uart.set_modem_inputs(Ns16550a::kDsr | Ns16550a::kDcd);
    CHECK(b.uart.read8(6) == (0xA0 | 0x0F));
}

TEST_CASE("16550: break in both directions") {
    Bench b(0x01);
    b.uart.write8(1, 0x05);
    b.uart.receive('a');
    b.uart.receive_break();
    b.wait(2 * b.character);
    CHECK(b.lsr() == 0xE1); // an error somewhere in the FIFO, not at the top
    CHECK(b.iir() == 0xC4);
    CHECK(b.uart.read8(0) == 'a');
    CHECK(b.iir() == 0xC6);
    CHECK(b.lsr() == 0xF9); // BI, FE
    CHECK(b.lsr() == 0x61);
    CHECK(b.uart.read8(0) == 0x00);
    b.uart.write8(3, 0x43);
    CHECK(b.uart.break_out.level());
    b.uart.write8(3, 0x03);
    CHECK_FALSE(b.uart.break_out.level());
}

TEST_CASE("16550: interrupt priorities") {
    Bench b;
    b.uart.read8(6);
    b.uart.write8(1, 0x0F);
    b.uart.set_modem_inputs(Ns16550a::kCts);
    b.uart.receive_break();
    b.wait(b.character);
    CHECK(b.iir() == 0x06);
    b.lsr();
    CHECK(b.iir() == 0x04);
    b.uart.read8(0);
    CHECK(b.iir() == 0x02);
    CHECK(b.iir() == 0x00);
    b.uart.read8(6);
    CHECK(b.iir() == 0x01);
}

TEST_CASE("16550: OUT2 gates the interrupt on its way to the bus") {
    Bench b;
    b.uart.write8(4, 0x03);
    b.uart.write8(1, 0x02);
    CHECK_FALSE(b.uart.irq.level());
    b.uart.write8(4, 0x0B);
    CHECK(b.uart.irq.level());
}

TEST_CASE("16550: state restores with characters in every stage") {
    Bench b(0x41);
    b.uart.write8(1, 0x0F);
    for (u8 i = 0; i < 5; ++i) b.uart.write8(0, static_cast<u8>('a' + i));
    for (u8 i = 0; i < 9; ++i) b.uart.receive(static_cast<u8>('0' + i));
    b.wait(3 * b.character + 1000);
    Bench other;
    other.clock.set_now(b.clock.now());
    test::load(other.uart, test::save(b.uart));
    test::load(other.queue, test::save(b.queue));
    b.wait(20 * b.character);
    other.wait(20 * b.character);
    CHECK(b.out.text == "abcde");
    CHECK(other.out.text == "de");
    CHECK(test::save(other.uart) == test::save(b.uart));
    CHECK(other.uart.read8(0) == '0');
}

TEST_CASE("16550, FIFO interrupt mode: THRE waits a character less its stop bit when the FIFO never held two bytes") {
    Bench b(0x01);
    const u64 bit = b.character / 10;
    b.uart.write8(1, 0x02);
    CHECK(b.iir() == 0xC2);
    b.uart.write8(0, 'a');
    CHECK(b.iir() == 0xC2); // the first one after FCR0 has changed comes at once
    b.wait(2 * b.character);
    b.uart.write8(0, 'b'); // straight into the shift register
    CHECK(b.lsr() == 0x20);
    CHECK_FALSE(b.uart.irq.level());
    b.wait(9 * bit - 100);
    CHECK_FALSE(b.uart.irq.level());
    b.wait(200);
    CHECK(b.uart.irq.level());
    CHECK(b.iir() == 0xC2);
    CHECK(b.iir() == 0xC1);
    b.wait(2 * b.character);
    for (const char c : {'c', 'd', 'e'}) b.uart.write8(0, static_cast<u8>(c)); // two in the FIFO at once
    b.wait(2 * b.character - 100);
    CHECK_FALSE(b.uart.irq.level());
    b.wait(200); // the last one has just left it
    CHECK(b.iir() == 0xC2);
    b.wait(2 * b.character);
    b.uart.write8(0, 'f');
    b.wait(bit);
    b.uart.write8(0, 'g'); // one at a time again: nothing before g has been on the line
    b.wait(9 * bit);
    CHECK_FALSE(b.uart.irq.level());
    b.wait(9 * bit + 100);
    CHECK(b.uart.irq.level());
    CHECK(b.out.text == "abcdef");
}

TEST_CASE("16550, Table I: master reset clears the registers but the scratch register and the divisor") {
    Bench b(0xC1);
    b.uart.write8(7, 0x5A);
    b.uart.write8(1, 0x0F);
    b.uart.receive('x');
    b.uart.receive_break();
    for (const char c : {'a', 'b', 'c'}) b.uart.write8(0, static_cast<u8>(c));
    b.wait(2 * b.character);
    b.uart.write8(3, 0x43); // break
    b.uart.reset(ResetKind::Hard);
    CHECK(b.uart.read8(1) == 0x00);
    CHECK(b.iir() == 0x01);
    CHECK(b.uart.read8(3) == 0x00);
    CHECK(b.uart.read8(4) == 0x00);
    CHECK(b.lsr() == 0x60);
    CHECK((b.uart.read8(6) & 0x0F) == 0x00);
    CHECK(b.uart.read8(7) == 0x5A);
    CHECK_FALSE(b.uart.irq.level());
    CHECK_FALSE(b.uart.break_out.level());
    CHECK_FALSE(b.uart.dtr.level());
    CHECK_FALSE(b.uart.rts.level());
    b.uart.write8(3, 0x80);
    CHECK(b.uart.read8(0) == 1);
    b.wait(20 * b.character);
    CHECK(b.out.text == "ab"); // what had not left is gone
}

TEST_CASE("16550, FIFO polled mode: the line status alone, with no interrupt enabled") {
    Bench b(0x01);
    b.uart.receive('a');
    b.uart.receive('b');
    b.uart.receive_break();
    b.wait(3 * b.character);
    CHECK(b.iir() == 0xC1);
    CHECK(b.lsr() == 0xE1); // bits 0, 5, 6, and 7 for the break further down
    CHECK(b.uart.read8(0) == 'a');
    CHECK(b.lsr() == 0xE1);
    CHECK(b.uart.read8(0) == 'b');
    CHECK(b.lsr() == 0xF9); // now it is at the top
    CHECK(b.lsr() == 0x61); // told once; the error bit of the FIFO went with it
    CHECK(b.uart.read8(0) == 0x00);
    CHECK(b.lsr() == 0x60);
    b.wait(10 * b.character);
    CHECK_FALSE(b.uart.irq.level());
}

TEST_CASE("16550, LSR1: with FIFOs the character that finds no room is lost and the others stay") {
    Bench b(0x01);
    b.uart.write8(4, 0x10); // loopback: the one sender that does not wait
    for (u8 i = 0; i < 16; ++i) {
        b.uart.write8(0, i);
        b.wait(b.character);
    }
    CHECK(b.lsr() == 0x61);
    b.uart.write8(0, 0x99);
    b.wait(b.character);
    CHECK(b.lsr() == 0x63); // at once, not when it is read
    CHECK(b.lsr() == 0x61);
    for (u8 i = 0; i < 16; ++i) CHECK(b.uart.read8(0) == i);
    CHECK(b.lsr() == 0x60);
}

TEST_CASE("16550, character timeout: it starts again with every character in and every one read") {
    Bench b(0xC1);
    b.uart.write8(1, 0x01);
    for (int i = 0; i < 4; ++i) {
        b.uart.receive('a');
        b.wait(4 * b.character); // three after its arrival
        CHECK(b.iir() == 0xC1);
    }
    b.uart.read8(0);
    b.wait(4 * b.character - 100);
    CHECK(b.iir() == 0xC1);
    b.wait(200);
    CHECK(b.iir() == 0xCC);
    b.uart.read8(0); // any one read clears it
    CHECK(b.iir() == 0xC1);
    b.wait(4 * b.character + 100);
    CHECK(b.iir() == 0xCC); // two are left
    b.uart.read8(0), b.uart.read8(0);
    b.wait(10 * b.character);
    CHECK(b.iir() == 0xC1); // an empty FIFO has none
}

TEST_CASE("16550, trigger level: the interrupt goes when the FIFO drops below it") {
    Bench b(0x81); // eight
    b.uart.write8(1, 0x01);
    for (u8 i = 0; i < 10; ++i) b.uart.receive(i);
    b.wait(10 * b.character);
    CHECK(b.iir() == 0xC4);
    b.uart.read8(0), b.uart.read8(0);
    CHECK(b.iir() == 0xC4);
    b.uart.read8(0);
    CHECK(b.iir() == 0xC1);
    CHECK_FALSE(b.uart.irq.level());
}

TEST_CASE("16550, MCR4: in loopback the modem control bits make modem status interrupts; the pins rest") {
    Bench b;
    b.uart.write8(4, 0x10);
    b.uart.read8(6);
    b.uart.write8(1, 0x08);
    b.uart.write8(4, 0x12); // RTS -> CTS
    CHECK(b.iir() == 0x00);
    CHECK(b.uart.read8(6) == 0x11);
    CHECK(b.iir() == 0x01);
    b.uart.write8(4, 0x14); // OUT1 -> RI, its leading edge; CTS falls
    CHECK(b.uart.read8(6) == 0x41);
    b.uart.write8(4, 0x10); // RI's trailing edge
    CHECK(b.uart.read8(6) == 0x04);
    b.uart.set_modem_inputs(0xF0); // the world outside is not seen
    CHECK(b.uart.read8(6) == 0x00);
    CHECK_FALSE(b.uart.rts.level());
    CHECK_FALSE(b.uart.out1.level());
}

TEST_CASE("16550, DLAB: the divisor latch hides data and interrupt enable registers, and those alone") {
    Bench b;
    b.uart.write8(1, 0x05);
    b.uart.write8(3, 0x83);
    b.uart.write8(0, 0x60), b.uart.write8(1, 0x00);
    b.wait(20 * b.character);
    CHECK(b.out.text.empty());                   // it was no character
    CHECK(b.uart.character_ns() / 1000 == 8333); // 1200 baud
    CHECK((b.uart.read8(2) & 0x3F) == 0x01);
    CHECK(b.lsr() == 0x60);
    b.uart.write8(3, 0x03);
    CHECK(b.uart.read8(1) == 0x05);
    b.uart.write8(5, 0xFF), b.uart.write8(6, 0xFF); // LSR and MSR are for factory tests
    CHECK(b.lsr() == 0x60);
}

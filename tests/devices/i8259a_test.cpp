#include "devices/i8259a.h"
#include "tests/catch.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

/// The pair as a PC wires it, programmed as a PC BIOS does it (vectors 08h and 70h).
struct Pair {
    I8259A master{I8259A::Role::Master}, slave{I8259A::Role::Slave};
    bool intr = false;
    Pair(u8 icw4 = 0x01, u8 master_icw4 = 0x01) {
        master.int_out.connect([this](bool level) { intr = level; });
        slave.int_out.connect([this](bool level) { master.set_ir(2, level); });
        master.connect_slave(2, [this](u8 id) { return slave.acknowledge_cascaded(id); });
        init(master, 0x08, 0x04, master_icw4);
        init(slave, 0x70, 0x02, icw4);
    }
    static void init(I8259A& pic, u8 base, u8 icw3, u8 icw4) {
        pic.write8(0, 0x11);
        pic.write8(1, base);
        pic.write8(1, icw3);
        pic.write8(1, icw4);
    }
    void irq(unsigned n, bool level) { n < 8 ? master.set_ir(n, level) : slave.set_ir(n - 8, level); }
};

u8 isr_of(I8259A& pic) {
    pic.write8(0, 0x0B);
    return pic.read8(0);
}
u8 irr_of(I8259A& pic) {
    pic.write8(0, 0x0A);
    return pic.read8(0);
}

} // namespace

TEST_CASE("8259A: nothing is delivered before ICW1 to ICW4") {
    I8259A pic(I8259A::Role::Master);
    pic.reset(ResetKind::PowerOn);
    pic.set_ir(1, true);
    CHECK_FALSE(pic.int_out.level());
    pic.write8(0, 0x11);
    pic.set_ir(1, false);
    pic.set_ir(1, true);
    pic.write8(1, 0x08);
    pic.write8(1, 0x04);
    CHECK_FALSE(pic.int_out.level());
    pic.write8(1, 0x01);
    CHECK(pic.int_out.level());
    CHECK(pic.acknowledge() == 0x09);
}

TEST_CASE("8259A: ICW1 clears the mask, the edge sense circuit and the status read") {
    Pair pc;
    pc.master.write8(1, 0xFF);
    pc.irq(3, true);
    Pair::init(pc.master, 0x20, 4, 1);
    CHECK(pc.master.read8(1) == 0x00);
    CHECK_FALSE(pc.intr); // IR3 is still high, but made no new edge
    pc.irq(3, false);
    pc.irq(3, true);
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x23);
}

TEST_CASE("8259A: single mode takes no ICW3, and IC4=0 no ICW4") {
    I8259A pic(I8259A::Role::Master);
    pic.write8(0, 0x13);
    pic.write8(1, 0x40);
    pic.write8(1, 0x01);
    pic.set_ir(2, true);
    CHECK(pic.acknowledge() == 0x42);
    pic.write8(0, 0x12); // MCS-80, interval 8
    pic.write8(1, 0x40);
    CHECK(pic.initialised());
    pic.write8(1, 0xFB); // OCW1 already
    CHECK(pic.read8(1) == 0xFB);
}

TEST_CASE("8259A: fully nested mode, a level holds back itself and lower ones until EOI") {
    Pair pc;
    pc.irq(3, true);
    CHECK(pc.master.acknowledge() == 0x0B);
    CHECK(isr_of(pc.master) == 0x08);
    pc.irq(4, true);
    CHECK_FALSE(pc.intr);
    pc.irq(1, true);
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x09);
    CHECK(isr_of(pc.master) == 0x0A);
    pc.master.write8(0, 0x20); // ends IR1
    CHECK(isr_of(pc.master) == 0x08);
    CHECK_FALSE(pc.intr);
    pc.master.write8(0, 0x20); // ends IR3
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x0C);
}

TEST_CASE("8259A: specific EOI ends the named level") {
    Pair pc;
    pc.irq(5, true);
    pc.master.acknowledge();
    pc.irq(1, true);
    pc.master.acknowledge();
    pc.master.write8(0, 0x60 | 5);
    CHECK(isr_of(pc.master) == 0x02);
    pc.master.write8(0, 0x40); // no operation
    CHECK(isr_of(pc.master) == 0x02);
}

TEST_CASE("8259A: cascade, the slave gives the vector and both need an EOI") {
    Pair pc;
    pc.irq(8, true);
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x70);
    CHECK(isr_of(pc.master) == 0x04);
    CHECK(isr_of(pc.slave) == 0x01);
    pc.irq(12, true);
    CHECK_FALSE(pc.intr);
    pc.slave.write8(0, 0x20);
    CHECK_FALSE(pc.intr); // the master still serves IR2
    pc.master.write8(0, 0x20);
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x74);
}

TEST_CASE("8259A: a slave answers only to its own identity") {
    Pair pc;
    Pair::init(pc.slave, 0x70, 0x05, 0x01);
    pc.irq(9, true);
    CHECK(pc.master.acknowledge() == 0xFF);
    CHECK(isr_of(pc.slave) == 0x00);
}

TEST_CASE("8259A: special fully nested mode lets a higher level of the same slave through") {
    Pair pc(0x01, 0x11);
    pc.irq(12, true);
    CHECK(pc.master.acknowledge() == 0x74);
    pc.irq(9, true);
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x71);
    CHECK(isr_of(pc.slave) == 0x12);
    pc.irq(5, true);
    CHECK_FALSE(pc.intr); // lower than IR2
}

TEST_CASE("8259A: a request that goes away becomes a spurious level 7 without ISR bit") {
    Pair pc;
    pc.irq(5, true);
    CHECK(pc.intr);
    pc.irq(5, false);
    CHECK_FALSE(pc.intr);
    CHECK(pc.master.acknowledge() == 0x0F);
    CHECK(isr_of(pc.master) == 0x00);
}

TEST_CASE("8259A: spurious IRQ15 sets the master's bit for IR2 only") {
    Pair pc;
    pc.irq(10, true);
    // The processor has started INTA when the slave's input falls: the master's latch is what counts.
    pc.slave.int_out.connect([](bool) {});
    pc.irq(10, false);
    CHECK(pc.master.acknowledge() == 0x77);
    CHECK(isr_of(pc.master) == 0x04);
    CHECK(isr_of(pc.slave) == 0x00);
}

TEST_CASE("8259A: edge mode needs a new edge, level mode repeats while the input is high") {
    Pair pc;
    pc.irq(6, true);
    pc.master.acknowledge();
    pc.master.write8(0, 0x20);
    CHECK_FALSE(pc.intr);
    ElcrPorts elcr(pc.master, pc.slave);
    elcr.write8(0, 0xFF);
    elcr.write8(1, 0xFF);
    CHECK(elcr.read8(0) == 0xF8);
    CHECK(elcr.read8(1) == 0xDE);
    CHECK(pc.intr); // IR6 is level now and still high
    CHECK(pc.master.acknowledge() == 0x0E);
    pc.master.write8(0, 0x20);
    CHECK(pc.intr);
    pc.irq(6, false);
    CHECK_FALSE(pc.intr);
}

TEST_CASE("8259A: OCW1 masks, a masked request stays in the IRR") {
    Pair pc;
    pc.master.write8(1, 0x02);
    pc.irq(1, true);
    CHECK_FALSE(pc.intr);
    CHECK(irr_of(pc.master) == 0x02);
    pc.master.write8(1, 0x00);
    CHECK(pc.intr);
}

TEST_CASE("8259A: automatic rotation, an ended level becomes the lowest") {
    Pair pc;
    pc.irq(4, true);
    pc.master.acknowledge();
    pc.master.write8(0, 0xA0); // rotate on non-specific EOI
    pc.irq(4, false);
    pc.irq(4, true);
    pc.irq(6, true);
    CHECK(pc.master.acknowledge() == 0x0E); // 5, 6, 7, 0 ... 4
}

TEST_CASE("8259A: specific rotation, set priority and rotate on specific EOI") {
    Pair pc;
    pc.master.write8(0, 0xC0 | 5); // IR5 lowest, IR6 highest
    pc.irq(0, true);
    pc.irq(6, true);
    CHECK(pc.master.acknowledge() == 0x0E);
    pc.master.write8(0, 0xE0 | 6); // ends IR6 and makes it lowest: IR7 highest
    pc.irq(7, true);
    CHECK(pc.master.acknowledge() == 0x0F);
}

TEST_CASE("8259A: AEOI ends the level at the end of INTA, with rotation if set") {
    Pair pc(0x03, 0x03);
    pc.irq(3, true);
    CHECK(pc.master.acknowledge() == 0x0B);
    CHECK(isr_of(pc.master) == 0x00);
    pc.master.write8(0, 0x80); // rotate in AEOI mode: set
    pc.irq(1, true);
    pc.master.acknowledge(); // IR1 becomes the lowest
    pc.irq(1, false);
    pc.irq(1, true);
    pc.irq(5, true);
    CHECK(pc.master.acknowledge() == 0x0D);
    pc.master.write8(0, 0x00); // clear
    CHECK(pc.master.acknowledge() == 0x09);
}

TEST_CASE("8259A: two requests of an AEOI slave make two edges at the master") {
    Pair pc(0x03, 0x01);
    pc.irq(9, true);
    pc.irq(10, true);
    CHECK(pc.master.acknowledge() == 0x71);
    pc.master.write8(0, 0x20);
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x72);
}

TEST_CASE("8259A: special mask mode lets lower levels in while a masked one is in service") {
    Pair pc;
    pc.irq(2 + 1, true);
    pc.master.acknowledge();
    pc.irq(6, true);
    CHECK_FALSE(pc.intr);
    pc.master.write8(1, 0x08);
    pc.master.write8(0, 0x68); // ESMM, SMM
    CHECK(pc.intr);
    CHECK(pc.master.acknowledge() == 0x0E);
    pc.master.write8(0, 0x20); // a non-specific EOI passes over the masked level
    CHECK(isr_of(pc.master) == 0x08);
    pc.master.write8(0, 0x48); // reset special mask
    pc.irq(7, true);
    CHECK_FALSE(pc.intr);
}

TEST_CASE("8259A: poll command, the next read acknowledges") {
    Pair pc;
    pc.master.write8(0, 0x0C);
    CHECK((pc.master.read8(0) & 0x80) == 0);
    pc.irq(4, true);
    pc.master.write8(0, 0x0C);
    CHECK(pc.master.read8(1) == 0x84);
    CHECK(pc.master.read8(1) == 0x00); // the mask again
    CHECK(isr_of(pc.master) == 0x10);
}

TEST_CASE("8259A: state restores in the middle of initialisation and of service") {
    Pair pc;
    pc.irq(3, true);
    pc.master.acknowledge();
    pc.irq(1, true);
    pc.slave.write8(0, 0x11);
    pc.slave.write8(1, 0x28);
    Pair other;
    test::load(other.master, test::save(pc.master));
    test::load(other.slave, test::save(pc.slave));
    CHECK(test::save(other.master) == test::save(pc.master));
    CHECK(test::save(other.slave) == test::save(pc.slave));
    CHECK(other.master.acknowledge() == 0x09);
    other.slave.write8(1, 0x02);
    CHECK_FALSE(other.slave.initialised());
    other.slave.write8(1, 0x01);
    CHECK(other.slave.initialised());
}

TEST_CASE("8259A, ICW1.ADI: without ICW4 the second INTA byte is the low half of an MCS-80 call address") {
    for (const bool interval_of_4 : {true, false}) {
        I8259A pic{I8259A::Role::Master};
        pic.write8(0, interval_of_4 ? 0xF6 : 0xF2); // A7-A5 set, single
        pic.write8(1, 0x12);
        CHECK(pic.initialised());
        pic.set_ir(3, true);
        CHECK(pic.acknowledge() == (interval_of_4 ? 0xE0 | 3 << 2 : 0xC0 | 3 << 3));
    }
}

TEST_CASE("8259A, ICW1.LTIM: replaced by the edge/level registers, in which five inputs are always edges") {
    Pair pc;
    ElcrPorts elcr(pc.master, pc.slave);
    Pair::init(pc.master, 0x08, 0x04, 0x01);
    pc.master.write8(0, 0x19); // with LTIM
    for (u8 value : {u8{0x08}, u8{0x04}, u8{0x01}}) pc.master.write8(1, value);
    pc.irq(4, true);
    CHECK(pc.master.acknowledge() == 0x0C);
    pc.master.write8(0, 0x20);
    CHECK_FALSE(pc.intr); // still high, but no new edge
    elcr.write8(0, 0xFF);
    elcr.write8(1, 0xFF);
    CHECK(elcr.read8(0) == 0xF8); // IRQ 0, 1 and 2
    CHECK(elcr.read8(1) == 0xDE); // IRQ 8 and 13
    CHECK(pc.intr);               // a level now
}

TEST_CASE("8259A, special mask mode: a non-specific EOI passes over masked levels, a specific one does not") {
    Pair pc;
    pc.irq(3, true);
    CHECK(pc.master.acknowledge() == 0x0B);
    pc.master.write8(1, 0x08);
    pc.master.write8(0, 0x68);
    pc.irq(5, true);
    CHECK(pc.master.acknowledge() == 0x0D);
    CHECK(isr_of(pc.master) == 0x28);
    pc.master.write8(0, 0x20);
    CHECK(isr_of(pc.master) == 0x08);
    pc.master.write8(0, 0x20);
    CHECK(isr_of(pc.master) == 0x08);
    pc.master.write8(0, 0x63);
    CHECK(isr_of(pc.master) == 0x00);
}

TEST_CASE("8259A, OCW2 and OCW3: the no-operation codes change nothing; a poll comes before a status read") {
    Pair pc;
    pc.irq(3, true);
    pc.master.acknowledge();
    CHECK(isr_of(pc.master) == 0x08);
    pc.master.write8(0, 0x43); // OCW2 010: no operation
    pc.master.write8(0, 0x08); // OCW3 with RR clear: ISR stays selected
    CHECK(pc.master.read8(0) == 0x08);
    pc.irq(1, true);
    pc.master.write8(0, 0x0E); // P and RR
    CHECK(pc.master.read8(0) == 0x81);
    CHECK(pc.master.read8(0) == 0x0A); // ISR as before: levels 1 and 3
}

TEST_CASE("8259A: masked between INT and INTA, the interrupt is the spurious level 7") {
    Pair pc;
    pc.irq(3, true);
    CHECK(pc.intr);
    pc.master.write8(1, 0x08);
    CHECK_FALSE(pc.intr);
    CHECK(pc.master.acknowledge() == 0x0F);
    CHECK(isr_of(pc.master) == 0);
    CHECK(irr_of(pc.master) == 0x08); // held until it is unmasked
    pc.master.write8(1, 0x00);
    CHECK(pc.master.acknowledge() == 0x0B);
}

#include "devices/pci.h"
#include "devices/pci_vga.h"
#include "devices/piix4_ide.h"
#include "devices/piix4_isa.h"
#include "devices/system_control.h"
#include "tests/catch.h"

using namespace r86;

namespace {

struct Echo : PortHandler {
    u8 last = 0;
    u8 read8(u16 offset) override { return static_cast<u8>(0xA0 + offset); }
    void write8(u16, u8 value) override { last = value; }
};

struct FlatMemory : MmioHandler {
    u64 read(u64 offset, unsigned) override { return 0x77 + offset; }
    void write(u64, unsigned, u64) override {}
};

struct TestCard : PciFunction {
    TestCard(PortHandler& ports, std::span<u8> memory) : PciFunction({0x1234, 0x5678, 2, 0, 0, 1, 0, 0}, "card") {
        add_port_bar(0, 32, ports);
        add_memory_bar(1, 0x4000, {PhysicalMemory::Target::HostRam, memory.data(), nullptr, 0}, false);
    }
};

struct Bench {
    Log log;
    PhysicalMemory memory{1 << 20, log};
    IoBus io{log};
    PciBus bus{memory, io, log};
    Echo echo;
    std::vector<u8> card_memory = std::vector<u8>(0x4000, 0x5A);
    TestCard card{echo, card_memory};

    Bench() {
        io.map(0xCF8, 8, bus, "pci");
        bus.set_memory_window(0x100000, 0xFEBFFFFF);
        bus.attach(3, 0, card);
    }
    void select(unsigned device, unsigned reg) { io.write(0xCF8, 4, 0x80000000u | device << 11 | reg); }
    u32 get(unsigned reg, unsigned size = 4) {
        select(3, reg & ~3u);
        return io.read(static_cast<u16>(0xCFC + (reg & 3)), size);
    }
    void set(unsigned reg, unsigned size, u32 value) {
        select(3, reg & ~3u);
        io.write(static_cast<u16>(0xCFC + (reg & 3)), size, value);
    }
};

} // namespace

TEST_CASE("PCI 2.2, 3.2.2.3.2: configuration mechanism #1") {
    Bench b;
    CHECK(b.get(0) == 0x56781234);
    CHECK(b.get(2, 2) == 0x5678);
    CHECK(b.get(1, 1) == 0x12);
    CHECK(b.get(0x0B, 1) == 2);
    b.select(4, 0);
    CHECK(b.io.read(0xCFC, 4) == 0xFFFFFFFF); // nobody there
    b.io.write(0xCF8, 4, 0x80010000 | 3 << 11);
    CHECK(b.io.read(0xCFC, 4) == 0xFFFFFFFF); // bus 1
    b.io.write(0xCF8, 4, 3 << 11);
    CHECK(b.io.read(0xCFC, 4) == 0xFFFFFFFF); // enable bit clear
    b.io.write(0xCF8, 4, 0xFFFFFFFF);
    CHECK(b.io.read(0xCF8, 4) == 0x80FFFFFC);
    b.io.write(0xCF8, 1, 0x12); // only dwords reach CONFIG_ADDRESS
    CHECK(b.io.read(0xCF8, 4) == 0x80FFFFFC);
}

TEST_CASE("PCI 2.2, 6.2.5.1: a BAR tells its size when all ones are written") {
    Bench b;
    b.set(0x10, 4, 0xFFFFFFFF);
    CHECK(b.get(0x10) == 0xFFFFFFE1);
    b.set(0x14, 4, 0xFFFFFFFF);
    CHECK(b.get(0x14) == 0xFFFFC000);
    b.set(0x18, 4, 0xFFFFFFFF);
    CHECK(b.get(0x18) == 0);
    b.set(0x30, 4, 0xFFFFFFFF);
    CHECK(b.get(0x30) == 0);
}

TEST_CASE("a port BAR answers where it stands and only while I/O space is enabled") {
    Bench b;
    b.set(0x10, 4, 0xC000);
    CHECK(b.io.read(0xC003, 1) == 0xFF);
    b.set(4, 2, 1);
    CHECK(b.io.read(0xC003, 1) == 0xA3);
    b.set(0x10, 4, 0xD000);
    CHECK(b.io.read(0xC003, 1) == 0xFF);
    CHECK(b.io.read(0xD01F, 1) == 0xBF);
    CHECK(b.io.read(0xD020, 1) == 0xFF);
    b.card.reset(ResetKind::Hard);
    CHECK(b.io.read(0xD000, 1) == 0xFF);
}

TEST_CASE("a memory BAR moves and uncovers what lies below") {
    Bench b;
    b.set(0x14, 4, 0xE0000000);
    b.set(4, 2, 2);
    CHECK(b.memory.read({0xE0000000}, 4) == 0x5A5A5A5A);
    b.memory.write({0xE0003FFF}, 1, 0x77);
    CHECK(b.card_memory[0x3FFF] == 0x77);
    b.set(0x14, 4, 0xE1000000);
    CHECK(b.memory.read({0xE0000000}, 4) == 0xFFFFFFFF);
    CHECK(b.memory.read({0xE1003FFF}, 1) == 0x77);
    b.memory.write({0x1000}, 1, 0x11);
    b.set(0x14, 4, 0); // RAM takes precedence
    CHECK(b.memory.read({0x1000}, 1) == 0x11);
    b.set(0x14, 4, 0xFFFFC000); // so do firmware addresses
    CHECK(b.memory.read({0xFFFFC000}, 1) == 0xFF);
}

TEST_CASE("PCI 2.2, 6.2.5.2: a ROM needs memory space and its own enable bit") {
    Bench b;
    std::vector<u8> frame_buffer(0x100000);
    const std::vector<u8> rom = {0x55, 0xAA, 0x01};
    FlatMemory linear;
    PciVga vga(frame_buffer, linear, linear, rom);
    b.bus.attach(2, 0, vga);
    vga.config_write(0x30, 4, 0xFFFFFFFF);
    CHECK(vga.config_read(0x30, 4) == 0xFFFF0001);
    vga.config_write(0x30, 4, 0xF0000000);
    vga.config_write(4, 2, 2);
    CHECK(b.memory.read({0xF0000000}, 2) == 0xFFFF);
    vga.config_write(0x30, 4, 0xF0000001);
    CHECK(b.memory.read({0xF0000000}, 2) == 0xAA55);
    b.memory.write({0xF0000000}, 2, 0);
    CHECK(b.memory.read({0xF0000000}, 2) == 0xAA55);
}

TEST_CASE("the display adapter's frame buffer is its own to answer for, or plain memory") {
    Bench b;
    std::vector<u8> frame_buffer(0x100000, 0x33);
    FlatMemory linear;
    PciVga vga(frame_buffer, linear, linear, {});
    b.bus.attach(2, 0, vga);
    vga.config_write(0x10, 4, 0xE0000000);
    vga.config_write(4, 2, 2);
    CHECK(b.memory.read({0xE0000001}, 1) == 0x78);
    vga.set_direct(true);
    CHECK(b.memory.read({0xE0000001}, 1) == 0x33);
    vga.set_direct(false);
    CHECK(b.memory.read({0xE0000001}, 1) == 0x78);
}

TEST_CASE("PIIX3, PIRQRC: INTx lines are shared, level-triggered and routed") {
    Bench b;
    Piix4Isa isa;
    b.bus.attach(1, 0, isa);
    b.bus.on_pirq([&](unsigned pirq, bool level) { isa.set_pirq(pirq, level); });
    std::vector<u8> frame_buffer(0x100000);
    FlatMemory linear;
    PciVga other(frame_buffer, linear, linear, {});
    b.bus.attach(7, 0, other); // slots 3 and 7 share PIRQC
    b.card.intx().set(true);
    for (unsigned n = 0; n < 16; ++n) CHECK_FALSE(isa.irq[n].level()); // routing is off after reset
    isa.config_write(0x62, 1, 11);
    CHECK(isa.irq[11].level());
    other.intx().set(true);
    b.card.intx().set(false);
    CHECK(isa.irq[11].level());
    isa.config_write(0x62, 1, 10);
    CHECK_FALSE(isa.irq[11].level());
    CHECK(isa.irq[10].level());
    other.intx().set(false);
    CHECK_FALSE(isa.irq[10].level());
    isa.config_write(0x62, 1, 8); // a reserved code
    other.intx().set(true);
    CHECK_FALSE(isa.irq[8].level());
}

TEST_CASE("PIIX4, RC and P92: what resets what") {
    Bench b;
    ResetControl rc;
    Port92 p92;
    b.bus.set_reset_control(rc);
    b.io.map(0x92, 1, p92, "port 92h");
    int hard = 0, soft = 0, a20 = -1;
    rc.reset_pulse.connect([&](bool level) { hard += level; });
    rc.init_pulse.connect([&](bool level) { soft += level; });
    p92.init_pulse.connect([&](bool level) { soft += level; });
    p92.fast_a20.connect([&](bool level) { a20 = level; });
    b.io.write(0xCF9, 1, 2);
    CHECK(hard == 0);
    b.io.write(0xCF9, 1, 6);
    CHECK(hard == 1);
    CHECK(b.io.read(0xCF9, 1) == 6);
    b.io.write(0xCF9, 1, 6); // no edge
    CHECK(hard == 1);
    b.io.write(0xCF9, 1, 0);
    b.io.write(0xCF9, 1, 4);
    CHECK(soft == 1);
    b.io.write(0x92, 1, 2);
    CHECK(a20 == 1);
    b.io.write(0x92, 1, 3);
    CHECK(soft == 2);
    b.io.write(0x92, 1, 0);
    CHECK(a20 == 0);
}

TEST_CASE("PIIX4, CERR: IRQ 13 and IGNNE#") {
    CoprocessorError c;
    c.set_ferr(true);
    CHECK(c.irq13.level());
    CHECK_FALSE(c.ignne.level());
    c.write8(0, 0);
    CHECK_FALSE(c.irq13.level());
    CHECK(c.ignne.level());
    c.set_ferr(false);
    CHECK_FALSE(c.ignne.level());
    c.write8(0, 0); // nothing pending: IGNNE# stays inactive
    CHECK_FALSE(c.ignne.level());
}

TEST_CASE("PCI 2.2, 3.2.2.3.3: who looks for mechanism #2 or writes bytes finds neither") {
    Bench b;
    b.io.write(0xCFB, 1, 0x01); // as kernels probe: mechanism #1 by a byte, then by a dword
    b.io.write(0xCF8, 4, 0x80000000);
    CHECK(b.io.read(0xCF8, 4) == 0x80000000);
    b.io.write(0xCFB, 1, 0);
    b.io.write(0xCF8, 1, 0);
    b.io.write(0xCFA, 1, 0);
    CHECK(b.io.read(0xCF8, 1) != 0); // zeros would be mechanism #2
    CHECK(b.io.read(0xCFA, 1) != 0);
    CHECK(b.io.read(0xCF8, 4) == 0x80000000);
}

TEST_CASE("PCI 2.2, 6.2: identity is read-only, reserved command bits are zero, errors are cleared by ones") {
    Bench b;
    b.set(0x00, 4, 0);
    b.set(0x08, 4, 0);
    CHECK(b.get(0x00) == 0x56781234);
    CHECK(b.get(0x08) == 0x02000001);
    b.set(0x04, 2, 0xFFFF);
    CHECK(b.get(0x04, 2) == 0x0547);
    b.set(0x3C, 4, 0xFFFFFFFF);
    CHECK(b.get(0x3C) == 0x000000FF); // the line only, not the pin
    b.set(0x40, 4, 0xFFFFFFFF);       // nothing there
    CHECK(b.get(0x40) == 0);
    b.set(0x0D, 1, 0x40); // a byte in the middle of a dword
    CHECK(b.get(0x0C) == 0x00004000);
    Echo registers;
    Piix4Ide ide(registers);
    b.bus.attach(1, 1, ide);
    ide.received_master_abort();
    CHECK(ide.config_read(0x06, 2) == 0x2280);
    ide.config_write(0x06, 2, 0x0080);
    CHECK(ide.config_read(0x06, 2) == 0x2280);
    ide.config_write(0x06, 2, 0x2000);
    CHECK(ide.config_read(0x06, 2) == 0x0280);
}

TEST_CASE("PIIX3, 2.2: what set-up programs of the bridge read back") {
    Bench b;
    Piix4Isa isa;
    b.bus.attach(1, 0, isa);
    CHECK(isa.config_read(0x00, 4) == 0x70008086);
    CHECK(isa.config_read(0x08, 4) == 0x06010000);
    CHECK(isa.config_read(0x0E, 1) == 0x80); // more functions
    CHECK(isa.config_read(0x60, 4) == 0x80808080);
    isa.config_write(0x60, 4, 0xFFFFFFFF);
    CHECK(isa.config_read(0x60, 4) == 0x8F8F8F8F);
    isa.config_write(0x04, 2, 0);
    CHECK(isa.config_read(0x04, 2) == 0x0007); // I/O, memory and bus master cannot be taken away
    isa.config_write(0x4E, 2, 0x0000);
    CHECK(isa.config_read(0x4E, 2) == 0x0000);
    isa.reset(ResetKind::Hard);
    CHECK(isa.config_read(0x4E, 2) == 0x0003);
    CHECK(isa.config_read(0x60, 4) == 0x80808080);
}

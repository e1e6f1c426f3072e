/// 82077AA through its ports, IRQ 6 and DMA channel 2.
#include "devices/i82077aa.h"
#include "tests/catch.h"
#include "tests/devices/storage_bench.h"

using namespace r86;

namespace {

/// A channel that counts down in a buffer, as the 8237A does.
struct FakeDma final : DmaLine {
    std::vector<u8> memory = std::vector<u8>(64 * 1024);
    usize at = 0;
    usize count = 0; // bytes until terminal count
    bool to_memory = true;

    void program(usize bytes, bool towards_memory) {
        at = 0;
        count = bytes;
        to_memory = towards_memory;
    }
    bool ready() const override { return at < count; }
    void set_request(bool) override {}
    void connect(DmaClient*) override {}
    bool write_to_memory(u8 byte, bool& tc) override {
        if (!to_memory || at >= count) return false;
        memory[at++] = byte;
        tc = at == count;
        return true;
    }
    bool read_from_memory(u8& byte, bool& tc) override {
        if (to_memory || at >= count) return false;
        byte = memory[at++];
        tc = at == count;
        return true;
    }
    bool write_to_memory16(u16, bool&) override { return false; }
    bool read_from_memory16(u16&, bool&) override { return false; }
};

struct Bench {
    VirtualTime time;
    std::unique_ptr<BlockImage> image;
    FakeDma dma;
    I82077aa fdc{time.queue, time.log, dma};
    int irqs = 0;

    explicit Bench(u64 sectors = 2880, bool read_only = false) : image(numbered_image(sectors, 512, read_only)) {
        fdc.set_present(0, true);
        fdc.reset(ResetKind::PowerOn);
        fdc.irq().connect([this](bool level) { irqs += level; });
        fdc.insert(0, *image);
        fdc.write8(2, 0x1C);
        wait_irq();
        for (int i = 0; i < 4; ++i) command({0x08});
        command({0x03, 0xDF, 0x02}); // SPECIFY, DMA
        fdc.write8(7, 0);            // 500 kbps
        irqs = 0;
    }
    bool wait_irq() {
        return time.pass_until([this] { return fdc.irq().level(); }, 2'000'000'000);
    }
    /// Sends a command; returns the result bytes that are there at once.
    std::vector<u8> command(std::initializer_list<u8> bytes) {
        for (u8 byte : bytes) {
            REQUIRE((fdc.read8(4) & 0xC0) == 0x80);
            fdc.write8(5, byte);
        }
        return results();
    }
    std::vector<u8> results() {
        std::vector<u8> out;
        while ((fdc.read8(4) & 0xD0) == 0xD0) out.push_back(fdc.read8(5));
        return out;
    }
    std::vector<u8> finish() {
        REQUIRE(wait_irq());
        return results();
    }
    std::vector<u8> seek(u8 cylinder) {
        command({0x0F, 0x00, cylinder});
        REQUIRE(wait_irq());
        return command({0x08});
    }
    u32 number_at(usize offset) const { return dma.memory[offset] | dma.memory[offset + 1] << 8; }
};

using Bytes = std::vector<u8>;

} // namespace

TEST_CASE("fdc 3.0: reset interrupts once and owes four SENSE INTERRUPT results") {
    Bench b;
    b.fdc.write8(2, 0x18);
    CHECK(b.fdc.read8(4) == 0x00);
    b.fdc.write8(2, 0x1C);
    REQUIRE(b.wait_irq());
    CHECK(b.irqs == 1);
    for (u8 i = 0; i < 4; ++i) CHECK(b.command({0x08}) == Bytes{static_cast<u8>(0xC0 + i), 0});
    CHECK_FALSE(b.fdc.irq().level());
    CHECK(b.command({0x08}) == Bytes{0x80}); // nothing pending: invalid command
    b.fdc.write8(4, 0x80);                   // DSR software reset clears itself
    REQUIRE(b.wait_irq());
    CHECK(b.irqs == 2);
}

TEST_CASE("fdc 2.1.2: DMAGATE keeps the interrupt inside") {
    Bench b;
    b.fdc.write8(2, 0x14);
    b.command({0x0F, 0x00, 5});
    b.time.pass(100'000'000);
    CHECK(b.irqs == 0);
    b.fdc.write8(2, 0x1C);
    CHECK(b.irqs == 1);
}

TEST_CASE("fdc: VERSION, unknown opcodes, LOCK, PERPENDICULAR, CONFIGURE and DUMPREG") {
    Bench b;
    CHECK(b.command({0x10}) == Bytes{0x90});
    CHECK(b.command({0x1F}) == Bytes{0x80});
    CHECK(b.command({0x18}) == Bytes{0x80}); // PART ID belongs to later parts
    CHECK(b.command({0x13, 0x00, 0x57, 0x11}).empty());
    CHECK(b.command({0x12, 0x8D}).empty());
    CHECK(b.command({0x94}) == Bytes{0x10});
    CHECK(b.command({0x0E}) == Bytes{0, 0, 0, 0, 0xDF, 0x02, 0, 0x8D, 0x57, 0x11});
    b.fdc.write8(4, 0x80); // locked: FIFO settings survive
    REQUIRE(b.wait_irq());
    for (int i = 0; i < 4; ++i) b.command({0x08});
    CHECK(b.command({0x0E}).at(8) == 0x57);
    CHECK(b.command({0x14}) == Bytes{0x00});
    b.fdc.write8(4, 0x80);
    REQUIRE(b.wait_irq());
    for (int i = 0; i < 4; ++i) b.command({0x08});
    CHECK(b.command({0x0E}).at(8) == 0x60);
}

TEST_CASE("fdc: SEEK and RECALIBRATE take time, set DRV BUSY and interrupt") {
    Bench b;
    b.command({0x0F, 0x00, 40});
    CHECK(b.fdc.read8(4) == 0x81);
    CHECK(b.irqs == 0);
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x20, 40});
    CHECK(b.fdc.read8(4) == 0x80);
    CHECK(b.command({0x04, 0x00}) == Bytes{0x28});
    b.command({0x07, 0x00});
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x20, 0});
    CHECK(b.command({0x04, 0x00}) == Bytes{0x38}); // track 0
    b.command({0x07, 0x01});                       // no drive B
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x71, 0});
    b.seek(10);
    b.command({0xCF, 0x00, 5}); // RELATIVE SEEK inwards
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x20, 15});
    b.command({0x8F, 0x00, 3});
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x20, 12});
}

TEST_CASE("fdc: READ DATA by DMA ends at terminal count with the next sector's ID") {
    Bench b;
    b.seek(3);
    b.dma.program(2 * 512, true);
    CHECK(b.command({0xE6, 0x00, 3, 0, 5, 2, 18, 0x1B, 0xFF}).empty());
    CHECK(b.fdc.read8(4) == 0x10);
    CHECK(b.finish() == Bytes{0x00, 0, 0, 3, 0, 7, 2});
    CHECK_FALSE(b.fdc.irq().level());
    CHECK(b.number_at(0) == 3 * 36 + 4);
    CHECK(b.number_at(512) == 3 * 36 + 5);
}

TEST_CASE("fdc: multi-track goes on at head 1; the last sector leads to the next cylinder's ID") {
    Bench b;
    b.dma.program(19 * 512, true);
    b.command({0xE6, 0x00, 0, 0, 18, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish() == Bytes{0x04, 0, 0, 1, 0, 1, 2});
    CHECK(b.number_at(512) == 18);
    CHECK(b.number_at(18 * 512) == 35);
    b.dma.program(512, true);
    b.command({0xE6, 0x00, 0, 0, 18, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish() == Bytes{0x04, 0, 0, 0, 1, 1, 2});
}

TEST_CASE("fdc: without terminal count the end of the cylinder is an error") {
    Bench b;
    b.dma.program(60'000, true);
    b.command({0x46, 0x00, 0, 0, 17, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish() == Bytes{0x40, 0x80, 0, 1, 0, 1, 2});
}

TEST_CASE("fdc: what cannot be found") {
    Bench b;
    b.dma.program(512, true);
    b.command({0x46, 0x00, 0, 0, 19, 2, 30, 0x1B, 0xFF}); // no sector 19
    CHECK(b.finish() == Bytes{0x40, 0x04, 0, 0, 0, 19, 2});
    b.command({0x46, 0x00, 7, 0, 1, 2, 18, 0x1B, 0xFF}); // the head is on track 0
    CHECK(b.finish() == Bytes{0x40, 0x04, 0x10, 7, 0, 1, 2});
    b.command({0x46, 0x00, 0, 0, 1, 3, 18, 0x1B, 0xFF}); // sector size
    CHECK(b.finish().at(1) == 0x04);
    b.fdc.write8(7, 2); // 250 kbps on a high-density diskette
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(1) == 0x01);
    b.fdc.write8(7, 0);
    for (const u8 opcode : {0x06, 0x0A, 0x16}) { // MFM = 0: nothing is recorded in single density
        std::vector<u8> command{opcode, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF};
        if (opcode == 0x0A) command.resize(2);
        for (const u8 byte : command) b.fdc.write8(5, byte);
        CHECK(b.finish().at(1) == 0x01);
    }
    b.fdc.write8(2, 0x0C); // motor off
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(1) == 0x01);
    b.fdc.write8(2, 0x1C);
    b.dma.program(0, true); // nobody acknowledges
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(1) == 0x10);
}

TEST_CASE("fdc: implied seek moves the head before the transfer") {
    Bench b;
    b.command({0x13, 0x00, 0x57, 0x00});
    b.dma.program(512, true);
    b.command({0x46, 0x04, 20, 1, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish() == Bytes{0x04, 0, 0, 20, 1, 2, 2});
    CHECK(b.number_at(0) == 20 * 36 + 18);
}

TEST_CASE("fdc: WRITE DATA; terminal count inside a sector fills up with zeros") {
    Bench b;
    b.dma.program(700, false);
    std::fill(b.dma.memory.begin(), b.dma.memory.end(), u8{0xA5});
    b.command({0xC5, 0x00, 0, 0, 2, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish() == Bytes{0x00, 0, 0, 0, 0, 4, 2});
    std::vector<u8> two(1024);
    REQUIRE(b.image->read(512, two));
    CHECK(two[0] == 0xA5);
    CHECK(two[699] == 0xA5);
    CHECK(two[700] == 0);
    CHECK(two[1023] == 0);
}

TEST_CASE("fdc: write protect") {
    Bench b(2880, true);
    b.dma.program(512, false);
    b.command({0xC5, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish() == Bytes{0x40, 0x02, 0, 0, 0, 1, 2});
    CHECK((b.command({0x04, 0x00}).at(0) & 0x40));
}

TEST_CASE("fdc: deleted data marks") {
    Bench b;
    b.dma.program(512, false);
    b.command({0xC9, 0x00, 0, 0, 2, 2, 18, 0x1B, 0xFF}); // WRITE DELETED DATA
    CHECK(b.finish().at(0) == 0x00);
    b.dma.program(2048, true);
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF}); // stops after the mark
    CHECK(b.finish() == Bytes{0x00, 0, 0x40, 0, 0, 3, 2});
    CHECK(b.dma.at == 1024);
    b.dma.program(1024, true);
    b.command({0x66, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF}); // SK passes over it
    CHECK(b.finish() == Bytes{0x00, 0, 0x40, 0, 0, 4, 2});
    CHECK(b.number_at(512) == 2);
    b.dma.program(512, true);
    b.command({0x4C, 0x00, 0, 0, 2, 2, 18, 0x1B, 0xFF}); // READ DELETED DATA
    CHECK(b.finish() == Bytes{0x00, 0, 0, 0, 0, 3, 2});
}

TEST_CASE("fdc: READ ID, READ TRACK, VERIFY") {
    Bench b;
    b.seek(2);
    b.command({0x4A, 0x04});
    auto r = b.finish();
    CHECK(r.at(0) == 0x04);
    CHECK(r.at(3) == 2);
    CHECK(r.at(4) == 1);
    CHECK((r.at(5) >= 1 && r.at(5) <= 18));
    CHECK(r.at(6) == 2);
    b.dma.program(18 * 512, true);
    b.command({0x42, 0x00, 2, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(0) == 0x00);
    CHECK(b.number_at(0) == 72);
    CHECK(b.number_at(17 * 512) == 89);
    b.command({0x56, 0x00, 2, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(0) == 0x00);
    b.command({0x56, 0x80, 2, 0, 4, 2, 18, 0x1B, 3}); // EC: three sectors
    CHECK(b.finish() == Bytes{0x00, 0, 0, 2, 0, 7, 2});
    b.command({0x56, 0x00, 2, 0, 1, 2, 20, 0x1B, 0xFF});
    CHECK(b.finish().at(1) == 0x04);
}

TEST_CASE("fdc: SCAN EQUAL, LOW OR EQUAL, HIGH OR EQUAL") {
    Bench b;
    std::vector<u8> sector(512, 0x20);
    REQUIRE(b.image->write(0, sector));
    b.dma.memory.assign(65536, 0x20);
    b.dma.program(512, false);
    b.command({0x51, 0x00, 0, 0, 1, 2, 1, 0x1B, 1});
    CHECK(b.finish().at(2) == 0x08);
    b.dma.memory.assign(65536, 0x30);
    b.dma.program(512, false);
    b.command({0x59, 0x00, 0, 0, 1, 2, 1, 0x1B, 1});
    CHECK(b.finish().at(2) == 0x00);
    b.dma.program(512, false);
    b.command({0x5D, 0x00, 0, 0, 1, 2, 1, 0x1B, 1});
    CHECK(b.finish().at(2) == 0x04);
}

TEST_CASE("fdc: FORMAT TRACK fills the sectors that the host names") {
    Bench b;
    b.seek(1);
    for (u8 i = 0; i < 18; ++i) {
        const u8 id[4] = {1, 0, static_cast<u8>(i + 1), 2};
        std::copy(id, id + 4, b.dma.memory.begin() + 4 * i);
    }
    b.dma.program(72, false);
    b.command({0x4D, 0x00, 2, 18, 0x54, 0xF6});
    CHECK(b.finish().at(0) == 0x00);
    std::vector<u8> track(18 * 512);
    REQUIRE(b.image->read(36 * 512, track));
    CHECK(track == std::vector<u8>(18 * 512, 0xF6));
    REQUIRE(b.image->read(54 * 512, std::span(track).first(512)));
    CHECK(track[0] == 54);
}

TEST_CASE("fdc: non-DMA transfers go by FIFO threshold") {
    Bench b;
    b.command({0x13, 0x00, 0x07, 0x00}); // FIFO on, 8 bytes
    b.command({0x03, 0xDF, 0x03});       // ND
    b.command({0x46, 0x00, 0, 0, 4, 2, 4, 0x1B, 0xFF});
    std::vector<u8> data;
    int chunks = 0;
    while (data.size() < 512) {
        REQUIRE(b.wait_irq());
        ++chunks;
        CHECK(b.fdc.read8(4) == 0xF0);
        while (b.fdc.read8(4) == 0xF0) data.push_back(b.fdc.read8(5));
        CHECK((b.fdc.read8(4) == 0x30 || data.size() == 512));
    }
    CHECK(chunks == 64);
    CHECK(data[0] == 3);
    CHECK(b.finish() == Bytes{0x40, 0x80, 0, 1, 0, 1, 2}); // no TC pin: ends at EOT
    b.command({0x45, 0x00, 0, 0, 4, 2, 4, 0x1B, 0xFF});
    for (int i = 0; i < 512; ++i) {
        REQUIRE(b.time.pass_until([&] { return b.fdc.read8(4) == 0xB0; }, 10'000'000));
        b.fdc.write8(5, static_cast<u8>(i));
    }
    CHECK(b.finish().at(1) == 0x80);
    std::vector<u8> sector(512);
    REQUIRE(b.image->read(3 * 512, sector));
    CHECK(sector[100] == 100);
    CHECK(sector[511] == 255);
}

TEST_CASE("fdc: disk change stays until a step with a diskette in the drive") {
    Bench b;
    CHECK((b.fdc.read8(7) & 0x80));
    b.seek(0); // no step: no change
    CHECK((b.fdc.read8(7) & 0x80));
    b.seek(1);
    CHECK((b.fdc.read8(7) & 0x80) == 0);
    b.fdc.eject(0);
    CHECK((b.fdc.read8(7) & 0x80));
    b.seek(3);
    CHECK((b.fdc.read8(7) & 0x80)); // still nothing in it
    auto other = numbered_image(720);
    b.fdc.insert(0, *other);
    b.seek(4);
    CHECK((b.fdc.read8(7) & 0x80) == 0);
    b.fdc.write8(7, 2); // a 360 KB diskette is read at 250 kbps
    b.dma.program(512, true);
    b.command({0x46, 0x00, 4, 0, 1, 2, 9, 0x1B, 0xFF});
    CHECK(b.finish().at(0) == 0x00);
    CHECK(b.number_at(0) == 4 * 18);
}

TEST_CASE("fdc: a diskette taken out in the middle of a transfer") {
    Bench b;
    b.dma.program(18 * 512, true);
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    b.time.pass(2'000'000);
    b.fdc.eject(0);
    CHECK(b.finish().at(1) == 0x01);
}

TEST_CASE("fdc: all formats read their last sector at their data rate") {
    for (const FloppyGeometry& g : kFloppyGeometries) {
        Bench b(g.bytes() / 512);
        b.fdc.write8(7, static_cast<u8>(g.rate));
        b.seek(static_cast<u8>(g.cylinders - 1));
        const u8 head = static_cast<u8>(g.heads - 1);
        b.dma.program(512, true);
        b.command({0x46, static_cast<u8>(head << 2), static_cast<u8>(g.cylinders - 1), head, g.sectors, 2, g.sectors,
                   0x1B, 0xFF});
        CHECK((b.finish().at(0) & 0xC0) == 0x00);
        CHECK(b.number_at(0) == g.bytes() / 512 - 1);
    }
}

TEST_CASE("fdc: saved in the middle of a transfer, restored to the same bytes") {
    Bench a, b;
    a.dma.program(10 * 512, true);
    a.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    a.time.pass(3'000'000);
    REQUIRE(a.dma.at > 0);
    REQUIRE(a.dma.at < 10 * 512);
    SavedState chip = save(a.fdc), queue = save(a.time.queue);
    b.dma.memory = a.dma.memory;
    b.dma.at = a.dma.at;
    b.dma.count = a.dma.count;
    b.time.clock.set_now(a.time.clock.now());
    load(b.fdc, chip);
    load(b.time.queue, queue);
    CHECK(save(b.fdc).items == chip.items);
    CHECK(a.finish() == b.finish());
    CHECK(a.dma.memory == b.dma.memory);
}

TEST_CASE("fdc: random port writes neither crash nor hang") {
    Bench b;
    u32 seed = 3;
    const auto random = [&] { return seed = seed * 1664525 + 1013904223, seed >> 8; };
    for (int i = 0; i < 200'000; ++i) {
        const u32 r = random();
        switch (r & 7) {
        case 0: b.time.pass(r & 0xFFFFF); break;
        case 1: b.fdc.read8(static_cast<u16>((r >> 3) & 7)); break;
        case 2:
            if ((r & 0xFF00) == 0) b.fdc.write8(static_cast<u16>((r >> 3) & 7), static_cast<u8>(r >> 16));
            b.dma.program(r & 0x3FFF, r & 0x10000);
            break;
        default: b.fdc.write8(5, static_cast<u8>(r >> 8)); b.fdc.read8(5);
        }
    }
    b.fdc.write8(2, 0);
    b.fdc.write8(2, 0x1C);
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}).at(0) == 0xC0);
}

TEST_CASE("fdc 6.2.4: SENSE DRIVE STATUS tells unit, head, track 0 and write protection") {
    Bench b(2880, true);
    CHECK(b.command({0x04, 0x00}) == Bytes{0x78});
    CHECK(b.command({0x04, 0x04}) == Bytes{0x7C}); // head 1
    b.seek(1);
    CHECK(b.command({0x04, 0x00}) == Bytes{0x68});
    CHECK(b.command({0x04, 0x01}) == Bytes{0x29}); // no drive B: neither track 0 nor write protection
    b.fdc.eject(0);
    CHECK(b.command({0x04, 0x00}) == Bytes{0x28});
}

TEST_CASE("fdc 5.2.6: seeks of two drives overlap and each has its interrupt") {
    Bench b;
    b.fdc.set_present(1, true);
    b.command({0x0F, 0x00, 40});
    b.command({0x0F, 0x01, 2});
    CHECK(b.fdc.read8(4) == 0x83); // both busy, the controller free
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x21, 2});
    CHECK(b.fdc.read8(4) == 0x81);
    REQUIRE(b.wait_irq());
    CHECK(b.command({0x08}) == Bytes{0x20, 40});
    b.command({0x07, 0x00});
    b.command({0x07, 0x01});
    b.time.pass(1'000'000'000); // both are done: one interrupt after the other
    CHECK(b.command({0x08}) == Bytes{0x20, 0});
    CHECK(b.fdc.irq().level());
    CHECK(b.command({0x08}) == Bytes{0x21, 0});
    CHECK_FALSE(b.fdc.irq().level());
    CHECK(b.command({0x08}) == Bytes{0x80});
}

TEST_CASE("fdc 2.1: DOR, TDR and the data rate read and write; the status registers are those of the AT") {
    Bench b;
    b.fdc.write8(2, 0x2D);
    CHECK(b.fdc.read8(2) == 0x2D);
    b.fdc.write8(3, 0xFF);
    CHECK(b.fdc.read8(3) == 0x03);
    CHECK(b.fdc.read8(0) == 0xFF); // SRA and SRB are in high impedance
    CHECK(b.fdc.read8(1) == 0xFF);
    CHECK((b.fdc.read8(7) & 0x7F) == 0);
    b.fdc.write8(2, 0x1C);
    b.fdc.write8(4, 0x03); // 1 Mbps by DSR: a 1.44 MB diskette cannot be read so
    b.dma.program(512, true);
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(1) == 0x01);
    b.fdc.write8(7, 0x00); // 500 kbps by CCR
    b.dma.program(512, true);
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF});
    CHECK(b.finish().at(1) == 0x00);
}

TEST_CASE("fdc 2.1.2: the motor and the drive select decide whose disk change line is seen") {
    Bench b;
    CHECK((b.fdc.read8(7) & 0x80));
    b.fdc.write8(2, 0x0C); // motor off
    CHECK((b.fdc.read8(7) & 0x80) == 0);
    b.fdc.write8(2, 0x1D); // drive B selected, which is not there
    CHECK((b.fdc.read8(7) & 0x80) == 0);
    b.fdc.write8(2, 0x0C);
    b.dma.program(512, true);
    b.command({0x46, 0x00, 0, 0, 1, 2, 18, 0x1B, 0xFF}); // a diskette that does not turn shows no address marks
    CHECK(b.finish().at(1) == 0x01);
}

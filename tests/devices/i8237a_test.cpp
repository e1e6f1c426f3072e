#include "devices/i8237a.h"
#include "tests/catch.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Bench {
    Log log;
    PhysicalMemory memory{u64{4} << 20, log};
    I8237aPair dma{memory};
    PortHandler& chip1 = dma.byte_controller();
    PortHandler& chip2 = dma.word_controller();
    Bench() {
        memory.map_default({0}, u64{4} << 20);
        dma.reset(ResetKind::PowerOn);
        chip2.write8(0xB << 1, 0xC0); // channel 4: cascade
        chip2.write8(0xA << 1, 0x00); // unmasked
    }
    /// `mode` without the channel number.
    void program(unsigned n, u8 mode, u32 address, u16 count) {
        static constexpr u8 pages[8] = {7, 3, 1, 2, 15, 11, 9, 10};
        const unsigned scale = n < 4 ? 1 : 2;
        PortHandler& chip = n < 4 ? chip1 : chip2;
        const unsigned c = n & 3;
        const auto out = [&](unsigned port, unsigned v) {
            chip.write8(static_cast<u16>(port * scale), static_cast<u8>(v));
        };
        const u32 current = n < 4 ? address : address >> 1;
        out(0xC, 0);
        out(2 * c, current), out(2 * c, current >> 8);
        out(2 * c + 1, count), out(2 * c + 1, count >> 8u);
        out(0xB, mode | c);
        dma.pages().write8(pages[n], static_cast<u8>(address >> 16));
        out(0xA, c);
    }
    unsigned read_word(u16 port) {
        chip1.write8(0xC, 0);
        const unsigned low = chip1.read8(port);
        return low | chip1.read8(port) << 8;
    }
    u8 at(u64 address) { return static_cast<u8>(memory.read(PhysAddr{address}, 1u)); }
};

struct Client : DmaClient {
    unsigned calls = 0;
    void dma_ready() override { ++calls; }
};

constexpr u8 kSingleWrite = 0x44, kSingleRead = 0x48, kSingleVerify = 0x40, kAuto = 0x10, kDown = 0x20;

} // namespace

TEST_CASE("8237A: a write transfer goes to memory with TC on the last byte, which masks the channel") {
    Bench b;
    b.program(2, kSingleWrite, 0x12340, 3);
    bool tc = false;
    for (unsigned i = 0; i < 4; ++i) {
        REQUIRE(b.dma.channel(2).ready());
        REQUIRE(b.dma.channel(2).write_to_memory(static_cast<u8>(0xA0 + i), tc));
        CHECK(tc == (i == 3));
    }
    CHECK(b.at(0x12340) == 0xA0);
    CHECK(b.at(0x12343) == 0xA3);
    CHECK_FALSE(b.dma.channel(2).ready());
    CHECK_FALSE(b.dma.channel(2).write_to_memory(0, tc));
    CHECK(b.at(0x12344) == 0x00);
    CHECK(b.read_word(5) == 0xFFFF);
    CHECK(b.read_word(4) == 0x2344);
    CHECK(b.chip1.read8(8) == 0x04);
    CHECK(b.chip1.read8(8) == 0x00); // reading clears
}

TEST_CASE("8237A: a read transfer takes from memory; the wrong direction is not acknowledged") {
    Bench b;
    b.memory.write(PhysAddr{0x30000}, 4u, 0x44332211);
    b.program(1, kSingleRead, 0x30000, 1);
    u8 byte = 0;
    bool tc = false;
    CHECK_FALSE(b.dma.channel(1).write_to_memory(9, tc));
    CHECK(b.dma.channel(1).read_from_memory(byte, tc));
    CHECK(byte == 0x11);
    CHECK_FALSE(tc);
    CHECK(b.dma.channel(1).read_from_memory(byte, tc));
    CHECK(byte == 0x22);
    CHECK(tc);
}

TEST_CASE("8237A: verify counts and gives TC but touches no memory") {
    Bench b;
    b.program(3, kSingleVerify, 0x5000, 0);
    bool tc = false;
    CHECK(b.dma.channel(3).write_to_memory(0x77, tc));
    CHECK(tc);
    CHECK(b.at(0x5000) == 0);
}

TEST_CASE("8237A: autoinitialise reloads and does not mask") {
    Bench b;
    b.program(1, kSingleWrite | kAuto, 0x8000, 1);
    bool tc = false;
    for (u8 i = 0; i < 5; ++i) {
        REQUIRE(b.dma.channel(1).write_to_memory(i, tc));
        CHECK(tc == (i & 1));
    }
    CHECK(b.at(0x8000) == 4);
    CHECK(b.at(0x8001) == 3);
    CHECK(b.read_word(2) == 0x8001);
    CHECK(b.read_word(3) == 0);
    CHECK((b.chip1.read8(8) & 0x0F) == 0x02);
}

TEST_CASE("8237A: decrement, and the 64 KiB wrap without a carry into the page") {
    Bench b;
    b.program(0, kSingleWrite | kDown, 0x20001, 3);
    bool tc = false;
    for (u8 i = 1; i < 5; ++i) b.dma.channel(0).write_to_memory(i, tc);
    CHECK(b.at(0x20001) == 1);
    CHECK(b.at(0x20000) == 2);
    CHECK(b.at(0x2FFFF) == 3);
    CHECK(b.at(0x2FFFE) == 4);
    CHECK(b.at(0x1FFFF) == 0);
}

TEST_CASE("8237A: channels 5 to 7 move words, addresses shifted, page bit 0 unused, 128 KiB wrap") {
    Bench b;
    b.program(5, kSingleWrite, 0x5FFFE, 1); // page 05h: bit 16 comes from the current address
    bool tc = false;
    CHECK_FALSE(b.dma.channel(5).write_to_memory(1, tc)); // no byte transfers there
    CHECK(b.dma.channel(5).write_to_memory16(0x1234, tc));
    CHECK(b.dma.channel(5).write_to_memory16(0x5678, tc));
    CHECK(tc);
    CHECK(b.memory.read(PhysAddr{0x5FFFE}, 2u) == 0x1234);
    CHECK(b.memory.read(PhysAddr{0x40000}, 2u) == 0x5678);
    b.program(7, kSingleRead, 0x40000, 0);
    u16 word = 0;
    CHECK(b.dma.channel(7).read_from_memory16(word, tc));
    CHECK(word == 0x5678);
}

TEST_CASE("8237A: the first chip works only through channel 4's cascade; channel 4 itself never transfers") {
    Bench b;
    b.program(2, kSingleWrite, 0x1000, 10);
    CHECK(b.dma.channel(2).ready());
    b.chip2.write8(0xA << 1, 0x04); // mask channel 4
    CHECK_FALSE(b.dma.channel(2).ready());
    b.chip2.write8(0xA << 1, 0x00);
    b.chip1.write8(8, 0x04); // controller disable
    CHECK_FALSE(b.dma.channel(2).ready());
    b.chip1.write8(8, 0x00);
    CHECK(b.dma.channel(2).ready());
    CHECK_FALSE(b.dma.channel(4).ready());
}

TEST_CASE("8237A: mask register, single bits, all bits and clear") {
    Bench b;
    CHECK(b.chip1.read8(0xF) == 0xFF);
    b.chip1.write8(0xE, 0);
    CHECK(b.chip1.read8(0xF) == 0xF0);
    b.chip1.write8(0xA, 0x06);
    CHECK(b.chip1.read8(0xF) == 0xF4);
    b.chip1.write8(0xF, 0x0B);
    CHECK(b.chip1.read8(0xF) == 0xFB);
}

TEST_CASE("8237A: flip-flop, and master clear leaves addresses alone") {
    Bench b;
    b.chip1.write8(0xC, 0);
    b.chip1.write8(0, 0x34);
    b.chip1.write8(0xC, 0); // clear first/last
    b.chip1.write8(0, 0x35);
    b.chip1.write8(0, 0x12);
    CHECK(b.read_word(0) == 0x1235);
    b.chip1.read8(0);
    b.chip1.write8(0xD, 0);
    CHECK(b.chip1.read8(0) == 0x35); // the flip-flop is clear again
    CHECK(b.chip1.read8(0xF) == 0xFF);
}

TEST_CASE("8237A: DREQ shows in the status register and a waiting device is told once") {
    Bench b;
    Client client;
    b.dma.channel(2).connect(&client);
    b.dma.channel(2).set_request(true);
    CHECK(b.chip1.read8(8) == 0x40);
    CHECK(client.calls == 0);
    b.program(2, kSingleWrite, 0x1000, 0);
    CHECK(client.calls == 1);
    b.chip1.write8(0xE, 0);
    CHECK(client.calls == 1);
    bool tc = false;
    b.dma.channel(2).write_to_memory(1, tc);
    b.program(2, kSingleWrite, 0x1000, 0);
    CHECK(client.calls == 2);
}

TEST_CASE("8237A: memory to memory through the temporary register, with a held source") {
    Bench b;
    b.memory.write(PhysAddr{0x10100}, 4u, 0xDDCCBBAA);
    b.program(0, 0x88, 0x10100, 3);
    b.program(1, 0x84, 0x10200, 3);
    b.chip1.write8(8, 0x01);
    b.chip1.write8(9, 0x04); // software request, channel 0
    CHECK(b.memory.read(PhysAddr{0x10200}, 4u) == 0xDDCCBBAA);
    CHECK(b.chip1.read8(0xD) == 0xDD);
    CHECK((b.chip1.read8(8) & 2) == 2);
    b.program(0, 0x88, 0x10100, 3);
    b.program(1, 0x84, 0x10300, 3);
    b.chip1.write8(8, 0x03);
    b.chip1.write8(9, 0x04);
    CHECK(b.memory.read(PhysAddr{0x10300}, 4u) == 0xAAAAAAAA);
}

TEST_CASE("8237A: a software request is not maskable and ends at TC") {
    Bench b;
    b.program(3, 0x80, 0, 0xFFFF);
    b.chip1.write8(0xF, 0x0F);
    b.chip1.write8(9, 0x07);
    CHECK(b.chip1.read8(8) == 0x08);
    CHECK(b.read_word(7) == 0xFFFF);
}

TEST_CASE("8237A: DMA to addresses that nobody claims does no harm") {
    Bench b;
    b.program(2, kSingleWrite, 0xFFFFF0, 0xFF);
    bool tc = false;
    while (!tc) REQUIRE(b.dma.channel(2).write_to_memory(0x55, tc));
    CHECK_FALSE(b.dma.channel(2).ready());
}

TEST_CASE("8237A: state restores in the middle of a transfer") {
    Bench b;
    b.program(2, kSingleWrite | kAuto, 0x1000, 7);
    bool tc = false;
    for (u8 i = 0; i < 3; ++i) b.dma.channel(2).write_to_memory(i, tc);
    b.chip1.read8(4);
    Bench other;
    test::load(other.dma, test::save(b.dma));
    CHECK(test::save(other.dma) == test::save(b.dma));
    other.dma.channel(2).write_to_memory(0x99, tc);
    CHECK(other.at(0x1003) == 0x99);
}

TEST_CASE("8237A, Command Register: Controller Disable holds every channel, and those behind the cascade") {
    Bench b;
    b.program(2, kSingleWrite, 0x20000, 10);
    DmaLine& line = b.dma.channel(2);
    Client client;
    line.connect(&client);
    line.set_request(true);
    CHECK(line.ready());
    b.chip1.write8(0x8, 0x04);
    bool tc = false;
    CHECK_FALSE(line.ready());
    CHECK_FALSE(line.write_to_memory(0x55, tc));
    b.chip1.write8(0x8, 0x00);
    CHECK(line.ready());
    CHECK(client.calls == 1);       // told when the channel works again
    b.chip2.write8(0x8 << 1, 0x04); // the second chip passes the first one's request on
    CHECK_FALSE(line.ready());
    b.chip2.write8(0x8 << 1, 0x00);
    CHECK(line.write_to_memory(0x55, tc));
    CHECK(b.at(0x20000) == 0x55);
}

TEST_CASE("8237A: page registers read back, those without a channel as well; registers that cannot be read float") {
    Bench b;
    for (u16 port = 1; port < 16; ++port) b.dma.pages().write8(port, static_cast<u8>(0x30 + port));
    for (u16 port = 1; port < 16; ++port) CHECK(b.dma.pages().read8(port) == 0x30 + port);
    for (u16 reg : {u16{0x9}, u16{0xA}, u16{0xB}, u16{0xC}, u16{0xE}}) CHECK(b.chip1.read8(reg) == 0xFF);
}

#include "devices/fw_cfg.h"
#include "tests/catch.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Bench {
    Log log;
    PhysicalMemory memory{1 << 20, log};
    IoBus io{log};
    FwCfg fw{memory};

    Bench() {
        io.map(0x510, 12, fw, "fw_cfg");
        fw.add_number(fw_cfg_item::kCpuCount, 1, 2);
        fw.add_file("etc/zeta", {1, 2, 3});
        fw.add_file("etc/alpha", {9, 8, 7, 6, 5});
        fw.finish();
    }
    std::vector<u8> item(u16 number, usize count) {
        io.write(0x510, 2, number);
        std::vector<u8> bytes;
        for (usize i = 0; i < count; ++i) bytes.push_back(static_cast<u8>(io.read(0x511, 1)));
        return bytes;
    }
    void big_endian(u64 address, u32 value) {
        for (unsigned i = 0; i < 4; ++i) memory.write({address + i}, 1, value >> (24 - 8 * i));
    }
    u32 dma(u32 control, u32 length, u32 target) {
        big_endian(0x1000, control);
        big_endian(0x1004, length);
        big_endian(0x1008, 0);
        big_endian(0x100C, target);
        io.write(0x514, 4, 0);
        io.write(0x518, 4, 0x00100000); // 1000h, big endian
        return static_cast<u32>(memory.read({0x1000}, 4));
    }
};

} // namespace

TEST_CASE("fw_cfg: items are read byte by byte from the data register") {
    Bench b;
    CHECK(b.item(0, 6) == std::vector<u8>{'Q', 'E', 'M', 'U', 0, 0});
    CHECK(b.item(1, 4) == std::vector<u8>{3, 0, 0, 0});
    CHECK(b.item(5, 3) == std::vector<u8>{1, 0, 0});
    CHECK(b.item(0x777, 2) == std::vector<u8>{0, 0});
}

// The NUMA item has 16 bytes; its upper half came from shifts by 64 and more, which are undefined (found by fuzz_pci).
TEST_CASE("fw_cfg: a number in an item of more than eight bytes has zeros above") {
    Bench b;
    b.fw.add_number(fw_cfg_item::kNuma, 0x1122334455667788, 16);
    CHECK(b.item(fw_cfg_item::kNuma, 16) ==
          std::vector<u8>{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("fw_cfg: the file directory is big endian and sorted") {
    Bench b;
    const auto directory = b.item(0x19, 4 + 2 * 64);
    CHECK(std::vector<u8>(directory.begin(), directory.begin() + 12) ==
          std::vector<u8>{0, 0, 0, 2, 0, 0, 0, 5, 0, 0x20, 0, 0});
    CHECK(std::string(reinterpret_cast<const char*>(&directory[12])) == "etc/alpha");
    CHECK(std::string(reinterpret_cast<const char*>(&directory[76])) == "etc/zeta");
    CHECK(b.item(0x21, 3) == std::vector<u8>{1, 2, 3});
}

TEST_CASE("fw_cfg: the DMA register shows its signature") {
    Bench b;
    std::string text;
    for (u16 i = 0; i < 8; ++i) text += static_cast<char>(b.io.read(static_cast<u16>(0x514 + i), 1));
    CHECK(text == "QEMU CFG");
}

TEST_CASE("fw_cfg: DMA selects, reads, skips and refuses writes") {
    Bench b;
    b.memory.write({0x2005}, 2, 0xFFFF);
    CHECK(b.dma(0x20u << 16 | 8 | 2, 6, 0x2000) == 0);
    CHECK(b.memory.read({0x2000}, 8) == 0xFF'00'05'06'07'08'09); // five bytes, a zero, then untouched
    CHECK(b.dma(0x20u << 16 | 8 | 4, 2, 0) == 0);
    CHECK(b.dma(2, 2, 0x3000) == 0);
    CHECK(b.memory.read({0x3000}, 2) == 0x0607);
    CHECK(b.dma(16, 2, 0x3000) == 0x01000000);                      // error bit, big endian
    CHECK(b.dma(0x20u << 16 | 8 | 2, 0xFFFFFFFF, 0xFFFFF000) == 0); // nowhere
}

TEST_CASE("fw_cfg, register locations: the selector is a word; bit 14 is ignored, bit 15 chooses the PC's items") {
    Bench b;
    CHECK(b.item(0x4000, 4) == std::vector<u8>{'Q', 'E', 'M', 'U'});
    b.fw.add_number(fw_cfg_item::kIrq0Override, 1, 4);
    CHECK(b.item(0x8002, 4) == std::vector<u8>{1, 0, 0, 0});
    CHECK(b.item(0x0002, 4) == std::vector<u8>{0, 0, 0, 0});
    b.io.write(0x510, 2, 0);
    b.io.write(0x510, 1, 5); // a byte does not select
    CHECK(b.io.read(0x511, 1) == 'Q');
    b.io.write(0x511, 1, 'x'); // data cannot be written
    CHECK(b.io.read(0x511, 1) == 'E');
    b.io.write(0x510, 2, 0); // selecting starts over
    CHECK(b.io.read(0x511, 1) == 'Q');
    CHECK(b.io.read(0x510, 1) == 0); // the selector is write-only
    CHECK(b.io.read(0x511, 1) == 'E');
}

TEST_CASE("fw_cfg, file directory: names of 55 characters, sizes and numbers from 20h on") {
    Bench b;
    FwCfg fw(b.memory);
    const std::string longest(55, 'n');
    fw.add_file(longest, std::vector<u8>(0x12345));
    fw.add_file("a", {});
    fw.finish();
    const auto directory = fw.item(fw_cfg_item::kFileDirectory);
    REQUIRE(directory.size() == 4 + 2 * 64);
    CHECK(directory[3] == 2);
    CHECK(std::vector<u8>(directory.begin() + 4, directory.begin() + 14) ==
          std::vector<u8>{0, 0, 0, 0, 0, 0x20, 0, 0, 'a', 0});
    CHECK(std::vector<u8>(directory.begin() + 68, directory.begin() + 76) ==
          std::vector<u8>{0, 1, 0x23, 0x45, 0, 0x21, 0, 0});
    CHECK(std::string(directory.begin() + 76, directory.begin() + 131) == longest);
    CHECK(directory[131] == 0);
    CHECK(fw.item(0x21).size() == 0x12345);
}

TEST_CASE("fw_cfg, DMA: a select alone, chained reads, a skip past the end, the address in two halves") {
    Bench b;
    CHECK(b.dma(0x20u << 16 | 8, 0, 0) == 0);
    CHECK(b.io.read(0x511, 1) == 9);
    CHECK(b.dma(2, 1, 0x2000) == 0); // both ways share the position
    CHECK(b.memory.read({0x2000}, 1) == 8);
    CHECK(b.dma(4, 0x7FFFFFFF, 0) == 0);
    CHECK(b.io.read(0x511, 1) == 0);
    b.memory.write({0x2000}, 2, 0xFFFF);
    CHECK(b.dma(2, 1, 0x2000) == 0);
    CHECK(b.memory.read({0x2000}, 2) == 0xFF00); // a zero, and no more than asked for
    // The high half alone starts nothing; 4 GiB up there is no descriptor, and nothing happens in low memory.
    b.big_endian(0x1000, 0x00200000 | 8 | 2);
    b.big_endian(0x1004, 1);
    b.io.write(0x514, 4, 0x01000000);
    CHECK(b.memory.read({0x1000}, 4) == 0x0A002000);
    b.io.write(0x518, 4, 0x00100000);
    CHECK(b.memory.read({0x1000}, 4) == 0x0A002000);
    // The address was used up: the low half alone now means below 4 GiB.
    b.io.write(0x518, 4, 0x00100000);
    CHECK(b.memory.read({0x1000}, 4) == 0);
}

TEST_CASE("fw_cfg: words of a file follow a base when the file is selected") {
    Log log;
    PhysicalMemory memory{1 << 20, log};
    FwCfg fw{memory};
    u16 base = 0x600;
    fw.add_file("etc/a", {1});
    fw.add_file("etc/tables", {0xAA, 0x04, 0x06, 0xBB, 0xFC, 0x06, 0xCC});
    fw.follow_base("etc/tables", {1, 4}, 0x600, [&base] { return base; });
    fw.finish();
    const auto content = [&fw] {
        const auto bytes = fw.item(0x21);
        return std::vector<u8>(bytes.begin(), bytes.end());
    };
    const std::vector<u8> before = {0xAA, 0x04, 0x06, 0xBB, 0xFC, 0x06, 0xCC};
    const std::vector<u8> after = {0xAA, 0x44, 0xB0, 0xBB, 0x3C, 0xB1, 0xCC};
    fw.write16(0, 0x21);
    CHECK(content() == before);
    base = 0xB040;
    fw.write16(0, 0x20); // another file
    CHECK(content() == before);
    fw.write16(0, 0x21);
    CHECK(content() == after);
    const test::Values state = test::save(fw);
    fw.reset(ResetKind::PowerOn);
    CHECK(content() == before);
    test::load(fw, state);
    CHECK(content() == after);
    base = 0x600;
    fw.write16(0, 0x21);
    CHECK(content() == before);
}

/// ATA disk through its ports, by ATA/ATAPI-6 sections.
#include "core/bits.h"
#include "tests/catch.h"
#include "tests/devices/ide_ata_fixture.h"

using namespace r86;

namespace {

using Bench = AtaBench;

std::string text(const std::vector<u16>& words, usize at, usize count) {
    std::string out;
    for (usize i = at; i < at + count; ++i) {
        out += static_cast<char>(words[i] >> 8);
        out += static_cast<char>(words[i] & 0xFF);
    }
    return out;
}

} // namespace

TEST_CASE("ata 9.12: the signature after power-on and after SRST") {
    Bench b;
    for (int round = 0; round < 2; ++round) {
        CHECK(b.port.read8(1) == 0x01);
        CHECK(b.port.read8(2) == 1);
        CHECK(b.port.read8(3) == 1);
        CHECK(b.port.read8(4) == 0);
        CHECK(b.port.read8(5) == 0);
        CHECK((b.status() & (BSY | DRDY)) == DRDY);
        b.address(0x123456, 7);
        b.control.write8(0, 0x04);
        CHECK(b.control.read8(0) == BSY);
        b.control.write8(0, 0x00);
    }
}

TEST_CASE("ata 9.16: device 0 answers Status 00h for an absent device 1; an empty cable is not busy") {
    Bench b;
    b.port.write8(6, 0xB0);
    CHECK(b.status() == 0);
    CHECK(b.control.read8(0) == 0);
    CHECK(b.port.read8(6) == 0xB0);
    b.command(0xEC);
    b.time.pass(1'000'000);
    CHECK(b.irqs == 0);
    CHECK(b.secondary.command_block().read8(7) == 0x7F); // table 5: the host pulls DD7 down
    CHECK(b.secondary.control_block().read8(0) == 0x7F);
    CHECK(b.secondary.command_block().read16(0) == 0xFF7F);
}

TEST_CASE("ata 8.15: IDENTIFY DEVICE") {
    Bench b;
    b.command(0xEC);
    CHECK(b.status() & BSY);
    REQUIRE(b.wait());
    CHECK(b.irqs == 1);
    CHECK(b.primary.irq().level());
    CHECK((b.status() & (DRQ | ERR)) == DRQ);
    CHECK_FALSE(b.primary.irq().level());
    const auto words = b.read_words();
    CHECK((b.status() & (BSY | DRQ)) == 0);
    CHECK(words[0] == 0x0040);
    CHECK(words[1] == 198);
    CHECK(words[3] == 16);
    CHECK(words[6] == 63);
    CHECK(text(words, 27, 20) == "rewind86 HARDDISK                       ");
    CHECK(text(words, 10, 10) == "R860001             ");
    CHECK((words[60] | words[61] << 16) == 200'000);
    CHECK((words[100] | words[101] << 16) == 200'000);
    CHECK((words[49] & 0x0300) == 0x0300);
    CHECK((words[83] & 0xC400) == 0x4400);
    u8 sum = 0;
    for (u16 word : words) sum = static_cast<u8>(sum + word + (word >> 8));
    CHECK(sum == 0);
}

TEST_CASE("ata 9.5: READ SECTORS interrupts for each sector and ends without one") {
    Bench b;
    b.address(1000, 3);
    b.command(0x20);
    for (u32 i = 0; i < 3; ++i) {
        REQUIRE(b.wait());
        CHECK(b.irqs == static_cast<int>(i + 1));
        CHECK((b.status() & DRQ));
        CHECK(b.sector_number() == 1000 + i);
    }
    CHECK((b.status() & (BSY | DRQ | ERR)) == 0);
    b.time.pass(1'000'000);
    CHECK(b.irqs == 3);
}

TEST_CASE("ata: an interrupt never comes before a driver can leave its start routine") {
    Bench b;
    b.address(0, 1);
    b.command(0x20);
    b.time.pass(20'000); // Windows 2000 loses faster ones
    CHECK(b.irqs == 0);
    b.time.pass(100'000);
    CHECK(b.irqs == 1);
}

TEST_CASE("ata: CHS addresses follow INITIALIZE DEVICE PARAMETERS") {
    Bench b;
    b.address(0, 1, 0xA3); // cylinder 0, head 3
    b.port.write8(3, 5);
    b.command(0x20);
    REQUIRE(b.wait());
    CHECK(b.sector_number() == 3 * 63 + 4);
    b.address(0, 17, 0xA7); // 17 sectors, 8 heads
    b.command(0x91);
    REQUIRE(b.wait());
    b.address(0, 1, 0xA1);
    b.port.write8(3, 2);
    b.port.write8(4, 10); // cylinder
    b.command(0x20);
    REQUIRE(b.wait());
    CHECK(b.sector_number() == (10 * 8 + 1) * 17 + 1);
    b.port.write8(3, 18); // no such sector
    b.command(0x20);
    REQUIRE(b.wait());
    CHECK((b.status() & ERR));
    CHECK(b.port.read8(1) == 0x10);
}

TEST_CASE("ata: 48-bit reads, and HOB shows the previous register content") {
    Bench b;
    b.address48(199'999, 1);
    b.control.write8(0, 0x80);
    CHECK(b.port.read8(2) == 0);
    b.control.write8(0, 0x00);
    CHECK(b.port.read8(2) == 1);
    b.command(0x24);
    REQUIRE(b.wait());
    CHECK(b.sector_number() == 199'999);
}

TEST_CASE("ata 9.5: WRITE SECTORS asks for the first block without an interrupt") {
    Bench b;
    b.address(50, 2);
    b.command(0x30);
    CHECK((b.status() & DRQ));
    CHECK(b.irqs == 0);
    for (int i = 0; i < 256; ++i) b.port.write16(0, 0x1234);
    CHECK(b.status() & BSY);
    REQUIRE(b.wait());
    CHECK(b.irqs == 1);
    CHECK((b.status() & DRQ));
    for (int i = 0; i < 128; ++i) b.port.write32(0, 0xCAFEBABE);
    REQUIRE(b.wait());
    CHECK(b.irqs == 2);
    CHECK((b.status() & (DRQ | ERR)) == 0);
    std::vector<u8> two(1024);
    REQUIRE(b.image->read(50 * 512, two));
    CHECK(two[0] == 0x34);
    CHECK(two[511] == 0x12);
    CHECK(two[512] == 0xBE);
    CHECK(b.image->changed_clusters().size() == 1);
}

TEST_CASE("ata: READ MULTIPLE moves blocks, the last one short; it fails when multiple mode is off") {
    Bench b;
    b.address(0, 4);
    b.command(0xC6);
    REQUIRE(b.wait());
    b.address(100, 6);
    b.command(0xC4);
    REQUIRE(b.wait());
    b.irqs = 0;
    for (u32 i = 0; i < 4; ++i) CHECK(b.sector_number() == 100 + i);
    REQUIRE(b.wait());
    CHECK(b.irqs == 0); // the edge of the second block needs the first to be acknowledged
    for (u32 i = 4; i < 6; ++i) CHECK(b.sector_number() == 100 + i);
    CHECK((b.status() & DRQ) == 0);
    b.address(0, 0);
    b.command(0xC6);
    REQUIRE(b.wait());
    CHECK((b.status() & ERR) == 0);
    b.address(100, 1);
    b.command(0xC4);
    CHECK((b.status() & ERR));
    CHECK(b.port.read8(1) == 0x04);
    b.address(0, 3); // no power of two
    b.command(0xC6);
    CHECK((b.status() & ERR));
}

TEST_CASE("ata: a read over the end delivers what exists and names the first sector that does not") {
    Bench b(1000);
    b.address(998, 4);
    b.command(0x20);
    for (u32 i = 0; i < 2; ++i) {
        REQUIRE(b.wait());
        CHECK(b.sector_number() == 998 + i);
    }
    REQUIRE(b.wait());
    CHECK((b.status() & (ERR | DRQ)) == ERR);
    CHECK(b.port.read8(1) == 0x10);
    CHECK((b.port.read8(3) | b.port.read8(4) << 8) == 1000);
}

TEST_CASE("ata: a read-only image refuses writes with a device error") {
    Bench b(1000, true);
    b.address(0, 1);
    b.command(0x30);
    CHECK((b.status() & (ERR | DRQ)) == ERR);
    CHECK((b.port.read8(1) & 0x04));
}

TEST_CASE("ata: unknown commands abort; NOP too") {
    Bench b;
    for (u8 code : {0x00, 0xA0, 0xA1, 0x50, 0xFF, 0x08}) {
        b.command(code);
        CHECK((b.status() & (BSY | DRDY | ERR)) == (DRDY | ERR));
        CHECK(b.port.read8(1) == 0x04);
    }
}

TEST_CASE("ata: nIEN keeps INTRQ away from the line") {
    Bench b;
    b.control.write8(0, 0x02);
    b.address(0, 1);
    b.command(0x20);
    REQUIRE(b.wait());
    CHECK(b.irqs == 0);
    b.control.write8(0, 0x00);
    CHECK(b.irqs == 1);
    b.control.read8(0);
    CHECK(b.primary.irq().level()); // Alternate Status does not acknowledge
    b.status();
    CHECK_FALSE(b.primary.irq().level());
}

TEST_CASE("ata: features, power, SMART, native size, buffer") {
    Bench b;
    b.port.write8(1, 0x03);
    b.port.write8(2, 0x42); // Ultra DMA 2
    b.command(0xEF);
    REQUIRE(b.wait());
    CHECK((b.status() & ERR) == 0);
    b.command(0xEC);
    REQUIRE(b.wait());
    CHECK(b.read_words()[88] == 0x043F);
    b.port.write8(1, 0x03);
    b.port.write8(2, 0x47);
    b.command(0xEF);
    CHECK((b.status() & ERR));
    b.command(0xE0);
    REQUIRE(b.wait());
    b.command(0xE5);
    REQUIRE(b.wait());
    CHECK(b.port.read8(2) == 0x00);
    b.address(0, 0);
    b.command(0xF8);
    REQUIRE(b.wait());
    CHECK((b.port.read8(3) | b.port.read8(4) << 8 | b.port.read8(5) << 16) == 199'999);
    b.address(0xC24F00, 0);
    b.port.write8(1, 0xDA);
    b.command(0xB0);
    REQUIRE(b.wait());
    CHECK(b.port.read8(4) == 0x4F);
    CHECK(b.port.read8(5) == 0xC2);
    CHECK((b.status() & ERR) == 0);
    b.command(0xE8);
    for (u16 i = 0; i < 256; ++i) b.port.write16(0, i);
    REQUIRE(b.wait());
    b.command(0xE4);
    REQUIRE(b.wait());
    CHECK(b.read_words()[255] == 255);
    b.command(0xE7);
    REQUIRE(b.wait());
    CHECK((b.status() & (ERR | DRQ)) == 0);
}

TEST_CASE("ata 8.51: SET MAX ADDRESS hides the end of the disk, after READ NATIVE MAX ADDRESS only") {
    Bench b;
    const auto capacity = [&] {
        b.command(0xEC);
        REQUIRE(b.wait());
        const auto words = b.read_words();
        CHECK((words[82] & 0x0400) != 0);
        CHECK((words[100] | words[101] << 16) == (words[60] | words[61] << 16));
        return words[60] | words[61] << 16;
    };
    const auto set_max = [&](u64 last, u8 count, bool extended) {
        b.address(0, 0);
        b.command(extended ? 0x27 : 0xF8);
        REQUIRE(b.wait());
        if (extended)
            b.address48(last, count);
        else
            b.address(last, count);
        b.command(extended ? 0x37 : 0xF9);
        REQUIRE(b.wait());
        return b.status() & ERR;
    };
    b.address(99'999, 0);
    b.command(0xF9); // nothing came before it
    CHECK((b.status() & ERR));
    CHECK(b.port.read8(1) == 0x04);
    CHECK(set_max(200'000, 0, false) != 0); // more than there is
    CHECK(b.port.read8(1) == 0x10);
    CHECK(set_max(99'999, 0, false) == 0);
    CHECK(capacity() == 100'000);
    b.address(99'999, 2);
    b.command(0x20);
    REQUIRE(b.wait());
    CHECK(b.sector_number() == 99'999);
    REQUIRE(b.wait());
    CHECK((b.status() & ERR));
    CHECK(b.port.read8(1) == 0x10);
    CHECK(b.port.read8(3) == (100'000 & 0xFF)); // the first that is not there
    b.control.write8(0, 0x04);
    b.control.write8(0, 0x00);
    CHECK(capacity() == 100'000); // a software reset keeps it
    b.primary.reset(ResetKind::Hard);
    CHECK(capacity() == 200'000);
    CHECK(set_max(49'999, 1, true) == 0); // VV: for good
    b.primary.reset(ResetKind::Hard);
    CHECK(capacity() == 50'000);
    b.address(0, 0);
    b.command(0xF8); // the native size stays
    REQUIRE(b.wait());
    CHECK((b.port.read8(3) | b.port.read8(4) << 8 | b.port.read8(5) << 16) == 199'999);
}

TEST_CASE("ata 8.55: SMART data, thresholds, logs and self-tests") {
    Bench b;
    const auto smart = [&](u8 feature, u8 low = 0, u8 count = 1) {
        b.address(0xC24F00u | low, count);
        b.port.write8(1, feature);
        b.command(0xB0);
        REQUIRE(b.wait());
        return !(b.status() & ERR);
    };
    const auto page = [&] {
        std::vector<u8> bytes;
        for (u16 word : b.read_words()) {
            bytes.push_back(static_cast<u8>(word));
            bytes.push_back(static_cast<u8>(word >> 8));
        }
        return bytes;
    };
    const auto sum = [](const std::vector<u8>& bytes) {
        u8 total = 0;
        for (u8 byte : bytes) total = static_cast<u8>(total + byte);
        return total;
    };
    REQUIRE(smart(0xD0));
    auto data = page();
    CHECK(sum(data) == 0);
    CHECK(data[2] == 9); // the first attribute, in both pages
    CHECK((data[367] & 0x11) == 0x11);
    REQUIRE(smart(0xD1));
    data = page();
    CHECK(sum(data) == 0);
    CHECK(data[2] == 9);
    REQUIRE(smart(0xD5, 0x06)); // self-test log: empty
    CHECK(page()[508] == 0);
    for (u8 kind : {u8{0x00}, u8{0x01}, u8{0x82}, u8{0x7F}}) CHECK(smart(0xD4, kind));
    CHECK_FALSE(smart(0xD4, 0x33));
    REQUIRE(smart(0xD5, 0x06));
    data = page();
    CHECK(sum(data) == 0);
    CHECK(data[508] == 2);
    CHECK(data[2] == 0x82);
    CHECK(data[3] == 0); // completed without error
    REQUIRE(smart(0xD5, 0x01));
    data = page();
    CHECK(sum(data) == 0);
    CHECK(data[1] == 0); // no error
    REQUIRE(smart(0xD5, 0x00));
    data = page();
    CHECK(data[2 * 1] == 1);
    CHECK(data[2 * 6] == 1);
    CHECK_FALSE(smart(0xD5, 0x80));
    CHECK_FALSE(smart(0xD5, 0x06, 2));
    CHECK(smart(0xD9));
    CHECK_FALSE(smart(0xD0)); // disabled
    CHECK(smart(0xD8));
    CHECK(smart(0xD0));
}

TEST_CASE("ata 8.11: EXECUTE DEVICE DIAGNOSTIC reports 01h and interrupts") {
    Bench b;
    b.port.write8(6, 0xB0);
    b.command(0x90);
    CHECK(b.irqs == 1);
    CHECK(b.port.read8(1) == 0x01);
    CHECK(b.port.read8(6) == 0xA0);
}

TEST_CASE("bus master: READ DMA scatters over regions, then Active is clear and Interrupt set") {
    Bench b;
    b.prd(0x1000, 0x8000, 512, false);
    b.prd(0x1008, 0x20000, 1024, true);
    b.address(700, 3);
    b.command(0xC8);
    b.start_bus_master(true, 0x1000);
    CHECK(b.bus_master.read8(2) == 0x01);
    REQUIRE(b.time.pass_until([&] { return b.irqs == 1; }, 10'000'000));
    CHECK(b.bus_master.read8(2) == 0x04);
    CHECK((b.status() & (BSY | DRQ | ERR)) == 0);
    CHECK(b.memory.read(PhysAddr{0x8000}, 4) == 700);
    CHECK(b.memory.read(PhysAddr{0x20000}, 4) == 701);
    CHECK(b.memory.read(PhysAddr{0x20200}, 4) == 702);
    b.bus_master.write8(2, 0x04);
    CHECK(b.bus_master.read8(2) == 0x00);
}

TEST_CASE("bus master: a table larger than the transfer leaves Active set; started late it still works") {
    Bench b;
    b.prd(0x1000, 0x8000, 4096, true);
    b.address(5, 1);
    b.command(0xC8);
    b.time.pass(5'000'000);
    CHECK(b.irqs == 0); // the drive waits for the host
    b.start_bus_master(true, 0x1000);
    b.time.pass(50'000); // no millisecond of its own
    CHECK(b.irqs == 1);
    CHECK(b.bus_master.read8(2) == 0x05);
    CHECK(b.memory.read(PhysAddr{0x8000}, 4) == 5);
}

TEST_CASE("bus master: a table that is too small ends inactive without an interrupt, and more can follow") {
    Bench b;
    b.prd(0x1000, 0x8000, 512, true);
    b.address(10, 2);
    b.command(0xC8);
    b.start_bus_master(true, 0x1000);
    b.time.pass(10'000'000);
    CHECK(b.irqs == 0);
    CHECK((b.bus_master.read8(2) & 0x05) == 0);
    b.prd(0x1000, 0x9000, 512, true);
    b.start_bus_master(true, 0x1000);
    b.time.pass(1'000'000);
    CHECK(b.irqs == 1);
    CHECK(b.memory.read(PhysAddr{0x9000}, 4) == 11);
}

TEST_CASE("bus master: WRITE DMA EXT gathers; 128 KiB go in pieces") {
    Bench b;
    for (u32 i = 0; i < 256; ++i) b.memory.write(PhysAddr{0x20000 + i * 512}, 4, 0xABC00000u + i);
    b.prd(0x1000, 0x20000, 0, false); // 0 means 64 KiB
    b.prd(0x1008, 0x30000, 0, true);
    b.address48(1000, 256);
    b.command(0x35);
    b.start_bus_master(false, 0x1000);
    REQUIRE(b.time.pass_until([&] { return b.irqs == 1; }, 100'000'000));
    CHECK((b.status() & ERR) == 0);
    std::vector<u8> sector(512);
    for (u32 i : {0u, 127u, 128u, 255u}) {
        REQUIRE(b.image->read((1000 + i) * 512, sector));
        CHECK((sector[0] | sector[1] << 8) == static_cast<int>(i));
        CHECK(sector[3] == 0xAB);
    }
}

TEST_CASE("bus master: a hostile table ends, wherever it points") {
    Bench b;
    // Every descriptor of the 64 KiB table is two bytes long and none is the last: the table wraps.
    for (u32 i = 0; i < 0x10000; i += 8) b.prd(0x10000 + i, 0x8000, 2, false);
    b.address(0, 128);
    b.command(0xC8);
    b.start_bus_master(true, 0x1FFF8);
    REQUIRE(b.time.pass_until([&] { return b.irqs == 1; }, 100'000'000));
    CHECK((b.status() & ERR) == 0);
}

TEST_CASE(
    "bus master: a table or a region where nobody answers ends with Error and a master abort, and the drive waits") {
    for (const bool table_missing : {true, false}) {
        Bench b; // with 1 MiB of memory
        int aborts = 0;
        b.bus_master.on_master_abort([&] { ++aborts; });
        b.prd(0x1000, 0xFF000, 0x2000, true); // the second page of the region is beyond
        b.address(0, 16);
        b.command(0xC8);
        b.start_bus_master(true, table_missing ? 0x00200000 : 0x1000);
        b.time.pass(10'000'000);
        CHECK(aborts == 1);
        CHECK(b.bus_master.read8(2) == 0x02); // Error, not Active, no Interrupt
        CHECK(b.irqs == 0);
        CHECK((b.control.read8(0) & (BSY | DRQ)) == DRQ);
        CHECK(b.memory.read(PhysAddr{0xFF000}, 4) == (table_missing ? 0u : 0u));
        CHECK(b.memory.read(PhysAddr{0xFF200}, 4) == (table_missing ? 0u : 1u)); // what had an address arrived
        b.bus_master.write8(0, 0);
        b.bus_master.write8(2, 0x02); // written with one to clear
        CHECK(b.bus_master.read8(2) == 0x00);
        b.control.write8(0, 0x04); // the driver resets the drive and goes on
        b.control.write8(0, 0x00);
        b.prd(0x1000, 0x20000, 0x2000, true);
        b.address(0, 16);
        b.command(0xC8);
        b.start_bus_master(true, 0x1000);
        REQUIRE(b.wait());
        b.time.pass(10'000'000);
        CHECK(b.bus_master.read8(2) == 0x04);
        CHECK(b.memory.read(PhysAddr{0x21E00}, 4) == 15);
    }
}

TEST_CASE("ata: saved in the middle of PIO and DMA transfers, restored to the same bytes") {
    for (const bool dma : {false, true}) {
        Bench a, b;
        a.prd(0x1000, 0x8000, 0, true);
        b.prd(0x1000, 0x8000, 0, true);
        a.address(300, 4);
        a.command(dma ? 0xC8 : 0x20);
        if (dma)
            a.start_bus_master(true, 0x1000);
        else
            REQUIRE(a.wait());
        if (!dma) {
            for (int i = 0; i < 100; ++i) a.port.read16(0);
        }
        SavedState channel = save(a.primary), master = save(a.bus_master), queue = save(a.time.queue);
        b.time.clock.set_now(a.time.clock.now());
        load(b.primary, channel);
        load(b.bus_master, master);
        load(b.time.queue, queue);
        CHECK(save(b.primary).items == channel.items);
        if (dma) {
            a.time.pass(10'000'000);
            b.time.pass(10'000'000);
            CHECK(b.irqs == 1);
            for (u32 at = 0; at < 2048; at += 8)
                REQUIRE(a.memory.read(PhysAddr{0x8000 + at}, 8) == b.memory.read(PhysAddr{0x8000 + at}, 8));
        } else {
            CHECK(a.read_words(156) == b.read_words(156));
            REQUIRE(a.wait());
            REQUIRE(b.wait());
            CHECK(a.sector_number() == 301);
            CHECK(b.sector_number() == 301);
        }
        CHECK(save(a.primary).items == save(b.primary).items);
    }
}

TEST_CASE("ata: saved behind a transfer of several sectors, restored to the same state") {
    Bench a, b;
    a.address(300, 4);
    a.command(0x20);
    for (int sector = 0; sector < 4; ++sector) {
        REQUIRE(a.wait());
        a.read_words(256);
    }
    SavedState channel = save(a.primary);
    load(b.primary, channel);
    CHECK(save(b.primary).items == channel.items);
}

TEST_CASE("ata: random register writes neither crash nor hang") {
    Bench b(500);
    u32 seed = 1;
    const auto random = [&] { return seed = seed * 1664525 + 1013904223; };
    for (int i = 0; i < 100'000; ++i) {
        const u32 r = random() >> 8;
        switch (r & 7) {
        case 0: b.port.write32(0, random()); break;
        case 1: b.port.read16(0); break;
        case 2: b.bus_master.write8(static_cast<u16>((r >> 3) & 15), static_cast<u8>(r >> 8)); break;
        case 3: b.control.write8(0, static_cast<u8>(r >> 8)); break;
        case 4: b.time.pass(r & 0xFFFF); break;
        default: b.port.write8(static_cast<u16>((r >> 3) & 7), static_cast<u8>(r >> 8));
        }
    }
    b.control.write8(0, 4);
    b.control.write8(0, 0);
    CHECK((b.status() & (BSY | DRDY)) == DRDY);
}

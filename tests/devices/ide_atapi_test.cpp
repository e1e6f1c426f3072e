/// ATAPI CD-ROM through its ports.
#include "tests/devices/ide_atapi_fixture.h"

using namespace r86;
using namespace r86::atapi;

TEST_CASE("atapi: the signature is not seen again where device 1 is absent") {
    Bench b;
    b.port.write8(6, 0xA0);
    CHECK(b.port.read8(4) == 0x14);
    CHECK(b.port.read8(5) == 0xEB);
    b.port.write8(6, 0xB0);
    for (u16 reg = 1; reg < 6; ++reg) CHECK(b.port.read8(reg) == 0);
    CHECK(b.port.read8(6) == 0xB0);
    CHECK(b.port.read8(7) == 0);
}

TEST_CASE("atapi 9.12: signature, and IDENTIFY DEVICE aborts with it") {
    Bench b;
    for (int round = 0; round < 2; ++round) {
        CHECK(b.port.read8(4) == 0x14);
        CHECK(b.port.read8(5) == 0xEB);
        CHECK(b.port.read8(2) == 1);
        if (round == 0) CHECK((b.port.read8(7) & (BSY | DRDY)) == 0);
        b.port.write8(4, 0);
        b.port.write8(7, 0xEC);
        CHECK((b.port.read8(7) & (BSY | ERR)) == ERR);
        CHECK(b.port.read8(1) == 0x04);
    }
    b.port.write8(7, 0xA1);
    REQUIRE(b.wait());
    const u16 first = b.port.read16(0);
    CHECK(first == 0x85C0);
}

TEST_CASE("atapi: DEVICE RESET works while busy and does not interrupt") {
    Bench b;
    b.send({0x00});
    b.irqs = 0;
    b.port.write8(7, 0x08);
    CHECK(b.port.read8(7) == 0);
    CHECK(b.port.read8(5) == 0xEB);
    b.time.pass(10'000'000);
    CHECK(b.irqs == 0);
}

TEST_CASE("atapi: INQUIRY honours the allocation length") {
    Bench b;
    CHECK(b.run({0x12, 0, 0, 0, 36}).size() == 36);
    const auto data = b.run({0x12, 0, 0, 0, 5});
    CHECK(data == std::vector<u8>{0x05, 0x80, 0x00, 0x21, 31});
    CHECK(b.run({0x12, 0, 0, 0, 0}).empty());
    CHECK_FALSE(b.failed);
}

TEST_CASE("atapi: READ(10) in DRQ blocks of the byte count limit") {
    Bench b;
    const Packet read{0x28, 0, 0, 0, 0, 100, 0, 0, 3};
    for (u16 limit : {2048, 512, 4096, 0xFFFE, 0, 3000}) {
        const auto data = b.run(read, limit ? limit : 0xFFFF);
        REQUIRE(data.size() == 3 * 2048);
        CHECK(data[0] == 100);
        CHECK(data[2048] == 101);
        CHECK(data[4096] == 102);
        CHECK(data[6143] == static_cast<u8>(102 * 7 + 2047));
        if (limit == 512) CHECK(b.blocks == 12);
        if (limit == 4096) CHECK(b.blocks == 2);
        if (limit == 3000) CHECK(b.blocks == 3);
    }
    CHECK(b.run({0xA8, 0, 0, 0, 0, 7, 0, 0, 0, 1}).at(0) == 7);
    b.run({0x28, 0, 0, 0, 3, 0xE8, 0, 0, 1}); // sector 1000
    CHECK(b.failed);
    CHECK(b.port.read8(1) == 0x54);
    CHECK(b.sense() == 0x052100);
    CHECK(b.sense() == 0); // told once
}

TEST_CASE("atapi: READ(10) by DMA") {
    Bench b;
    b.memory.write(PhysAddr{0x1000}, 4, 0x10000);
    b.memory.write(PhysAddr{0x1004}, 4, 0x80000000 | 40 * 2048 % 0x10000);
    b.memory.write(PhysAddr{0x1000}, 4, 0x10000);
    b.memory.write(PhysAddr{0x1004}, 4, 0);
    b.memory.write(PhysAddr{0x1008}, 4, 0x20000);
    b.memory.write(PhysAddr{0x100C}, 4, 0x80000000 | (40 * 2048 - 0x10000));
    b.send({0x28, 0, 0, 0, 0, 20, 0, 0, 40}, 0, true);
    b.bus_master.write32(12, 0x1000);
    b.bus_master.write8(8, 0x09);
    REQUIRE(b.time.pass_until([&] { return b.irqs == 1; }, 100'000'000));
    CHECK((b.port.read8(7) & (BSY | DRQ | ERR)) == 0);
    CHECK(b.port.read8(2) == 3);
    CHECK(b.bus_master.read8(10) == 0x04);
    for (u32 i = 0; i < 40; ++i) CHECK(b.memory.read(PhysAddr{0x10000 + i * 2048}, 4) == 20 + i);
}

TEST_CASE("atapi: media changes give NOT READY and UNIT ATTENTION in order") {
    Bench b(false);
    b.run({0x00});
    CHECK(b.failed);
    CHECK(b.port.read8(1) == 0x24);
    CHECK(b.sense() == 0x023A01);
    b.cd->insert(*b.image);
    b.run({0x12, 0, 0, 0, 36}); // INQUIRY leaves the attention alone
    CHECK_FALSE(b.failed);
    b.run({0x25});
    CHECK(b.failed);
    CHECK(b.sense() == 0x062800);
    CHECK(be32(b.run({0x25}), 0) == 999);
    b.cd->insert(*b.other); // swapped: first nothing is there, then something new
    b.run({0x00});
    CHECK(b.sense() == 0x023A01);
    b.run({0x00});
    CHECK(b.sense() == 0x062800);
    b.run({0x00});
    CHECK_FALSE(b.failed);
    CHECK(be32(b.run({0x25}), 0) == 49);
}

TEST_CASE("atapi: the door: prevent, eject request, guest eject and load") {
    Bench b;
    const Packet event{0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8};
    b.run({0x1E, 0, 0, 0, 1});
    CHECK_FALSE(b.cd->eject());
    auto data = b.run(event);
    CHECK(data == std::vector<u8>{0, 6, 4, 0x10, 1, 2, 0, 0}); // eject request, disc present
    CHECK(b.run(event).at(4) == 0);
    b.run({0x1B, 0, 0, 0, 2});
    CHECK(b.failed);
    CHECK(b.sense() == 0x055302);
    b.run({0x1E, 0, 0, 0, 0});
    b.run({0x1B, 0, 0, 0, 2});
    CHECK_FALSE(b.failed);
    CHECK(b.cd->tray_open());
    CHECK(b.run({0xBD, 0, 0, 0, 0, 0, 0, 0, 0, 8}).at(1) == 0x10);
    b.run({0x00});
    CHECK(b.sense() == 0x023A02);
    CHECK(b.run(event).at(4) == 3);
    b.run({0x1B, 0, 0, 0, 3});
    CHECK_FALSE(b.cd->tray_open());
    CHECK(b.run(event).at(4) == 2);
    b.run({0x00});
    CHECK(b.sense() == 0x062800);
    CHECK(b.cd->eject());
    CHECK(b.cd->image() == nullptr);
    b.run({0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8}); // not polled
    CHECK(b.failed);
}

TEST_CASE("atapi: READ TOC formats 0, 1, 2 and 5, LBA and MSF") {
    Bench b;
    auto data = b.run({0x43, 0, 0, 0, 0, 0, 0, 0, 100});
    REQUIRE(data.size() == 20);
    CHECK(be16(data, 0) == 18);
    CHECK(data[5] == 0x14);
    CHECK(data[6] == 1);
    CHECK(be32(data, 8) == 0);
    CHECK(data[14] == 0xAA);
    CHECK(be32(data, 16) == 1000);
    data = b.run({0x43, 2, 0, 0, 0, 0, 0xAA, 0, 100});
    REQUIRE(data.size() == 12);
    CHECK(be32(data, 8) == (0 << 16 | 15 << 8 | 25)); // 1150 frames
    data = b.run({0x43, 0, 1, 0, 0, 0, 0, 0, 12});
    CHECK(be16(data, 0) == 10);
    data = b.run({0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0x40}); // the format as SFF-8020i has it
    CHECK(be16(data, 0) == 10);
    data = b.run({0x43, 2, 2, 0, 0, 0, 0, 1, 0});
    CHECK(data.size() == 4 + 4 * 11);
    CHECK(data[4 + 2 * 11 + 3] == 0xA2);
    CHECK(b.run({0x43, 0, 5, 0, 0, 0, 0, 0, 100}).size() == 4);
    b.run({0x43, 0, 0, 0, 0, 0, 5, 0, 100});
    CHECK(b.failed);
    CHECK(b.sense() == 0x052400);
    b.run({0x43, 0, 4, 0, 0, 0, 0, 0, 100});
    CHECK(b.failed);
    CHECK(b.run({0x43, 0, 0, 0, 0, 0, 0, 0, 7}).size() == 7);
}

TEST_CASE("atapi: MODE SENSE pages, short and long form") {
    Bench b;
    for (const auto& [page, length] : {std::pair{0x01, 6}, {0x0D, 6}, {0x0E, 14}, {0x2A, 18}}) {
        const auto data = b.run({0x5A, 0, static_cast<u8>(page), 0, 0, 0, 0, 1, 0});
        REQUIRE(data.size() == static_cast<usize>(8 + 2 + length));
        CHECK(be16(data, 0) == data.size() - 2);
        CHECK(data[8] == page);
        CHECK(data[9] == length);
    }
    const auto all = b.run({0x5A, 0, 0x3F, 0, 0, 0, 0, 1, 0});
    CHECK(all.size() == 8u + 8 + 8 + 16 + 20);
    CHECK(b.run({0x1A, 0, 0x2A, 0, 255}).size() == 4u + 20);
    b.run({0x5A, 0, 0x05, 0, 0, 0, 0, 1, 0});
    CHECK(b.failed);
    b.run({0x5A, 0, 0xC1, 0, 0, 0, 0, 1, 0});
    CHECK(b.sense() == 0x053900);
}

TEST_CASE("atapi: MODE SELECT sets the volume and refuses unknown pages") {
    Bench b;
    std::vector<u8> list(8 + 16, 0);
    list[8] = 0x0E;
    list[9] = 14;
    list[16] = 1;
    list[17] = 0x40;
    b.run({0x55, 0x10, 0, 0, 0, 0, 0, 0, 24}, 10, list); // in three DRQ blocks
    CHECK_FALSE(b.failed);
    CHECK(b.blocks == 3);
    CHECK(b.run({0x5A, 0, 0x0E, 0, 0, 0, 0, 1, 0}).at(8 + 9) == 0x40);
    list[8] = 0x33;
    b.run({0x55, 0x10, 0, 0, 0, 0, 0, 0, 24}, 2048, list);
    CHECK(b.sense() == 0x052600);
}

TEST_CASE("atapi: READ CD parts of a sector, and by MSF") {
    Bench b;
    auto data = b.run({0xBE, 0, 0, 0, 0, 16, 0, 0, 2, 0xF8}, 0xFFFE);
    REQUIRE(data.size() == 2 * 2352);
    CHECK(data[0] == 0x00);
    CHECK(data[1] == 0xFF);
    CHECK(data[11] == 0x00);
    CHECK(data[12] == 0x00); // 00:02:16
    CHECK(data[13] == 0x02);
    CHECK(data[14] == 0x16);
    CHECK(data[15] == 0x01);
    CHECK(data[16] == 16);
    CHECK(data[2352 + 16] == 17);
    CHECK(b.run({0xBE, 0, 0, 0, 0, 16, 0, 0, 1, 0x10}).size() == 2048);
    CHECK(b.run({0xBE, 0, 0, 0, 0, 16, 0, 0, 1, 0}).empty());
    CHECK_FALSE(b.failed);
    data = b.run({0xB9, 0, 0, 0, 2, 10, 0, 2, 11, 0x10});
    CHECK(data.at(0) == 10);
    b.run({0xBE, 4, 0, 0, 0, 16, 0, 0, 1, 0x10}); // audio expected
    CHECK(b.sense() == 0x056400);
}

TEST_CASE("atapi: READ CD gives raw sectors with the parities of ECMA-130, annex A") {
    Bench b;
    const auto raw = b.run({0xBE, 0, 0, 0, 0, 16, 0, 0, 1, 0xF8}, 0xFFFE);
    REQUIRE(raw.size() == 2352);
    const auto twice = [](u8 v) { return static_cast<u8>(v << 1 ^ (v & 0x80 ? 0x1D : 0)); };
    /// Both syndromes of a codeword.
    const auto check = [&](const std::vector<usize>& places) {
        u8 sum = 0, weighted = 0;
        for (usize place : places) {
            sum ^= raw[place];
            weighted = static_cast<u8>(twice(weighted) ^ raw[place]);
        }
        return sum == 0 && weighted == 0;
    };
    bool p = true, q = true, any = false;
    for (usize plane = 0; plane < 2; ++plane) {
        for (usize column = 0; column < 43; ++column) {
            std::vector<usize> places;
            for (usize row = 0; row < 26; ++row) places.push_back(12 + 2 * (43 * row + column) + plane);
            p = p && check(places);
        }
        for (usize diagonal = 0; diagonal < 26; ++diagonal) {
            std::vector<usize> places;
            for (usize i = 0; i < 43; ++i) places.push_back(12 + 2 * ((44 * i + 43 * diagonal) % 1118) + plane);
            places.push_back(2248 + 2 * diagonal + plane);
            places.push_back(2248 + 2 * (26 + diagonal) + plane);
            q = q && check(places);
        }
    }
    for (usize i = 2076; i < 2352; ++i) any = any || raw[i] != 0;
    CHECK(p);
    CHECK(q);
    CHECK(any);
    for (usize i = 2068; i < 2076; ++i) CHECK(raw[i] == 0);
    u32 crc = 0; // the whole with its EDC leaves nothing
    for (usize i = 0; i < 2068; ++i) {
        crc ^= raw[i];
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xD8018001u : 0);
    }
    CHECK(crc == 0);
}

TEST_CASE("atapi: READ CD with C2 error flags and the formatted Q sub-channel") {
    Bench b;
    auto data = b.run({0xBE, 0, 0, 0, 0, 80, 0, 0, 2, 0x12, 2}, 0xFFFE);
    REQUIRE(data.size() == 2 * (2048 + 294 + 16));
    CHECK(data[0] == 80);
    const usize second = 2048 + 294 + 16, q = second + 2048 + 294;
    CHECK(data[second] == 81);
    CHECK(std::all_of(data.begin() + 2048, data.begin() + 2048 + 294, [](u8 byte) { return byte == 0; }));
    CHECK(data[q] == 0x41); // control: data; ADR 1
    CHECK(data[q + 1] == 0x01);
    CHECK(data[q + 4] == 0x01); // 00:01:06 in the track, BCD
    CHECK(data[q + 5] == 0x06);
    CHECK(data[q + 8] == 0x03); // 00:03:06 on the disc
    CHECK(data[q + 9] == 0x06);
    CHECK(b.run({0xBE, 0, 0, 0, 0, 80, 0, 0, 1, 0xFC}, 0xFFFE).size() == 2352 + 296);
    b.run({0xBE, 0, 0, 0, 0, 80, 0, 0, 1, 0x16});
    CHECK(b.sense() == 0x052400);
    b.run({0xBE, 0, 0, 0, 0, 80, 0, 0, 1, 0x10, 4});
    CHECK(b.sense() == 0x052400);
}

TEST_CASE("atapi: GET CONFIGURATION with a short allocation length, and by feature") {
    Bench b;
    const auto head = b.run({0x46, 0, 0, 0, 0, 0, 0, 0, 8});
    REQUIRE(head.size() == 8);
    CHECK(be16(head, 6) == 0x0008);
    const auto all = b.run({0x46, 0, 0, 0, 0, 0, 0, 1, 0});
    CHECK(all.size() == be32(all, 0) + 4);
    CHECK(be32(all, 0) == be32(head, 0));
    const auto one = b.run({0x46, 2, 0, 0x1E, 0, 0, 0, 1, 0});
    REQUIRE(one.size() == 16);
    CHECK(be16(one, 8) == 0x001E);
    CHECK((one[10] & 1));
}

TEST_CASE("atapi: the smaller commands of Windows and ReactOS") {
    Bench b;
    CHECK(b.run({0x51, 0, 0, 0, 0, 0, 0, 0, 34}).at(2) == 0x0E);
    CHECK(be32(b.run({0x52, 1, 0, 0, 0, 1, 0, 0, 36}), 24) == 1000);
    auto data = b.run({0xAC, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 0});
    CHECK(data.size() == 24);
    CHECK(be32(data, 0) == 20);
    data = b.run({0x42, 2, 0x40, 1, 0, 0, 0, 0, 16});
    CHECK(data.size() == 16);
    CHECK(data[1] == 0x15);
    b.run({0x2B, 0, 0, 0, 0, 50});
    CHECK_FALSE(b.failed);
    b.run({0xBB});
    CHECK_FALSE(b.failed);
    b.run({0x45, 0, 0, 0, 0, 0, 0, 0, 10}); // play on a data track
    CHECK(b.sense() == 0x056400);
    b.run({0x45});
    CHECK_FALSE(b.failed);
    b.run({0xFE});
    CHECK(b.sense() == 0x052000);
    b.run({0xAD, 0, 0, 0, 0, 0, 0, 0, 0, 0}); // no DVD
    CHECK(b.sense() == 0x053002);
}

TEST_CASE("atapi: saved in the middle of a DRQ block, restored to the same bytes") {
    Bench a, b;
    a.send({0x28, 0, 0, 0, 0, 100, 0, 0, 2}, 512);
    REQUIRE(a.wait());
    for (int i = 0; i < 10; ++i) a.port.read16(0);
    SavedState channel = save(a.channel), queue = save(a.time.queue);
    b.time.clock.set_now(a.time.clock.now());
    load(b.channel, channel);
    load(b.time.queue, queue);
    b.cd->attach_silently(b.image.get());
    CHECK(save(b.channel).items == channel.items);
    for (int i = 10; i < 2048; ++i) {
        if (i % 256 == 0) {
            REQUIRE(a.wait());
            REQUIRE(b.wait());
        }
        REQUIRE(a.port.read16(0) == b.port.read16(0));
    }
    REQUIRE(b.wait());
    CHECK(b.port.read8(2) == 3);
}

TEST_CASE("atapi: random packets neither crash nor hang") {
    Bench b;
    send_random_packets(b, *b.image);
}

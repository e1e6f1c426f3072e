#pragma once
/// An ATAPI drive on a channel of its own, driven as a host does it.
#include "core/memory.h"
#include "devices/ide_atapi_cdrom.h"
#include "devices/ide_bus_master.h"
#include "tests/catch.h"
#include "tests/devices/storage_bench.h"

namespace r86::atapi {

inline constexpr u8 BSY = 0x80, DRDY = 0x40, DRQ = 0x08, ERR = 0x01;
using Packet = std::array<u8, 12>;

struct Bench {
    VirtualTime time;
    std::unique_ptr<BlockImage> image = numbered_image(1000, 2048, true);
    std::unique_ptr<BlockImage> other = numbered_image(50, 2048, true);
    PhysicalMemory memory{1 << 20, time.log};
    IdeChannel primary, channel;
    BusMasterIde bus_master{memory};
    PortHandler& port = channel.command_block();
    AtapiCdrom* cd = nullptr;
    int irqs = 0;

    explicit Bench(bool with_disc = true) {
        bus_master.connect(primary, channel);
        auto drive = std::make_unique<AtapiCdrom>(time.queue, "ide1.0", time.log);
        cd = drive.get();
        channel.attach(0, std::move(drive));
        if (with_disc) {
            cd->insert(*image);
            channel.reset(ResetKind::PowerOn);
        }
        channel.irq().connect([this](bool level) { irqs += level; });
    }
    bool wait() {
        return time.pass_until([this] { return !(channel.control_block().read8(0) & BSY); }, 1'000'000'000);
    }
    void send(const Packet& packet, u16 limit = 2048, bool dma = false) {
        port.write8(6, 0xA0);
        port.write8(1, dma ? 1 : 0);
        port.write8(4, static_cast<u8>(limit));
        port.write8(5, static_cast<u8>(limit >> 8));
        port.write8(7, 0xA0);
        REQUIRE((port.read8(7) & (DRQ | BSY)) == DRQ);
        REQUIRE(port.read8(2) == 1); // interrupt reason: command
        for (usize i = 0; i < 12; i += 2) port.write16(0, static_cast<u16>(packet[i] | packet[i + 1] << 8));
    }
    /// Runs a packet command by PIO and returns its data; `blocks` counts the DRQ blocks.
    std::vector<u8> run(const Packet& packet, u16 limit = 2048, const std::vector<u8>& parameters = {}) {
        send(packet, limit);
        std::vector<u8> data;
        blocks = 0;
        usize sent = 0;
        for (;;) {
            REQUIRE(wait());
            const u8 status = port.read8(7);
            if (!(status & DRQ)) break;
            const usize bytes = port.read8(4) | port.read8(5) << 8;
            ++blocks;
            CHECK(bytes <= std::max<usize>(limit, 2));
            if (port.read8(2) == 2) {
                for (usize i = 0; i < bytes; i += 2) {
                    const u16 word = port.read16(0);
                    data.push_back(static_cast<u8>(word));
                    if (i + 1 < bytes) data.push_back(static_cast<u8>(word >> 8));
                }
            } else {
                REQUIRE(port.read8(2) == 0);
                for (usize i = 0; i < bytes; i += 2, sent += 2)
                    port.write16(0, static_cast<u16>(parameters.at(sent) |
                                                     (parameters.size() > sent + 1 ? parameters[sent + 1] << 8 : 0)));
            }
        }
        CHECK(port.read8(2) == 3); // interrupt reason: status
        failed = (port.read8(7) & ERR) != 0;
        return data;
    }
    /// Sense key, ASC, ASCQ of the last command as one number.
    u32 sense() {
        const auto data = run({0x03, 0, 0, 0, 18});
        REQUIRE(data.size() == 18);
        return static_cast<u32>(data[2]) << 16 | static_cast<u32>(data[12]) << 8 | data[13];
    }
    int blocks = 0;
    bool failed = false;
};

inline u32 be32(const std::vector<u8>& data, usize at) {
    return static_cast<u32>(data.at(at)) << 24 | static_cast<u32>(data.at(at + 1)) << 16 |
           static_cast<u32>(data.at(at + 2)) << 8 | data.at(at + 3);
}
inline u32 be16(const std::vector<u8>& data, usize at) { return static_cast<u32>(data.at(at) << 8 | data.at(at + 1)); }

/// Packets that make sense in part, with resets in the middle; now and then `disc` is put in anew.
inline void send_random_packets(Bench& b, BlockImage& disc) {
    u32 seed = 7;
    const auto random = [&] { return seed = seed * 1664525 + 1013904223, seed >> 9; };
    for (int i = 0; i < 3000; ++i) {
        Packet packet;
        for (u8& byte : packet) byte = static_cast<u8>(random() & ((random() & 1) ? 0xFF : 0x03));
        static constexpr u8 kKnown[] = {0x03, 0x12, 0x15, 0x1A, 0x28, 0x2B, 0x42, 0x43, 0x44, 0x45,
                                        0x46, 0x47, 0x48, 0x4A, 0x4B, 0x4E, 0x51, 0x52, 0x55, 0x5A,
                                        0xA5, 0xA8, 0xAC, 0xAD, 0xB6, 0xB9, 0xBA, 0xBD, 0xBE};
        packet[0] = kKnown[random() % sizeof kKnown];
        b.send(packet, static_cast<u16>(random()), random() & 1);
        for (int step = 0; step < 40; ++step) {
            b.time.pass(random() % 16 == 0 ? 20'000'000 : 20'000);
            (random() & 1) ? b.port.write32(0, random()) : void(b.port.read32(0));
        }
        if (random() % 50 == 0) b.cd->insert(disc);
        if (!(b.channel.control_block().read8(0) & (BSY | DRQ)) && random() % 8) continue;
        b.channel.control_block().write8(0, 4);
        b.channel.control_block().write8(0, 0);
    }
    b.channel.control_block().write8(0, 4);
    b.channel.control_block().write8(0, 0);
    CHECK(b.port.read8(5) == 0xEB);
}

} // namespace r86::atapi

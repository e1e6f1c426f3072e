#pragma once
/// An ATA disk on the primary channel of a bus master, with ports, time and memory at hand; the secondary is empty.
#include "core/memory.h"
#include "devices/ide_ata_disk.h"
#include "devices/ide_bus_master.h"
#include "tests/devices/storage_bench.h"

namespace r86 {

inline constexpr u8 BSY = 0x80, DRDY = 0x40, DRQ = 0x08, ERR = 0x01;

struct AtaBench {
    VirtualTime time;
    std::unique_ptr<BlockImage> image;
    PhysicalMemory memory{1 << 20, time.log};
    IdeChannel primary, secondary;
    BusMasterIde bus_master{memory};
    PortHandler& port = primary.command_block();
    PortHandler& control = primary.control_block();
    int irqs = 0;

    explicit AtaBench(u64 sectors = 200'000, bool read_only = false) : image(numbered_image(sectors, 512, read_only)) {
        bus_master.connect(primary, secondary);
        primary.attach(0, std::make_unique<AtaDisk>(time.queue, "ide0.0", time.log, *image, "R860001"));
        primary.irq().connect([this](bool level) { irqs += level; });
    }
    void address(u64 lba, unsigned count, u8 device = 0xE0) {
        port.write8(2, static_cast<u8>(count));
        port.write8(3, static_cast<u8>(lba));
        port.write8(4, static_cast<u8>(lba >> 8));
        port.write8(5, static_cast<u8>(lba >> 16));
        port.write8(6, static_cast<u8>(device | (device & 0x40 ? (lba >> 24) & 15 : 0)));
    }
    void address48(u64 lba, unsigned count) {
        port.write8(6, 0x40);
        for (int shift : {24, 0}) {
            port.write8(2, static_cast<u8>(count >> (shift ? 8 : 0)));
            port.write8(3, static_cast<u8>(lba >> shift));
            port.write8(4, static_cast<u8>(lba >> (shift + 8)));
            port.write8(5, static_cast<u8>(lba >> (shift + 16)));
        }
    }
    void command(u8 code) { port.write8(7, code); }
    bool wait() {
        return time.pass_until([this] { return !(control.read8(0) & BSY); }, 1'000'000'000);
    }
    std::vector<u16> read_words(unsigned count = 256) {
        std::vector<u16> words(count);
        for (u16& word : words) word = port.read16(0);
        return words;
    }
    u32 sector_number() { // of a sector of numbered_image, read by PIO
        const u32 number = port.read32(0);
        for (int i = 0; i < 127; ++i) port.read32(0);
        return number;
    }
    u8 status() { return port.read8(7); }
    void prd(u32 at, u32 address32, u32 bytes, bool last) {
        memory.write(PhysAddr{at}, 4, address32);
        memory.write(PhysAddr{at + 4}, 4, (bytes & 0xFFFF) | (last ? 0x80000000u : 0u));
    }
    void start_bus_master(bool to_memory, u32 table) {
        bus_master.write32(4, table);
        bus_master.write8(2, 0x06);
        bus_master.write8(0, to_memory ? 0x08 : 0x00);
        bus_master.write8(0, to_memory ? 0x09 : 0x01);
    }
};

} // namespace r86

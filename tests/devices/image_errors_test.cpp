// A host that fails under a running guest: the drive reports a device error, the user gets a sentence, the machine goes
// on, and nothing that was acknowledged is lost.
#include "devices/ide_ata_disk.h"
#include "devices/ide_channel.h"
#include "tests/catch.h"
#include "tests/devices/image_fixture.h"
#include "tests/devices/storage_bench.h"

using namespace r86;

namespace {

constexpr u8 BSY = 0x80, DRQ = 0x08, ERR = 0x01;

/// A disk on an IDE channel whose host file is in memory.
struct Bench {
    VirtualTime time;
    std::shared_ptr<MemoryDisk> host = std::make_shared<MemoryDisk>();
    std::string sentence; // outlives the image, which may report while it is closed
    std::unique_ptr<BlockImage> image;
    IdeChannel channel;
    PortHandler& port = channel.command_block();

    explicit Bench(bool qcow2) {
        if (qcow2) {
            MemoryFile file(host);
            create_qcow2(file, {.size = 8 << 20});
            MemoryNeighbours neighbours;
            image = open_qcow2(memory_file(host), true, neighbours);
        } else {
            host->content.resize(8 << 20);
            image = open_raw(memory_file(host), 8 << 20, true, true);
        }
        image->on_error([this](const std::string& text) { sentence = text; });
        channel.attach(0, std::make_unique<AtaDisk>(time.queue, "ide0.0", time.log, *image, "R860001"));
    }
    /// True: the command ended without an error.
    bool wait() {
        time.pass_until([this] { return !(channel.control_block().read8(0) & BSY); }, 1'000'000'000);
        return !(port.read8(7) & ERR);
    }
    void command(u8 code, u32 lba) {
        port.write8(2, 1);
        port.write8(3, static_cast<u8>(lba));
        port.write8(4, static_cast<u8>(lba >> 8));
        port.write8(5, static_cast<u8>(lba >> 16));
        port.write8(6, 0xE0);
        port.write8(7, code);
    }
    bool write(u32 lba, u8 value) {
        command(0x30, lba);
        REQUIRE((port.read8(7) & DRQ) != 0);
        for (int i = 0; i < 128; ++i) port.write32(0, value * 0x01010101u);
        return wait();
    }
    bool flush() {
        command(0xE7, 0);
        return wait();
    }
    int read(u32 lba) { // the first byte, or -1
        command(0x20, lba);
        if (!wait()) return -1;
        const u32 first = port.read32(0);
        for (int i = 1; i < 128; ++i) port.read32(0);
        return static_cast<int>(first & 0xFF);
    }
};

} // namespace

TEST_CASE("host errors: a full host disk is ABRT for the guest and a sentence for the user") {
    for (const bool qcow2 : {false, true}) {
        INFO((qcow2 ? "qcow2" : "raw"));
        Bench b(qcow2);
        REQUIRE(b.write(10, 0x11));
        REQUIRE(b.flush());
        b.host->fail_at = b.host->changes;
        CHECK_FALSE(b.write(10, 0x22));
        CHECK((b.port.read8(1) & 0x04) != 0); // ABRT
        CHECK_THAT(b.sentence, Catch::Contains("No space left"));
        CHECK(b.read(10) == 0x11); // the drive answers, and what was flushed is there
        b.host->fail_at = ~u64{0};
        CHECK(b.write(10, 0x33)); // there is room again
        CHECK(b.flush());
        CHECK(b.read(10) == 0x33);
    }
}

TEST_CASE("host errors: a flush that the host refuses is not acknowledged, now and later") {
    for (const bool qcow2 : {false, true}) {
        INFO((qcow2 ? "qcow2" : "raw"));
        Bench b(qcow2);
        REQUIRE(b.write(3, 0x44));
        b.host->fail_at = b.host->changes;
        b.host->fail_until = b.host->fail_at + 1;
        CHECK_FALSE(b.flush());
        CHECK_FALSE(b.sentence.empty());
        CHECK_FALSE(b.flush());
        CHECK(b.read(3) == 0x44);
    }
}

TEST_CASE("host errors: what cannot be read is UNC, and the next sector is tried again") {
    Bench b(false);
    REQUIRE(b.write(7, 0x55));
    b.host->fail_reads = true;
    CHECK(b.read(7) == -1);
    CHECK((b.port.read8(1) & 0x40) != 0); // UNC
    CHECK_THAT(b.sentence, Catch::Contains("cannot be read"));
    b.host->fail_reads = false;
    CHECK(b.read(7) == 0x55);
}

TEST_CASE("host errors: what a guest must not write on a probed raw disk is ABRT, at its start and at its end") {
    Bench b(false);
    for (const u32 lba : {0u, (8u << 20) / 512 - 1}) {
        b.sentence.clear();
        b.command(0x30, lba);
        const char* cookie = lba ? "conectix" : "QFI\xFB";
        u32 words[2] = {};
        std::memcpy(words, cookie, std::strlen(cookie));
        for (int i = 0; i < 128; ++i) b.port.write32(0, i < 2 ? words[i] : 0);
        CHECK_FALSE(b.wait());
        CHECK_THAT(b.sentence, Catch::Contains("format=raw"));
    }
    CHECK(b.write(0, 0x66));
}

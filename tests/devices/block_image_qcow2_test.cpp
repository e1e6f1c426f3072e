// qcow2 through BlockImage: what is written is read, the file stays sound at every moment, and QEMU agrees.
#include "core/byte_order.h"
#include "devices/decompress.h"
#include "devices/qcow2_check.h"
#include "tests/catch.h"
#include "tests/devices/image_fixture.h"

using namespace r86;

namespace {

std::shared_ptr<MemoryDisk> fresh_qcow2(u64 size, u64 cluster = 65536, const std::string& parent = "") {
    auto disk = std::make_shared<MemoryDisk>();
    MemoryFile file(disk);
    ImageRecipe recipe{.size = size, .parent = parent, .cluster_bytes = cluster};
    create_qcow2(file, recipe);
    return disk;
}

std::unique_ptr<BlockImage> open(const std::shared_ptr<MemoryDisk>& disk, bool writable = true) {
    MemoryNeighbours neighbours;
    return open_qcow2(memory_file(disk), writable, neighbours);
}

Qcow2CheckResult check(const std::vector<u8>& content) {
    auto disk = std::make_shared<MemoryDisk>();
    disk->content = content;
    MemoryFile file(disk);
    Qcow2Header header = Qcow2Header::read(file);
    Qcow2Refcounts refcounts(file, header);
    const std::string problem = refcounts.load();
    return Qcow2Checker(file, header, refcounts).check(problem);
}

std::string refusal(const std::vector<u8>& content, bool writable = true) {
    auto disk = std::make_shared<MemoryDisk>();
    disk->content = content;
    try {
        open(disk, writable);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("qcow2: what is written is read again, after closing too") {
    for (const u64 cluster : {512u, 4096u, 65536u, 2u << 20}) {
        INFO("cluster " << cluster);
        auto disk = fresh_qcow2(8 << 20, cluster);
        Guest guest(static_cast<unsigned>(cluster), (8 << 20) / kSector);
        {
            auto image = open(disk);
            CHECK(image->size() == 8 << 20);
            for (int i = 0; i < 300; ++i) REQUIRE(guest.write(*image));
            CHECK(guest.compare(*image, true) == "");
        }
        const Qcow2CheckResult result = check(disk->content);
        CHECK(result.corruptions == 0);
        CHECK(result.leaks == 0);
        CHECK(guest.compare(*open(disk, false), true) == "");
    }
}

TEST_CASE("qcow2: a new image is small and reads as zeros") {
    auto disk = fresh_qcow2(u64{100} << 30);
    CHECK(disk->content.size() <= 4 * 65536);
    auto image = open(disk);
    std::vector<u8> sector(512, 0xFF);
    REQUIRE(image->read((u64{99} << 30), sector));
    CHECK(sector == std::vector<u8>(512));
    CHECK_FALSE(image->holds(0, image->size()));
}

TEST_CASE("qcow2: killed between any two writes, nothing flushed is lost and only leaks remain") {
    for (const bool with_parent : {false, true}) {
        auto disk = fresh_qcow2(1 << 20, 4096, with_parent ? "base" : "");
        Guest guest(7, (1 << 20) / kSector);
        MemoryNeighbours neighbours;
        if (with_parent) {
            const auto base = numbered_disk(guest.sectors / 2);
            for (u32 s = 0; s < guest.sectors / 2; ++s) guest.now[s] = guest.flushed[s] = s + 1;
            neighbours.parent = [base] { return make_memory_image(base, true, "base"); };
        }
        u64 changes = 0;
        unsigned checked = 0;
        auto image = open_qcow2(memory_file(disk), true, neighbours);
        for (int step = 0; step < 200; ++step) {
            // The write that dies half-way: stop the host at each of its changes in turn, on a copy of everything.
            for (u64 stop = 0; stop < 6; ++stop) {
                auto copy = std::make_shared<MemoryDisk>(*disk);
                Guest half = guest;
                {
                    auto dying = open_qcow2(memory_file(copy), true, neighbours);
                    copy->fail_at = copy->changes + stop;
                    half.write(*dying);
                }
                copy->fail_at = ~u64{0};
                REQUIRE(check(copy->content).corruptions == 0);
                REQUIRE(half.compare(*open_qcow2(memory_file(copy), true, neighbours), false) == "");
                REQUIRE(check(copy->content).leaks == 0);
                ++checked;
            }
            REQUIRE(guest.write(*image));
            if (step % 10 == 9) REQUIRE(guest.flush(*image));
            REQUIRE(check(disk->content).corruptions == 0);
            changes = disk->changes;
        }
        CHECK(checked == 1200);
        CHECK(changes > 400);
    }
}

TEST_CASE("qcow2: a power cut that keeps any part of what was not flushed loses nothing else") {
    for (unsigned seed = 1; seed <= 24; ++seed) {
        INFO("seed " << seed);
        const bool with_parent = seed % 2;
        const u64 cluster = seed % 3 ? 4096 : 512;
        auto disk = fresh_qcow2(1 << 20, cluster, with_parent ? "base" : "");
        Guest guest(seed, (1 << 20) / kSector);
        MemoryNeighbours neighbours;
        if (with_parent) {
            const auto base = numbered_disk(guest.sectors);
            for (u32 s = 0; s < guest.sectors; ++s) guest.now[s] = guest.flushed[s] = s + 1;
            neighbours.parent = [base] { return make_memory_image(base, true, "base"); };
        }
        disk->flushed = disk->content;
        disk->journal = true;
        auto image = open_qcow2(memory_file(disk), true, neighbours);
        for (int step = 0; step < 250; ++step) {
            REQUIRE(guest.write(*image));
            if (guest.random() % 8 == 0) REQUIRE(guest.flush(*image));
            if (step % 10) continue;
            auto after = std::make_shared<MemoryDisk>();
            after->content = disk->flushed;
            for (const auto& change : disk->since_flush)
                if (guest.random() % 2) MemoryDisk::apply(after->content, change);
            REQUIRE(check(after->content).corruptions == 0);
            REQUIRE(guest.compare(*open_qcow2(memory_file(after), true, neighbours), false) == "");
            REQUIRE(check(after->content).leaks == 0);
        }
    }
}

TEST_CASE("qcow2: a full host disk is an error for the guest and a sentence; later it goes on") {
    auto disk = fresh_qcow2(4 << 20, 4096);
    Guest guest(3, (4 << 20) / kSector);
    std::string sentence;
    auto image = open(disk);
    image->on_error([&](const std::string& text) { sentence = text; });
    for (int i = 0; i < 50; ++i) REQUIRE(guest.write(*image));
    REQUIRE(guest.flush(*image));
    for (u64 after = 0; after < 12; ++after) { // each kind of change of a write fails once
        disk->fail_at = disk->changes + after;
        disk->fail_until = disk->fail_at + 1;
        for (int i = 0; i < 20; ++i) guest.write(*image);
        disk->fail_at = ~u64{0};
        if (sentence.find("could not be flushed") != std::string::npos) break;
        CHECK(check(disk->content).corruptions == 0);
    }
    CHECK_THAT(sentence, Catch::Contains("memory"));
    CHECK(guest.compare(*image, false) == "");
    image.reset();
    CHECK(check(disk->content).corruptions == 0);
    CHECK(guest.compare(*open(disk), false) == "");
}

TEST_CASE("qcow2: after a flush that failed no flush succeeds, since the host may have dropped data") {
    auto disk = fresh_qcow2(1 << 20);
    auto image = open(disk);
    REQUIRE(image->write(0, std::vector<u8>(512, 1)));
    disk->fail_at = disk->changes;
    disk->fail_until = disk->fail_at + 1;
    CHECK_FALSE(image->flush());
    CHECK_FALSE(image->flush());
}

TEST_CASE("qcow2: hostile headers are refused with one sentence") {
    const std::vector<u8> good = fresh_qcow2(64 << 20)->content;
    const auto with32 = [&](usize at, u32 value) {
        auto bad = good;
        store_be<u32>(&bad[at], value);
        return refusal(bad);
    };
    const auto with64 = [&](usize at, u64 value) {
        auto bad = good;
        store_be<u64>(&bad[at], value);
        return refusal(bad);
    };
    CHECK(refusal(good).empty());
    CHECK_THAT(with32(4, 4), Catch::Contains("version 4"));
    CHECK_THAT(with32(20, 8), Catch::Contains("cluster size"));
    CHECK_THAT(with32(20, 63), Catch::Contains("cluster size"));
    CHECK_THAT(with64(24, ~u64{0} - 511), Catch::Contains("L1 table"));
    CHECK_THAT(with64(24, 100), Catch::Contains("multiple of 512"));
    CHECK_THAT(with32(32, 1), Catch::Contains("encrypted"));
    CHECK_THAT(with32(36, 0), Catch::Contains("L1 table"));
    CHECK_THAT(with32(36, ~0u), Catch::Contains("L1 table"));
    CHECK_THAT(with64(40, 65535), Catch::Contains("L1 table"));
    CHECK_THAT(with64(40, u64{1} << 60), Catch::Contains("L1 table"));
    CHECK_THAT(with64(48, u64{1} << 60), Catch::Contains("refcount table"));
    CHECK_THAT(with64(48, 0), Catch::Contains("refcount table"));
    CHECK_THAT(with32(56, ~0u), Catch::Contains("refcount table"));
    CHECK_THAT(with32(56, 0), Catch::Contains("refcount table"));
    CHECK_THAT(with32(60, ~0u), Catch::Contains("snapshot table"));
    CHECK_THAT(with64(72, 4), Catch::Contains("another file"));
    CHECK_THAT(with64(72, 16), Catch::Contains("extended L2"));
    CHECK_THAT(with64(72, u64{1} << 40), Catch::Contains("feature number 40"));
    CHECK_THAT(with64(72, 2), Catch::Contains("marked as damaged"));
    CHECK_THAT(with32(96, 7), Catch::Contains("refcounts"));
    CHECK_THAT(with32(100, 3), Catch::Contains("header is shorter"));
    CHECK_THAT(with32(100, 1 << 20), Catch::Contains("larger than a cluster"));
    CHECK_THAT(with32(104, 0x12345678), Catch::Contains("") || Catch::Contains("extension"));
    auto named = good;
    store_be<u64>(&named[8], 200);
    store_be<u32>(&named[16], 70000);
    CHECK_THAT(refusal(named), Catch::Contains("backing file"));
    CHECK_THAT(refusal(std::vector<u8>(good.begin(), good.begin() + 50)), Catch::Contains("no qcow2"));
}

TEST_CASE("qcow2: tables that overlap are found before anything is written") {
    auto disk = fresh_qcow2(64 << 20);
    { REQUIRE(open(disk)->write(0, std::vector<u8>(512, 1))); }
    const u64 l1 = load_be<u64>(&disk->content[40]);
    const u64 l2 = load_be<u64>(&disk->content[l1]) & Qcow2Entry::kOffsetMask;
    auto bad = disk->content;
    store_be<u64>(&bad[l2], l1 | Qcow2Entry::kCopied); // data on the L1 table
    CHECK_THAT(refusal(bad), Catch::Contains("overlaps"));
    CHECK(refusal(bad, false).empty());
    bad = disk->content;
    store_be<u64>(&bad[l2 + 8], load_be<u64>(&bad[l2])); // two clusters of the disk in one of the file
    CHECK_THAT(refusal(bad), Catch::Contains("is used 2 times but counted 1 times"));
    bad = disk->content;
    store_be<u64>(&bad[l2], (u64{1} << 50) | Qcow2Entry::kCopied);
    CHECK_THAT(refusal(bad), Catch::Contains("outside the file"));
    {
        auto other = std::make_shared<MemoryDisk>();
        other->content = bad;
        auto image = open(other, false); // reading elsewhere still works, here it is an error
        std::vector<u8> sector(512);
        CHECK_FALSE(image->read(0, sector));
        CHECK(image->read(1 << 20, sector));
    }
    bad = disk->content;
    store_be<u64>(&bad[l1], 7 * 512 | Qcow2Entry::kCopied);
    CHECK_THAT(refusal(bad), Catch::Contains("not aligned"));
}

TEST_CASE("qcow2: random damage never crashes and never makes a write go astray") {
    auto disk = fresh_qcow2(1 << 20, 512);
    {
        Guest guest(5, (1 << 20) / kSector);
        auto image = open(disk);
        for (int i = 0; i < 60; ++i) REQUIRE(guest.write(*image));
    }
    std::mt19937 random(11);
    unsigned opened = 0;
    for (int round = 0; round < 1500; ++round) {
        auto bad = std::make_shared<MemoryDisk>();
        bad->content = disk->content;
        for (unsigned i = 1 + random() % 4; i > 0; --i) {
            const usize limit = random() % 3 ? std::min<usize>(bad->content.size(), 8192) : bad->content.size();
            bad->content[random() % limit] = static_cast<u8>(random());
        }
        try {
            auto image = open(bad, random() % 2);
            ++opened;
            std::vector<u8> sector(512);
            for (int i = 0; i < 20; ++i) {
                const u64 at = random() % 2048 * 512;
                (void)image->read(at, sector);
                (void)image->write(at, sector);
            }
            (void)image->flush();
        } catch (const UserError& error) {
            CHECK(std::strlen(error.what()) > 20);
        }
    }
    CHECK(opened > 100);
}

TEST_CASE("qcow2: QEMU agrees about what we make", "[host]") {
    if (!has_qemu_img()) return;
    ScratchDirectory scratch;
    for (const bool old_version : {false, true}) {
        const std::string path = scratch / (old_version ? "v2.qcow2" : "v3.qcow2");
        create_image(path, {.size = 64 << 20, .old_version = old_version});
        REQUIRE(qemu_img("check " + path) == 0);
        Guest guest(9, (64 << 20) / kSector);
        {
            auto image = open_image(path, MediaKind::Disk);
            for (int i = 0; i < 400; ++i) REQUIRE(guest.write(*image));
        }
        CHECK(qemu_img("check " + path) == 0);
        const std::string raw = scratch / "copy.raw";
        REQUIRE(qemu_img("convert -O raw " + path + " " + raw) == 0);
        CHECK(guest.compare(*open_image(raw, MediaKind::Disk, {.format = "raw", .snapshot = true}), true) == "");
        CHECK(qemu_img("compare " + path + " " + raw) == 0);
    }
}

TEST_CASE("qcow2: we read and continue what QEMU makes, of every width, compression and with snapshots", "[host]") {
    if (!has_qemu_img()) return;
    ScratchDirectory scratch;
    const std::string raw = scratch / "disk.raw";
    Guest start(21, (8 << 20) / kSector);
    {
        create_image(raw, {.format = "raw", .size = 8 << 20});
        auto image = open_image(raw, MediaKind::Disk, {.format = "raw"});
        for (int i = 0; i < 100; ++i) REQUIRE(start.write(*image));
    }
    std::vector<std::string> variants;
    for (const char* bits : {"1", "2", "4", "8", "16", "32", "64"})
        variants.push_back(std::string("-o refcount_bits=") + bits + ",cluster_size=4k");
    for (const char* one : {"-c", "-c -o cluster_size=512", "-o compat=0.10", "-o lazy_refcounts=on",
                            "-o cluster_size=2M", "-o preallocation=metadata"})
        variants.push_back(one);
    if (has_zstd()) variants.push_back("-c -o compression_type=zstd");
    for (const std::string& options : variants) {
        INFO(options);
        const std::string path = scratch / "disk.qcow2";
        REQUIRE(qemu_img("convert -O qcow2 " + options + " " + raw + " " + path) == 0);
        const bool one_bit = options.find("bits=1,") != std::string::npos;
        if (!one_bit) REQUIRE(qemu_img("snapshot -c before " + path) == 0);
        Guest guest = start;
        {
            auto image = open_image(path, MediaKind::Disk);
            CHECK(guest.compare(*image, true) == "");
            for (int i = 0; i < 100; ++i) REQUIRE(guest.write(*image));
        }
        CHECK(qemu_img("check " + path) == 0);
        CHECK(guest.compare(*open_image(path, MediaKind::Disk, {.snapshot = true}), true) == "");
        if (!one_bit) { // the snapshot still shows the old disk
            REQUIRE(qemu_img("snapshot -a before " + path) == 0);
            CHECK(qemu_img("compare " + path + " " + raw) == 0);
        }
        std::filesystem::remove(path);
    }
}

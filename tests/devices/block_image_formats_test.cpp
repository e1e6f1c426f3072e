// VHD and VMDK: the same promises as of qcow2, for each kind that can be written, and QEMU's opinion.
#include "devices/vhd_format.h"
#include "devices/vmdk_sparse.h"
#include "tests/catch.h"
#include "tests/devices/image_fixture.h"

using namespace r86;

namespace {

constexpr u64 kSize = 5 << 20;
constexpr u64 kSectors = kSize / kSector;

/// A kind of image, in memory.
struct Kind {
    const char* name;
    const char* format;
    bool fixed = false, with_parent = false;

    std::shared_ptr<MemoryDisk> create() const {
        auto disk = std::make_shared<MemoryDisk>();
        MemoryFile file(disk, "disk");
        ImageRecipe recipe{.format = format, .size = kSize, .parent = with_parent ? "base" : "", .fixed = fixed};
        recipe.id[0] = 1;
        if (std::string(format) == "vhd")
            create_vhd(file, recipe);
        else
            create_vmdk(file, recipe);
        return disk;
    }
    std::unique_ptr<BlockImage> open(const std::shared_ptr<MemoryDisk>& disk, bool writable = true) const {
        MemoryNeighbours neighbours;
        neighbours.parent = [] {
            static const auto base = [] {
                auto numbered = std::make_shared<MemoryDisk>();
                numbered->content = numbered_disk(kSectors - 100);
                return numbered;
            }();
            return open_raw(memory_file(base), base->content.size(), false, false);
        };
        return std::string(format) == "vhd" ? open_vhd(memory_file(disk), writable, neighbours)
                                            : open_vmdk(memory_file(disk), writable, neighbours);
    }
    Guest guest(unsigned seed) const {
        Guest out(seed, kSectors);
        if (with_parent)
            for (u32 s = 0; s < kSectors - 100; ++s) out.now[s] = out.flushed[s] = s + 1;
        return out;
    }
};

const Kind kKinds[] = {{"fixed VHD", "vhd", true, false},
                       {"dynamic VHD", "vhd", false, false},
                       {"differencing VHD", "vhd", false, true},
                       {"sparse VMDK", "vmdk", false, false},
                       {"VMDK on a parent", "vmdk", false, true}};

std::string refusal(const Kind& kind, const std::vector<u8>& content) {
    auto disk = std::make_shared<MemoryDisk>();
    disk->content = content;
    try {
        kind.open(disk);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("VHD, VMDK: what is written is read again, after closing too") {
    for (const Kind& kind : kKinds) {
        INFO(kind.name);
        auto disk = kind.create();
        Guest guest = kind.guest(1);
        {
            auto image = kind.open(disk);
            CHECK(image->size() == kSize);
            CHECK_FALSE(image->read_only());
            CHECK(guest.compare(*image, true) == "");
            for (int i = 0; i < 300; ++i) REQUIRE(guest.write(*image));
            CHECK(guest.compare(*image, true) == "");
        }
        CHECK(guest.compare(*kind.open(disk, false), true) == "");
        CHECK(guest.compare(*kind.open(disk), true) == "");
    }
}

TEST_CASE("VHD, VMDK: a host that dies between any two changes loses nothing that was flushed") {
    for (const Kind& kind : kKinds) {
        if (kind.fixed) continue; // written in place
        INFO(kind.name);
        auto disk = kind.create();
        Guest guest = kind.guest(2);
        auto image = kind.open(disk);
        for (int step = 0; step < 30; ++step) {
            for (u64 stop = 0; stop < 8; ++stop) {
                auto copy = std::make_shared<MemoryDisk>(*disk);
                Guest half = guest;
                {
                    auto dying = kind.open(copy);
                    copy->fail_at = copy->changes + stop;
                    half.write(*dying);
                }
                copy->fail_at = ~u64{0};
                REQUIRE(half.compare(*kind.open(copy), false) == "");
            }
            REQUIRE(guest.write(*image));
            if (step % 5 == 4) REQUIRE(guest.flush(*image));
        }
    }
}

TEST_CASE("VHD, VMDK: a power cut that keeps any part of what was not flushed loses nothing else") {
    for (const Kind& kind : kKinds) {
        if (kind.fixed) continue;
        for (unsigned seed = 1; seed <= 4; ++seed) {
            INFO(kind.name << " seed " << seed);
            auto disk = kind.create();
            Guest guest = kind.guest(seed);
            disk->flushed = disk->content;
            disk->journal = true;
            auto image = kind.open(disk);
            for (int step = 0; step < 60; ++step) {
                REQUIRE(guest.write(*image));
                if (guest.random() % 8 == 0) REQUIRE(guest.flush(*image));
                if (step % 6) continue;
                auto after = std::make_shared<MemoryDisk>();
                after->content = disk->flushed;
                for (const auto& change : disk->since_flush)
                    if (guest.random() % 2) MemoryDisk::apply(after->content, change);
                REQUIRE(guest.compare(*kind.open(after), false) == "");
            }
        }
    }
}

TEST_CASE("VHD, VMDK: space that a power cut left without an entry is used again") {
    const auto fill = [](const Kind& kind, const std::shared_ptr<MemoryDisk>& disk) {
        auto image = kind.open(disk);
        for (u64 s = 0; s < kSectors; s += 64) REQUIRE(image->write(s * kSector, std::vector<u8>(64 * kSector, 1)));
    };
    for (const Kind& kind : kKinds) {
        if (kind.fixed) continue;
        const auto full = kind.create();
        fill(kind, full);
        for (unsigned seed = 1; seed <= 12; ++seed) {
            INFO(kind.name << " seed " << seed);
            auto disk = kind.create();
            Guest guest = kind.guest(seed);
            for (int cut = 0; cut < 4; ++cut) {
                disk->flushed = disk->content;
                disk->journal = true;
                auto image = kind.open(disk);
                for (int step = 0; step < 5; ++step) REQUIRE(guest.write(*image));
                auto after = std::make_shared<MemoryDisk>();
                after->content = disk->flushed;
                for (const auto& change : disk->since_flush)
                    if (guest.random() % 2) MemoryDisk::apply(after->content, change);
                REQUIRE(guest.compare(*kind.open(after, false), false) == "");
                disk = after;
                // What the cut took away shall not be asked for in the next round.
                auto left = kind.open(disk, false);
                std::vector<u8> sector(kSector);
                for (u64 s = 0; s < kSectors; ++s) {
                    REQUIRE(left->read(s * kSector, sector));
                    guest.now[s] = guest.flushed[s] = load_le<u32>(sector.data());
                }
                guest.since.clear();
            }
            fill(kind, disk);
            CHECK(disk->content.size() == full->content.size());
        }
    }
}

TEST_CASE("VHD, VMDK: random damage never crashes") {
    for (const Kind& kind : kKinds) {
        INFO(kind.name);
        auto disk = kind.create();
        {
            Guest guest = kind.guest(5);
            auto image = kind.open(disk);
            for (int i = 0; i < 30; ++i) REQUIRE(guest.write(*image));
        }
        std::mt19937 random(11);
        for (int round = 0; round < 150; ++round) {
            auto bad = std::make_shared<MemoryDisk>();
            bad->content = disk->content;
            for (unsigned i = 1 + random() % 4; i > 0; --i) {
                const usize limit = random() % 3 ? std::min<usize>(bad->content.size(), 24576) : bad->content.size();
                bad->content[random() % limit] = static_cast<u8>(random());
            }
            if (random() % 4 == 0) bad->content.resize(random() % bad->content.size());
            try {
                auto image = kind.open(bad, random() % 2);
                std::vector<u8> sector(512);
                for (int i = 0; i < 20; ++i) {
                    const u64 at = random() % kSectors * 512;
                    (void)image->read(at, sector);
                    (void)image->write(at, sector);
                }
            } catch (const UserError& error) {
                CHECK(std::strlen(error.what()) > 20);
            }
        }
    }
}

TEST_CASE("VHD: the copy of the footer at the start serves when the end was lost") {
    const Kind& kind = kKinds[1];
    auto disk = kind.create();
    { REQUIRE(kind.open(disk)->write(0, std::vector<u8>(512, 9))); }
    disk->content.resize(disk->content.size() - 512);
    std::vector<u8> sector(512);
    { REQUIRE(kind.open(disk)->read(0, sector)); }
    CHECK(sector[0] == 9);
    VhdFooter footer;
    std::array<u8, 512> last{};
    std::copy(disk->content.end() - 512, disk->content.end(), last.begin());
    CHECK(VhdFooter::decode(last, footer)); // it is back
}

TEST_CASE("VHD, VMDK: hostile numbers are refused with one sentence") {
    const Kind &dynamic = kKinds[1], &sparse = kKinds[3];
    const auto vhd = dynamic.create()->content;
    auto bad = vhd;
    bad[512 + 20] ^= 1; // the table's offset, and so the checksum
    CHECK_THAT(refusal(dynamic, bad), Catch::Contains("dynamic header is not valid"));
    bad = vhd;
    store_be<u32>(&bad[1536], 3); // a block in the tables
    CHECK_THAT(refusal(dynamic, bad), Catch::Contains("outside the file"));
    CHECK_THAT(refusal(dynamic, std::vector<u8>(100)), Catch::Contains("no VHD file"));
    CHECK_THAT(refusal(dynamic, std::vector<u8>(2048)), Catch::Contains("no valid VHD footer"));

    const auto vmdk = sparse.create()->content;
    const auto with64 = [&](usize at, u64 value) {
        auto content = vmdk;
        store_le<u64>(&content[at], value);
        return refusal(sparse, content);
    };
    CHECK(refusal(sparse, vmdk).empty());
    CHECK_THAT(with64(4, 9), Catch::Contains("version"));
    CHECK_THAT(with64(12, ~u64{0}), Catch::Contains("size is impossible"));
    CHECK_THAT(with64(20, 3), Catch::Contains("grain size"));
    CHECK_THAT(with64(28, ~u64{0} / 1024), Catch::Contains("descriptor lies outside"));
    CHECK_THAT(with64(28, 0), Catch::Contains("a part of a VMDK image"));
    CHECK_THAT(with64(36, ~u64{0}), Catch::Contains("descriptor lies outside"));
    CHECK_THAT(with64(56, u64{1} << 50), Catch::Contains("grain directory lies outside"));
    CHECK_THAT(with64(48, 0), Catch::Contains("overlap"));
}

TEST_CASE("VMDK: an overhead near the end of all numbers makes no gaps that lie outside the file") {
    const Kind& sparse = kKinds[3];
    auto disk = sparse.create();
    const std::vector<u8> one(512, 0x11), two(512, 0x22);
    REQUIRE(sparse.open(disk)->write(0, one));
    store_le<u64>(&disk->content[64], ~u64{0} - 100);
    const usize before = disk->content.size();
    REQUIRE(sparse.open(disk)->write(1 << 17, two)); // another grain
    CHECK(disk->content.size() < before + (8 << 20));
    auto image = sparse.open(disk);
    std::vector<u8> sector(512);
    CHECK((image->read(0, sector) && sector == one));
    CHECK((image->read(1 << 17, sector) && sector == two));
}

TEST_CASE("VHD: the parent is found by its relative path, and only if it is the same disk") {
    ScratchDirectory scratch;
    ImageRecipe base{.format = "vhd", .size = kSize};
    base.id[3] = 7;
    create_image(scratch / "B\xC3\xA4sis.vhd", base); // Bäsis
    {
        auto image = open_image(scratch / "B\xC3\xA4sis.vhd", MediaKind::Disk);
        REQUIRE(image->write(1000 * 512, std::vector<u8>(512, 0x5A)));
    }
    create_image(scratch / "child.vhd", {.format = "vhd", .parent = "B\xC3\xA4sis.vhd"});
    std::vector<u8> sector(512);
    {
        auto child = open_image(scratch / "child.vhd", MediaKind::Disk);
        CHECK(child->size() == kSize);
        REQUIRE(child->read(1000 * 512, sector));
        CHECK(sector[5] == 0x5A);
        REQUIRE(child->write(1001 * 512, std::vector<u8>(512, 0x6B)));
    }
    CHECK(commit_image(scratch / "child.vhd", {}, {}) == scratch / "B\xC3\xA4sis.vhd");
    {
        auto image = open_image(scratch / "B\xC3\xA4sis.vhd", MediaKind::Disk);
        REQUIRE(image->read(1001 * 512, sector));
        CHECK(sector[5] == 0x6B);
    }
    std::filesystem::remove(scratch.path / "B\xC3\xA4sis.vhd");
    base.id[3] = 8;
    create_image(scratch / "B\xC3\xA4sis.vhd", base);
    CHECK_THROWS_WITH(open_image(scratch / "child.vhd", MediaKind::Disk), Catch::Contains("made on another disk"));
}

TEST_CASE("VMDK: a descriptor with flat and sparse extents in several files") {
    MemoryNeighbours neighbours;
    auto flat = std::make_shared<MemoryDisk>(), sparse = std::make_shared<MemoryDisk>();
    flat->content.resize(100 * 512 + 3 * 512);
    {
        MemoryFile file(sparse);
        REQUIRE(create_vmdk_sparse(file, 3000, ""));
    }
    neighbours.extents = {{"a b-f001.vmdk", flat}, {"s002.vmdk", sparse}};
    const std::string text = "# Disk DescriptorFile\r\nversion=1\r\nCID=0000000a\r\nparentCID=ffffffff\r\n"
                             "createType=\"twoGbMaxExtentSparse\"\r\n\r\nRW 100 FLAT \"a b-f001.vmdk\" 3\r\n"
                             "RW 3000 SPARSE \"s002.vmdk\"\r\n";
    auto descriptor = std::make_shared<MemoryDisk>();
    descriptor->content.assign(text.begin(), text.end());
    Guest guest(4, 3100);
    {
        auto image = open_vmdk(memory_file(descriptor), true, neighbours);
        CHECK(image->size() == 3100 * 512);
        for (int i = 0; i < 200; ++i) REQUIRE(guest.write(*image));
        CHECK(guest.compare(*image, true) == "");
    }
    CHECK(guest.compare(*open_vmdk(memory_file(descriptor), false, neighbours), true) == "");
    const std::string after(descriptor->content.begin(), descriptor->content.end());
    CHECK_THAT(after, Catch::Contains("CID=0000000b")); // changed content, changed identity
}

TEST_CASE("VHD, VMDK: QEMU reads ours and we read QEMU's", "[host]") {
    if (!has_qemu_img()) return;
    ScratchDirectory scratch;
    struct Case {
        const char *format, *qemu, *options;
        bool fixed;
    };
    for (const Case& one : {Case{"vhd", "vpc", "-o subformat=dynamic,force_size=on", false},
                            Case{"vhd", "vpc", "-o subformat=fixed,force_size=on", true},
                            Case{"vmdk", "vmdk", "-o subformat=monolithicSparse", false},
                            Case{"vmdk", "vmdk", "-o subformat=monolithicFlat", true},
                            Case{"vmdk", "vmdk", "-o subformat=twoGbMaxExtentSparse", false},
                            Case{"vmdk", "vmdk", "-o subformat=twoGbMaxExtentFlat", false},
                            Case{"vmdk", "vmdk", "-o subformat=streamOptimized", false}}) {
        INFO(one.format << " " << one.options);
        ScratchDirectory here;
        const std::string ours = here / "ours.img", raw = here / "copy.raw";
        create_image(ours, {.format = one.format, .size = kSize, .fixed = one.fixed});
        Guest guest(6, kSectors);
        {
            auto image = open_image(ours, MediaKind::Disk);
            for (int i = 0; i < 300; ++i) REQUIRE(guest.write(*image));
        }
        REQUIRE(qemu_img(std::string("convert -f ") + one.qemu + " -O raw " + ours + " " + raw) == 0);
        CHECK(guest.compare(*open_image(raw, MediaKind::Disk, {.format = "raw", .snapshot = true}), true) == "");
        const std::string theirs = here / "theirs.vmdk";
        REQUIRE(qemu_img(std::string("convert -O ") + one.qemu + " " + one.options + " " + raw + " " + theirs) == 0);
        const bool compressed = std::string(one.options).find("stream") != std::string::npos;
        {
            auto image = open_image(theirs, MediaKind::Disk);
            CHECK(image->size() == kSize);
            CHECK(image->read_only() == compressed);
            CHECK(guest.compare(*image, true) == "");
            for (int i = 0; i < 50 && !compressed; ++i) REQUIRE(guest.write(*image));
        }
        REQUIRE(qemu_img(std::string("convert -f ") + one.qemu + " -O raw " + theirs + " " + raw) == 0);
        CHECK(guest.compare(*open_image(raw, MediaKind::Disk, {.format = "raw", .snapshot = true}), true) == "");
        if (std::string(one.format) == "vmdk") CHECK(qemu_img("check -f vmdk " + ours) == 0);
    }
}

#include "core/error.h"
#include "tests/catch.h"
#include "tests/devices/storage_bench.h"
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

using namespace r86;
namespace fs = std::filesystem;

namespace {

/// A directory that goes away with the test.
struct Scratch {
    fs::path path;
    Scratch() {
        static int number = 0;
        path =
            fs::temp_directory_path() / ("r86-image-" + std::to_string(std::rand()) + "-" + std::to_string(++number));
        fs::create_directories(path);
    }
    ~Scratch() { fs::remove_all(path); }
    std::string file(const std::string& name, const std::vector<u8>& content) {
        const fs::path full = path / name;
        std::ofstream(full, std::ios::binary)
            .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
        return full.string();
    }
};

std::vector<u8> bytes_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string refusal(const std::string& path, MediaKind kind, const ImageOptions& options = {}) {
    try {
        open_image(path, kind, options);
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

std::vector<u8> iso_content(usize sectors = 20) {
    std::vector<u8> content(sectors * 2048);
    std::memcpy(content.data() + 0x8001, "CD001", 5);
    return content;
}

} // namespace

TEST_CASE("image: a raw disk keeps what was written") {
    Scratch scratch;
    const std::string path = scratch.file("disk.img", std::vector<u8>(4 << 20));
    const std::vector<u8> data{1, 2, 3, 4};
    {
        auto image = open_image(path, MediaKind::Disk);
        CHECK(image->size() == 4 << 20);
        CHECK_FALSE(image->read_only());
        REQUIRE(image->write(1'000'000, data));
        REQUIRE(image->flush());
        std::vector<u8> back(4);
        REQUIRE(image->read(1'000'000, back));
        CHECK(back == data);
    }
    CHECK(bytes_of(path)[1'000'002] == 3);
}

TEST_CASE("image: accesses outside fail as values") {
    auto image = numbered_image(10);
    std::vector<u8> two(1024);
    CHECK_FALSE(image->read(9 * 512, two));
    CHECK_FALSE(image->write(9 * 512, two));
    CHECK_FALSE(image->read(~u64{0} - 100, two));
    CHECK(image->changed_clusters().empty());
}

TEST_CASE("image: bad files are refused with a sentence that says what to do") {
    Scratch scratch;
    CHECK_THAT(refusal((scratch.path / "none").string(), MediaKind::Disk), Catch::Contains("does not exist"));
    CHECK_THAT(refusal(scratch.path.string(), MediaKind::Disk), Catch::Contains("is a directory"));
    CHECK_THAT(refusal(scratch.file("empty", {}), MediaKind::Disk), Catch::Contains("is empty"));
    CHECK_THAT(refusal(scratch.file("cut", std::vector<u8>(513)), MediaKind::Disk), Catch::Contains("multiple of 512"));
    CHECK_THAT(refusal(scratch.file("cut.iso", std::vector<u8>(2049)), MediaKind::Cd),
               Catch::Contains("multiple of 2048"));
    CHECK_THAT(refusal(scratch.file("tiny", std::vector<u8>(511)), MediaKind::Floppy), Catch::Contains("smaller"));
    CHECK_THAT(refusal(scratch.file("big", std::vector<u8>(2949121)), MediaKind::Floppy), Catch::Contains("2.88 MB"));
    const std::string good = scratch.file("good", std::vector<u8>(512));
    CHECK_THAT(refusal(good, MediaKind::Disk, {.format = "qcow2"}), Catch::Contains("no qcow2 file"));
    CHECK_THAT(refusal(good, MediaKind::Disk, {.format = "zip"}), Catch::Contains("unknown image format"));
    std::vector<u8> qcow(512);
    std::memcpy(qcow.data(), "QFI\xFB", 4);
    CHECK_THAT(refusal(scratch.file("q", qcow), MediaKind::Disk), Catch::Contains("version 0"));
}

TEST_CASE("image: other programs' formats and packed files are no raw disks") {
    const auto beginning = [](usize offset, std::string_view magic) {
        std::vector<u8> bytes(4096);
        std::memcpy(&bytes[offset], magic.data(), magic.size());
        return bytes;
    };
    const std::pair<std::vector<u8>, const char*> all[] = {
        {beginning(0, "vhdxfile"), "format VHDX"},
        {beginning(0x40, "\x7F\x10\xDA\xBE"), "format VDI"},
        {beginning(0, std::string_view("QED\0", 4)), "format QED"},
        {beginning(0, "WithoutFreeSpace"), "format Parallels"},
        {beginning(0, "Bochs Virtual HD Image"), "format Bochs"},
        {beginning(0, "\x1F\x8B\x08"), "packed with gzip"},
        {beginning(0, "\3757zXZ"), "packed with xz"},
        {beginning(0, "PK\3\4"), "packed with zip"},
    };
    Scratch scratch;
    for (const auto& [bytes, sentence] : all) {
        const std::string path = scratch.file("image", bytes);
        CHECK_THAT(refusal(path, MediaKind::Disk), Catch::Contains(sentence));
        CHECK_THAT(refusal(path, MediaKind::Floppy), Catch::Contains(sentence));
        CHECK(refusal(path, MediaKind::Disk, {.format = "raw"}).empty()); // who says so gets it
    }
}

TEST_CASE("image: a CD of whole sectors shows the data in them") {
    Scratch scratch;
    for (const u8 mode : {1, 2}) {
        const usize data_at = mode == 1 ? 16 : 24;
        std::vector<u8> file, data;
        for (u32 sector = 0; sector < 20; ++sector) {
            std::vector<u8> raw(2352, 0xEE);
            std::memset(&raw[0], 0xFF, 12);
            raw[0] = raw[11] = 0;
            raw[15] = mode;
            for (usize i = 0; i < 2048; ++i) raw[data_at + i] = static_cast<u8>(sector * 7 + i);
            if (sector == 16) std::memcpy(&raw[data_at + 1], "CD001", 5);
            file.insert(file.end(), raw.begin(), raw.end());
            data.insert(data.end(), raw.begin() + static_cast<std::ptrdiff_t>(data_at),
                        raw.begin() + static_cast<std::ptrdiff_t>(data_at) + 2048);
        }
        const std::string path = scratch.file("cd.bin", file);
        CHECK(probe_media(path) == MediaKind::Cd);
        auto image = open_image(path, MediaKind::Cd);
        REQUIRE(image->size() == data.size());
        CHECK(image->read_only());
        std::vector<u8> all(data.size()), piece(3000);
        REQUIRE(image->read(0, all));
        CHECK(all == data);
        REQUIRE(image->read(2000, piece));
        CHECK(std::equal(piece.begin(), piece.end(), data.begin() + 2000));
        CHECK_FALSE(image->read(data.size() - 1, piece));
    }
}

TEST_CASE("image: a second writer is kept out, readers share") {
    Scratch scratch;
    const std::string path = scratch.file("disk.img", std::vector<u8>(1024));
    {
        auto writer = open_image(path, MediaKind::Disk);
        CHECK_THAT(refusal(path, MediaKind::Disk), Catch::Contains("in use"));
        CHECK_THAT(refusal(path, MediaKind::Disk, {.snapshot = true}), Catch::Contains("in use"));
    }
    auto first = open_image(path, MediaKind::Disk, {.snapshot = true});
    CHECK(refusal(path, MediaKind::Disk, {.snapshot = true}).empty());
}

TEST_CASE("image: QEMU's tools read beside a reader, and neither writes under the other", "[host]") {
    const auto qemu_io = [](const std::string& arguments) {
        return std::system(("qemu-io -f raw " + arguments + " >/dev/null 2>&1").c_str()) == 0;
    };
    Scratch scratch;
    const std::string path = scratch.file("disk.img", std::vector<u8>(1 << 20));
    if (!qemu_io("-c 'write 0 512' " + path)) return; // not installed
    {
        auto reader = open_image(path, MediaKind::Disk, {.snapshot = true});
        CHECK(qemu_io("-r -c 'read 0 512' " + path));
        CHECK_FALSE(qemu_io("-c 'write 0 512' " + path));
    }
    {
        auto writer = open_image(path, MediaKind::Disk, {});
        CHECK_FALSE(qemu_io("-r -c 'read 0 512' " + path));
    }
    const std::string release = (scratch.path / "release").string();
    REQUIRE(std::system(("(while [ ! -e " + release + " ]; do sleep 0.1; done; echo quit) | qemu-io -f raw " + path +
                         " >/dev/null 2>&1 &")
                            .c_str()) == 0);
    std::string sentence;
    for (int i = 0; i < 100 && sentence.empty(); ++i) {
        REQUIRE(std::system("sleep 0.1") == 0);
        sentence = refusal(path, MediaKind::Disk, {.snapshot = true}); // QEMU has it open for writing
    }
    CHECK_THAT(sentence, Catch::Contains("in use"));
    scratch.file("release", {});
    for (int i = 0; i < 100 && !sentence.empty(); ++i) {
        REQUIRE(std::system("sleep 0.1") == 0);
        sentence = refusal(path, MediaKind::Disk, {});
    }
    CHECK(sentence == "");
}

TEST_CASE("image: a snapshot leaves the file as it was") {
    Scratch scratch;
    std::vector<u8> content(3 * 65536 + 512);
    for (usize i = 0; i < content.size(); ++i) content[i] = static_cast<u8>(i * 31 >> 3);
    const std::string path = scratch.file("disk.img", content);
    auto image = open_image(path, MediaKind::Disk, {.snapshot = true});
    CHECK_FALSE(image->read_only());
    const std::vector<u8> data(70000, 0xAA);
    REQUIRE(image->write(65000, data));
    REQUIRE(image->write(3 * 65536 + 510, std::vector<u8>{7, 8})); // the short last cluster
    REQUIRE(image->flush());
    std::vector<u8> expected = content, all(content.size());
    std::fill_n(expected.begin() + 65000, 70000, u8{0xAA});
    expected[3 * 65536 + 510] = 7;
    expected[3 * 65536 + 511] = 8;
    REQUIRE(image->read(0, all));
    CHECK(all == expected);
    CHECK(image->changed_clusters() == std::set<u64>{0, 1, 2, 3});
    CHECK(image->cluster_bytes(3) == 512);
    CHECK(bytes_of(path) == content);
}

TEST_CASE("image: the hook sees the old content of each cluster before it changes") {
    auto image = numbered_image(512);
    std::vector<std::pair<u64, u8>> seen;
    image->on_before_write([&](u64 cluster) {
        std::vector<u8> old;
        REQUIRE(image->read_cluster(cluster, old));
        seen.push_back({cluster, old[0]});
    });
    REQUIRE(image->write(65536 - 512, std::vector<u8>(1024, 0xEE)));
    CHECK(seen == std::vector<std::pair<u64, u8>>{{0, 0}, {1, 128}});
}

TEST_CASE("image: a state carries the changed clusters, and an overlay goes back to it") {
    SnapshotOverlay image(numbered_image(1024));
    REQUIRE(image.write(0, std::vector<u8>(512, 0x11)));
    SavedState state = save(image);
    REQUIRE(image.write(0, std::vector<u8>(512, 0x22)));
    REQUIRE(image.write(200'000, std::vector<u8>(512, 0x33)));
    load(image, state);
    CHECK(image.changed_clusters() == std::set<u64>{0});
    std::vector<u8> sector(512);
    REQUIRE(image.read(0, sector));
    CHECK(sector[100] == 0x11);
    REQUIRE(image.read(390 * 512, sector));
    CHECK(sector[0] == (390 & 0xFF));
    CHECK(save(image).items == state.items);
}

TEST_CASE("image: a timeline can put a cluster back") {
    auto image = numbered_image(256);
    std::vector<u8> old;
    REQUIRE(image->read_cluster(1, old));
    REQUIRE(image->write(65536, std::vector<u8>(512, 0x55)));
    REQUIRE(image->restore_cluster(1, old, false));
    std::vector<u8> now;
    REQUIRE(image->read_cluster(1, now));
    CHECK(now == old);
    CHECK(image->changed_clusters().empty());
}

TEST_CASE("image: media kinds by content and size") {
    Scratch scratch;
    CHECK(probe_media(scratch.file("a", iso_content())) == MediaKind::Cd);
    CHECK(probe_media(scratch.file("b", std::vector<u8>(1474560))) == MediaKind::Floppy);
    CHECK(probe_media(scratch.file("c", std::vector<u8>(100'000))) == MediaKind::Floppy);
    CHECK(probe_media(scratch.file("d", std::vector<u8>(4 << 20))) == MediaKind::Disk);
    std::vector<u8> partitioned(1 << 20);
    partitioned[510] = 0x55;
    partitioned[511] = 0xAA;
    partitioned[446] = 0x80;
    partitioned[450] = 6;
    partitioned[454] = 63;
    partitioned[459] = 4;
    CHECK(probe_media(scratch.file("e", partitioned)) == MediaKind::Disk);
    CHECK_THROWS_AS(probe_media(scratch.file("f", {})), UserError);
}

TEST_CASE("image: a floppy is padded to its geometry, and grows when it is written there") {
    Scratch scratch;
    const std::string path = scratch.file("boot.bin", std::vector<u8>(700, 0x42));
    {
        auto image = open_image(path, MediaKind::Floppy);
        CHECK(image->size() == 163840);
        std::vector<u8> sector(512, 0xFF);
        REQUIRE(image->read(512, sector));
        CHECK(sector[187] == 0x42);
        CHECK(sector[188] == 0);
        REQUIRE(image->read(100'000, sector));
        CHECK(sector == std::vector<u8>(512));
        REQUIRE(image->write(2048, std::vector<u8>(512, 9)));
    }
    CHECK(bytes_of(path).size() == 2560);
}

TEST_CASE("image: a CD is read-only") {
    Scratch scratch;
    auto image = open_image(scratch.file("x.iso", iso_content()), MediaKind::Cd);
    CHECK(image->read_only());
    CHECK_FALSE(image->write(0, std::vector<u8>(512)));
}

TEST_CASE("image: a guest cannot turn a probed raw disk into another format") {
    Scratch scratch;
    const std::string path = scratch.file("disk.img", std::vector<u8>(65536));
    std::vector<u8> evil(512);
    std::memcpy(evil.data(), "QFI\xFB", 4);
    {
        auto image = open_image(path, MediaKind::Disk);
        std::string sentence;
        image->on_error([&](const std::string& text) { sentence = text; });
        CHECK_FALSE(image->write(0, evil));
        CHECK_THAT(sentence, Catch::Contains("format=raw"));
        REQUIRE(image->write(0, std::vector<u8>{'Q', 'F'}));
        CHECK_FALSE(image->write(2, std::vector<u8>{'I', 0xFB}));
    }
    auto told = open_image(path, MediaKind::Disk, {.format = "raw"});
    CHECK(told->write(0, evil));
}

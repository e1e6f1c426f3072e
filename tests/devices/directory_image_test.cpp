// Directories of the host as media: independent readers (mtools, fsck.fat, xorriso) see the same files.
#include "tests/catch.h"
#include "tests/devices/image_fixture.h"
#include <set>

using namespace r86;
namespace fs = std::filesystem;

namespace {

std::vector<u8> pattern(usize bytes, u8 seed) {
    std::vector<u8> out(bytes);
    for (usize i = 0; i < bytes; ++i) out[i] = static_cast<u8>(i * 7 + seed + (i >> 8));
    return out;
}

/// Names of every kind: exact, lower case, long, Unicode, with dots, equal after cutting; empty files and directories.
void fill(const ScratchDirectory& here) {
    here.file("tree/README.TXT", pattern(100, 1));
    here.file("tree/autoexec.bat", pattern(513, 2));
    here.file("tree/A long name with spaces.text", pattern(5000, 3));
    here.file("tree/A long name with more.text", pattern(1, 4));
    here.file("tree/archive.tar.gz", pattern(70'000, 5));
    here.file("tree/\xC3\x84rger \xE2\x82\xAC.txt", pattern(2048, 6)); // Ärger €
    here.file("tree/empty", {});
    here.file("tree/sub/deeper/deepest/file.bin", pattern(33'000, 7));
    here.file("tree/sub/.hidden", pattern(10, 8));
    for (int i = 0; i < 60; ++i)
        here.file("tree/many/number " + std::to_string(i) + " of many files.data", pattern(static_cast<usize>(i), 9));
    fs::create_directories(here.path / "tree" / "nothing here");
}

std::set<std::string> files_below(const fs::path& top) {
    std::set<std::string> out;
    for (const auto& one : fs::recursive_directory_iterator(top)) out.insert(fs::relative(one.path(), top).string());
    return out;
}

void check_same(const fs::path& a, const fs::path& b) {
    CHECK(files_below(a) == files_below(b));
    for (const std::string& name : files_below(a)) {
        INFO(name);
        if (fs::is_regular_file(a / name))
            CHECK(bytes_of_file((a / name).string()) == bytes_of_file((b / name).string()));
    }
}

bool has(const char* program) {
    return std::system((std::string(program) + " >/dev/null 2>&1 </dev/null").c_str()) == 0;
}
int run(const std::string& command) { return std::system((command + " >/dev/null 2>&1 </dev/null").c_str()); }

std::string write_out(BlockImage& image, const std::string& path) {
    create_image(path, {.format = "raw", .size = image.size()});
    auto target = open_image(path, MediaKind::Disk, {.format = "raw"});
    copy_image(image, *target, {});
    return path;
}

} // namespace

TEST_CASE("directory: a CD that xorriso reads by Rock Ridge, and again by Joliet", "[host]") {
    if (!has("xorriso -version")) return;
    ScratchDirectory here;
    fill(here);
    auto image = open_directory_image(here / "tree", MediaKind::Cd);
    CHECK(image->read_only());
    CHECK(image->size() % 2048 == 0);
    const std::string iso = write_out(*image, here / "disc.iso");
    CHECK(probe_media(iso) == MediaKind::Cd);
    for (const bool joliet : {false, true}) {
        INFO((joliet ? "Joliet" : "Rock Ridge"));
        const std::string out = here / (joliet ? "joliet" : "rock_ridge");
        REQUIRE(run("xorriso " + std::string(joliet ? "-read_fs norock " : "") + "-osirrox on -indev " + iso +
                    " -extract / " + out) == 0);
        run("chmod -R u+w " + out);
        check_same(here.path / "tree", out);
    }
}

TEST_CASE("directory: a FAT16 disk that fsck.fat accepts and mtools reads", "[host]") {
    if (!has("mtools --version") || !has("fsck.fat --help")) return;
    ScratchDirectory here;
    fill(here);
    auto image = open_directory_image(here / "tree", MediaKind::Disk);
    CHECK(image->read_only());
    CHECK_FALSE(image->write(0, std::vector<u8>(512)));
    const std::string disk = write_out(*image, here / "disk.img");
    CHECK(probe_media(disk) == MediaKind::Disk);
    const std::string volume = here / "volume.img";
    REQUIRE(run("dd if=" + disk + " of=" + volume + " bs=512 skip=63") == 0);
    CHECK(run("fsck.fat -n " + volume) == 0);
    fs::create_directories(here.path / "out");
    REQUIRE(run("LC_ALL=C.UTF-8 MTOOLS_SKIP_CHECK=1 mcopy -snQ -i " + disk + "@@32256 '::*' " + (here / "out")) == 0);
    check_same(here.path / "tree", here.path / "out");
}

TEST_CASE("directory: a floppy, and what does not fit on one", "[host]") {
    ScratchDirectory here;
    fill(here);
    auto image = open_directory_image(here / "tree", MediaKind::Floppy);
    CHECK(image->size() == 1474560);
    if (has("mtools --version") && has("fsck.fat --help")) {
        const std::string floppy = write_out(*image, here / "floppy.img");
        CHECK(run("fsck.fat -n " + floppy) == 0);
        fs::create_directories(here.path / "out");
        REQUIRE(run("LC_ALL=C.UTF-8 mcopy -snQ -i " + floppy + " '::*' " + (here / "out")) == 0);
        check_same(here.path / "tree", here.path / "out");
    }
    here.file("tree/big.bin", pattern(2'000'000, 1));
    CHECK(open_directory_image(here / "tree", MediaKind::Floppy)->size() == 2949120);
    here.file("tree/bigger.bin", pattern(2'000'000, 1));
    CHECK_THROWS_WITH(open_directory_image(here / "tree", MediaKind::Floppy), Catch::Contains("too large"));
    CHECK_THROWS_WITH(open_directory_image(here / "none", MediaKind::Cd), Catch::Contains("does not exist"));
    CHECK_THROWS_WITH(open_directory_image(here / "tree/big.bin", MediaKind::Cd), Catch::Contains("no directory"));
}

TEST_CASE("directory: a FAT32 disk for large files, and the limit of FAT", "[host]") {
    ScratchDirectory here;
    here.file("tree/small.txt", pattern(10, 1));
    const std::string large = here.file("tree/large.bin", pattern(100, 2));
    fs::resize_file(large, u64{3} << 30); // sparse: nothing is stored
    auto image = open_directory_image(here / "tree", MediaKind::Disk);
    CHECK(image->size() > (u64{3} << 30));
    std::vector<u8> sector(512);
    REQUIRE(image->read(0, sector));
    CHECK(sector[450] == 0x0C); // FAT32 by LBA
    if (has("fsck.fat --help")) {
        const std::string disk = write_out(*image, here / "disk.img"); // sparse as well
        const std::string volume = here / "volume.img";
        REQUIRE(run("dd conv=sparse if=" + disk + " of=" + volume + " bs=63b skip=1 iflag=fullblock") == 0);
        CHECK(run("fsck.fat -n " + volume) == 0);
    }
    fs::resize_file(large, u64{5} << 30);
    CHECK_THROWS_WITH(open_directory_image(here / "tree", MediaKind::Disk), Catch::Contains("4 GiB"));
    CHECK_THROWS_WITH(open_directory_image(here / "tree", MediaKind::Cd), Catch::Contains("4 GiB"));
}

TEST_CASE("directory: equal trees give equal media, and a file that vanished is a read error with a sentence") {
    ScratchDirectory a, b;
    for (const ScratchDirectory* here : {&a, &b}) {
        here->file("tree/one.txt", pattern(3000, 1));
        here->file("tree/two/three.txt", pattern(10, 2));
        const auto then = fs::file_time_type::clock::now() - std::chrono::hours(24);
        for (const auto& one : fs::recursive_directory_iterator(here->path)) fs::last_write_time(one.path(), then);
        fs::last_write_time(here->path / "tree", then);
    }
    for (const MediaKind kind : {MediaKind::Floppy, MediaKind::Cd}) {
        auto first = open_directory_image(a / "tree", kind), second = open_directory_image(b / "tree", kind);
        REQUIRE(first->size() == second->size());
        std::vector<u8> x(first->size()), y(first->size());
        REQUIRE(first->read(0, x));
        REQUIRE(second->read(0, y));
        CHECK(x == y);
    }
    auto image = open_directory_image(a / "tree", MediaKind::Floppy);
    std::string sentence;
    image->on_error([&](const std::string& text) { sentence = text; });
    fs::remove(a.path / "tree" / "one.txt");
    std::vector<u8> all(image->size());
    CHECK_FALSE(image->read(0, all));
    CHECK_THAT(sentence, Catch::Contains("does not exist"));
}

// `rewind86 image`: exit statuses and what the commands leave behind.
#include "devices/block_image.h"
#include "frontend/image_command.h"
#include "tests/catch.h"
#include "tests/devices/image_fixture.h"

using namespace r86;
namespace fs = std::filesystem;

namespace {

int image(std::vector<std::string> words) {
    words.insert(words.begin(), "image");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    return image_command(static_cast<int>(arguments.size()), arguments.data());
}

u8 byte_at(const std::string& path, u64 offset) {
    auto disk = open_image(path, MediaKind::Disk, {.snapshot = true});
    u8 out = 0;
    REQUIRE(disk->read(offset, {&out, 1}));
    return out;
}

} // namespace

TEST_CASE("image command: create, overlay, commit, convert, check") {
    ScratchDirectory here;
    CHECK(image({"create", here / "base.qcow2", "8M"}) == 0);
    CHECK(image({"create", here / "base.qcow2", "8M"}) == 1); // it exists
    CHECK(image({"create", here / "top.qcow2", "-b", "base.qcow2"}) == 0);
    { REQUIRE(open_image(here / "top.qcow2", MediaKind::Disk)->write(70'000, std::vector<u8>(512, 0x5A))); }
    CHECK(byte_at(here / "base.qcow2", 70'000) == 0);
    CHECK(image({"info", here / "top.qcow2"}) == 0);
    CHECK(image({"check", here / "top.qcow2"}) == 0);
    CHECK(image({"commit", here / "top.qcow2"}) == 0);
    CHECK(byte_at(here / "base.qcow2", 70'000) == 0x5A);
    CHECK(image({"commit", here / "base.qcow2"}) == 1); // stands on nothing
    for (const char* name : {"copy.vhd", "copy.vmdk", "copy.img", "copy.qcow2"}) {
        INFO(name);
        CHECK(image({"convert", here / "top.qcow2", here / name}) == 0);
        CHECK(fs::file_size(here.path / name) <= (8 << 20) + 512);
        CHECK(byte_at(here / name, 70'000 + 511) == 0x5A);
        CHECK(image({"check", here / name}) == 0);
    }
    CHECK(image({"convert", here / "top.qcow2", here / "fixed.vhd", "--fixed"}) == 0);
    CHECK(fs::file_size(here.path / "fixed.vhd") == (8 << 20) + 512);
}

TEST_CASE("image command: check tells leaks from damage, and repairs") {
    ScratchDirectory here;
    const std::string path = here / "disk.qcow2";
    REQUIRE(image({"create", path, "8M"}) == 0);
    auto content = bytes_of_file(path);
    content[2 * 65536 + 2 * 3 + 1] = 2; // the L1 table's refcount
    here.file("disk.qcow2", content);
    CHECK(image({"check", path}) == 3);
    CHECK(image({"check", "--repair", path}) == 0);
    content[2 * 65536 + 2 * 3 + 1] = 0;
    here.file("disk.qcow2", content);
    CHECK(image({"check", path}) == 2);
    CHECK(image({"check", "-r", path}) == 0);
    CHECK(image({"check", path}) == 0);
}

TEST_CASE("image command: wrong use is status 1") {
    ScratchDirectory here;
    CHECK(image({}) == 1);
    CHECK(image({"frobnicate"}) == 1);
    CHECK(image({"create", here / "a.qcow2"}) == 1);
    CHECK(image({"create", here / "a.qcow2", "12 parsecs"}) == 1);
    CHECK(image({"info", here / "none"}) == 1);
    CHECK_FALSE(fs::exists(here.path / "a.qcow2"));
}

TEST_CASE("image command: what could not be made whole is taken away again, what was there before is not") {
    ScratchDirectory here;
    for (const char* name : {"a.vhd", "a.vmdk"}) {
        CHECK(image({"create", here / name, "3T"}) == 1); // more than the format can hold
        CHECK_FALSE(fs::exists(here.path / name));
        CHECK(image({"create", here / name, "3M"}) == 0);
        CHECK(image({"create", here / name, "3T"}) == 1);
        CHECK(fs::exists(here.path / name));
    }
}

TEST_CASE("image command: a backing file elsewhere must be named by the user") {
    ScratchDirectory here, elsewhere;
    REQUIRE(image({"create", elsewhere / "base.img", "1M"}) == 0);
    REQUIRE(image({"create", here / "top.qcow2", "-b", elsewhere / "base.img"}) == 0);
    CHECK(image({"info", here / "top.qcow2"}) == 1);
    CHECK(image({"info", here / "top.qcow2", "--allow-backing", elsewhere / "base.img"}) == 0);
}

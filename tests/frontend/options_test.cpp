/// Values of the command line.
#include "core/error.h"
#include "frontend/cli/options.h"
#include "tests/catch.h"

using namespace r86;

namespace {

Options parsed(std::vector<std::string> words) {
    words.insert(words.begin(), "rewind86");
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    const ParsedCommandLine line = parse_command_line(static_cast<int>(argv.size()), argv.data());
    REQUIRE(line.run);
    return line.options;
}

} // namespace

TEST_CASE("options: sizes") {
    CHECK(parse_size("128M") == u64{128} << 20);
    CHECK(parse_size("64KiB") == 65536);
    CHECK(parse_size("1g") == u64{1} << 30);
    CHECK(parse_size("1TB") == u64{1} << 40);
    CHECK(parse_size("512") == 512);
    for (const char* text : {"", "M", "1.5M", "-1", "12Q", "128MM", "99999999T", "1 M"})
        CHECK_THROWS_AS(parse_size(text), UserError);
}

TEST_CASE("options: dates") {
    const RtcTime time = parse_rtc("2004-02-29T23:59:58");
    CHECK(time.year == 2004);
    CHECK(time.month == 2);
    CHECK(time.day == 29);
    CHECK(time.second == 58);
    for (const char* text : {"2001-02-29T00:00:00", "2000-01-01", "2000-13-01T00:00:00", "2000-01-01T24:00:00",
                             "2000-01-01T00:00:00Z", "1850-01-01T00:00:00"})
        CHECK_THROWS_AS(parse_rtc(text), UserError);
}

TEST_CASE("options: an image's format is split off, a comma of its name is not") {
    CHECK(parse_image_option("a,b.img").path == "a,b.img");
    CHECK(parse_image_option("a,b.img,format=qcow2").path == "a,b.img");
    CHECK(parse_image_option("a.img,format=vhd").format == "vhd");
    CHECK_THROWS_AS(parse_image_option("a.img,format=zip"), UserError);
}

TEST_CASE("options: repeated ones keep their order, images follow them") {
    const Options options = parsed({"--headless", "--floppy", "a", "--floppy", "b", "--serial", "null", "--serial",
                                    "file:x", "--digest-at", "0x10", "c.img", "--disk", "d.img", "e.iso"});
    CHECK(options.display == DisplayKind::None);
    CHECK(options.floppies == std::vector<std::string>{"a", "b"});
    CHECK(options.serial == std::vector<std::string>{"null", "file:x"});
    CHECK(options.images == std::vector<std::string>{"c.img", "e.iso"});
    CHECK(options.disks.at(0).path == "d.img");
    CHECK(options.digest_at == std::vector<u64>{16});
}

TEST_CASE("options: a kernel's arguments may look like ours") {
    const Options options = parsed({"--kernel", "k", "--append", "--version -v", "--module", "m -x"});
    CHECK(options.append == "--version -v");
    CHECK(options.modules == std::vector<std::string>{"m -x"});
}

TEST_CASE("options: time") {
    CHECK(parsed({"--mips", "auto"}).auto_mips);
    CHECK(parsed({"--mips", "33"}).mips == 33u);
    CHECK(parsed({"--speed", "max"}).speed_percent == 0u);
    CHECK(parsed({"--speed", "50%"}).speed_percent == 50u);
    CHECK(!parsed({}).speed_percent);
    CHECK_THROWS_AS(parsed({"--speed", "0"}), UserError);
    CHECK_THROWS_AS(parsed({"--mips", "2000"}), UserError);
    CHECK_THROWS_AS(parsed({"--headless", "--display", "sdl"}), UserError);
}

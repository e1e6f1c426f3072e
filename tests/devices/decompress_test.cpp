/// Compressed files.
#include "devices/decompress.h"
#include "tests/catch.h"

using namespace r86;

TEST_CASE("gzip: a file of one member, with and without a name; damage is seen") {
    if (!has_inflate()) return;
    // printf 'rewind86 %.0s' 1 2 3 4 | gzip -n, and the same with FNAME "a"
    std::vector<u8> plain{0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03};
    const std::vector<u8> body{0x2B, 0x4A, 0x2D, 0xCF, 0xCC, 0x4B, 0xB1, 0x30, 0x53, 0x28, 0xC2,
                               0xCD, 0x00, 0x00, 0xEC, 0x20, 0x9B, 0x5B, 0x24, 0x00, 0x00, 0x00};
    std::vector<u8> named = plain;
    named[3] = 0x08;
    named.insert(named.end(), {'a', 0});
    plain.insert(plain.end(), body.begin(), body.end());
    named.insert(named.end(), body.begin(), body.end());
    const std::string expected = "rewind86 rewind86 rewind86 rewind86 ";
    for (const auto& file : {plain, named}) {
        const auto content = gunzip(file);
        REQUIRE(content);
        CHECK(std::string(content->begin(), content->end()) == expected);
        for (usize at : {usize{0}, usize{1}, usize{2}, file.size() - 6, file.size() - 3, file.size() - 1}) {
            auto damaged = file; // magic, method, checksum, length
            damaged[at] ^= 0x40;
            CHECK_FALSE(gunzip(damaged));
        }
        CHECK_FALSE(gunzip(std::span{file}.first(file.size() - 1)));
    }
    CHECK_FALSE(gunzip({}));
}

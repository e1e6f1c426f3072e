/// The PNG writer, read back by hand.
#include "frontend/png.h"
#include "tests/catch.h"
#include <algorithm>
#include <string>
#include <zlib.h>

using namespace r86;

namespace {
u32 big_endian(const std::vector<u8>& bytes, usize at) {
    return u32{bytes[at]} << 24 | u32{bytes[at + 1]} << 16 | u32{bytes[at + 2]} << 8 | bytes[at + 3];
}
} // namespace

TEST_CASE("png: header, checksums and pixels") {
    const Picture picture{3, 2, {0x112233, 0xFF0000, 0x00FF00, 0x0000FF, 0xFFFFFF, 0x000000}};
    const std::vector<u8> file = encode_png(picture);
    CHECK(std::equal(file.begin(), file.begin() + 8, "\x89PNG\r\n\x1A\n", [](u8 a, char b) { return a == u8(b); }));
    std::string types;
    std::vector<u8> rows(2 * (1 + 9));
    for (usize at = 8; at < file.size();) {
        const u32 length = big_endian(file, at);
        types += std::string(file.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                             file.begin() + static_cast<std::ptrdiff_t>(at) + 8);
        CHECK(big_endian(file, at + 8 + length) == crc32(0, file.data() + at + 4, length + 4));
        if (types == "IHDR") {
            CHECK(big_endian(file, at + 8) == 3);
            CHECK(big_endian(file, at + 12) == 2);
        }
        if (types.ends_with("IDAT")) {
            uLongf size = rows.size();
            REQUIRE(uncompress(rows.data(), &size, file.data() + at + 8, length) == Z_OK);
            CHECK(size == rows.size());
        }
        at += 12 + length;
    }
    CHECK(types == "IHDRIDATIEND");
    CHECK(rows ==
          std::vector<u8>{0, 0x11, 0x22, 0x33, 0xFF, 0, 0, 0, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0});
}

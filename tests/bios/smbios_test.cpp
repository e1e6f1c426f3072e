#include "bios/smbios.h"
#include "tests/catch.h"
#include <cstring>
#include <numeric>
#include <set>

using namespace r86;

TEST_CASE("SMBIOS: the entry point's checksums, and a walk over all structures") {
    const SmbiosFiles files = build_smbios({u64{256} << 20, 0xF29, 0x1, 0});
    REQUIRE(files.anchor.size() == 0x1F);
    CHECK(std::memcmp(files.anchor.data(), "_SM_", 4) == 0);
    CHECK(std::memcmp(files.anchor.data() + 0x10, "_DMI_", 5) == 0);
    CHECK((std::accumulate(files.anchor.begin(), files.anchor.end(), 0) & 0xFF) == 0);
    CHECK((std::accumulate(files.anchor.begin() + 0x10, files.anchor.end(), 0) & 0xFF) == 0);
    CHECK(files.tables.size() == static_cast<usize>(files.anchor[0x16] | files.anchor[0x17] << 8));

    std::set<u8> types;
    usize at = 0, count = 0;
    while (at < files.tables.size()) {
        const u8 type = files.tables[at], length = files.tables[at + 1];
        REQUIRE(length >= 4);
        types.insert(type);
        // Every string number in use must exist; the strings end with two zeros.
        usize end = at + length;
        while (files.tables.at(end) || files.tables.at(end + 1)) ++end;
        if (type == 17) CHECK((files.tables[at + 0x0C] | files.tables[at + 0x0D] << 8) == 256);
        at = end + 2;
        ++count;
    }
    CHECK(at == files.tables.size());
    CHECK(count == static_cast<usize>(files.anchor[0x1C] | files.anchor[0x1D] << 8));
    CHECK(types == std::set<u8>{0, 1, 3, 4, 16, 17, 19, 32, 127});
}

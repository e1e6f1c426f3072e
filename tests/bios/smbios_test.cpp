#include "bios/smbios.h"
#include "tests/catch.h"
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <string>

using namespace r86;

namespace {

u64 number(const std::vector<u8>& bytes, usize at, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u64{bytes.at(at + i)} << (8 * i);
    return value;
}

/// One structure as DSP0134, 6.1 has it: the formatted area and the strings behind it.
struct Structure {
    std::vector<u8> formatted;
    std::vector<std::string> strings;
    usize bytes = 0; ///< all of it

    u64 get(usize at, unsigned size) const { return number(formatted, at, size); }
    /// The text of a string field; strings are counted from 1, 0 is none.
    std::string text(usize at) const {
        const u8 index = formatted.at(at);
        return index == 0 ? "" : strings.at(index - 1u);
    }
};

/// Walks as an operating system does, without trusting the header.
std::vector<Structure> walk(const std::vector<u8>& tables) {
    std::vector<Structure> out;
    for (usize at = 0; at < tables.size();) {
        Structure s;
        const u8 length = tables.at(at + 1);
        REQUIRE(length >= 4);
        s.formatted.assign(tables.begin() + static_cast<std::ptrdiff_t>(at),
                           tables.begin() + static_cast<std::ptrdiff_t>(at + length));
        usize end = at + length;
        if (!tables.at(end)) ++end; // no strings at all: two zeros
        while (tables.at(end)) {
            s.strings.emplace_back(reinterpret_cast<const char*>(&tables[end]));
            end += s.strings.back().size() + 1;
        }
        ++end;
        s.bytes = end - at;
        at = end;
        out.push_back(std::move(s));
    }
    return out;
}

const SmbiosConfig kConfig{u64{256} << 20, 0xF29, 0x0387FBFF, 1000};

std::map<u8, Structure> by_type(const SmbiosConfig& config = kConfig) {
    std::map<u8, Structure> out;
    for (Structure& s : walk(build_smbios(config).tables)) {
        const u8 type = s.formatted[0];
        out.emplace(type, std::move(s));
    }
    return out;
}

} // namespace

TEST_CASE("SMBIOS 5.2.1: the entry point's anchors, checksums, version, count, lengths") {
    const SmbiosFiles files = build_smbios(kConfig);
    const std::vector<u8>& e = files.anchor;
    REQUIRE(e.size() == 0x1F);
    CHECK(std::memcmp(e.data(), "_SM_", 4) == 0);
    CHECK(std::memcmp(e.data() + 0x10, "_DMI_", 5) == 0);
    CHECK((std::accumulate(e.begin(), e.end(), 0) & 0xFF) == 0);
    CHECK((std::accumulate(e.begin() + 0x10, e.end(), 0) & 0xFF) == 0);
    CHECK(e[0x05] == 0x1F);
    CHECK(e[0x06] == 2);
    CHECK(e[0x07] == 8);
    CHECK(e[0x1E] == 0x28);
    usize largest = 0;
    const auto structures = walk(files.tables);
    for (const Structure& s : structures) largest = std::max(largest, s.bytes);
    CHECK(number(e, 0x08, 2) == largest);
    CHECK(number(e, 0x16, 2) == files.tables.size());
    CHECK(number(e, 0x1C, 2) == structures.size());
}

TEST_CASE("SMBIOS 6.1, 6.1.2: every handle is unique, every string number has a string, type 127 comes last") {
    const auto structures = walk(build_smbios(kConfig).tables);
    std::set<u64> handles;
    std::set<u8> types;
    for (const Structure& s : structures) {
        CHECK(s.formatted.size() == s.formatted[1]);
        CHECK(handles.insert(s.get(2, 2)).second);
        types.insert(s.formatted[0]);
        for (const std::string& text : s.strings) CHECK_FALSE(text.empty());
    }
    CHECK(types == std::set<u8>{0, 1, 3, 4, 16, 17, 19, 32, 127});
    CHECK(structures.back().formatted[0] == 127);
    CHECK(structures.back().formatted.size() == 4);
}

TEST_CASE("SMBIOS 7.1: BIOS information") {
    const Structure s = by_type().at(0);
    CHECK(s.formatted[1] == 0x18);
    CHECK(s.text(0x04) == "SeaBIOS");
    CHECK_FALSE(s.text(0x05).empty());
    CHECK(s.get(0x06, 2) == 0xE800);
    const std::string date = s.text(0x08);
    REQUIRE(date.size() == 10); // MM/DD/YYYY
    CHECK(date[2] == '/');
    CHECK(date[5] == '/');
    CHECK((s.get(0x0A, 8) & 1 << 3) != 0);  // characteristics not supported
    CHECK((s.formatted[0x13] & 0x10) != 0); // a virtual machine
}

TEST_CASE("SMBIOS 7.2: system information") {
    const Structure s = by_type().at(1);
    CHECK(s.formatted[1] == 0x1B);
    CHECK(s.text(0x04) == "rewind86");
    CHECK(s.text(0x05) == "i440FX PC");
    for (usize i = 0x08; i < 0x18; ++i) CHECK(s.formatted[i] == 0); // UUID: not set
    CHECK(s.formatted[0x18] == 6);                                  // woken by the power switch
}

TEST_CASE("SMBIOS 7.4: enclosure") {
    const Structure s = by_type().at(3);
    CHECK(s.formatted[1] >= 0x15);
    CHECK(s.text(0x04) == "rewind86");
    CHECK((s.formatted[0x05] & 0x7F) == 1);                                      // other
    for (const usize state : {0x09, 0x0A, 0x0B}) CHECK(s.formatted[state] == 3); // safe
}

TEST_CASE("SMBIOS 7.5: processor information repeats CPUID and the clock") {
    const Structure s = by_type().at(4);
    CHECK(s.formatted[1] == 0x2A);
    CHECK(s.formatted[0x05] == 3); // central processor
    CHECK(s.get(0x08, 4) == kConfig.processor_signature);
    CHECK(s.get(0x0C, 4) == kConfig.processor_features);
    CHECK(s.get(0x14, 2) == 1000);
    CHECK(s.get(0x16, 2) == 1000);
    CHECK((s.formatted[0x18] & 0x47) == 0x41);                                     // socket populated, enabled
    for (const usize cache : {0x1A, 0x1C, 0x1E}) CHECK(s.get(cache, 2) == 0xFFFF); // no cache information
    CHECK(s.formatted[0x23] == 1);
    CHECK(s.formatted[0x25] == 1);
}

TEST_CASE("SMBIOS 7.17, 7.18, 7.20: memory array, its device and its addresses agree about the size") {
    for (const u64 megabytes : {u64{1}, u64{64}, u64{256}, u64{3584}}) {
        const auto all = by_type({megabytes << 20, 0, 0, 0});
        const Structure &array = all.at(16), &device = all.at(17), &mapped = all.at(19);
        CHECK(array.formatted[0x04] == 3); // on the system board
        CHECK(array.formatted[0x05] == 3); // system memory
        CHECK(array.get(0x07, 4) == megabytes << 10);
        CHECK(array.get(0x0D, 2) == 1);
        CHECK(device.get(0x04, 2) == array.get(0x02, 2));
        CHECK(device.get(0x0C, 2) == megabytes);
        CHECK(device.text(0x10) == "DIMM 0");
        CHECK(mapped.get(0x04, 4) == 0);
        CHECK(mapped.get(0x08, 4) == (megabytes << 10) - 1);
        CHECK(mapped.get(0x0C, 2) == array.get(0x02, 2));
        CHECK(mapped.formatted[0x0E] == 1);
    }
    const auto small = by_type({640 << 10, 0, 0, 0}); // less than a megabyte is told in kilobytes
    CHECK(small.at(17).get(0x0C, 2) == (0x8000 | 640));
}

TEST_CASE("SMBIOS 7.33: system boot information says that all went well") {
    const Structure s = by_type().at(32);
    CHECK(s.formatted[1] >= 0x0B);
    for (usize i = 4; i < s.formatted.size(); ++i) CHECK(s.formatted[i] == 0);
}

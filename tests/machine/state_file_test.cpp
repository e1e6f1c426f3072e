// A machine's state as a file: what is in it, what is refused, and that a refusal changes nothing.
#include "core/error.h"
#include "devices/block_image.h"
#include "machine/pack.h"
#include "machine/state_file.h"
#include "machine/timeline.h"
#include "tests/catch.h"
#include <algorithm>
#include <cstring>

using namespace r86;

namespace {

constexpr usize kHeader = 19 + 24;

/// Firmware that counts: INC word [1000h]; JMP.
MachineConfig small_pc(u64 memory = u64{4} << 20) {
    MachineConfig config;
    config.memory_bytes = memory;
    config.bios.assign(0x10000, 0xF4);
    const u8 code[] = {0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA}, jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
    std::memcpy(config.bios.data(), code, sizeof code);
    std::memcpy(&config.bios[0xFFF0], jump, sizeof jump);
    config.no_vgabios = true;
    config.disks.push_back(
        std::make_unique<SnapshotOverlay>(make_memory_image(std::vector<u8>(u64{2} << 20), false, "disk")));
    return config;
}

std::string refusal(Machine& machine, std::span<const u8> file) {
    try {
        unpack_state(machine, file, "state 'x' ");
    } catch (const UserError& error) {
        return error.what();
    }
    return "";
}

struct Place {
    usize section = 0, content = 0, bytes = 0;
};

u32 number(const std::vector<u8>& file, usize at) {
    u32 value = 0;
    std::memcpy(&value, &file[at], 4);
    return value;
}

/// Where the sections of that name are.
std::vector<Place> places(const std::vector<u8>& file, const std::string& name) {
    std::vector<Place> found;
    for (usize at = kHeader; at < file.size();) {
        const usize length = file[at], stored = number(file, at + 5);
        if (std::string(&file[at + 17], &file[at + 17] + length) == name)
            found.push_back({at, at + 17 + length, stored});
        at += 17 + length + stored;
    }
    return found;
}

/// As somebody would who knows the format.
void correct_checksum(std::vector<u8>& file, const Place& place) {
    const u32 sum = crc32_of({&file[place.section + 13], place.content + place.bytes - place.section - 13});
    std::memcpy(&file[place.section + 9], &sum, 4);
}

void write_pattern(Machine& machine, u64 address, u8 value) {
    machine.apply(input::Poke{"", address, std::vector<u8>(kPageSize, value)});
}

} // namespace

TEST_CASE("a state with a medium that was put in later says what to do, and loads when it is there") {
    const auto put_in = [](Machine& machine) {
        machine.apply(input::Medium{"floppy0", make_memory_image(std::vector<u8>(1440 * 1024, 3), true, "b.img")});
    };
    Machine a(small_pc()), b(small_pc());
    put_in(a);
    const auto file = pack_state(a);
    CHECK(refusal(b, file).find("insert DRIVE FILE") != std::string::npos);
    put_in(b);
    CHECK(refusal(b, file).empty());
    CHECK(pack_state(b) == file);
}

TEST_CASE("a state file brings back processor, chips, memories and the changes of images") {
    Machine a(small_pc()), b(small_pc());
    a.run_until(4321);
    write_pattern(a, 0x200000, 0x5A);
    write_pattern(a, 0x3FF000, 0xA5); // the last page
    std::vector<u8> sector(512, 7);
    REQUIRE(a.config().disks[0]->write(0x30000, sector));
    std::memset(&a.pc().vga.vram()[0x12345], 0x77, 100);
    b.run_until(999);
    write_pattern(b, 0x300000, 0x11); // must go
    REQUIRE(b.config().disks[0]->write(0x90000, sector));
    const auto file = pack_state(a);
    CHECK(refusal(b, file) == "");
    CHECK(a.digest() == b.digest());
    CHECK(pack_state(b) == file);
    a.run_until(50000);
    b.run_until(50000);
    CHECK(a.digest() == b.digest());
    CHECK(a.save() == b.save());
}

TEST_CASE("there is a section for each chip, and pages of zeros are not stored") {
    Machine machine(small_pc(u64{64} << 20));
    machine.run_until(1000);
    const auto file = pack_state(machine);
    CHECK(file.size() < 64 << 10);
    for (const char* name : {"cpu", "clock", "events", "pit", "vga", "machine", "disk0", "ram"}) {
        INFO(name);
        CHECK(places(file, name).size() == 1);
    }
    CHECK(number(file, places(file, "ram")[0].section + 1) == 4 + kPageSize); // the counter's page
    CHECK(places(file, "video_memory").empty());
}

TEST_CASE("a part that is longer than a section goes on in the next one") {
    Machine a(small_pc()), b(small_pc());
    std::vector<u8> noise(u64{2} << 20);
    u32 state = 1;
    for (u8& byte : noise) byte = static_cast<u8>((state = state * 1664525 + 1013904223) >> 24);
    REQUIRE(a.config().disks[0]->write(0, noise));
    const auto file = pack_state(a);
    CHECK(places(file, "disk0").size() == 2);
    CHECK(refusal(b, file) == "");
    CHECK(a.digest() == b.digest());
}

TEST_CASE("any damage is noticed, and changes nothing") {
    Machine machine(small_pc());
    machine.run_until(1000);
    const auto file = pack_state(machine);
    machine.run_until(2000);
    const auto before = machine.digest();
    for (usize at = 0; at < file.size(); at += at < 200 ? 1 : 61) {
        auto damaged = file;
        damaged[at] ^= 0x40;
        INFO(at);
        CHECK(refusal(machine, damaged) != "");
        damaged.resize(at);
        CHECK(refusal(machine, damaged) != "");
    }
    CHECK(machine.digest() == before);
}

TEST_CASE("errors name the part and the field, and the machine and its history stay") {
    Machine machine(small_pc()), larger(small_pc(u64{8} << 20));
    Timeline timeline(machine, {});
    machine.run_until(1000);
    const auto early = machine.digest();
    machine.run_until(2000);
    const auto before = machine.digest();

    CHECK(refusal(machine, pack_state(larger)).find("another machine") != std::string::npos);

    auto file = pack_state(machine);
    const Place irqs = places(file, "irqs")[0];
    file[irqs.section + 13] = 9;
    correct_checksum(file, irqs);
    CHECK(refusal(machine, file) == "state 'x' has version 9 of 'irqs'; this program reads version 1");

    file = pack_state(machine);
    const Place cpu = places(file, "cpu")[0];
    file[cpu.content - 1] = 'v';
    correct_checksum(file, cpu);
    CHECK(refusal(machine, file).find("has no 'cpv'") != std::string::npos);
    file[cpu.content - 1] = '\n';
    correct_checksum(file, cpu);
    CHECK(refusal(machine, file) == "state 'x' is damaged");

    // Another name of the last field of `machine`, whose section is taken unpacked.
    Machine changed(small_pc());
    changed.run_until(500);
    file = pack_state(changed);
    const Place board = places(file, "machine")[0];
    std::vector<u8> content(number(file, board.section + 1));
    REQUIRE(unpack(std::span(file).subspan(board.content, board.bytes), content));
    const std::string field = "end_code";
    const auto at = std::search(content.begin(), content.end(), field.begin(), field.end());
    REQUIRE(at != content.end());
    *at = 'X';
    std::vector<u8> other(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(board.content));
    other.insert(other.end(), content.begin(), content.end());
    other.insert(other.end(), file.begin() + static_cast<std::ptrdiff_t>(board.content + board.bytes), file.end());
    const u32 size = static_cast<u32>(content.size());
    std::memcpy(&other[board.section + 5], &size, 4);
    const u64 all = other.size() - kHeader;
    std::memcpy(&other[19 + 16], &all, 8);
    correct_checksum(other, {board.section, board.content, content.size()});
    CHECK(refusal(machine, other).find("it differs at 'machine.end_code'") != std::string::npos);

    CHECK(machine.digest() == before);
    timeline.seek(1000);
    CHECK(machine.digest() == early);
    timeline.go_live();
    CHECK(machine.digest() == before);
}

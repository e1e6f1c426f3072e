// A difference that is injected into one field of the processor or of any chip while a recording is replayed is found,
// narrowed down to its tick and named, by what `rewind86 replay --explain` does.
#include "devices/block_image.h"
#include "frontend/replay.h"
#include "machine/recorder.h"
#include "machine/visitors.h"
#include "tests/catch.h"
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <unistd.h>

using namespace r86;
namespace fs = std::filesystem;

namespace {

constexpr Tick kSpacing = 50'000;
constexpr Tick kInjected = 131'071;
constexpr usize kMostTries = 24; ///< fields of one chip

/// Images for every drive, so that every chip has a drive to talk to.
struct Images {
    fs::path folder = fs::temp_directory_path() / ("r86-divergence-" + std::to_string(::getpid()));
    Images() {
        fs::create_directory(folder);
        for (const auto& [name, bytes] : {std::pair{"disk", 1 << 20}, {"floppy", 1474560}, {"cd", 1 << 20}}) {
            std::string content(static_cast<usize>(bytes), '\0');
            if (std::string(name) == "cd") std::memcpy(&content[0x8001], "CD001", 5);
            std::ofstream(folder / name, std::ios::binary) << content;
        }
    }
    ~Images() { fs::remove_all(folder); }
    std::unique_ptr<BlockImage> open(const char* name, MediaKind kind) const {
        ImageOptions how;
        how.snapshot = true;
        return open_image((folder / name).string(), kind, how);
    }
};

/// Firmware that counts and lets the timer run: 0: MOV AL,34h; OUT 43h,AL; OUT 40h,AL twice; INC [500h]; JMP to INC
MachineConfig small_pc(const Images& images) {
    MachineConfig config;
    config.memory_bytes = u64{2} << 20;
    config.bios.assign(0x10000, 0xF4);
    const u8 code[] = {0xB0, 0x34, 0xE6, 0x43, 0xE6, 0x40, 0xE6, 0x40, 0xFF, 0x06, 0x00, 0x05, 0xEB, 0xFA};
    std::memcpy(config.bios.data(), code, sizeof code);
    const u8 jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
    std::memcpy(&config.bios[0xFFF0], jump, sizeof jump);
    config.no_vgabios = true;
    config.disks.push_back(images.open("disk", MediaKind::Disk));
    config.floppies[0] = images.open("floppy", MediaKind::Floppy);
    config.cdrom = images.open("cd", MediaKind::Cd);
    return config;
}

Recording record(const Images& images) {
    Machine machine(small_pc(images));
    TimelineSettings settings;
    settings.spacing = kSpacing;
    Timeline timeline(machine, settings);
    Recorder recorder(timeline, {});
    std::vector<u8> file;
    recorder.stream_to([&file](std::span<const u8> bytes) {
        file.insert(file.end(), bytes.begin(), bytes.end());
        return true;
    });
    machine.run_until(4 * kSpacing);
    recorder.finish();
    return parse_recording(file, "test");
}

/// "4a1b" as little-endian bytes with the lowest bit the other way round; nothing for what is longer than a number.
std::vector<u8> another(const std::string& value) {
    if (value.empty() || value.size() > 16 || value.size() % 2 != 0) return {};
    if (value.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
    u64 number = std::stoull(value, nullptr, 16) ^ 1;
    std::vector<u8> bytes;
    for (usize i = 0; i < value.size() / 2; ++i, number >>= 8) bytes.push_back(static_cast<u8>(number));
    return bytes;
}

Recording with_injected(Recording recording, const std::string& field, const std::vector<u8>& value) {
    recording.inputs.insert(recording.inputs.begin(), {kInjected, input::Poke{field, 0, value}, 0});
    for (RecordedDigest& digest : recording.digests) digest.inputs += digest.tick >= kInjected;
    return recording;
}

} // namespace

TEST_CASE("a replay that differs in one field of any chip is found, narrowed down and named") {
    const Images images;
    const Recording recording = record(images);
    REQUIRE(recording.whole);
    REQUIRE(recording.digests.size() >= 3);
    const auto play = [&](Recording played) {
        const auto machine = machine_for(played, {});
        return replay(*machine, played, true);
    };
    CHECK_FALSE(play(recording).divergence);

    // Numbers that the guest leaves alone, by chip.
    std::map<std::string, std::vector<std::pair<std::string, std::vector<u8>>>> candidates;
    const auto before = fields_of(recording.digests.front().chips), after = fields_of(recording.digests.back().chips);
    REQUIRE(before.size() == after.size());
    const std::string prefix = "machine.";
    for (usize i = 0; i < before.size(); ++i) {
        const std::string& name = before[i].first;
        REQUIRE(name.rfind(prefix, 0) == 0);
        const std::string field = name.substr(prefix.size());
        const std::vector<u8> value = another(before[i].second);
        if (field.find('.') == std::string::npos || before[i] != after[i] || value.empty()) continue;
        candidates[field.substr(0, field.find('.'))].emplace_back(field, value);
    }
    CHECK(candidates.size() >= 20);
    for (const char* chip : {"cpu", "pit", "rtc", "keyboard", "vga", "floppy", "pic_master"}) {
        INFO(chip);
        CHECK(candidates.count(chip) == 1);
    }
    usize named = 0;
    for (const auto& [chip, fields] : candidates) {
        INFO(chip);
        bool found = false;
        // Some fields change nothing that lasts, or drag others along that stand before them; most are named
        // themselves.
        for (usize n = 0; n < fields.size() && n < kMostTries && !found; ++n) {
            const auto& [field, value] = fields[n * fields.size() / std::min(fields.size(), kMostTries)];
            const ReplayResult result = play(with_injected(recording, field, value));
            if (!result.divergence || result.divergence->field.rfind(field + " ", 0) != 0) continue;
            CHECK(result.divergence->tick > kInjected);
            CHECK(result.divergence->good < kInjected);
            CHECK(result.divergence->explained.rfind("at " + std::to_string(kInjected) + " f000:", 0) == 0);
            CHECK(result.divergence->explained.find(" " + field + " becomes ") != std::string::npos);
            found = true;
        }
        CHECK(found);
        named += found;
    }
    CHECK(named == candidates.size());
}

TEST_CASE("a replay whose timer was shifted is found in the interval of the shift, and the counter is named") {
    const Images images;
    const Recording recording = record(images);
    Recording played = with_injected(recording, "pit.counter[0].ce", {0x34, 0x12});
    const auto machine = machine_for(played, {});
    const ReplayResult result = replay(*machine, played, true);
    REQUIRE(result.divergence);
    CHECK(result.divergence->field.find("!=") != std::string::npos);
    CHECK(result.divergence->good < kInjected);
    CHECK(result.divergence->tick > kInjected);
    CHECK(result.divergence->tick <= kInjected + 2 * kSpacing);
    UNSCOPED_INFO(result.divergence->field);
    CHECK(result.divergence->field.find("pit") != std::string::npos);
}

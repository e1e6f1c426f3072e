// Replaying a recording that begins with a loaded state: images in place, media that were inserted before, and states
// that do not fit.
#include "core/error.h"
#include "devices/block_image.h"
#include "frontend/replay.h"
#include "machine/recorder.h"
#include "machine/state_file.h"
#include "tests/catch.h"
#include "tests/machine/program.h"
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace r86;
namespace fs = std::filesystem;

namespace {

constexpr u64 kCluster = BlockImage::kClusterBytes;

struct Files {
    fs::path folder = fs::temp_directory_path() / ("r86-replay-state-" + std::to_string(::getpid()));
    Files() {
        fs::create_directory(folder);
        make_disk();
        std::ofstream(folder / "floppy", std::ios::binary) << std::string(1474560, 'f');
    }
    ~Files() { fs::remove_all(folder); }
    void make_disk() const { std::ofstream(folder / "disk", std::ios::binary) << std::string(1 << 20, 'd'); }
    std::string path(const char* name) const { return (folder / name).string(); }
};

/// Firmware that counts: INC word [1000h]; JMP. The disk is written in place.
MachineConfig small_pc(const Files& files) {
    MachineConfig config = program({0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA});
    config.memory_bytes = u64{2} << 20;
    config.disks.push_back(open_image(files.path("disk"), MediaKind::Disk));
    return config;
}

void write(Machine& machine, u64 cluster, u8 value) {
    REQUIRE(machine.config().disks[0]->write(cluster * kCluster, std::vector<u8>(kCluster, value)));
}

u8 first_byte(Machine& machine, u64 cluster) {
    std::vector<u8> content;
    REQUIRE(machine.images()[0].second->read_cluster(cluster, content));
    return content[0];
}

void insert_floppy(Machine& machine, const Files& files) {
    ImageOptions how;
    how.snapshot = true;
    machine.apply(input::Medium{"floppy0", open_image(files.path("floppy"), MediaKind::Floppy, how)});
}

std::vector<u8> saved_elsewhere(const Files& files) {
    Machine machine(small_pc(files));
    machine.run_until(100'000);
    insert_floppy(machine, files);
    write(machine, 3, 0x11);
    return pack_state(machine);
}

struct Made {
    Recording recording;
    std::string digest;
};

Made record(const Files& files, const std::vector<u8>& state, bool streamed) {
    files.make_disk();
    Machine machine(small_pc(files));
    Timeline timeline(machine);
    Recorder recorder(timeline, {});
    std::vector<u8> file;
    if (streamed)
        recorder.stream_to([&file](std::span<const u8> bytes) {
            file.insert(file.end(), bytes.begin(), bytes.end());
            return true;
        });
    CHECK(first_byte(machine, 3) == 'd');
    CHECK(first_byte(machine, 5) == 'd');
    write(machine, 3, 0x22);
    write(machine, 5, 0x33);
    insert_floppy(machine, files);
    machine.run_until(50'000);
    unpack_state(machine, state, "state 'x' ");
    CHECK(first_byte(machine, 3) == 0x11);
    CHECK(first_byte(machine, 5) == 'd');
    CHECK(first_byte(machine, 7) == 'd');
    machine.run_until(300'000);
    Made made;
    made.digest = machine.digest();
    if (streamed)
        recorder.finish();
    else
        file = recorder.whole();
    made.recording = parse_recording(file, "made.r86");
    return made;
}

} // namespace

TEST_CASE("a recording that begins with a state replays on the images as they were, whatever happened to them since") {
    const Files files;
    const std::vector<u8> state = saved_elsewhere(files);
    for (const bool streamed : {true, false}) {
        INFO((streamed ? "streamed" : "saved afterwards"));
        Made made = record(files, state, streamed);
        REQUIRE(made.recording.begins);
        const auto machine = machine_for(made.recording, {});
        CHECK(machine->now() == 100'000);
        CHECK(first_byte(*machine, 3) == 0x11);
        CHECK(first_byte(*machine, 5) == 'd');
        const ReplayResult result = replay(*machine, made.recording, false);
        CHECK_FALSE(result.divergence);
        CHECK(result.end == 300'000);
        CHECK(result.digest == made.digest);
    }
}

TEST_CASE("a first state that is damaged or another machine's is refused with the part and the field") {
    const Files files;
    const std::vector<u8> state = saved_elsewhere(files);
    const auto refusal = [&](const std::vector<u8>& first) -> std::string {
        Made made = record(files, state, true);
        made.recording.begins->file = first;
        try {
            machine_for(made.recording, {});
        } catch (const UserError& error) {
            return error.what();
        }
        return "";
    };
    std::vector<u8> damaged = state;
    damaged[damaged.size() / 2] ^= 1;
    CHECK(refusal(damaged) == "the state at which recording 'made.r86' begins is damaged");
    const auto of_larger_machine = [&files] {
        files.make_disk();
        MachineConfig larger = small_pc(files);
        larger.memory_bytes *= 2;
        Machine other(std::move(larger));
        insert_floppy(other, files);
        return pack_state(other);
    };
    CHECK(refusal(of_larger_machine()) ==
          "the state at which recording 'made.r86' begins belongs to another machine; start with the options it was "
          "made with. The saved state does not fit this machine: it differs at 'machine.ram_bytes'.");
}

TEST_CASE("a directory that was shown as a disk is found again, and is as write-protected as it was") {
    const Files files;
    fs::create_directory(files.folder / "shown");
    std::ofstream(files.folder / "shown" / "file.txt") << "hello";
    const std::string folder = files.path("shown");
    std::vector<u8> file;
    {
        MachineConfig config = small_pc(files);
        config.floppies[0] = open_directory_image(folder, MediaKind::Floppy);
        Machine machine(std::move(config));
        Timeline timeline(machine);
        Recorder recorder(timeline, {});
        std::vector<u8> content;
        REQUIRE(machine.config().floppies[0]->read_cluster(0, content));
        machine.run_until(1000);
        file = recorder.whole();
    }
    Recording recording = parse_recording(file, "made.r86");
    const auto machine = machine_for(recording, {});
    CHECK(machine->config().floppies[0]->read_only());
    CHECK_FALSE(machine->config().disks[0]->read_only());
    CHECK_FALSE(replay(*machine, recording, false).divergence);
}

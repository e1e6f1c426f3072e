// Recordings: what was written comes back; damage and foreign files get one sentence.
#include "core/error.h"
#include "machine/recorder.h"
#include "machine/state_file.h"
#include "tests/catch.h"
#include "tests/machine/program.h"
#include <random>

using namespace r86;

namespace {

MachineConfig small_pc() {
    MachineConfig config;
    config.mips = 20;
    config.memory_bytes = u64{8} << 20;
    return config;
}

struct Recorded {
    std::vector<u8> file;
    std::string digest;
};

Recorded record(bool streamed) {
    Machine machine(small_pc());
    TimelineSettings settings;
    settings.spacing = 500'000;
    Timeline timeline(machine, settings);
    Recorder recorder(timeline, {});
    Recorded made;
    if (streamed)
        recorder.stream_to([&made](std::span<const u8> bytes) {
            made.file.insert(made.file.end(), bytes.begin(), bytes.end());
            return true;
        });
    machine.run_until(1'000'000);
    machine.apply(input::Key{KeyCode::A, true});
    machine.apply(input::Mouse{5, -3, 1, 2});
    machine.run_until(2'000'000);
    machine.apply(input::Poke{"", 0x500, {1, 2, 3}});
    machine.apply(input::Poke{"r8", 0, {7}});
    machine.run_until(2'500'000);
    timeline.seek(2'200'000); // a look back, and another future
    machine.apply(input::Key{KeyCode::B, true});
    machine.run_until(4'000'000);
    made.digest = machine.digest();
    if (streamed)
        recorder.finish();
    else
        made.file = recorder.whole();
    return made;
}

} // namespace

TEST_CASE("a recording, streamed or saved afterwards, replays to the same digest") {
    for (const bool streamed : {true, false}) {
        const Recorded made = record(streamed);
        const Recording read = parse_recording(made.file, "test");
        CHECK(read.whole);
        CHECK(read.end == 4'000'000);
        REQUIRE(read.inputs.size() == 5);
        CHECK(read.inputs[4].tick == 2'200'000);
        CHECK(std::get<input::Mouse>(read.inputs[1].input).dy == -3);
        CHECK(std::get<input::Poke>(read.inputs[2].input).bytes == std::vector<u8>{1, 2, 3});
        Machine machine(recorded_machine(read));
        Timeline timeline(machine);
        std::vector<Timeline::LoggedInput> inputs;
        for (const Recording::Input& input : read.inputs) inputs.push_back({input.tick, input.input});
        timeline.load_history(inputs, read.end);
        for (const RecordedDigest& digest : read.digests) {
            INFO("digest at " << digest.tick);
            REQUIRE(timeline.seek_with_inputs(digest.tick, static_cast<usize>(digest.inputs)));
            CHECK(machine.save_chips() == digest.chips);
            if (digest.has_memory) CHECK(machine.memory_hash() == digest.memory);
        }
        timeline.seek(read.end);
        CHECK(machine.digest() == made.digest);
        CHECK(timeline.live());
    }
}

namespace {

/// Firmware that counts and never comes to rest: INC word [1000h]; JMP.
MachineConfig counting_pc() {
    MachineConfig config = program({0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA});
    config.memory_bytes = u64{2} << 20;
    return config;
}

std::vector<u8> state_at(Tick tick) {
    Machine machine(counting_pc());
    machine.run_until(tick);
    machine.apply(input::Poke{"", 0x3000, {0xAA}});
    return pack_state(machine);
}

/// A session into which a state is loaded, and in which somebody types before and after that.
Recorded record_from_state(bool streamed, u64 checkpoints_every) {
    Machine machine(counting_pc());
    TimelineSettings settings;
    settings.spacing = 500'000;
    Timeline timeline(machine, settings);
    Recorder recorder(timeline, {});
    recorder.stream_checkpoints(checkpoints_every);
    Recorded made;
    if (streamed)
        recorder.stream_to([&made](std::span<const u8> bytes) {
            made.file.insert(made.file.end(), bytes.begin(), bytes.end());
            return true;
        });
    machine.run_until(1'600'000);
    machine.apply(input::Key{KeyCode::A, true});
    machine.run_until(1'700'000);
    unpack_state(machine, state_at(1'000'000), "state 'x' ");
    machine.apply(input::Key{KeyCode::B, true});
    machine.run_until(2'000'000);
    machine.apply(input::Poke{"", 0x500, {1, 2, 3}});
    machine.run_until(4'000'000);
    made.digest = machine.digest();
    if (streamed)
        recorder.finish();
    else
        made.file = recorder.whole(checkpoints_every);
    CHECK(machine.now() == 4'000'000);
    CHECK(timeline.live());
    CHECK(machine.digest() == made.digest);
    return made;
}

std::vector<Timeline::LoggedInput> inputs_of(const Recording& recording) {
    std::vector<Timeline::LoggedInput> inputs;
    for (const Recording::Input& input : recording.inputs) inputs.push_back({input.tick, input.input});
    return inputs;
}

} // namespace

TEST_CASE("a recording of a session into which a state was loaded begins with that state") {
    for (const bool streamed : {true, false}) {
        const Recorded made = record_from_state(streamed, 0);
        const Recording read = parse_recording(made.file, "test");
        CHECK(read.whole);
        REQUIRE(read.begins);
        CHECK(read.begins->tick == 1'000'000);
        CHECK(read.checkpoints.empty());
        REQUIRE(read.inputs.size() == 2); // the key before the load belongs to a history that is no more
        CHECK(read.inputs[0].tick == 1'000'000);
        REQUIRE(read.digests.size() > 3);
        Machine machine(recorded_machine(read));
        unpack_state(machine, read.begins->file, "the first state ");
        Timeline timeline(machine);
        timeline.load_history(inputs_of(read), read.end);
        CHECK(timeline.begin() == 1'000'000);
        for (const RecordedDigest& digest : read.digests) {
            INFO("digest at " << digest.tick);
            REQUIRE(timeline.seek_with_inputs(digest.tick, static_cast<usize>(digest.inputs)));
            CHECK(machine.save_chips() == digest.chips);
            if (digest.has_memory) CHECK(machine.memory_hash() == digest.memory);
        }
        timeline.seek(read.end);
        CHECK(machine.digest() == made.digest);
        Recorder again(timeline, {}); // of a replay
        const Recording copy = parse_recording(again.whole(), "copy");
        REQUIRE(copy.begins);
        CHECK(copy.begins->file == read.begins->file);
        CHECK(copy.end == read.end);
    }
}

TEST_CASE("a recorder that is killed while it writes the state that was loaded leaves the session before it") {
    const Recorded made = record_from_state(true, 0);
    const Recording all = parse_recording(made.file, "test");
    bool before = false, after = false;
    for (usize cut = 0; cut < made.file.size(); cut += 1 + made.file.size() / 211) {
        try {
            const Recording read = parse_recording(std::span(made.file).first(cut), "test");
            CHECK_FALSE(read.whole);
            before |= !read.begins && read.end == 1'700'000 && read.inputs.size() == 1;
            after |= read.begins && read.end > 1'500'000 && read.inputs.size() <= 2;
        } catch (const UserError&) { // before the configuration
        }
    }
    CHECK(before);
    CHECK(after);
    const Recorded whole = record_from_state(false, 0);
    usize refused = 0;
    for (usize cut = 200; cut < whole.file.size(); cut += 1 + whole.file.size() / 97) {
        try {
            const Recording read = parse_recording(std::span(whole.file).first(cut), "test");
            CHECK(read.begins);
        } catch (const UserError& error) {
            refused += std::string(error.what()).find("cut off within the state") != std::string::npos;
        }
    }
    CHECK(refused > 0);
}

TEST_CASE("checkpoints inside a recording are states of the session that is replayed") {
    for (const bool streamed : {true, false}) {
        const Recorded made = record_from_state(streamed, 10'000'000); // a million ticks
        const Recording read = parse_recording(made.file, "test");
        REQUIRE(read.begins);
        REQUIRE(read.checkpoints.size() >= 2);
        Machine machine(recorded_machine(read));
        unpack_state(machine, read.begins->file, "the first state ");
        Timeline timeline(machine);
        timeline.load_history(inputs_of(read), read.end);
        Machine other(recorded_machine(read));
        for (const KeptState& checkpoint : read.checkpoints) {
            unpack_state(other, checkpoint.file, "a checkpoint ");
            REQUIRE(timeline.seek_with_inputs(checkpoint.tick, checkpoint.inputs));
            CHECK(other.digest() == machine.digest());
        }
    }
}

TEST_CASE("a seek of a long way begins at a checkpoint of the recording; one that does not fit is left out") {
    constexpr Tick kTick = 50'000'000, kEnd = 55'000'000;
    Machine live(counting_pc());
    std::vector<Timeline::LoggedInput> inputs{{1'000'000, input::Poke{"", 0x5000, {9}}},
                                              {52'000'000, input::Poke{"", 0x6000, {8}}}};
    live.run_until(1'000'000);
    live.apply(inputs[0].input);
    live.run_until(kTick);
    const KeptState right{kTick, 1, pack_state(live)};
    live.run_until(52'000'000);
    live.apply(inputs[1].input);
    live.run_until(kEnd);
    const std::string wanted = live.digest();
    Machine small([] {
        MachineConfig config = counting_pc();
        config.memory_bytes = u64{4} << 20;
        return config;
    }());
    KeptState damaged = right, other = {kTick, 1, pack_state(small)}, misplaced = right, without_input = right;
    damaged.file[damaged.file.size() / 2] ^= 1;
    misplaced.tick -= 1;
    without_input.inputs = 2;
    struct Case {
        const char* name;
        KeptState kept;
        bool helps;
    };
    for (const Case& one : {Case{"right", right, true},
                            {"damaged", damaged, false},
                            {"of another machine", other, false},
                            {"of another tick", misplaced, false},
                            {"of other inputs", without_input, false}}) {
        INFO(one.name);
        Machine machine(counting_pc());
        Timeline timeline(machine);
        timeline.load_history(inputs, kEnd, {one.kept});
        unsigned steps = 0; // of some 16 million ticks
        timeline.on_progress([&steps](double) { return ++steps, true; });
        timeline.seek(kEnd);
        CHECK(machine.digest() == wanted);
        CHECK((steps < 2) == one.helps);
        timeline.seek(51'000'000); // and back, on both sides of it
        CHECK(machine.read_physical(0x6000, 1)[0] == 0);
        timeline.seek(40'000'000);
        CHECK(machine.read_physical(0x5000, 1)[0] == 9);
        timeline.seek(500'000);
        CHECK(machine.read_physical(0x5000, 1)[0] == 0);
        timeline.seek(kEnd);
        CHECK(machine.digest() == wanted);
    }
}

TEST_CASE("a recording that was cut anywhere, or damaged, is read up to there or refused with a sentence") {
    const Recorded made = record(true);
    std::mt19937 random(11);
    Tick last = 0;
    for (usize cut = 0; cut < made.file.size(); cut += 1 + made.file.size() / 97) {
        try {
            const Recording read = parse_recording(std::span(made.file).first(cut), "test");
            CHECK_FALSE(read.whole);
            CHECK_FALSE(read.trouble.empty());
            CHECK(read.end <= 4'000'000);
            last = std::max(last, read.end);
        } catch (const UserError&) { // before the configuration
        }
    }
    CHECK(last > 1'000'000);
    for (int i = 0; i < 300; ++i) {
        auto damaged = made.file;
        for (int n = 0; n < 3; ++n) damaged[random() % damaged.size()] = static_cast<u8>(random());
        try {
            const Recording read = parse_recording(damaged, "test");
            CHECK((read.whole || !read.trouble.empty()));
            static_cast<void>(recorded_machine(read));
        } catch (const UserError&) {
        }
    }
    CHECK_THROWS_AS(parse_recording({}, "empty"), UserError);
}

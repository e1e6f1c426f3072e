// Recordings: what was written comes back; damage and foreign files get one sentence.
#include "core/error.h"
#include "machine/recorder.h"
#include "tests/catch.h"
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

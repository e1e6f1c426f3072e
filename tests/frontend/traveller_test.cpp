// Going through history for a display: frames, running backwards, and on from there.
#include "frontend/traveller.h"
#include "tests/catch.h"

using namespace r86;

namespace {

MachineConfig seabios() {
    MachineConfig config;
    config.mips = 20;
    config.memory_bytes = u64{16} << 20;
    return config;
}

struct Bench {
    Machine machine{seabios()};
    Timeline timeline{machine, settings()};
    std::vector<Tick> shown;
    std::vector<std::string> said;
    std::vector<Tick> retraces;
    bool called = false;
    Traveller traveller;

    static TimelineSettings settings() {
        TimelineSettings s;
        s.spacing = 1'000'000;
        return s;
    }
    Bench()
        : traveller(timeline,
                    {[this](const Picture&) { shown.push_back(traveller.shown_tick()); }, [this] { return called; },
                     [this](const std::string& text) { said.push_back(text); }, [](std::chrono::nanoseconds) {}}) {
        machine.pc().vga.on_frame([this] {
            if (traveller.working())
                traveller.frame();
            else
                retraces.push_back(machine.now());
        });
        machine.pc().vga.want_frames(true);
    }
    bool go(TravelOrder order) { return traveller.carry_out(order); }
};

} // namespace

TEST_CASE("travel: frame by frame, back to where each was and forwards again") {
    Bench b;
    b.machine.run_until(8'000'000);
    REQUIRE(b.retraces.size() > 10);
    for (usize n = 1; n <= 3; ++n) {
        CHECK(b.go(travel::Frames{-1}));
        CHECK(b.machine.now() == b.retraces[b.retraces.size() - n]);
    }
    CHECK(b.traveller.looking_back());
    b.go(travel::Frames{2});
    CHECK(b.machine.now() == b.retraces.back());
    b.go(travel::Frames{-4});
    CHECK(b.machine.now() == b.retraces[b.retraces.size() - 5]);
    b.go(travel::ToPresent{});
    CHECK(b.machine.now() == 8'000'000);
    CHECK_FALSE(b.traveller.looking_back());
    b.go(travel::Frames{1}); // the future has yet to happen
    CHECK(b.machine.now() > 8'000'000);
    CHECK(b.timeline.live());
}

TEST_CASE("travel: by time, to ticks, and no further than the beginning") {
    Bench b;
    b.machine.run_until(8'000'000);
    b.go(travel::By{-100'000'000});
    CHECK(b.machine.now() == 6'000'000);
    b.go(travel::By{50'000'000});
    CHECK(b.machine.now() == 7'000'000);
    b.go(travel::By{5'000'000'000});
    CHECK(b.machine.now() == 8'000'000);
    b.go(travel::By{-5'000'000'000});
    CHECK(b.machine.now() == 0);
    b.go(travel::Frames{-1});
    CHECK(b.machine.now() == 0);
    CHECK(b.said.back().find("beginning") != std::string::npos);
    b.go(travel::To{~u64{0} >> 1, std::nullopt});
    CHECK(b.machine.now() == 8'000'000);
}

TEST_CASE("travel: on from the past as a new branch, with no key held") {
    Bench b;
    b.machine.run_until(6'000'000);
    b.machine.apply(input::Key{KeyCode::A, true});
    b.machine.apply(input::Mouse{1, 1, 0, 1});
    b.machine.run_until(7'000'000);
    b.machine.apply(input::Key{KeyCode::A, false});
    b.machine.apply(input::Mouse{1, 1, 0, 0});
    b.machine.run_until(8'000'000);
    const std::string future = b.machine.digest();
    b.go(travel::To{6'500'000, std::nullopt});
    CHECK_FALSE(b.go(travel::PlayFromHere{}));
    CHECK(b.timeline.live());
    CHECK_FALSE(b.traveller.looking_back());
    const auto& inputs = b.timeline.branch().inputs;
    REQUIRE(inputs.size() == 4);
    CHECK(inputs[2].tick == 6'500'000);
    CHECK(std::get<input::Key>(inputs[2].input).key == KeyCode::A);
    CHECK_FALSE(std::get<input::Key>(inputs[2].input).down);
    CHECK(std::get<input::Mouse>(inputs[3].input).buttons == 0);
    b.machine.run_until(9'000'000);
    const HistoryStatus status = b.traveller.status();
    CHECK(status.branch == 1);
    REQUIRE(status.branches.size() == 2);
    CHECK(status.branches[1].begins == 6'500'000);
    CHECK(status.branches[1].end == 9'000'000);
    b.go(travel::To{8'000'000, 0});
    CHECK(b.timeline.current_branch() == 0);
    CHECK(b.machine.digest() == future);
}

TEST_CASE("travel: backwards shows what was shown, the last first, and stands where it was let go") {
    Bench b;
    b.machine.run_until(12'000'000);
    const Tick end = b.machine.now();
    CHECK(b.go(travel::Backwards{true}));
    CHECK(b.traveller.runs_backwards());
    const auto began = std::chrono::steady_clock::now();
    while (b.shown.size() < 8 && std::chrono::steady_clock::now() - began < std::chrono::seconds(60))
        b.traveller.run_backwards();
    REQUIRE(b.shown.size() >= 8);
    for (usize n = 0; n < b.shown.size(); ++n) {
        INFO(n);
        CHECK(b.shown[n] < (n ? b.shown[n - 1] : end));
        CHECK(std::find(b.retraces.begin(), b.retraces.end(), b.shown[n]) != b.retraces.end());
    }
    const Tick there = b.traveller.shown_tick();
    CHECK(b.traveller.status().backwards);
    b.go(travel::Backwards{false});
    CHECK(b.machine.now() == there);
    CHECK(b.traveller.looking_back());
    // As far as it goes.
    b.go(travel::Backwards{true});
    const auto again = std::chrono::steady_clock::now();
    while (b.said.empty() && std::chrono::steady_clock::now() - again < std::chrono::seconds(60))
        b.traveller.run_backwards();
    CHECK(b.said.size() == 1);
    b.go(travel::Backwards{false});
    CHECK(b.machine.now() == 0);
    b.go(travel::ToPresent{});
    CHECK(b.machine.now() == end);
}

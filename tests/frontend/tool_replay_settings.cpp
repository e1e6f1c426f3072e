// Replays a recording in other ways than it was made: without a history, with blocks of other sizes, with caches
// dropped and with checkpoints and looks back at random instants. Every digest in the recording is compared each time.
//
//   tool_replay_settings RECORDING [--image PATH]... [--seed N]
#include "core/error.h"
#include "cpu/interpreter/interpreter.h"
#include "frontend/host/files.h"
#include "frontend/replay.h"
#include <cstdio>
#include <cstring>
#include <random>

using namespace r86;

namespace {

constexpr Tick kMostBetweenDrops = 5'000'000, kMostBetweenLooks = 100'000'000, kLongestLook = 200'000'000;

struct Setting {
    const char* name;
    unsigned block_size = 0; ///< 0: as usual
    bool history = false;    ///< and looks back in it
    bool drops_caches = false;
};

class Replay {
public:
    Replay(Recording recording, const std::vector<std::string>& images, const Setting& setting, unsigned seed)
        : recording_(std::move(recording)), machine_(machine_for(recording_, images)), random_(seed) {
        machine_->stop_on_dead_halt(false);
        if (setting.block_size) machine_->cpu().interpreter().set_settings({setting.block_size, true});
        if (setting.drops_caches) next_drop_ = machine_->now() + random_() % kMostBetweenDrops;
        if (!setting.history) return;
        timeline_.emplace(*machine_);
        std::vector<Timeline::LoggedInput> inputs;
        for (const Recording::Input& input : recording_.inputs) inputs.push_back({input.tick, input.input});
        timeline_->load_history(std::move(inputs), recording_.end);
        next_look_ = machine_->now() + random_() % kMostBetweenLooks;
    }

    /// What differs first, "TICK FIELD A != B"; empty: nothing.
    std::string compare() {
        for (const RecordedDigest& digest : recording_.digests) {
            go_to(digest);
            const auto field = difference(*machine_, digest);
            if (field) return std::to_string(digest.tick) + " " + *field;
        }
        return "";
    }

private:
    void go_to(const RecordedDigest& digest) {
        for (;;) {
            const Tick stop = std::min(next_drop_, next_look_);
            if (stop >= digest.tick || !run_to(stop)) break;
            if (machine_->now() >= next_drop_) {
                machine_->cpu().state_changed();
                next_drop_ = machine_->now() + 1 + random_() % kMostBetweenDrops;
            }
            if (machine_->now() >= next_look_) look_back();
        }
        if (timeline_)
            timeline_->seek_with_inputs(digest.tick, static_cast<usize>(digest.inputs));
        else if (run_to(digest.tick))
            while (next_input_ < digest.inputs) act();
    }
    void look_back() {
        const Tick here = machine_->now();
        timeline_->keep_checkpoint();
        timeline_->reverse_step(1 + random_() % kLongestLook);
        timeline_->seek(here);
        next_look_ = here + 1 + random_() % kMostBetweenLooks;
    }
    /// False: the machine has ended before.
    bool run_to(Tick tick) {
        if (timeline_) return timeline_->seek(tick);
        while (machine_->now() < tick) {
            const bool input = next_input_ < recording_.inputs.size() && recording_.inputs[next_input_].tick < tick;
            if (input && recording_.inputs[next_input_].tick <= machine_->now()) {
                act();
                continue;
            }
            const Tick stop = input ? recording_.inputs[next_input_].tick : tick;
            machine_->run_until(stop);
            if (machine_->ended() && machine_->now() < stop) return false;
        }
        return true;
    }
    void act() { machine_->apply(recording_.inputs[next_input_++].input); }

    Recording recording_;
    std::unique_ptr<Machine> machine_;
    std::optional<Timeline> timeline_;
    std::mt19937 random_;
    Tick next_drop_ = kNever, next_look_ = kNever;
    usize next_input_ = 0;
};

int run(int argc, char** argv) {
    std::string file;
    std::vector<std::string> images;
    unsigned seed = 86;
    for (int i = 1; i < argc; ++i) {
        if (std::strcmp(argv[i], "--image") == 0 && i + 1 < argc)
            images.emplace_back(argv[++i]);
        else if (std::strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = static_cast<unsigned>(std::stoul(argv[++i]));
        else
            file = argv[i];
    }
    const Recording recording = parse_recording(read_host_file(file, "recording"), file);
    if (!recording.whole || recording.digests.empty()) throw UserError("this recording proves nothing");
    int status = 0;
    for (const Setting& setting :
         {Setting{"without a history"}, Setting{"blocks of one instruction", 1},
          Setting{"blocks of five, caches dropped", 5, false, true},
          Setting{"blocks of seven, caches dropped, checkpoints and looks back", 7, true, true}}) {
        const std::string found = Replay(recording, images, setting, seed).compare();
        std::printf("%s: %s\n", setting.name,
                    found.empty() ? (std::to_string(recording.digests.size()) + " digests as expected").c_str()
                                  : ("diverged " + found).c_str());
        std::fflush(stdout);
        if (!found.empty()) status = 5;
    }
    return status;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}

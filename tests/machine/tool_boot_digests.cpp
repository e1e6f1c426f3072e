// Boots a guest without a front end and prints a digest every so many ticks: the determinism test compares what this
// prints on other processors, with other interpreter settings and with a history that is gone back in.
//
//   tool_boot_digests [--floppy F] [--disk F] [--cdrom F] [--memory MIB] [--ticks N] [--every N]
//                     [--block-size N] [--drop-caches SEED] [--checkpoints SEED] [--keys SEED]
#include "core/error.h"
#include "cpu/interpreter/interpreter.h"
#include "machine/timeline.h"
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>

using namespace r86;

namespace {

struct Settings {
    MachineConfig config;
    Tick ticks = 50'000'000;
    Tick every = 5'000'000;
    unsigned block_size = 0; ///< 0: as usual
    std::optional<unsigned> drop_caches, checkpoints, keys;
};

Settings parse(int argc, char** argv) {
    Settings s;
    s.config.memory_bytes = u64{16} << 20;
    ImageOptions how;
    how.snapshot = true;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i], value = argv[i + 1];
        const auto number = [&value] { return std::stoull(value); };
        if (name == "--floppy")
            s.config.floppies[0] = open_image(value, MediaKind::Floppy, how);
        else if (name == "--disk")
            s.config.disks.push_back(open_image(value, MediaKind::Disk, how));
        else if (name == "--cdrom")
            s.config.cdrom = open_image(value, MediaKind::Cd, how);
        else if (name == "--memory")
            s.config.memory_bytes = number() << 20;
        else if (name == "--ticks")
            s.ticks = number();
        else if (name == "--every")
            s.every = number();
        else if (name == "--block-size")
            s.block_size = static_cast<unsigned>(number());
        else if (name == "--drop-caches")
            s.drop_caches = static_cast<unsigned>(number());
        else if (name == "--checkpoints")
            s.checkpoints = static_cast<unsigned>(number());
        else if (name == "--keys")
            s.keys = static_cast<unsigned>(number());
        else
            throw UserError("unknown option " + name);
    }
    return s;
}

/// The same keys at the same ticks, whatever else is set.
std::vector<std::pair<Tick, HostInput>> keys(const Settings& s) {
    std::vector<std::pair<Tick, HostInput>> all;
    if (!s.keys) return all;
    std::mt19937 random(*s.keys);
    for (Tick at = 0; (at += 1 + random() % 4'000'000) < s.ticks;) {
        const auto key = static_cast<KeyCode>(1 + random() % 60);
        all.emplace_back(at, input::Key{key, true});
        all.emplace_back(at + 100'000, input::Key{key, false});
        all.emplace_back(at + 100'000, input::Mouse{static_cast<i32>(random() % 9), -3, 0, 0});
        at += 100'000;
    }
    return all;
}

int run(Settings s) {
    const auto inputs = keys(s);
    Machine machine(std::move(s.config));
    machine.stop_on_dead_halt(false);
    if (s.block_size) machine.cpu().interpreter().set_settings({s.block_size, true});
    std::optional<Timeline> timeline;
    TimelineSettings settings;
    settings.spacing = 3'000'000;
    if (s.checkpoints) timeline.emplace(machine, settings);
    std::mt19937 random(s.checkpoints.value_or(0)), drops(s.drop_caches.value_or(0));
    usize next_input = 0;
    Tick next_drop = s.drop_caches ? drops() % 200'000 : kNever,
         next_checkpoint = timeline ? random() % 5'000'000 : kNever;
    for (Tick report = s.every; report <= s.ticks; report += s.every) {
        while (machine.now() < report) {
            Tick stop = std::min({report, next_drop, next_checkpoint});
            if (next_input < inputs.size()) stop = std::min(stop, inputs[next_input].first);
            if (machine.run_until(stop).reason != StopReason::Reached) return 1;
            while (next_input < inputs.size() && inputs[next_input].first <= machine.now())
                machine.apply(inputs[next_input++].second);
            if (machine.now() >= next_drop) {
                machine.cpu().state_changed();
                next_drop = machine.now() + 1 + drops() % 200'000;
            }
            if (machine.now() >= next_checkpoint) {
                const Tick here = machine.now();
                timeline->checkpoint_now();
                timeline->seek(random() % here); // and a look back
                timeline->go_live();
                next_checkpoint = here + 1 + random() % 10'000'000;
            }
        }
        std::printf("%llu %s\n", static_cast<unsigned long long>(report), machine.digest().c_str());
        std::fflush(stdout);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(parse(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}

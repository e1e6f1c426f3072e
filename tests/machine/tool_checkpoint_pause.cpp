// How long the emulation thread stands still for a checkpoint: boots a guest with a recorder of the default settings
// and takes checkpoints by hand, one every so many ticks. Prints the pauses' median, 99th percentile and maximum in ms,
// by the wall clock and by the thread's own CPU time.
//
//   tool_checkpoint_pause CDROM [MEGABYTES] [CHECKPOINTS] [TICKS_BETWEEN]
#include "machine/timeline.h"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>

using namespace r86;

namespace {

double thread_ms() {
    std::timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

void report(const char* name, std::vector<double> pauses) {
    std::sort(pauses.begin(), pauses.end());
    const auto at = [&](double share) {
        return pauses[std::min(pauses.size() - 1, static_cast<usize>(share * static_cast<double>(pauses.size())))];
    };
    std::printf("%s %.3f %.3f %.3f\n", name, at(0.5), at(0.99), pauses.back());
}

} // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const auto number = [&](int n, u64 otherwise) { return argc > n ? std::stoull(argv[n]) : otherwise; };
    MachineConfig config;
    config.memory_bytes = number(2, 128) << 20;
    ImageOptions how;
    how.snapshot = true;
    config.cdrom = open_image(argv[1], MediaKind::Cd, how);
    Machine machine(std::move(config));
    machine.stop_on_dead_halt(false);
    TimelineSettings settings;
    settings.spacing = u64{1} << 60; // by hand alone
    Timeline timeline(machine, settings);
    std::vector<double> wall, cpu;
    const u64 count = number(3, 100), between = number(4, 40'000'000);
    usize most = 0;
    for (u64 n = 0; n < count; ++n) {
        if (machine.run_until(machine.now() + between).reason != StopReason::Reached) break;
        most = std::max(most, timeline.checkpoints().dirty_pages());
        const auto began = std::chrono::steady_clock::now();
        const double cpu_began = thread_ms();
        timeline.checkpoint_now();
        cpu.push_back(thread_ms() - cpu_began);
        wall.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
    }
    report("wall", wall);
    report("cpu", cpu);
    std::printf("pages %zu\n", most);
    return 0;
}

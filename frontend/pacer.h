#pragma once
/// Virtual time against the wall clock. Pacing never changes a result: it only decides when the next slice runs.
#include "core/types.h"
#include <chrono>

namespace r86 {

class Pacer {
public:
    using Clock = std::chrono::steady_clock;
    static constexpr u64 kDroppedLagNs = 100'000'000; ///< a lag over this is dropped, not chased

    /// Percent of real time; 0: as fast as the host can.
    explicit Pacer(unsigned percent) : percent_(percent) {}

    unsigned percent() const { return percent_; }
    void set_percent(unsigned percent, u64 virtual_ns) {
        percent_ = percent;
        restart(virtual_ns);
    }
    /// Counts from here on: at the start and after a pause.
    void restart(u64 virtual_ns) {
        base_virtual_ns_ = virtual_ns;
        base_ = Clock::now();
    }
    /// How long to wait until the wall clock reaches this virtual time.
    std::chrono::nanoseconds ahead(u64 virtual_ns) {
        if (!percent_) return std::chrono::nanoseconds{0};
        const i64 due = static_cast<i64>((virtual_ns - base_virtual_ns_) * 100 / percent_);
        const i64 passed = std::chrono::nanoseconds(Clock::now() - base_).count();
        if (passed - due > static_cast<i64>(kDroppedLagNs)) {
            restart(virtual_ns);
            return std::chrono::nanoseconds{0};
        }
        return std::chrono::nanoseconds{due - passed};
    }

private:
    unsigned percent_;
    u64 base_virtual_ns_ = 0;
    Clock::time_point base_ = Clock::now();
};

/// Finds the ratio that the host reaches (`--mips auto`) from slices that had work to do.
class RatioFinder {
public:
    static constexpr u32 kLeast = 10, kMost = 250;

    void add_slice(u64 instructions, u64 host_ns) {
        instructions_ += instructions;
        host_ns_ += host_ns;
    }
    /// Called after slices: the new ratio, or 0 to leave it. Some room is kept for what else the host has to do.
    u32 advise(u32 present) {
        // Also after that much of the guest's time: at a low ratio a fast host has little work, and is to notice soon.
        const bool enough = host_ns_ >= kMeasureNs || instructions_ * 1000 / present >= kMeasureNs;
        if (!enough || host_ns_ < kLeastWorkNs) return 0;
        const double reached = static_cast<double>(instructions_) * 1000.0 / static_cast<double>(host_ns_);
        instructions_ = host_ns_ = 0;
        double wanted = reached * 0.8;
        wanted = wanted < kLeast ? kLeast : wanted > kMost ? kMost : wanted;
        if (wanted > present * 0.85 && wanted < present * 1.2) return 0;
        return static_cast<u32>(wanted);
    }

private:
    static constexpr u64 kMeasureNs = 200'000'000; ///< of work, however long that takes
    static constexpr u64 kLeastWorkNs = 2'000'000; ///< less says nothing
    u64 instructions_ = 0;
    u64 host_ns_ = 0;
};

} // namespace r86

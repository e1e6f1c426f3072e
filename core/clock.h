#pragma once
/// Virtual time. ns = base_ns + (tick - base_tick) x ratio, ratio in 32.32 fixed point nanoseconds per tick.
/// Every chip derives its own frequency from ns, so chips never disagree with each other.
#include "core/state_visitor.h"

namespace r86 {

class VirtualClock {
public:
    /// `mips` ticks per virtual microsecond, 1 to 1000.
    explicit VirtualClock(u32 mips = 100) { set_ratio_mips(mips); }

    /// The tick of the instruction that is being executed (or of the event that is being handled).
    Tick now() const { return now_; }
    u64 now_ns() const { return ns_at(now_); }
    /// Called by whoever runs the processor before it calls out to a chip.
    void set_now(Tick tick) { now_ = tick; }

    u64 ns_at(Tick tick) const { return base_ns_ + multiply(tick - base_tick_); }
    /// The first tick at which at least `ns` nanoseconds have passed (never before the last ratio change).
    Tick tick_at(u64 ns) const;

    /// Periods of a clock of `hz` that have passed since tick 0, for counters such as the PM timer or the 8254.
    u64 cycles(u64 hz) const { return cycles_at_ns(now_ns(), hz); }
    static u64 cycles_at_ns(u64 ns, u64 hz);
    /// The first nanosecond at which `cycles` periods of `hz` have passed.
    static u64 ns_of_cycles(u64 cycles, u64 hz);

    u32 mips() const { return mips_; }
    /// Re-bases at now(): time goes on without a jump.
    void set_ratio_mips(u32 mips);
    void visit(StateVisitor& visitor);

private:
    u64 multiply(Tick ticks) const;

    Tick now_ = 0;
    Tick base_tick_ = 0;
    u64 base_ns_ = 0;
    u64 ratio_ = 0; // 32.32 ns per tick
    u32 mips_ = 0;
};

} // namespace r86

#include "core/clock.h"
#include "core/error.h"

namespace r86 {

namespace {
using Wide = unsigned __int128;
}

u64 VirtualClock::multiply(Tick ticks) const { return static_cast<u64>((Wide{ticks} * ratio_) >> 32); }

Tick VirtualClock::tick_at(u64 ns) const {
    if (ns <= base_ns_) return base_tick_;
    const Wide scaled = (Wide{ns - base_ns_} << 32) + ratio_ - 1;
    const Wide ticks = scaled / ratio_;
    if (ticks >= kNever - base_tick_) return kNever - 1;
    return base_tick_ + static_cast<Tick>(ticks);
}

u64 VirtualClock::cycles_at_ns(u64 ns, u64 hz) {
    // Whole seconds apart: the rest needs no division of 128 bits, which a chip would pay for at every access.
    constexpr u64 kSecond = 1'000'000'000u;
    if (hz > ~u64{0} / kSecond) return static_cast<u64>(Wide{ns} * hz / kSecond);
    return ns / kSecond * hz + ns % kSecond * hz / kSecond;
}

u64 VirtualClock::ns_of_cycles(u64 cycles, u64 hz) {
    return static_cast<u64>((Wide{cycles} * 1'000'000'000u + hz - 1) / hz);
}

void VirtualClock::set_ratio_mips(u32 mips) {
    R86_ASSERT(mips >= 1 && mips <= 1000);
    base_ns_ = mips_ ? now_ns() : 0;
    base_tick_ = now_;
    mips_ = mips;
    ratio_ = (u64{1000} << 32) / mips;
}

void VirtualClock::visit(StateVisitor& visitor) {
    visitor.field("now", now_);
    visitor.field("base_tick", base_tick_);
    visitor.field("base_ns", base_ns_);
    visitor.field("ratio", ratio_);
    visitor.field("mips", mips_);
}

} // namespace r86

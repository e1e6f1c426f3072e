#include "devices/hpet.h"
#include "core/bits.h"
#include <algorithm>

namespace r86 {

namespace {

// 2.3.2 "Memory Map"; every register is 64 bits wide.
constexpr u64 kCapabilities = 0x000;
constexpr u64 kConfiguration = 0x010;
constexpr u64 kInterruptStatus = 0x020;
constexpr u64 kMainCounter = 0x0F0;
constexpr u64 kTimerBase = 0x100; // 20h each: configuration, comparator

// GEN_CONF.
constexpr u64 kEnable = 1, kLegacyReplacement = 2;

// Tn_CONF_CAP.
constexpr u64 kLevel = 1 << 1;
constexpr u64 kInterruptEnable = 1 << 2;
constexpr u64 kPeriodic = 1 << 3;
constexpr u64 kPeriodicCapable = 1 << 4;
constexpr u64 kSizeCapable = 1 << 5;
constexpr u64 kValueSet = 1 << 6;
constexpr u64 k32Bit = 1 << 8;
constexpr u64 kRoute = 31 << 9;

/// GCAP_ID: period, vendor 8086h, legacy replacement, 64-bit counter, three timers, revision 1.
constexpr u64 kCapabilityValue =
    u64{Hpet::kPeriodFemtoseconds} << 32 | u64{0x8086} << 16 | 1 << 15 | 1 << 13 | (Hpet::kTimers - 1) << 8 | 1;

} // namespace

Hpet::Hpet(EventQueue& events) {
    for (unsigned n = 0; n < kTimers; ++n)
        timers_[n] = std::make_unique<Timer>(events, "hpet.timer" + std::to_string(n),
                                             [this, n](u64 deadline) { expired(n, deadline); });
}

u64 Hpet::counter_at(u64 cycle) const { return s_.counter + (s_.config & kEnable ? cycle - s_.since : 0); }

u64 Hpet::width(unsigned n) const { return s_.timers[n].config & k32Bit ? 0xFFFFFFFF : ~u64{0}; }

/// 2.3.9.2: a comparator matches when the counter's bits of its width are equal to it.
void Hpet::arm(unsigned n) {
    const Comparator& timer = s_.timers[n];
    if (!(s_.config & kEnable)) return timers_[n]->cancel();
    const u64 now = cycle();
    u64 left = (timer.comparator - counter_at(now)) & width(n);
    if (left == 0) left = width(n); // it matched already: once around
    const u64 kFar = u64{1} << 50;  // eleven days; armed again then
    timers_[n]->arm_at(VirtualClock::ns_of_cycles(now + std::min(left, kFar), kHz));
}

void Hpet::expired(unsigned n, u64 deadline_ns) {
    Comparator& timer = s_.timers[n];
    const u64 counter = counter_at(VirtualClock::cycles_at_ns(deadline_ns, kHz));
    if ((counter & width(n)) == (timer.comparator & width(n))) {
        if ((timer.config & kPeriodic) && timer.period) // in steps, so that no period is lost
            timer.comparator = (timer.comparator & ~width(n)) | ((timer.comparator + timer.period) & width(n));
        fire(n);
    }
    arm(n);
}

/// 2.3.8 "Tn_INT_TYPE_CNF": an edge is a pulse; a level stays until its status bit is cleared.
void Hpet::fire(unsigned n) {
    const u64 config = s_.timers[n].config;
    if (config & kLevel) s_.status |= u64{1} << n;
    if (!(config & kInterruptEnable)) return;
    drive(n, true);
    if (!(config & kLevel)) drive(n, false);
}

void Hpet::drive(unsigned n, bool level) {
    Comparator& timer = s_.timers[n];
    if (timer.level == level) return;
    timer.level = level;
    if (n < 2 && legacy.level())
        legacy_irq[n].set(level);
    else if (sink_)
        sink_(static_cast<unsigned>(bits(timer.config, 13, 9)), level);
}

u64 Hpet::read_register(u64 offset) const {
    switch (offset) {
    case kCapabilities: return kCapabilityValue;
    case kConfiguration: return s_.config;
    case kInterruptStatus: return s_.status;
    case kMainCounter: return counter_at(cycle());
    default: break;
    }
    const u64 n = (offset - kTimerBase) / 0x20;
    if (offset < kTimerBase || n >= kTimers) return 0;
    const Comparator& timer = s_.timers[n];
    switch (offset & 0x1F) {
    case 0x00: return u64{kRoutes} << 32 | kSizeCapable | (n == 0 ? kPeriodicCapable : 0) | timer.config;
    case 0x08: return timer.comparator & width(static_cast<unsigned>(n));
    default: return 0;
    }
}

void Hpet::write_config(u64 value) {
    const u64 now = cycle();
    s_.counter = counter_at(now);
    s_.since = now;
    const bool was_enabled = s_.config & kEnable;
    s_.config = value & (kEnable | kLegacyReplacement);
    // LEG_RT_CNF moves what timers 0 and 1 drive; ENABLE_CNF = 0 takes all interrupts away, but not their status bits.
    const bool moved = legacy.level() != ((s_.config & kLegacyReplacement) != 0);
    for (unsigned n = 0; n < kTimers; ++n)
        if (moved || !(s_.config & kEnable)) drive(n, false);
    legacy.set(s_.config & kLegacyReplacement);
    for (unsigned n = 0; n < kTimers; ++n) settle(n);
    if (was_enabled != ((s_.config & kEnable) != 0))
        for (unsigned n = 0; n < kTimers; ++n) arm(n);
}

void Hpet::write_timer_config(unsigned n, u64 value) {
    Comparator& timer = s_.timers[n];
    const u64 writable = kLevel | kInterruptEnable | kValueSet | k32Bit | kRoute | (n == 0 ? kPeriodic : 0);
    drive(n, false);
    timer.config = value & writable;
    const unsigned route = static_cast<unsigned>(bits(timer.config, 13, 9));
    if (!bit(kRoutes, route)) timer.config &= ~kRoute; // "the value read back will not match"
    if (timer.config & k32Bit) timer.comparator &= 0xFFFFFFFF;
    settle(n);
    arm(n);
}

void Hpet::settle(unsigned n) {
    constexpr u64 kHeld = kLevel | kInterruptEnable;
    if ((s_.config & kEnable) && (s_.status >> n & 1) && (s_.timers[n].config & kHeld) == kHeld) drive(n, true);
}

/// 2.3.9.2.2 "Periodic Mode": a write sets the period, and with Tn_VAL_SET_CNF the comparator as well.
void Hpet::write_comparator(unsigned n, u64 value, u64 mask) {
    Comparator& timer = s_.timers[n];
    const bool periodic = timer.config & kPeriodic;
    if (!periodic || (timer.config & kValueSet))
        timer.comparator = ((timer.comparator & ~mask) | (value & mask)) & width(n);
    if (periodic) timer.period = ((timer.period & ~mask) | (value & mask)) & width(n);
    if (mask >> 32 || timer.config & k32Bit || mask == 0xFFFFFFFF) timer.config &= ~kValueSet;
    arm(n);
}

void Hpet::write_register(u64 offset, u64 value, u64 mask) {
    const u64 merged = (read_register(offset) & ~mask) | (value & mask);
    switch (offset) {
    case kConfiguration: return write_config(merged);
    case kInterruptStatus:
        s_.status &= ~(value & mask);
        for (unsigned n = 0; n < kTimers; ++n)
            if ((value & mask) >> n & 1 && (s_.timers[n].config & kLevel)) drive(n, false);
        return;
    case kMainCounter:
        if (s_.config & kEnable) return; // only while it stands (2.3.7)
        s_.counter = merged;
        return;
    default: break;
    }
    const u64 n = (offset - kTimerBase) / 0x20;
    if (offset < kTimerBase || n >= kTimers) return;
    if ((offset & 0x1F) == 0x00) write_timer_config(static_cast<unsigned>(n), merged);
    if ((offset & 0x1F) == 0x08) write_comparator(static_cast<unsigned>(n), value, mask);
}

u64 Hpet::read(u64 offset, unsigned size) {
    if (offset & (size - 1) || offset >= 0x400) return 0;
    const u64 value = read_register(offset & ~u64{7}) >> (8 * (offset & 7));
    return size == 8 ? value : value & ((u64{1} << (8 * size)) - 1);
}

void Hpet::write(u64 offset, unsigned size, u64 value) {
    if (size < 4 || offset & (size - 1) || offset >= 0x400) return; // 2.3.1: 32 or 64 bits
    const u64 mask = size == 8 ? ~u64{0} : u64{0xFFFFFFFF} << (8 * (offset & 7));
    write_register(offset & ~u64{7}, value << (8 * (offset & 7)), mask);
}

void Hpet::reset(ResetKind) {
    for (unsigned n = 0; n < kTimers; ++n) {
        drive(n, false);
        timers_[n]->cancel();
    }
    legacy.set(false);
    s_ = {};
    s_.since = cycle();
    for (Comparator& timer : s_.timers) timer.comparator = ~u64{0};
}

void Hpet::visit(StateVisitor& visitor) {
    auto& [config, status, counter, since, timers] = s_;
    visitor.field("config", config);
    visitor.field("status", status);
    visitor.field("counter", counter);
    visitor.field("since", since);
    for (Comparator& timer : timers) {
        auto& [timer_config, comparator, period, level] = timer;
        visitor.begin("timer");
        visitor.field("config", timer_config);
        visitor.field("comparator", comparator);
        visitor.field("period", period);
        visitor.field("level", level);
        visitor.end();
    }
    visitor.field("legacy", legacy);
    visitor.field("legacy_irq", legacy_irq);
}

} // namespace r86

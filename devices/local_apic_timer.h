#pragma once
/// The timer of the local APIC: a 32-bit down counter behind a divider, one-shot or periodic.
/// SDM Vol. 3, 10.5.4 "APIC Timer". It counts the bus clock, kBusHz here.
/// NOT IMPLEMENTED: TSC-deadline mode (no modelled processor has it).
#include "core/event_queue.h"
#include <functional>

namespace r86 {

class LocalApicTimer {
public:
    static constexpr u64 kBusHz = 100'000'000; ///< the front-side bus of a 1 GHz processor

    /// `expired` is called each time the count reaches zero while the timer is not masked.
    LocalApicTimer(EventQueue& events, std::function<void()> expired);

    void reset();
    void visit(StateVisitor& visitor);

    /// What the LVT timer register says.
    void set_mode(bool periodic, bool masked);
    u32 initial_count() const { return s_.initial; }
    /// Starts the count; zero stops it.
    void set_initial_count(u32 value);
    u32 current_count() const;
    u8 divide_configuration() const { return s_.divide; }
    /// Bits 3, 1 and 0 of the divide configuration register; the count goes on at the new rate.
    void set_divide_configuration(u8 value);
    /// Will it call `expired` some time without anybody's help?
    bool will_expire() const { return event_.armed(); }

private:
    struct State {
        u32 initial = 0;
        u32 start_count = 0; ///< the count at `start`
        u64 start = 0;       ///< bus cycle since power-on
        u8 divide = 0;
        bool running = false;
        bool periodic = false;
        bool masked = true;
    };
    unsigned divisor() const;
    u64 now() const { return VirtualClock::cycles_at_ns(event_.now_ns(), kBusHz); }
    /// Bus cycles from `start` to the first expiry.
    u64 first_run() const { return u64{s_.start_count} * divisor(); }
    /// Moves `start` over every expiry that has passed.
    void catch_up(u64 cycle);
    void arm();

    State s_;
    std::function<void()> expired_;
    Timer event_;
};

} // namespace r86

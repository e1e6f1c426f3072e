#pragma once
/// High precision event timers.
/// "IA-PC HPET (High Precision Event Timers) Specification", revision 1.0a (2004).
/// In a PC: a page of registers at FED00000h; three comparators, the first of which can be periodic. With legacy
/// replacement the first two stand for IRQ 0 and IRQ 8. Off by default: systems before 2005 do not know it.
/// NOT IMPLEMENTED: FSB (message) interrupts, which the capabilities do not announce.
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/line.h"
#include <memory>

namespace r86 {

class Hpet final : public Device, public MmioHandler {
public:
    static constexpr unsigned kTimers = 3;
    static constexpr u64 kHz = 100'000'000;
    static constexpr u32 kPeriodFemtoseconds = 10'000'000;
    static constexpr u32 kRoutes = 0x00FF0C00; ///< inputs of the I/O APIC that a timer may use

    explicit Hpet(EventQueue& events);

    /// Drives input `n` of the I/O APIC (and the ISA request of that number).
    void connect(std::function<void(unsigned input, bool level)> sink) { sink_ = std::move(sink); }
    /// LEG_RT_CNF: 8254 and RTC are cut off from IRQ 0 and IRQ 8, timers 0 and 1 take their place.
    Line legacy;
    std::array<Line, 2> legacy_irq; ///< timers 0 and 1 while `legacy` is high

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    struct Comparator {
        u64 config = 0;     ///< Tn_CONF_CAP, writable bits alone
        u64 comparator = 0; ///< Tn_CMP
        u64 period = 0;     ///< periodic mode: the value that was written last
        bool level = false; ///< what it drives now
    };
    struct State {
        u64 config = 0;  ///< GEN_CONF
        u64 status = 0;  ///< GINTR_STA, level-triggered timers alone
        u64 counter = 0; ///< at `since`
        u64 since = 0;   ///< cycle at which the counter had that value; counts only while enabled
        std::array<Comparator, kTimers> timers;
    };
    u64 cycle() const { return VirtualClock::cycles_at_ns(timers_[0]->now_ns(), kHz); }
    u64 counter_at(u64 cycle) const;
    u64 read_register(u64 offset) const;
    void write_register(u64 offset, u64 value, u64 mask);
    void write_config(u64 value);
    void write_timer_config(unsigned n, u64 value);
    void write_comparator(unsigned n, u64 value, u64 mask);
    void arm(unsigned n);
    void expired(unsigned n, u64 deadline_ns);
    void fire(unsigned n);
    void drive(unsigned n, bool level);
    /// The level that a level-triggered timer holds because of its status bit.
    void settle(unsigned n);
    /// Bits that the counter and the comparator have in common: 32 in 32-bit mode.
    u64 width(unsigned n) const;

    State s_;
    std::function<void(unsigned, bool)> sink_;
    std::array<std::unique_ptr<Timer>, kTimers> timers_;
};

} // namespace r86

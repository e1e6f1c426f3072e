#pragma once
/// Intel 8254 Programmable Interval Timer.
/// Data sheet: "8254 Programmable Interval Timer", Intel order 231164.
/// In a PC: ports 40h-43h, CLK 1.193182 MHz; OUT0 -> IRQ0, OUT1 -> DRAM refresh, OUT2 -> speaker and port 61h.
/// The counters are computed from the clock when somebody looks; a timer exists only for OUT edges that are wired.
/// NOT IMPLEMENTED: a count of 1 in modes 2 and 3 (illegal in the data sheet) leaves OUT high.
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/line.h"
#include "devices/i8254_counter.h"
#include <memory>

namespace r86 {

class I8254 final : public Device, public PortHandler {
public:
    static constexpr u64 kHz = 1193182;

    explicit I8254(EventQueue& queue);

    /// OUT pins. Only those that `watch_out` asked for move by themselves; OUT0 always does.
    std::array<Line, 3> out;
    /// Wires OUT `n` to something that must see its edges.
    void watch_out(unsigned n) { watched_[n] = true; }

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override; ///< 0..2 counters; 3 (no read operation) floats: FFh
    void write8(u16 offset, u8 value) override;

    /// GATE pins; 0 and 1 are tied high in a PC.
    void set_gate(unsigned n, bool level);
    /// The level of OUT `n` now.
    bool out_level(unsigned n) const { return at_now(n).out; }
    /// How many of CLK's periods in [from, to) OUT `n` was high. Valid from the counter's last change on.
    u64 high_cycles(unsigned n, u64 from, u64 to) const;
    /// Called before counter `n` changes its course, so that a listener can take what was until now.
    void before_change(unsigned n, std::function<void()> hook) { hooks_[n] = std::move(hook); }

private:
    I8254Counter at_now(unsigned n) const;
    void catch_up(unsigned n);
    void settle(unsigned n);
    void read_back(u8 command);

    const VirtualClock& clock_;
    std::array<I8254Counter, 3> counters_;
    std::array<std::unique_ptr<Timer>, 3> timers_;
    std::array<std::function<void()>, 3> hooks_;
    std::array<bool, 3> watched_{true, false, false};
};

} // namespace r86

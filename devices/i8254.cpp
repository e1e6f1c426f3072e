#include "devices/i8254.h"
#include "core/bits.h"

namespace r86 {

namespace {
constexpr u8 kReadBack = 3;                         // Control Word.SC
constexpr u8 kNoCount = 1 << 5, kNoStatus = 1 << 4; // Read-Back Command, both low-active
} // namespace

I8254::I8254(EventQueue& queue) : clock_(queue.clock()) {
    for (unsigned n = 0; n < 3; ++n)
        timers_[n] = std::make_unique<Timer>(queue, "i8254.out" + std::to_string(n), [this, n](u64) {
            catch_up(n);
            settle(n);
        });
    counters_[2].gate = false;
}

void I8254::reset(ResetKind kind) {
    for (unsigned n = 0; n < 3; ++n) {
        // The 8254 has no reset pin and is undefined at power-on; it stands still until it is programmed. GATE is a
        // pin.
        const bool gate = kind == ResetKind::PowerOn ? n != 2 : counters_[n].gate;
        if (hooks_[n]) hooks_[n]();
        counters_[n] = {};
        counters_[n].gate = gate;
        counters_[n].cycle = clock_.cycles(kHz);
        settle(n);
    }
}

void I8254::visit(StateVisitor& v) {
    v.field("counter", counters_);
    v.field("out", out);
}

I8254Counter I8254::at_now(unsigned n) const {
    I8254Counter copy = counters_[n];
    copy.advance(clock_.cycles(kHz));
    return copy;
}

void I8254::catch_up(unsigned n) {
    if (hooks_[n]) hooks_[n]();
    I8254Counter& counter = counters_[n];
    const bool changed = counter.advance(clock_.cycles(kHz));
    // Where a tick is longer than the pulse, the pulse is shown at least once.
    if (watched_[n] && changed && counter.out == out[n].level()) out[n].set(!counter.out);
}

void I8254::settle(unsigned n) {
    if (!watched_[n]) return;
    out[n].set(counters_[n].out);
    const u64 edge = counters_[n].next_edge();
    if (edge == I8254Counter::kNoEdge)
        timers_[n]->cancel();
    else
        timers_[n]->arm_at(VirtualClock::ns_of_cycles(edge, kHz));
}

u8 I8254::read8(u16 offset) {
    const unsigned n = offset & 3;
    if (n == 3) return 0xFF;
    I8254Counter copy = at_now(n);
    const u8 value = copy.read();
    // Only the latches and flip-flops change; the count itself stays lazy.
    counters_[n].latched = copy.latched;
    counters_[n].status_latched = copy.status_latched;
    counters_[n].read_high = copy.read_high;
    return value;
}

void I8254::write8(u16 offset, u8 value) {
    const unsigned n = offset & 3;
    if (n != 3) {
        catch_up(n);
        counters_[n].write_count(value);
        settle(n);
        return;
    }
    const unsigned select = bits(value, 7, 6);
    if (select == kReadBack) {
        read_back(value);
        return;
    }
    catch_up(select);
    if (bits(value, 5, 4) == 0)
        counters_[select].latch_count(); // Counter Latch Command
    else
        counters_[select].write_control(value);
    settle(select);
}

void I8254::read_back(u8 command) {
    for (unsigned n = 0; n < 3; ++n) {
        if (!bit(command, n + 1)) continue;
        catch_up(n);
        if (!(command & kNoCount)) counters_[n].latch_count();
        if (!(command & kNoStatus)) counters_[n].latch_status();
        settle(n);
    }
}

void I8254::set_gate(unsigned n, bool level) {
    catch_up(n);
    counters_[n].set_gate(level);
    settle(n);
}

u64 I8254::high_cycles(unsigned n, u64 from, u64 to) const {
    I8254Counter copy = counters_[n];
    copy.advance(from);
    u64 high = 0;
    // At most one step for each CLK period.
    for (u64 at = from; at < to;) {
        const u64 edge = copy.next_edge();
        const u64 end = edge < to ? edge : to;
        if (copy.out) high += end - at;
        copy.advance(end);
        at = end;
    }
    return high;
}

} // namespace r86

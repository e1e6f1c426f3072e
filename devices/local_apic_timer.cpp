#include "devices/local_apic_timer.h"

namespace r86 {

LocalApicTimer::LocalApicTimer(EventQueue& events, std::function<void()> expired)
    : expired_(std::move(expired)), event_(events, "local_apic.timer", [this](u64 deadline) {
          catch_up(VirtualClock::cycles_at_ns(deadline, kBusHz));
          arm();
          expired_();
      }) {}

/// Divide configuration register, figure 10-10: 0 divides by 2, and so on; 7 by 1.
unsigned LocalApicTimer::divisor() const {
    const unsigned code = ((s_.divide & 8) >> 1) | (s_.divide & 3);
    return code == 7 ? 1 : 2u << code;
}

void LocalApicTimer::catch_up(u64 cycle) {
    if (!s_.running || cycle < s_.start + first_run()) return;
    if (!s_.periodic) {
        s_.running = false;
        s_.start_count = 0;
        return;
    }
    s_.start += first_run();
    s_.start_count = s_.initial;
    s_.start += (cycle - s_.start) / first_run() * first_run();
}

void LocalApicTimer::arm() {
    if (s_.running && !s_.masked)
        event_.arm_at(VirtualClock::ns_of_cycles(s_.start + first_run(), kBusHz));
    else
        event_.cancel();
}

void LocalApicTimer::set_mode(bool periodic, bool masked) {
    if (periodic == s_.periodic && masked == s_.masked) return;
    catch_up(now());
    s_.periodic = periodic;
    s_.masked = masked;
    arm();
}

void LocalApicTimer::set_initial_count(u32 value) {
    s_.initial = s_.start_count = value;
    s_.start = now();
    s_.running = value != 0;
    arm();
}

u32 LocalApicTimer::current_count() const {
    if (!s_.running) return 0;
    const u64 passed = now() - s_.start;
    if (passed < first_run()) return s_.start_count - static_cast<u32>(passed / divisor());
    if (!s_.periodic) return 0;
    const u64 period = u64{s_.initial} * divisor();
    return s_.initial - static_cast<u32>((passed - first_run()) % period / divisor());
}

void LocalApicTimer::set_divide_configuration(u8 value) {
    const u64 cycle = now();
    catch_up(cycle);
    s_.start_count = current_count();
    s_.start = cycle;
    s_.divide = value & 0x0B;
    arm();
}

void LocalApicTimer::reset() {
    s_ = {};
    event_.cancel();
}

void LocalApicTimer::visit(StateVisitor& visitor) {
    auto& [initial, start_count, start, divide, running, periodic, masked] = s_;
    visitor.field("initial", initial);
    visitor.field("start_count", start_count);
    visitor.field("start", start);
    visitor.field("divide", divide);
    visitor.field("running", running);
    visitor.field("periodic", periodic);
    visitor.field("masked", masked);
}

} // namespace r86

#pragma once
/// Timers owned by devices. Deadlines are kept in virtual nanoseconds; at equal ticks the timer that was created first
/// comes first, so the wiring order of the board is the order of events.
#include "core/clock.h"
#include "core/state_visitor.h"
#include <functional>
#include <string>
#include <vector>

namespace r86 {

class EventQueue {
public:
    static constexpr u64 kIdle = ~u64{0};
    /// Gets its deadline, not "now", so that periodic timers do not drift.
    using Handler = std::function<void(u64 deadline_ns)>;

    explicit EventQueue(VirtualClock& clock) : clock_(clock) {}

    const VirtualClock& clock() const { return clock_; }
    /// The tick of the earliest armed timer, kNever if there is none.
    Tick next() const { return next_; }
    /// Runs every timer that is due at or before clock().now(), in order; handlers may arm timers again.
    void run_due();
    /// Called whenever the earliest deadline moves to an earlier tick (the processor may have to stop sooner).
    void on_earlier(std::function<void()> hook) { earlier_hook_ = std::move(hook); }
    /// Deadlines in ticks are recomputed; call after a change of the clock's ratio or after loading a state.
    void rebase();
    void visit(StateVisitor& visitor);

private:
    friend class Timer;
    struct Slot {
        std::string name;
        Handler handler;
        u64 deadline_ns = kIdle;
        Tick tick = kNever;
    };
    usize add(std::string name, Handler handler);
    void arm(usize id, u64 deadline_ns);
    void cancel(usize id);
    void find_next();

    VirtualClock& clock_;
    std::vector<Slot> slots_;
    Tick next_ = kNever;
    usize next_id_ = 0;
    std::function<void()> earlier_hook_;
};

/// A device's handle on one timer; lives as long as the queue.
class Timer {
public:
    Timer(EventQueue& queue, std::string name, EventQueue::Handler handler)
        : queue_(queue), id_(queue.add(std::move(name), std::move(handler))) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    /// Replaces an earlier deadline. A deadline that has passed already fires at the next instruction boundary.
    void arm_at(u64 deadline_ns) { queue_.arm(id_, deadline_ns); }
    void arm_after(u64 delay_ns) { queue_.arm(id_, queue_.clock_.now_ns() + delay_ns); }
    void cancel() { queue_.cancel(id_); }
    bool armed() const { return queue_.slots_[id_].deadline_ns != EventQueue::kIdle; }
    u64 deadline_ns() const { return queue_.slots_[id_].deadline_ns; }
    u64 now_ns() const { return queue_.clock_.now_ns(); }

private:
    EventQueue& queue_;
    usize id_;
};

} // namespace r86

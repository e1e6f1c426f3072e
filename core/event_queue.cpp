#include "core/event_queue.h"
#include <utility>

namespace r86 {

usize EventQueue::add(std::string name, Handler handler) {
    slots_.push_back({std::move(name), std::move(handler), kIdle, kNever});
    return slots_.size() - 1;
}

void EventQueue::arm(usize id, u64 deadline_ns) {
    Slot& slot = slots_[id];
    slot.deadline_ns = deadline_ns;
    slot.tick = clock_.tick_at(deadline_ns);
    // Strictly after now: a handler that re-arms itself for "now" must not keep the machine from advancing.
    if (slot.tick <= clock_.now()) slot.tick = clock_.now() + 1;
    const Tick before = next_;
    if (id == next_id_)
        find_next();
    else if (slot.tick < next_ || (slot.tick == next_ && id < next_id_)) {
        next_ = slot.tick;
        next_id_ = id;
    }
    if (next_ < before && earlier_hook_) earlier_hook_();
}

void EventQueue::cancel(usize id) {
    slots_[id].deadline_ns = kIdle;
    slots_[id].tick = kNever;
    if (id == next_id_) find_next();
}

void EventQueue::find_next() {
    next_ = kNever;
    next_id_ = 0;
    for (usize i = 0; i < slots_.size(); ++i) {
        if (slots_[i].tick < next_) {
            next_ = slots_[i].tick;
            next_id_ = i;
        }
    }
}

void EventQueue::run_due() {
    while (next_ <= clock_.now()) {
        Slot& slot = slots_[next_id_];
        const u64 deadline = std::exchange(slot.deadline_ns, kIdle);
        slot.tick = kNever;
        const usize id = next_id_;
        find_next();
        slots_[id].handler(deadline);
    }
}

void EventQueue::rebase() {
    for (Slot& slot : slots_) {
        if (slot.deadline_ns == kIdle) {
            slot.tick = kNever;
            continue;
        }
        slot.tick = clock_.tick_at(slot.deadline_ns);
        if (slot.tick <= clock_.now()) slot.tick = clock_.now() + 1;
    }
    find_next();
    if (earlier_hook_) earlier_hook_();
}

void EventQueue::visit(StateVisitor& visitor) {
    for (Slot& slot : slots_) visitor.field(slot.name, slot.deadline_ns);
    // The ticks follow from the deadlines, but for one that was clamped to "next boundary"; keep it exact.
    for (Slot& slot : slots_) visitor.field(slot.name + ".tick", slot.tick);
    if (visitor.loading()) find_next();
}

} // namespace r86

#pragma once
/// Virtual time for a chip without a machine.
#include "core/clock.h"
#include "core/event_queue.h"
#include <algorithm>

namespace r86 {

/// Lets everything happen that is due up to and at `end`, and stands there.
inline void run_events(VirtualClock& clock, EventQueue& queue, Tick end) {
    while (queue.next() <= end) {
        clock.set_now(std::max(queue.next(), clock.now()));
        queue.run_due();
    }
    clock.set_now(end);
}

} // namespace r86

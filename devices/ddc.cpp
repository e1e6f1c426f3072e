#include "devices/ddc.h"
#include "devices/edid.h"
#include <algorithm>
#include <utility>

namespace r86 {

namespace {
constexpr u8 kDeviceAddress = 0xA0; // bit 0 is the direction
}

void Ddc::drive(bool clock, bool data) {
    const bool was_clock = std::exchange(state_.clock, clock);
    const bool was_data = std::exchange(state_.data, data);
    if (clock && was_clock) { // the data wire moves under a high clock: START or STOP
        if (was_data && !data) enter(Phase::Address);
        if (!was_data && data) enter(Phase::Idle);
    } else if (clock) {
        clock_rose();
    } else if (was_clock) {
        clock_fell();
    }
}

void Ddc::enter(Phase phase) {
    state_.phase = phase;
    state_.bits = 0;
    state_.released = true;
}

void Ddc::clock_rose() {
    if (state_.phase == Phase::HostAcknowledge) {
        state_.refused = state_.data;
    } else if (state_.phase == Phase::Address || state_.phase == Phase::Offset) {
        state_.shift = static_cast<u8>(state_.shift << 1 | (state_.data ? 1 : 0));
        ++state_.bits;
    }
}

void Ddc::clock_fell() {
    switch (state_.phase) {
    case Phase::Idle: return;
    case Phase::Address:
    case Phase::Offset:
        if (state_.bits == 8) byte_received();
        return;
    case Phase::Acknowledge:
        if (state_.reading)
            send_next();
        else
            enter(Phase::Offset);
        return;
    case Phase::Send:
        if (state_.bits == 8) return enter(Phase::HostAcknowledge);
        state_.released = state_.shift >> (7 - state_.bits) & 1;
        ++state_.bits;
        return;
    case Phase::HostAcknowledge:
        if (state_.refused)
            enter(Phase::Idle);
        else
            send_next();
        return;
    }
}

/// The ninth clock begins: this end acknowledges what is for it.
void Ddc::byte_received() {
    if (state_.phase == Phase::Offset) {
        state_.offset = state_.shift;
    } else if ((state_.shift & 0xFE) == kDeviceAddress) {
        state_.reading = state_.shift & 1;
    } else {
        return enter(Phase::Idle);
    }
    enter(Phase::Acknowledge);
    state_.released = false;
}

void Ddc::send_next() {
    const auto& edid = monitor_edid();
    state_.shift = edid[state_.offset++ % edid.size()];
    enter(Phase::Send);
    state_.released = state_.shift >> 7;
    state_.bits = 1;
}

void Ddc::visit(StateVisitor& v) {
    auto& [clock, data, released, phase, shift, bits, offset, reading, refused] = state_;
    v.field("clock", clock);
    v.field("data", data);
    v.field("released", released);
    v.field("phase", phase);
    v.field("shift", shift);
    v.field("bits", bits);
    v.field("offset", offset);
    v.field("reading", reading);
    v.field("refused", refused);
    if (v.loading()) { // a damaged file must not bring what no wire could
        phase = std::min(phase, Phase::HostAcknowledge);
        bits = std::min<u8>(bits, 8);
    }
}

} // namespace r86

#include "devices/parallel_port.h"

namespace r86 {

namespace {
// Status; bits 2-0 float high.
constexpr u8 kNotBusy = 0x80, kNotAck = 0x40, kPaperEnd = 0x20, kSelected = 0x10, kNotError = 0x08, kFloating = 0x07;
// Control
constexpr u8 kStrobe = 0x01, kInit = 0x04, kIrqEnable = 0x10, kInput = 0x20, kControlBits = 0x3F;
} // namespace

ParallelPort::ParallelPort(EventQueue& queue, const std::string& name)
    : timer_(queue, name, [this](u64 deadline) { timer_fired(deadline); }) {}

void ParallelPort::reset(ResetKind) {
    const u8 input = state_.input;
    state_ = {};
    state_.input = input;
    timer_.cancel();
    irq.set(false);
}

void ParallelPort::visit(StateVisitor& v) {
    auto& [data, control, input, phase] = state_;
    v.field("data", data);
    v.field("control", control);
    v.field("input", input);
    v.field("phase", phase);
    v.field("irq", irq);
}

u8 ParallelPort::read8(u16 offset) {
    switch (offset & 3) {
    case 0: return state_.control & kInput ? state_.input : state_.data;
    case 1: {
        irq.set(false);
        // Without a printer every line is pulled up: "busy", out of paper.
        if (!sink_) return kNotAck | kPaperEnd | kSelected | kNotError | kFloating;
        u8 status = kSelected | kNotError | kFloating;
        if (state_.phase == Phase::Idle) status |= kNotBusy;
        if (state_.phase != Phase::Ack) status |= kNotAck;
        return status;
    }
    case 2: return static_cast<u8>(state_.control | ~kControlBits);
    default: return 0xFF;
    }
}

void ParallelPort::write8(u16 offset, u8 value) {
    if ((offset & 3) == 0) {
        state_.data = value;
        return;
    }
    if ((offset & 3) != 2) return;
    const bool strobed = !(state_.control & kStrobe) && (value & kStrobe); // the pin falls
    state_.control = value & kControlBits;
    if (!(value & kIrqEnable)) irq.set(false);
    if (!sink_) return;
    if (!(value & kInit)) { // INIT is low: the printer starts over
        state_.phase = Phase::Idle;
        timer_.cancel();
        return;
    }
    if (!strobed || state_.phase != Phase::Idle) return; // a byte for a busy printer is lost
    irq.set(false);
    sink_->put(state_.control & kInput ? state_.input : state_.data);
    state_.phase = Phase::Busy;
    timer_.arm_after(kBusyNs);
}

void ParallelPort::timer_fired(u64 deadline) {
    if (state_.phase == Phase::Busy) {
        state_.phase = Phase::Ack;
        timer_.arm_at(deadline + kAckNs);
        return;
    }
    state_.phase = Phase::Idle;
    if (state_.control & kIrqEnable) irq.set(true);
}

} // namespace r86

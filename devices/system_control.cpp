#include "devices/system_control.h"

namespace r86 {

namespace {
constexpr u8 kFastInit = 1 << 0;    // P92.FAST_INIT
constexpr u8 kFastA20 = 1 << 1;     // P92.FAST_A20
constexpr u8 kKeptBits = 0xCB;      // bits 2, 4 and 5 are reserved or read-only
constexpr u8 kSystemReset = 1 << 1; // RC.SRST: 1 = hard
constexpr u8 kResetCpu = 1 << 2;    // RC.RCPU: acts on its rising edge
} // namespace

u8 Port92::read8(u16) { return s_.value; }

void Port92::write8(u16, u8 value) {
    const bool init = (value & kFastInit) && !(s_.value & kFastInit);
    s_.value = value & kKeptBits;
    fast_a20.set((value & kFastA20) != 0);
    if (a20_hook_) a20_hook_((value & kFastA20) != 0);
    if (init) init_pulse.pulse();
}

void Port92::reset(ResetKind) {
    s_ = {};
    fast_a20.set(false);
}

void Port92::visit(StateVisitor& visitor) {
    auto& [value] = s_;
    visitor.field("p92", value);
    visitor.field("fast_a20", fast_a20);
    visitor.field("init", init_pulse);
}

u8 ResetControl::read8(u16) { return s_.value; }

void ResetControl::write8(u16, u8 value) {
    const bool trigger = (value & kResetCpu) && !(s_.value & kResetCpu);
    s_.value = value & (kSystemReset | kResetCpu);
    if (!trigger) return;
    if (value & kSystemReset)
        reset_pulse.pulse();
    else
        init_pulse.pulse();
}

void ResetControl::reset(ResetKind) { s_ = {}; }

void ResetControl::visit(StateVisitor& visitor) {
    auto& [value] = s_;
    visitor.field("rc", value);
    visitor.field("init", init_pulse);
    visitor.field("reset", reset_pulse);
}

u8 CoprocessorError::read8(u16) { return 0xFF; }

void CoprocessorError::write8(u16 offset, u8) {
    if (offset != 0) return;
    irq13.set(false);
    if (s_.ferr) ignne.set(true);
}

void CoprocessorError::set_ferr(bool level) {
    s_.ferr = level;
    if (level)
        irq13.set(true);
    else
        ignne.set(false);
}

void CoprocessorError::reset(ResetKind) {
    s_ = {};
    irq13.set(false);
    ignne.set(false);
}

void CoprocessorError::visit(StateVisitor& visitor) {
    auto& [ferr] = s_;
    visitor.field("ferr", ferr);
    visitor.field("irq13", irq13);
    visitor.field("ignne", ignne);
}

} // namespace r86

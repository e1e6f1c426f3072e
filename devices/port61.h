#pragma once
/// System control port B of the PC AT, as the PIIX4's NMI Status and Control register has it.
/// Data sheet: "82371AB PIIX4", Intel order 290562, NMISC; IBM PC AT Technical Reference, "System Control Port B".
/// In a PC: port 61h; bit 0 -> GATE of 8254 counter 2, bit 1 -> speaker, bit 5 <- OUT2, bit 4 <- refresh.
/// NOT IMPLEMENTED: SERR# and IOCHK# (bits 7 and 6 read 0: nothing here has parity errors).
#include "core/bus.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/line.h"
#include <functional>

namespace r86 {

class Port61 final : public Device, public PortHandler {
public:
    /// Counter 1 of a PC runs with a count of 18: the refresh request toggles at that rate.
    static constexpr u64 kRefreshHz = 1193182, kRefreshCount = 18;

    Port61(const VirtualClock& clock, std::function<bool()> out2) : clock_(clock), out2_(std::move(out2)) {}

    Line gate2;   ///< Timer Counter 2 Enable
    Line speaker; ///< Speaker Data Enable

    void reset(ResetKind) override { write8(0, 0); }
    void visit(StateVisitor& v) override {
        v.field("control", control_);
        v.field("gate2", gate2);
        v.field("speaker", speaker);
    }
    u8 read8(u16) override {
        const bool refresh = clock_.cycles(kRefreshHz) / kRefreshCount & 1;
        return static_cast<u8>(control_ | (refresh ? 0x10 : 0) | (out2_ && out2_() ? 0x20 : 0));
    }
    void write8(u16, u8 value) override {
        control_ = value & 0x0F;
        gate2.set(value & 0x01);
        speaker.set(value & 0x02);
    }

private:
    const VirtualClock& clock_;
    std::function<bool()> out2_;
    u8 control_ = 0;
};

} // namespace r86

#pragma once
/// The monitor's end of the display data channel: an EEPROM with the EDID on two wires that a program moves bit by bit.
/// Data sheets: VESA "Enhanced Display Data Channel Standard" 1.1, section 2.2 (DDC2B); NXP UM10204, "I2C-bus
/// specification", 3.1. The clock is never stretched. NOT IMPLEMENTED: DDC/CI, the segment pointer of E-DDC (there is
/// one block).
#include "core/state_visitor.h"
#include "core/types.h"

namespace r86 {

class Ddc {
public:
    /// What the host does to the wires: false pulls low, true lets go.
    void drive(bool clock, bool data);
    bool clock() const { return state_.clock; }
    bool host_data() const { return state_.data; }
    /// The data wire: low when either end pulls.
    bool data() const { return state_.data && state_.released; }

    void reset() { state_ = State{}; }
    void visit(StateVisitor& visitor);

private:
    enum class Phase : u8 { Idle, Address, Offset, Acknowledge, Send, HostAcknowledge };

    struct State {
        bool clock = true;
        bool data = true;
        bool released = true; ///< this end does not pull the data wire
        Phase phase = Phase::Idle;
        u8 shift = 0;
        u8 bits = 0;
        u8 offset = 0;
        bool reading = false;
        bool refused = false; ///< the host did not acknowledge
    };

    void clock_rose();
    void clock_fell();
    void byte_received();
    void send_next();
    void enter(Phase phase);

    State state_;
};

} // namespace r86

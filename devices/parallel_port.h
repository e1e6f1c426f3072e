#pragma once
/// PC parallel port with the bidirectional data register of the PS/2, and a printer that is always ready behind it.
/// Sources: IBM PC AT Technical Reference, "Printer Adapter"; IEEE 1284-1994, "Compatibility Mode".
/// In a PC: 378h-37Ah, IRQ7.
/// NOT IMPLEMENTED: EPP and ECP (a port of the PS/2 has neither).
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/host_endpoints.h"
#include "core/line.h"

namespace r86 {

class ParallelPort final : public Device, public PortHandler {
public:
    static constexpr u64 kBusyNs = 10'000; ///< from STROBE to the start of ACK
    static constexpr u64 kAckNs = 5'000;

    ParallelPort(EventQueue& queue, const std::string& name);

    /// Rises with the end of ACK, falls when the status is read or the next byte is strobed.
    Line irq;

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override; ///< 0 data, 1 status, 2 control
    void write8(u16 offset, u8 value) override;

    /// The printer; nullptr: nothing is plugged in. Wiring, not state.
    void connect(ByteSink* sink) { sink_ = sink; }
    /// What a peripheral drives onto the data lines while the port's direction is input.
    void set_input(u8 value) { state_.input = value; }

private:
    enum class Phase : u8 { Idle, Busy, Ack };
    struct State {
        u8 data = 0;
        u8 control = 0; ///< bits 0 STROBE, 1 AUTO FEED, 2 INIT, 3 SELECT IN, 4 IRQ enable, 5 direction
        u8 input = 0xFF;
        Phase phase = Phase::Idle;
    };
    void timer_fired(u64 deadline);

    Timer timer_;
    ByteSink* sink_ = nullptr;
    State state_;
};

} // namespace r86

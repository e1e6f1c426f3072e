#pragma once
/// Intel 8042 keyboard and auxiliary-device controller, with the firmware of a PS/2-compatible PC.
/// Data sheets: "UPI-41/42 Universal Peripheral Interface", Intel order 210393; IBM PS/2 Hardware Interface Technical
/// Reference, "Keyboard and Auxiliary Device Controller", 84F9735.
/// In a PC: data at 60h (offset 0), command and status at 64h (offset 4); IRQ1, IRQ12, A20 gate (P21), reset (P20).
/// Commands are carried out at once; a byte on a cable takes its 11 clocks of virtual time.
/// NOT IMPLEMENTED: passwords (none is ever installed); parity errors and time-outs of the cables; pulses on P21-P23.
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/line.h"
#include "devices/ps2_device.h"

namespace r86 {

class I8042 final : public Device, public PortHandler {
public:
    static constexpr u64 kByteTimeNs = 660'000; ///< 11 clocks at 16.7 kHz, the fastest that a keyboard may clock

    I8042(EventQueue& queue, Log& log, Ps2Device& keyboard, Ps2Device& mouse);

    Line irq1;      ///< output buffer full, from the keyboard or the controller
    Line irq12;     ///< output buffer full, from the auxiliary device
    Line a20;       ///< P21
    Line cpu_reset; ///< P20, high-active

    /// Called with P21 whenever the output port is written, also if that changes nothing.
    void on_a20(std::function<void(bool enabled)> hook) { a20_hook_ = std::move(hook); }

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    // The registers are one byte each; a wider access is not split over 61h and 65h.
    u16 read16(u16 offset) override { return read8(offset); }
    u32 read32(u16 offset) override { return read8(offset); }
    void write16(u16 offset, u16 value) override { write8(offset, static_cast<u8>(value)); }
    void write32(u16 offset, u32 value) override { write8(offset, static_cast<u8>(value)); }

    bool takes_wide(u16) const override { return true; }

    /// The guest has taken everything that the keyboard wanted to say.
    bool keyboard_idle() const;

private:
    struct State {
        std::array<u8, 32> ram{}; ///< [0] is the controller command byte
        u8 status = 0;            ///< OBF, SYS, C/D and AUXB; the rest follows
        u8 output = 0;            ///< output buffer
        u8 output_port = 0;
        u8 awaiting = 0;              ///< command that waits for its data byte; 0: none
        u8 input_poll = 0;            ///< C1h or C2h while the input port is shown in the status register
        bool breaking = false;        ///< translation has taken an F0h
        std::array<u8, 32> replies{}; ///< controller's own answers, which come before the devices' bytes
        u32 replies_aux = 0;          ///< bit n: replies[n] is shown as from the auxiliary device
        u8 reply_count = 0;
    };

    void command(u8 value);
    void data(u8 value);
    void write_output_port(u8 value);
    void reply(u8 byte, bool aux = false);
    void fill(u8 byte, bool aux);
    void pump();
    void byte_arrived();
    void drive_irqs();
    void diagnostic_dump();
    bool keyboard_waits() const;
    bool mouse_waits() const;

    Log& log_;
    Ps2Device& keyboard_;
    Ps2Device& mouse_;
    Timer timer_;
    State state_;
    std::function<void(bool)> a20_hook_;
};

} // namespace r86

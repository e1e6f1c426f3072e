#pragma once
/// Motorola MC146818A Real-Time Clock plus RAM, with the second bank of the PIIX4.
/// Data sheets: "MC146818A Real-Time Clock plus RAM", Motorola ADI856; "82371AB PIIX4", Intel order 290562, 8.6.
/// In a PC: index and data at 70h-71h (bank 0) and 72h-73h (bank 1), IRQ -> IRQ8, 32.768 kHz crystal. Bit 7 of port
/// 70h masks NMI. The byte at 32h is the century, as PC firmware keeps it.
/// Time follows the virtual clock from a base that the board gives. Everything is computed when somebody looks; the
/// timer exists only while an interrupt is enabled.
/// NOT IMPLEMENTED: the SQW output (not connected in a PC); the time bases other than 32.768 kHz (the clock stands).
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/line.h"

namespace r86 {

struct RtcTime {
    u16 year = 2000; ///< 1900 to 2199 are meant
    u8 month = 1;    ///< 1 to 12
    u8 day = 1;
    u8 hour = 0;
    u8 minute = 0;
    u8 second = 0;
};

class Mc146818 final : public Device, public PortHandler {
public:
    static constexpr u8 kCentury = 0x32;

    Mc146818(EventQueue& queue, const RtcTime& base);

    Line irq; ///< IRQ, high-active here

    /// The clock, registers A to D and the interrupts; the RAM is kept by its battery.
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    /// Offsets 0 and 1: bank 0; 2 and 3: bank 1. The index ports are write-only.
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;

    /// Sets date and time now, in the format that register B asks for.
    void set_time(const RtcTime& time);
    /// Where the clock starts at the next power-on.
    void set_base(const RtcTime& base) { base_ = base; }
    /// The board's access to RAM (index 0Eh to 7Fh); checksums are the board's business.
    void set_cmos(u8 index, u8 value);
    u8 cmos(u8 index) const { return state_.ram[index & 0x7F]; }
    bool nmi_masked() const { return state_.index & 0x80; }

private:
    struct State {
        std::array<u8, 128> ram{}; ///< bank 0: 00h-09h time and alarm, 0Ah-0Dh registers A-D, then RAM
        std::array<u8, 128> bank1{};
        u8 index = 0x80; ///< as written to port 70h
        u8 index1 = 0;
        u64 divider = 0;        ///< divider count = crystal periods since tick 0 + this
        u64 last = 0;           ///< divider count for which registers and flags hold
        bool fell_back = false; ///< the hour of the autumn change has been repeated
    };

    u64 count_now() const;
    bool dividing() const;
    u32 periodic_cycles() const;
    bool update_in_progress() const;
    void catch_up();
    bool daylight_change_ahead() const;
    void one_second();
    void next_day();
    bool alarm_matches() const;
    void settle();
    u8 read_register(u8 index);
    void write_register(u8 index, u8 value);

    u8 decode(u8 value) const;
    u8 encode(unsigned value) const;
    u8 hour() const;
    u8 encode_hour(unsigned hour) const;

    const VirtualClock& clock_;
    Timer timer_;
    RtcTime base_;
    State state_;
};

} // namespace r86

#pragma once
/// Port 92h (system control port A), port CF9h (reset control register) and port F0h (coprocessor error).
/// Intel 82371AB PCI-TO-ISA / IDE XCELERATOR (PIIX4) data sheet, order 290562-001 (1997): 4.2.5 and 4.2.6, the
/// registers "P92 - Port 92", "RC - Reset Control" and "CERR - Coprocessor Error". All sit in the south bridge of the
/// PC. NOT IMPLEMENTED: port 92h's lock of the CMOS password area (its bit is kept and does nothing).
#include "core/bus.h"
#include "core/device.h"
#include "core/line.h"
#include <functional>
#include <utility>

namespace r86 {

/// Port 92h: fast A20 and fast processor reset.
class Port92 : public Device, public PortHandler {
public:
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

    Line fast_a20;   ///< P92.FAST_A20
    Line init_pulse; ///< a rising edge asks for INIT of the processor

    /// Called with FAST_A20 at every write, also one that changes nothing.
    void on_a20(std::function<void(bool enabled)> hook) { a20_hook_ = std::move(hook); }

private:
    struct State {
        u8 value = 0;
    };
    State s_;
    std::function<void(bool)> a20_hook_;
};

/// Port CF9h.
class ResetControl : public Device, public PortHandler {
public:
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

    Line init_pulse;  ///< soft reset: INIT of the processor alone
    Line reset_pulse; ///< hard reset: PCIRST# and everything behind it

private:
    struct State {
        u8 value = 0;
    };
    State s_;
};

/// Port F0h: the AT's way of reporting x87 errors. FERR# raises IRQ 13; a write to F0h takes the interrupt away and
/// asserts IGNNE# until FERR# goes away.
class CoprocessorError : public Device, public PortHandler {
public:
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    void set_ferr(bool level);
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

    Line irq13;
    Line ignne;

private:
    struct State {
        bool ferr = false;
    };
    State s_;
};

} // namespace r86

#pragma once
/// Intel 8259A Programmable Interrupt Controller, as the cells of the PIIX4 have it.
/// Data sheets: "8259A Programmable Interrupt Controller", Intel order 231468; "82371AB PIIX4", order 290562, 8.5
/// (ELCR, which replaces ICW1.LTIM).
/// In a PC: master at 20h-21h, slave at A0h-A1h, slave INT -> master IR2, master INT -> processor INTR; edge/level
/// registers at 4D0h-4D1h.
/// NOT IMPLEMENTED: the third INTA byte of MCS-80 mode (no x86 processor asks for it); buffered mode's SP/EN output.
#include "core/bus.h"
#include "core/device.h"
#include "core/line.h"
#include <functional>

namespace r86 {

class I8259A final : public Device, public PortHandler {
public:
    enum class Role : u8 { Master, Slave }; ///< the SP pin

    explicit I8259A(Role role) : role_(role) {}

    Line int_out; ///< INT

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override; ///< offset is A0
    void write8(u16 offset, u8 value) override;

    /// Drives input IR `n`. Inputs are high-active; ELCR chooses edge or level.
    void set_ir(unsigned n, bool level);
    /// The processor's INTA sequence. Without a request: level 7 of this chip, not entered in the ISR ("spurious").
    u8 acknowledge();
    /// The same for a slave, with the identity that the master puts on the cascade lines. FFh if that is not its own.
    u8 acknowledge_cascaded(u8 cascade);
    /// What answers behind a master's IR `n` when ICW3 says that a slave is there.
    void connect_slave(unsigned n, std::function<u8(u8 cascade)> slave) { slaves_[n] = std::move(slave); }

    u8 elcr() const { return state_.elcr; }
    /// Bits of inputs that are always edge-triggered (0, 1, 2, 8 and 13) cannot be set.
    void set_elcr(u8 value);

    u8 irr() const { return state_.irr; }
    u8 isr() const { return state_.isr; }
    u8 imr() const { return state_.imr; }
    bool initialised() const { return state_.phase == Phase::Ready; }

private:
    enum class Phase : u8 { Uninitialised, WaitIcw2, WaitIcw3, WaitIcw4, Ready };
    struct State {
        u8 ir = 0;  ///< levels of the input pins
        u8 irr = 0; ///< Interrupt Request Register: latched edges that are still high, or level inputs
        u8 isr = 0; ///< In-Service Register
        u8 imr = 0; ///< Interrupt Mask Register, OCW1
        u8 icw1 = 0, icw2 = 0, icw3 = 0, icw4 = 0;
        u8 elcr = 0;
        u8 lowest = 7;               ///< the level that has the lowest priority now
        bool read_isr = false;       ///< OCW3.RR/RIS
        bool poll = false;           ///< the next read is a poll, OCW3.P
        bool special_mask = false;   ///< OCW3.ESMM/SMM
        bool rotate_in_aeoi = false; ///< OCW2 R=1, SL=0, EOI=0
        Phase phase = Phase::Uninitialised;
    };

    void write_icw1(u8 value);
    void write_ocw2(u8 value);
    void write_ocw3(u8 value);
    /// Level of the request that would be delivered now; -1 if none.
    int highest_request() const;
    void enter_service(unsigned level);
    void end_of_interrupt(unsigned level, bool rotate);
    u8 vector(unsigned level) const;
    void update_int();
    bool has_slave(unsigned level) const;

    const Role role_;
    State state_;
    std::array<std::function<u8(u8)>, 8> slaves_;
};

/// Edge/Level Control Registers of the pair, ports 4D0h (master) and 4D1h (slave).
class ElcrPorts final : public PortHandler {
public:
    ElcrPorts(I8259A& master, I8259A& slave) : master_(master), slave_(slave) {}
    u8 read8(u16 offset) override { return offset & 1 ? slave_.elcr() : master_.elcr(); }
    void write8(u16 offset, u8 value) override { (offset & 1 ? slave_ : master_).set_elcr(value); }

private:
    I8259A& master_;
    I8259A& slave_;
};

} // namespace r86

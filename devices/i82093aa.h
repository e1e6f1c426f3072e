#pragma once
/// Intel 82093AA I/O Advanced Programmable Interrupt Controller.
/// Data sheet: "82093AA I/O Advanced Programmable Interrupt Controller (IOAPIC)", Intel order 290566-001 (1996).
/// In a PC: two registers at FEC00000h; inputs 0-15 follow the ISA interrupt requests (IRQ 0 on input 2, the 8259A's
/// INT on input 0), 16-23 are free on this board.
/// NOT IMPLEMENTED: the APIC bus's arbitration (the ID counts for nothing), SMI and NMI inputs other than through a
/// redirection entry.
#include "core/bus.h"
#include "core/device.h"
#include "core/line.h"
#include "devices/apic_message.h"
#include <array>
#include <functional>

namespace r86 {

class I82093aa final : public Device, public MmioHandler {
public:
    static constexpr unsigned kPins = 24;

    /// `connected`: the inputs that the board drives. Another one is never asserted, whatever polarity software
    /// chooses.
    explicit I82093aa(u32 connected) : connected_(connected) {}

    /// Level of the ExtINT deliveries: an 8259A behind an input asks for INTA cycles.
    Line external;
    /// Sends a message; true if a local APIC took it.
    void connect(std::function<bool(const ApicMessage&)> bus) { bus_ = std::move(bus); }

    /// Drives input INTINn.
    void set_pin(unsigned n, bool level);
    /// A local APIC was enabled or took another address: level-sensitive inputs that nobody took are sent again. A
    /// message from an edge that finds nobody is lost, as the APIC bus reports an error for it and no retry.
    void retry();
    /// EOI message of a local APIC.
    void end_of_interrupt(u8 vector);
    /// Could an input reach the processor? `masked`: as NMI, SMI or INIT only.
    bool may_wake(bool masked) const;

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    struct State {
        u8 select = 0; ///< IOREGSEL
        u8 id = 0;     ///< bits 24-27 of IOAPICID
        u32 pins = 0;  ///< levels of the inputs
        std::array<u64, kPins> entries{};
    };
    u32 read_register(u8 index) const;
    void write_register(u8 index, u32 value);
    bool asserted(unsigned n) const;
    void send(unsigned n);
    /// A level-sensitive input asks again as long as it is asserted and not being served.
    void evaluate(unsigned n);
    void update_external();

    State s_;
    u32 connected_;
    std::function<bool(const ApicMessage&)> bus_;
};

} // namespace r86

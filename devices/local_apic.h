#pragma once
/// Local APIC (xAPIC) of the processor.
/// SDM Vol. 3, chapter 10 "Advanced Programmable Interrupt Controller (APIC)", edition 075.
/// In a PC: a page of registers at FEE00000h that IA32_APIC_BASE moves or switches off; the 8259A pair's INT goes to
/// LINT0, the system's NMI to LINT1; the I/O APIC sends messages. Every model that has an APIC gets the Pentium 4's
/// (version 14h, six LVT entries): it is the one whose APIC ID may equal the I/O APIC's.
/// Until software enables it (SVR bit 8) for the first time after a reset, LINT0 is INTR and LINT1 is NMI, so that a
/// BIOS that knows no APIC can use the 8259A.
/// NOT IMPLEMENTED: other processors (a message that does not reach this one is lost), sources of the thermal and
/// performance counter interrupts, focus processor checking, x2APIC, TSC-deadline mode, suppression of EOI broadcasts.
#include "core/bus.h"
#include "core/device.h"
#include "core/line.h"
#include "devices/apic_message.h"
#include "devices/local_apic_timer.h"

namespace r86 {

class LocalApic final : public Device, public MmioHandler {
public:
    explicit LocalApic(EventQueue& events);

    // What the processor's pins see.
    Line intr; ///< an interrupt that INTA would return
    Line nmi;  ///< pulses
    Line smi;
    Line init;

    /// What answers the INTA cycles of an ExtINT: the 8259A.
    void connect_external(std::function<u8()> acknowledge) { external_acknowledge_ = std::move(acknowledge); }
    /// Told the vector when the end of a level-triggered interrupt is broadcast to I/O APICs (10.8.5).
    void on_eoi(std::function<void(u8 vector)> sink) { eoi_sink_ = std::move(sink); }

    /// Told when messages that were refused may be taken now: it was enabled, or its address changed.
    void on_reachable(std::function<void()> hook) { reachable_ = std::move(hook); }

    /// IA32_APIC_BASE.EN. While clear the pins are INTR and NMI, as if there was no APIC (10.4.3).
    void set_globally_enabled(bool enabled);
    /// LINT0 and LINT1.
    void set_lint(unsigned pin, bool level);
    /// Level of an ExtINT that an I/O APIC delivers.
    void set_external(bool level);
    /// A message from the I/O APIC; true if this APIC is meant and takes it.
    bool deliver(const ApicMessage& message);
    /// The processor's INTA: the vector that it is to take.
    u8 acknowledge();
    /// The INIT pin or message: all registers but the ID return to their reset values (10.4.7.3).
    void initialise();
    /// Can anything inside wake a halted processor? `masked`: EFLAGS.IF is clear, so only NMI, SMI and INIT count.
    bool may_wake(bool masked) const;

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

private:
    /// 256 bits by vector (IRR, ISR, TMR).
    struct VectorSet {
        std::array<u32, 8> words{};
        bool has(u8 vector) const { return (words[vector >> 5] >> (vector & 31)) & 1; }
        void set(u8 vector) { words[vector >> 5] |= u32{1} << (vector & 31); }
        void clear(u8 vector) { words[vector >> 5] &= ~(u32{1} << (vector & 31)); }
        int highest() const; ///< -1: empty
        void visit(StateVisitor& visitor) { visitor.field("words", words); }
    };
    enum LvtIndex : u8 { kTimer, kThermal, kPerformance, kLint0, kLint1, kError, kLvtCount };
    struct State {
        u8 id = 0;
        u8 tpr = 0;
        u8 logical_id = 0; ///< LDR
        u8 model = 0xF;    ///< DFR: Fh flat, 0 cluster
        u32 spurious = 0;  ///< SVR
        VectorSet irr, isr, tmr;
        std::array<u32, kLvtCount> lvt{};
        u32 icr_low = 0;
        u32 icr_high = 0;
        u8 errors = 0;         ///< ESR as read
        u8 pending_errors = 0; ///< gathered since ESR was last written
        std::array<bool, 2> lint{};
        bool external = false;         ///< ExtINT from an I/O APIC
        bool globally_enabled = false; ///< IA32_APIC_BASE.EN
        bool bypass = true;            ///< not enabled by software since the reset
    };

    bool software_enabled() const { return s_.spurious & 0x100; }
    /// LINT0 is plain INTR and LINT1 plain NMI.
    bool pins_direct() const { return !s_.globally_enabled || s_.bypass; }
    u8 ppr() const;
    int deliverable() const;
    bool external_pending() const;
    void update();
    u32 read_register(unsigned index);
    void write_register(unsigned index, u32 value);
    void write_lvt(LvtIndex entry, u32 value);
    void write_spurious(u32 value);
    void raise_lvt(LvtIndex entry);
    bool accept(u8 vector, bool level);
    bool matches(const ApicMessage& message) const;
    void send_ipi();
    void end_of_interrupt();
    void error(u8 bit);
    void evaluate_level_lint0();
    void set_registers_to_reset_values();
    void address_changed() {
        if (reachable_ && software_enabled()) reachable_();
    }

    State s_;
    LocalApicTimer timer_;
    std::function<u8()> external_acknowledge_;
    std::function<void(u8)> eoi_sink_;
    std::function<void()> reachable_;
};

} // namespace r86

#pragma once
/// Power management function of the Intel 82371AB PIIX4 (8086:7113, function 3 of device 1): ACPI registers, the SMI
/// command port, and where the SMBus host (piix4_smbus.h) stands.
/// Data sheet: Intel 82371AB (PIIX4), order 290562-001 (1997): 7.1 "Power Management PCI Configuration Registers",
/// 7.2 "Power Management I/O Space Registers", 4.2.7 "APMC/APMS".
/// Firmware places its ports, raises an SMI by writing APMC (B2h) and hands ACPI to the operating system.
/// The ACPI hand-over commands F1h/F0h set and clear SCI_EN here, because the firmware of this platform expects the
/// board to do so and has no SMI handler for them. GLBCTL.SMI_EN is set from the start, where the data sheet has 0:
/// firmware written for other emulators sets APMC_EN alone and waits for its SMI for ever (the Bochs BIOS does).
/// NOT IMPLEMENTED: sleeping states other than soft off (no table announces them), processor clock control, device
/// monitors and traps, GPIO pins (outputs keep what is written), SMI sources other than APMC and SMBus, the power
/// button override, GLBCTL.EOS.
#include "core/event_queue.h"
#include "devices/pci.h"
#include "devices/piix4_smbus.h"

namespace r86 {

class Piix4Pm : public PciFunction {
public:
    Piix4Pm(EventQueue& events);

    Line sci;       ///< system control interrupt, IRQ 9 on this board
    Line smi;       ///< a rising edge asks the processor for an SMI
    Line power_off; ///< raised when the guest enters soft off

    void press_power_button();
    /// IRQ 8 of the clock: sets RTC_STS.
    void rtc_interrupt(bool level);
    Piix4Smbus& smbus() { return smbus_; }
    /// Where the PM I/O space stands now; 0: nowhere.
    u16 base() const { return static_cast<u16>(pm_placed_); }

    /// Ports B2h (offset 0, APMC) and B3h (offset 1, APMS).
    PortHandler& apm_ports() { return apm_; }

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

protected:
    void config_written(u8 first, unsigned size) override;
    void attached() override;

private:
    struct PmPorts : PortHandler {
        explicit PmPorts(Piix4Pm& owner) : pm(owner) {}
        u8 read8(u16 offset) override;
        void write8(u16 offset, u8 value) override;
        u32 read32(u16 offset) override;
        void write16(u16 offset, u16 value) override;
        Piix4Pm& pm;
    };
    struct ApmPorts : PortHandler {
        explicit ApmPorts(Piix4Pm& owner) : pm(owner) {}
        u8 read8(u16 offset) override;
        void write8(u16 offset, u8 value) override;
        Piix4Pm& pm;
    };
    u64 timer_cycles() const;
    u16 pm1_status() const;
    void clear_pm1_status(u16 ones);
    void write_control(u16 value);
    void update();
    void place();

    struct State {
        std::array<u8, 0x38> registers{}; // PM I/O space without status bits that follow from the timer
        u16 pm1_status = 0;
        u64 overflows_seen = 0; // half periods of the timer when TMROF_STS was last cleared
        u8 apm_control = 0;
        u8 apm_status = 0;
    };
    State s_;
    PmPorts pm_{*this};
    ApmPorts apm_{*this};
    Piix4Smbus smbus_;
    Timer overflow_;
    u32 pm_placed_ = 0; // where the ports are now; follow from configuration, so not state
    u32 smbus_placed_ = 0;
};

} // namespace r86

#pragma once
/// PCI-to-ISA bridge of the south bridge (Intel 82371SB PIIX3, function 0 of device 1) and its PIRQ router.
/// Data sheet: Intel 82371FB (PIIX) and 82371SB (PIIX3), order 290550-002 (1997): 2.2 "PCI to ISA Bridge Configuration
/// Registers", 2.2.9 "PIRQRC[A:D] - PIRQx Route Control Registers".
/// NOT IMPLEMENTED: positive decode and ISA timing controls (XBCS, IORT, TOM keep what is written), motherboard device
/// IRQ and DMA registers, the PIIX3's own SMM registers A0h-ACh (system management is in piix4_pm.h), USB.
#include "devices/pci.h"

namespace r86 {

class Piix4Isa : public PciFunction {
public:
    Piix4Isa();

    /// A PIRQ line (0-3 = A-D), active high here. The inverted pin is level-triggered on the ISA side.
    void set_pirq(unsigned pirq, bool level);
    /// What the router drives into each input of the interrupt controllers; only 3-7, 9-12, 14 and 15 can move.
    std::array<Line, 16> irq;

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

protected:
    void config_written(u8 first, unsigned size) override;

private:
    void route();

    struct State {
        std::array<bool, 4> pirq{};
    };
    State s_;
};

} // namespace r86

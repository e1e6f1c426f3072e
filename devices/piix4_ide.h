#pragma once
/// IDE function of the south bridge (8086:7010, function 1 of device 1): configuration space only; the channels and the
/// bus-master registers behind BAR 4 are chips of their own.
/// Data sheet: Intel 82371SB (PIIX3), order 290550-002 (1997), 2.3 "PCI Configuration Registers - IDE Interface".
/// NOT IMPLEMENTED: IDETIM decode enable (the legacy ports always answer), timings (they keep what is written),
/// native mode (this part has none).
#include "devices/pci.h"

namespace r86 {

class Piix4Ide : public PciFunction {
public:
    /// `bus_master` answers 16 ports where BAR 4 puts them.
    explicit Piix4Ide(PortHandler& bus_master);

    bool bus_master_enabled() const { return (get(pci_register::kCommand, 2) & 4) != 0; }
    /// PCI Status, Received Master Abort: a transfer went where nobody answers.
    void received_master_abort();
    /// Called when the bus master enable bit may have changed.
    void on_bus_master(std::function<void(bool enabled)> hook) { hook_ = std::move(hook); }

protected:
    void config_written(u8, unsigned) override {
        if (hook_) hook_(bus_master_enabled());
    }

private:
    std::function<void(bool)> hook_;
};

} // namespace r86

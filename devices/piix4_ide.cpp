#include "devices/piix4_ide.h"

namespace r86 {

Piix4Ide::Piix4Ide(PortHandler& bus_master) : PciFunction({0x8086, 0x7010, 0x01, 0x01, 0x80, 0x00, 0, 0}, "piix3_ide") {
    writable(pci_register::kCommand, 2, 0x0005); // I/O space, bus master
    power_on_value(pci_register::kStatus, 2, 0x0280);
    writable(pci_register::kInterruptLine, 1, 0);
    add_port_bar(4, 16, bus_master);
    writable(0x40, 4, 0xF3FFF3FF); // IDETIM of both channels
    writable(0x44, 1, 0xFF);       // SIDETIM
}

void Piix4Ide::received_master_abort() {
    constexpr u32 kReceivedMasterAbort = 1 << 13;
    put(pci_register::kStatus, 2, get(pci_register::kStatus, 2) | kReceivedMasterAbort);
}

} // namespace r86

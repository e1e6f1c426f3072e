#include "devices/piix4_isa.h"
#include "core/bits.h"

namespace r86 {

namespace {
constexpr u8 kPirqRoute = 0x60;   // PIRQRCA-PIRQRCD
constexpr u8 kNotRouted = 0x80;   // bit 7: interrupt routing disabled
constexpr u16 kRoutable = 0xDEF8; // IRQ 0, 1, 2, 8 and 13 are reserved codes
} // namespace

Piix4Isa::Piix4Isa() : PciFunction({0x8086, 0x7000, 0x06, 0x01, 0x00, 0x00, 0, 0}, "piix3_isa") {
    power_on_value(pci_register::kCommand, 2, 0x0007);
    writable(pci_register::kCommand, 2, 0x0108); // special cycle and SERR# enable
    power_on_value(pci_register::kStatus, 2, 0x0200);
    power_on_value(pci_register::kHeaderType, 1, 0x80); // more functions follow
    power_on_value(0x4C, 1, 0x4D);                      // IORT
    writable(0x4C, 1, 0xFF);
    power_on_value(0x4E, 2, 0x0003); // XBCS
    writable(0x4E, 2, 0x01FF);
    power_on_value(kPirqRoute, 4, 0x80808080);
    writable(kPirqRoute, 4, 0x8F8F8F8F);
    power_on_value(0x69, 1, 0x02); // TOM
    writable(0x69, 1, 0xFE);
    power_on_value(0x6A, 2, 0x0004); // MSTAT
    writable(0x6A, 2, 0x80F4);
    power_on_value(0x70, 2, 0x8080); // MBIRQ0-1
    writable(0x70, 2, 0xEFEF);
    power_on_value(0x76, 2, 0x0C0C); // MBDMA0-1
    writable(0x76, 2, 0x8F8F);
    power_on_value(0x78, 2, 0x0002); // PCSC
    writable(0x78, 2, 0xFFFF);
    writable(0x80, 4, 0xFF); // APICBASE
    writable(0x82, 1, 0x0F); // DLC
}

void Piix4Isa::route() {
    u16 levels = 0;
    for (unsigned pirq = 0; pirq < 4; ++pirq) {
        const u32 control = get(static_cast<u8>(kPirqRoute + pirq), 1);
        if (s_.pirq[pirq] && !(control & kNotRouted)) levels |= static_cast<u16>(1u << (control & 0x0F));
    }
    levels &= kRoutable;
    for (unsigned n = 0; n < 16; ++n) irq[n].set(bit(levels, n));
}

void Piix4Isa::set_pirq(unsigned pirq, bool level) {
    s_.pirq[pirq & 3] = level;
    route();
}

void Piix4Isa::config_written(u8 first, unsigned size) {
    if (size < 256 && first < kPirqRoute + 4 && first + size > kPirqRoute) route();
}

void Piix4Isa::reset(ResetKind kind) {
    PciFunction::reset(kind);
    route();
}

void Piix4Isa::visit(StateVisitor& visitor) {
    PciFunction::visit(visitor);
    auto& [pirq] = s_;
    visitor.field("pirq", pirq);
    visitor.field("irq", irq);
}

} // namespace r86

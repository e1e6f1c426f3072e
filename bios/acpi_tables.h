#pragma once
/// ACPI tables of the machine and the script by which firmware places them.
/// ACPI Specification 1.0b (1999) and 2.0a (FADT with a reset register); QEMU, docs/specs/fw_cfg and the table loader
/// commands ALLOCATE, ADD_POINTER and ADD_CHECKSUM.
#include "core/types.h"
#include <vector>

namespace r86 {

struct AcpiConfig {
    u64 ram_bytes = 0;
    unsigned processors = 1;
    /// Local APIC and I/O APIC exist: adds a MADT.
    bool apic = false;
    /// An HPET exists: adds its table. The DSDT says nothing about it, so that older systems see no unknown device.
    bool hpet = false;
};

/// Where firmware of this platform puts the power management ports of the PIIX4.
inline constexpr u16 kPmBase = 0x600;

/// Contents of etc/acpi/tables, etc/acpi/rsdp and etc/table-loader.
struct AcpiFiles {
    std::vector<u8> tables;
    std::vector<usize> pm_ports; ///< offsets of words in them that name ports of kPmBase and above
    std::vector<u8> rsdp;
    std::vector<u8> loader;
};

/// The first address that firmware gives to memory BARs: above RAM.
u32 pci_memory_start(u64 ram_bytes);

AcpiFiles build_acpi(const AcpiConfig& config);

} // namespace r86

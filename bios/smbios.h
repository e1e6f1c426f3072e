#pragma once
/// SMBIOS tables: what system-information tools print about the machine.
/// DMTF DSP0134, System Management BIOS Reference Specification 2.8; firmware copies them and fixes their address.
#include "core/types.h"
#include <vector>

namespace r86 {

struct SmbiosConfig {
    u64 ram_bytes = 0;
    u32 processor_signature = 0; ///< CPUID.01H:EAX
    u32 processor_features = 0;  ///< CPUID.01H:EDX
    u16 processor_mhz = 0;
};

/// Contents of etc/smbios/smbios-anchor and etc/smbios/smbios-tables.
struct SmbiosFiles {
    std::vector<u8> anchor;
    std::vector<u8> tables;
};

SmbiosFiles build_smbios(const SmbiosConfig& config);

} // namespace r86

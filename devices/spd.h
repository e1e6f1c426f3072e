#pragma once
/// Serial presence detect: what the EEPROM of a memory module tells about it.
/// JEDEC Standard 21-C, 4.1.2.5 "Appendix E: Specific PDs for Synchronous DRAM (SDRAM)"; Intel "PC SDRAM Serial
/// Presence Detect Specification" 1.2B.
#include "core/types.h"
#include <array>
#include <vector>

namespace r86 {

/// The modules, one for each slot in use, that make up as much of `ram_bytes` as four slots can hold: PC100 modules of
/// 8 MiB to 1 GiB, the largest first.
std::vector<std::array<u8, 256>> memory_modules(u64 ram_bytes);

} // namespace r86

#pragma once
/// A machine that runs a few bytes of firmware of the test's own.
#include "machine/machine.h"
#include <cstring>
#include <initializer_list>

namespace r86 {

/// A BIOS of 64 KiB whose reset vector jumps to `code` at F000:0000.
inline MachineConfig program(std::initializer_list<int> code) {
    MachineConfig c;
    c.memory_bytes = u64{4} << 20;
    c.bios.assign(0x10000, 0xF4);
    usize at = 0;
    for (const int byte : code) c.bios[at++] = static_cast<u8>(byte);
    const u8 jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
    std::memcpy(&c.bios[0xFFF0], jump, sizeof jump);
    c.no_vgabios = true;
    return c;
}

} // namespace r86

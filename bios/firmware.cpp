#include "bios/firmware.h"
#include "core/bits.h"
#include "core/error.h"
#include <algorithm>
#include <string>

namespace r86 {

namespace {

/// The value of the byte at `at` that makes `bytes` add up to zero.
u8 balancing(std::span<const u8> bytes, usize at) {
    u8 sum = 0;
    for (usize i = 0; i < bytes.size(); ++i)
        if (i != at) sum = static_cast<u8>(sum + bytes[i]);
    return static_cast<u8>(-sum);
}

} // namespace

void check_firmware_size(u64 bytes) {
    if (bytes >= kFirmwareUnit && bytes <= kFirmwareMax && bytes % kFirmwareUnit == 0) return;
    throw UserError("A BIOS image must have 64 KiB to 16 MiB in steps of 64 KiB; this one has " +
                    std::to_string(bytes) + " bytes.");
}

std::vector<u8> low_window(std::span<const u8> firmware) {
    std::vector<u8> window(kFirmwareLowWindow, 0xFF);
    const usize size = std::min<usize>(firmware.size(), window.size());
    std::copy(firmware.end() - static_cast<std::ptrdiff_t>(size), firmware.end(),
              window.end() - static_cast<std::ptrdiff_t>(size));
    return window;
}

std::vector<u8> finish_option_rom(std::span<const u8> code) {
    std::vector<u8> rom(code.begin(), code.end());
    rom.resize(align_up(rom.size() + 1, 512)); // at least one byte for the checksum at the end
    rom[2] = static_cast<u8>(rom.size() / 512);
    const usize pnp = static_cast<usize>(rom[0x1A] | rom[0x1B] << 8);
    if (pnp != 0 && pnp + 32 <= rom.size()) rom[pnp + 9] = balancing(std::span{rom}.subspan(pnp, 32), 9);
    rom.back() = balancing(rom, rom.size() - 1);
    return rom;
}

void check_option_rom(std::span<const u8> rom) {
    if (rom.size() < 4 || rom[0] != 0x55 || rom[1] != 0xAA || usize{rom[2]} * 512 > rom.size() || rom[2] == 0)
        throw UserError("This VGA BIOS is no option ROM: it does not begin with 55 AA and its size.");
    if (rom.size() > 0x10000) throw UserError("A VGA BIOS may have at most 64 KiB.");
}

} // namespace r86

#pragma once
/// Rules for the files that are mapped as read-only memory: the BIOS and option ROMs.
#include "core/types.h"
#include <span>
#include <vector>

namespace r86 {

inline constexpr u64 kFirmwareUnit = u64{64} << 10;
inline constexpr u64 kFirmwareMax = u64{16} << 20;
/// What of the BIOS is also seen below 1 MiB.
inline constexpr u64 kFirmwareLowWindow = u64{128} << 10;

/// 64 KiB to 16 MiB in steps of 64 KiB; throws UserError otherwise.
void check_firmware_size(u64 bytes);
/// The 128 KiB that stand at E0000h: the end of the image; a 64 KiB image appears in the upper half alone.
std::vector<u8> low_window(std::span<const u8> firmware);
/// Pads to whole 512-byte units, fills in the size byte, and sets the byte at `checksum_at` so that all bytes add up to
/// zero (PnP BIOS Specification 1.0A, 3.2). A PnP header gets its own checksum.
std::vector<u8> finish_option_rom(std::span<const u8> code);
/// An option ROM that a user gave: 55AAh and a size that the file holds. Throws UserError otherwise.
void check_option_rom(std::span<const u8> rom);

} // namespace r86

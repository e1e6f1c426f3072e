#pragma once
/// A sector of a data track as it lies on a CD: sync pattern, header, 2048 bytes of user data, error detection code and
/// the two parities; and what the Q sub-channel says beside it.
/// Standard: ECMA-130, 2nd edition, 14 "Digital sectors", annex A (error correction), 22.3 (Q-channel).
#include "core/types.h"
#include <array>
#include <span>

namespace r86 {

inline constexpr usize kRawSectorBytes = 2352;
inline constexpr usize kRawUserData = 16; ///< where the 2048 bytes begin
using RawSector = std::array<u8, kRawSectorBytes>;

/// Sectors as minutes, seconds and frames, of which 75 make a second.
constexpr std::array<u8, 3> cd_duration(u32 sectors) {
    return {static_cast<u8>(sectors / (60 * 75)), static_cast<u8>(sectors / 75 % 60), static_cast<u8>(sectors % 75)};
}
/// The time of an address; the programme area begins after two seconds.
constexpr std::array<u8, 3> cd_time(u32 lba) { return cd_duration(lba + 150); }
/// The other way; negative in the first two seconds.
constexpr i32 cd_address(u8 minute, u8 second, u8 frame) { return (minute * 60 + second) * 75 + frame - 150; }
/// Fills in sync pattern, address and mode.
void put_sector_header(RawSector& sector, u32 lba, u8 mode);
/// Fills in everything around the user data of a mode 1 sector.
void complete_mode1_sector(RawSector& sector, u32 lba);
/// Where a sector lies, as the Q sub-channel tells it.
struct CdPosition {
    bool audio = false;
    u8 track = 1;
    u8 index = 1;     ///< 0 in the pre-gap
    i32 relative = 0; ///< sectors from the track's index 1; negative in the pre-gap
};

/// The 16 bytes that READ CD gives for the formatted Q sub-channel (MMC-3, table "Formatted Q sub-channel response
/// data").
std::array<u8, 16> formatted_q(const CdPosition& position, u32 lba);

} // namespace r86

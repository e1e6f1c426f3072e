#pragma once
/// What lies on a CD beside user data: its tracks, and every sector with all of its 2352 bytes.
/// Standards: ECMA-130 (data), IEC 60908 (audio), MMC-3 (T10/1363-D).
#include "core/types.h"
#include "devices/cd_sector.h"
#include <vector>

namespace r86 {

inline constexpr u32 kMostCdSectors = 100 * 60 * 75; ///< addresses have two digits of minutes

struct CdTrack {
    u8 number = 1; ///< 1 to 99
    bool audio = false;
    u8 mode = 1;    ///< of a data track: 1, or 2 for CD-ROM XA
    u32 pregap = 0; ///< its first sector; before `start` lies what players show as a negative time
    u32 start = 0;  ///< its index 1, where the table of contents points

    bool operator==(const CdTrack&) const = default;
};

struct CdLayout {
    std::vector<CdTrack> tracks = {CdTrack{}}; ///< never empty, numbers and sectors rising by track
    u32 lead_out = 0;                          ///< the sector behind the last one

    /// The track in which a sector lies, with its pre-gap.
    const CdTrack& at(u32 lba) const;
    /// nullptr: no track has that number.
    const CdTrack* find(u32 number) const;
    CdPosition position(u32 lba) const;
    /// True if [lba, lba + count) lies in tracks of one kind.
    bool uniform(u32 lba, u32 count) const;
    /// The first sector of another track behind `lba`.
    u32 end_of_track(u32 lba) const;
};

/// The side of an image that holds whole sectors.
class CdDisc {
public:
    virtual ~CdDisc() = default;
    virtual const CdLayout& layout() const = 0;
    /// All bytes of a sector; of audio, 588 samples left and right in 16 bits, little-endian. False: a host error.
    [[nodiscard]] virtual bool read_sector(u32 lba, RawSector& out) = 0;
};

} // namespace r86

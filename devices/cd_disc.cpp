#include "devices/cd_disc.h"
#include <algorithm>
#include <iterator>

namespace r86 {

namespace {
auto track_behind(const CdLayout& layout, u32 lba) {
    return std::upper_bound(layout.tracks.begin() + 1, layout.tracks.end(), lba,
                            [](u32 at, const CdTrack& track) { return at < track.pregap; });
}
} // namespace

const CdTrack& CdLayout::at(u32 lba) const { return *std::prev(track_behind(*this, lba)); }

const CdTrack* CdLayout::find(u32 number) const {
    for (const CdTrack& track : tracks)
        if (track.number == number) return &track;
    return nullptr;
}

CdPosition CdLayout::position(u32 lba) const {
    const CdTrack& track = at(lba);
    return {track.audio, track.number, static_cast<u8>(lba < track.start ? 0 : 1),
            static_cast<i32>(lba) - static_cast<i32>(track.start)};
}

bool CdLayout::uniform(u32 lba, u32 count) const {
    const CdTrack& first = at(lba);
    for (u32 next = end_of_track(lba); next < lba + count; next = end_of_track(next))
        if (at(next).audio != first.audio || at(next).mode != first.mode) return false;
    return true;
}

u32 CdLayout::end_of_track(u32 lba) const {
    const auto next = track_behind(*this, lba);
    return next == tracks.end() ? lead_out : next->pregap;
}

} // namespace r86

// A cue sheet that somebody else made, a zero byte, and the file that it names: as "part" in whole sectors, as WAVE
// too.
#include "devices/cd_disc.h"
#include "tests/devices/image_fixture.h"
#include "tests/fuzz/fuzz.h"
#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace r86;
    if (size > 1 << 20) return 0;
    const auto* zero = std::find(data, data + size, 0);
    auto sheet = std::make_shared<MemoryDisk>(), part = std::make_shared<MemoryDisk>();
    sheet->content.assign(data, zero);
    part->content.assign(zero == data + size ? zero : zero + 1, data + size);
    MemoryNeighbours neighbours;
    neighbours.extents["part"] = part;
    neighbours.extents["sound"] = std::make_shared<MemoryDisk>();
    neighbours.extents["sound"]->content.resize(20 * kRawSectorBytes);
    try {
        auto image = open_cue_sheet(memory_file(sheet), neighbours);
        ImageFacts facts;
        image->describe(facts);
        CdDisc& disc = *image->disc();
        const CdLayout& layout = disc.layout();
        if (layout.tracks.empty() || layout.lead_out == 0 || image->size() != u64{layout.lead_out} * 2048) std::abort();
        u32 before = 0;
        for (const CdTrack& track : layout.tracks) {
            if (track.pregap < before || track.start < track.pregap || track.start >= layout.lead_out) std::abort();
            before = track.start;
        }
        RawSector sector;
        std::vector<u8> user(3000);
        for (u32 lba = 0; lba < layout.lead_out; lba = layout.end_of_track(lba)) {
            if (!disc.read_sector(lba, sector) || !disc.read_sector(layout.end_of_track(lba) - 1, sector)) std::abort();
            static_cast<void>(image->read(u64{lba} * 2048 + 100, user));
        }
    } catch (const UserError&) {
    }
    return 0;
}

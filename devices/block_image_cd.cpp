/// A CD as whole sectors in one file (".bin") or in the files that a cue sheet names. Drives see the user data of each
/// sector as bytes of the image, and all of it as a CdDisc.
/// Standards: ECMA-130, 14 "Digital sectors" (mode 1), CD-ROM XA (mode 2); Microsoft, "Multimedia Programming Interface
/// and Data Specifications 1.0" (WAVE).
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/cd_disc.h"
#include "devices/cue_sheet.h"
#include "devices/image_formats.h"
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <iterator>

namespace r86 {

namespace {

constexpr usize kDataBytes = 2048, kModeAt = 15;
constexpr usize kMode2Data = 24;    ///< behind sync and header, and the subheader of CD-ROM XA
constexpr usize kMode2Bytes = 2336; ///< of a sector without sync and header
constexpr u64 kLargestSheet = 256 * 1024;
constexpr unsigned kMostChunks = 1000; ///< of a WAVE file, before the samples

using TrackType = CueTrack::Type;

usize stored_bytes(TrackType type) {
    return type == TrackType::Mode1 ? kDataBytes : type == TrackType::Mode2 ? kMode2Bytes : kRawSectorBytes;
}

/// Where the user data begin in what is stored of a sector; of audio its samples stand for them.
usize user_data_at(TrackType type) {
    switch (type) {
    case TrackType::Mode1Raw: return kRawUserData;
    case TrackType::Mode2: return kMode2Data - (kRawSectorBytes - kMode2Bytes);
    case TrackType::Mode2Raw: return kMode2Data;
    default: return 0;
    }
}

/// Neighbouring sectors that are stored alike.
struct Piece {
    u32 lba = 0;
    u32 sectors = 0;
    HostFile* file = nullptr; ///< none: silence
    u64 offset = 0;           ///< of the first sector in the file
    TrackType type = TrackType::Audio;
    bool swapped = false; ///< audio in big-endian order

    u64 place_of(u32 sector) const { return offset + u64{sector - lba} * stored_bytes(type); }
};

/// Where the samples of a WAVE file lie.
struct WaveData {
    u64 offset = 0, bytes = 0;
};

class DiscImage final : public ReadOnlyImage, public CdDisc {
public:
    explicit DiscImage(std::string name) : name_(std::move(name)) { layout_.tracks.clear(); }

    // To build one: files, then tracks and the pieces of each.
    HostFile& add(std::unique_ptr<HostFile> file) { return *files_.emplace_back(std::move(file)); }
    void add_track(const CdTrack& track) { layout_.tracks.push_back(track); }
    void add_piece(Piece piece) {
        if (piece.sectors == 0) return;
        if (piece.sectors > kMostCdSectors - layout_.lead_out)
            throw UserError("CD image '" + name_ + "' has more than the 99 minutes of a CD");
        piece.lba = layout_.lead_out;
        layout_.lead_out += piece.sectors;
        pieces_.push_back(piece);
    }

    u64 size() const override { return u64{layout_.lead_out} * kDataBytes; }
    const std::string& name() const override { return name_; }
    CdDisc* disc() override { return this; }
    const CdLayout& layout() const override { return layout_; }
    void describe(ImageFacts& facts) const override {
        facts.format = "raw sectors";
        for (const auto& file : files_) facts.file_bytes += file->size();
        for (const CdTrack& track : layout_.tracks) {
            const auto time = cd_time(track.start);
            std::array<char, 64> text{};
            std::snprintf(text.data(), text.size(), "%s, from %02u:%02u:%02u",
                          track.audio       ? "audio"
                          : track.mode == 1 ? "data"
                                            : "data, mode 2",
                          time[0], time[1], time[2]);
            facts.details.emplace_back("track " + std::to_string(track.number), text.data());
        }
    }

    bool read_sector(u32 lba, RawSector& out) override {
        const Piece& piece = piece_at(lba);
        out.fill(0);
        if (!piece.file) return true;
        const usize stored = stored_bytes(piece.type);
        const usize at = piece.type == TrackType::Mode1 ? kRawUserData : kRawSectorBytes - stored;
        if (!piece.file->read(piece.place_of(lba), std::span(out).subspan(at, stored)))
            return report("image " + piece.file->error());
        if (piece.swapped)
            for (usize i = 0; i < out.size(); i += 2) std::swap(out[i], out[i + 1]);
        if (piece.type == TrackType::Mode1) complete_mode1_sector(out, lba);
        if (piece.type == TrackType::Mode2) put_sector_header(out, lba, 2);
        return true;
    }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        while (!out.empty()) {
            const u32 lba = static_cast<u32>(offset / kDataBytes);
            const usize inside = offset % kDataBytes, length = std::min(out.size(), kDataBytes - inside);
            const Piece& piece = piece_at(lba);
            const auto part = out.first(length);
            if (!piece.file)
                std::fill(part.begin(), part.end(), u8{0});
            else if (!piece.file->read(piece.place_of(lba) + user_data_at(piece.type) + inside, part))
                return report("image " + piece.file->error());
            out = out.subspan(length);
            offset += length;
        }
        return true;
    }

private:
    const Piece& piece_at(u32 lba) const {
        return *std::prev(std::upper_bound(pieces_.begin(), pieces_.end(), lba,
                                           [](u32 at, const Piece& piece) { return at < piece.lba; }));
    }

    std::string name_;
    std::vector<std::unique_ptr<HostFile>> files_;
    std::vector<Piece> pieces_;
    CdLayout layout_;
};

/// Sheets made on other systems name files with whole paths; only the last name counts, beside the sheet.
std::string last_name(const std::string& name) {
    const usize slash = name.find_last_of("/\\");
    return slash == std::string::npos ? name : name.substr(slash + 1);
}

WaveData find_wave_data(HostFile& file) {
    const auto fail = [&file](const std::string& what) -> WaveData {
        throw UserError("audio file '" + file.path() + "' " + what);
    };
    std::array<u8, 12> riff{};
    if (file.size() < riff.size() || !file.read(0, riff) || std::memcmp(&riff[0], "RIFF", 4) != 0 ||
        std::memcmp(&riff[8], "WAVE", 4) != 0)
        return fail("is no WAVE file");
    bool format_seen = false;
    u64 at = riff.size();
    for (unsigned chunks = 0; chunks < kMostChunks && at + 8 <= file.size(); ++chunks) {
        std::array<u8, 8> chunk{};
        if (!file.read(at, chunk)) return fail(file.error());
        const u64 length = load_le<u32>(&chunk[4]);
        at += chunk.size();
        if (std::memcmp(&chunk[0], "fmt ", 4) == 0) {
            std::array<u8, 16> format{};
            if (length < format.size() || at + format.size() > file.size() || !file.read(at, format))
                return fail("is damaged");
            constexpr u16 kPcm = 1;
            if (load_le<u16>(&format[0]) != kPcm || load_le<u16>(&format[2]) != 2 ||
                load_le<u32>(&format[4]) != 44100 || load_le<u16>(&format[14]) != 16)
                return fail("is not 16-bit stereo at 44100 Hz, which CDs hold; convert it");
            format_seen = true;
        } else if (std::memcmp(&chunk[0], "data", 4) == 0) {
            if (!format_seen) return fail("is damaged");
            return {at, std::min(length, file.size() - at)};
        }
        at += length + (length & 1);
    }
    return fail("holds no samples");
}

} // namespace

u8 raw_cd_mode(std::span<const u8> header, u64 file_bytes) {
    constexpr std::array<u8, 12> kSync = {0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    if (header.size() <= kModeAt || file_bytes < kRawSectorBytes || file_bytes % kRawSectorBytes) return 0;
    if (!std::equal(kSync.begin(), kSync.end(), header.begin())) return 0;
    return header[kModeAt] <= 2 ? header[kModeAt] : u8{0};
}

std::unique_ptr<BlockImage> open_raw_cd(std::unique_ptr<HostFile> file, u8 mode) {
    auto image = std::make_unique<DiscImage>(file->path());
    const u64 sectors = file->size() / kRawSectorBytes;
    HostFile& held = image->add(std::move(file));
    image->add_track({.mode = mode});
    image->add_piece({.sectors = static_cast<u32>(std::min<u64>(sectors, kMostCdSectors + 1)),
                      .file = &held,
                      .type = mode == 2 ? TrackType::Mode2Raw : TrackType::Mode1Raw});
    return image;
}

std::unique_ptr<BlockImage> open_cue_sheet(std::unique_ptr<HostFile> file, ImageNeighbours& neighbours) {
    const std::string path = file->path();
    if (file->size() > kLargestSheet) throw UserError("cue sheet '" + path + "' is too large to be one");
    std::string text(static_cast<usize>(file->size()), '\0');
    if (!file->read(0, {reinterpret_cast<u8*>(text.data()), text.size()})) throw UserError("image " + file->error());
    const CueSheet sheet = parse_cue_sheet(text, path);

    auto image = std::make_unique<DiscImage>(path);
    const u32& lba = image->layout().lead_out; // moves on with each piece
    for (usize number = 0; number < sheet.files.size(); ++number) {
        const CueFile& named = sheet.files[number];
        HostFile& held =
            image->add(neighbours.open_extent(path, neighbours.spelling(path, last_name(named.name)), false));
        WaveData data{0, held.size()};
        if (named.type == CueFile::Type::Wave) data = find_wave_data(held);
        u64 offset = data.offset;
        u32 sector = 0; // in the file
        for (usize place = 0; place < sheet.tracks.size(); ++place) {
            const CueTrack& track = sheet.tracks[place];
            if (track.file != number) continue;
            const CueTrack* next = place + 1 < sheet.tracks.size() ? &sheet.tracks[place + 1] : nullptr;
            const bool last = !next || next->file != number;
            const usize stored = stored_bytes(track.type);
            const u64 left = (data.offset + data.bytes - offset) / stored;
            const u32 end = last ? 0 : next->index0.value_or(*next->index1);
            const u64 sectors = last ? left : end - sector;
            if (sectors > left || sectors > kMostCdSectors || *track.index1 - sector >= sectors)
                throw UserError("cue sheet '" + path + "': track " + std::to_string(track.number) +
                                " does not lie in '" + named.name + "', which is too short");
            const u32 pregap = lba;
            // What a sheet calls the pre-gap of the first track lies before sector 0.
            if (place > 0) image->add_piece({.sectors = track.pregap, .type = TrackType::Audio});
            image->add_track({.number = track.number,
                              .audio = track.type == TrackType::Audio,
                              .mode = static_cast<u8>(track.type >= TrackType::Mode2 ? 2 : 1),
                              .pregap = pregap,
                              .start = lba + *track.index1 - sector});
            image->add_piece({.sectors = static_cast<u32>(sectors),
                              .file = &held,
                              .offset = offset,
                              .type = track.type,
                              .swapped = track.type == TrackType::Audio && named.type == CueFile::Type::Motorola});
            image->add_piece({.sectors = track.postgap, .type = TrackType::Audio});
            offset += sectors * stored;
            sector += static_cast<u32>(sectors);
        }
    }
    return image;
}

} // namespace r86

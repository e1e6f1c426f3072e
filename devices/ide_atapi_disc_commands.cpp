/// ATAPI CD-ROM: packet commands about the disc and its contents. References are to MMC-3.
#include "core/bits.h"
#include "devices/cd_sector.h"
#include "devices/ide_atapi_cdrom.h"
#include <algorithm>
#include <array>
#include <cstdlib>

namespace r86 {

namespace {

constexpr u8 kIllegalRequest = 5;
constexpr u8 kMediumError = 3, kUnrecoveredRead = 0x11;
constexpr u8 kOutOfRange = 0x21, kIllegalMode = 0x64;

/// ADR 1 (a position), control: data recorded uninterrupted, or audio of two channels.
u8 adr_control(bool audio) { return audio ? 0x10 : 0x14; }

// READ CD byte 9: the parts of a sector, in the order in which they go to the host.
constexpr u8 kSync = 0x80, kSubheader = 0x40, kHeader = 0x20, kUserData = 0x10, kEdcEcc = 0x08;
constexpr u8 kC2Bits = 0x02, kC2BlockAndBits = 0x04;
constexpr u8 kFormattedQ = 0x01; // of byte 10; this bit of byte 9 is reserved

/// The parts of a sector in their order, and how many bytes each has (MMC-3, READ CD, "Number of bytes returned based
/// on data selection field"). Audio is user data alone.
constexpr std::array<u8, 5> kParts = {kSync, kHeader, kSubheader, kUserData, kEdcEcc};
constexpr std::array<std::array<u16, 5>, 4> kPartBytes = {{
    {12, 4, 0, 2048, 288}, // mode 1
    {12, 4, 8, 2048, 280}, // mode 2, form 1
    {12, 4, 8, 2324, 4},   // mode 2, form 2
    {0, 0, 0, 2352, 0},    // audio
}};
constexpr std::array<u8, 4> kExpectedType = {2, 4, 5, 1}; // what READ CD calls them
constexpr usize kSubmodeAt = 18;                          // in the subheader of CD-ROM XA
constexpr u8 kForm2 = 0x20;

/// A bit for each of the 2352 bytes; with Block Error two bytes before them.
u32 c2_length(u8 parts) { return parts & kC2BlockAndBits ? 296 : parts & kC2Bits ? 294 : 0; }

} // namespace

u32 AtapiCdrom::bytes_of_sector() const {
    u32 bytes = c2_length(cd_.parts) + (cd_.parts & kFormattedQ ? 16 : 0);
    for (usize i = 0; i < kParts.size(); ++i)
        if (cd_.parts & kParts[i]) bytes += kPartBytes[static_cast<usize>(cd_.kind)][i];
    return bytes;
}

void AtapiCdrom::read_capacity() {
    std::vector<u8> data(8, 0);
    put32(data, 0, capacity() ? capacity() - 1 : 0);
    put32(data, 4, kSectorBytes);
    reply(std::move(data), 8);
}

void AtapiCdrom::send_sectors(u64 lba, u64 count, SectorKind kind, u8 parts) {
    if (lba > capacity() || count > capacity() - lba) return check(kIllegalRequest, kOutOfRange);
    cd_.kind = kind;
    cd_.parts = parts;
    const u32 each = bytes_of_sector();
    if (count == 0 || each == 0) return good();
    if (!layout_.uniform(static_cast<u32>(lba), static_cast<u32>(count))) return check(kIllegalRequest, kIllegalMode);
    stop_audio();
    cd_.source = Source::Disc;
    cd_.lba = lba;
    cd_.position = 0;
    cd_.length = count * each;
    cd_.head_position = static_cast<u32>(lba + count - 1);
    cd_.job = Job::Data;
    send_next();
}

void AtapiCdrom::read_sectors() { // READ (10), READ (12)
    const u32 lba = packet32(2), count = cd_.packet[0] == 0x28 ? packet16(7) : packet32(6);
    const CdTrack& track = layout_.at(lba);
    if (count && track.audio && lba < capacity()) return check(kIllegalRequest, kIllegalMode);
    send_sectors(lba, count, track.mode == 1 ? SectorKind::Mode1 : SectorKind::Mode2Form1, kUserData);
}

void AtapiCdrom::read_cd(bool msf) {
    u64 lba = packet32(2), count = packet24(6);
    if (msf) {
        const auto& p = cd_.packet;
        const i32 first = cd_address(p[3], p[4], p[5]), end = cd_address(p[6], p[7], p[8]);
        if (first < 0 || end < first) return illegal_field();
        lba = static_cast<u64>(first);
        count = static_cast<u64>(end - first);
    }
    if (count && lba >= capacity()) return check(kIllegalRequest, kOutOfRange);
    const CdTrack& track = layout_.at(static_cast<u32>(lba));
    SectorKind kind = track.audio ? SectorKind::Audio : track.mode == 1 ? SectorKind::Mode1 : SectorKind::Mode2Form1;
    const u8 expected = (cd_.packet[1] >> 2) & 7; // any, audio, mode 1, mode 2 without form, form 1, form 2
    if (kind == SectorKind::Mode2Form1 && (expected == 0 || expected == 5)) {
        RawSector first;
        if (count && (!has_medium() || !image_->disc() || !image_->disc()->read_sector(static_cast<u32>(lba), first)))
            return check(kMediumError, kUnrecoveredRead);
        if (expected == 5 || (count && first[kSubmodeAt] & kForm2)) kind = SectorKind::Mode2Form2;
    }
    if (expected != 0 && expected != kExpectedType[static_cast<usize>(kind)])
        return check(kIllegalRequest, kIllegalMode);
    const u8 sub_channel = cd_.packet[10] & 7, c2 = cd_.packet[9] & (kC2Bits | kC2BlockAndBits);
    // Raw P to W and corrected R to W exist with music and graphics only; both C2 bits together are reserved.
    if ((sub_channel != 0 && sub_channel != 2) || c2 == (kC2Bits | kC2BlockAndBits)) return illegal_field();
    constexpr u8 kMain = kSync | kSubheader | kHeader | kUserData | kEdcEcc;
    send_sectors(lba, count, kind, static_cast<u8>((cd_.packet[9] & kMain) | c2 | (sub_channel ? kFormattedQ : 0)));
}

/// Fills `out` with the bytes of the transfer from `position` on. False: the host could not read the image.
bool AtapiCdrom::render(u64 position, std::vector<u8>& out) {
    if (!has_medium()) return false; // taken out by force in the middle of a transfer
    if (cd_.parts == kUserData && (cd_.kind == SectorKind::Mode1 || cd_.kind == SectorKind::Mode2Form1))
        return image_->read(cd_.lba * kSectorBytes + position, out);
    const u32 each = bytes_of_sector();
    if (each == 0) return false;
    std::vector<u8> sector;
    for (usize done = 0; done < out.size();) {
        const u64 at = position + done;
        if (!render_sector(static_cast<u32>(cd_.lba + at / each), sector)) return false;
        const usize inside = at % each;
        const usize length = std::min<usize>(each - inside, out.size() - done);
        std::copy_n(sector.begin() + static_cast<std::ptrdiff_t>(inside), length,
                    out.begin() + static_cast<std::ptrdiff_t>(done));
        done += length;
    }
    return true;
}

bool AtapiCdrom::render_sector(u32 lba, std::vector<u8>& out) {
    RawSector whole{};
    // Through the image in any case: it tells what has been read of it.
    if (!image_->read(u64{lba} * kSectorBytes, std::span(whole).subspan(kRawUserData, kSectorBytes))) return false;
    if (CdDisc* disc = image_->disc(); !disc)
        complete_mode1_sector(whole, lba);
    else if (!disc->read_sector(lba, whole))
        return false;
    out.clear();
    usize at = 0;
    for (usize i = 0; i < kParts.size(); ++i) {
        const auto part = std::span(whole).subspan(at, kPartBytes[static_cast<usize>(cd_.kind)][i]);
        if (cd_.parts & kParts[i]) out.insert(out.end(), part.begin(), part.end());
        at += part.size();
    }
    out.insert(out.end(), c2_length(cd_.parts), 0); // no byte is wrong
    if (cd_.parts & kFormattedQ) {
        const auto q = formatted_q(layout_.position(lba), lba);
        out.insert(out.end(), q.begin(), q.end());
    }
    return true;
}

void AtapiCdrom::read_toc() { // 5.17
    const bool msf = cd_.packet[1] & 2;
    // SFF-8020i put the format into the two top bits of the last byte; later standards into byte 2.
    const u8 format = cd_.packet[2] & 0x0F ? cd_.packet[2] & 0x0F : cd_.packet[9] >> 6;
    const u8 start = cd_.packet[6];
    const CdTrack &first = layout_.tracks.front(), &last = layout_.tracks.back();
    std::vector<u8> data(4, 0);
    data[2] = data[3] = 1; // first and last session
    const auto entry = [&](u8 number, bool audio, u32 lba) {
        data.insert(data.end(), {u8{0}, adr_control(audio), number, u8{0}, u8{0}, u8{0}, u8{0}, u8{0}});
        if (msf)
            put_msf(data, data.size() - 3, cd_time(lba));
        else
            put32(data, data.size() - 4, lba);
    };
    switch (format) {
    case 0:
        data[2] = first.number;
        data[3] = last.number;
        if (start > last.number && start != 0xAA) return illegal_field();
        for (const CdTrack& track : layout_.tracks)
            if (track.number >= start) entry(track.number, track.audio, track.start);
        entry(0xAA, last.audio, capacity());
        break;
    case 1: entry(first.number, first.audio, first.start); break; // the first track of the last session
    case 2: {                                                     // raw TOC: always in minutes, seconds, frames
        const auto point = [&](u8 number, bool audio, std::array<u8, 3> time) {
            data.insert(data.end(), {u8{1}, adr_control(audio), u8{0}, number, u8{0}, u8{0}, u8{0}, u8{0}, time[0],
                                     time[1], time[2]});
        };
        const bool xa = std::any_of(layout_.tracks.begin(), layout_.tracks.end(),
                                    [](const CdTrack& track) { return !track.audio && track.mode == 2; });
        point(0xA0, first.audio, {first.number, static_cast<u8>(xa ? 0x20 : 0), 0});
        point(0xA1, last.audio, {last.number, 0, 0});
        point(0xA2, last.audio, cd_time(capacity()));
        for (const CdTrack& track : layout_.tracks) point(track.number, track.audio, cd_time(track.start));
        break;
    }
    case 5: // CD-TEXT: none
        data[2] = data[3] = 0;
        break;
    default: return illegal_field(); // PMA and ATIP exist on recordable discs only
    }
    put16(data, 0, static_cast<u32>(data.size() - 2));
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::read_sub_channel() { // 5.16
    const bool msf = cd_.packet[1] & 2;
    std::vector<u8> data(4, 0);
    data[1] = static_cast<u8>(cd_.audio);
    // That it has ended, one way or the other, is told once.
    if (cd_.audio == AudioStatus::Completed || cd_.audio == AudioStatus::Failed) cd_.audio = AudioStatus::None;
    if (cd_.packet[2] & 0x40) {
        switch (cd_.packet[3]) {
        case 1: { // current position
            const CdPosition position = layout_.position(cd_.head_position);
            data.resize(16, 0);
            data[5] = adr_control(position.audio);
            data[6] = position.track;
            data[7] = position.index;
            if (msf) {
                put_msf(data, 9, cd_time(cd_.head_position));
                put_msf(data, 13, cd_duration(static_cast<u32>(std::abs(position.relative))));
            } else {
                put32(data, 8, cd_.head_position);
                put32(data, 12, static_cast<u32>(position.relative));
            }
            break;
        }
        case 2: // media catalogue number: not valid
        case 3: // ISRC: not valid
            data.resize(24, 0);
            if (cd_.packet[3] == 3) {
                data[5] = adr_control(layout_.position(cd_.head_position).audio);
                data[6] = cd_.packet[6];
            }
            break;
        default: return illegal_field();
        }
        data[4] = cd_.packet[3];
    }
    put16(data, 2, static_cast<u32>(data.size() - 4));
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::read_disc_information() { // 5.13
    if (cd_.packet[1] & 7) return illegal_field();
    std::vector<u8> data(34, 0);
    put16(data, 0, 32);
    data[2] = 0x0E; // complete disc, complete last session
    data[3] = data[5] = layout_.tracks.front().number;
    data[4] = 1; // session
    data[6] = layout_.tracks.back().number;
    data[7] = 0x20;              // unrestricted use
    put32(data, 16, 0xFFFFFFFF); // no next lead-in, nothing to write
    put32(data, 20, 0xFFFFFFFF);
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::read_track_information() { // 5.19: by sector, or by number
    const u8 type = cd_.packet[1] & 3;
    const u32 wanted = packet32(2);
    const CdTrack* track = nullptr;
    if (type == 0 && wanted < capacity()) track = &layout_.at(wanted);
    if (type == 1) track = layout_.find(wanted);
    if (!track) return illegal_field();
    std::vector<u8> data(36, 0);
    put16(data, 0, 34);
    data[2] = track->number;
    data[3] = 1; // session
    data[5] = track->audio ? 0 : 4;
    data[6] = track->audio ? 0x0F : track->mode; // data mode; of audio undefined
    put32(data, 8, track->start);
    put32(data, 24, layout_.end_of_track(track->start) - track->start);
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::read_dvd_structure() {                       // 5.14
    if (!is_dvd()) return check(kIllegalRequest, 0x30, 0x02); // cannot read medium, incompatible format
    std::vector<u8> data;
    switch (cd_.packet[7]) {
    case 0: { // physical format: a single-layer DVD-ROM, whose data start at 30000h
        data.assign(4 + 2048, 0);
        data[4] = 0x01;
        data[5] = 0x0F;
        data[6] = 0x01;
        data[9] = 0x03;
        put32(data, 12, 0x30000 + capacity() - 1);
        data[12] = 0;
        break;
    }
    case 1: data.assign(4 + 4, 0); break; // copyright: not protected
    case 4: data.assign(4 + 2048, 0); break;
    default: return illegal_field();
    }
    put16(data, 0, static_cast<u32>(data.size() - 2));
    reply(std::move(data), packet16(8));
}

} // namespace r86

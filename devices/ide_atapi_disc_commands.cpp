/// ATAPI CD-ROM: packet commands about the disc and its contents. References are to MMC-3.
#include "core/bits.h"
#include "devices/cd_sector.h"
#include "devices/ide_atapi_cdrom.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u8 kIllegalRequest = 5;
constexpr u8 kOutOfRange = 0x21, kIllegalMode = 0x64;
constexpr u8 kDataTrack = 0x14; // ADR 1, control: data, recorded uninterrupted

// READ CD byte 9: the parts of a sector, in the order in which they go to the host.
constexpr u8 kSync = 0x80, kSubheader = 0x40, kHeader = 0x20, kUserData = 0x10, kEdcEcc = 0x08;
constexpr u8 kC2Bits = 0x02, kC2BlockAndBits = 0x04;
constexpr u8 kFormattedQ = 0x01; // of byte 10; this bit of byte 9 is reserved
constexpr u32 kEdcEccBytes = 4 + 8 + 276;

/// A bit for each of the 2352 bytes; with Block Error two bytes before them.
u32 c2_length(u8 parts) { return parts & kC2BlockAndBits ? 296 : parts & kC2Bits ? 294 : 0; }

u32 sector_length(u8 parts) {
    return (parts & kSync ? 12 : 0) + (parts & kHeader ? 4 : 0) + (parts & kUserData ? 2048 : 0) +
           (parts & kEdcEcc ? kEdcEccBytes : 0) + c2_length(parts) + (parts & kFormattedQ ? 16 : 0);
}

} // namespace

void AtapiCdrom::read_capacity() {
    std::vector<u8> data(8, 0);
    put32(data, 0, capacity() ? capacity() - 1 : 0);
    put32(data, 4, kSectorBytes);
    reply(std::move(data), 8);
}

void AtapiCdrom::send_sectors(u64 lba, u64 count, u8 parts) {
    if (lba > capacity() || count > capacity() - lba) return check(kIllegalRequest, kOutOfRange);
    const u32 each = sector_length(parts);
    if (count == 0 || each == 0) return good();
    cd_.source = Source::Disc;
    cd_.parts = parts;
    cd_.lba = lba;
    cd_.position = 0;
    cd_.length = count * each;
    cd_.head_position = static_cast<u32>(lba + count - 1);
    cd_.job = Job::Data;
    send_next();
}

void AtapiCdrom::read_sectors() { // READ (10), READ (12)
    send_sectors(packet32(2), cd_.packet[0] == 0x28 ? packet16(7) : packet32(6), kUserData);
}

void AtapiCdrom::read_cd(bool msf) {
    u64 lba = packet32(2), count = packet24(6);
    if (msf) {
        const auto frames = [this](usize at) {
            return (cd_.packet[at] * 60 + cd_.packet[at + 1]) * 75 + cd_.packet[at + 2] - 150;
        };
        const int first = frames(3), end = frames(6);
        if (first < 0 || end < first) return illegal_field();
        lba = static_cast<u64>(first);
        count = static_cast<u64>(end - first);
    }
    const u8 expected = (cd_.packet[1] >> 2) & 7; // sector type: any, or mode 1
    if (expected != 0 && expected != 2) return check(kIllegalRequest, kIllegalMode);
    const u8 sub_channel = cd_.packet[10] & 7, c2 = cd_.packet[9] & (kC2Bits | kC2BlockAndBits);
    // Raw P to W and corrected R to W exist with music and graphics only; both C2 bits together are reserved.
    if ((sub_channel != 0 && sub_channel != 2) || c2 == (kC2Bits | kC2BlockAndBits)) return illegal_field();
    constexpr u8 kMain = kSync | kSubheader | kHeader | kUserData | kEdcEcc;
    send_sectors(lba, count, static_cast<u8>((cd_.packet[9] & kMain) | c2 | (sub_channel ? kFormattedQ : 0)));
}

/// Fills `out` with the bytes of the transfer from `position` on. False: the host could not read the image.
bool AtapiCdrom::render(u64 position, std::vector<u8>& out) {
    if (!has_medium()) return false; // taken out by force in the middle of a transfer
    if (cd_.parts == kUserData) return image_->read(cd_.lba * kSectorBytes + position, out);
    const u32 each = sector_length(cd_.parts);
    if (each == 0) return false;
    std::vector<u8> sector;
    for (usize done = 0; done < out.size();) {
        const u64 at = position + done;
        if (!render_sector(cd_.lba + at / each, cd_.parts, sector)) return false;
        const usize inside = at % each;
        const usize length = std::min<usize>(each - inside, out.size() - done);
        std::copy_n(sector.begin() + static_cast<std::ptrdiff_t>(inside), length,
                    out.begin() + static_cast<std::ptrdiff_t>(done));
        done += length;
    }
    return true;
}

bool AtapiCdrom::render_sector(u64 lba, u8 parts, std::vector<u8>& out) {
    RawSector whole{};
    if (!image_->read(lba * kSectorBytes, std::span(whole).subspan(kRawUserData, kSectorBytes))) return false;
    complete_mode1_sector(whole, static_cast<u32>(lba));
    const auto add = [&](u8 part, usize first, usize end) {
        if (parts & part)
            out.insert(out.end(), whole.begin() + static_cast<std::ptrdiff_t>(first),
                       whole.begin() + static_cast<std::ptrdiff_t>(end));
    };
    out.clear();
    add(kSync, 0, 12);
    add(kHeader, 12, 16);
    add(kUserData, 16, 2064);
    add(kEdcEcc, 2064, kRawSectorBytes);
    out.insert(out.end(), c2_length(parts), 0); // no byte is wrong
    if (parts & kFormattedQ) {
        const auto q = formatted_q(static_cast<u32>(lba));
        out.insert(out.end(), q.begin(), q.end());
    }
    return true;
}

void AtapiCdrom::read_toc() { // 5.17
    const bool msf = cd_.packet[1] & 2;
    // SFF-8020i put the format into the two top bits of the last byte; later standards into byte 2.
    const u8 format = cd_.packet[2] & 0x0F ? cd_.packet[2] & 0x0F : cd_.packet[9] >> 6;
    const u8 start = cd_.packet[6];
    std::vector<u8> data(4, 0);
    data[2] = data[3] = 1; // first and last track, or session
    const auto address = [&](u32 lba) {
        const usize at = data.size();
        data.resize(at + 4, 0);
        if (msf)
            put_msf(data, at + 1, lba);
        else
            put32(data, at, lba);
    };
    const auto track = [&](u8 number, u32 lba) {
        data.insert(data.end(), {u8{0}, kDataTrack, number, u8{0}});
        address(lba);
    };
    switch (format) {
    case 0:
        if (start > 1 && start != 0xAA) return illegal_field();
        if (start <= 1) track(1, 0);
        track(0xAA, capacity());
        break;
    case 1: track(1, 0); break; // the first track of the last session
    case 2: {                   // raw TOC: always in minutes, seconds, frames
        const auto point = [&](u8 number, u8 minute, u8 second, u8 frame) {
            data.insert(data.end(),
                        {u8{1}, kDataTrack, u8{0}, number, u8{0}, u8{0}, u8{0}, u8{0}, minute, second, frame});
        };
        std::vector<u8> lead_out(3);
        put_msf(lead_out, 0, capacity());
        point(0xA0, 1, 0, 0); // first track
        point(0xA1, 1, 0, 0); // last track
        point(0xA2, lead_out[0], lead_out[1], lead_out[2]);
        point(1, 0, 2, 0);
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
    data[1] = 0x15; // audio status: none to return
    if (cd_.packet[2] & 0x40) {
        switch (cd_.packet[3]) {
        case 1: // current position
            data.resize(16, 0);
            data[5] = kDataTrack;
            data[6] = data[7] = 1; // track, index
            if (msf) {
                put_msf(data, 9, cd_.head_position);
                const u32 relative = cd_.head_position;
                data[13] = static_cast<u8>(relative / (60 * 75));
                data[14] = static_cast<u8>(relative / 75 % 60);
                data[15] = static_cast<u8>(relative % 75);
            } else {
                put32(data, 8, cd_.head_position);
                put32(data, 12, cd_.head_position);
            }
            break;
        case 2: // media catalogue number: not valid
        case 3: // ISRC: not valid
            data.resize(24, 0);
            if (cd_.packet[3] == 3) {
                data[5] = kDataTrack;
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
    data[2] = 0x0E;                            // complete disc, complete last session
    data[3] = data[4] = data[5] = data[6] = 1; // first track, sessions, first and last track of the last session
    data[7] = 0x20;                            // unrestricted use
    put32(data, 16, 0xFFFFFFFF);               // no next lead-in, nothing to write
    put32(data, 20, 0xFFFFFFFF);
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::read_track_information() { // 5.19
    const u8 type = cd_.packet[1] & 3;
    const u32 number = packet32(2);
    const bool exists = type == 0 ? number < capacity() : number == 1;
    if (!exists || type == 3) return illegal_field();
    std::vector<u8> data(36, 0);
    put16(data, 0, 34);
    data[2] = data[3] = 1; // track, session
    data[5] = 4;           // a data track
    data[6] = 1;           // mode 1
    put32(data, 24, capacity());
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

/// A disc without audio tracks: playing nothing succeeds, anything else is the wrong kind of track (5.10 to 5.12).
void AtapiCdrom::play_audio() {
    const u8 operation = cd_.packet[0];
    const bool nothing = operation == 0x45 ? packet16(7) == 0 : operation == 0xA5 ? packet32(6) == 0 : false;
    if (nothing) return good();
    check(kIllegalRequest, kIllegalMode);
}

} // namespace r86

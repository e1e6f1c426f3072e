/// ATAPI CD-ROM: packet commands about the drive itself. References are to MMC-3 and SPC-2.
#include "devices/ide_atapi_cdrom.h"
#include <algorithm>
#include <utility>

namespace r86 {

namespace {

void append(std::vector<u8>& to, std::initializer_list<u8> bytes) { to.insert(to.end(), bytes); }
void append_text(std::vector<u8>& to, std::string_view text, usize width) {
    for (usize i = 0; i < width; ++i) to.push_back(i < text.size() ? static_cast<u8>(text[i]) : u8{' '});
}

constexpr u16 kProfileCd = 0x0008, kProfileDvd = 0x0010;
constexpr u16 kSpeedCd = 52 * 176, kSpeedDvd = 16 * 1385; // kB/s

} // namespace

/// A CD holds up to 80 minutes; what is longer can only be a DVD. 90 minutes leaves room for overlong discs.
bool AtapiCdrom::is_dvd() const { return capacity() > 90u * 60 * 75 && !image_->disc(); }

void AtapiCdrom::request_sense() { // SPC-2 7.20
    // With no sense pending, a waiting UNIT ATTENTION is reported here and so cleared.
    if (cd_.sense_key == 0 && cd_.attention_asc && has_medium() && !cd_.swapped) {
        cd_.sense_key = 6;
        cd_.asc = std::exchange(cd_.attention_asc, u8{0});
    }
    std::vector<u8> data(18, 0);
    data[0] = 0x70;
    data[2] = cd_.sense_key;
    data[7] = 10;
    data[12] = cd_.asc;
    data[13] = cd_.ascq;
    // Without an error: whether audio plays (MMC-3 table "Sense codes", 00/11 and 00/12).
    if (!cd_.sense_key && (cd_.audio == AudioStatus::Playing || cd_.audio == AudioStatus::Paused))
        data[13] = static_cast<u8>(cd_.audio);
    cd_.sense_key = cd_.asc = cd_.ascq = 0;
    reply(std::move(data), cd_.packet[4]);
}

void AtapiCdrom::inquiry() {                       // SPC-2 7.3
    if (cd_.packet[1] & 3) return illegal_field(); // vital product data
    std::vector<u8> data;
    append(data, {0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0}); // CD/DVD, removable, ATAPI
    append_text(data, "rewind86", 8);
    append_text(data, "CD-ROM", 16);
    append_text(data, "1.0", 4);
    reply(std::move(data), packet16(3));
}

void AtapiCdrom::start_stop() { // MMC-3 START STOP UNIT: LoEj and Start
    switch (cd_.packet[4] & 3) {
    case 0: stop_audio(); break; // the motor stops
    case 2:
        if (cd_.locked) return check(5, 0x53, 0x02); // medium removal prevented
        stop_audio();
        if (!cd_.tray_open && image_) cd_.media_event = 3;
        cd_.tray_open = true;
        break;
    case 3:
        if (cd_.tray_open && image_) { // the disc still lies in the tray
            cd_.attention_asc = 0x28;
            cd_.media_event = 2;
        }
        cd_.tray_open = false;
        break;
    default: break; // the motor runs already
    }
    good();
}

void AtapiCdrom::get_event_status() {                 // MMC-3 GET EVENT STATUS NOTIFICATION
    if (!(cd_.packet[1] & 1)) return illegal_field(); // only polled operation
    constexpr u8 kMediaClass = 1 << 4;
    std::vector<u8> data(4, 0);
    data[3] = kMediaClass; // the classes that we have
    if (cd_.packet[4] & kMediaClass) {
        data.resize(8, 0);
        put16(data, 0, 6);
        data[2] = 4;
        data[4] = std::exchange(cd_.media_event, u8{0});
        data[5] = static_cast<u8>((has_medium() ? 2 : 0) | (cd_.tray_open ? 1 : 0));
    } else {
        put16(data, 0, 2);
        data[2] = 0x80; // NEA: none of the classes asked for
    }
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::mechanism_status() {
    constexpr u8 kDoorOpen = 0x10, kPlaying = 0x20;
    std::vector<u8> data(8, 0);
    data[1] = static_cast<u8>((cd_.tray_open ? kDoorOpen : 0) | (cd_.audio == AudioStatus::Playing ? kPlaying : 0));
    data[2] = static_cast<u8>(cd_.head_position >> 16);
    put16(data, 3, cd_.head_position & 0xFFFF);
    reply(std::move(data), packet16(8));
}

void AtapiCdrom::mode_sense(bool ten) {
    const u8 control = cd_.packet[2] >> 6; // 0 current, 1 changeable, 2 default, 3 saved
    const u8 wanted = cd_.packet[2] & 0x3F;
    if (control == 3) return check(5, 0x39); // saving parameters not supported
    const bool changeable = control == 1;
    std::vector<u8> pages;
    const auto add = [&](u8 code, std::initializer_list<u8> content, bool may_change) {
        if (wanted != code && wanted != 0x3F) return;
        append(pages, {code, static_cast<u8>(content.size())});
        for (u8 byte : content) pages.push_back(changeable ? (may_change ? u8{0xFF} : u8{0}) : byte);
    };
    const auto& e = cd_.error_recovery;
    const auto& v = cd_.volume;
    if (control == 2) {
        add(0x01, {0, 5, 0, 0, 0, 0}, true);
    } else {
        add(0x01, {e[0], e[1], e[2], e[3], e[4], e[5]}, true);
    }
    add(0x0D, {0, 0, 0, 60, 0, 75}, false); // seconds in a minute, frames in a second
    if (control == 2)
        add(0x0E, {4, 0, 0, 0, 0, 0, 1, 0xFF, 2, 0xFF, 0, 0, 0, 0}, true);
    else
        add(0x0E, {4, 0, 0, 0, 0, 0, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]}, true);
    const u16 speed = is_dvd() ? kSpeedDvd : kSpeedCd;
    const u8 high = static_cast<u8>(speed >> 8), low = static_cast<u8>(speed);
    // Capabilities (MMC-3 6.3.11): reads CD-R, CD-RW, method 2, DVD-ROM; audio play, mode 2; CD-DA with
    // exact positions; tray, lock, eject; volume and muting by channel.
    add(0x2A,
        {0x0F, 0x00, 0x71, 0x03, static_cast<u8>(0x29 | (cd_.locked ? 2 : 0)), 0x03, high, low, 0x01, 0x00, 0x02, 0x00,
         high, low, 0x00, 0x00, 0x00, 0x00},
        false);
    if (pages.empty()) return illegal_field();
    const auto audio =
        std::count_if(layout_.tracks.begin(), layout_.tracks.end(), [](const CdTrack& track) { return track.audio; });
    const bool mixed = audio && static_cast<usize>(audio) < layout_.tracks.size();
    // 120 mm CDs: data, audio, or both.
    const u8 medium = cd_.tray_open ? 0x71 : !image_ ? 0x70 : !audio ? 0x01 : mixed ? 0x03 : 0x02;
    std::vector<u8> data(ten ? 8 : 4, 0);
    if (ten) {
        put16(data, 0, static_cast<u32>(pages.size() + 6));
        data[2] = medium;
    } else {
        data[0] = static_cast<u8>(pages.size() + 3);
        data[1] = medium;
    }
    data.insert(data.end(), pages.begin(), pages.end());
    reply(std::move(data), ten ? packet16(7) : cd_.packet[4]);
}

/// The parameter list is in reply_: a header, block descriptors if any, pages.
void AtapiCdrom::mode_select_done() {
    if (cd_.packet[0] == 0xB6) return good(); // SET STREAMING: every speed is ours
    const std::vector<u8> list = std::exchange(reply_, {});
    const bool ten = cd_.packet[0] == 0x55;
    const usize header = ten ? 8 : 4;
    if (list.size() < header) return check(5, 0x1A);
    usize at = header + (ten ? static_cast<usize>(list[6] << 8 | list[7]) : list[3]);
    while (at + 2 <= list.size()) {
        const u8 code = list[at] & 0x3F;
        const usize length = list[at + 1];
        if (at + 2 + length > list.size()) return check(5, 0x1A);
        if (code == 0x01 && length >= 6)
            std::copy_n(list.begin() + static_cast<std::ptrdiff_t>(at + 2), 6, cd_.error_recovery.begin());
        else if (code == 0x0E && length >= 14)
            std::copy_n(list.begin() + static_cast<std::ptrdiff_t>(at + 8), 8, cd_.volume.begin());
        else if (code != 0x0D && code != 0x2A)
            return check(5, 0x26); // invalid field in parameter list
        at += 2 + length;
    }
    good();
}

void AtapiCdrom::get_configuration() {  // MMC-3 5.2, 6.5
    const u8 which = cd_.packet[1] & 3; // 0 all, 1 current ones, 2 exactly one
    const u32 first = packet16(2);
    if (which == 3) return illegal_field();
    const bool cd = has_medium() && !is_dvd(), dvd = has_medium() && is_dvd();
    std::vector<u8> data(8, 0);
    put16(data, 6, dvd ? kProfileDvd : cd ? kProfileCd : 0);
    const auto add = [&](u16 code, u8 version, bool persistent, bool current, std::initializer_list<u8> content) {
        if (which == 2 ? code != first : code < first) return;
        if (which == 1 && !current) return;
        append(data, {static_cast<u8>(code >> 8), static_cast<u8>(code),
                      static_cast<u8>(version << 2 | (persistent ? 2 : 0) | (current ? 1 : 0)),
                      static_cast<u8>(content.size())});
        append(data, content);
    };
    add(0x0000, 0, true, true,
        {0x00, 0x10, static_cast<u8>(dvd), 0x00, 0x00, 0x08, static_cast<u8>(cd), 0x00}); // profile list
    add(0x0001, 0, true, true, {0, 0, 0, 2});                                             // core: ATAPI
    add(0x0002, 0, true, true, {0, 0, 0, 0});                                             // morphing: polled
    add(0x0003, 0, true, true, {0x29, 0, 0, 0});                         // removable medium: tray, eject, lock
    add(0x0010, 0, false, cd || dvd, {0, 0, 0x08, 0x00, 0, 0x10, 0, 0}); // random readable: 2048 bytes, 16 blocks
    add(0x001D, 0, false, cd || dvd, {});                                // multi-read
    add(0x001E, 0, false, cd, {0, 0, 0, 0});                             // CD read
    add(0x001F, 0, false, dvd, {});                                      // DVD read
    add(0x0100, 0, true, true, {});                                      // power management
    add(0x0103, 0, false, cd, {0x03, 0, 0x01, 0});                       // analogue audio: volume and muting by channel
    add(0x0105, 0, true, true, {});                                      // time-out
    put32(data, 0, static_cast<u32>(data.size() - 4));
    reply(std::move(data), packet16(7));
}

void AtapiCdrom::get_performance() { // MMC-3 5.8
    const u8 type = cd_.packet[10];
    const u32 maximum = packet16(8);
    std::vector<u8> data(8, 0);
    if (type == 0) {
        const u32 speed = is_dvd() ? kSpeedDvd : kSpeedCd;
        const bool exceptions = cd_.packet[1] & 3; // a list of places that are slower: there are none
        if (!exceptions && maximum) {
            data.resize(24, 0);
            put32(data, 12, speed);
            put32(data, 16, capacity() ? capacity() - 1 : 0);
            put32(data, 20, speed);
        }
    } else if (type != 3) {
        return illegal_field();
    }
    const auto length = static_cast<u32>(data.size());
    put32(data, 0, length - 4);
    reply(std::move(data), length);
}

} // namespace r86

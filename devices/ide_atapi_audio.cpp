/// ATAPI CD-ROM: playing audio. References are to MMC-3 (5.10 to 5.12 PLAY AUDIO, 5.9 PAUSE/RESUME, 5.30 STOP
/// PLAY/SCAN).
#include "core/byte_order.h"
#include "devices/ide_atapi_cdrom.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u8 kIllegalRequest = 5;
constexpr u8 kOutOfRange = 0x21, kSequenceError = 0x2C, kIllegalMode = 0x64;
constexpr u64 kSectorsPerSecond = 75;
constexpr u64 kNsPerSecond = 1'000'000'000;
constexpr u32 kHz = 44100;
constexpr u32 kHere = 0xFFFFFFFF; // PLAY AUDIO: from where the head stands

/// The end of the n-th sector after a start.
u64 sector_end_ns(u64 since_ns, u32 sectors) { return since_ns + sectors * kNsPerSecond / kSectorsPerSecond; }

} // namespace

/// PLAY AUDIO (10), (12), MSF, TRACK/INDEX, and SCAN, which plays as well.
void AtapiCdrom::play_audio() {
    const auto& p = cd_.packet;
    const auto address = [&](usize at) {
        if (p[at] == 0xFF && p[at + 1] == 0xFF && p[at + 2] == 0xFF) return kHere;
        return static_cast<u32>(std::max(cd_address(p[at], p[at + 1], p[at + 2]), 0));
    };
    const auto from = [&](u32 place) { return place == kHere ? cd_.head_position : place; };
    u32 first = from(packet32(2)), end = 0;
    switch (p[0]) {
    case 0x45:
    case 0xA5: {
        const u32 sectors = p[0] == 0x45 ? packet16(7) : packet32(6);
        end = sectors > capacity() ? kHere : first + sectors;
        break;
    }
    case 0x47:
        first = from(address(3));
        end = address(6);
        break;
    case 0x48: {
        const CdTrack *begin = layout_.find(p[4]), *last = layout_.find(p[7]);
        if (!begin || !last) return illegal_field();
        first = begin->start;
        end = layout_.end_of_track(last->start);
        break;
    }
    default: // SCAN: to the end of the disc
        if (p[9] >> 6 == 1) first = from(address(3));
        end = capacity();
        break;
    }
    if (end < first) return illegal_field();
    play(first, end);
}

void AtapiCdrom::play(u32 first, u32 end) {
    if (first == end) return good(); // nothing, which is no error
    if (first >= capacity() || end > capacity()) return check(kIllegalRequest, kOutOfRange);
    if (!layout_.at(first).audio) return check(kIllegalRequest, kIllegalMode);
    cd_.audio = AudioStatus::Playing;
    cd_.head_position = cd_.play_from = first;
    cd_.play_end = end;
    cd_.play_since_ns = audio_timer_.now_ns();
    audio_timer_.arm_at(sector_end_ns(cd_.play_since_ns, 1));
    good();
}

void AtapiCdrom::pause_resume() {
    const bool resume = cd_.packet[8] & 1;
    if (cd_.audio != AudioStatus::Playing && cd_.audio != AudioStatus::Paused)
        return check(kIllegalRequest, kSequenceError);
    if (resume && cd_.audio == AudioStatus::Paused) return play(cd_.head_position, cd_.play_end);
    if (!resume) {
        audio_timer_.cancel();
        cd_.audio = AudioStatus::Paused;
    }
    good();
}

void AtapiCdrom::stop_audio(AudioStatus status) {
    audio_timer_.cancel();
    if (cd_.audio == AudioStatus::Playing || cd_.audio == AudioStatus::Paused) cd_.audio = status;
}

void AtapiCdrom::sector_played() {
    if (!has_medium()) return stop_audio();
    if (sink_) hear(cd_.head_position);
    ++cd_.head_position;
    if (cd_.head_position >= cd_.play_end) {
        cd_.head_position = cd_.play_end - 1;
        return stop_audio(AudioStatus::Completed);
    }
    if (!layout_.at(cd_.head_position).audio) return stop_audio(AudioStatus::Failed);
    audio_timer_.arm_at(sector_end_ns(cd_.play_since_ns, cd_.head_position - cd_.play_from + 1));
}

/// Sends a sector to the host, through the volume control (6.3.7, CD audio control page): each output port takes one
/// channel, both or none.
void AtapiCdrom::hear(u32 lba) {
    RawSector sector;
    CdDisc* disc = image_->disc();
    if (!disc || !disc->read_sector(lba, sector)) return;
    std::array<i16, kRawSectorBytes / 2> frames;
    for (usize at = 0; at < frames.size(); at += 2) {
        const auto sample = [&](usize channel) { return static_cast<i16>(load_le<u16>(&sector[2 * (at + channel)])); };
        const i32 left = sample(0), right = sample(1);
        for (usize port = 0; port < 2; ++port) {
            const u8 selection = cd_.volume[2 * port], volume = cd_.volume[2 * port + 1];
            const i32 both = (selection & 1 ? left : 0) + (selection & 2 ? right : 0);
            frames[at + port] = static_cast<i16>(std::clamp(both * volume / 255, -32768, 32767));
        }
    }
    sink_->samples(AudioSource::Cd, frames, 2, kHz);
}

} // namespace r86

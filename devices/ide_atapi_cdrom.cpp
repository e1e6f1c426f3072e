/// ATAPI CD-ROM: media, the PACKET protocol and the ATA commands of a packet device.
#include "devices/ide_atapi_cdrom.h"
#include "devices/ide_identify.h"
#include <algorithm>
#include <limits>
#include <utility>

namespace r86 {

namespace {

constexpr u64 kCommandNs = 40'000;
constexpr u64 kPacketNs = 60'000;
constexpr u64 kBlockNs = 8'000;
constexpr u64 kSectorNs = 12'000;

// Interrupt reason, in the Sector Count register (ATA/ATAPI-6 8.23.5).
constexpr u8 kCommandOrData = 0x01, kToHost = 0x02;

constexpr u8 kNotReady = 2, kIllegalRequest = 5, kUnitAttention = 6, kMediumError = 3;
constexpr u8 kMediumNotPresent = 0x3A, kMediumChanged = 0x28;
enum MediaEvent : u8 { kEjectRequest = 1, kNewMedia = 2, kMediaRemoval = 3 };

constexpr usize kLargestDmaPiece = 32 * 1024;
constexpr std::array<u8, 8> kFullVolume{0x01, 0xFF, 0x02, 0xFF, 0, 0, 0, 0};
constexpr std::array<u8, 6> kErrorRecovery{0x00, 0x05, 0, 0, 0, 0};

} // namespace

AtapiCdrom::AtapiCdrom(EventQueue& queue, const std::string& name, Log& log)
    : IdeDrive(queue, name, log), audio_timer_(queue, name + ".audio", [this](u64) { sector_played(); }) {
    cd_.volume = kFullVolume;
    cd_.error_recovery = kErrorRecovery;
}

void AtapiCdrom::insert(BlockImage& image) {
    cd_.swapped = has_medium();
    change_disc(&image);
    cd_.tray_open = false;
    cd_.attention_asc = kMediumChanged;
    cd_.media_event = kNewMedia;
}

bool AtapiCdrom::eject(bool force) {
    if (cd_.locked && !force) {
        cd_.media_event = kEjectRequest;
        return false;
    }
    if (has_medium()) cd_.media_event = kMediaRemoval;
    change_disc(nullptr);
    cd_.tray_open = false;
    cd_.swapped = false;
    cd_.attention_asc = 0;
    cd_.locked = false;
    return true;
}

void AtapiCdrom::change_disc(BlockImage* image) {
    stop_audio();
    cd_.audio = AudioStatus::None;
    set_image(image);
}

void AtapiCdrom::set_image(BlockImage* image) {
    image_ = image;
    layout_ = image && image->disc() ? image->disc()->layout() : CdLayout{};
    layout_.lead_out = capacity();
}

void AtapiCdrom::on_reset(bool power_on) {
    reply_.clear();
    audio_timer_.cancel();
    CdState fresh;
    fresh.tray_open = cd_.tray_open;
    fresh.attention_asc = cd_.attention_asc;
    fresh.swapped = cd_.swapped;
    fresh.media_event = cd_.media_event;
    fresh.volume = kFullVolume;
    fresh.error_recovery = kErrorRecovery;
    if (!power_on) {
        fresh.locked = cd_.locked;
        fresh.dma_mode = cd_.dma_mode;
    } else {
        fresh.tray_open = false;
        fresh.attention_asc = 0;
        fresh.swapped = false;
        fresh.media_event = 0;
    }
    cd_ = fresh;
}

void AtapiCdrom::set_signature() { // ATA/ATAPI-6 9.12
    state_.count[0] = 1;
    state_.lba_low[0] = 1;
    state_.lba_mid[0] = 0x14;
    state_.lba_high[0] = 0xEB;
    state_.status = 0; // DRDY stays clear until the first command
}

void AtapiCdrom::on_command(u8 command) {
    cd_.job = Job::None;
    switch (command) {
    case 0xA0: // PACKET
        if (state_.feature[0] & 0x02) return abort_command();
        cd_.dma = state_.feature[0] & 0x01;
        cd_.byte_limit = static_cast<u16>(state_.lba_mid[0] | state_.lba_high[0] << 8);
        cd_.job = Job::AwaitPacket;
        state_.count[0] = kCommandOrData;
        return request_data(12, false);
    case 0xA1: // IDENTIFY PACKET DEVICE
        cd_.job = Job::Identify;
        return begin_busy(kCommandNs);
    case 0x08: // DEVICE RESET: at once and without an interrupt
        software_reset();
        return;
    case 0xEF: // SET FEATURES
        if (state_.feature[0] == 0x03) {
            if (!IdentifyPage::transfer_mode_exists(state_.count[0])) return abort_command();
            if (state_.count[0] & 0x60) cd_.dma_mode = state_.count[0];
        } else if (state_.feature[0] != 0x66 && state_.feature[0] != 0xCC) {
            return abort_command();
        }
        break;
    case 0xE5:
    case 0x98: state_.count[0] = 0xFF; break; // CHECK POWER MODE: active
    case 0xE0:
    case 0xE1:
    case 0xE6:
    case 0x94:
    case 0x95:
    case 0x99: break;
    case 0x20:
    case 0x21:
    case 0xEC: // READ SECTORS and IDENTIFY DEVICE fail and show the signature (8.15.5.2)
        set_signature();
        return abort_command();
    default: return abort_command();
    }
    cd_.job = Job::Finish;
    begin_busy(kCommandNs);
}

void AtapiCdrom::step() {
    switch (cd_.job) {
    case Job::Identify: build_identify(); return present_data(true);
    case Job::Execute: return execute();
    case Job::Data: return send_next();
    case Job::Parameters: return ask_parameters();
    case Job::CommandEnd:
        cd_.job = Job::None;
        state_.count[0] = kCommandOrData | kToHost;
        if (cd_.sense_key && cd_.packet[0] != 0x03) return fail(static_cast<u8>(cd_.sense_key << 4 | ABRT));
        return finish();
    default: break;
    }
    cd_.job = Job::None;
    finish();
}

void AtapiCdrom::buffer_done() {
    switch (cd_.job) {
    case Job::AwaitPacket:
        std::copy(buffer_.begin(), buffer_.end(), cd_.packet.begin());
        cd_.job = Job::Execute;
        return begin_busy(kPacketNs);
    case Job::Data:
        cd_.position += buffer_.size();
        drop_buffer();
        if (cd_.position >= cd_.length) cd_.job = Job::CommandEnd;
        return begin_busy(cd_.job == Job::Data && cd_.source == Source::Disc ? kBlockNs + kSectorNs : kBlockNs);
    case Job::Parameters:
        reply_.insert(reply_.end(), buffer_.begin(), buffer_.end());
        drop_buffer();
        if (reply_.size() < cd_.parameters_wanted) return begin_busy(kBlockNs);
        return mode_select_done();
    default: cd_.job = Job::None; drop_buffer();
    }
}

void AtapiCdrom::good() {
    cd_.job = Job::CommandEnd;
    begin_busy(kBlockNs);
}

void AtapiCdrom::check(u8 key, u8 asc, u8 ascq) {
    cd_.sense_key = key;
    cd_.asc = asc;
    cd_.ascq = ascq;
    if (log_.enabled(LogCategory::Disk))
        log_.write(LogCategory::Disk, "%s: packet command %02X: sense %X/%02X/%02X", name_.c_str(), cd_.packet[0], key,
                   asc, ascq);
    good();
}

void AtapiCdrom::reply(std::vector<u8> data, u32 allocation_length) {
    if (data.size() > allocation_length) data.resize(allocation_length);
    if (data.empty()) return good();
    reply_ = std::move(data);
    cd_.source = Source::Reply;
    cd_.position = 0;
    cd_.length = reply_.size();
    cd_.job = Job::Data;
    send_next();
}

/// Presents the next DRQ block: at most the byte count limit, which must be even unless it covers all (8.23.4).
void AtapiCdrom::send_next() {
    usize limit = kLargestDmaPiece;
    if (!cd_.dma) {
        limit = cd_.byte_limit == 0 || cd_.byte_limit == 0xFFFF ? 0xFFFE : cd_.byte_limit;
        if (limit < cd_.length - cd_.position) limit = std::max<usize>(limit & ~usize{1}, 2);
    }
    buffer_.resize(std::min<u64>(limit, cd_.length - cd_.position));
    if (cd_.source == Source::Reply) {
        std::copy_n(reply_.begin() + static_cast<std::ptrdiff_t>(cd_.position), buffer_.size(), buffer_.begin());
    } else if (!render(cd_.position, buffer_)) {
        return check(kMediumError, 0x11); // unrecovered read error
    }
    if (cd_.dma) return begin_dma_in(kBlockNs + buffer_.size() / kSectorBytes * kSectorNs);
    state_.lba_mid[0] = static_cast<u8>(buffer_.size());
    state_.lba_high[0] = static_cast<u8>(buffer_.size() >> 8);
    state_.count[0] = kToHost;
    present_data(true);
}

void AtapiCdrom::take_parameters(u32 length) {
    if (length == 0) return good();
    if (length > kLargestReply) return check(kIllegalRequest, 0x1A); // parameter list length error
    reply_.clear();
    cd_.parameters_wanted = length;
    cd_.job = Job::Parameters;
    ask_parameters();
}

void AtapiCdrom::ask_parameters() {
    usize bytes = cd_.parameters_wanted - std::min<usize>(reply_.size(), cd_.parameters_wanted);
    if (cd_.dma) return begin_dma_out(bytes, kBlockNs);
    if (cd_.byte_limit) bytes = std::min<usize>(bytes, std::max(cd_.byte_limit & ~1, 2));
    state_.lba_mid[0] = static_cast<u8>(bytes);
    state_.lba_high[0] = static_cast<u8>(bytes >> 8);
    state_.count[0] = 0;
    request_data(bytes, true);
}

/// Gives the sense for a drive without a readable disc, or true. Events are told in the order in which they happened.
bool AtapiCdrom::medium_ready() {
    if (!has_medium()) {
        check(kNotReady, kMediumNotPresent, cd_.tray_open ? 2 : 1);
        return false;
    }
    if (cd_.swapped) {
        cd_.swapped = false;
        check(kNotReady, kMediumNotPresent, 1);
        return false;
    }
    if (cd_.attention_asc) {
        check(kUnitAttention, std::exchange(cd_.attention_asc, u8{0}));
        return false;
    }
    return true;
}

void AtapiCdrom::execute() {
    const u8 operation = cd_.packet[0];
    if (log_.enabled(LogCategory::Disk))
        log_.write(LogCategory::Disk, "%s: packet %02X %02X %02X%02X%02X%02X %02X%02X%02X%02X %02X", name_.c_str(),
                   operation, cd_.packet[1], cd_.packet[2], cd_.packet[3], cd_.packet[4], cd_.packet[5], cd_.packet[6],
                   cd_.packet[7], cd_.packet[8], cd_.packet[9], cd_.packet[10]);
    // Sense data stays for one REQUEST SENSE and goes with any other command (SPC-2 5.6.1).
    if (operation == 0x03) return request_sense();
    cd_.sense_key = cd_.asc = cd_.ascq = 0;

    switch (operation) { // commands that need no disc and leave a pending UNIT ATTENTION alone
    case 0x12: return inquiry();
    case 0x1B: return start_stop();
    case 0x1E: // PREVENT ALLOW MEDIUM REMOVAL
        cd_.locked = cd_.packet[4] & 1;
        return good();
    case 0x1A: return mode_sense(false);
    case 0x5A: return mode_sense(true);
    case 0x15: return take_parameters(cd_.packet[4]);
    case 0x55: return take_parameters(packet16(7));
    case 0x46: return get_configuration();
    case 0x4A: return get_event_status();
    case 0xBD: return mechanism_status();
    case 0xAC: return get_performance();
    case 0xBB: return good();                       // SET CD SPEED
    case 0xB6: return take_parameters(packet16(9)); // SET STREAMING
    case 0xA7: return good();                       // SET READ AHEAD
    default: break;
    }
    switch (operation) {
    case 0x00:
    case 0x25:
    case 0x28:
    case 0xA8:
    case 0x2B:
    case 0x2F:
    case 0x42:
    case 0x43:
    case 0x44:
    case 0x45:
    case 0x47:
    case 0x48:
    case 0x4B:
    case 0x4E:
    case 0x51:
    case 0x52:
    case 0xA5:
    case 0xAD:
    case 0xB9:
    case 0xBA:
    case 0xBE: break;
    default: return check(kIllegalRequest, 0x20); // invalid command operation code
    }
    if (!medium_ready()) return;
    switch (operation) {
    case 0x25: return read_capacity();
    case 0x28:
    case 0xA8: return read_sectors();
    case 0x2B: // SEEK
        if (packet32(2) >= capacity()) return check(kIllegalRequest, 0x21);
        stop_audio();
        cd_.head_position = packet32(2);
        return good();
    case 0x42: return read_sub_channel();
    case 0x43: return read_toc();
    case 0x45:
    case 0x47:
    case 0x48:
    case 0xA5:
    case 0xBA: return play_audio();
    case 0x4B: return pause_resume();
    case 0x4E: // STOP PLAY/SCAN
        stop_audio();
        return good();
    case 0x44: { // READ HEADER
        const u32 lba = packet32(2);
        if (lba >= capacity()) return check(kIllegalRequest, 0x21);
        if (layout_.at(lba).audio) return check(kIllegalRequest, 0x64);
        std::vector<u8> data(8, 0);
        data[0] = layout_.at(lba).mode;
        if (cd_.packet[1] & 2)
            put_msf(data, 5, cd_time(lba));
        else
            put32(data, 4, lba);
        return reply(std::move(data), packet16(7));
    }
    case 0x51: return read_disc_information();
    case 0x52: return read_track_information();
    case 0xAD: return read_dvd_structure();
    case 0xB9: return read_cd(true);
    case 0xBE: return read_cd(false);
    default: return good(); // TEST UNIT READY, VERIFY
    }
}

void AtapiCdrom::build_identify() { // 8.16
    IdentifyPage page(buffer_);
    page.word(0, 0x85C0); // ATAPI, CD-ROM, removable, DRQ within 50 us, 12-byte packets
    page.text(10, 10, "R86-" + name_);
    page.word(20, 3);
    page.word(21, 512);
    page.text(23, 4, "1.0");
    page.text(27, 20, "rewind86 CD-ROM");
    page.word(49, 0x0F00); // IORDY, LBA, DMA
    page.word(50, 0x4000);
    page.word(51, 0x0200);
    page.word(53, 0x0006);
    page.dma_modes(cd_.dma_mode);
    page.word(71, 30); // ns from PACKET to bus release, from SERVICE to BSY clear
    page.word(72, 30);
    page.word(80, 0x007E);
    page.word(82, 0x4210); // NOP, DEVICE RESET, PACKET
    page.word(83, 0x4000);
    page.word(84, 0x4000);
    page.word(85, 0x4210);
    page.word(87, 0x4000);
    page.word(93, 0x6001 | (state_.device & DEV ? 0x0A00 : 0x000A));
    page.seal();
}

void AtapiCdrom::visit_drive(StateVisitor& visitor) {
    auto& [job, source, dma, byte_limit, packet, position, length, lba, kind, parts, parameters_wanted, sense_key, asc,
           ascq, attention_asc, swapped, tray_open, locked, media_event, dma_mode, head_position, audio, play_from,
           play_end, play_since_ns, volume, error_recovery] = cd_;
    visitor.field("job", job);
    visitor.field("source", source);
    visitor.field("dma", dma);
    visitor.field("byte_limit", byte_limit);
    visitor.field("packet", packet);
    visitor.field("data_position", position);
    visitor.field("data_length", length);
    visitor.field("lba", lba);
    visitor.field("kind", kind);
    visitor.field("parts", parts);
    visitor.field("parameters_wanted", parameters_wanted);
    visitor.field("sense_key", sense_key);
    visitor.field("asc", asc);
    visitor.field("ascq", ascq);
    visitor.field("attention_asc", attention_asc);
    visitor.field("swapped", swapped);
    visitor.field("tray_open", tray_open);
    visitor.field("locked", locked);
    visitor.field("media_event", media_event);
    visitor.field("dma_mode", dma_mode);
    visitor.field("head_position", head_position);
    visitor.field("audio", audio);
    visitor.field("play_from", play_from);
    visitor.field("play_end", play_end);
    visitor.field("play_since_ns", play_since_ns);
    visitor.field("volume", volume);
    visitor.field("error_recovery", error_recovery);
    visitor.blob("reply", reply_, kLargestReply);
    if (!visitor.loading()) return;
    if (source == Source::Reply) {
        length = std::min<u64>(length, reply_.size());
        position = std::min(position, length);
    }
    // A damaged file must not index outside, nor let audio play for ages.
    kind = std::min(kind, SectorKind::Audio);
    head_position = std::min<u32>(head_position, std::numeric_limits<i32>::max());
    play_end = std::min(play_end, kMostCdSectors);
}

} // namespace r86

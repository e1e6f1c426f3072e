#pragma once
/// An ATAPI CD-ROM (and DVD-ROM) drive on an IDE channel.
/// Standards: ATA/ATAPI-6 (T13/1410D) 8.23 "PACKET" and 9.8 "PACKET command protocol"; SFF-8020i revision 2.6; MMC-3
/// (T10/1363-D); SPC-2 for sense data. In a PC: usually master of the secondary channel.
/// Audio plays by virtual time: the sector under the head is state, the samples on their way to the host are not.
/// NOT IMPLEMENTED: more than one session, sub-channel R-W data, catalogue numbers, SCAN at another than normal speed,
/// region codes, UNIT ATTENTION 29h after power-on (as if the firmware had taken it).
#include "core/host_endpoints.h"
#include "devices/block_image.h"
#include "devices/cd_disc.h"
#include "devices/ide_drive.h"
#include <algorithm>
#include <array>
#include <initializer_list>

namespace r86 {

class AtapiCdrom final : public IdeDrive {
public:
    AtapiCdrom(EventQueue& queue, const std::string& name, Log& log);

    /// The user closes the tray with a disc; an old one is taken out first. The image outlives its stay in the drive.
    void insert(BlockImage& image);
    /// The user presses the button. False: the guest has locked the door; it is told that somebody wants the disc.
    bool eject(bool force = false);
    /// Attaches the image that a loaded state expects (no event; nullptr: none).
    void attach_silently(BlockImage* image) { set_image(image); }
    BlockImage* image() { return image_; }
    bool tray_open() const { return cd_.tray_open; }
    bool door_locked() const { return cd_.locked; }
    bool is_packet_device() const override { return true; }
    /// Where its analogue output leads. Wiring, not state.
    void connect(AudioSink* sink) { sink_ = sink; }

    static constexpr u32 kSectorBytes = 2048;

protected:
    void on_command(u8 command) override;
    void step() override;
    void buffer_done() override;
    void on_reset(bool power_on) override;
    void set_signature() override;
    void visit_drive(StateVisitor& visitor) override;

private:
    enum class Job : u8 { None, Identify, Finish, AwaitPacket, Execute, Data, Parameters, CommandEnd };
    enum class Source : u8 { Reply, Disc }; // where the data for the host comes from
    enum class SectorKind : u8 { Mode1, Mode2Form1, Mode2Form2, Audio };
    /// READ SUB-CHANNEL's audio status codes.
    enum class AudioStatus : u8 { Playing = 0x11, Paused = 0x12, Completed = 0x13, Failed = 0x14, None = 0x15 };
    using Packet = std::array<u8, 12>;

    // Outcomes of a packet command; each handler calls exactly one.
    void good();
    void check(u8 key, u8 asc, u8 ascq = 0);
    void illegal_field() { check(5, 0x24); }
    void reply(std::vector<u8> data, u32 allocation_length);
    void send_sectors(u64 lba, u64 count, SectorKind kind, u8 parts);
    void take_parameters(u32 length);

    void execute();
    bool medium_ready();
    void send_next();
    bool render(u64 position, std::vector<u8>& out);
    bool render_sector(u32 lba, std::vector<u8>& out);
    u32 bytes_of_sector() const;
    void ask_parameters();
    void build_identify();

    // By group; each in the file that its name suggests.
    void request_sense();
    void inquiry();
    void start_stop();
    void get_event_status();
    void mechanism_status();
    void mode_sense(bool ten);
    void mode_select_done();
    void get_configuration();
    void get_performance();
    void read_capacity();
    void read_sectors();
    void read_cd(bool msf);
    void read_toc();
    void read_sub_channel();
    void read_disc_information();
    void read_track_information();
    void read_dvd_structure();
    void play_audio();
    void play(u32 first, u32 end);
    void pause_resume();
    void stop_audio(AudioStatus status = AudioStatus::None);
    void sector_played();
    void hear(u32 lba);

    void change_disc(BlockImage* image);
    void set_image(BlockImage* image);
    u32 capacity() const { return image_ ? static_cast<u32>(image_->size() / kSectorBytes) : 0; }
    bool has_medium() const { return image_ && !cd_.tray_open; }
    bool is_dvd() const;
    u32 packet16(usize at) const { return static_cast<u32>(cd_.packet[at] << 8 | cd_.packet[at + 1]); }
    u32 packet24(usize at) const { return static_cast<u32>(cd_.packet[at]) << 16 | packet16(at + 1); }
    u32 packet32(usize at) const { return packet16(at) << 16 | packet16(at + 2); }

    struct CdState {
        Job job = Job::None;
        Source source = Source::Reply;
        bool dma = false;
        u16 byte_limit = 0;
        Packet packet{};
        u64 position = 0; // of the next byte in what goes to the host
        u64 length = 0;
        u64 lba = 0; // first sector when the source is the disc
        SectorKind kind = SectorKind::Mode1;
        u8 parts = 0; // READ CD byte 9: which parts of a sector go to the host
        u32 parameters_wanted = 0;
        u8 sense_key = 0, asc = 0, ascq = 0;
        u8 attention_asc = 0; // pending UNIT ATTENTION; 0 = none
        bool swapped = false; // disc replaced by another: NOT READY once, then the attention
        bool tray_open = false;
        bool locked = false;
        u8 media_event = 0; // GET EVENT STATUS NOTIFICATION, not yet told
        u8 dma_mode = 0;
        u32 head_position = 0;
        AudioStatus audio = AudioStatus::None;
        u32 play_from = 0; // first sector since play_since_ns
        u32 play_end = 0;
        u64 play_since_ns = 0;
        std::array<u8, 8> volume{};
        std::array<u8, 6> error_recovery{};
    };
    CdState cd_;
    std::vector<u8> reply_; // a reply, or parameters on their way in
    Timer audio_timer_;     // the end of the sector that plays
    BlockImage* image_ = nullptr;
    CdLayout layout_; // of the image
    AudioSink* sink_ = nullptr;

    static constexpr usize kLargestReply = 4096;
};

/// Big-endian fields of SCSI structures.
inline void put16(std::vector<u8>& bytes, usize at, u32 value) {
    bytes[at] = static_cast<u8>(value >> 8);
    bytes[at + 1] = static_cast<u8>(value);
}
inline void put32(std::vector<u8>& bytes, usize at, u32 value) {
    put16(bytes, at, value >> 16);
    put16(bytes, at + 2, value);
}
inline void put_msf(std::vector<u8>& bytes, usize at, const std::array<u8, 3>& time) {
    std::copy(time.begin(), time.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

} // namespace r86

#pragma once
/// An ATA hard disk on an IDE channel.
/// Standard: T13/1410D ATA/ATAPI-6, chapter 8 "Command descriptions"; CHS translation after 6.2 and SFF-8035 of its
/// time. In a PC: master or slave of either channel.
/// NOT IMPLEMENTED: what power and noise management change (their levels are kept and told), enhanced erase, READ LONG
/// and WRITE LONG (retired since ATA-4).
#include "devices/block_image.h"
#include "devices/ide_drive.h"

namespace r86 {

class AtaDisk final : public IdeDrive {
public:
    /// `image` outlives the disk. `serial`: up to 20 characters, the same in every run.
    AtaDisk(EventQueue& queue, const std::string& name, Log& log, BlockImage& image, const std::string& serial);

    BlockImage& image() { return image_; }
    u64 sectors() const { return sectors_; } ///< the native size
    /// What IDENTIFY tells as default translation; firmware builds its tables from it.
    u16 cylinders() const { return cylinders_; }
    static constexpr u8 kHeads = 16, kSectorsPerTrack = 63;
    bool is_packet_device() const override { return false; }

    static constexpr usize kSectorBytes = 512;
    static constexpr unsigned kLargestMultiple = 16;
    static constexpr u8 kSelfTestLog = 21; ///< entries of the SMART self-test log

protected:
    void on_command(u8 command) override;
    void step() override;
    void buffer_done() override;
    void on_reset(bool power_on) override;
    void set_signature() override;
    void visit_drive(StateVisitor& visitor) override;

private:
    enum class Direction : u8 { In, Out, Verify };
    enum class Mode : u8 { Pio, Dma };
    enum class Job : u8 {
        None,
        Transfer,
        Finish,
        Identify,
        SmartData,
        SmartThresholds,
        SmartLog,
        ReadBuffer,
        WriteBuffer,
        Flush,
        PasswordData, ///< SECURITY and SET MAX commands that bring 512 bytes
        Erase
    };
    using Password = std::array<u8, 32>;
    /// The security feature set, and SET MAX security (ide_ata_security.cpp).
    struct Security {
        static constexpr u8 kAttempts = 5;
        Password user{}, master{}, max{};
        u16 master_revision = 0xFFFE;
        bool enabled = false;        // a user password is set
        bool locked = false;         // no access to user data
        bool frozen = false;         // no changes before the next power-on
        bool maximum = false;        // security level: the master password only erases
        bool erase_prepared = false; // the last command was SECURITY ERASE PREPARE
        u8 attempts = kAttempts;     // left before "count expired"
        bool max_set = false, max_locked = false, max_frozen = false;
        u8 max_attempts = kAttempts;

        void power_on();
        u16 identify_word() const; ///< word 128
        void visit(StateVisitor& visitor);
    };

    void start_transfer(Direction direction, Mode mode, bool extended, unsigned block_sectors);
    void finish_later(u64 latency_ns);
    void read_block();
    void write_block();
    void next_block();
    bool block_in_range();
    bool locate(bool extended, u64& lba) const;
    void store_address(u64 lba);
    void fail_at(u8 error, u64 lba);
    void set_features();
    void smart();
    void power_mode(u8 command);
    void build_identify();
    void build_smart_data(bool thresholds);
    void build_smart_log();
    bool self_test(u8 kind);
    void set_max_address(bool extended);
    void read_native_max(bool extended);
    static bool refused_while_locked(u8 command);
    void security_command(u8 command, bool erase_prepared);
    void security_data();
    void erase_piece();
    void set_max_command();
    void set_max_password(const Password& given);

    struct DiskState {
        Job job = Job::None;
        Direction direction = Direction::In;
        Mode mode = Mode::Pio;
        bool extended = false;
        u64 lba = 0;         // first sector of the current block
        u32 remaining = 0;   // sectors of the command that are not done, the current block included
        u32 block = 0;       // sectors in the current block
        u32 block_limit = 1; // sectors for each DRQ block or DMA piece
        u8 multiple = kLargestMultiple;
        u8 heads = kHeads, sectors_per_track = kSectorsPerTrack; // INITIALIZE DEVICE PARAMETERS
        u8 transfer_mode = 0x0C;                                 // SET FEATURES 03h: PIO mode 4
        u8 dma_mode = 0;                                         // the same, the DMA part; 0 = none chosen
        bool write_cache = true;
        bool look_ahead = true;
        bool smart_enabled = true;
        bool standby = false;
        bool revert_defaults = true;  // SET FEATURES 66h/CCh
        u64 end = 0;                  // first sector that is not there: the native size, or what SET MAX ADDRESS says
        u64 lasting_end = 0;          // the same after the next power-on
        bool native_max_read = false; // the last command was READ NATIVE MAX ADDRESS
        u8 power_level = 0;           // SET FEATURES 05h, advanced power management; 0 = off
        u8 acoustic_level = 0;        // SET FEATURES 42h; 0 = off
        u8 self_tests = 0;            // done so far, up to 21
        u8 last_self_test = 0;        // what kind the last one was
        Security security;
    };
    DiskState disk_;
    std::array<u8, kSectorBytes> sector_buffer_{}; // WRITE BUFFER, READ BUFFER
    BlockImage& image_;
    std::string serial_;
    u64 sectors_;
    u16 cylinders_;
};

} // namespace r86

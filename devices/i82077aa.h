#pragma once
/// Intel 82077AA CHMOS single-chip floppy disk controller, with its drives.
/// Data sheet: "82077AA CHMOS Single-Chip Floppy Disk Controller", Intel order 290166; PC/AT interface mode.
/// In a PC: ports 3F0h-3F5h and 3F7h (3F6h belongs to the hard disk), IRQ 6, DMA channel 2.
/// NOT IMPLEMENTED: sector sizes other than 512 bytes and FM (no image holds them: such a sector is not found, and
/// nothing is formatted so); data overrun in non-DMA mode (the diskette waits for the host); power-down and tape modes;
/// what PERPENDICULAR changes on the medium.
///
/// A diskette turns sixteen times as fast as a real one and the head steps four times as fast, in virtual time.
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/line.h"
#include "devices/block_image.h"
#include "devices/dma.h"
#include "devices/floppy_geometry.h"
#include <array>

namespace r86 {

class I82077aa final : public Device, public PortHandler {
public:
    static constexpr unsigned kDrives = 2;

    I82077aa(EventQueue& queue, Log& log, DmaLine& dma);

    /// Wiring: an absent drive answers nothing. Both are absent until told.
    void set_present(unsigned drive, bool present) { drives_[drive].present = present; }
    /// A diskette of any size up to 2.88 MB; the image outlives its stay in the drive.
    void insert(unsigned drive, BlockImage& image);
    void eject(unsigned drive);
    /// Attaches the image that a loaded state expects, without the disk-change line (nullptr: none).
    void attach_silently(unsigned drive, BlockImage* image);
    BlockImage* image(unsigned drive) { return drives_[drive].image; }
    bool motor_on(unsigned drive) const { return (state_.dor >> (4 + drive)) & 1; }

    Line& irq() { return irq_; }
    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;

private:
    enum class Phase : u8 { Command, Execution, Result };
    enum class Stage : u8 {
        NextSector, ///< the timer brings the next sector under the head
        HostChunk,  ///< non-DMA: the host moves bytes of the FIFO
        NextChunk,  ///< non-DMA: the timer fills or empties the FIFO
        Commit,     ///< non-DMA: the buffer is full; the timer writes it
        NotFound,   ///< the timer is the wait for two index pulses
        ReadId,
    };
    enum class Kind : u8 { Read, Write, ReadTrack, Verify, ScanEqual, ScanLow, ScanHigh, Format };

    static constexpr u32 kSectorBytes = 512;
    static constexpr u32 kMaxSectors = 82 * 2 * 36;

    // Registers and phases: i82077aa.cpp
    void software_reset();
    void leave_reset();
    u8 msr() const;
    u8 read_fifo();
    void write_fifo(u8 value);
    void update_irq();
    void set_interrupt(bool level);
    void result(std::initializer_list<u8> bytes);
    void command_done();
    void transfer_timer_up();

    // Commands: i82077aa_commands.cpp
    static unsigned command_length(u8 opcode);
    void execute();
    void seek(unsigned unit, u8 target, bool recalibrate);
    void seek_timer_up(unsigned unit);
    void sense_interrupt();
    void sense_drive();
    void dump_registers();
    void configure();

    // Data: i82077aa_transfer.cpp
    void begin_transfer(Kind kind, bool deleted);
    void begin_format();
    void begin_read_id();
    void transfer_step();
    void sector_step();
    void move_by_dma();
    void begin_chunk();
    void host_moved_byte();
    void sector_transferred();
    void next_sector(bool terminal_count);
    bool commit_sector();
    void compare(u8 from_host);
    u8 find_sector(u32& index);
    void finish_transfer(u8 interrupt_code);
    void fail_transfer(u8 st1, u8 st2);
    bool spinning(unsigned unit) const;
    u64 byte_ns() const;
    u64 step_ns() const;
    u32 unit_bytes() const { return transfer_.kind == Kind::Format ? 4 : kSectorBytes; }
    bool host_reads() const { return transfer_.kind == Kind::Read || transfer_.kind == Kind::ReadTrack; }

    struct Drive {
        bool present = false;
        bool changed = true; // DSKCHG, until a step with a diskette in the drive
        u8 track = 0;        // where the head really is
        FloppyGeometry geometry{};
        BlockImage* image = nullptr;
        std::array<u8, kMaxSectors / 8> deleted{}; // sectors with a deleted data mark; no image can hold them
        bool is_deleted(u32 index) const { return (deleted[index / 8] >> (index % 8)) & 1; }
        void set_deleted(u32 index, bool on) {
            const u8 mask = static_cast<u8>(1u << (index % 8));
            deleted[index / 8] = static_cast<u8>(on ? deleted[index / 8] | mask : deleted[index / 8] & ~mask);
        }
    };
    struct State {
        Phase phase = Phase::Command;
        u8 dor = 0, tdr = 0, dsr = 0x02; // DSR after hardware reset: 250 kbps, default precompensation
        bool resetting = false;          // between the end of reset and the interrupt
        bool interrupt = false;          // INT, before DMAGATE
        u8 reset_senses = 0;             // SENSE INTERRUPT results owed after a reset
        u8 seek_done = 0;                // bit per drive: the interrupt of a seek is owed
        u8 seek_busy = 0;                // bit per drive: MSR DRV BUSY
        std::array<u8, 2> seek_status{}; // ST0 of the finished seek
        std::array<u8, 2> seek_target{};
        std::array<u8, 4> pcn{};
        std::array<u8, 16> fifo{}; // command or result bytes
        u8 fifo_length = 0;
        u8 fifo_position = 0;
        u8 specify1 = 0, specify2 = 0; // SRT/HUT, HLT/ND
        u8 config = 0x20;              // EIS, EFIFO, POLL, FIFOTHR
        u8 pretrk = 0;
        u8 perpendicular = 0;
        u8 last_eot = 0;
        bool lock = false;
    };
    struct Transfer {
        Kind kind = Kind::Read;
        Stage stage = Stage::NextSector;
        u8 unit = 0, head = 0;
        u8 c = 0, h = 0, r = 0, n = 0, eot = 0;
        bool multi_track = false, skip = false, deleted = false;
        bool fm = false;                // single density asked for: no image has it
        bool stop_after_sector = false; // deleted data mark found
        bool count_sectors = false;     // VERIFY with EC
        bool tc = false;
        bool scan_equal = true, scan_met = true;
        u8 sectors_left = 0; // VERIFY with EC, FORMAT, READ TRACK
        u8 fill = 0;
        u8 st1 = 0, st2 = 0;
        u16 position = 0;
        u16 chunk_end = 0;
        u16 found = 0; // index of the current sector in the image
    };

    Drive& drive(unsigned unit) { return drives_[unit]; }
    State state_;
    Transfer transfer_;
    std::array<u8, kSectorBytes> buffer_{};
    std::array<Drive, kDrives> drives_{};
    Line irq_;
    Log& log_;
    DmaLine& dma_;
    Timer transfer_timer_;
    std::array<Timer, kDrives> seek_timers_;
};

} // namespace r86

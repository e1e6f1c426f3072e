#pragma once
/// What ATA disks and ATAPI drives have in common: the Command Block registers, the phases of a transfer, INTRQ.
/// Standard: T13/1410D "AT Attachment with Packet Interface - 6" (ATA/ATAPI-6), chapters 5 to 9.
/// In a PC: at either end of the cable of an IdeChannel, which passes register writes to both drives.
/// NOT IMPLEMENTED: overlapped and queued commands.
///
/// A command runs as: register write -> Busy for a virtual latency -> timer -> `step()` of the derived drive, which
/// presents data, takes data or finishes. Host I/O happens inside `step()`; how long it takes never shows.
#include "core/event_queue.h"
#include "core/log.h"
#include "core/state_visitor.h"
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace r86 {

/// The bus master behind a channel, as a drive sees it (DMARQ/DMACK).
class IdeDmaEngine {
public:
    virtual ~IdeDmaEngine() = default;
    /// The host started the engine and its table is not at its end. `to_memory`: the drive has data for the host.
    virtual bool dma_ready(bool to_memory) const = 0;
    /// Moves up to the given bytes; fewer if the table of regions ends first.
    virtual usize dma_to_memory(std::span<const u8> data) = 0;
    virtual usize dma_from_memory(std::span<u8> data) = 0;
};

class IdeDrive {
public:
    /// Register offsets in the Command Block.
    enum Register : u8 { Data, Error, Count, LbaLow, LbaMid, LbaHigh, DeviceHead, Status };
    /// Status and Error register bits, ATA/ATAPI-6 7.15 and 7.9.
    static constexpr u8 BSY = 0x80, DRDY = 0x40, DF = 0x20, DSC = 0x10, DRQ = 0x08, ERR = 0x01;
    static constexpr u8 UNC = 0x40, IDNF = 0x10, ABRT = 0x04;
    static constexpr u8 LBA = 0x40, DEV = 0x10; ///< Device register
    static constexpr usize kLargestBuffer = 64 * 1024;

    IdeDrive(EventQueue& queue, const std::string& name, Log& log);
    virtual ~IdeDrive() = default;
    IdeDrive(const IdeDrive&) = delete;
    IdeDrive& operator=(const IdeDrive&) = delete;

    // The channel's side.
    void connect(std::function<void()> intrq_changed, IdeDmaEngine* engine);
    void power_on();
    void software_reset();    ///< SRST went low
    void finish_diagnostic(); ///< EXECUTE DEVICE DIAGNOSTIC, which both drives carry out
    void raise_diagnostic_interrupt() { raise_intrq(); }
    u8 read(u8 reg, bool hob) const;
    u8 status() const { return state_.status; }
    void write(u8 reg, u8 value);
    void write_command(u8 command);
    u32 read_data(unsigned size);
    void write_data(u32 value, unsigned size);
    bool intrq() const { return state_.intrq; }
    void clear_intrq();
    u8 device_head() const { return state_.device; }
    /// The bus master was started while the drive waits for it.
    void dma_started();
    void visit(StateVisitor& visitor);
    virtual bool is_packet_device() const = 0;

    /// Rises with every block moved and command finished, for an activity light; not state.
    u64 activity() const { return activity_; }

protected:
    enum class Phase : u8 {
        Idle,
        Busy,   ///< a latency runs; then step()
        PioIn,  ///< DRQ, the host reads the buffer
        PioOut, ///< DRQ, the host fills the buffer
        DmaIn,  ///< like Busy, or waits for the bus master; then moves the buffer to memory
        DmaOut, ///< the same from memory
    };

    virtual void on_command(u8 command) = 0;
    /// The latency of begin_busy or begin_dma is over.
    virtual void step() = 0;
    /// The host has read, or filled, the whole buffer; or the bus master has moved it.
    virtual void buffer_done() = 0;
    virtual void on_reset(bool power_on) = 0;
    virtual void visit_drive(StateVisitor& visitor) = 0;
    virtual void set_signature() = 0;

    void begin_busy(u64 latency_ns);
    /// Presents buffer_ to the host.
    void present_data(bool interrupt);
    /// Makes buffer_ `bytes` long and asks the host to fill it.
    void request_data(usize bytes, bool interrupt);
    /// Moves buffer_ after a latency and once the bus master is ready.
    void begin_dma_in(u64 latency_ns);
    void begin_dma_out(usize bytes, u64 latency_ns);
    void finish();
    void fail(u8 error);
    void abort_command() { fail(ABRT); }
    void raise_intrq();

    struct State {
        u8 feature[2] = {}, count[2] = {}, lba_low[2] = {}, lba_mid[2] = {}, lba_high[2] = {}; // [1]: previous content
        u8 device = 0;
        u8 status = 0;
        u8 error = 0;
        u8 command = 0;
        Phase phase = Phase::Idle;
        bool intrq = false;
        bool dma_waiting = false; // latency over, bus master not started
        u32 position = 0;         // in the buffer
    };
    /// The buffer's data are through, or nobody wants them any more.
    void drop_buffer() {
        buffer_.clear();
        state_.position = 0;
    }
    State state_;
    std::vector<u8> buffer_; // the data of the current phase
    Log& log_;
    std::string name_;

private:
    void reset_registers();
    void time_up();
    void move_dma();
    void finish_buffer();

    Timer timer_;
    std::function<void()> intrq_changed_;
    IdeDmaEngine* engine_ = nullptr;
    u64 activity_ = 0;
};

} // namespace r86

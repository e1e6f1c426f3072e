/// 82077AA: registers (data sheet 2.1), phases (4.0), reset (3.0), interrupt.
#include "devices/i82077aa.h"
#include <algorithm>

namespace r86 {

namespace {

enum Reg : u16 { kSRA, kSRB, kDOR, kTDR, kMSR, kFIFO, kUnused, kDIR };
constexpr u8 kDorReset = 0x04, kDorDmaGate = 0x08; // reset is active low
constexpr u8 kDsrSoftwareReset = 0x80;
constexpr u8 kRQM = 0x80, kDIO = 0x40, kNonDma = 0x20, kBusy = 0x10;
constexpr u8 kDiskChange = 0x80;
constexpr u64 kResetNs = 50'000; // from the end of reset to the interrupt of drive polling

} // namespace

I82077aa::I82077aa(EventQueue& queue, Log& log, DmaLine& dma)
    : log_(log), dma_(dma), transfer_timer_(queue, "fdc.transfer", [this](u64) { transfer_timer_up(); }),
      seek_timers_{Timer{queue, "fdc.seek0", [this](u64) { seek_timer_up(0); }},
                   Timer{queue, "fdc.seek1", [this](u64) { seek_timer_up(1); }}} {}

void I82077aa::attach_silently(unsigned number, BlockImage* image) {
    Drive& d = drives_[number];
    d.image = image;
    if (image) {
        const FloppyGeometry* geometry = floppy_geometry(image->size());
        d.geometry = geometry ? *geometry : kFloppyGeometries.back();
    }
}

void I82077aa::insert(unsigned number, BlockImage& image) {
    attach_silently(number, &image);
    drives_[number].changed = true;
    drives_[number].deleted.fill(0);
}

void I82077aa::eject(unsigned number) {
    drives_[number].image = nullptr;
    drives_[number].changed = true;
    drives_[number].deleted.fill(0);
}

void I82077aa::reset(ResetKind) {
    state_ = State{};
    transfer_ = Transfer{};
    buffer_.fill(0);
    transfer_timer_.cancel();
    for (Timer& timer : seek_timers_) timer.cancel();
    for (Drive& d : drives_) d.changed = true;
    update_irq();
}

/// DOR and DSR resets keep CONFIGURE's settings if LOCK is set, and SPECIFY's in any case (3.2).
void I82077aa::software_reset() {
    transfer_timer_.cancel();
    for (Timer& timer : seek_timers_) timer.cancel();
    State& s = state_;
    s.phase = Phase::Command;
    s.fifo_length = s.fifo_position = 0;
    s.seek_done = s.seek_busy = s.reset_senses = 0;
    s.pcn.fill(0);
    s.perpendicular &= 0x3C; // 5.2.4: software resets clear GAP and WGATE only
    if (!s.lock) {
        s.config = 0x20 | (s.config & 0x40); // FIFO off, threshold 1, polling on
        s.pretrk = 0;
    }
    s.resetting = false;
    transfer_ = Transfer{};
    set_interrupt(false);
}

void I82077aa::leave_reset() {
    state_.resetting = true;
    transfer_timer_.arm_after(kResetNs);
}

void I82077aa::transfer_timer_up() {
    if (!state_.resetting) {
        transfer_step();
        return;
    }
    state_.resetting = false;
    // POLL in CONFIGURE acts too late to keep this one away; drivers that set it still wait for the interrupt (Linux).
    state_.reset_senses = 4;
    set_interrupt(true);
}

void I82077aa::set_interrupt(bool level) {
    state_.interrupt = level;
    update_irq();
}

void I82077aa::update_irq() { irq_.set(state_.interrupt && (state_.dor & kDorDmaGate)); }

u8 I82077aa::msr() const {
    const State& s = state_;
    if (!(s.dor & kDorReset) || s.resetting) return 0;
    const u8 seeking = s.seek_busy & 0x0F;
    switch (s.phase) {
    case Phase::Command: return static_cast<u8>(kRQM | (s.fifo_length ? kBusy : 0) | seeking);
    case Phase::Result: return static_cast<u8>(kRQM | kDIO | kBusy | seeking);
    case Phase::Execution: break;
    }
    u8 value = kBusy | seeking;
    if (s.specify2 & 1) value |= kNonDma;
    if (transfer_.stage == Stage::HostChunk) value |= static_cast<u8>(kRQM | (host_reads() ? kDIO : 0));
    return value;
}

u8 I82077aa::read8(u16 offset) {
    switch (offset) {
    case kDOR: return state_.dor;
    case kTDR: return state_.tdr;
    case kMSR: return msr();
    case kFIFO: return read_fifo();
    case kDIR: {
        // The line of the selected drive, which drives it only while its motor is on.
        const unsigned unit = state_.dor & 3;
        return unit < kDrives && drives_[unit].present && motor_on(unit) && drives_[unit].changed ? kDiskChange : u8{0};
    }
    default: return 0xFF; // SRA and SRB exist in PS/2 modes only (2.1.1)
    }
}

void I82077aa::write8(u16 offset, u8 value) {
    switch (offset) {
    case kDOR: {
        const u8 before = state_.dor;
        state_.dor = value;
        if ((before & kDorReset) && !(value & kDorReset)) software_reset();
        if (!(before & kDorReset) && (value & kDorReset)) leave_reset();
        update_irq();
        break;
    }
    case kTDR: state_.tdr = value & 0x03; break;
    case kMSR: // DSR
        state_.dsr = value & 0x7F;
        if ((value & kDsrSoftwareReset) && (state_.dor & kDorReset)) { // clears itself
            software_reset();
            leave_reset();
        }
        break;
    case kFIFO: write_fifo(value); break;
    case kDIR: // CCR
        state_.dsr = static_cast<u8>((state_.dsr & ~3) | (value & 3));
        break;
    default: break;
    }
}

u8 I82077aa::read_fifo() {
    State& s = state_;
    if (s.phase == Phase::Execution && transfer_.stage == Stage::HostChunk && host_reads()) {
        const u8 value = buffer_[transfer_.position];
        host_moved_byte();
        return value;
    }
    if (s.phase != Phase::Result) return 0xFF;
    set_interrupt(false); // 5.0: the first result byte that is read takes INT away
    const u8 value = s.fifo[s.fifo_position++];
    if (s.fifo_position >= s.fifo_length) command_done();
    return value;
}

void I82077aa::write_fifo(u8 value) {
    State& s = state_;
    if (!(s.dor & kDorReset) || s.resetting) return;
    if (s.phase == Phase::Execution && transfer_.stage == Stage::HostChunk && !host_reads()) {
        buffer_[transfer_.position] = value;
        host_moved_byte();
        return;
    }
    if (s.phase != Phase::Command) return;
    s.fifo[s.fifo_length++] = value;
    if (s.fifo_length >= command_length(s.fifo[0])) execute();
}

void I82077aa::result(std::initializer_list<u8> bytes) {
    std::copy(bytes.begin(), bytes.end(), state_.fifo.begin());
    state_.fifo_length = static_cast<u8>(bytes.size());
    state_.fifo_position = 0;
    state_.phase = Phase::Result;
}

void I82077aa::command_done() {
    state_.phase = Phase::Command;
    state_.fifo_length = state_.fifo_position = 0;
    if (state_.seek_done) set_interrupt(true); // a drive that has come to its track meanwhile, or before
}

void I82077aa::visit(StateVisitor& v) {
    auto& [phase, dor, tdr, dsr, resetting, interrupt, reset_senses, seek_done, seek_busy, seek_status, seek_target,
           pcn, fifo, fifo_length, fifo_position, specify1, specify2, config, pretrk, perpendicular, last_eot, lock] =
        state_;
    v.field("phase", phase);
    v.field("dor", dor);
    v.field("tdr", tdr);
    v.field("dsr", dsr);
    v.field("resetting", resetting);
    v.field("interrupt", interrupt);
    v.field("reset_senses", reset_senses);
    v.field("seek_done", seek_done);
    v.field("seek_busy", seek_busy);
    v.field("seek_status", seek_status);
    v.field("seek_target", seek_target);
    v.field("pcn", pcn);
    v.field("fifo", fifo);
    v.field("fifo_length", fifo_length);
    v.field("fifo_position", fifo_position);
    v.field("specify1", specify1);
    v.field("specify2", specify2);
    v.field("config", config);
    v.field("pretrk", pretrk);
    v.field("perpendicular", perpendicular);
    v.field("last_eot", last_eot);
    v.field("lock", lock);
    {
        auto& [kind, stage, unit, head, c, h, r, n, eot, multi_track, skip, deleted, fm, stop_after_sector,
               count_sectors, tc, scan_equal, scan_met, sectors_left, fill, st1, st2, position, chunk_end, found] =
            transfer_;
        v.begin("transfer");
        v.field("kind", kind);
        v.field("stage", stage);
        v.field("unit", unit);
        v.field("head", head);
        v.field("c", c);
        v.field("h", h);
        v.field("r", r);
        v.field("n", n);
        v.field("eot", eot);
        v.field("multi_track", multi_track);
        v.field("skip", skip);
        v.field("deleted", deleted);
        v.field("fm", fm);
        v.field("stop_after_sector", stop_after_sector);
        v.field("count_sectors", count_sectors);
        v.field("tc", tc);
        v.field("scan_equal", scan_equal);
        v.field("scan_met", scan_met);
        v.field("sectors_left", sectors_left);
        v.field("fill", fill);
        v.field("st1", st1);
        v.field("st2", st2);
        v.field("position", position);
        v.field("chunk_end", chunk_end);
        v.field("found", found);
        v.field("buffer", buffer_);
        v.end();
    }
    for (unsigned i = 0; i < kDrives; ++i) {
        Drive& d = drives_[i]; // the geometry follows from the image, which the machine attaches
        v.begin("drive[" + std::to_string(i) + "]");
        v.field("changed", d.changed);
        v.field("track", d.track);
        v.field("deleted", d.deleted);
        v.end();
    }
    v.field("irq", irq_);
    if (v.loading()) { // a damaged state must not index outside
        fifo_length = std::min<u8>(fifo_length, 15);
        fifo_position = std::min<u8>(fifo_position, 15);
        transfer_.unit &= 3;
        transfer_.head &= 1;
        transfer_.position = std::min<u16>(transfer_.position, kSectorBytes - 1);
        transfer_.chunk_end = std::min<u16>(transfer_.chunk_end, kSectorBytes);
        transfer_.found = std::min<u16>(transfer_.found, kMaxSectors - 1);
    }
}

} // namespace r86

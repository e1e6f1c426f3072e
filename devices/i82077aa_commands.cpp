/// 82077AA: command decoding and the commands that move no data (data sheet 5.0 to 5.2).
#include "devices/i82077aa.h"
#include <algorithm>
#include <cstdlib>

namespace r86 {

namespace {

constexpr u8 kVersion = 0x90;        // enhanced controller
constexpr u8 kInvalidCommand = 0x80; // ST0 for an unknown opcode
constexpr u8 kSeekEnd = 0x20, kEquipmentCheck = 0x10, kAbnormal = 0x40;
constexpr unsigned kRecalibrateSteps = 79;
constexpr u8 kLastTrack = 84; // where a drive's head meets its stop

} // namespace

/// Bytes of the command phase. Unknown opcodes are complete at once.
unsigned I82077aa::command_length(u8 opcode) {
    switch (opcode & 0x1F) {
    case 0x02:
    case 0x05:
    case 0x06:
    case 0x09:
    case 0x0C: // READ TRACK, WRITE, READ, WRITE/READ DELETED
    case 0x11:
    case 0x16:
    case 0x19:
    case 0x1D: // SCAN EQUAL, VERIFY, SCAN LOW, SCAN HIGH
        return 9;
    case 0x0D: return 6; // FORMAT TRACK
    case 0x13: return 4; // CONFIGURE
    case 0x03:
    case 0x0F: return 3; // SPECIFY, SEEK
    case 0x04:
    case 0x07:
    case 0x0A:
    case 0x12: return 2; // SENSE DRIVE, RECALIBRATE, READ ID, PERPENDICULAR
    default: return 1;
    }
}

void I82077aa::execute() {
    State& s = state_;
    const u8 opcode = s.fifo[0];
    if (log_.enabled(LogCategory::Disk))
        log_.write(LogCategory::Disk, "fdc: command %02X %02X %02X %02X %02X %02X %02X %02X %02X", opcode, s.fifo[1],
                   s.fifo[2], s.fifo[3], s.fifo[4], s.fifo[5], s.fifo[6], s.fifo[7], s.fifo[8]);
    switch (opcode & 0x1F) {
    case 0x02: return begin_transfer(Kind::ReadTrack, false);
    case 0x05: return begin_transfer(Kind::Write, false);
    case 0x06: return begin_transfer(Kind::Read, false);
    case 0x09: return begin_transfer(Kind::Write, true);
    case 0x0C: return begin_transfer(Kind::Read, true);
    case 0x11: return begin_transfer(Kind::ScanEqual, false);
    case 0x16: return begin_transfer(Kind::Verify, false);
    case 0x19: return begin_transfer(Kind::ScanLow, false);
    case 0x1D: return begin_transfer(Kind::ScanHigh, false);
    case 0x0A: return begin_read_id();
    case 0x0D: return begin_format();
    case 0x03: // SPECIFY
        s.specify1 = s.fifo[1];
        s.specify2 = s.fifo[2];
        return command_done();
    case 0x04: return sense_drive();
    case 0x07: return seek(s.fifo[1] & 3, 0, true);
    case 0x08: return sense_interrupt();
    case 0x0E: return dump_registers();
    case 0x0F: { // SEEK; with bit 7 RELATIVE SEEK, whose bit 6 tells the direction
        const unsigned unit = s.fifo[1] & 3;
        if (!(opcode & 0x80)) return seek(unit, s.fifo[2], false);
        const int offset = (opcode & 0x40) ? s.fifo[2] : -s.fifo[2];
        return seek(unit, static_cast<u8>(s.pcn[unit] + offset), false);
    }
    case 0x10: return result({kVersion});
    case 0x12: { // PERPENDICULAR MODE: D3-D0 change only with OW set
        const u8 value = s.fifo[1];
        s.perpendicular = static_cast<u8>((value & 0x03) | ((value & 0x80) ? value & 0x3C : s.perpendicular & 0x3C));
        return command_done();
    }
    case 0x13: return configure();
    case 0x14: // LOCK, with bit 7 set; else UNLOCK
        s.lock = (opcode & 0x80) != 0;
        return result({static_cast<u8>(s.lock ? 0x10 : 0x00)});
    default: // PART ID (18h) among them: later parts answer it, the 82077AA does not know it
        return result({kInvalidCommand});
    }
}

void I82077aa::configure() {
    state_.config = state_.fifo[2] & 0x7F;
    state_.pretrk = state_.fifo[3];
    command_done();
}

/// The head moves while the controller takes other commands; an interrupt tells the end.
void I82077aa::seek(unsigned unit, u8 target, bool recalibrate) {
    State& s = state_;
    command_done();
    s.pcn[unit] = recalibrate ? 0 : target;
    const u8 head = recalibrate ? 0 : s.fifo[1] & 4;
    const bool exists = unit < kDrives && drives_[unit].present;
    u8 status = static_cast<u8>(kSeekEnd | head | unit);
    if (unit >= kDrives) { // no cable: nothing to step, and TRK0 never comes
        s.seek_done |= static_cast<u8>(1u << unit);
        s.seek_busy |= static_cast<u8>(1u << unit);
        set_interrupt(true);
        return;
    }
    if (recalibrate && !exists) status |= kEquipmentCheck | kAbnormal;
    s.seek_status[unit] = status;
    s.seek_target[unit] = target;
    s.seek_busy |= static_cast<u8>(1u << unit);
    s.seek_done &= static_cast<u8>(~(1u << unit));
    const Drive& d = drives_[unit];
    const unsigned distance = exists ? static_cast<unsigned>(std::abs(int{d.track} - int{target})) : kRecalibrateSteps;
    seek_timers_[unit].arm_after(step_ns() * std::max(distance, 1u));
}

void I82077aa::seek_timer_up(unsigned unit) {
    State& s = state_;
    Drive& d = drives_[unit];
    const u8 target = std::min(s.seek_target[unit], kLastTrack);
    // DSKCHG goes away with a step pulse while a diskette is in the drive.
    if (d.present && d.track != target && d.image) d.changed = false;
    if (d.present) d.track = target;
    s.seek_done |= static_cast<u8>(1u << unit);
    set_interrupt(true);
}

void I82077aa::sense_interrupt() {
    State& s = state_;
    if (s.reset_senses) { // one for each drive of the polling after a reset (4.4)
        const u8 unit = static_cast<u8>(4 - s.reset_senses--);
        set_interrupt(false);
        return result({static_cast<u8>(0xC0 | unit), s.pcn[unit]});
    }
    for (unsigned unit = 0; unit < 4; ++unit) {
        const u8 mask = static_cast<u8>(1u << unit);
        if (!(s.seek_done & mask)) continue;
        s.seek_done &= static_cast<u8>(~mask);
        s.seek_busy &= static_cast<u8>(~mask);
        set_interrupt(false);
        const u8 status =
            unit < kDrives ? s.seek_status[unit] : static_cast<u8>(kSeekEnd | kEquipmentCheck | kAbnormal | unit);
        return result({status, s.pcn[unit]});
    }
    result({kInvalidCommand});
}

void I82077aa::sense_drive() {
    const unsigned unit = state_.fifo[1] & 3;
    u8 status = static_cast<u8>(0x28 | (state_.fifo[1] & 7)); // bits 5 and 3 are always one (6.4 "Status register 3")
    if (unit < kDrives && drives_[unit].present) {
        const Drive& d = drives_[unit];
        if (d.track == 0) status |= 0x10;
        if (d.image && d.image->read_only()) status |= 0x40;
    }
    result({status});
}

void I82077aa::dump_registers() {
    const State& s = state_;
    result({s.pcn[0], s.pcn[1], s.pcn[2], s.pcn[3], s.specify1, s.specify2, s.last_eot,
            static_cast<u8>((s.lock ? 0x80 : 0) | (s.perpendicular & 0x3F)), s.config, s.pretrk});
}

} // namespace r86

/// 82077AA: commands that move data or look at sector IDs (data sheet 5.1 "Data transfer commands").
#include "devices/i82077aa.h"
#include <algorithm>
#include <cstdlib>

namespace r86 {

namespace {

constexpr u8 kNormal = 0x00, kAbnormal = 0x40;                                          // ST0 IC
constexpr u8 kEndOfCylinder = 0x80, kDataError = 0x20, kOverrun = 0x10, kNoData = 0x04; // ST1
constexpr u8 kNotWritable = 0x02, kMissingAddress = 0x01;
constexpr u8 kControlMark = 0x40, kDataErrorInField = 0x20, kWrongCylinder = 0x10; // ST2
constexpr u8 kScanEqualHit = 0x08, kScanNotSatisfied = 0x04, kBadCylinder = 0x02;
constexpr u8 kSizeCode512 = 2;
constexpr u8 kMfm = 0x40; // first command byte
constexpr u8 kImpliedSeek = 0x40, kFifoDisabled = 0x20;

constexpr u64 kSpeedUp = 16;
constexpr u64 kTwoTurnsNs = 400'000'000 / kSpeedUp;
constexpr u32 kGapBytes = 146; // sync, ID field, gaps around 512 bytes of data

} // namespace

bool I82077aa::spinning(unsigned unit) const {
    return unit < kDrives && drives_[unit].present && drives_[unit].image && motor_on(unit);
}

u64 I82077aa::byte_ns() const {
    constexpr u64 kNs[4] = {16'000, 26'667, 32'000, 8'000}; // 500, 300, 250 kbps, 1 Mbps
    return kNs[state_.dsr & 3] / kSpeedUp;
}

/// SPECIFY's step rate at the selected data rate (5.2.8, table "Drive control delays"), four times as fast.
u64 I82077aa::step_ns() const {
    constexpr u64 kUnitNs[4] = {1'000'000, 1'670'000, 2'000'000, 500'000};
    return (16 - (state_.specify1 >> 4)) * kUnitNs[state_.dsr & 3] / 4;
}

void I82077aa::begin_transfer(Kind kind, bool deleted) {
    const auto& f = state_.fifo;
    Transfer& t = transfer_;
    t = Transfer{};
    t.kind = kind;
    t.deleted = deleted;
    t.multi_track = f[0] & 0x80;
    t.skip = f[0] & 0x20;
    t.fm = !(f[0] & kMfm);
    t.unit = f[1] & 3;
    t.head = (f[1] >> 2) & 1;
    t.c = f[2];
    t.h = f[3];
    t.r = f[4];
    t.n = f[5];
    t.eot = f[6];
    state_.last_eot = t.eot;
    if (kind == Kind::Verify && (f[1] & 0x80)) { // EC: the last byte is a sector count
        t.count_sectors = true;
        t.sectors_left = f[8];
    }
    if (kind == Kind::ReadTrack) { // from the index on, whatever the IDs say
        t.multi_track = false;
        t.sectors_left = t.eot;
    }
    state_.phase = Phase::Execution;
    u64 latency = byte_ns() * (kSectorBytes + kGapBytes);
    if ((state_.config & kImpliedSeek) && t.unit < kDrives && drives_[t.unit].track != t.c) {
        Drive& d = drives_[t.unit];
        latency += step_ns() * static_cast<unsigned>(std::abs(int{d.track} - int{t.c}));
        state_.pcn[t.unit] = t.c;
        if (d.present) d.track = t.c;
        if (d.image) d.changed = false;
    }
    transfer_timer_.arm_after(latency);
}

void I82077aa::begin_format() {
    const auto& f = state_.fifo;
    Transfer& t = transfer_;
    t = Transfer{};
    t.kind = Kind::Format;
    t.fm = !(f[0] & kMfm);
    t.unit = f[1] & 3;
    t.head = (f[1] >> 2) & 1;
    t.n = f[2];
    t.sectors_left = f[3];
    t.fill = f[5];
    state_.phase = Phase::Execution;
    transfer_timer_.arm_after(byte_ns() * (kSectorBytes + kGapBytes));
}

void I82077aa::begin_read_id() {
    transfer_ = Transfer{};
    transfer_.unit = state_.fifo[1] & 3;
    transfer_.head = (state_.fifo[1] >> 2) & 1;
    transfer_.fm = !(state_.fifo[0] & kMfm);
    transfer_.stage = Stage::ReadId;
    state_.phase = Phase::Execution;
    transfer_timer_.arm_after(byte_ns() * kGapBytes);
}

/// Looks for the sector that the command names. Returns ST1 bits, 0 if found; ST2 bits go into the transfer.
u8 I82077aa::find_sector(u32& index) {
    Transfer& t = transfer_;
    if (!spinning(t.unit)) return kMissingAddress;
    const Drive& d = drives_[t.unit];
    const FloppyGeometry& g = d.geometry;
    const DataRate rate = static_cast<DataRate>(state_.dsr & 3);
    // A 360 KB diskette in a 1.2 MB drive, which turns faster, is read at 300 kbps.
    const bool rate_fits =
        rate == g.rate || (g.drive_type == 1 && g.rate == DataRate::Kbps250 && rate == DataRate::Kbps300);
    if (t.fm || !rate_fits || d.track >= g.cylinders || t.head >= g.heads) return kMissingAddress;
    const u32 track_start = (u32{d.track} * g.heads + t.head) * g.sectors;
    if (t.kind == Kind::ReadTrack || t.stage == Stage::ReadId) {
        const u32 physical = t.kind == Kind::ReadTrack
                                 ? u32{t.eot} - t.sectors_left
                                 : static_cast<u32>(transfer_timer_.now_ns() / (byte_ns() * kSectorBytes));
        index = track_start + physical % g.sectors;
        return 0;
    }
    if (t.kind == Kind::Format) {
        // Sectors that the image has no room for are formatted into nothing.
        const u8 number = buffer_[2];
        if (buffer_[3] != kSizeCode512 || number == 0 || number > g.sectors) return kNoData;
        index = track_start + number - 1;
        return 0;
    }
    if (t.c != d.track) {
        t.st2 |= t.c == 0xFF ? kBadCylinder : kWrongCylinder;
        return kNoData;
    }
    if (t.h != t.head || t.n != kSizeCode512 || t.r == 0 || t.r > g.sectors) return kNoData;
    index = track_start + t.r - 1;
    return 0;
}

void I82077aa::transfer_step() {
    if (state_.phase != Phase::Execution) return;
    Transfer& t = transfer_;
    switch (t.stage) {
    case Stage::NotFound: return finish_transfer(kAbnormal);
    case Stage::ReadId: {
        u32 index = 0;
        if (const u8 st1 = find_sector(index)) return fail_transfer(st1, 0);
        const FloppyGeometry& g = drives_[t.unit].geometry;
        t.c = drives_[t.unit].track;
        t.h = t.head;
        t.r = static_cast<u8>(index % g.sectors + 1);
        t.n = kSizeCode512;
        return finish_transfer(kNormal);
    }
    case Stage::NextSector: return sector_step();
    case Stage::NextChunk: return begin_chunk();
    case Stage::Commit:
        t.stage = Stage::NextSector;
        if (commit_sector()) sector_transferred();
        return;
    case Stage::HostChunk: return;
    }
}

/// A sector is under the head: finds it, reads it if it is to be read, and starts the host's part.
void I82077aa::sector_step() {
    Transfer& t = transfer_;
    const bool writes = t.kind == Kind::Write || t.kind == Kind::Format;
    if (writes && t.unit < kDrives && drives_[t.unit].image && drives_[t.unit].image->read_only()) {
        t.st1 |= kNotWritable;
        return finish_transfer(kAbnormal);
    }
    if (t.kind == Kind::Format) {
        if (t.sectors_left == 0) return finish_transfer(kNormal);
        if (!spinning(t.unit)) return fail_transfer(kMissingAddress, 0);
    } else {
        u32 index = 0;
        if (const u8 st1 = find_sector(index)) return fail_transfer(st1, t.st2);
        t.found = static_cast<u16>(index);
        Drive& d = drives_[t.unit];
        if (!writes) {
            const bool marked = d.is_deleted(index) != t.deleted && t.kind != Kind::Verify;
            if (marked) {
                t.st2 |= kControlMark;
                if (t.skip) return next_sector(false); // SK: such sectors pass by
                t.stop_after_sector = t.kind == Kind::Read;
            }
            // A host error looks like a bad CRC in the data field.
            if (!d.image->read(u64{index} * kSectorBytes, buffer_)) return fail_transfer(kDataError, kDataErrorInField);
            if (t.kind == Kind::Verify) return next_sector(false);
        }
    }
    t.position = 0;
    t.scan_met = t.scan_equal = true;
    if (state_.specify2 & 1)
        begin_chunk();
    else
        move_by_dma();
}

void I82077aa::move_by_dma() {
    Transfer& t = transfer_;
    const u32 bytes = unit_bytes();
    const bool host_writes = !host_reads();
    for (u32 i = 0; i < bytes; ++i) {
        u8 value = buffer_[i];
        bool tc = false;
        // Without the DMA gate the request never leaves the chip.
        const bool acknowledged =
            (state_.dor & 0x08) && (host_writes ? dma_.read_from_memory(value, tc) : dma_.write_to_memory(value, tc));
        if (!acknowledged) {
            // 5.1: nobody took the data in time.
            t.st1 |= kOverrun;
            return finish_transfer(kAbnormal);
        }
        t.position = static_cast<u16>(i);
        if (t.kind == Kind::Write || t.kind == Kind::Format)
            buffer_[i] = value;
        else if (host_writes)
            compare(value);
        if (tc) {
            t.tc = true;
            // The rest of a sector that the host ends early is written as zeros.
            if (t.kind == Kind::Write) std::fill(buffer_.begin() + i + 1, buffer_.end(), u8{0});
            break;
        }
    }
    if (host_writes && !commit_sector()) return;
    sector_transferred();
}

/// Non-DMA: FIFOTHR + 1 bytes at a time, each chunk with an interrupt (4.3.1).
void I82077aa::begin_chunk() {
    Transfer& t = transfer_;
    const u32 threshold = (state_.config & kFifoDisabled) ? 1u : (state_.config & 0x0Fu) + 1;
    t.chunk_end = static_cast<u16>(std::min(t.position + threshold, unit_bytes()));
    t.stage = Stage::HostChunk;
    set_interrupt(true);
}

void I82077aa::host_moved_byte() {
    Transfer& t = transfer_;
    const u16 at = t.position++;
    if (!host_reads() && t.kind != Kind::Write && t.kind != Kind::Format) {
        // SCAN: the diskette's byte was overwritten by the host's; compare with the sector again.
        std::array<u8, kSectorBytes> sector{};
        const u8 from_host = buffer_[at];
        if (spinning(t.unit) && drives_[t.unit].image->read(u64{t.found} * kSectorBytes, sector))
            buffer_[at] = sector[at];
        t.position = at;
        compare(from_host);
        t.position = static_cast<u16>(at + 1);
    }
    if (t.position < t.chunk_end) return;
    set_interrupt(false);
    if (t.position < unit_bytes()) {
        t.stage = Stage::NextChunk;
        transfer_timer_.arm_after(byte_ns());
    } else if (host_reads()) {
        t.stage = Stage::NextSector;
        sector_transferred();
    } else {
        t.stage = Stage::Commit;
        transfer_timer_.arm_after(byte_ns());
    }
}

/// SCAN commands compare byte by byte; FFh on either side fits everything (5.1.8).
void I82077aa::compare(u8 from_host) {
    Transfer& t = transfer_;
    const u8 from_disk = buffer_[t.position];
    if (from_host == 0xFF || from_disk == 0xFF || from_host == from_disk) return;
    if (!t.scan_equal) return; // the first difference decides, as in a number of many bytes
    t.scan_equal = false;
    t.scan_met =
        (t.kind == Kind::ScanLow && from_disk < from_host) || (t.kind == Kind::ScanHigh && from_disk > from_host);
}

/// Writes what the host gave. False: the command has ended with an error.
bool I82077aa::commit_sector() {
    Transfer& t = transfer_;
    if (t.kind != Kind::Write && t.kind != Kind::Format) return true;
    if (!spinning(t.unit)) { // taken out since
        fail_transfer(kMissingAddress, 0);
        return false;
    }
    Drive& d = drives_[t.unit];
    if (t.kind == Kind::Format) {
        t.c = buffer_[0];
        t.h = buffer_[1];
        t.r = buffer_[2];
        u32 index = 0;
        const u8 st1 = find_sector(index);
        if (st1 == kMissingAddress) { // another data rate or a track that the image has no room for
            fail_transfer(st1, 0);
            return false;
        }
        if (st1) return true;
        t.found = static_cast<u16>(index);
        buffer_.fill(t.fill);
    }
    if (!d.image->write(u64{t.found} * kSectorBytes, buffer_)) {
        fail_transfer(kDataError, kDataErrorInField);
        return false;
    }
    d.set_deleted(t.found, t.kind == Kind::Write && t.deleted);
    return true;
}

void I82077aa::sector_transferred() {
    Transfer& t = transfer_;
    t.position = 0;
    if (t.kind == Kind::Format) {
        if (--t.sectors_left == 0) return finish_transfer(kNormal);
        t.stage = Stage::NextSector;
        transfer_timer_.arm_after(byte_ns() * (kSectorBytes + kGapBytes));
        return;
    }
    if (t.kind == Kind::ScanEqual || t.kind == Kind::ScanLow || t.kind == Kind::ScanHigh) {
        if (t.scan_met) { // SH tells a hit by equality from one by order
            if (t.scan_equal) t.st2 |= kScanEqualHit;
            return finish_transfer(kNormal);
        }
        t.st2 = static_cast<u8>((t.st2 & ~kScanEqualHit) | kScanNotSatisfied);
    }
    next_sector(t.tc || t.stop_after_sector);
}

/// Moves the ID in the result bytes on (5.1.1, table "Result phase") and ends the command where it has to end.
void I82077aa::next_sector(bool terminal_count) {
    Transfer& t = transfer_;
    bool end_of_cylinder = false;
    bool counted_out = false;
    if (t.kind == Kind::ReadTrack) {
        ++t.r;
        end_of_cylinder = --t.sectors_left == 0;
    } else {
        if (t.count_sectors) counted_out = --t.sectors_left == 0;
        if (t.r != t.eot) {
            ++t.r;
        } else {
            t.r = 1;
            if (t.multi_track && t.head == 0) {
                t.head = 1;
                t.h = 1;
            } else {
                if (t.multi_track) t.h ^= 1;
                ++t.c;
                end_of_cylinder = true;
            }
        }
    }
    if (terminal_count || counted_out) return finish_transfer(kNormal);
    if (end_of_cylinder) {
        const bool scan = t.kind == Kind::ScanEqual || t.kind == Kind::ScanLow || t.kind == Kind::ScanHigh;
        // Without TC the end of the cylinder is an error, except where no data went to the host.
        if (scan || (t.kind == Kind::Verify && !t.count_sectors)) return finish_transfer(kNormal);
        t.st1 |= kEndOfCylinder;
        return finish_transfer(kAbnormal);
    }
    t.stage = Stage::NextSector;
    transfer_timer_.arm_after(byte_ns() * (kSectorBytes + kGapBytes));
}

/// What cannot be found is known after the index hole came by twice.
void I82077aa::fail_transfer(u8 st1, u8 st2) {
    transfer_.st1 |= st1;
    transfer_.st2 |= st2;
    transfer_.stage = Stage::NotFound;
    transfer_timer_.arm_after(st1 == kDataError ? byte_ns() : kTwoTurnsNs);
}

void I82077aa::finish_transfer(u8 interrupt_code) {
    const Transfer& t = transfer_;
    transfer_timer_.cancel();
    result({static_cast<u8>(interrupt_code | t.head << 2 | t.unit), t.st1, t.st2, t.c, t.h, t.r, t.n});
    set_interrupt(true);
}

} // namespace r86

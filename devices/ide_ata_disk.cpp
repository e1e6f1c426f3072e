#include "devices/ide_ata_disk.h"
#include <algorithm>
#include <utility>

namespace r86 {

namespace {

// Virtual latencies. A command never ends before kCommandNs: the disk driver of Windows 2000 loses an interrupt that
// comes while it is still leaving its start routine.
constexpr u64 kCommandNs = 40'000;
constexpr u64 kSectorNs = 4'000; // about 128 MB/s
constexpr u64 kNextBlockNs = 5'000;
constexpr u64 kFlushNs = 200'000;

constexpr u32 kDmaPieceSectors = IdeDrive::kLargestBuffer / AtaDisk::kSectorBytes;

} // namespace

AtaDisk::AtaDisk(EventQueue& queue, const std::string& name, Log& log, BlockImage& image, const std::string& serial)
    : IdeDrive(queue, name, log), image_(image), serial_(serial), sectors_(image.size() / kSectorBytes) {
    disk_.end = disk_.lasting_end = sectors_;
    cylinders_ = static_cast<u16>(std::clamp<u64>(sectors_ / (kHeads * kSectorsPerTrack), 1, 16383));
}

void AtaDisk::on_reset(bool power_on) {
    const DiskState before = disk_;
    disk_ = DiskState{};
    disk_.self_tests = before.self_tests;
    disk_.last_self_test = before.last_self_test;
    disk_.end = disk_.lasting_end = before.lasting_end;
    disk_.security = before.security;
    disk_.security.erase_prepared = false;
    if (power_on) {
        disk_.security.power_on();
        sector_buffer_.fill(0);
        return;
    }
    disk_.end = before.end;
    // SET FEATURES 66h keeps the settings over a software reset; the translation and DMA mode stay in any case.
    disk_.transfer_mode = before.transfer_mode;
    disk_.dma_mode = before.dma_mode;
    disk_.heads = before.heads;
    disk_.sectors_per_track = before.sectors_per_track;
    disk_.smart_enabled = before.smart_enabled;
    disk_.multiple = before.multiple;
    if (!before.revert_defaults) {
        disk_.write_cache = before.write_cache;
        disk_.look_ahead = before.look_ahead;
        disk_.power_level = before.power_level;
        disk_.acoustic_level = before.acoustic_level;
        disk_.revert_defaults = false;
    }
}

void AtaDisk::set_signature() { // 9.12
    state_.count[0] = 1;
    state_.lba_low[0] = 1;
    state_.status = DRDY | DSC;
}

void AtaDisk::on_command(u8 command) {
    disk_.job = Job::None;
    disk_.extended = false;
    if (command != 0xE5 && command != 0x98) disk_.standby = false;
    const u32 multiple = disk_.multiple;
    const bool native_max_read = std::exchange(disk_.native_max_read, command == 0x27 || command == 0xF8);
    const bool erase_prepared = std::exchange(disk_.security.erase_prepared, false);
    if (disk_.security.locked && refused_while_locked(command)) return abort_command();
    switch (command) {
    case 0x00: abort_command(); break; // NOP always aborts (8.18)
    case 0x20:
    case 0x21: start_transfer(Direction::In, Mode::Pio, false, 1); break;
    case 0x24: start_transfer(Direction::In, Mode::Pio, true, 1); break;
    case 0x25: start_transfer(Direction::In, Mode::Dma, true, kDmaPieceSectors); break;
    case 0x29: start_transfer(Direction::In, Mode::Pio, true, multiple); break;
    case 0x30:
    case 0x31:
    case 0x3C: start_transfer(Direction::Out, Mode::Pio, false, 1); break;
    case 0x34: start_transfer(Direction::Out, Mode::Pio, true, 1); break;
    case 0x35:
    case 0x3D: start_transfer(Direction::Out, Mode::Dma, true, kDmaPieceSectors); break;
    case 0x39: start_transfer(Direction::Out, Mode::Pio, true, multiple); break;
    case 0x40:
    case 0x41: start_transfer(Direction::Verify, Mode::Pio, false, kDmaPieceSectors); break;
    case 0x42: start_transfer(Direction::Verify, Mode::Pio, true, kDmaPieceSectors); break;
    case 0xC4: start_transfer(Direction::In, Mode::Pio, false, multiple); break;
    case 0xC5: start_transfer(Direction::Out, Mode::Pio, false, multiple); break;
    case 0xC8:
    case 0xC9: start_transfer(Direction::In, Mode::Dma, false, kDmaPieceSectors); break;
    case 0xCA:
    case 0xCB: start_transfer(Direction::Out, Mode::Dma, false, kDmaPieceSectors); break;
    case 0x27: read_native_max(true); break;
    case 0xF8: read_native_max(false); break;
    case 0x37:
    case 0xF9: // SET MAX ADDRESS (EXT) comes right after READ NATIVE MAX ADDRESS; by itself F9h is about passwords
        if (native_max_read)
            set_max_address(command == 0x37);
        else if (command == 0xF9)
            set_max_command();
        else
            abort_command();
        break;
    case 0xF1:
    case 0xF2:
    case 0xF3:
    case 0xF4:
    case 0xF5:
    case 0xF6: security_command(command, erase_prepared); break;
    case 0x91: // INITIALIZE DEVICE PARAMETERS (ATA-5 8.16)
        if (state_.count[0] == 0) return abort_command();
        disk_.heads = static_cast<u8>((state_.device & 0x0F) + 1);
        disk_.sectors_per_track = state_.count[0];
        finish_later(kCommandNs);
        break;
    case 0xC6: { // SET MULTIPLE MODE
        const u8 count = state_.count[0];
        if (count > kLargestMultiple || (count & (count - 1))) return abort_command();
        disk_.multiple = count;
        finish_later(kCommandNs);
        break;
    }
    case 0xE4:
        disk_.job = Job::ReadBuffer;
        begin_busy(kCommandNs);
        break;
    case 0xE8:
        disk_.job = Job::WriteBuffer;
        request_data(kSectorBytes, false);
        break;
    case 0xE7:
    case 0xEA:
        disk_.job = Job::Flush;
        begin_busy(kFlushNs);
        break;
    case 0xEC:
        disk_.job = Job::Identify;
        begin_busy(kCommandNs);
        break;
    case 0xEF: set_features(); break;
    case 0xB0: smart(); break;
    case 0x94:
    case 0x95:
    case 0x96:
    case 0x97:
    case 0x98:
    case 0x99: // the opcodes of ATA-1
    case 0xE0:
    case 0xE1:
    case 0xE2:
    case 0xE3:
    case 0xE5:
    case 0xE6: power_mode(command); break;
    default:
        if (command >= 0x10 && command <= 0x1F) { // RECALIBRATE
            store_address(0);
            finish_later(kCommandNs);
        } else if (command >= 0x70 && command <= 0x7F) { // SEEK
            u64 lba = 0;
            if (!locate(false, lba) || lba >= disk_.end) return fail(IDNF);
            finish_later(kCommandNs);
        } else {
            abort_command(); // IDENTIFY PACKET DEVICE, PACKET and DEVICE RESET among them
        }
    }
}

void AtaDisk::finish_later(u64 latency_ns) {
    disk_.job = Job::Finish;
    begin_busy(latency_ns);
}

/// The first sector that the registers name: LBA of 28 or 48 bits, or cylinder/head/sector in the current translation.
bool AtaDisk::locate(bool extended, u64& lba) const {
    const State& r = state_;
    const u64 low = r.lba_low[0] | static_cast<u64>(r.lba_mid[0]) << 8 | static_cast<u64>(r.lba_high[0]) << 16;
    if (extended) {
        lba = low | static_cast<u64>(r.lba_low[1]) << 24 | static_cast<u64>(r.lba_mid[1]) << 32 |
              static_cast<u64>(r.lba_high[1]) << 40;
        return (r.device & LBA) != 0;
    }
    const u32 head = r.device & 0x0F;
    if (r.device & LBA) {
        lba = low | static_cast<u64>(head) << 24;
        return true;
    }
    const u32 sector = r.lba_low[0];
    const u32 cylinder = static_cast<u32>(low >> 8);
    if (sector == 0 || sector > disk_.sectors_per_track || head >= disk_.heads) return false;
    lba = (u64{cylinder} * disk_.heads + head) * disk_.sectors_per_track + sector - 1;
    return true;
}

/// Leaves an address in the registers in the form in which the command gave it.
void AtaDisk::store_address(u64 lba) {
    State& r = state_;
    if (disk_.extended) {
        r.lba_low[1] = static_cast<u8>(lba >> 24);
        r.lba_mid[1] = static_cast<u8>(lba >> 32);
        r.lba_high[1] = static_cast<u8>(lba >> 40);
    } else if (r.device & LBA) {
        r.device = static_cast<u8>((r.device & 0xF0) | ((lba >> 24) & 0x0F));
    } else {
        const u32 track = disk_.sectors_per_track, cylinder_sectors = track * disk_.heads;
        const u32 cylinder = static_cast<u32>(lba / cylinder_sectors);
        r.device = static_cast<u8>((r.device & 0xF0) | ((lba / track % disk_.heads) & 0x0F));
        lba = (u64{cylinder} << 8) | (lba % track + 1);
    }
    r.lba_low[0] = static_cast<u8>(lba);
    r.lba_mid[0] = static_cast<u8>(lba >> 8);
    r.lba_high[0] = static_cast<u8>(lba >> 16);
}

void AtaDisk::fail_at(u8 error, u64 lba) {
    store_address(lba);
    state_.count[0] = static_cast<u8>(disk_.remaining);
    state_.count[1] = static_cast<u8>(disk_.remaining >> 8);
    disk_.job = Job::None;
    fail(error);
}

void AtaDisk::start_transfer(Direction direction, Mode mode, bool extended, unsigned block_sectors) {
    DiskState& d = disk_;
    if (block_sectors == 0) return abort_command(); // READ/WRITE MULTIPLE while disabled (8.36)
    d.extended = extended;
    d.direction = direction;
    d.mode = mode;
    d.block_limit = block_sectors;
    const u32 count = extended ? state_.count[0] | static_cast<u32>(state_.count[1]) << 8 : state_.count[0];
    d.remaining = count ? count : (extended ? 65536u : 256u);
    if (!locate(extended, d.lba)) return fail(extended ? ABRT : IDNF);
    if (direction == Direction::Out && image_.read_only()) return fail(ABRT | UNC); // bit 6 is WP for a write
    if (d.lba >= d.end) return fail_at(IDNF, d.lba);
    d.job = Job::Transfer;
    d.block = std::min(d.remaining, d.block_limit);
    if (direction == Direction::Out && mode == Mode::Pio) // the first block is asked for without an interrupt (9.5)
        request_data(usize{d.block} * kSectorBytes, false);
    else if (direction == Direction::Out)
        begin_dma_out(usize{d.block} * kSectorBytes, kCommandNs + d.block * kSectorNs);
    else
        begin_busy(kCommandNs + d.block * kSectorNs);
}

bool AtaDisk::block_in_range() { return disk_.lba < disk_.end && disk_.block <= disk_.end - disk_.lba; }

void AtaDisk::step() {
    switch (disk_.job) {
    case Job::Transfer:
        if (disk_.direction == Direction::Out)
            write_block();
        else
            read_block();
        return;
    case Job::Identify: build_identify(); return present_data(true);
    case Job::SmartData: build_smart_data(false); return present_data(true);
    case Job::SmartThresholds: build_smart_data(true); return present_data(true);
    case Job::SmartLog: build_smart_log(); return present_data(true);
    case Job::ReadBuffer: buffer_.assign(sector_buffer_.begin(), sector_buffer_.end()); return present_data(true);
    case Job::Flush:
        disk_.job = Job::None;
        if (!image_.flush()) return abort_command();
        return finish();
    case Job::Erase: return erase_piece();
    case Job::PasswordData:
    case Job::WriteBuffer:
    case Job::Finish:
    case Job::None: break;
    }
    disk_.job = Job::None;
    finish();
}

void AtaDisk::read_block() {
    DiskState& d = disk_;
    const bool beyond_end = !block_in_range();
    // A command that runs over the end delivers what there is, then fails at the first sector that is not.
    if (beyond_end) {
        if (d.lba >= d.end) return fail_at(IDNF, d.lba);
        d.block = static_cast<u32>(d.end - d.lba);
    }
    buffer_.resize(usize{d.block} * kSectorBytes);
    if (!image_.read(d.lba * kSectorBytes, buffer_)) return fail_at(UNC, d.lba);
    if (d.direction == Direction::Verify)
        next_block();
    else if (d.mode == Mode::Dma)
        begin_dma_in(kNextBlockNs);
    else
        present_data(true);
}

void AtaDisk::write_block() {
    DiskState& d = disk_;
    if (!block_in_range()) {
        // As above: the sectors that exist are written.
        const u64 there = d.lba < d.end ? d.end - d.lba : 0;
        if (there && !image_.write(d.lba * kSectorBytes, std::span(buffer_).first(there * kSectorBytes)))
            return fail_at(ABRT, d.lba);
        d.remaining -= static_cast<u32>(there);
        return fail_at(IDNF, d.lba + there);
    }
    if (!image_.write(d.lba * kSectorBytes, buffer_)) return fail_at(ABRT, d.lba);
    next_block();
}

/// The current block is through: ends the command or starts the next block.
void AtaDisk::next_block() {
    DiskState& d = disk_;
    d.lba += d.block;
    d.remaining -= d.block;
    if (d.remaining == 0) {
        store_address(d.lba - 1);
        state_.count[0] = state_.count[1] = 0;
        d.job = Job::None;
        if (d.direction == Direction::Out && !d.write_cache && !image_.flush()) return abort_command();
        // 9.5: reading by PIO ends silently when the host has taken the last block.
        if (d.direction == Direction::In && d.mode == Mode::Pio) {
            drop_buffer();
            return;
        }
        return finish();
    }
    d.block = std::min(d.remaining, d.block_limit);
    const u64 latency = kNextBlockNs + d.block * kSectorNs;
    if (d.direction != Direction::Out)
        begin_busy(latency);
    else if (d.mode == Mode::Dma)
        begin_dma_out(usize{d.block} * kSectorBytes, latency);
    else
        request_data(usize{d.block} * kSectorBytes, true);
}

void AtaDisk::buffer_done() {
    switch (disk_.job) {
    case Job::Transfer:
        if (disk_.direction == Direction::In)
            next_block();
        else if (disk_.mode == Mode::Dma)
            write_block();
        else
            begin_busy(kCommandNs + disk_.block * kSectorNs);
        break;
    case Job::WriteBuffer:
        std::copy(buffer_.begin(), buffer_.end(), sector_buffer_.begin());
        finish_later(kCommandNs);
        break;
    case Job::PasswordData: security_data(); break;
    default: // one sector of data: nothing follows
        disk_.job = Job::None;
        drop_buffer();
    }
}

void AtaDisk::visit_drive(StateVisitor& visitor) {
    auto& [job, direction, mode, extended, lba, remaining, block, block_limit, multiple, heads, sectors_per_track,
           transfer_mode, dma_mode, write_cache, look_ahead, smart_enabled, standby, revert_defaults, end, lasting_end,
           native_max_read, power_level, acoustic_level, self_tests, last_self_test, security] = disk_;
    visitor.field("job", job);
    visitor.field("direction", direction);
    visitor.field("mode", mode);
    visitor.field("extended", extended);
    visitor.field("lba", lba);
    visitor.field("remaining", remaining);
    visitor.field("block", block);
    visitor.field("block_limit", block_limit);
    visitor.field("multiple", multiple);
    visitor.field("heads", heads);
    visitor.field("sectors_per_track", sectors_per_track);
    visitor.field("transfer_mode", transfer_mode);
    visitor.field("dma_mode", dma_mode);
    visitor.field("write_cache", write_cache);
    visitor.field("look_ahead", look_ahead);
    visitor.field("smart_enabled", smart_enabled);
    visitor.field("standby", standby);
    visitor.field("revert_defaults", revert_defaults);
    visitor.field("end", end);
    visitor.field("lasting_end", lasting_end);
    visitor.field("native_max_read", native_max_read);
    visitor.field("power_level", power_level);
    visitor.field("acoustic_level", acoustic_level);
    visitor.field("self_tests", self_tests);
    visitor.field("last_self_test", last_self_test);
    visitor.field("security", security);
    visitor.field("sector_buffer", sector_buffer_);
    if (visitor.loading()) { // values that index or divide
        if (job == Job::PasswordData && buffer_.size() < kSectorBytes) job = Job::None;
        if (job == Job::Erase) lba = std::min(lba, sectors_);
        block = std::min<u32>(block, kDmaPieceSectors);
        if (job == Job::Transfer && direction == Direction::Out)
            block = static_cast<u32>(buffer_.size() / kSectorBytes);
        if (job == Job::Transfer) remaining = std::max(remaining, block); // behind it they keep what the last one left
        end = std::clamp<u64>(end, 1, std::max<u64>(sectors_, 1));
        lasting_end = std::clamp<u64>(lasting_end, 1, std::max<u64>(sectors_, 1));
        self_tests = std::min<u8>(self_tests, kSelfTestLog);
        heads = std::max<u8>(heads, 1);
        sectors_per_track = std::max<u8>(sectors_per_track, 1);
    }
}

} // namespace r86

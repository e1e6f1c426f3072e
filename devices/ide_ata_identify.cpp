/// ATA disk: what it tells about itself (IDENTIFY DEVICE, SET FEATURES, power modes, native and set size).
#include "devices/ide_ata_disk.h"
#include "devices/ide_identify.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u64 kCommandNs = 40'000;
constexpr u64 kLba28Limit = 0x0FFFFFFF;

} // namespace

/// ATA/ATAPI-6 8.15 and table 27; obsolete words as ATA-3 defines them, for systems of that time.
void AtaDisk::build_identify() {
    IdentifyPage page(buffer_);
    const u64 lba28 = std::min(disk_.end, kLba28Limit);
    const u32 current_cylinders = std::clamp<u32>(
        static_cast<u32>(std::min<u64>(lba28 / (disk_.heads * disk_.sectors_per_track), 65535)), 1, 65535);
    const u32 current_capacity =
        static_cast<u32>(std::min<u64>(u64{current_cylinders} * disk_.heads * disk_.sectors_per_track, lba28));
    page.word(0, 0x0040); // a fixed drive
    page.word(1, cylinders_);
    page.word(3, kHeads);
    page.word(4, kSectorBytes * kSectorsPerTrack);
    page.word(5, kSectorBytes);
    page.word(6, kSectorsPerTrack);
    page.text(10, 10, serial_);
    page.word(20, 3);   // dual-ported buffer with read caching
    page.word(21, 512); // its size in sectors
    page.word(22, 4);   // ECC bytes
    page.text(23, 4, "1.0");
    page.text(27, 20, "rewind86 HARDDISK");
    page.word(47, 0x8000 | kLargestMultiple);
    page.word(48, 1);      // 32-bit accesses to the data port
    page.word(49, 0x0F00); // IORDY, LBA, DMA
    page.word(50, 0x4000);
    page.word(51, 0x0200); // PIO and DMA timing as of ATA-1
    page.word(52, 0x0200);
    page.word(53, 0x0007); // words 54-58, 64-70 and 88 are valid
    page.word(54, static_cast<u16>(current_cylinders));
    page.word(55, disk_.heads);
    page.word(56, disk_.sectors_per_track);
    page.dword(57, current_capacity);
    page.word(59, disk_.multiple ? static_cast<u16>(0x0100 | disk_.multiple) : u16{0});
    page.dword(60, static_cast<u32>(lba28));
    page.dma_modes(disk_.dma_mode);
    page.word(80, 0x007E); // ATA-1 to ATA/ATAPI-6
    // Command sets: NOP, READ/WRITE BUFFER, look-ahead, write cache, host protected area, power management, security,
    // SMART; FLUSH CACHE (EXT), 48-bit addresses, automatic acoustic management, SET MAX security, advanced power
    // management.
    constexpr u16 kSets = 0x746B, kSets2 = 0x7708;
    const Security& security = disk_.security;
    page.word(82, kSets);
    page.word(83, kSets2);
    page.word(84, 0x4003); // SMART self-test and error logging
    page.word(85, static_cast<u16>((kSets & ~0x0063) | (disk_.look_ahead ? 0x40 : 0) | (disk_.write_cache ? 0x20 : 0) |
                                   (security.enabled ? 2 : 0) | (disk_.smart_enabled ? 1 : 0)));
    page.word(86, static_cast<u16>((kSets2 & 0x3CF7) | (disk_.acoustic_level ? 0x200 : 0) |
                                   (security.max_set ? 0x100 : 0) | (disk_.power_level ? 8 : 0)));
    page.word(87, 0x4003);
    page.word(89, static_cast<u16>(std::clamp<u64>(sectors_ / 30'000'000, 1, 254))); // minutes / 2 of an erase
    page.word(91, disk_.power_level);
    page.word(92, security.master_revision);
    page.word(93, 0x6001 | (state_.device & DEV ? 0x0A00 : 0x000A)); // 80-conductor cable; device number by jumper
    page.word(94, static_cast<u16>(0xFE00 | disk_.acoustic_level));  // recommended, current
    page.dword(100, static_cast<u32>(disk_.end));
    page.dword(102, static_cast<u32>(disk_.end >> 32));
    page.word(128, security.identify_word());
    page.seal();
}

void AtaDisk::set_features() { // 8.46
    switch (state_.feature[0]) {
    case 0x02: disk_.write_cache = true; break;
    case 0x82: // from here on every write is on the medium when it ends; so is what came before
        disk_.write_cache = false;
        if (!image_.flush()) return abort_command();
        break;
    case 0x03: {
        const u8 mode = state_.count[0];
        if (!IdentifyPage::transfer_mode_exists(mode)) return abort_command();
        if (mode & 0x60)
            disk_.dma_mode = mode;
        else
            disk_.transfer_mode = mode;
        break;
    }
    case 0x05: // 8.46.9: FEh is performance, 01h the least power
        if (state_.count[0] == 0x00 || state_.count[0] == 0xFF) return abort_command();
        disk_.power_level = state_.count[0];
        break;
    case 0x85: disk_.power_level = 0; break;
    case 0x42: // 8.46.13: 80h is quiet, FEh fast
        if (state_.count[0] < 0x80 || state_.count[0] == 0xFF) return abort_command();
        disk_.acoustic_level = state_.count[0];
        break;
    case 0xC2: disk_.acoustic_level = 0; break;
    case 0x55: disk_.look_ahead = false; break;
    case 0xAA: disk_.look_ahead = true; break;
    case 0x66: disk_.revert_defaults = false; break;
    case 0xCC: disk_.revert_defaults = true; break;
    default: return abort_command();
    }
    finish_later(kCommandNs);
}

void AtaDisk::power_mode(u8 command) { // 8.14, 8.17, 8.48-8.50; 9xh are ATA-1's opcodes
    if (command < 0xE0)
        command = static_cast<u8>(command == 0x98 ? 0xE5 : command == 0x99 ? 0xE6 : 0xE0 + command - 0x94);
    switch (command) {
    case 0xE0: // STANDBY IMMEDIATE
    case 0xE2: // STANDBY
    case 0xE6: // SLEEP
        if (!image_.flush()) return abort_command();
        disk_.standby = true;
        break;
    case 0xE5: state_.count[0] = disk_.standby ? 0x00 : 0xFF; break; // CHECK POWER MODE
    default: break;                                                  // IDLE (IMMEDIATE)
    }
    finish_later(kCommandNs);
}

void AtaDisk::read_native_max(bool extended) { // 8.33, 8.34
    if (!(state_.device & LBA)) return abort_command();
    disk_.extended = extended;
    store_address(extended ? sectors_ - 1 : std::min(sectors_ - 1, kLba28Limit));
    finish_later(kCommandNs);
}

/// The sectors behind the new maximum are out of reach until it is set again. Bit 0 of the count (VV): also after the
/// next power-on, which here means for as long as the machine is the same one.
void AtaDisk::set_max_address(bool extended) { // 8.51, 8.52
    u64 maximum = 0;
    if (disk_.security.max_locked || disk_.security.max_frozen) return abort_command();
    if (!(state_.device & LBA) || !locate(extended, maximum)) return abort_command();
    if (maximum >= sectors_) return fail(IDNF);
    disk_.end = maximum + 1;
    if (state_.count[0] & 1) disk_.lasting_end = disk_.end;
    finish_later(kCommandNs);
}

} // namespace r86

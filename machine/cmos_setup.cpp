#include "machine/cmos_setup.h"
#include "devices/floppy_geometry.h"
#include <algorithm>

namespace r86 {

namespace {

// Indexes: IBM PC AT Technical Reference, "CMOS RAM"; from 34h on as SeaBIOS reads them.
constexpr u8 kFloppyTypes = 0x10;
constexpr u8 kDiskTypes = 0x12;
constexpr u8 kEquipment = 0x14;
constexpr u8 kBaseMemory = 0x15;
constexpr u8 kExtendedMemory = 0x17;
constexpr u8 kDisk0Extended = 0x19;
constexpr u8 kChecksum = 0x2E; // high byte first, over 10h-2Dh
constexpr u8 kExtendedMemory2 = 0x30;
constexpr u8 kAbove16M = 0x34; // 64 KiB units
constexpr u8 kBootFlag1 = 0x38;
constexpr u8 kBootFlag2 = 0x3D;
constexpr u8 kAbove4G = 0x5B;
constexpr u8 kProcessors = 0x5F; // beyond the first

constexpr u8 kFloppy1440 = 4;

/// The drive that fits the diskette that is in it at power-on; an empty one takes 1.44 MB.
u8 floppy_type(const BlockImage* image) {
    const FloppyGeometry* geometry = image ? floppy_geometry(image->size()) : nullptr;
    return geometry ? geometry->drive_type : kFloppy1440;
}

} // namespace

std::string effective_boot_order(const MachineConfig& config) {
    if (!config.boot_order.empty()) return config.boot_order;
    return config.floppies[0] ? "acd" : "cda";
}

void set_up_cmos(Mc146818& rtc, const MachineConfig& config) {
    const auto word = [&](u8 index, u64 value) {
        rtc.set_cmos(index, static_cast<u8>(value));
        rtc.set_cmos(static_cast<u8>(index + 1), static_cast<u8>(value >> 8));
    };
    const u64 kilobytes = config.memory_bytes >> 10;
    const u64 extended = kilobytes > 1024 ? kilobytes - 1024 : 0;
    word(kBaseMemory, std::min<u64>(kilobytes, 640));
    word(kExtendedMemory, std::min<u64>(extended, 0xFFFF));
    word(kExtendedMemory2, std::min<u64>(extended, 0xFFFF));
    const u64 above16 = kilobytes > 16384 ? (kilobytes - 16384) / 64 : 0;
    word(kAbove16M, std::min<u64>(above16, 0xFFFF));
    word(kAbove4G, 0);
    rtc.set_cmos(kAbove4G + 2, 0);
    rtc.set_cmos(kProcessors, 0);

    const bool two_floppies = config.floppies[1] || config.floppy_drive_b;
    u8 floppies = static_cast<u8>(floppy_type(config.floppies[0].get()) << 4);
    if (two_floppies) floppies |= floppy_type(config.floppies[1].get());
    rtc.set_cmos(kFloppyTypes, floppies);
    u8 equipment = 0x01 | 0x02 | 0x04; // floppy drives, coprocessor, keyboard or mouse
    if (two_floppies) equipment |= 0x40;
    rtc.set_cmos(kEquipment, equipment);

    u8 disk_types = 0;
    for (usize i = 0; i < std::min<usize>(config.disks.size(), 2); ++i) {
        if (!config.disks[i]) continue;
        disk_types |= i == 0 ? 0xF0 : 0x0F;                    // type 15: see the extended byte
        rtc.set_cmos(static_cast<u8>(kDisk0Extended + i), 47); // user-defined
    }
    rtc.set_cmos(kDiskTypes, disk_types);

    // SeaBIOS: a nibble for each place of the order: 1 floppy, 2 disk, 3 CD, 4 option ROM with a bootstrap vector.
    u32 order = 0;
    unsigned place = 0;
    if (config.kernel) order |= 4u << (4 * place++);
    for (const char letter : effective_boot_order(config)) {
        const u32 code = letter == 'a' ? 1 : letter == 'c' ? 2 : 3;
        if (place < 3) order |= code << (4 * place++);
    }
    rtc.set_cmos(kBootFlag2, static_cast<u8>(order));
    // The low bit tells not to insist on a boot sector signature on floppies, which old ones lack.
    rtc.set_cmos(kBootFlag1, static_cast<u8>((order >> 8) << 4 | 1));

    u16 sum = 0;
    for (u8 index = 0x10; index < kChecksum; ++index) sum = static_cast<u16>(sum + rtc.cmos(index));
    rtc.set_cmos(kChecksum, static_cast<u8>(sum >> 8));
    rtc.set_cmos(kChecksum + 1, static_cast<u8>(sum));
}

} // namespace r86

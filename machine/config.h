#pragma once
/// What a machine is made of. Two machines with equal configurations, images and inputs are equal at every tick.
#include "bios/direct_boot.h"
#include "core/host_endpoints.h"
#include "devices/block_image.h"
#include "devices/mc146818.h"
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace r86 {

struct MachineConfig {
    u64 memory_bytes = u64{128} << 20;
    std::string cpu = "pentium4"; ///< as find_cpu_model takes it, with features
    u32 mips = 100;               ///< ticks per virtual microsecond at tick 0
    RtcTime rtc;                  ///< what the CMOS clock reads at tick 0

    /// Letters a, c, d in the order in which firmware tries them; empty: a floppy that is in drive A, then c, d.
    std::string boot_order;
    bool boot_menu = true;

    /// Drives A and B; an empty place is a drive without a disk.
    std::array<std::unique_ptr<BlockImage>, 2> floppies;
    bool floppy_drive_b = false; ///< drive B exists though nothing is in it
    /// Primary master, primary slave, secondary slave.
    std::vector<std::unique_ptr<BlockImage>> disks;
    /// Secondary master; an empty pointer is a drive without a disc.
    std::unique_ptr<BlockImage> cdrom;

    std::optional<KernelFiles> kernel; ///< direct boot

    std::vector<u8> bios;    ///< empty: the bundled one
    std::vector<u8> vgabios; ///< empty: the bundled one, unless `no_vgabios`
    bool no_vgabios = false;

    bool isa_debug_exit = false;
    std::optional<u16> post_port; ///< bytes written there go to `post`
    bool no_reboot = false;
    bool hpet = false; ///< systems before 2005 do not know it, and some are confused by it

    // Where bytes go; nullptr: nowhere. They outlive the machine.
    std::array<ByteSink*, 2> serial{};
    ByteSink* parallel = nullptr;
    ByteSink* debug_console = nullptr;
    ByteSink* post = nullptr;
};

/// Throws UserError if no machine can be made from it.
void check_config(const MachineConfig& config);

} // namespace r86

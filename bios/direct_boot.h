#pragma once
/// Starting a kernel without a boot loader: what an option ROM of ours loads through the firmware configuration device
/// after the firmware's POST.
#include "core/types.h"
#include <span>
#include <string>
#include <vector>

namespace r86 {

struct KernelFiles {
    std::vector<u8> kernel;
    std::string command_line;
    std::vector<u8> initrd; ///< Linux only; a multiboot kernel gets it as its first module
    struct Module {
        std::vector<u8> content;
        std::string command_line;
    };
    std::vector<Module> modules; ///< multiboot only
};

/// Items for the boot ROM; addresses are physical.
struct DirectBoot {
    std::vector<u8> option_rom;
    std::string rom_name;
    std::vector<u8> setup; ///< Linux: real-mode part with its header filled in; multiboot: information block
    u32 setup_address = 0;
    std::vector<u8> command_line; ///< with its terminating zero
    u32 command_line_address = 0;
    std::vector<u8> kernel;
    u32 kernel_address = 0;
    u32 kernel_target = 0; ///< multiboot: where the boot ROM moves it at the very last
    u32 kernel_entry = 0;
    std::vector<u8> initrd; ///< initial RAM disk, or all modules on page borders
    u32 initrd_lowest = 0;  ///< Linux: where it may begin; multiboot: where it is loaded
    u32 initrd_highest = 0; ///< Linux: its last byte may not be above
};

/// Finds the kind of the kernel from its content. Throws UserError if it is none, or does not fit into memory.
DirectBoot prepare_direct_boot(const KernelFiles& files, u64 ram_bytes);

bool is_elf(std::span<const u8> kernel);
bool is_multiboot(std::span<const u8> kernel);
bool has_load_address(std::span<const u8> kernel); ///< of its multiboot header: the "a.out kludge"
/// Boot sector and set-up part in front, of the boot protocol with or without a version.
bool is_linux(std::span<const u8> kernel);
DirectBoot prepare_multiboot(const KernelFiles& files, u64 ram_bytes);
DirectBoot prepare_linux(const KernelFiles& files, u64 ram_bytes);

} // namespace r86

/// Linux kernels: bzImage of any protocol, old zImage, and what looks like one (memtest86+, iPXE).
/// Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
#include "bios/byte_writer.h"
#include "bios/direct_boot.h"
#include "bios/embedded.h"
#include "bios/firmware.h"
#include "core/error.h"
#include <algorithm>
#include <charconv>
#include <optional>

namespace r86 {

namespace {

// Header fields by offset.
constexpr usize kSetupSects = 0x1F1;
constexpr usize kSysSize = 0x1F4;
constexpr usize kVidMode = 0x1FA;
constexpr usize kBootFlag = 0x1FE;
constexpr usize kHeader = 0x202;
constexpr usize kVersion = 0x206;
constexpr usize kTypeOfLoader = 0x210;
constexpr usize kLoadFlags = 0x211;
constexpr usize kRamdiskSize = 0x21C;
constexpr usize kHeapEndPtr = 0x224;
constexpr usize kCmdLinePtr = 0x228;
constexpr usize kInitrdAddrMax = 0x22C;
constexpr usize kCmdlineSize = 0x238;
constexpr usize kInitSize = 0x260;

constexpr u8 kLoadedHigh = 1 << 0;
constexpr u8 kCanUseHeap = 1 << 7;
constexpr u32 kMagic = 0x53726448; // "HdrS"

u32 number(std::span<const u8> bytes, usize at, unsigned size) {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u32{bytes[at + i]} << (8 * i);
    return value;
}

/// The value of vga= on the command line, which belongs to the boot loader ("Special Command Line Options").
std::optional<u16> video_mode(std::string_view line) {
    std::optional<u16> mode;
    while (!line.empty()) {
        const usize end = std::min(line.find(' '), line.size());
        const std::string_view word = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        if (!word.starts_with("vga=")) continue;
        std::string_view value = word.substr(4);
        if (value == "normal") {
            mode = u16{0xFFFF};
        } else if (value == "ext") {
            mode = u16{0xFFFE};
        } else if (value == "ask") {
            mode = u16{0xFFFD};
        } else {
            int base = 10;
            if (value.starts_with("0x") || value.starts_with("0X")) {
                value.remove_prefix(2);
                base = 16;
            }
            u16 parsed = 0;
            const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), parsed, base);
            if (error != std::errc{} || rest != value.data() + value.size() || value.empty())
                throw UserError("The kernel's argument '" + std::string(word) +
                                "' is not understood: vga= takes a number, normal, ext or ask.");
            mode = parsed;
        }
    }
    return mode;
}

} // namespace

bool is_linux(std::span<const u8> image) {
    if (image.size() < 0x400 || number(image, kBootFlag, 2) != 0xAA55) return false;
    return number(image, kHeader, 4) == kMagic || (number(image, kSysSize, 2) != 0 && image[kSetupSects] <= 16);
}

DirectBoot prepare_linux(const KernelFiles& files, u64 ram_bytes) {
    const std::span<const u8> image = files.kernel;
    if (!is_linux(image)) throw UserError("The kernel file is neither a Linux kernel nor a multiboot kernel.");
    const bool has_header = number(image, kHeader, 4) == kMagic;
    const u32 version = has_header ? number(image, kVersion, 2) : 0;
    const usize setup_sectors = image[kSetupSects] ? image[kSetupSects] : 4; // "0 means 4"
    const usize setup_size = (setup_sectors + 1) * 512;
    if (image.size() <= setup_size) throw UserError("The Linux kernel file is cut: its set-up part is not complete.");

    const bool high = version >= 0x200 && (image[kLoadFlags] & kLoadedHigh);
    const bool pointer_to_line = version >= 0x202; // cmd_line_ptr; before, the line is found from the boot sector
    DirectBoot boot;
    boot.rom_name = "genroms/linuxboot.bin";
    boot.option_rom = finish_option_rom(linux_boot_rom());
    boot.setup.assign(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(setup_size));
    boot.kernel.assign(image.begin() + static_cast<std::ptrdiff_t>(setup_size), image.end());
    boot.command_line.assign(files.command_line.begin(), files.command_line.end());
    boot.command_line.push_back(0);

    // "Memory Layout": the set-up has 32 KiB and its heap and stack behind it; a zImage occupies 10000h-8FFFFh itself.
    boot.kernel_address = high ? 0x100000 : 0x10000;
    usize line_limit = 255;
    if (version >= 0x206) line_limit = number(image, kCmdlineSize, 4);
    if (files.command_line.size() > std::min<usize>(line_limit, 0xFFFF))
        throw UserError("The kernel's arguments are too long: this kernel takes at most " + std::to_string(line_limit) +
                        " characters.");
    if (high && pointer_to_line) {
        boot.setup_address = 0x10000;
        boot.command_line_address = 0x20000;
    } else {
        boot.setup_address = 0x90000;
        boot.command_line_address =
            static_cast<u32>(0x9A000 - std::min<usize>(0x1000, (boot.command_line.size() + 15) & ~usize{15}));
    }
    if (boot.setup_address + setup_size > boot.command_line_address)
        throw UserError("The Linux kernel's set-up part is larger than the boot protocol allows.");
    if (!high && boot.kernel.size() > 0x80000)
        throw UserError("This old Linux kernel (zImage) is larger than the 512 KiB below its set-up part.");
    const u32 needed = std::max<u32>(static_cast<u32>(std::min<usize>(boot.kernel.size(), 0xE0000000)),
                                     version >= 0x20A ? number(image, kInitSize, 4) : 0);
    if (high && u64{boot.kernel_address} + boot.kernel.size() > ram_bytes)
        throw UserError("The kernel does not fit into the machine's memory: give it more.");

    ByteWriter setup{std::move(boot.setup)};
    if (const auto mode = video_mode(files.command_line)) setup.patch(kVidMode, *mode, 2);
    if (version >= 0x200) setup.patch(kTypeOfLoader, 0xFF, 1); // no identifier is assigned to this loader
    if (version >= 0x201) {
        setup.patch(kHeapEndPtr, boot.command_line_address - boot.setup_address - 0x200 - 0x200, 2);
        setup.patch(kLoadFlags, setup.bytes[kLoadFlags] | kCanUseHeap, 1);
    }
    if (pointer_to_line) {
        setup.patch(kCmdLinePtr, boot.command_line_address, 4);
    } else {
        setup.patch(0x20, 0xA33F, 2); // "The Kernel Command Line": the old protocol's magic and offset
        setup.patch(0x22, boot.command_line_address - boot.setup_address, 2);
    }
    if (!files.initrd.empty()) {
        if (version < 0x200) throw UserError("This kernel is too old to take an initial RAM disk.");
        boot.initrd = files.initrd;
        boot.initrd_highest = version >= 0x203 ? number(image, kInitrdAddrMax, 4) : 0x37FFFFFF;
        boot.initrd_lowest =
            high ? static_cast<u32>(std::min<u64>(u64{boot.kernel_address} + needed, 0xFFFFFFFF)) : 0x100000;
        // A kernel that unpacks itself elsewhere copes with less than init_size between itself and the disk.
        if (u64{boot.initrd_lowest} + boot.initrd.size() + 0x100000 > ram_bytes)
            boot.initrd_lowest = static_cast<u32>(0x100000 + (high ? boot.kernel.size() : 0));
        if (u64{boot.initrd_lowest} + boot.initrd.size() > ram_bytes)
            throw UserError("Kernel and initial RAM disk do not fit into the machine's memory: give it more.");
        setup.patch(kRamdiskSize, boot.initrd.size(), 4);
    }
    boot.setup = std::move(setup.bytes);
    return boot;
}

} // namespace r86

/// Multiboot-1 kernels: ELF32, ELF64 as a container of 32-bit code, and the address fields of the header itself
/// ("a.out kludge"). Multiboot Specification 0.6.96, 3.1 "OS image format", 3.3 "Boot information format".
#include "bios/byte_writer.h"
#include "bios/direct_boot.h"
#include "bios/embedded.h"
#include "bios/firmware.h"
#include "core/address.h"
#include "core/bits.h"
#include "core/error.h"
#include <algorithm>
#include <cstring>
#include <optional>

namespace r86 {

namespace {

constexpr u32 kMagic = 0x1BADB002;
constexpr u32 kAddressFields = u32{1} << 16;
constexpr u32 kMustUnderstand = 0xFFFC; // flags 0-15 are requirements; 0 and 1 (page alignment, memory map) are met
constexpr usize kSearchLimit = 8192;
constexpr u32 kInfoAddress = 0x10000; // where the information block lies unless the kernel wants to be there
constexpr usize kInfoLimit = 0x8000;
constexpr u32 kInfoReserve = kInfoLimit + 0x1000; // the boot ROM puts the memory map behind the block
constexpr u32 kLowFirst = 0x1000; // interrupt vectors, BIOS data, and variables and stack of the boot ROM lie below
constexpr u32 kLowEnd = 0x9F000;  // extended BIOS data area and video memory follow
constexpr u64 kTableReserve = 0x40000;

u64 number(std::span<const u8> bytes, u64 at, unsigned size) {
    if (at > bytes.size() || bytes.size() - at < size)
        throw UserError("The multiboot kernel file is cut or damaged: a header points outside the file.");
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u64{bytes[at + i]} << (8 * i);
    return value;
}

/// 3.1.1: the header is 32-bit aligned within the first 8192 bytes; magic, flags and checksum add up to zero.
std::optional<usize> find_header(std::span<const u8> file) {
    for (usize at = 0; at + 12 <= std::min(file.size(), kSearchLimit); at += 4) {
        const u32 magic = static_cast<u32>(number(file, at, 4));
        if (magic != kMagic) continue;
        const u32 sum = magic + static_cast<u32>(number(file, at + 4, 4)) + static_cast<u32>(number(file, at + 8, 4));
        if (sum == 0) return at;
    }
    return std::nullopt;
}

struct Segment {
    u64 address = 0;
    u64 file_offset = 0;
    u64 file_size = 0;
    u64 memory_size = 0;
};

struct Layout {
    std::vector<Segment> segments;
    u32 entry = 0;
};

/// 3.1.3, the address fields.
Layout from_header(std::span<const u8> file, usize header) {
    const u64 header_address = number(file, header + 12, 4), load = number(file, header + 16, 4);
    const u64 load_end = number(file, header + 20, 4), bss_end = number(file, header + 24, 4);
    if (load > header_address || header_address - load > header)
        throw UserError("The multiboot kernel's header has load addresses that contradict each other.");
    Segment segment;
    segment.address = load;
    segment.file_offset = header - (header_address - load);
    segment.file_size = load_end ? load_end - load : file.size() - segment.file_offset;
    if ((load_end && load_end < load) || segment.file_size > file.size() - segment.file_offset)
        throw UserError("The multiboot kernel file is shorter than its header says.");
    segment.memory_size = std::max(segment.file_size, bss_end > load ? bss_end - load : 0);
    return {{segment}, static_cast<u32>(number(file, header + 28, 4))};
}

/// Loadable segments of an ELF file; both classes, little endian.
Layout from_elf(std::span<const u8> file) {
    const bool wide = file[4] == 2;
    Layout layout;
    layout.entry = static_cast<u32>(number(file, 24, wide ? 8 : 4));
    const u64 table = number(file, wide ? 32 : 28, wide ? 8 : 4);
    const u64 entry_size = number(file, wide ? 54 : 42, 2), count = number(file, wide ? 56 : 44, 2);
    for (u64 i = 0; i < count; ++i) {
        const u64 at = table + i * entry_size;
        if (number(file, at, 4) != 1) continue; // PT_LOAD
        Segment segment;
        segment.file_offset = number(file, at + (wide ? 8 : 4), wide ? 8 : 4);
        const u64 virtual_address = number(file, at + (wide ? 16 : 8), wide ? 8 : 4);
        segment.address = number(file, at + (wide ? 24 : 12), wide ? 8 : 4);
        segment.file_size = number(file, at + (wide ? 32 : 16), wide ? 8 : 4);
        segment.memory_size = number(file, at + (wide ? 40 : 20), wide ? 8 : 4);
        if (segment.memory_size == 0) continue;
        if (segment.file_size > segment.memory_size || segment.file_offset > file.size() ||
            segment.file_size > file.size() - segment.file_offset)
            throw UserError("The multiboot kernel file is cut or damaged: a segment lies outside the file.");
        // An entry point that is a virtual address (the file is linked high) means the same place in the segment.
        if (layout.entry >= virtual_address && layout.entry - virtual_address < segment.memory_size &&
            virtual_address != segment.address && virtual_address <= 0xFFFFFFFF)
            layout.entry = static_cast<u32>(layout.entry - virtual_address + segment.address);
        layout.segments.push_back(segment);
    }
    if (layout.segments.empty()) throw UserError("The multiboot kernel has nothing to load.");
    return layout;
}

void place_image(DirectBoot& boot, std::span<const u8> file, const Layout& layout, u64 ram_bytes) {
    u64 first = ~u64{0}, end = 0;
    for (const Segment& segment : layout.segments) {
        first = std::min(first, segment.address);
        if (segment.address > ram_bytes || segment.memory_size > ram_bytes - segment.address)
            throw UserError("The multiboot kernel does not fit into the machine's memory.");
        end = std::max(end, segment.address + segment.memory_size);
    }
    if (first < 0x100000 && end > kLowEnd)
        throw UserError("The multiboot kernel wants to be loaded over memory that the firmware uses.");
    // Over interrupt vectors and BIOS data (memtest86+ 5 is linked at 0) it goes only when nobody needs them any more.
    boot.kernel_target = static_cast<u32>(first);
    boot.kernel_address = first < kLowFirst ? 0x100000 : boot.kernel_target;
    if (boot.kernel_address + (end - first) > ram_bytes)
        throw UserError("The multiboot kernel does not fit into the machine's memory.");
    boot.kernel_entry = layout.entry;
    boot.kernel.assign(end - first, 0);
    for (const Segment& segment : layout.segments)
        std::memcpy(boot.kernel.data() + (segment.address - first), file.data() + segment.file_offset,
                    segment.file_size);
}

/// A place for the information block and the memory map beside the kernel.
u32 info_address(const DirectBoot& boot) {
    const u32 first = boot.kernel_target;
    const u64 end = u64{first} + boot.kernel.size();
    if (end <= kInfoAddress || first >= kInfoAddress + kInfoReserve) return kInfoAddress;
    if (align_up(end, kPageSize) + kInfoReserve <= kLowEnd) return static_cast<u32>(align_up(end, kPageSize));
    if (first >= kLowFirst + kInfoReserve) return kLowFirst;
    throw UserError("The multiboot kernel leaves no memory below 640 KiB for its information block.");
}

} // namespace

bool is_multiboot(std::span<const u8> kernel) { return find_header(kernel).has_value(); }

bool has_load_address(std::span<const u8> kernel) {
    const auto header = find_header(kernel);
    return header && (number(kernel, *header + 4, 4) & kAddressFields);
}

bool is_elf(std::span<const u8> kernel) {
    return kernel.size() >= 64 && kernel[0] == 0x7F && kernel[1] == 'E' && kernel[2] == 'L' && kernel[3] == 'F';
}

DirectBoot prepare_multiboot(const KernelFiles& files, u64 ram_bytes) {
    const std::span<const u8> file = files.kernel;
    const usize header = find_header(file).value();
    const u32 flags = static_cast<u32>(number(file, header + 4, 4));
    if (flags & kMustUnderstand & ~u32{4}) // a video mode (bit 2) is a wish, the rest is unknown
        throw UserError("The multiboot kernel requires features that this loader does not know.");

    DirectBoot boot;
    boot.rom_name = "genroms/multiboot.bin";
    boot.option_rom = finish_option_rom(multiboot_rom());
    if (flags & kAddressFields)
        place_image(boot, file, from_header(file, header), ram_bytes);
    else if (is_elf(file))
        place_image(boot, file, from_elf(file), ram_bytes);
    else
        throw UserError("The multiboot kernel is no ELF file and its header has no load address.");

    std::vector<const KernelFiles::Module*> modules;
    KernelFiles::Module initrd{files.initrd, {}};
    if (!files.initrd.empty()) modules.push_back(&initrd);
    for (const KernelFiles::Module& module : files.modules) modules.push_back(&module);

    // Modules follow the kernel, each on a page border.
    boot.initrd_lowest =
        static_cast<u32>(align_up(std::max<u64>(u64{boot.kernel_address} + boot.kernel.size(), 0x100000), kPageSize));
    const u32 info_at = info_address(boot);
    ByteWriter info, text, blob;
    constexpr u32 kMods = 1 << 3, kCommandLine = 1 << 2, kLoaderName = 1 << 9;
    constexpr usize kInfoSize = 120, kModuleEntry = 16;
    const usize text_offset = kInfoSize + kModuleEntry * modules.size();
    const auto add_text = [&](const std::string& value) {
        const usize at = info_at + text_offset + text.size();
        text.text(value, value.size() + 1);
        return at;
    };
    info.zeros(kInfoSize);
    info.patch(0, kCommandLine | kLoaderName | (modules.empty() ? 0 : kMods), 4);
    // Kernels expect their own name as the first word, as boot loaders pass it.
    info.patch(16, add_text(files.command_line.empty() ? "kernel" : "kernel " + files.command_line), 4);
    info.patch(20, modules.size(), 4);
    info.patch(24, info_at + kInfoSize, 4);
    info.patch(64, add_text("rewind86"), 4);
    for (const KernelFiles::Module* module : modules) {
        blob.zeros(align_up(blob.size(), kPageSize) - blob.size());
        const u64 start = u64{boot.initrd_lowest} + blob.size();
        blob.append(module->content);
        info.number(start, 4).number(start + module->content.size(), 4);
        info.number(add_text(module->command_line), 4).number(0, 4);
    }
    info.append(text.bytes);
    if (info.size() > kInfoLimit)
        throw UserError("The arguments of the multiboot kernel and its modules are too long.");
    if (u64{boot.initrd_lowest} + blob.size() + kTableReserve > ram_bytes && blob.size() != 0)
        throw UserError("The multiboot kernel and its modules do not fit into the machine's memory: give it more.");
    boot.setup = std::move(info.bytes);
    boot.setup_address = info_at;
    boot.initrd = std::move(blob.bytes);
    return boot;
}

} // namespace r86

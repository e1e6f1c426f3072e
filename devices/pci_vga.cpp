#include "devices/pci_vga.h"
#include "core/error.h"
#include <algorithm>

namespace r86 {

namespace {
constexpr u32 kRomSize = 0x10000;
}

PciVga::PciVga(std::span<u8> frame_buffer, MmioHandler& linear, MmioHandler& registers, std::span<const u8> rom)
    : PciFunction({0x1234, 0x1111, 0x03, 0x00, 0x00, 0x02, 0x1AF4, 0x1100}, "vga"), frame_buffer_(frame_buffer),
      linear_(linear) {
    add_memory_bar(0, static_cast<u32>(frame_buffer.size()), {PhysicalMemory::Target::Mmio, nullptr, &linear, 0}, true);
    add_memory_bar(2, kRegistersSize, {PhysicalMemory::Target::Mmio, nullptr, &registers, 0}, false);
    if (rom.empty()) return;
    R86_ASSERT(rom.size() <= kRomSize);
    rom_.assign(kRomSize, 0xFF);
    std::copy(rom.begin(), rom.end(), rom_.begin());
    add_rom_bar(kRomSize, rom_.data());
}

void PciVga::set_direct(bool direct) {
    if (direct)
        change_memory_bar(0, {PhysicalMemory::Target::HostRam, frame_buffer_.data(), nullptr, 0});
    else
        change_memory_bar(0, {PhysicalMemory::Target::Mmio, nullptr, &linear_, 0});
}

} // namespace r86

#pragma once
/// PCI function of the display adapter (1234:1111, device 2 on this board): frame buffer BAR, register BAR and ROM BAR
/// around a VGA. Identity and layout: QEMU, docs/specs/standard-vga.
/// NOT IMPLEMENTED: the command register does not gate the legacy ports and the A0000h window.
#include "devices/pci.h"
#include <span>
#include <vector>

namespace r86 {

class PciVga : public PciFunction {
public:
    static constexpr u32 kRegistersSize = 0x1000;

    /// `frame_buffer`: a power of two bytes that the guest may read and write directly, if set_direct says so;
    /// otherwise `linear` answers for them. `registers` answers in BAR 2.
    /// `rom`: the VGA BIOS, at most 64 KiB; empty for none.
    PciVga(std::span<u8> frame_buffer, MmioHandler& linear, MmioHandler& registers, std::span<const u8> rom);

    void set_direct(bool direct);

private:
    std::span<u8> frame_buffer_;
    MmioHandler& linear_;
    std::vector<u8> rom_; // in whole pages, so that it can be mapped
};

} // namespace r86

#pragma once
/// The display adapter's registers in memory: BAR 2 of its PCI function.
/// Layout: QEMU, docs/specs/standard-vga: the EDID at 0, ports 3C0h-3DFh from 400h on, the VBE registers without their
/// index port from 500h on, the byte order of the frame buffer at 604h.
/// NOT IMPLEMENTED: a frame buffer in big-endian order.
#include "core/bus.h"
#include "devices/vga.h"

namespace r86 {

class VgaMmio final : public MmioHandler {
public:
    explicit VgaMmio(Vga& vga) : vga_(vga) {}

    /// What leads nowhere reads 0. Half a VBE register can be read but not written.
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

private:
    u8 read8(u64 offset);

    Vga& vga_;
};

} // namespace r86

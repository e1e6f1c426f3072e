#include "devices/vga_mmio.h"
#include "devices/edid.h"

namespace r86 {

namespace {

constexpr u64 kPorts = 0x400;
constexpr u64 kPortsEnd = 0x420;
constexpr u16 kFirstPort = 0x3C0 - 0x3B0; // as an offset of the chip
constexpr u64 kVbe = 0x500;
constexpr u64 kVbeEnd = 0x516;
constexpr u64 kExtended = 0x600; // its first register is the size of the block
constexpr u64 kExtendedSize = 8;
constexpr u64 kByteOrder = 0x604;
constexpr u8 kLittleEndian = 0x1E; // in all four bytes

bool inside(u64 offset, u64 first, u64 end) { return offset >= first && offset < end; }

u16 port_of(u64 offset) { return static_cast<u16>(offset - kPorts + kFirstPort); }
u16 vbe_register(u64 offset) { return static_cast<u16>((offset - kVbe) / 2); }

} // namespace

u8 VgaMmio::read8(u64 offset) {
    const auto& edid = monitor_edid();
    if (offset < edid.size()) return edid[offset];
    if (inside(offset, kPorts, kPortsEnd)) return vga_.read8(port_of(offset));
    if (inside(offset, kVbe, kVbeEnd)) return static_cast<u8>(vga_.vbe().get(vbe_register(offset)) >> offset % 2 * 8);
    if (offset == kExtended) return kExtendedSize;
    if (inside(offset, kByteOrder, kByteOrder + 4)) return kLittleEndian;
    return 0;
}

u64 VgaMmio::read(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) value |= u64{read8(offset + i)} << 8 * i;
    return value;
}

void VgaMmio::write(u64 offset, unsigned size, u64 value) {
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        if (inside(at, kPorts, kPortsEnd)) {
            vga_.write8(port_of(at), static_cast<u8>(value >> 8 * i));
        } else if (inside(at, kVbe, kVbeEnd) && at % 2 == 0 && i + 1 < size) {
            vga_.vbe().set(vbe_register(at), static_cast<u16>(value >> 8 * i));
        }
    }
}

} // namespace r86

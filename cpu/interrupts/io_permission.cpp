/// I/O protection: SDM Vol. 1, 18.5 "Protected-Mode I/O"; SDM Vol. 2, IN and OUT, "Operation".
#include "cpu/segmentation/segmentation.h"

namespace r86 {

Fault Cpu::check_io_permission(u16 port, unsigned size) {
    if (!protected_mode() || (!v86() && cpl() <= iopl())) return Fault::none();
    // The map belongs to a 32-bit TSS; two bytes are read, so the byte after the last one must be inside the limit.
    if (s.tr.null || !(s.tr.type() & 8) || s.tr.limit < 0x67) return Fault::gp(0);
    u16 map_base = 0;
    if (Fault fault = read_system<u16>(*this, s.tr.base + 0x66, map_base)) return fault;
    const u32 at = u32{map_base} + port / 8;
    if (at + 1 > s.tr.limit) return Fault::gp(0);
    u16 bits = 0;
    if (Fault fault = read_system<u16>(*this, s.tr.base + at, bits)) return fault;
    return (bits >> (port & 7)) & ((1u << size) - 1) ? Fault::gp(0) : Fault::none();
}

} // namespace r86

#include "cpu/interrupts/debug.h"
#include "cpu/cpu.h"

namespace r86 {

namespace {

// R/Wn of DR7, SDM Vol. 3, figure 17-1.
constexpr unsigned kExecute = 0, kWriteOnly = 1, kPort = 2, kReadWrite = 3;

bool enabled(u64 dr7, unsigned n) { return (dr7 >> (2 * n)) & 3; }
unsigned kind(u64 dr7, unsigned n) { return (dr7 >> (16 + 4 * n)) & 3; }
/// LENn: 1, 2, 8 or 4 bytes.
unsigned length_of(u64 dr7, unsigned n) {
    constexpr unsigned kLengths[] = {1, 2, 8, 4};
    return kLengths[(dr7 >> (18 + 4 * n)) & 3];
}

/// The breakpoint covers its address rounded down to its length (SDM Vol. 3, 17.2.5).
bool overlaps(u64 breakpoint, unsigned covered, u64 address, unsigned length) {
    const u64 first = breakpoint & ~u64{covered - 1};
    return address < first + covered && first < address + length;
}

} // namespace

u32 match_data_breakpoints(const CpuState& s, u64 linear, unsigned length, bool write) {
    u32 hits = 0;
    for (unsigned n = 0; n < 4; ++n) {
        if (!enabled(s.dr[7], n)) continue;
        const unsigned what = kind(s.dr[7], n);
        if (what != kReadWrite && !(what == kWriteOnly && write)) continue;
        if (overlaps(s.dr[n], length_of(s.dr[7], n), linear, length)) hits |= 1u << n;
    }
    return hits;
}

u32 match_io_breakpoints(const CpuState& s, u16 port, unsigned size) {
    if (!(s.cr4 & kCR4_DE)) return 0;
    u32 hits = 0;
    for (unsigned n = 0; n < 4; ++n)
        if (enabled(s.dr[7], n) && kind(s.dr[7], n) == kPort && overlaps(s.dr[n], length_of(s.dr[7], n), port, size))
            hits |= 1u << n;
    return hits;
}

namespace {
u32 instruction_hits(const CpuState& s, u64 linear) {
    u32 hits = 0;
    for (unsigned n = 0; n < 4; ++n)
        if (enabled(s.dr[7], n) && kind(s.dr[7], n) == kExecute && length_of(s.dr[7], n) == 1 && s.dr[n] == linear)
            hits |= 1u << n;
    return hits;
}
} // namespace

bool match_instruction_breakpoint(const CpuState& s, u64 linear) { return instruction_hits(s, linear) != 0; }

void raise_instruction_breakpoint(Cpu& cpu, u64 linear) {
    // B0-B3 are set anew; the processor never clears BD, BS and BT (SDM Vol. 3, 17.2.3).
    cpu.s.dr[6] = (cpu.s.dr[6] & ~u64{15}) | instruction_hits(cpu.s, linear);
    cpu.raise(Fault::plain(Vector::DB));
}

void raise_debug_trap(Cpu& cpu) {
    cpu.s.dr[6] = (cpu.s.dr[6] & ~u64{15}) | cpu.s.debug_pending;
    cpu.s.debug_pending = 0;
    cpu.raise(Fault::plain(Vector::DB));
}

} // namespace r86

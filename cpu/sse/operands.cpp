/// 16-byte memory operands: see operands.h.
#include "cpu/sse/operands.h"
#include "cpu/interrupts/debug.h"
#include "cpu/mmu/mmu.h"

namespace r86::sse {

namespace {

/// Alignment first, as the hardware has it: #GP(0) even where the stack segment's limit would give #SS(0).
Fault locate(Cpu& cpu, unsigned seg, u64 offset, Access access, Alignment alignment, LinearAddr& linear) {
    const bool misaligned = alignment == Alignment::Required && ((cpu.s.seg[seg].base + offset) & 15);
    return misaligned ? Fault::gp(0) : cpu.segment_check(seg, offset, 16, access, linear);
}

/// Data breakpoints, then the translation of every byte. No #AC: an operand of 16 bytes is either aligned or of a form
/// that may be anywhere, and Intel's processors let those be (SDM Vol. 2, MOVUPS leaves it to the processor).
Fault check_and_translate(Cpu& cpu, u64 linear, Access access, PhysAddr at[2]) {
    if (cpu.s.dr[7] & 0xFF) cpu.note_debug_trap(match_data_breakpoints(cpu.s, linear, 16, access == Access::Write));
    return cpu.translate_range(linear, 16, access, cpu.cpl() == 3, at);
}

/// use(physical address, index, size) for the operand's pieces: two quadwords, or bytes where it leaves its page.
template <class Use>
void for_pieces(u64 linear, const PhysAddr at[2], Use use) {
    const auto in_first = static_cast<unsigned>(kPageSize - (linear & kPageMask));
    if (in_first >= 16) {
        use(at[0], 0u, 8u);
        use(at[0] + 8, 8u, 8u);
        return;
    }
    for (unsigned i = 0; i < 16; ++i) use(i < in_first ? at[0] + i : at[1] + (i - in_first), i, 1u);
}

} // namespace

Fault read_xmm(Cpu& cpu, unsigned seg, u64 offset, Xmm& out, Alignment alignment) {
    LinearAddr linear;
    if (Fault fault = locate(cpu, seg, offset, Access::Read, alignment, linear)) return fault;
    if (const u8* host = detail::tlb_hit<Xmm>(cpu.mmu().table->read, linear.value)) {
        std::memcpy(&out, host, sizeof out);
        return Fault::none();
    }
    PhysAddr at[2];
    if (Fault fault = check_and_translate(cpu, linear.value, Access::Read, at)) return fault;
    for_pieces(linear.value, at, [&](PhysAddr address, unsigned index, unsigned size) {
        const u64 value = cpu.physical_read(address, size);
        std::memcpy(&out.bytes[index], &value, size);
    });
    return Fault::none();
}

Fault write_xmm(Cpu& cpu, unsigned seg, u64 offset, Xmm value, Alignment alignment) {
    LinearAddr linear;
    if (Fault fault = locate(cpu, seg, offset, Access::Write, alignment, linear)) return fault;
    if (u8* host = detail::tlb_hit<Xmm>(cpu.mmu().table->write, linear.value)) {
        std::memcpy(host, &value, sizeof value);
        return Fault::none();
    }
    PhysAddr at[2];
    if (Fault fault = check_and_translate(cpu, linear.value, Access::Write, at)) return fault;
    for_pieces(linear.value, at, [&](PhysAddr address, unsigned index, unsigned size) {
        u64 piece = 0;
        std::memcpy(&piece, &value.bytes[index], size);
        cpu.physical_write(address, size, piece);
    });
    return Fault::none();
}

} // namespace r86::sse

/// 16-byte memory operands: see operands.h.
#include "cpu/sse/operands.h"
#include "cpu/mmu/mmu.h"

namespace r86::sse {

namespace {

/// Segment, alignment, then the host's address of the operand where the hot entry allows it.
Fault locate(Cpu& cpu, unsigned seg, u64 offset, Access access, Alignment alignment, LinearAddr& linear) {
    if (Fault fault = cpu.segment_check(seg, offset, 16, access, linear)) return fault;
    return alignment == Alignment::Required && (linear.value & 15) ? Fault::gp(0) : Fault::none();
}

/// #AC and data breakpoints for both halves, then the translation of every byte.
Fault check_and_translate(Cpu& cpu, u64 linear, Access access, PhysAddr at[2]) {
    const bool user = cpu.cpl() == 3, write = access == Access::Write;
    if (Fault fault = cpu.check_access(linear, 8, write, user)) return fault;
    if (Fault fault = cpu.check_access(linear + 8, 8, write, user)) return fault;
    return cpu.translate_range(linear, 16, access, user, at);
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

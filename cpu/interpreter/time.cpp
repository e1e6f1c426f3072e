/// Hot handler: RDTSC, which delay loops are made of.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"

namespace r86 {

namespace {

/// `a`: instructions of the block from this one on, which makes the boundary's tick of the budget.
void read_time_stamp(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    CpuState& s = cpu->s;
    if ((s.cr4 & kCR4_TSD) && cpu->cpl() != 0) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, scratch);
    s.tick = cpu->run_state.limit - static_cast<u64>(budget) - op->a;
    const u64 count = cpu->time_stamp_counter();
    s.gpr[RAX] = static_cast<u32>(count);
    s.gpr[RDX] = count >> 32;
    return go(cpu, op + 1, budget, tlb, eip, anything());
}

} // namespace

bool lower_time(const Insn& insn, LowerContext& context) {
    if (insn.mnemonic != Mnemonic::rdtsc) return false; // a model without it decodes an invalid opcode
    context.out.emit(read_time_stamp).a = static_cast<u8>(context.count - context.index);
    return true;
}

} // namespace r86

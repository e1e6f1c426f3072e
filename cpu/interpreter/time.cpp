/// Hot handlers: RDTSC and PAUSE, which delay loops are made of.
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

/// A wait that nothing can end before it is over. Single steps, which a trap could end, run no blocks.
void pause(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    const i64 left = budget - cpu->model.pause_ticks;
    if (left < 0) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, scratch);
    cpu->s.unretired += cpu->model.pause_ticks;
    return go(cpu, op + 1, left, tlb, eip, anything());
}

} // namespace

bool lower_time(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) { // a model without them decodes something else
    case Mnemonic::rdtsc:
        context.out.emit(read_time_stamp).a = static_cast<u8>(context.count - context.index);
        return true;
    case Mnemonic::pause: context.out.emit(pause); return true;
    default: return false;
    }
}

} // namespace r86

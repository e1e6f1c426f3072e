/// What handlers do when the fast way is closed: generic execution, TLB misses, unresolved links, the end of a budget.
#include "cpu/block/builder.h"
#include "cpu/decoder/table.h"
#include "cpu/interpreter/dispatch.h"
#include "cpu/interpreter/interpreter.h"
#include "cpu/interpreter/string_bulk.h"
#include "cpu/mmu/mmu.h"
#include <bit>

namespace r86 {

namespace {

/// Brings s.rip and s.tick to the boundary before operation `op` of the running block.
void synchronise(Cpu& cpu, const OpPlace& place, i64 budget, u64 eip) {
    const Block& block = *cpu.run_state.block;
    cpu.s.tick = cpu.run_state.limit - static_cast<u64>(budget) - (block.instructions - place.index);
    cpu.s.rip = (eip + place.offset) & 0xFFFFFFFF;
}

/// The operation after the instruction that stands at `op`; nullptr if that instruction was fused with a later one.
const Op* following(const Block& block, const Op* op) {
    const unsigned index = block.place(op).index;
    for (const Op* next = op + 1; next != block.ops() + block.slots; ++next) {
        const unsigned next_index = block.place(next).index;
        if (next_index != index) return next_index == index + 1 ? next : nullptr;
    }
    return nullptr;
}

} // namespace

// A function that ends in a tail call may not have a local whose address was taken: the compiler would have to keep its
// frame alive and turn the tail call into a call. So what needs locals stands in functions of its own.

/// One instruction in its generic form. The operation to go on with; nullptr: leave.
[[gnu::noinline]] static const Op* step_generic(Cpu& cpu, const Op* op, i64 budget, u64 eip) {
    CpuState& s = cpu.s;
    const Block& block = *cpu.run_state.block;
    const OpPlace place = block.place(op);
    synchronise(cpu, place, budget, eip);
    const Insn& insn = cpu.interpreter().insn_at(block, place);
    const OpcodeRow& what = row(insn.row);
    s.next_rip = (s.rip + insn.length) & 0xFFFFFFFF;
    const u64 fall_through = s.next_rip;
    if (Fault fault = what.semantic(cpu, insn)) [[unlikely]] {
        cpu.raise(fault);
        ++s.tick;
        ++s.unretired;
        return nullptr;
    }
    ++s.tick;
    s.rip = s.next_rip;
    if (s.rip != fall_through || ends_decoded_block(insn) || cpu.run_state.leave) return nullptr;
    return following(block, op);
}

void run_generic(Cpu* cpu, const Op* op, i64 budget, TlbTable*, u64 eip, u64 scratch) {
    const Op* next = step_generic(*cpu, op, budget, eip);
    if (!next) return leave(cpu);
    return go(cpu, next, budget, cpu->mmu().table, eip, scratch);
}

void raise_fault(Cpu* cpu, const Op*, i64, TlbTable*, u64, u64 fault) {
    CpuState& s = cpu->s;
    cpu->raise(std::bit_cast<Fault>(fault));
    ++s.tick;
    ++s.unretired;
    return leave(cpu);
}

template <bool ends>
void run_semantic(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    CpuState& s = cpu->s;
    const RunState& run = cpu->run_state;
    const SemanticOp& what = reinterpret_cast<const SemanticOp&>(*op);
    s.tick = run.limit - static_cast<u64>(budget) - (run.block->instructions - what.index);
    s.rip = (eip + what.offset) & 0xFFFFFFFF;
    s.next_rip = (eip + what.end) & 0xFFFFFFFF;
    const Fault fault = what.semantic(*cpu, *what.insn);
    if (fault) [[unlikely]]
        return raise_fault(cpu, op, budget, tlb, eip, std::bit_cast<u64>(fault));
    if (ends || run.leave) {
        ++s.tick;
        s.rip = s.next_rip;
        return leave(cpu);
    }
    return go(cpu, op + kSemanticSlots, budget, cpu->mmu().table, eip, scratch);
}
template void run_semantic<false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void run_semantic<true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);

template <unsigned size, bool write>
void tlb_miss(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 linear) {
    const Handler handler = op->handler;
    const bool in_one_page = (linear & kPageMask) + size <= kPageSize;
    if (linear != kNoLinear && in_one_page) {
        // A fault while filling is found again, and raised, by the generic form.
        if (cpu->mmu().fill(linear, write ? Access::Write : Access::Read) && !cpu->run_state.block->dead)
            return handler(cpu, op, budget, tlb, eip, 0);
    }
    return run_generic(cpu, op, budget, tlb, eip, 0);
}

template void tlb_miss<1, false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<2, false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<4, false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<8, false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<16, false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<1, true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<2, true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<4, true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<8, true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void tlb_miss<16, true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);

namespace {

/// At the boundary between two blocks, `eip` the next one: tells the dispatcher where it is.
void stand_at(Cpu& cpu, i64 budget, u64 eip) {
    cpu.s.tick = cpu.run_state.limit - static_cast<u64>(budget);
    cpu.s.rip = eip;
}

} // namespace

void out_of_budget(Cpu* cpu, const Op*, i64 budget, TlbTable*, u64 eip, u64) {
    stand_at(*cpu, budget, eip);
    return leave(cpu);
}

void run_dead(Cpu* cpu, const Op*, i64 budget, TlbTable*, u64 eip, u64) {
    // A dead block costs nothing, so nothing was charged for it.
    stand_at(*cpu, budget, eip);
    return leave(cpu);
}

void check_code_limit(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    const Block& block = *cpu->run_state.block;
    if (eip + block.code_length - 1 > cpu->s.seg[CS].limit) [[unlikely]] {
        stand_at(*cpu, budget + block.instructions, eip);
        cpu->run_state.leave = true; // the dispatcher runs one instruction by itself
        return leave(cpu);
    }
    return go(cpu, op + 1, budget, tlb, eip, scratch);
}

template <unsigned which>
void resolve_link(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    stand_at(*cpu, budget, eip);
    Interpreter& interpreter = cpu->interpreter();
    if (!interpreter.settings().chain) return leave(cpu);
    const u64 generation = interpreter.cache().generation();
    const Block* source = cpu->run_state.block;
    Block* target = interpreter.find_block();
    if (!target) return leave(cpu);
    // A block that stands in two pages is only right while both translations hold: asked for each time.
    if (generation == interpreter.cache().generation() && !source->dead && target->second_page == Block::kNoPage &&
        !interpreter.may_break_at(target->physical)) {
        auto* link = const_cast<Link*>(reinterpret_cast<const Link*>(op + 1 + 2 * which));
        interpreter.cache().link(link, target, cpu->run_state.space);
    }
    return enter_block(cpu, op, target, budget, tlb, eip, scratch);
}

template void resolve_link<0>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void resolve_link<1>(Cpu*, const Op*, i64, TlbTable*, u64, u64);

void resolve_jump(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    stand_at(*cpu, budget, eip);
    Interpreter& interpreter = cpu->interpreter();
    if (!interpreter.settings().chain) return leave(cpu);
    Block* target = interpreter.find_block();
    if (!target) return leave(cpu);
    return enter_block(cpu, op, target, budget, tlb, eip, scratch);
}

void run_string(Cpu* cpu, const Op* op, i64 budget, TlbTable*, u64 eip, u64) {
    CpuState& s = cpu->s;
    RunState& run = cpu->run_state;
    const Block& block = *run.block;
    const OpPlace place = block.place(op);
    synchronise(*cpu, place, budget, eip);
    const Insn& insn = cpu->interpreter().insn_at(block, place);
    const Semantic semantic = row(insn.row).semantic;
    const u64 start = s.rip;
    const u64 after = (s.rip + insn.length) & 0xFFFFFFFF;
    for (;;) {
        // One iteration is always within the budget: it was charged with the block.
        const u64 many = string_bulk(*cpu, insn, run.limit - s.tick);
        if (many) {
            s.tick += many;
            s.rip = string_finished(*cpu, insn) ? after : start;
        } else {
            s.next_rip = after;
            if (Fault fault = semantic(*cpu, insn)) {
                cpu->raise(fault);
                ++s.tick;
                ++s.unretired;
                return leave(cpu);
            }
            ++s.tick;
            s.rip = s.next_rip;
        }
        if (s.rip != start || s.tick >= run.limit || run.leave) return leave(cpu);
    }
}

} // namespace r86

#pragma once
/// How one operation reaches the next. In optimised builds a handler tail-calls the next one, so the interpreter's
/// whole context stays in argument registers; other builds (-O0, sanitizers) return to a loop.
#include "cpu/block/op.h"
#include "cpu/cpu.h"
#include <bit>
#include <cstdint>
#include <cstring>

namespace r86 {

/// Of a general register, or of the zero behind them. Read in its own width: of 64 bits the compiler would take the
/// lower half twice, once extended by an instruction.
inline u32 gpr32(const Cpu& cpu, unsigned reg) {
    if constexpr (std::endian::native == std::endian::little) {
        u32 value;
        std::memcpy(&value, cpu.s.gpr.data() + reg, sizeof value);
        return value;
    } else {
        return static_cast<u32>(cpu.s.gpr.data()[reg]);
    }
}

/// Some value, whatever a register holds: what is passed where nobody reads `scratch`, so that no register has to keep
/// its old value and a handler has one more to work with.
[[gnu::always_inline]] inline u64 anything() {
#if defined(__GNUC__) && !defined(R86_LOOP_DISPATCH)
    u64 value;
    asm("" : "=r"(value));
    return value;
#else
    return 0;
#endif
}

/// Runs `op`.
[[gnu::always_inline]] inline void go(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
#ifdef R86_LOOP_DISPATCH
    RunState& run = cpu->run_state;
    run.next_op = op;
    run.next_budget = budget;
    run.next_tlb = tlb;
    run.next_eip = eip;
    run.next_scratch = scratch;
#else
    return op->handler(cpu, op, budget, tlb, eip, scratch);
#endif
}

/// Leaves the threaded code for the dispatcher, which goes on at s.rip.
[[gnu::always_inline]] inline void leave(Cpu* cpu) {
#ifdef R86_LOOP_DISPATCH
    cpu->run_state.next_op = nullptr;
#else
    (void)cpu;
#endif
}

/// The first call from the dispatcher.
inline void enter_threaded(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip) {
    go(cpu, op, budget, tlb, eip, 0);
#ifdef R86_LOOP_DISPATCH
    RunState& run = cpu->run_state;
    while (run.next_op)
        run.next_op->handler(cpu, run.next_op, run.next_budget, run.next_tlb, run.next_eip, run.next_scratch);
#endif
}

/// The scratch value that sends a hot handler's cold path straight to the generic form (segment limit, wrap-around).
inline constexpr u64 kNoLinear = ~u64{0};

// ---- cold paths (cold.cpp); same signature as a handler
// -----------------------------------------------------------------

/// Carries out one instruction in its generic form and goes on with the next operation, or leaves.
void run_generic(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);
/// An operation that calls the semantic function of its instruction, decoded when the block was built. `ends`: the
/// dispatcher looks behind it whatever happens.
template <bool ends>
void run_semantic(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);
/// Raises the Fault that `fault` holds; s.rip stands on the instruction.
void raise_fault(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 fault);
/// A hot memory access missed the TLB at linear address `scratch`: fill and retry, else the generic form. `slots` > 0:
/// an operation of so many slots that makes just this access and ends no block, so that a copy of it can run alone.
template <unsigned size, bool write, unsigned slots = 0>
void tlb_miss(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 linear);
/// Where a store of the current privilege goes that missed because its page holds decoded code, if none of that code is
/// changed by it and nobody else watches; nullptr says nothing.
u8* place_beside_code(Cpu& cpu, u64 linear, unsigned size);
/// A direct exit to `eip` whose link, at address `scratch`, is not resolved or holds in another code space.
void resolve_link(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 link);
/// The target of the link at address `scratch` was charged and is unresolved or costs more than what was left.
void cannot_follow(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 link);
/// An indirect branch to `eip` that the jump cache does not know.
void resolve_jump(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);
/// The block at address `scratch`, which starts at `eip`, was charged and costs more than what was left.
void out_of_budget(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 block);
/// The instruction before `op` is over, and the block must be left there: its mode is another, somebody wants to look.
void leave_before(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);
/// First operation of a killed block.
void run_dead(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);
/// First operation of blocks in code segments that are not flat: the whole block must lie inside the limit.
void check_code_limit(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);
/// REP string instructions: many iterations at once where nothing watches.
void run_string(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);

// ---- exits
// --------------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void enter_block(Cpu* cpu, const Op* op, Block* target, i64 budget, TlbTable* tlb,
                                               u64 eip) {
    budget -= target->cost;
    if (budget < 0) [[unlikely]]
        return out_of_budget(cpu, op, budget, tlb, eip, reinterpret_cast<std::uintptr_t>(target));
    cpu->run_state.block = target;
    return go(cpu, target->ops(), budget, tlb, eip, anything());
}

/// Follows a link behind an exit operation. `eip` is the target's.
template <bool in_page>
[[gnu::always_inline]] inline void follow(Cpu* cpu, const Op* op, const Link* link, i64 budget, TlbTable* tlb,
                                          u64 eip) {
    if constexpr (!in_page) {
        if (link->space != cpu->run_state.space) [[unlikely]]
            return resolve_link(cpu, op, budget, tlb, eip, reinterpret_cast<std::uintptr_t>(link));
    }
    Block* target = link->target;
    budget -= target->cost;
    if (budget < 0) [[unlikely]]
        return cannot_follow(cpu, op, budget, tlb, eip, reinterpret_cast<std::uintptr_t>(link));
    cpu->run_state.block = target;
    return go(cpu, target->ops(), budget, tlb, eip, anything());
}

/// The links of an exit operation; number 0 is the taken branch.
inline const Link* link_of(const Op* op, unsigned which) { return reinterpret_cast<const Link*>(op + 1) + which; }

inline usize jump_slot(u64 linear) { return (linear ^ (linear >> 12)) & (kJumpCacheSize - 1); }

/// Goes to `eip`, which was computed. `flat`: CS is, so that the offset is the linear address.
template <bool flat = false>
[[gnu::always_inline]] inline void jump_to(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    const u64 linear = flat ? eip : static_cast<u32>(cpu->s.seg[CS].base + eip);
    const JumpEntry& entry = cpu->run_state.jumps[jump_slot(linear)];
    if (entry.linear != linear || entry.space != cpu->run_state.space) [[unlikely]]
        return resolve_jump(cpu, op, budget, tlb, eip, scratch);
    return enter_block(cpu, op, entry.block, budget, tlb, eip);
}

} // namespace r86

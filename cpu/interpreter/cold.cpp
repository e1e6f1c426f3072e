/// What handlers do when the fast way is closed: generic execution, TLB misses, unresolved links, the end of a budget.
#include "cpu/block/builder.h"
#include "cpu/decoder/table.h"
#include "cpu/interpreter/dispatch.h"
#include "cpu/interpreter/interpreter.h"
#include "cpu/interpreter/string_bulk.h"
#include "cpu/mmu/mmu.h"
#include <bit>
#include <cstring>

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

/// Instead of an instruction: the delivery of its fault, which takes a tick and retires nothing.
void take_fault(Cpu& cpu, Fault fault) {
    cpu.raise(fault);
    ++cpu.s.tick;
    ++cpu.s.unretired;
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
        take_fault(cpu, fault);
        return nullptr;
    }
    ++s.tick;
    s.rip = s.next_rip;
    if (s.rip != fall_through || ends_decoded_block(insn) || cpu.run_state.leave) return nullptr;
    return following(block, op);
}

namespace {

/// Must the dispatcher look before the next instruction? Whatever Interpreter::run asks about at a boundary.
bool must_look(const Cpu& cpu) {
    const CpuState& s = cpu.s;
    const unsigned waits = s.shadow | s.halted | s.shutdown | s.smi_pending | s.nmi_pending;
    return cpu.exit_requested() || s.pause_end || (s.eflags & (kTF | kRF)) || waits || s.debug_pending ||
           (s.intr && (s.eflags & kIF)) || (s.dr[7] & 0xFF);
}

/// RF stands: a fault's handler has returned to the instruction that faulted. RF covers the start of one instruction,
/// and with no breakpoint armed nothing looks at it, so it goes where the block at this boundary is certain to begin.
bool resume_after_fault(Cpu& cpu) {
    CpuState& s = cpu.s;
    Interpreter& interpreter = cpu.interpreter();
    if (!(s.eflags & kRF) || !interpreter.settings().chain) return false;
    s.eflags &= ~kRF;
    const Block* block = must_look(cpu) ? nullptr : interpreter.find_block();
    const bool begins = block && static_cast<u64>(block->cost) <= cpu.run_state.limit - s.tick &&
                        block->ops()->handler != check_code_limit;
    if (!begins) s.eflags |= kRF;
    return begins;
}

} // namespace

/// At the boundary where s.rip and s.tick stand: into the next block without the dispatcher where that is the same.
static void go_on(Cpu* cpu, const Op* op, u64 scratch) {
    if (must_look(*cpu) && !resume_after_fault(*cpu)) return leave(cpu);
    cpu->run_state.leave = false;
    const auto budget = static_cast<i64>(cpu->run_state.limit - cpu->s.tick);
    return jump_to(cpu, op, budget, cpu->mmu().table, cpu->s.rip, scratch);
}

void run_generic(Cpu* cpu, const Op* op, i64 budget, TlbTable*, u64 eip, u64 scratch) {
    const Op* next = step_generic(*cpu, op, budget, eip);
    if (!next) return go_on(cpu, op, scratch);
    return go(cpu, next, budget, cpu->mmu().table, eip, scratch);
}

void leave_before(Cpu* cpu, const Op* op, i64 budget, TlbTable*, u64 eip, u64 scratch) {
    synchronise(*cpu, cpu->run_state.block->place(op), budget, eip);
    return go_on(cpu, op, scratch);
}

void raise_fault(Cpu* cpu, const Op* op, i64, TlbTable*, u64, u64 fault) {
    take_fault(*cpu, std::bit_cast<Fault>(fault));
    return go_on(cpu, op, 0);
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
        return go_on(cpu, op, scratch);
    }
    return go(cpu, op + kSemanticSlots, budget, cpu->mmu().table, eip, scratch);
}
template void run_semantic<false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
template void run_semantic<true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);

namespace {

/// Behind the copy of a store to a watched page.
void end_watched_store(Cpu* cpu, const Op*, i64 budget, TlbTable*, u64 eip, u64 scratch) {
    RunState& run = cpu->run_state;
    RunState::WatchedStore& store = run.watched_store;
    *store.entry = store.saved;
    if (store.code && std::memcmp(store.code, store.before.data(), store.size) != 0)
        cpu->interpreter().code_write(store.at, store.size);
    if (run.leave) [[unlikely]] { // the store killed the running block or changed what its addresses lead to
        synchronise(*cpu, run.block->place(store.next), budget, eip);
        return go_on(cpu, store.next, scratch);
    }
    return go(cpu, store.next, budget, cpu->mmu().table, eip, scratch);
}

/// A store to a page with decoded code or page tables: tells who watches, and opens the page for one operation.
void open_watched_page(Cpu& cpu, const Op* op, unsigned slots, u64 linear, PhysAddr physical, const Page& page,
                       unsigned size) {
    Mmu& mmu = cpu.mmu();
    if (page.watch & kWatchPageTable) mmu.page_table_write(physical, size);
    RunState::WatchedStore& store = cpu.run_state.watched_store;
    store.code = nullptr;
    if ((page.watch & kWatchCode) && cpu.interpreter().cache().overlaps_code(physical, size)) {
        store.code = page.write + (physical.value & kPageMask);
        store.size = size;
        store.at = physical;
        std::memcpy(store.before.data(), store.code, size);
    }
    store.ops[0] = op[0];
    store.ops[1] = op[1]; // an immediate, or what is replaced next
    store.ops[slots] = Op{};
    store.ops[slots].handler = end_watched_store;
    store.next = op + slots;
    store.entry = &mmu.table->write[tlb_index(linear)];
    store.saved = *store.entry;
    const u64 page_linear = linear & ~kPageMask;
    *store.entry = {page_linear, static_cast<i64>(reinterpret_cast<std::intptr_t>(page.write) -
                                                  static_cast<std::intptr_t>(page_linear))};
}

} // namespace

/// DOS keeps code, data and stack in one page: a watched page that was written to before needs no second look.
static bool open_known(Cpu& cpu, const Op* op, unsigned slots, u64 linear, unsigned size) {
    PhysAddr physical;
    const Page* page = cpu.mmu().known_watched(linear, physical);
    if (page) open_watched_page(cpu, op, slots, linear, physical, *page, size);
    return page;
}

u8* place_beside_code(Cpu& cpu, u64 linear, unsigned size) {
    if (linear == kNoLinear || (linear & kPageMask) + size > kPageSize) return nullptr;
    PhysAddr physical;
    const Page* page = cpu.mmu().known_watched(linear, physical);
    if (!page || page->watch != kWatchCode || cpu.interpreter().cache().overlaps_code(physical, size)) return nullptr;
    return page->write + (linear & kPageMask);
}

/// What a miss came to. `Raised`: a page fault, which is delivered.
enum class Refill { Generic, Retry, Opened, Raised };

/// `slots` > 0: a store that is its operation's only access, checked but for paging, so its fault is the instruction's.
/// Without, a fault is found again, and raised, by the generic form.
template <unsigned size, bool write, unsigned slots>
[[gnu::noinline]] static Refill refill(Cpu& cpu, const Op* op, i64 budget, u64 eip, u64 linear) {
    Mmu& mmu = cpu.mmu();
    if constexpr (slots > 0) {
        if (open_known(cpu, op, slots, linear, size)) return Refill::Opened;
    } else if constexpr (write) { // the generic form knows the page, too
        PhysAddr known;
        if (mmu.known_watched(linear, known)) return Refill::Generic;
    }
    const bool user = cpu.cpl() == 3;
    if (!mmu.table_for(user)) return Refill::Generic; // alignment is checked before pages
    PhysAddr physical;
    if (Fault fault = mmu.translate(linear, write ? Access::Write : Access::Read, user, physical)) {
        if constexpr (slots == 0) return Refill::Generic;
        synchronise(cpu, cpu.run_state.block->place(op), budget, eip);
        take_fault(cpu, fault);
        return Refill::Raised;
    }
    if (cpu.run_state.block->dead) return Refill::Generic;
    const TlbEntry& entry = write ? mmu.table->write[tlb_index(linear)] : mmu.table->read[tlb_index(linear)];
    if (entry.tag == (linear & ~kPageMask)) return Refill::Retry;
    if constexpr (slots > 0)
        if (mmu.may_open(linear, physical)) {
            open_watched_page(cpu, op, slots, linear, physical, cpu.memory.page(physical), size);
            return Refill::Opened;
        }
    return Refill::Generic;
}

template <unsigned size, bool write, unsigned slots>
void tlb_miss(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 linear) {
    const Handler handler = op->handler;
    if (linear != kNoLinear && (linear & kPageMask) + size <= kPageSize) {
        const Refill found = refill<size, write, slots>(*cpu, op, budget, eip, linear);
        if (found == Refill::Retry) return handler(cpu, op, budget, tlb, eip, 0);
        if constexpr (slots > 0) {
            if (found == Refill::Opened) return handler(cpu, cpu->run_state.watched_store.ops, budget, tlb, eip, 0);
            if (found == Refill::Raised) return go_on(cpu, op, 0);
        }
    }
    return run_generic(cpu, op, budget, tlb, eip, 0);
}

#define R86_TLB_MISS(size)                                                                                             \
    template void tlb_miss<size, false>(Cpu*, const Op*, i64, TlbTable*, u64, u64);                                    \
    template void tlb_miss<size, true>(Cpu*, const Op*, i64, TlbTable*, u64, u64);                                     \
    template void tlb_miss<size, true, 1>(Cpu*, const Op*, i64, TlbTable*, u64, u64);                                  \
    template void tlb_miss<size, true, 2>(Cpu*, const Op*, i64, TlbTable*, u64, u64);
R86_TLB_MISS(1)
R86_TLB_MISS(2)
R86_TLB_MISS(4)
R86_TLB_MISS(8)
R86_TLB_MISS(16)
#undef R86_TLB_MISS

namespace {

/// At the boundary between two blocks, `eip` the next one: tells the dispatcher where it is.
void stand_at(Cpu& cpu, i64 budget, u64 eip) {
    cpu.s.tick = cpu.run_state.limit - static_cast<u64>(budget);
    cpu.s.rip = eip;
}

} // namespace

void out_of_budget(Cpu* cpu, const Op*, i64 budget, TlbTable*, u64 eip, u64 block) {
    stand_at(*cpu, budget + reinterpret_cast<const Block*>(block)->cost, eip);
    return leave(cpu);
}

void cannot_follow(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 link) {
    const Block* target = reinterpret_cast<const Link*>(link)->target;
    budget += target->cost;
    if (target == unresolved_block()) return resolve_link(cpu, op, budget, tlb, eip, link);
    stand_at(*cpu, budget, eip);
    return leave(cpu);
}

void run_dead(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    // A dead block costs nothing, so nothing was charged for it. What led here has asked all that must hold for it.
    Block* block = cpu->run_state.block;
    if (cpu->interpreter().revive(block)) return enter_block(cpu, op, block, budget, tlb, eip);
    BlockCache::cut_links(block); // whoever comes again finds what stands there now
    return resolve_jump(cpu, op, budget, tlb, eip, scratch);
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

void resolve_link(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 link) {
    stand_at(*cpu, budget, eip);
    Interpreter& interpreter = cpu->interpreter();
    if (!interpreter.settings().chain) return leave(cpu);
    const u64 generation = interpreter.cache().generation();
    const Block* source = cpu->run_state.block;
    Block* target = interpreter.find_block();
    if (!target) return leave(cpu);
    // A block that stands in two pages is only right while both translations hold: asked for each time.
    if (generation == interpreter.cache().generation() && !source->dead && target->second_page == Block::kNoPage &&
        !interpreter.may_break_at(target->physical))
        interpreter.cache().link(reinterpret_cast<Link*>(link), target, cpu->run_state.space);
    return enter_block(cpu, op, target, budget, tlb, eip);
}

void resolve_jump(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    stand_at(*cpu, budget, eip);
    Interpreter& interpreter = cpu->interpreter();
    if (!interpreter.settings().chain) return leave(cpu);
    Block* target = interpreter.find_block();
    if (!target) return leave(cpu);
    return enter_block(cpu, op, target, budget, tlb, eip);
}

/// A repeated string instruction: to its end, to a fault, or as far as the budget and whoever wants to look allow.
[[gnu::noinline]] static void repeat_string(Cpu& cpu, const Op* op, i64 budget, u64 eip) {
    CpuState& s = cpu.s;
    RunState& run = cpu.run_state;
    const Block& block = *run.block;
    const OpPlace place = block.place(op);
    synchronise(cpu, place, budget, eip);
    const Insn& insn = cpu.interpreter().insn_at(block, place);
    const Semantic semantic = row(insn.row).semantic;
    const u64 start = s.rip;
    const u64 after = (s.rip + insn.length) & 0xFFFFFFFF;
    const auto flags_before = s.flags; // CMPS and SCAS show theirs at the end, as exec::cmps; the others have none
    for (;;) {
        // One iteration is always within the budget: it was charged with the block.
        const u64 many = string_bulk(cpu, insn, run.limit - s.tick);
        if (many) {
            s.tick += many;
            const bool finished = string_finished(cpu, insn);
            s.rip = finished ? after : start;
            if (finished) {
                s.end_repeat();
            } else {
                s.flags = flags_before;
                s.continue_repeat(s.tick);
            }
        } else {
            s.next_rip = after;
            if (Fault fault = semantic(cpu, insn)) {
                take_fault(cpu, fault);
                return;
            }
            ++s.tick;
            s.rip = s.next_rip;
        }
        if (s.rip != start || s.tick >= run.limit || run.leave) return;
    }
}

void run_string(Cpu* cpu, const Op* op, i64 budget, TlbTable*, u64 eip, u64) {
    repeat_string(*cpu, op, budget, eip);
    return go_on(cpu, op, 0);
}

} // namespace r86

#include "cpu/interpreter/interpreter.h"
#include "cpu/block/builder.h"
#include "cpu/decoder/table.h"
#include "cpu/interpreter/dispatch.h"
#include "cpu/interrupts/debug.h"
#include "cpu/mmu/mmu.h"
#include "cpu/sse/host_float.h"
#include <algorithm>
#include <cstring>

namespace r86 {

Interpreter::Interpreter(Cpu& cpu, const InterpreterSettings& settings)
    : cpu_(cpu), settings_(settings), decoder_(cpu.model), cache_(cpu.memory, settings.cache_bytes),
      jumps_(std::make_unique<JumpEntry[]>(kJumpCacheSize)) {
    cache_.set_dead_handler(run_dead);
    cpu_.run_state.jumps = jumps_.get();
}

Interpreter::~Interpreter() = default;

void Interpreter::set_settings(const InterpreterSettings& settings) {
    settings_.max_block = std::min(settings.max_block, kMaxBlockInstructions);
    settings_.chain = settings.chain;
    cpu_.run_state.short_ways = settings_.max_block > 0;
    drop_blocks();
}

void Interpreter::drop_blocks() {
    cache_.drop_all();
    std::fill_n(jumps_.get(), kJumpCacheSize, JumpEntry{});
    generation_seen_ = cache_.generation();
    cpu_.run_state.leave = true;
}

void Interpreter::set_breakpoints(std::vector<u64> linear_addresses) {
    std::sort(linear_addresses.begin(), linear_addresses.end());
    if (linear_addresses == breakpoints_) return;
    breakpoints_ = std::move(linear_addresses);
    breakpoint_offsets_.fill(0);
    for (const u64 linear : breakpoints_)
        breakpoint_offsets_[(linear & kPageMask) / 64] |= u64{1} << ((linear & kPageMask) % 64);
    drop_blocks();
}

bool Interpreter::breakpoint_at(u64 linear) const {
    return !breakpoints_.empty() && std::binary_search(breakpoints_.begin(), breakpoints_.end(), linear);
}

bool Interpreter::stop_at_breakpoint() {
    const CpuState& s = cpu_.s;
    if (passed_ == s.tick || !cpu_.watcher() || !breakpoint_at((s.seg[CS].base + s.rip) & 0xFFFFFFFF)) return false;
    if (!cpu_.watcher()->at_breakpoint((s.seg[CS].base + s.rip) & 0xFFFFFFFF)) return false;
    passed_ = s.tick;
    return true;
}

// ---- modes
// --------------------------------------------------------------------------------------------------------------

namespace {

/// The mode bits that depend on one segment register.
u32 segment_bits(const CpuState& s, unsigned seg, bool checked) {
    const Segment& segment = s.seg[seg];
    u32 bits = 0;
    if ((segment.base | (segment.limit ^ 0xFFFFFFFF)) == 0) {
        // Data: writable and not expand-down, unless it is real or virtual-8086 mode.
        const bool usable = !segment.null && (!checked || (segment.attributes & 0xE) == 2);
        if (seg == CS || usable) bits = kFlatBits[seg];
    }
    return segment.db() ? bits | kWideBits[seg] : bits;
}

} // namespace

u32 Interpreter::compute_mode() const {
    const CpuState& s = cpu_.s;
    const bool protected_mode = cpu_.protected_mode();
    u32 mode = 0;
    if (cpu_.cpl() == 3) mode |= kModeUser;
    if (!protected_mode) mode |= kModeReal;
    if (cpu_.v86()) mode |= kModeV86;
    for (unsigned seg : {ES, CS, SS, DS}) mode |= segment_bits(s, seg, protected_mode);
    if (!(s.cr0 & (kCR0_EM | kCR0_TS))) {
        mode |= kModeFpu;
        if (s.cr4 & kCR4_OSFXSR) mode |= kModeSse | (sse::host_float_possible(s) ? u32{kModeHostFloat} : 0);
    }
    if (s.smm) mode |= kModeSmm;
    return mode;
}

void Interpreter::compute_segment_end(unsigned seg) {
    const Segment& segment = cpu_.s.seg[seg];
    const u64 end = u64{segment.limit} + 1;
    const unsigned type = segment.attributes & 0xF;
    u64 readable = (type & 0xC) == 4 ? 0 : end; // expand-down: the slow check knows
    u64 writable = readable;
    if (!cpu_.real_or_v86()) {
        if (segment.null) readable = writable = 0;
        if ((type & 0xA) == 8) readable = 0;
        if ((type & 0xA) != 2) writable = 0;
    }
    cpu_.run_state.read_end[seg] = readable;
    cpu_.run_state.write_end[seg] = writable;
}

void Interpreter::mode_changed() {
    sse::host_float_follow(cpu_); // CR4.OSFXSR
    mode_ = compute_mode();
    for (unsigned seg = 0; seg < kSegments; ++seg) compute_segment_end(seg);
    code_space_changed();
}

void Interpreter::segment_changed(Seg seg) {
    compute_segment_end(seg);
    const u32 before = mode_;
    mode_ = (before & ~kSegmentBits[seg]) | segment_bits(cpu_.s, seg, cpu_.protected_mode());
    if (mode_ != before) code_space_changed();
}

void Interpreter::mxcsr_changed() {
    mode_ = compute_mode();
    code_space_changed();
}

void Interpreter::code_space_changed() {
    const u64 space = cpu_.mmu().code_space() << 16 | mode_;
    if (space == cpu_.run_state.space) return;
    cpu_.run_state.space = space;
    cpu_.run_state.leave = true;
}

void Interpreter::code_write(PhysAddr address, unsigned length) {
    cache_.code_written(address, length);
    leave_if_dead();
}

void Interpreter::leave_if_dead() {
    if (cpu_.run_state.block && cpu_.run_state.block->dead) cpu_.run_state.leave = true;
}

void Interpreter::mapping_changed(PhysAddr first, PhysAddr last) {
    // SMRAM has blocks of its own (kModeSmm), so showing and hiding it changes no block.
    if (first.value >= 0xA0000 && last.value < 0xC0000) return;
    cache_.drop_range(first.value, last.value);
    leave_if_dead();
}

// ---- finding and decoding
// -------------------------------------------------------------------------------------------------

Block* Interpreter::find_block() {
    const CpuState& s = cpu_.s;
    const u64 linear = (s.seg[CS].base + s.rip) & 0xFFFFFFFF;
    if (breakpoint_at(linear)) return nullptr;
    JumpEntry& entry = jumps_[jump_slot(linear)];
    const bool known = entry.linear == linear && entry.space == cpu_.run_state.space;
    if (known && (!entry.block->dead || revive(entry.block))) return entry.block;
    if (settings_.max_block == 0 || s.rip > s.seg[CS].limit) return nullptr;
    PhysAddr physical;
    if (Fault fault = cpu_.mmu().translate(linear, Access::Execute, cpu_.cpl() == 3, physical)) return nullptr;
    if (!cpu_.memory.exists(physical) || !cpu_.memory.page(physical).read) return nullptr;
    Block* block = cache_.find(physical.value, mode_);
    if (block && block->second_page != Block::kNoPage) {
        PhysAddr second;
        const u64 next_page = (linear & ~kPageMask) + kPageSize;
        if (Fault fault = cpu_.mmu().translate(next_page & 0xFFFFFFFF, Access::Execute, cpu_.cpl() == 3, second))
            return nullptr;
        if (second.value != block->second_page) {
            cache_.code_written(physical, 1);
            block = nullptr;
        }
    }
    if (!block) block = cache_.find_dead(physical.value, mode_, [this](Block* dead) { return revive(dead); });
    if (!block) block = build(physical.value, linear);
    if (block && block->second_page == Block::kNoPage) remember_jump(linear, block);
    return block;
}

void Interpreter::remember_jump(u64 linear, Block* block) {
    jumps_[jump_slot(linear)] = {linear, cpu_.run_state.space, block, 0};
}

Block* Interpreter::build(u64 physical, u64 linear) {
    const u8* page = cpu_.memory.page({physical}).read;
    const u64 in_page = physical & kPageMask;
    const auto code_size = mode_ & kModeCode32 ? CodeSize::Bits32 : CodeSize::Bits16;
    unsigned count = 0;
    unsigned length = 0;
    u64 second_page = Block::kNoPage;
    std::array<u8, 15> joined{};
    const u8* code = page + in_page;
    while (count < settings_.max_block && length + 15 < 256) {
        const std::span<const u8> bytes(page + in_page + length, kPageSize - in_page - length);
        if (bytes.empty() || (count && may_break_at(physical + length))) break;
        Insn& insn = decoded_[count];
        DecodeResult result = decoder_.decode(bytes, code_size, insn);
        if (result == DecodeResult::NeedMoreBytes) {
            if (count) break;
            // The only instruction of its block, keyed by both pages.
            PhysAddr second;
            const u64 next_page = ((linear & ~kPageMask) + kPageSize) & 0xFFFFFFFF;
            if (Fault fault = cpu_.mmu().translate(next_page, Access::Execute, cpu_.cpl() == 3, second)) return nullptr;
            const u8* next = cpu_.memory.exists(second) ? cpu_.memory.page(second).read : nullptr;
            if (!next) return nullptr;
            const usize first = bytes.size();
            std::memcpy(joined.data(), bytes.data(), first);
            std::memcpy(joined.data() + first, next, joined.size() - first);
            result = decoder_.decode(joined, code_size, insn);
            if (result == DecodeResult::TooLong) return nullptr;
            second_page = second.value;
            code = joined.data();
            length = insn.length;
            count = 1;
            break;
        }
        if (result == DecodeResult::TooLong) {
            if (count) break;
            return nullptr;
        }
        length += insn.length;
        ++count;
        if (ends_decoded_block(insn)) break;
    }
    Block* block = build_block(cache_, std::span<const Insn>(decoded_.data(), count), code, physical, mode_);
    block->second_page = second_page;
    if (generation_seen_ != cache_.generation()) {
        std::fill_n(jumps_.get(), kJumpCacheSize, JumpEntry{});
        generation_seen_ = cache_.generation();
    }
    if (cache_.insert(block)) {
        cpu_.mmu().drop_writers({physical & ~kPageMask});
        if (second_page != Block::kNoPage) cpu_.mmu().drop_writers({second_page});
    }
    return block;
}

void Interpreter::decode_in(const Block& block, unsigned offset, Insn& out) {
    const auto code_size = block.mode & kModeCode32 ? CodeSize::Bits32 : CodeSize::Bits16;
    std::array<u8, 15> bytes{};
    for (unsigned i = 0; i < bytes.size(); ++i) {
        const u64 address = block.physical + offset + i;
        const bool first =
            (address ^ block.physical) < kPageSize && (address >> kPageShift) == (block.physical >> kPageShift);
        if (first)
            bytes[i] = cpu_.memory.page({address}).read[address & kPageMask];
        else if (block.second_page != Block::kNoPage)
            bytes[i] = cpu_.memory.page({block.second_page}).read[address & kPageMask];
    }
    (void)decoder_.decode(bytes, code_size, out);
}

bool Interpreter::revive(Block* block) {
    const BlockCache::Revival result = cache_.revive(block);
    if (result == BlockCache::Revival::Patched) block->insns = nullptr;
    return result != BlockCache::Revival::Failed;
}

const Insn& Interpreter::insn_at(const Block& block, const OpPlace& place) {
    if (!block.insns && !block.dead) {
        if (Insn* all = cache_.allocate_insns(block.instructions)) {
            unsigned offset = 0;
            for (unsigned i = 0; i < block.instructions; ++i) {
                decode_in(block, offset, all[i]);
                offset += all[i].length;
            }
            const_cast<Block&>(block).insns = all;
        }
    }
    if (block.insns) return block.insns[place.index];
    decode_in(block, place.offset, scratch_insn_);
    return scratch_insn_;
}

bool Interpreter::fetch(Insn& insn) {
    CpuState& s = cpu_.s;
    const auto refuse = [&](Fault fault) {
        cpu_.raise(fault);
        ++s.tick;
        ++s.unretired;
        return false;
    };
    const u32 limit = s.seg[CS].limit;
    if (s.rip > limit) return refuse(Fault::gp(0));
    const u64 to_limit = u64{limit} - s.rip + 1;
    const u64 linear = (s.seg[CS].base + s.rip) & 0xFFFFFFFF;
    const bool user = cpu_.cpl() == 3;
    std::array<u8, 15> bytes{};
    const auto load = [&](PhysAddr from, usize at, usize count) {
        cpu_.memory.read(from, std::span<u8>(bytes.data() + at, count));
    };
    PhysAddr physical;
    if (Fault fault = cpu_.mmu().translate(linear, Access::Execute, user, physical)) return refuse(fault);
    usize have = static_cast<usize>(std::min({u64{15}, to_limit, kPageSize - (linear & kPageMask)}));
    load(physical, 0, have);
    const auto code_size = cpu_.code32() ? CodeSize::Bits32 : CodeSize::Bits16;
    DecodeResult result = decoder_.decode({bytes.data(), have}, code_size, insn);
    if (result == DecodeResult::NeedMoreBytes && have < std::min<u64>(15, to_limit)) {
        const u64 next_page = ((linear & ~kPageMask) + kPageSize) & 0xFFFFFFFF;
        if (Fault fault = cpu_.mmu().translate(next_page, Access::Execute, user, physical)) return refuse(fault);
        const usize more = static_cast<usize>(std::min<u64>(15, to_limit)) - have;
        load(physical, have, more);
        have += more;
        result = decoder_.decode({bytes.data(), have}, code_size, insn);
    }
    // Running over the segment's end and being longer than 15 bytes are both #GP(0).
    if (result == DecodeResult::NeedMoreBytes || result == DecodeResult::TooLong) return refuse(Fault::gp(0));
    return true;
}

// ---- running
// ----------------------------------------------------------------------------------------------------------------

void Interpreter::execute(const Insn& insn) {
    CpuState& s = cpu_.s;
    const bool trap_flag = s.eflags & kTF;
    const bool overflow = trap_flag && s.flags.of();
    const bool behind_mov_ss = s.shadow & kShadowMovSs;
    s.shadow = 0;
    s.next_rip = (s.rip + insn.length) & 0xFFFFFFFF;
    // RF covers the start of one instruction (SDM Vol. 3, 17.3.1.1); IRET and task switches load it anew.
    s.eflags &= ~kRF;
    if (Fault fault = row(insn.row).semantic(cpu_, insn)) {
        s.debug_pending = 0; // traps of an instruction that did not complete are lost
        cpu_.raise(fault);
        ++s.tick;
        ++s.unretired;
        return;
    }
    ++s.tick;
    s.rip = s.next_rip;
    // Of two loads of SS in a row only the first inhibits (SDM Vol. 3, 6.8.3); a third does again.
    if (behind_mov_ss) s.shadow &= static_cast<u8>(~kShadowMovSs);
    // A delivered software interrupt has cleared TF, and with it this trap (SDM Vol. 3, 17.3.1.4).
    const bool interrupt = insn.mnemonic == Mnemonic::int_ || insn.mnemonic == Mnemonic::int3 ||
                           (insn.mnemonic == Mnemonic::into && overflow) || insn.mnemonic == Mnemonic::icebp;
    // MOV SS and POP SS do not trap either: the instruction behind them does (SDM Vol. 3, 6.8.3).
    if (trap_flag && !interrupt && !(s.shadow & kShadowMovSs)) s.debug_pending |= kDR6_BS;
}

void Interpreter::step_one() {
    CpuState& s = cpu_.s;
    // An instruction breakpoint is looked for once for each instruction, however often it repeats, and not behind MOV
    // SS and POP SS (SDM Vol. 3, 17.3.1.1: "suppressed as if EFLAGS.RF were 1").
    const bool at_start = !s.in_repeat() && !(s.eflags & kRF) && !(s.shadow & kShadowMovSs);
    // After a return from a page fault RF is set: the decoded block is there, and no breakpoint to look for.
    if (!(s.dr[7] & 0xFF)) {
        if (const Block* block = find_block()) {
            const Insn& known = insn_at(*block, OpPlace{0, 0});
            if (s.rip + known.length - 1 <= s.seg[CS].limit) return execute(known);
        }
    }
    Insn insn;
    if (!fetch(insn)) return;
    if ((s.dr[7] & 0xFF) && at_start) {
        const u64 linear = (s.seg[CS].base + s.rip) & 0xFFFFFFFF;
        if (match_instruction_breakpoint(s, linear)) {
            raise_instruction_breakpoint(cpu_, linear);
            ++s.tick;
            ++s.unretired;
            return;
        }
    }
    execute(insn);
}

namespace {
/// Any enabled breakpoint of kind 0 in DR7 (SDM Vol. 3, 17.2.4).
bool instruction_breakpoints_armed(const CpuState& s) {
    if (!(s.dr[7] & 0xFF)) return false;
    for (unsigned n = 0; n < 4; ++n)
        if (((s.dr[7] >> (2 * n)) & 3) && ((s.dr[7] >> (16 + 4 * n)) & 3) == 0) return true;
    return false;
}
} // namespace

bool Interpreter::must_step() const {
    const CpuState& s = cpu_.s;
    return settings_.max_block == 0 || (s.eflags & (kTF | kRF)) || s.shadow || instruction_breakpoints_armed(s);
}

bool Interpreter::take_event() {
    // Priorities: SDM Vol. 3, table 6-2.
    CpuState& s = cpu_.s;
    const auto count = [&] {
        s.pause_end = 0;
        ++s.tick;
        ++s.unretired;
        return true;
    };
    if (s.shutdown) return false;
    if (s.smi_pending && !s.smm) {
        s.smi_pending = false;
        cpu_.enter_smm();
        return count();
    }
    if (s.debug_pending && !(s.shadow & kShadowMovSs)) {
        raise_debug_trap(cpu_);
        return count();
    }
    if (s.shadow) return false;
    if (s.nmi_pending && !s.nmi_blocked) {
        s.nmi_pending = false;
        s.halted = false;
        s.nmi_blocked = true;
        if (Fault fault = cpu_.deliver(static_cast<u8>(Vector::NMI), EventKind::Nmi)) cpu_.raise(fault);
        return count();
    }
    if (s.intr && (s.eflags & kIF)) {
        s.halted = false;
        cpu_.clock.set_now(s.tick);
        const sse::HostFloatPause pause(cpu_);
        const u8 vector = cpu_.hooks.acknowledge_interrupt ? cpu_.hooks.acknowledge_interrupt() : u8{0xFF};
        if (cpu_.log.enabled(LogCategory::Interrupt))
            cpu_.log.write(LogCategory::Interrupt, "tick %llu: interrupt %02x at %04x:%08x",
                           static_cast<unsigned long long>(s.tick), vector, s.seg[CS].selector,
                           static_cast<u32>(s.rip));
        if (Fault fault = cpu_.deliver(vector, EventKind::External)) cpu_.raise(fault);
        return count();
    }
    return false;
}

/// Lets PAUSE wait, not beyond `until`.
void Interpreter::pass_pause(Tick until) {
    CpuState& s = cpu_.s;
    const Tick to = std::min(until, s.pause_end);
    s.unretired += to - s.tick;
    s.tick = to;
    if (to == s.pause_end) s.pause_end = 0;
}

RunStop Interpreter::run(Tick until) {
    CpuState& s = cpu_.s;
    RunState& run = cpu_.run_state;
    cpu_.exit_requested_ = false;
    bool alone = false;
    for (;;) {
        if (s.tick >= until) return RunStop::Target;
        if (cpu_.exit_requested_) return RunStop::Request;
        if (s.shutdown) return RunStop::Shutdown;
        if (take_event()) continue;
        if (s.halted) return RunStop::Halted;
        if (s.pause_end) {
            pass_pause(until);
            continue;
        }
        if (!breakpoints_.empty() && stop_at_breakpoint()) return RunStop::Breakpoint;
        if (alone || must_step()) {
            alone = false;
            step_one();
            continue;
        }
        Block* block = find_block();
        const u64 left = until - s.tick;
        if (!block || static_cast<u64>(block->cost) > left) {
            step_one();
            continue;
        }
        run.limit = until;
        run.leave = false;
        run.block = block;
        const Tick before = s.tick;
        enter_threaded(&cpu_, block->ops(), static_cast<i64>(left) - block->cost, cpu_.mmu().table, s.rip);
        run.block = nullptr; // single steps and whoever drops the cache between runs must not see it again
        // Nothing done: the block does not fit into the code segment, so its first instruction runs alone.
        alone = s.tick == before;
    }
}

} // namespace r86

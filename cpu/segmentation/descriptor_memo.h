#pragma once
/// The short way to a segment register: descriptors that the TLB reaches, in the form that they had the last time they
/// were loaded. What a descriptor becomes depends on its eight bytes alone, and those are read and compared every time,
/// so the memo is a pure cache. Whoever takes a short way takes it whole: nothing has changed when it turns out closed
/// (nullptr, false), and the semantics that follow find every fault in its order.
#include "cpu/interpreter/interpreter.h"
#include "cpu/segmentation/segmentation.h"

namespace r86 {

/// Forgets nothing on purpose: a stale entry is only one whose bytes do not compare.
const LoadedDescriptor& remember_descriptor(LoadedDescriptor& memo, u64 raw);

/// The descriptor that a selector names, if it is inside its table and in the TLB. The next call may reuse the entry.
inline const LoadedDescriptor* reach_descriptor(Cpu& cpu, u16 selector) {
    const CpuState& s = cpu.s;
    u64 table = s.gdtr.base;
    u32 limit = s.gdtr.limit;
    if (is_local(selector)) {
        if (s.ldtr.null) return nullptr;
        table = s.ldtr.base;
        limit = s.ldtr.limit;
    }
    const TlbTable* supervisor = cpu.mmu().table_for(false);
    if ((selector | 7u) > limit || !supervisor) return nullptr;
    const u8* host = detail::tlb_hit<u64>(supervisor->read, (table + (selector & 0xFFF8u)) & 0xFFFFFFFF);
    if (!host) return nullptr;
    u64 raw;
    std::memcpy(&raw, host, sizeof raw);
    LoadedDescriptor& memo = cpu.run_state.descriptors[((selector >> 3) ^ (selector & 4) << 2) % kDescriptorMemo];
    return memo.raw == raw ? &memo : &remember_descriptor(memo, raw);
}

/// Loads the register and what hot handlers derive from it, but for the mode. Returns its mode bits.
inline u32 put_segment(Cpu& cpu, Seg seg, u16 selector, const LoadedDescriptor& from) {
    Segment& to = cpu.s.seg[seg];
    to.selector = selector;
    to.attributes = from.attributes;
    to.limit = from.limit;
    to.base = from.base;
    to.null = false;
    cpu.run_state.read_end[seg] = from.read_end;
    cpu.run_state.write_end[seg] = from.write_end;
    const u32 flat = seg == CS ? from.flat_code : from.flat_data;
    return (flat & kFlatBits[seg]) | (from.wide & kWideBits[seg]);
}

/// As make_null, with what is derived.
inline void put_null(Cpu& cpu, Seg seg, u16 selector) {
    make_null(cpu.s.seg[seg], selector);
    cpu.run_state.read_end[seg] = cpu.run_state.write_end[seg] = 0;
}

/// ES, DS, FS or GS in protected mode; false if the load needs the whole of its semantics.
inline bool load_data_segment(Cpu& cpu, Seg seg, u16 selector) {
    u32 bits = 0;
    if (is_null(selector)) {
        put_null(cpu, seg, selector);
    } else {
        const LoadedDescriptor* descriptor = reach_descriptor(cpu, selector);
        if (!descriptor || std::max(cpu.cpl(), rpl(selector)) > descriptor->data_level) return false;
        bits = put_segment(cpu, seg, selector, *descriptor);
    }
    cpu.interpreter().replace_mode_bits(kSegmentBits[seg], bits);
    return true;
}

/// A load outside protected mode, where limit and rights do not change; false where the mode might.
inline bool load_real_segment(Cpu& cpu, Seg seg, u16 selector) {
    Segment& segment = cpu.s.seg[seg];
    if (segment.limit == 0xFFFFFFFF) return false; // "unreal" mode: flat or not is a matter of the base
    segment.selector = selector;
    segment.base = u64{selector} << 4;
    segment.null = false;
    return true;
}

/// CS at the same privilege level, from a descriptor with a fitting `code_level`.
inline void put_code_segment(Cpu& cpu, u16 selector, const LoadedDescriptor& from) {
    cpu.interpreter().replace_mode_bits(kSegmentBits[CS], put_segment(cpu, CS, selector, from));
}

/// Host address of `bytes` bytes at `linear` through one entry of a hot table.
inline u8* reach_range(const std::array<TlbEntry, kTlbSize>& entries, u64 linear, u32 bytes) {
    const TlbEntry& entry = tlb_entry(entries, linear);
    if (entry.tag != tlb_page(linear + bytes - 1)) return nullptr;
    return reinterpret_cast<u8*>(static_cast<std::intptr_t>(static_cast<i64>(linear) + entry.addend));
}

/// Where `count` items of `size` bytes below the stack pointer go, or above it come from: in one page that the TLB
/// reaches and the plain part of SS. A narrow pointer that would run around is none.
inline u8* reach_pushes(Cpu& cpu, unsigned size, unsigned count) {
    const u32 sp = cpu.stack_pointer(), bytes = size * count;
    if (sp < bytes || sp > cpu.run_state.write_end[SS]) return nullptr;
    return reach_range(cpu.mmu().table->write, (cpu.s.seg[SS].base + sp - bytes) & 0xFFFFFFFF, bytes);
}
inline const u8* reach_pops(Cpu& cpu, unsigned size, unsigned count) {
    const u32 sp = cpu.stack_pointer(), bytes = size * count;
    if (u64{sp} + bytes > cpu.run_state.read_end[SS]) return nullptr;
    return reach_range(cpu.mmu().table->read, (cpu.s.seg[SS].base + sp) & 0xFFFFFFFF, bytes);
}

} // namespace r86

#pragma once
/// Stack accesses of hot handlers by the shape of SS.
#include "cpu/interpreter/operands.h"

namespace r86 {

/// SS.B = 1, base 0, limit 4 GiB.
struct FlatStack {
    static u32 pointer(const Cpu& cpu) { return gpr32(cpu, RSP); }
    static void set(Cpu& cpu, u32 value) { cpu.s.gpr[RSP] = value; }
    static u32 move(u32 pointer, int bytes) { return pointer + static_cast<u32>(bytes); }
    template <class T, bool write>
    static u8* slot(const Cpu&, const TlbTable* tlb, u32 pointer, u64& linear) {
        linear = pointer;
        return hot_address<T, write>(tlb, linear);
    }
};

/// Any other: Pointer is u16 or u32 by SS.B.
template <class Pointer>
struct SegmentedStack {
    static u32 pointer(const Cpu& cpu) { return static_cast<Pointer>(cpu.s.gpr[RSP]); }
    static void set(Cpu& cpu, u32 value) {
        const auto narrow = static_cast<Pointer>(value);
        if constexpr (sizeof(Pointer) == 2)
            std::memcpy(&cpu.s.gpr[RSP], &narrow, 2);
        else
            cpu.s.gpr[RSP] = narrow;
    }
    static u32 move(u32 pointer, int bytes) { return static_cast<Pointer>(pointer + static_cast<u32>(bytes)); }
    template <class T, bool write>
    static u8* slot(const Cpu& cpu, const TlbTable* tlb, u32 pointer, u64& linear) {
        const u64 end = write ? cpu.run_state.write_end[SS] : cpu.run_state.read_end[SS];
        if (u64{pointer} + sizeof(T) > end) [[unlikely]] {
            linear = kNoLinear;
            return nullptr;
        }
        linear = static_cast<u32>(cpu.s.seg[SS].base + pointer);
        return hot_address<T, write>(tlb, linear);
    }
};

enum class StackShape : u8 { Flat, Segmented32, Segmented16 };

inline StackShape stack_shape(u32 mode) {
    if (!(mode & kModeStack32)) return StackShape::Segmented16;
    return mode & kModeFlatSs ? StackShape::Flat : StackShape::Segmented32;
}

/// Calls `use.template operator()<Stack>()` for the shape that the mode has.
template <class Use>
auto with_stack(u32 mode, Use use) {
    switch (stack_shape(mode)) {
    case StackShape::Flat: return use.template operator()<FlatStack>();
    case StackShape::Segmented32: return use.template operator()<SegmentedStack<u32>>();
    default: return use.template operator()<SegmentedStack<u16>>();
    }
}

} // namespace r86

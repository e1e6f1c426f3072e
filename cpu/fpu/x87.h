#pragma once
/// The x87's registers and status as instructions see them (SDM Vol. 1, 8.1 "x87 FPU Execution Environment"): stack
/// accessors, tag word, exception summary, the entry checks that every instruction makes. Also for FXSAVE and MMX.
#include "cpu/cpu.h"
#include "cpu/fpu/float80.h"

namespace r86::fpu {

inline constexpr u16 kTopMask = 0x3800;
/// What FLDCW can set (bit 12, the 287's infinity control, is only remembered); bit 6 reads as one.
inline constexpr u16 kControlWritable = 0x1F3F, kControlOnes = 0x0040;

inline unsigned top(const X87State& x) { return (x.status >> 11) & 7; }
inline void set_top(X87State& x, unsigned value) {
    x.status = static_cast<u16>((x.status & ~kTopMask) | (value & 7) << 11);
}
inline unsigned physical(const X87State& x, unsigned i) { return (top(x) + i) & 7; }
/// Bit 1 of a register's tag is all that is kept; see tag_word.
inline bool empty_register(const X87State& x, unsigned reg) { return (x.tag >> (2 * reg + 1)) & 1; }
inline bool empty(const X87State& x, unsigned i) { return empty_register(x, physical(x, i)); }
inline Float80& st(X87State& x, unsigned i) { return x.st[physical(x, i)]; }
inline void set_empty(X87State& x, unsigned reg) { x.tag = static_cast<u16>(x.tag | 2u << (2 * reg)); }
inline void set_full(X87State& x, unsigned reg) { x.tag = static_cast<u16>(x.tag & ~(2u << (2 * reg))); }
inline void set_st(X87State& x, unsigned i, Float80 value) {
    const unsigned reg = physical(x, i);
    x.st[reg] = value;
    set_full(x, reg);
}
inline void pop_st(X87State& x) {
    set_empty(x, top(x));
    set_top(x, top(x) + 1);
}
inline void push_st(X87State& x, Float80 value) {
    set_top(x, top(x) - 1);
    set_st(x, 0, value);
}
inline void clear_c1(X87State& x) { x.status &= static_cast<u16>(~kC1); }

/// The tag word that FNSTENV stores: only "empty" is kept by the hardware, the rest is read from the registers.
u16 tag_word(const X87State& x);
/// Takes 3 as empty, anything else as full.
void set_tag_word(X87State& x, u16 word);
/// FXSAVE's form, bit n = 1: R[n] is not empty.
u8 abridged_tag(const X87State& x);
void set_abridged_tag(X87State& x, u8 tag);

/// FNINIT. The registers' contents stay.
void initialize(X87State& x);
/// Makes ES and B agree with flags and masks, and FERR# with ES and CR0.NE. Call after changing any of them (FLDCW,
/// FXRSTOR, MOV CR0 ...).
void update_summary(Cpu& cpu);
/// Writes the status word whole: TOP, condition codes, flags; ES and B follow from the masks.
void set_status(Cpu& cpu, u16 value);
void set_control(Cpu& cpu, u16 value);

/// An unmasked exception waits: #MF, or with CR0.NE = 0 the external path. True: execute nevertheless (IGNNE#).
bool pending(Cpu& cpu, Fault& fault);

/// Entry of a waiting instruction: #NM, then a pending exception. False: return `fault`, which may be none() while
/// the processor waits for the interrupt that FERR# asks for (then s.next_rip stays on the instruction).
inline bool begin_waiting(Cpu& cpu, Fault& fault) {
    if (cpu.s.cr0 & (kCR0_EM | kCR0_TS)) [[unlikely]] {
        fault = Fault::nm();
        return false;
    }
    if (cpu.s.x87.status & kES) [[unlikely]]
        return pending(cpu, fault);
    return true;
}

/// Last-instruction pointers of a non-control instruction (SDM Vol. 1, 8.1.8 and 8.1.9).
inline void note_instruction(Cpu& cpu, const Insn& insn) {
    X87State& x = cpu.s.x87;
    x.opcode = static_cast<u16>((insn.opcode & 7) << 8 | insn.modrm);
    x.instruction_offset = static_cast<u32>(cpu.s.rip);
    x.instruction_selector = cpu.s.seg[CS].selector;
}
inline void note_operand(Cpu& cpu, const Insn& insn, u64 offset) {
    X87State& x = cpu.s.x87;
    x.operand_offset = static_cast<u32>(offset);
    x.operand_selector = cpu.s.seg[insn.mem.seg].selector;
}

inline FpuContext context(const X87State& x) { return {.control = x.control}; }

/// Takes over what an operation raised; C1 as it says.
inline void commit_flags(Cpu& cpu, const FpuContext& c) {
    X87State& x = cpu.s.x87;
    x.status = static_cast<u16>((x.status & ~kC1) | (c.round_up ? kC1 : 0) | c.flags);
    if (c.unmasked()) [[unlikely]]
        update_summary(cpu);
}

/// Stack underflow or overflow (SDM Vol. 1, 8.5.1.1): IE, SF, C1. True: IE is masked, go on with the indefinite.
bool stack_fault(Cpu& cpu, bool overflow);

inline bool is_memory(const Insn& insn) { return insn.modrm < 0xC0; }

} // namespace r86::fpu

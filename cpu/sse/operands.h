#pragma once
/// What the MMX and SSE functions share: the checks before anything else, the register files, 16-byte memory operands.
/// SDM Vol. 3, 12 "Intel MMX Technology System Programming", 13 "System Programming for Instruction Set Extensions".
#include "cpu/cpu.h"
#include "cpu/fpu/x87.h"
#include "cpu/semantics.h"
#include "cpu/sse/packed.h"
#include <cstring>

namespace r86::sse {

// ---- registers
// --------------------------------------------------------------------------------------------------------

/// MMn is the significand of the physical register Rn, whatever TOP is.
inline Mm mm(const CpuState& s, unsigned reg) { return std::bit_cast<Mm>(s.x87.st[reg].significand); }
/// A written register reads as a NaN or infinity to the x87: its upper 16 bits are ones.
inline void set_mm(CpuState& s, unsigned reg, Mm value) { s.x87.st[reg] = {std::bit_cast<u64>(value), 0xFFFF}; }

inline Xmm xmm(const CpuState& s, unsigned reg) {
    Xmm value;
    std::memcpy(&value, s.vector[reg].bytes.data(), sizeof value);
    return value;
}
inline void set_xmm(CpuState& s, unsigned reg, Xmm value) {
    std::memcpy(s.vector[reg].bytes.data(), &value, sizeof value);
}

// ---- checks
// -----------------------------------------------------------------------------------------------------------

/// Entry of an instruction on XMM registers or MXCSR.
inline Fault check_sse(const Cpu& cpu) {
    if ((cpu.s.cr0 & kCR0_EM) || !(cpu.s.cr4 & kCR4_OSFXSR)) return Fault::ud();
    return cpu.s.cr0 & kCR0_TS ? Fault::nm() : Fault::none();
}
/// Entry of an instruction on MMX registers: a pending x87 exception comes first. False: return `fault`, which may be
/// none (see fpu::begin_waiting).
inline bool begin_mmx(Cpu& cpu, Fault& fault) {
    if (cpu.s.cr0 & kCR0_EM) {
        fault = Fault::ud();
        return false;
    }
    return fpu::begin_waiting(cpu, fault);
}
/// With both register files.
inline bool begin_mmx_and_sse(Cpu& cpu, Fault& fault) {
    fault = check_sse(cpu);
    return !fault && fpu::begin_waiting(cpu, fault);
}
/// Every MMX instruction but EMMS: TOP is 0 and all registers are valid (SDM Vol. 3, table 12-2).
inline void enter_mmx(CpuState& s) {
    fpu::set_top(s.x87, 0);
    s.x87.tag = 0x5555;
}

// ---- memory
// -----------------------------------------------------------------------------------------------------------

enum class Alignment : u8 {
    Required, ///< #GP(0) off a 16-byte boundary: all but the forms below
    Any,      ///< MOVUPS, MOVUPD, MOVDQU, LDDQU
};
Fault read_xmm(Cpu& cpu, unsigned seg, u64 offset, Xmm& out, Alignment alignment);
Fault write_xmm(Cpu& cpu, unsigned seg, u64 offset, Xmm value, Alignment alignment);

/// A memory operand of up to 8 bytes, zero-extended.
inline Fault read_narrow(Cpu& cpu, const Insn& insn, unsigned width, u64& out) {
    const u64 offset = cpu.effective_address(insn);
    const auto as = [&](auto value) {
        Fault fault = cpu.read(insn.mem.seg, offset, value);
        out = value;
        return fault;
    };
    return width == 8 ? as(u64{}) : width == 4 ? as(u32{}) : as(u16{});
}

/// Operand n as an XMM value: a register whole, memory by its width and zero-extended.
inline Fault load_xmm(Cpu& cpu, const Insn& insn, unsigned n, Xmm& out, Alignment alignment = Alignment::Required) {
    const Operand& operand = insn.op[n];
    if (operand.kind == OperandKind::Xmm) {
        out = xmm(cpu.s, operand.reg);
        return Fault::none();
    }
    if (operand.width == 16) return read_xmm(cpu, insn.mem.seg, cpu.effective_address(insn), out, alignment);
    u64 value = 0;
    Fault fault = read_narrow(cpu, insn, operand.width, value);
    out = pack(Lanes<u64, 16>{value, 0});
    return fault;
}
inline Fault load_mm(Cpu& cpu, const Insn& insn, unsigned n, Mm& out) {
    const Operand& operand = insn.op[n];
    if (operand.kind == OperandKind::Mmx) {
        out = mm(cpu.s, operand.reg);
        return Fault::none();
    }
    u64 value = 0;
    Fault fault = read_narrow(cpu, insn, operand.width, value);
    out = std::bit_cast<Mm>(value);
    return fault;
}

// ---- shapes
// -----------------------------------------------------------------------------------------------------------

/// Destination and first source operand 0, second source operand 1: op0 = f(op0, op1), in either register file.
template <class F>
Fault binary(Cpu& cpu, const Insn& insn, F f) {
    const unsigned to = insn.op[0].reg;
    if (insn.op[0].kind == OperandKind::Mmx) {
        Fault fault;
        Mm b;
        if (!begin_mmx(cpu, fault)) return fault;
        if (fault = load_mm(cpu, insn, 1, b); fault) return fault;
        enter_mmx(cpu.s);
        set_mm(cpu.s, to, f(mm(cpu.s, to), b));
        return fault;
    }
    Xmm b;
    if (Fault fault = check_sse(cpu)) return fault;
    if (Fault fault = load_xmm(cpu, insn, 1, b)) return fault;
    set_xmm(cpu.s, to, f(xmm(cpu.s, to), b));
    return Fault::none();
}
/// op0 = f(op1).
template <class F>
Fault unary(Cpu& cpu, const Insn& insn, F f) {
    return binary(cpu, insn, [f](auto, auto b) { return f(b); });
}

/// As binary(), for functions that exist for XMM registers only.
template <class F>
Fault binary_xmm(Cpu& cpu, const Insn& insn, F f) {
    Xmm b;
    if (Fault fault = check_sse(cpu)) return fault;
    if (Fault fault = load_xmm(cpu, insn, 1, b)) return fault;
    set_xmm(cpu.s, insn.op[0].reg, f(xmm(cpu.s, insn.op[0].reg), b));
    return Fault::none();
}

} // namespace r86::sse

#pragma once
/// What the semantic functions share: from the widths in a decoded instruction to a C++ type, and the usual shapes
/// "read", "read, modify, write".
#include "cpu/alu.h"
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86 {

/// Calls `f` with a zero of the unsigned type that is `width` bytes wide.
template <class F>
inline Fault by_width(unsigned width, F f) {
    switch (width) {
    case 1: return f(u8{});
    case 2: return f(u16{});
    case 4: return f(u32{});
    default: return f(u64{});
    }
}

/// Accumulator and friends: register 0-3 at width T, the low byte for u8.
template <class T>
inline T low_register(const Cpu& cpu, unsigned reg) {
    return static_cast<T>(cpu.s.gpr[reg]);
}
template <class T>
inline void set_low_register(Cpu& cpu, unsigned reg, T value) {
    if constexpr (sizeof(T) == 1)
        cpu.s.gpr[reg] = (cpu.s.gpr[reg] & ~u64{0xFF}) | value;
    else
        cpu.set_gpr<T>(reg, value);
}

/// Destination and source are operands 0 and 1, of one width; `op(a, b)` gives an AluResult to store.
template <class F>
inline Fault modify(Cpu& cpu, const Insn& insn, F op) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T a, b;
        if (Fault fault = cpu.load<T>(insn, 1, b)) return fault;
        if (Fault fault = cpu.load_for_write<T>(insn, 0, a)) return fault;
        const AluResult<T> result = op(a, b);
        if (Fault fault = cpu.store<T>(insn, 0, result.value)) return fault;
        cpu.s.flags = result.flags;
        return Fault::none();
    });
}

/// As modify(), for one operand.
template <class F>
inline Fault modify_one(Cpu& cpu, const Insn& insn, F op) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T a;
        if (Fault fault = cpu.load_for_write<T>(insn, 0, a)) return fault;
        const AluResult<T> result = op(a);
        if (Fault fault = cpu.store<T>(insn, 0, result.value)) return fault;
        cpu.s.flags = result.flags;
        return Fault::none();
    });
}

/// Nothing is stored: `op(a, b)` gives the flags.
template <class F>
inline Fault compare(Cpu& cpu, const Insn& insn, F op) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T a, b;
        if (Fault fault = cpu.load<T>(insn, 0, a)) return fault;
        if (Fault fault = cpu.load<T>(insn, 1, b)) return fault;
        cpu.s.flags = op(a, b);
        return Fault::none();
    });
}

} // namespace r86

/// Shifts, rotates and single bits: SDM Vol. 1, 7.3.6 "Shift and Rotate Instructions", 7.3.7 "Bit and Byte
/// Instructions".
#include "cpu/semantics/operands.h"

namespace r86::exec {

/// The count is operand 1: an immediate, 1 or CL, always a byte.
template <class F>
static Fault shift(Cpu& cpu, const Insn& insn, F op) {
    u8 count;
    if (Fault fault = cpu.load<u8>(insn, 1, count)) return fault;
    return modify_one(cpu, insn, [&](auto a) { return op(a, count, cpu.s.flags); });
}

Fault rol(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::rol(a, count, old); });
}
Fault ror(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::ror(a, count, old); });
}
Fault rcl(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::rcl(a, count, old); });
}
Fault rcr(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::rcr(a, count, old); });
}
Fault shl(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::shl(a, count, old); });
}
Fault shr(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::shr(a, count, old); });
}
Fault sar(Cpu& cpu, const Insn& insn) {
    return shift(cpu, insn, [](auto a, unsigned count, LazyFlags old) { return alu::sar(a, count, old); });
}

/// SHLD and SHRD: operand 2 is the count.
template <class F>
static Fault shift_double(Cpu& cpu, const Insn& insn, F op) {
    u8 count;
    if (Fault fault = cpu.load<u8>(insn, 2, count)) return fault;
    return modify(cpu, insn, [&](auto a, auto b) { return op(a, b, count, cpu.s.flags); });
}
Fault shld(Cpu& cpu, const Insn& insn) {
    return shift_double(cpu, insn, [](auto a, auto b, unsigned n, LazyFlags old) { return alu::shld(a, b, n, old); });
}
Fault shrd(Cpu& cpu, const Insn& insn) {
    return shift_double(cpu, insn, [](auto a, auto b, unsigned n, LazyFlags old) { return alu::shrd(a, b, n, old); });
}

/// A register bit offset with a memory operand addresses a bit string of 2^16 or 2^32 bits around the operand: SDM
/// Vol. 1, 3.1.1.9 "Bit(BitBase, BitOffset)" of Vol. 2. Only CF changes.
template <class F>
static Fault bit_operation(Cpu& cpu, const Insn& insn, bool writes, F op) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        constexpr unsigned width = alu::kWidth<T>;
        T index, value;
        if (Fault fault = cpu.load<T>(insn, 1, index)) return fault;
        const T mask = static_cast<T>(T{1} << (index % width));
        if (insn.op[0].kind == OperandKind::Mem) {
            u64 offset = cpu.effective_address(insn);
            if (insn.op[1].kind == OperandKind::Gpr) {
                const i64 element = i64{as_signed(index)} >> std::countr_zero(width); // rounds down
                offset += static_cast<u64>(element) * sizeof(T);
                if (insn.address_size < 8) offset &= insn.address_size == 2 ? 0xFFFF : 0xFFFFFFFF;
            }
            if (Fault fault = writes ? cpu.read_for_write<T>(insn.mem.seg, offset, value)
                                     : cpu.read<T>(insn.mem.seg, offset, value))
                return fault;
            if (writes) {
                if (Fault fault = cpu.write<T>(insn.mem.seg, offset, op(value, mask))) return fault;
            }
        } else {
            value = cpu.gpr<T>(insn.op[0].reg);
            if (writes) cpu.set_gpr<T>(insn.op[0].reg, op(value, mask));
        }
        cpu.s.flags.set_cf(value & mask);
        return Fault::none();
    });
}

Fault bt(Cpu& cpu, const Insn& insn) {
    return bit_operation(cpu, insn, false, [](auto value, auto) { return value; });
}
Fault bts(Cpu& cpu, const Insn& insn) {
    return bit_operation(cpu, insn, true, [](auto value, auto m) { return static_cast<decltype(value)>(value | m); });
}
Fault btr(Cpu& cpu, const Insn& insn) {
    return bit_operation(cpu, insn, true, [](auto value, auto m) { return static_cast<decltype(value)>(value & ~m); });
}
Fault btc(Cpu& cpu, const Insn& insn) {
    return bit_operation(cpu, insn, true, [](auto value, auto m) { return static_cast<decltype(value)>(value ^ m); });
}

template <class F>
static Fault from_source(Cpu& cpu, const Insn& insn, F op) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T source;
        if (Fault fault = cpu.load<T>(insn, 1, source)) return fault;
        const AluResult<T> result = op(source, cpu.gpr<T>(insn.op[0].reg));
        cpu.set_gpr<T>(insn.op[0].reg, result.value);
        cpu.s.flags = result.flags;
        return Fault::none();
    });
}
Fault bsf(Cpu& cpu, const Insn& insn) {
    return from_source(cpu, insn, [](auto source, auto old) { return alu::scan(source, old, false); });
}
Fault bsr(Cpu& cpu, const Insn& insn) {
    return from_source(cpu, insn, [](auto source, auto old) { return alu::scan(source, old, true); });
}
Fault popcnt(Cpu& cpu, const Insn& insn) {
    return from_source(cpu, insn, [](auto source, auto) { return alu::popcnt(source); });
}

/// A 16-bit BSWAP (undefined) clears the register half.
Fault bswap(Cpu& cpu, const Insn& insn) {
    const unsigned reg = insn.op[0].reg;
    switch (insn.operand_size) {
    case 2: cpu.set_gpr<u16>(reg, 0); break;
    case 4: cpu.set_gpr<u32>(reg, alu::byte_swap(cpu.gpr<u32>(reg))); break;
    default: cpu.set_gpr<u64>(reg, alu::byte_swap(cpu.gpr<u64>(reg))); break;
    }
    return Fault::none();
}

} // namespace r86::exec

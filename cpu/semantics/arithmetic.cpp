/// Integer arithmetic and logic: SDM Vol. 1, 7.3.2 "Binary Arithmetic Instructions", 7.3.3 "Decimal Arithmetic
/// Instructions", 7.3.4 "Decimal Adjust", 7.3.5 "Logical Instructions". The arithmetic itself is in cpu/alu.h.
#include "cpu/semantics/operands.h"

namespace r86::exec {

Fault add(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [](auto a, auto b) { return alu::add(a, b); });
}
Fault adc(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [&](auto a, auto b) { return alu::adc(a, b, cpu.s.flags.cf()); });
}
Fault sub(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [](auto a, auto b) { return alu::sub(a, b); });
}
Fault sbb(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [&](auto a, auto b) { return alu::sbb(a, b, cpu.s.flags.cf()); });
}
Fault and_(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [](auto a, auto b) { return alu::logic(static_cast<decltype(a)>(a & b)); });
}
Fault or_(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [](auto a, auto b) { return alu::logic(static_cast<decltype(a)>(a | b)); });
}
Fault xor_(Cpu& cpu, const Insn& insn) {
    return modify(cpu, insn, [](auto a, auto b) { return alu::logic(static_cast<decltype(a)>(a ^ b)); });
}
Fault cmp(Cpu& cpu, const Insn& insn) {
    return compare(cpu, insn, [](auto a, auto b) { return alu::sub(a, b).flags; });
}
Fault test(Cpu& cpu, const Insn& insn) {
    return compare(cpu, insn, [](auto a, auto b) { return alu::logic(static_cast<decltype(a)>(a & b)).flags; });
}

Fault inc(Cpu& cpu, const Insn& insn) {
    return modify_one(cpu, insn, [&](auto a) { return alu::inc(a, cpu.s.flags); });
}
Fault dec(Cpu& cpu, const Insn& insn) {
    return modify_one(cpu, insn, [&](auto a) { return alu::dec(a, cpu.s.flags); });
}
Fault neg(Cpu& cpu, const Insn& insn) {
    return modify_one(cpu, insn, [](auto a) { return alu::neg(a); });
}
Fault not_(Cpu& cpu, const Insn& insn) {
    return modify_one(cpu, insn, [&](auto a) {
        return AluResult<decltype(a)>{static_cast<decltype(a)>(~a), cpu.s.flags};
    });
}

/// A double-width value: AH:AL for bytes, else rDX:rAX.
template <class T>
static void set_double(Cpu& cpu, T high, T low) {
    if constexpr (sizeof(T) == 1) {
        cpu.set_gpr<u16>(RAX, static_cast<u16>(high << 8 | low));
    } else {
        cpu.set_gpr<T>(RAX, low);
        cpu.set_gpr<T>(RDX, high);
    }
}
template <class T>
static T high_half(const Cpu& cpu) {
    if constexpr (sizeof(T) == 1)
        return static_cast<u8>(cpu.s.gpr[RAX] >> 8);
    else
        return cpu.gpr<T>(RDX);
}

Fault mul(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T b;
        if (Fault fault = cpu.load<T>(insn, 0, b)) return fault;
        const alu::Product<T> product = alu::mul(low_register<T>(cpu, RAX), b);
        set_double(cpu, product.high, product.low);
        cpu.s.flags = product.flags;
        return Fault::none();
    });
}

/// One operand: double-width product of the accumulator; two: operand 0 times operand 1; three: operand 1 times the
/// immediate.
Fault imul(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T a = low_register<T>(cpu, RAX), b;
        if (insn.operand_count >= 2) {
            if (Fault fault = cpu.load<T>(insn, insn.operand_count == 3 ? 2 : 0, a)) return fault;
        }
        if (Fault fault = cpu.load<T>(insn, insn.operand_count >= 2 ? 1 : 0, b)) return fault;
        const alu::Product<T> product = alu::imul(a, b);
        if (insn.operand_count >= 2)
            cpu.set_gpr<T>(insn.op[0].reg, product.low);
        else
            set_double(cpu, product.high, product.low);
        cpu.s.flags = product.flags;
        return Fault::none();
    });
}

template <bool Signed>
static Fault divide(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T divisor;
        if (Fault fault = cpu.load<T>(insn, 0, divisor)) return fault;
        const T high = high_half<T>(cpu), low = low_register<T>(cpu, RAX);
        const alu::Quotient<T> result = Signed ? alu::idiv(high, low, divisor) : alu::div(high, low, divisor);
        if (!result.valid) return Fault::de();
        set_double(cpu, result.remainder, result.quotient);
        return Fault::none();
    });
}
Fault div(Cpu& cpu, const Insn& insn) { return divide<false>(cpu, insn); }
Fault idiv(Cpu& cpu, const Insn& insn) { return divide<true>(cpu, insn); }

static Fault adjust_al(Cpu& cpu, AluResult<u8> result) {
    set_low_register<u8>(cpu, RAX, result.value);
    cpu.s.flags = result.flags;
    return Fault::none();
}
static Fault adjust_ax(Cpu& cpu, AluResult<u16> result) {
    cpu.set_gpr<u16>(RAX, result.value);
    cpu.s.flags = result.flags;
    return Fault::none();
}

Fault daa(Cpu& cpu, const Insn&) { return adjust_al(cpu, alu::daa(low_register<u8>(cpu, RAX), cpu.s.flags)); }
Fault das(Cpu& cpu, const Insn&) { return adjust_al(cpu, alu::das(low_register<u8>(cpu, RAX), cpu.s.flags)); }
Fault aaa(Cpu& cpu, const Insn&) { return adjust_ax(cpu, alu::aaa(cpu.gpr<u16>(RAX), cpu.s.flags)); }
Fault aas(Cpu& cpu, const Insn&) { return adjust_ax(cpu, alu::aas(cpu.gpr<u16>(RAX), cpu.s.flags)); }

/// Any base, not only ten: SDM Vol. 2, AAM "the generalized version".
Fault aam(Cpu& cpu, const Insn& insn) {
    const u8 base = static_cast<u8>(insn.imm);
    if (base == 0) return Fault::de();
    return adjust_ax(cpu, alu::aam(low_register<u8>(cpu, RAX), base));
}
Fault aad(Cpu& cpu, const Insn& insn) { return adjust_ax(cpu, alu::aad(cpu.gpr<u16>(RAX), static_cast<u8>(insn.imm))); }

} // namespace r86::exec

/// Hot handlers: the frequent x87 instructions in the common case. That is: no exception waits, the registers are there
/// (or free), operands and result are ordinary numbers, PE is masked, rounding is to nearest at 53 or 64 bits. Every
/// check comes before the first change; whatever else it is goes to the generic form. The arithmetic is that of
/// cpu/fpu/arithmetic.h. tests/cpu/x87_hot_test.cpp compares with the semantic functions.
#include "cpu/fpu/x87.h"
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/fpu/arithmetic.h"
#include "cpu/interpreter/operands.h"
#include <bit>
#include <concepts>

namespace r86 {

namespace {

using namespace fpu;

// ---- registers ------------------------------------------------------------------------------------------------------

/// Member by member: a copy of all 16 bytes would wait for the two narrower stores that made the value.
[[gnu::always_inline]] inline Float80 get(const X87State& x, unsigned reg) {
    const Float80& from = x.st.data()[reg];
    return {from.significand, from.sign_exponent};
}
[[gnu::always_inline]] inline void put(X87State& x, unsigned reg, Float80 value) {
    Float80& to = x.st.data()[reg];
    to.significand = value.significand;
    to.sign_exponent = value.sign_exponent;
}
inline bool is_zero(Float80 v) { return v.significand == 0 && exponent_of(v) == 0; }

[[gnu::always_inline]] inline void pop(X87State& x) {
    set_empty(x, top(x));
    x.status = static_cast<u16>((x.status & ~kTopMask) | ((x.status + 0x0800) & kTopMask));
}
[[gnu::always_inline]] inline void push(X87State& x, Float80 value) {
    const unsigned reg = (top(x) - 1) & 7;
    set_top(x, reg);
    put(x, reg, value);
    set_full(x, reg);
}

/// Inexact results must not trap, so that flags need no look at the masks.
inline bool precision_masked(const X87State& x) { return x.control & kPE; }

// ---- bodies: `static bool run(X87State&, LazyFlags&, unsigned i)`
// -------------------------------------------------------

enum class Arithmetic { Add, Subtract, SubtractReverse, Multiply, Divide, DivideReverse };

/// The same where an operand is zero and nothing has to be rounded.
template <Arithmetic kind>
[[gnu::always_inline]] inline bool with_zero(const FpuContext& c, Float80 destination, Float80 source,
                                             Float80& result) {
    if (!fast::mode_ok(c) || kind == Arithmetic::Divide || kind == Arithmetic::DivideReverse) return false;
    if constexpr (kind == Arithmetic::Multiply) {
        const bool ordinary =
            (is_zero(destination) || is_normal(destination)) && (is_zero(source) || is_normal(source));
        if (!ordinary || !(is_zero(destination) || is_zero(source))) return false;
        result = zero80(sign_of(destination) != sign_of(source));
        return true;
    }
    const bool from_source = is_zero(destination);
    result = from_source ? source : destination;
    if (!is_normal(result) || !is_zero(from_source ? destination : source)) return false;
    if ((c.control & fast::kModeMask) == fast::kNearest53 && (result.significand & 0x7FF)) return false;
    const bool negates = kind == (from_source ? Arithmetic::Subtract : Arithmetic::SubtractReverse);
    if (negates) result.sign_exponent ^= 0x8000;
    return true;
}

/// A zero operand, or nothing: in registers, so that the common case below keeps its locals there as well.
struct ZeroCase {
    u64 significand = 0;
    u32 sign_exponent = 0;
    bool known = false;
};
template <Arithmetic kind>
[[gnu::noinline]] ZeroCase zero_case(u64 a, u16 sign_exponent_a, u64 b, u16 sign_exponent_b, u16 control) {
    Float80 result;
    if (!with_zero<kind>({.control = control}, {a, sign_exponent_a}, {b, sign_exponent_b}, result)) return {};
    return {result.significand, result.sign_exponent, true};
}

/// Register `d` = d op source.
template <Arithmetic kind>
[[gnu::always_inline]] inline bool combine(X87State& x, unsigned d, Float80 source) {
    FpuContext c = context(x);
    Float80 result;
    const Float80 destination = get(x, d);
    bool done;
    if constexpr (kind == Arithmetic::Add)
        done = fast::add(c, destination, source, false, result);
    else if constexpr (kind == Arithmetic::Subtract)
        done = fast::add(c, destination, source, true, result);
    else if constexpr (kind == Arithmetic::SubtractReverse)
        done = fast::add(c, source, destination, true, result);
    else if constexpr (kind == Arithmetic::Multiply)
        done = fast::multiply(c, destination, source, result);
    else if constexpr (kind == Arithmetic::Divide)
        done = fast::divide(c, destination, source, result);
    else
        done = fast::divide(c, source, destination, result);
    if (!done) [[unlikely]] {
        const ZeroCase zero = zero_case<kind>(destination.significand, destination.sign_exponent, source.significand,
                                              source.sign_exponent, x.control);
        if (!zero.known) return false;
        put(x, d, {zero.significand, static_cast<u16>(zero.sign_exponent)});
        clear_c1(x);
        return true;
    }
    put(x, d, result);
    x.status = static_cast<u16>((x.status & ~kC1) | (c.round_up ? kC1 : 0) | c.flags);
    return true;
}

template <Arithmetic kind, bool to_i, bool pops>
struct Combine {
    static bool run(X87State& x, LazyFlags&, unsigned i) {
        const unsigned zero = top(x), other = physical(x, i);
        if (!precision_masked(x) || empty_register(x, zero) || empty_register(x, other)) return false;
        if (!combine<kind>(x, to_i ? other : zero, get(x, to_i ? zero : other))) return false;
        if constexpr (pops) pop(x);
        return true;
    }
};

struct Exchange {
    static bool run(X87State& x, LazyFlags&, unsigned i) {
        const unsigned zero = top(x), other = physical(x, i);
        if (empty_register(x, zero) || empty_register(x, other)) return false;
        const Float80 a = get(x, zero), b = get(x, other);
        put(x, zero, b);
        put(x, other, a);
        clear_c1(x);
        return true;
    }
};

struct LoadRegister {
    static bool run(X87State& x, LazyFlags&, unsigned i) {
        const unsigned other = physical(x, i);
        if (empty_register(x, other) || !empty_register(x, (top(x) - 1) & 7)) return false;
        push(x, get(x, other));
        clear_c1(x);
        return true;
    }
};
template <bool one>
struct LoadConstant {
    static bool run(X87State& x, LazyFlags&, unsigned) {
        if (!empty_register(x, (top(x) - 1) & 7)) return false;
        push(x, one ? kOne : zero80(false));
        clear_c1(x);
        return true;
    }
};

template <bool pops>
struct StoreRegister {
    static bool run(X87State& x, LazyFlags&, unsigned i) {
        const unsigned zero = top(x), other = physical(x, i);
        if (empty_register(x, zero)) return false;
        put(x, other, get(x, zero));
        set_full(x, other);
        if constexpr (pops) pop(x);
        clear_c1(x);
        return true;
    }
};

/// FCHS, FABS.
template <bool negate>
struct ChangeSign {
    static bool run(X87State& x, LazyFlags&, unsigned) {
        const unsigned zero = top(x);
        if (empty_register(x, zero)) return false;
        u16& field = x.st.data()[zero].sign_exponent;
        field = static_cast<u16>(negate ? field ^ 0x8000 : field & 0x7FFF);
        clear_c1(x);
        return true;
    }
};

/// Order of two ordinary numbers; equal where both are zero.
[[gnu::always_inline]] inline void order(Float80 a, Float80 b, bool& less, bool& equal) {
    const u128 ma = make128(exponent_of(a), a.significand), mb = make128(exponent_of(b), b.significand);
    const bool sign_a = sign_of(a), sign_b = sign_of(b);
    equal = (sign_a == sign_b && ma == mb) || (is_zero(a) && is_zero(b));
    less = !equal && (sign_a != sign_b ? sign_a : (ma < mb) != sign_a);
}

/// FCOMI, FUCOMI and with a pop: for ordinary numbers all the same.
template <bool pops>
struct CompareToFlags {
    static bool run(X87State& x, LazyFlags& flags, unsigned i) {
        const unsigned zero = top(x), other = physical(x, i);
        if (empty_register(x, zero) || empty_register(x, other)) return false;
        const Float80 a = get(x, zero), b = get(x, other);
        if (!(is_normal(a) || is_zero(a)) || !(is_normal(b) || is_zero(b))) return false;
        bool less, equal;
        order(a, b, less, equal);
        // OF, SF, AF and PF zero: PF of the result 0 has to be flipped (cpu/flags.h).
        flags.result = !equal;
        flags.carry = (less ? u64{3} << 31 : 0) | u64{equal} << 61;
        if constexpr (pops) pop(x);
        return true;
    }
};

/// FCOM, FUCOM and with a pop, against a register or what was read from memory.
template <bool pops>
[[gnu::always_inline]] inline bool compare_to_status(X87State& x, Float80 b) {
    const unsigned zero = top(x);
    if (empty_register(x, zero)) return false;
    const Float80 a = get(x, zero);
    if (!(is_normal(a) || is_zero(a)) || !(is_normal(b) || is_zero(b))) return false;
    bool less, equal;
    order(a, b, less, equal);
    x.status = static_cast<u16>((x.status & ~(kC0 | kC1 | kC2 | kC3)) | (less ? kC0 : 0) | (equal ? kC3 : 0));
    if constexpr (pops) pop(x);
    return true;
}
template <bool pops>
struct CompareToStatus {
    static bool run(X87State& x, LazyFlags&, unsigned i) {
        const unsigned other = physical(x, i);
        return !empty_register(x, other) && compare_to_status<pops>(x, get(x, other));
    }
};
template <bool pops>
struct CompareMemory {
    static bool run(X87State& x, Float80 value) { return compare_to_status<pops>(x, value); }
};

// ---- handlers -------------------------------------------------------------------------------------------------------

/// What the last-instruction pointers need, in 32 bits: FOP, distance from the block's first byte, segment of the
/// operand.
i32 pointers(const Insn& insn, const LowerContext& context) {
    const u32 fop = (insn.opcode & 7u) << 8 | insn.modrm, offset = context.end - insn.length;
    return static_cast<i32>(fop | offset << 16 | u32{insn.mem.seg} << 24);
}
[[gnu::always_inline]] inline void note(Cpu& cpu, i32 packed, u64 eip) {
    X87State& x = cpu.s.x87;
    const auto bits = static_cast<u32>(packed);
    x.opcode = bits & 0x7FF;
    x.instruction_offset = static_cast<u32>(eip + ((bits >> 16) & 0xFF));
    x.instruction_selector = cpu.s.seg[CS].selector;
}

template <class Body>
void on_registers(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    X87State& x = cpu->s.x87;
    if ((x.status & kES) || !Body::run(x, cpu->s.flags, op->a)) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, scratch);
    note(*cpu, op->imm, eip);
    return go(cpu, op + 1, budget, tlb, eip, 0);
}

/// A single, a double or an integer as an extended number; false: it is neither normal nor zero.
template <std::signed_integral T>
[[gnu::always_inline]] inline bool widen(T value, Float80& out) {
    const u64 magnitude = value < 0 ? u64{0} - static_cast<u64>(value) : static_cast<u64>(value);
    const int shift = std::countl_zero(magnitude | 1);
    out = magnitude ? make_float80(value < 0, kBias + 63 - shift, magnitude << shift) : zero80(false);
    return true;
}
template <std::unsigned_integral T>
[[gnu::always_inline]] inline bool widen(T bits, Float80& out) {
    constexpr unsigned fraction = sizeof(T) == 4 ? 23 : 52;
    constexpr u32 highest = sizeof(T) == 4 ? 255 : 2047;
    const auto exponent = static_cast<u32>(bits >> fraction) & highest;
    const u64 significand = static_cast<u64>(bits) << (63 - fraction) & ~kIntegerBit;
    const bool sign = bits >> (sizeof(T) * 8 - 1);
    if (exponent - 1 < highest - 1) {
        out = make_float80(sign, static_cast<i32>(exponent) - static_cast<i32>(highest / 2) + kBias,
                           significand | kIntegerBit);
        return true;
    }
    out = zero80(sign);
    return exponent == 0 && significand == 0;
}

struct LoadMemory {
    static bool run(X87State& x, Float80 value) {
        if (!empty_register(x, (top(x) - 1) & 7)) return false;
        push(x, value);
        clear_c1(x);
        return true;
    }
};
template <Arithmetic kind>
struct CombineMemory {
    static bool run(X87State& x, Float80 value) {
        const unsigned zero = top(x);
        return precision_masked(x) && !empty_register(x, zero) && combine<kind>(x, zero, value);
    }
};

/// Flat segments only, so that the offset is the linear address. The pointers stand in the slot behind.
template <class Body, class T>
void on_memory(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    u64 linear;
    const u8* from = locate<T, Flat, false>(*cpu, *op, tlb, linear);
    if (!from) [[unlikely]]
        return tlb_miss<sizeof(T), false>(cpu, op, budget, tlb, eip, linear);
    X87State& x = cpu->s.x87;
    Float80 value;
    if ((x.status & kES) || !widen<T>(load_host<T>(from), value) || !Body::run(x, value)) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, 0);
    const i32 packed = op[1].imm;
    note(*cpu, packed, eip);
    x.operand_offset = static_cast<u32>(linear);
    x.operand_selector = cpu->s.seg[static_cast<u32>(packed) >> 24].selector;
    return go(cpu, op + 2, budget, tlb, eip, 0);
}

/// An ordinary number as a single or double, rounded to nearest; false: out of the range of normal ones.
template <class T>
[[gnu::always_inline]] inline bool narrow(FpuContext& c, Float80 value, T& out) {
    constexpr unsigned fraction = sizeof(T) == 4 ? 23 : 52, lost = 63 - fraction;
    constexpr i32 highest = sizeof(T) == 4 ? 255 : 2047;
    const T sign = static_cast<T>(T{sign_of(value)} << (sizeof(T) * 8 - 1));
    if (is_zero(value)) {
        out = sign;
        return true;
    }
    const i32 exponent = exponent_of(value) - kBias + highest / 2;
    if (!is_normal(value) || exponent < 1 || exponent > highest - 2) return false; // room for a carry
    constexpr u64 unit = u64{1} << lost, half = unit / 2;
    const u64 rest = value.significand & (unit - 1);
    const bool up = rest > half || (rest == half && (value.significand & unit));
    // A carry out of the fraction makes the exponent one more.
    const u64 rounded = (static_cast<u64>(exponent - 1) << fraction) + (value.significand >> lost) + up;
    out = static_cast<T>(sign | static_cast<T>(rounded));
    c.round_up = up;
    c.flags |= rest ? kPE : 0;
    return true;
}

/// FST and FSTP to memory.
template <class T, bool pops>
void store_memory(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    u64 linear;
    u8* to = locate<T, Flat, true>(*cpu, *op, tlb, linear);
    if (!to) [[unlikely]]
        return tlb_miss<sizeof(T), true>(cpu, op, budget, tlb, eip, linear);
    X87State& x = cpu->s.x87;
    const unsigned zero = top(x);
    FpuContext c = context(x);
    T value;
    const bool plain = !(x.status & kES) && precision_masked(x) && c.rounding() == Rounding::Nearest;
    if (!plain || empty_register(x, zero) || !narrow<T>(c, get(x, zero), value)) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, 0);
    store_host<T>(to, value);
    x.status = static_cast<u16>((x.status & ~kC1) | (c.round_up ? kC1 : 0) | c.flags);
    if constexpr (pops) pop(x);
    const i32 packed = op[1].imm;
    note(*cpu, packed, eip);
    x.operand_offset = static_cast<u32>(linear);
    x.operand_selector = cpu->s.seg[static_cast<u32>(packed) >> 24].selector;
    return go(cpu, op + 2, budget, tlb, eip, 0);
}

// ---- selection ------------------------------------------------------------------------------------------------------

bool emit_registers(const Insn& insn, LowerContext& context, Handler handler) {
    Op& op = context.out.emit(handler);
    op.a = insn.modrm & 7;
    op.imm = pointers(insn, context);
    return true;
}

bool emit_at_memory(const Insn& insn, LowerContext& context, Handler handler) {
    if (!handler || !is_flat(address_form(insn, context.mode))) return false;
    set_address(context, context.out.emit(handler), insn);
    context.out.immediate(static_cast<u32>(pointers(insn, context)));
    return true;
}

/// By the width of the operand; the third is for 16 bits or nullptr.
bool emit_by_width(const Insn& insn, LowerContext& context, Handler four, Handler eight, Handler two = nullptr) {
    const u8 width = insn.op[insn.operand_count - 1].width;
    return emit_at_memory(insn, context, width == 4 ? four : width == 8 ? eight : width == 2 ? two : nullptr);
}

template <class Body>
bool emit_memory(const Insn& insn, LowerContext& context) {
    return emit_by_width(insn, context, &on_memory<Body, u32>, &on_memory<Body, u64>);
}

template <bool pops>
bool emit_compare(const Insn& insn, LowerContext& context) {
    if (is_memory(insn)) return emit_memory<CompareMemory<pops>>(insn, context);
    return emit_registers(insn, context, &on_registers<CompareToStatus<pops>>);
}

/// D8 with a register: into ST(0). DC and DE: into ST(i).
template <Arithmetic kind, bool pops>
bool emit_arithmetic(const Insn& insn, LowerContext& context) {
    if (is_memory(insn)) return emit_memory<CombineMemory<kind>>(insn, context);
    return emit_registers(insn, context,
                          insn.opcode & 4 ? &on_registers<Combine<kind, true, pops>>
                                          : &on_registers<Combine<kind, false, pops>>);
}

} // namespace

bool lower_x87(const Insn& insn, LowerContext& context) {
    if (!(context.mode & kModeFpu)) return false;
    switch (insn.mnemonic) {
    case Mnemonic::fadd: return emit_arithmetic<Arithmetic::Add, false>(insn, context);
    case Mnemonic::faddp: return emit_arithmetic<Arithmetic::Add, true>(insn, context);
    case Mnemonic::fsub: return emit_arithmetic<Arithmetic::Subtract, false>(insn, context);
    case Mnemonic::fsubp: return emit_arithmetic<Arithmetic::Subtract, true>(insn, context);
    case Mnemonic::fsubr: return emit_arithmetic<Arithmetic::SubtractReverse, false>(insn, context);
    case Mnemonic::fsubrp: return emit_arithmetic<Arithmetic::SubtractReverse, true>(insn, context);
    case Mnemonic::fmul: return emit_arithmetic<Arithmetic::Multiply, false>(insn, context);
    case Mnemonic::fmulp: return emit_arithmetic<Arithmetic::Multiply, true>(insn, context);
    case Mnemonic::fxch: return emit_registers(insn, context, &on_registers<Exchange>);
    case Mnemonic::fld:
        if (is_memory(insn)) return emit_memory<LoadMemory>(insn, context);
        return emit_registers(insn, context, &on_registers<LoadRegister>);
    case Mnemonic::fild:
        return emit_by_width(insn, context, &on_memory<LoadMemory, i32>, &on_memory<LoadMemory, i64>,
                             &on_memory<LoadMemory, i16>);
    case Mnemonic::fdiv: return emit_arithmetic<Arithmetic::Divide, false>(insn, context);
    case Mnemonic::fdivp: return emit_arithmetic<Arithmetic::Divide, true>(insn, context);
    case Mnemonic::fdivr: return emit_arithmetic<Arithmetic::DivideReverse, false>(insn, context);
    case Mnemonic::fdivrp: return emit_arithmetic<Arithmetic::DivideReverse, true>(insn, context);
    case Mnemonic::fcom:
    case Mnemonic::fucom: return emit_compare<false>(insn, context);
    case Mnemonic::fcomp:
    case Mnemonic::fucomp: return emit_compare<true>(insn, context);
    case Mnemonic::fst:
        if (is_memory(insn)) return emit_by_width(insn, context, &store_memory<u32, false>, &store_memory<u64, false>);
        return emit_registers(insn, context, &on_registers<StoreRegister<false>>);
    case Mnemonic::fstp:
        if (is_memory(insn)) return emit_by_width(insn, context, &store_memory<u32, true>, &store_memory<u64, true>);
        return insn.opcode == 0xDD && emit_registers(insn, context, &on_registers<StoreRegister<true>>);
    case Mnemonic::fld1: return emit_registers(insn, context, &on_registers<LoadConstant<true>>);
    case Mnemonic::fldz: return emit_registers(insn, context, &on_registers<LoadConstant<false>>);
    case Mnemonic::fchs: return emit_registers(insn, context, &on_registers<ChangeSign<true>>);
    case Mnemonic::fabs: return emit_registers(insn, context, &on_registers<ChangeSign<false>>);
    case Mnemonic::fcomi:
    case Mnemonic::fucomi: return emit_registers(insn, context, &on_registers<CompareToFlags<false>>);
    case Mnemonic::fcomip:
    case Mnemonic::fucomip: return emit_registers(insn, context, &on_registers<CompareToFlags<true>>);
    default: return false;
    }
}

} // namespace r86

/// x87 instructions: addition, subtraction, multiplication, division with register, memory and integer operands, and
/// those that work on ST(0) alone or with ST(1). SDM Vol. 2, each by its name; Vol. 1, 8.5 for what exceptions store.
#include "cpu/fpu/arithmetic.h"
#include "cpu/fpu/convert.h"
#include "cpu/fpu/transcendental.h"
#include "cpu/fpu/x87.h"
#include "cpu/semantics.h"

namespace r86::exec {

using namespace fpu;

namespace {

using Binary = Float80 (*)(FpuContext&, Float80 destination, Float80 source);

Float80 do_add(FpuContext& c, Float80 d, Float80 s) { return fpu::add(c, d, s); }
Float80 do_sub(FpuContext& c, Float80 d, Float80 s) { return fpu::subtract(c, d, s); }
Float80 do_subr(FpuContext& c, Float80 d, Float80 s) { return fpu::subtract(c, s, d); }
Float80 do_mul(FpuContext& c, Float80 d, Float80 s) { return fpu::multiply(c, d, s); }
Float80 do_div(FpuContext& c, Float80 d, Float80 s) { return fpu::divide(c, d, s); }
Float80 do_divr(FpuContext& c, Float80 d, Float80 s) { return fpu::divide(c, s, d); }

/// ST(0) and a value from memory that is already in the context `c`.
template <Binary operation>
Fault with_source(Cpu& cpu, FpuContext& c, Float80 source) {
    X87State& x = cpu.s.x87;
    if (empty(x, 0)) {
        if (stack_fault(cpu, false)) set_st(x, 0, kIndefinite);
        return Fault::none();
    }
    const Float80 result = operation(c, st(x, 0), source);
    if (!c.stopped()) [[likely]]
        set_st(x, 0, result);
    commit_flags(cpu, c);
    return Fault::none();
}

/// D8 and DC with memory: single and double. D8 with a register: to ST(0). DC and DE (`pops`): to ST(i).
template <Binary operation, bool pops>
Fault arithmetic(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    FpuContext c = context(x);
    if (is_memory(insn)) {
        const u64 offset = cpu.effective_address(insn);
        Float80 source;
        if (insn.opcode & 4) {
            u64 value = 0;
            if (fault = cpu.read<u64>(insn.mem.seg, offset, value); fault) return fault;
            source = widen_operand(c, value);
        } else {
            u32 value = 0;
            if (fault = cpu.read<u32>(insn.mem.seg, offset, value); fault) return fault;
            source = widen_operand(c, value);
        }
        note_instruction(cpu, insn);
        note_operand(cpu, insn, offset);
        return with_source<operation>(cpu, c, source);
    }
    note_instruction(cpu, insn);
    const unsigned i = insn.modrm & 7;
    const unsigned destination = insn.opcode & 4 ? i : 0, source = insn.opcode & 4 ? 0 : i;
    if (empty(x, destination) || empty(x, source)) [[unlikely]] {
        if (stack_fault(cpu, false)) {
            set_st(x, destination, kIndefinite);
            if (pops) pop_st(x);
        }
        return fault;
    }
    const Float80 result = operation(c, st(x, destination), st(x, source));
    if (!c.stopped()) [[likely]] {
        set_st(x, destination, result);
        if (pops) pop_st(x);
    }
    commit_flags(cpu, c);
    return fault;
}

/// DA: 32-bit, DE: 16-bit integer in memory.
template <Binary operation>
Fault integer(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    const u64 offset = cpu.effective_address(insn);
    i64 value = 0;
    if (insn.opcode & 4) {
        u16 word = 0;
        if (fault = cpu.read<u16>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i16>(word);
    } else {
        u32 word = 0;
        if (fault = cpu.read<u32>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i32>(word);
    }
    note_instruction(cpu, insn);
    note_operand(cpu, insn, offset);
    FpuContext c = context(cpu.s.x87);
    return with_source<operation>(cpu, c, from_integer(value));
}

/// ST(0) = f(ST(0), ST(1)); `operands` says how many must be there, `pops` that ST(1) takes the result.
template <class Function>
Fault stack_operation(Cpu& cpu, const Insn& insn, unsigned operands, bool pops, Function function) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    if (empty(x, 0) || (operands == 2 && empty(x, 1))) {
        if (stack_fault(cpu, false)) {
            if (pops) pop_st(x);
            set_st(x, 0, kIndefinite);
        }
        return fault;
    }
    FpuContext c = context(x);
    const Float80 result = function(c, st(x, 0), operands == 2 ? st(x, 1) : Float80{});
    if (!c.stopped()) {
        if (pops) pop_st(x);
        set_st(x, 0, result);
    }
    commit_flags(cpu, c);
    return fault;
}

/// FPTAN, FSINCOS, FXTRACT: one operand becomes two results. `function` false: C2, nothing changes.
template <class Function>
Fault doubling_operation(Cpu& cpu, const Insn& insn, bool sets_c2, Function function) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    if (sets_c2) x.status &= static_cast<u16>(~kC2);
    if (empty(x, 0) || !empty(x, 7)) {
        if (stack_fault(cpu, !empty(x, 0))) {
            set_st(x, 0, kIndefinite);
            push_st(x, kIndefinite);
        }
        return fault;
    }
    FpuContext c = context(x);
    Float80 below, above;
    if (!function(c, st(x, 0), below, above)) {
        clear_c1(x);
        x.status |= kC2;
        return fault;
    }
    if (!c.stopped()) {
        set_st(x, 0, below);
        push_st(x, above);
    }
    commit_flags(cpu, c);
    return fault;
}

/// FSIN and FCOS.
template <bool (*function)(FpuContext&, Float80, Float80&)>
Fault wave(Cpu& cpu, const Insn& insn) {
    bool in_range = true;
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    x.status &= static_cast<u16>(~kC2);
    fault = stack_operation(cpu, insn, 1, false, [&](FpuContext& c, Float80 a, Float80) {
        Float80 result = a;
        in_range = function(c, a, result);
        return result;
    });
    if (!in_range) x.status |= kC2;
    return fault;
}

Fault partial_remainder(Cpu& cpu, const Insn& insn, bool nearest) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    x.status &= static_cast<u16>(~kC2);
    u16 condition = 0;
    bool done = false;
    fault = stack_operation(cpu, insn, 2, false, [&](FpuContext& c, Float80 a, Float80 b) {
        const Float80 result = fpu::remainder(c, a, b, nearest, condition);
        // An invalid operation or a NaN leaves C0 and C3 as they were.
        done = !c.stopped() && !(c.flags & kIE) && !is_nan(classify(result));
        return result;
    });
    if (done) x.status = static_cast<u16>((x.status & ~(kC0 | kC1 | kC2 | kC3)) | condition);
    return fault;
}

} // namespace

Fault fadd(Cpu& cpu, const Insn& insn) { return arithmetic<do_add, false>(cpu, insn); }
Fault faddp(Cpu& cpu, const Insn& insn) { return arithmetic<do_add, true>(cpu, insn); }
Fault fiadd(Cpu& cpu, const Insn& insn) { return integer<do_add>(cpu, insn); }
Fault fmul(Cpu& cpu, const Insn& insn) { return arithmetic<do_mul, false>(cpu, insn); }
Fault fmulp(Cpu& cpu, const Insn& insn) { return arithmetic<do_mul, true>(cpu, insn); }
Fault fimul(Cpu& cpu, const Insn& insn) { return integer<do_mul>(cpu, insn); }
Fault fsub(Cpu& cpu, const Insn& insn) { return arithmetic<do_sub, false>(cpu, insn); }
Fault fsubp(Cpu& cpu, const Insn& insn) { return arithmetic<do_sub, true>(cpu, insn); }
Fault fisub(Cpu& cpu, const Insn& insn) { return integer<do_sub>(cpu, insn); }
Fault fsubr(Cpu& cpu, const Insn& insn) { return arithmetic<do_subr, false>(cpu, insn); }
Fault fsubrp(Cpu& cpu, const Insn& insn) { return arithmetic<do_subr, true>(cpu, insn); }
Fault fisubr(Cpu& cpu, const Insn& insn) { return integer<do_subr>(cpu, insn); }
Fault fdiv(Cpu& cpu, const Insn& insn) { return arithmetic<do_div, false>(cpu, insn); }
Fault fdivp(Cpu& cpu, const Insn& insn) { return arithmetic<do_div, true>(cpu, insn); }
Fault fidiv(Cpu& cpu, const Insn& insn) { return integer<do_div>(cpu, insn); }
Fault fdivr(Cpu& cpu, const Insn& insn) { return arithmetic<do_divr, false>(cpu, insn); }
Fault fdivrp(Cpu& cpu, const Insn& insn) { return arithmetic<do_divr, true>(cpu, insn); }
Fault fidivr(Cpu& cpu, const Insn& insn) { return integer<do_divr>(cpu, insn); }

Fault fsqrt(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 1, false, [](FpuContext& c, Float80 a, Float80) { return square_root(c, a); });
}
Fault frndint(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 1, false,
                           [](FpuContext& c, Float80 a, Float80) { return round_to_integer(c, a); });
}
Fault fscale(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 2, false, [](FpuContext& c, Float80 a, Float80 b) { return scale(c, a, b); });
}
Fault f2xm1(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 1, false, [](FpuContext& c, Float80 a, Float80) { return exp2_minus_1(c, a); });
}
Fault fyl2x(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 2, true, [](FpuContext& c, Float80 a, Float80 b) { return y_log2_x(c, b, a); });
}
Fault fyl2xp1(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 2, true,
                           [](FpuContext& c, Float80 a, Float80 b) { return y_log2_x_plus_1(c, b, a); });
}
Fault fpatan(Cpu& cpu, const Insn& insn) {
    return stack_operation(cpu, insn, 2, true, [](FpuContext& c, Float80 a, Float80 b) { return arctangent(c, b, a); });
}
Fault fsin(Cpu& cpu, const Insn& insn) { return wave<sine>(cpu, insn); }
Fault fcos(Cpu& cpu, const Insn& insn) { return wave<cosine>(cpu, insn); }

Fault fsincos(Cpu& cpu, const Insn& insn) {
    return doubling_operation(cpu, insn, true, [](FpuContext& c, Float80 a, Float80& below, Float80& above) {
        return sine_cosine(c, a, below, above);
    });
}
Fault fptan(Cpu& cpu, const Insn& insn) {
    return doubling_operation(cpu, insn, true, [](FpuContext& c, Float80 a, Float80& below, Float80& above) {
        const bool in_range = tangent(c, a, below);
        above = is_nan(classify(below)) ? below : kOne;
        return in_range;
    });
}
Fault fxtract(Cpu& cpu, const Insn& insn) {
    return doubling_operation(cpu, insn, false, [](FpuContext& c, Float80 a, Float80& below, Float80& above) {
        above = extract(c, a, below);
        return true;
    });
}
Fault fprem(Cpu& cpu, const Insn& insn) { return partial_remainder(cpu, insn, false); }
Fault fprem1(Cpu& cpu, const Insn& insn) { return partial_remainder(cpu, insn, true); }

} // namespace r86::exec

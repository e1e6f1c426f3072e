/// x87 instructions that move data: FLD, FST, FILD, FIST, FISTTP, FBLD, FBSTP, FXCH and the constants.
/// SDM Vol. 2, by name; a store writes memory first, so that its fault leaves everything as it was.
#include "cpu/fpu/arithmetic.h"
#include "cpu/fpu/convert.h"
#include "cpu/fpu/x87.h"
#include "cpu/semantics.h"
#include <cstring>

namespace r86::exec {

using namespace fpu;

namespace {

void note_memory(Cpu& cpu, const Insn& insn, u64 offset) {
    note_instruction(cpu, insn);
    note_operand(cpu, insn, offset);
}

/// Pushes what `convert` makes; overflow of the stack comes first, and only an unmasked IE stops the load.
template <class Convert>
void push_converted(Cpu& cpu, Convert convert) {
    X87State& x = cpu.s.x87;
    if (!empty(x, 7)) {
        if (stack_fault(cpu, true)) push_st(x, kIndefinite);
        return;
    }
    FpuContext c = context(x);
    const Float80 value = convert(c);
    if (!(c.unmasked() & kIE)) push_st(x, value);
    commit_flags(cpu, c);
}

/// Stores ST(0) as a T (FST, FIST, FBSTP). `indefinite` is what an empty register stores.
template <class T, class Convert>
Fault store(Cpu& cpu, const Insn& insn, bool pops, T indefinite, Convert convert) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    const u64 offset = cpu.effective_address(insn);
    const auto write = [&](const T& value) {
        if constexpr (std::is_integral_v<T>)
            return cpu.write<T>(insn.mem.seg, offset, value);
        else
            return cpu.write_bytes(insn.mem.seg, offset, value.data(), static_cast<unsigned>(value.size()));
    };
    if (empty(x, 0)) {
        if (x.control & kIE) {
            if (fault = write(indefinite); fault) return fault;
        }
        note_memory(cpu, insn, offset);
        if (stack_fault(cpu, false) && pops) pop_st(x);
        return fault;
    }
    FpuContext c = context(x);
    const T value = convert(c, st(x, 0));
    const bool stopped = store_stopped(c);
    if (!stopped) {
        if (fault = write(value); fault) return fault;
    }
    note_memory(cpu, insn, offset);
    if (!stopped && pops) pop_st(x);
    commit_flags(cpu, c);
    return fault;
}

template <class T>
Fault store_integer(Cpu& cpu, const Insn& insn, bool pops, bool truncate) {
    constexpr unsigned width = sizeof(T) * 8;
    return r86::exec::store<T>(cpu, insn, pops, static_cast<T>(T{1} << (width - 1)), [&](FpuContext& c, Float80 v) {
        return static_cast<T>(to_integer(c, v, width, truncate));
    });
}

using Bytes10 = std::array<u8, 10>;

Bytes10 to_bytes(Float80 v) {
    Bytes10 bytes{};
    for (unsigned i = 0; i < 8; ++i) bytes[i] = static_cast<u8>(v.significand >> (8 * i));
    bytes[8] = static_cast<u8>(v.sign_exponent);
    bytes[9] = static_cast<u8>(v.sign_exponent >> 8);
    return bytes;
}

Float80 from_bytes(const Bytes10& bytes) {
    Float80 v;
    for (unsigned i = 0; i < 8; ++i) v.significand |= static_cast<u64>(bytes[i]) << (8 * i);
    v.sign_exponent = static_cast<u16>(bytes[8] | bytes[9] << 8);
    return v;
}

Fault store_register(Cpu& cpu, const Insn& insn, bool pops) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    clear_c1(x);
    if (empty(x, 0)) {
        if (insn.opcode == 0xD9) { // FSTP1 reports no underflow and writes nothing
            pop_st(x);
        } else if (stack_fault(cpu, false)) {
            set_st(x, insn.modrm & 7, kIndefinite);
            if (pops) pop_st(x);
        }
        return fault;
    }
    set_st(x, insn.modrm & 7, st(x, 0));
    if (pops) pop_st(x);
    return fault;
}

/// FST and FSTP: D9 single, DD double, DB (FSTP only) extended, or a register.
Fault store_float(Cpu& cpu, const Insn& insn, bool pops) {
    if (!is_memory(insn)) return store_register(cpu, insn, pops);
    switch (insn.opcode) {
    case 0xD9: return r86::exec::store<u32>(cpu, insn, pops, 0xFFC00000, store_f32);
    case 0xDD: return r86::exec::store<u64>(cpu, insn, pops, 0xFFF8000000000000, store_f64);
    default:
        return r86::exec::store<Bytes10>(cpu, insn, pops, to_bytes(kIndefinite),
                                         [](FpuContext&, Float80 v) { return to_bytes(v); });
    }
}

/// FLDL2T ...: the constant truncated to 64 bits, and whether it rounds up to nearest (SDM Vol. 1, 8.3.3: internal
/// constants are rounded by RC; no PE).
Fault load_constant(Cpu& cpu, const Insn& insn, Float80 truncated, bool nearest_is_up) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    push_converted(cpu, [&](FpuContext& c) {
        const Rounding rc = c.rounding();
        Float80 value = truncated;
        if (rc == Rounding::Up || (rc == Rounding::Nearest && nearest_is_up)) ++value.significand;
        return value;
    });
    return fault;
}

Fault load_exact(Cpu& cpu, const Insn& insn, Float80 value) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    push_converted(cpu, [&](FpuContext&) { return value; });
    return fault;
}

} // namespace

/// D9 single, DD double, DB extended, D9 C0+i a register.
Fault fld(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    if (!is_memory(insn)) {
        note_instruction(cpu, insn);
        const unsigned i = insn.modrm & 7;
        clear_c1(x);
        if (empty(x, i)) { // before an overflow
            if (stack_fault(cpu, false)) push_st(x, kIndefinite);
            return fault;
        }
        const Float80 value = st(x, i);
        push_converted(cpu, [&](FpuContext&) { return value; });
        return fault;
    }
    const u64 offset = cpu.effective_address(insn);
    if (insn.opcode == 0xD9) {
        u32 value = 0;
        if (fault = cpu.read<u32>(insn.mem.seg, offset, value); fault) return fault;
        note_memory(cpu, insn, offset);
        push_converted(cpu, [&](FpuContext& c) { return load_f32(c, value); });
    } else if (insn.opcode == 0xDD) {
        u64 value = 0;
        if (fault = cpu.read<u64>(insn.mem.seg, offset, value); fault) return fault;
        note_memory(cpu, insn, offset);
        push_converted(cpu, [&](FpuContext& c) { return load_f64(c, value); });
    } else {
        Bytes10 bytes{};
        if (fault = cpu.read_bytes(insn.mem.seg, offset, bytes.data(), 10); fault) return fault;
        note_memory(cpu, insn, offset);
        push_converted(cpu, [&](FpuContext&) { return from_bytes(bytes); });
    }
    return fault;
}

Fault fst(Cpu& cpu, const Insn& insn) { return store_float(cpu, insn, false); }
Fault fstp(Cpu& cpu, const Insn& insn) { return store_float(cpu, insn, true); }

/// DF /0 16 bits, DB /0 32 bits, DF /5 64 bits.
Fault fild(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    const u64 offset = cpu.effective_address(insn);
    i64 value = 0;
    if (insn.opcode == 0xDB) {
        u32 word = 0;
        if (fault = cpu.read<u32>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i32>(word);
    } else if (insn.modrm_reg() == 5) {
        u64 word = 0;
        if (fault = cpu.read<u64>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i64>(word);
    } else {
        u16 word = 0;
        if (fault = cpu.read<u16>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i16>(word);
    }
    note_memory(cpu, insn, offset);
    push_converted(cpu, [&](FpuContext&) { return from_integer(value); });
    return fault;
}

Fault fist(Cpu& cpu, const Insn& insn) {
    return insn.opcode == 0xDB ? store_integer<u32>(cpu, insn, false, false)
                               : store_integer<u16>(cpu, insn, false, false);
}

/// DF /3 16 bits, DB /3 32 bits, DF /7 64 bits.
Fault fistp(Cpu& cpu, const Insn& insn) {
    if (insn.opcode == 0xDB) return store_integer<u32>(cpu, insn, true, false);
    return insn.modrm_reg() == 7 ? store_integer<u64>(cpu, insn, true, false)
                                 : store_integer<u16>(cpu, insn, true, false);
}

/// DF /1 16 bits, DB /1 32 bits, DD /1 64 bits.
Fault fisttp(Cpu& cpu, const Insn& insn) {
    switch (insn.opcode) {
    case 0xDB: return store_integer<u32>(cpu, insn, true, true);
    case 0xDD: return store_integer<u64>(cpu, insn, true, true);
    default: return store_integer<u16>(cpu, insn, true, true);
    }
}

Fault fbld(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    const u64 offset = cpu.effective_address(insn);
    Bcd bcd{};
    if (fault = cpu.read_bytes(insn.mem.seg, offset, bcd.data(), 10); fault) return fault;
    note_memory(cpu, insn, offset);
    push_converted(cpu, [&](FpuContext&) { return from_bcd(bcd); });
    return fault;
}

Fault fbstp(Cpu& cpu, const Insn& insn) {
    const Bcd indefinite{0, 0, 0, 0, 0, 0, 0, 0xC0, 0xFF, 0xFF};
    return r86::exec::store<Bcd>(cpu, insn, true, indefinite, to_bcd);
}

Fault fxch(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    const unsigned i = insn.modrm & 7;
    clear_c1(x);
    if (empty(x, 0) || empty(x, i)) {
        if (!stack_fault(cpu, false)) return fault;
        if (empty(x, 0)) set_st(x, 0, kIndefinite);
        if (empty(x, i)) set_st(x, i, kIndefinite);
    }
    const Float80 other = st(x, i);
    set_st(x, i, st(x, 0));
    set_st(x, 0, other);
    return fault;
}

Fault fld1(Cpu& cpu, const Insn& insn) { return load_exact(cpu, insn, kOne); }
Fault fldz(Cpu& cpu, const Insn& insn) { return load_exact(cpu, insn, zero80(false)); }
Fault fldl2t(Cpu& cpu, const Insn& insn) { return load_constant(cpu, insn, {0xD49A784BCD1B8AFE, 0x4000}, false); }
Fault fldl2e(Cpu& cpu, const Insn& insn) { return load_constant(cpu, insn, {0xB8AA3B295C17F0BB, 0x3FFF}, true); }
Fault fldpi(Cpu& cpu, const Insn& insn) { return load_constant(cpu, insn, {0xC90FDAA22168C234, 0x4000}, true); }
Fault fldlg2(Cpu& cpu, const Insn& insn) { return load_constant(cpu, insn, {0x9A209A84FBCFF798, 0x3FFD}, true); }
Fault fldln2(Cpu& cpu, const Insn& insn) { return load_constant(cpu, insn, {0xB17217F7D1CF79AB, 0x3FFE}, true); }

} // namespace r86::exec

/// Moves between the MMX, XMM and general registers and memory. SDM Vol. 2, by name.
#include "cpu/sse/lanes.h"
#include "cpu/sse/operands.h"

namespace r86::exec {

using namespace sse;

namespace {

/// 16 bytes either way: operand 0 is the destination.
Fault move_xmm(Cpu& cpu, const Insn& insn, Alignment alignment) {
    if (Fault fault = check_sse(cpu)) return fault;
    Xmm value;
    if (Fault fault = load_xmm(cpu, insn, 1, value, alignment)) return fault;
    if (insn.op[0].kind == OperandKind::Mem)
        return write_xmm(cpu, insn.mem.seg, cpu.effective_address(insn), value, alignment);
    set_xmm(cpu.s, insn.op[0].reg, value);
    return Fault::none();
}

/// The low lane: memory to register clears the rest, register to register keeps it.
template <class T>
Fault move_scalar(Cpu& cpu, const Insn& insn) {
    if (Fault fault = check_sse(cpu)) return fault;
    if (insn.op[0].kind == OperandKind::Mem) return cpu.store<T>(insn, 0, lane<T>(xmm(cpu.s, insn.op[1].reg), 0));
    Xmm value;
    if (Fault fault = load_xmm(cpu, insn, 1, value)) return fault;
    if (insn.op[1].kind == OperandKind::Xmm) value = with_lane<T>(xmm(cpu.s, insn.op[0].reg), 0, lane<T>(value, 0));
    set_xmm(cpu.s, insn.op[0].reg, value);
    return Fault::none();
}

/// One half of a register from or to memory; the other half stays.
Fault move_half(Cpu& cpu, const Insn& insn, unsigned half) {
    if (Fault fault = check_sse(cpu)) return fault;
    if (insn.op[0].kind == OperandKind::Mem)
        return cpu.store<u64>(insn, 0, lane<u64>(xmm(cpu.s, insn.op[1].reg), half));
    u64 value = 0;
    if (Fault fault = cpu.load<u64>(insn, 1, value)) return fault;
    set_xmm(cpu.s, insn.op[0].reg, with_lane(xmm(cpu.s, insn.op[0].reg), half, value));
    return Fault::none();
}

Fault store_xmm(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Required); }

/// Bytes of `value` whose mask byte has its top bit set, to DS:rDI. Pages that get none are not touched.
template <unsigned N>
Fault store_masked(Cpu& cpu, const Insn& insn, Packed<N> value, Packed<N> mask) {
    const u64 wrap = insn.address_size == 2 ? 0xFFFF : insn.address_size == 4 ? 0xFFFFFFFF : ~u64{0};
    const u64 base = cpu.s.gpr[RDI] & wrap;
    // As Intel's processors do: segment, alignment and pages count for the whole operand, whatever is selected (SDM
    // Vol. 2, MASKMOVDQU leaves it to the processor).
    LinearAddr linear;
    if (Fault fault = cpu.segment_check(insn.mem.seg, base, N, Access::Write, linear)) return fault;
    if (Fault fault = cpu.check_access(linear.value, 8, true, cpu.cpl() == 3)) return fault;
    if (Fault fault = cpu.probe_linear(linear, N, Access::Write, cpu.cpl() == 3)) return fault;
    for (unsigned i = 0; i < N; ++i)
        if (mask.bytes[i] & 0x80)
            if (Fault fault = cpu.write<u8>(insn.mem.seg, (base + i) & wrap, value.bytes[i])) return fault;
    return Fault::none();
}

/// A general register from an MMX or XMM register: f(register).
template <class F>
Fault to_general(Cpu& cpu, const Insn& insn, F f) {
    if (insn.op[1].kind == OperandKind::Mmx) {
        Fault fault;
        if (!begin_mmx(cpu, fault)) return fault;
        enter_mmx(cpu.s);
        cpu.set_gpr<u32>(insn.op[0].reg, f(mm(cpu.s, insn.op[1].reg)));
        return fault;
    }
    if (Fault fault = check_sse(cpu)) return fault;
    cpu.set_gpr<u32>(insn.op[0].reg, f(xmm(cpu.s, insn.op[1].reg)));
    return Fault::none();
}

} // namespace

Fault movaps(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Required); }
Fault movapd(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Required); }
Fault movdqa(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Required); }
Fault movups(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Any); }
Fault movupd(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Any); }
Fault movdqu(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Any); }
Fault lddqu(Cpu& cpu, const Insn& insn) { return move_xmm(cpu, insn, Alignment::Any); }
Fault movntps(Cpu& cpu, const Insn& insn) { return store_xmm(cpu, insn); }
Fault movntpd(Cpu& cpu, const Insn& insn) { return store_xmm(cpu, insn); }
Fault movntdq(Cpu& cpu, const Insn& insn) { return store_xmm(cpu, insn); }

Fault movss(Cpu& cpu, const Insn& insn) { return move_scalar<u32>(cpu, insn); }
Fault movsd_xmm(Cpu& cpu, const Insn& insn) { return move_scalar<u64>(cpu, insn); }
Fault movlps(Cpu& cpu, const Insn& insn) { return move_half(cpu, insn, 0); }
Fault movlpd(Cpu& cpu, const Insn& insn) { return move_half(cpu, insn, 0); }
Fault movhps(Cpu& cpu, const Insn& insn) { return move_half(cpu, insn, 1); }
Fault movhpd(Cpu& cpu, const Insn& insn) { return move_half(cpu, insn, 1); }

Fault movhlps(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [](Xmm a, Xmm b) { return with_lane(a, 0, lane<u64>(b, 1)); });
}
Fault movlhps(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [](Xmm a, Xmm b) { return with_lane(a, 1, lane<u64>(b, 0)); });
}
Fault movsldup(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [](Xmm, Xmm b) { return op::pshuf<u32>(b, 0xA0); });
}
Fault movshdup(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [](Xmm, Xmm b) { return op::pshuf<u32>(b, 0xF5); });
}
Fault movddup(Cpu& cpu, const Insn& insn) {
    return binary_xmm(cpu, insn, [](Xmm, Xmm b) { return op::pshuf<u32>(b, 0x44); });
}

/// Between a general register or memory and the low lane; the other lanes become zero.
Fault movd(Cpu& cpu, const Insn& insn) {
    const bool to_vector = insn.op[0].kind == OperandKind::Mmx || insn.op[0].kind == OperandKind::Xmm;
    const Operand& vector = insn.op[to_vector ? 0 : 1];
    const Operand& general = insn.op[to_vector ? 1 : 0];
    const bool is_mm = vector.kind == OperandKind::Mmx;
    Fault fault;
    if (is_mm) {
        if (!begin_mmx(cpu, fault)) return fault;
    } else if (fault = check_sse(cpu); fault) {
        return fault;
    }
    if (!to_vector) {
        const u64 value = is_mm ? std::bit_cast<u64>(mm(cpu.s, vector.reg)) : lane<u64>(xmm(cpu.s, vector.reg), 0);
        fault = general.width == 8 ? cpu.store<u64>(insn, 0, value) : cpu.store<u32>(insn, 0, static_cast<u32>(value));
        if (is_mm && !fault) enter_mmx(cpu.s);
        return fault;
    }
    u64 value = 0;
    if (general.kind == OperandKind::Mem)
        fault = read_narrow(cpu, insn, general.width, value);
    else
        value = general.width == 8 ? cpu.gpr<u64>(general.reg) : cpu.gpr<u32>(general.reg);
    if (fault) return fault;
    if (is_mm) {
        enter_mmx(cpu.s);
        set_mm(cpu.s, vector.reg, std::bit_cast<Mm>(value));
    } else {
        set_xmm(cpu.s, vector.reg, pack(Lanes<u64, 16>{value, 0}));
    }
    return fault;
}

/// 64 bits within one register file or to and from memory; an XMM destination gets zeros above.
Fault movq(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (insn.op[0].kind == OperandKind::Mmx || insn.op[1].kind == OperandKind::Mmx) {
        Mm value;
        if (!begin_mmx(cpu, fault)) return fault;
        if (fault = load_mm(cpu, insn, 1, value); fault) return fault;
        if (insn.op[0].kind == OperandKind::Mem) {
            if (fault = cpu.store<u64>(insn, 0, std::bit_cast<u64>(value)); fault) return fault;
            enter_mmx(cpu.s);
        } else {
            enter_mmx(cpu.s);
            set_mm(cpu.s, insn.op[0].reg, value);
        }
        return fault;
    }
    Xmm value;
    if (fault = check_sse(cpu); fault) return fault;
    if (fault = load_xmm(cpu, insn, 1, value); fault) return fault;
    if (insn.op[0].kind == OperandKind::Mem) return cpu.store<u64>(insn, 0, lane<u64>(value, 0));
    set_xmm(cpu.s, insn.op[0].reg, with_lane(value, 1, u64{0}));
    return fault;
}
Fault movntq(Cpu& cpu, const Insn& insn) { return movq(cpu, insn); }

Fault movq2dq(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_mmx_and_sse(cpu, fault)) return fault;
    enter_mmx(cpu.s);
    set_xmm(cpu.s, insn.op[0].reg, pack(Lanes<u64, 16>{std::bit_cast<u64>(mm(cpu.s, insn.op[1].reg)), 0}));
    return fault;
}
Fault movdq2q(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_mmx_and_sse(cpu, fault)) return fault;
    enter_mmx(cpu.s);
    set_mm(cpu.s, insn.op[0].reg, std::bit_cast<Mm>(lane<u64>(xmm(cpu.s, insn.op[1].reg), 0)));
    return fault;
}

/// A general register to memory: uses neither register file, so CR0 and CR4 do not matter.
Fault movnti(Cpu& cpu, const Insn& insn) {
    if (insn.op[1].width == 8) return cpu.store<u64>(insn, 0, cpu.gpr<u64>(insn.op[1].reg));
    return cpu.store<u32>(insn, 0, cpu.gpr<u32>(insn.op[1].reg));
}

Fault maskmovq(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_mmx(cpu, fault)) return fault;
    if (fault = store_masked(cpu, insn, mm(cpu.s, insn.op[0].reg), mm(cpu.s, insn.op[1].reg)); fault) return fault;
    enter_mmx(cpu.s);
    return fault;
}
Fault maskmovdqu(Cpu& cpu, const Insn& insn) {
    if (Fault fault = check_sse(cpu)) return fault;
    return store_masked(cpu, insn, xmm(cpu.s, insn.op[0].reg), xmm(cpu.s, insn.op[1].reg));
}

Fault movmskps(Cpu& cpu, const Insn& insn) { return to_general(cpu, insn, op::movmsk<u32>); }
Fault movmskpd(Cpu& cpu, const Insn& insn) { return to_general(cpu, insn, op::movmsk<u64>); }
Fault pmovmskb(Cpu& cpu, const Insn& insn) { return to_general(cpu, insn, op::movmsk<u8>); }
Fault pextrw(Cpu& cpu, const Insn& insn) {
    return to_general(cpu, insn, [&]<unsigned N>(Packed<N> v) { return u32{lane<u16>(v, insn.imm & (N / 2 - 1))}; });
}

Fault pinsrw(Cpu& cpu, const Insn& insn) {
    const bool is_mm = insn.op[0].kind == OperandKind::Mmx;
    const unsigned to = insn.op[0].reg;
    Fault fault;
    if (is_mm) {
        if (!begin_mmx(cpu, fault)) return fault;
    } else if (fault = check_sse(cpu); fault) {
        return fault;
    }
    u16 value = 0;
    if (fault = cpu.load<u16>(insn, 1, value); fault) return fault;
    if (is_mm) {
        enter_mmx(cpu.s);
        set_mm(cpu.s, to, with_lane(mm(cpu.s, to), insn.imm & 3, value));
    } else {
        set_xmm(cpu.s, to, with_lane(xmm(cpu.s, to), insn.imm & 7, value));
    }
    return fault;
}

} // namespace r86::exec

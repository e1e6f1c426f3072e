/// Hot handlers: moves of MMX to SSE3 between registers and memory.
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/sse_operands.h"

namespace r86 {

namespace {

using namespace sse;

struct NoMemory {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
};

struct MoveVector : NoMemory {
    static void run(Cpu& cpu, const Op& op) { store_vector(xmm_at(cpu, op.a), load_vector(xmm_at(cpu, op.b))); }
};
/// Low lane to low lane, the rest stays: MOVSS and MOVSD between registers. From quadword `from` to quadword `to`:
/// MOVHLPS, MOVLHPS.
template <class T, unsigned to = 0, unsigned from = 0>
struct MoveLane : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        store_host<T>(xmm_at(cpu, op.a) + to * 8, load_host<T>(xmm_at(cpu, op.b) + from * 8));
    }
};
/// MOVQ between XMM registers, MOVD from a general register: zeros above.
struct MoveLow64 : NoMemory {
    static void run(Cpu& cpu, const Op& op) { store_vector(xmm_at(cpu, op.a), load_low64(xmm_at(cpu, op.b))); }
};
struct FromGeneral : NoMemory {
    static void run(Cpu& cpu, const Op& op) { store_vector(xmm_at(cpu, op.a), vector_of(RegB<u32>::get(cpu, op))); }
};
struct ToGeneral : NoMemory {
    static void run(Cpu& cpu, const Op& op) { RegA<u32>::set(cpu, op, load_host<u32>(xmm_at(cpu, op.b))); }
};

/// A register from memory, zeros above.
template <unsigned bytes, bool aligned, class Addr>
struct LoadVector {
    using Width = OperandBytes<bytes>;
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = bytes, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate_vector<typename Width::Type, Addr, false, aligned>(cpu, op, tlb, linear);
        if (!from) return false;
        store_vector(xmm_at(cpu, op.a), Width::load(from));
        return true;
    }
};
template <bool aligned, class Addr>
struct StoreVector {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = 16, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        u8* to = locate_vector<OperandBytes<16>::Type, Addr, true, aligned>(cpu, op, tlb, linear);
        if (!to) return false;
        store_vector(to, load_vector(xmm_at(cpu, op.a)));
        return true;
    }
};
/// One lane at byte `at` of a register, from or to memory; the rest of the register stays.
template <class T, unsigned at, class Addr>
struct LoadLane {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate<T, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        store_host<T>(xmm_at(cpu, op.a) + at, load_host<T>(from));
        return true;
    }
};
template <class T, unsigned at, class Addr>
struct StoreLane {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        u8* to = locate<T, Addr, true>(cpu, op, tlb, linear);
        if (!to) return false;
        store_host<T>(to, load_host<T>(xmm_at(cpu, op.a) + at));
        return true;
    }
};

/// MMX: from a general or another MMX register, memory, and back.
struct MoveMm {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 8, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        enter_mmx_hot(cpu);
        set_mm_hot(cpu, op.a, mm_hot(cpu, op.b));
        return true;
    }
};
struct MmFromGeneral {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        enter_mmx_hot(cpu);
        set_mm_hot(cpu, op.a, vector_of(RegB<u32>::get(cpu, op)));
        return true;
    }
};
struct MmToGeneral {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        enter_mmx_hot(cpu);
        RegA<u32>::set(cpu, op, static_cast<u32>(cpu.s.x87.st.data()[op.b].significand));
        return true;
    }
};
template <unsigned bytes, class Addr>
struct LoadMm {
    using Width = OperandBytes<bytes>;
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = bytes, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        const u8* from = locate<typename Width::Type, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        enter_mmx_hot(cpu);
        set_mm_hot(cpu, op.a, Width::load(from));
        return true;
    }
};
template <class T, class Addr>
struct StoreMm {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        u8* to = locate<T, Addr, true>(cpu, op, tlb, linear);
        if (!to) return false;
        enter_mmx_hot(cpu);
        store_host<T>(to, static_cast<T>(cpu.s.x87.st.data()[op.a].significand));
        return true;
    }
};

// ---- selection ------------------------------------------------------------------------------------------------------

template <unsigned bytes, bool aligned>
struct Loads {
    template <class Addr>
    using Body = LoadVector<bytes, aligned, Addr>;
};
template <bool aligned>
struct Stores {
    template <class Addr>
    using Body = StoreVector<aligned, Addr>;
};
template <class T, unsigned at>
struct LaneLoads {
    template <class Addr>
    using Body = LoadLane<T, at, Addr>;
};
template <class T, unsigned at>
struct LaneStores {
    template <class Addr>
    using Body = StoreLane<T, at, Addr>;
};
template <unsigned bytes>
struct MmLoads {
    template <class Addr>
    using Body = LoadMm<bytes, Addr>;
};
template <class T>
struct MmStores {
    template <class Addr>
    using Body = StoreMm<T, Addr>;
};
template <unsigned bytes, bool aligned>
constexpr VectorForms kLoad = kForms<Loads<bytes, aligned>::template Body>;
template <bool aligned>
constexpr VectorForms kStore = kForms<Stores<aligned>::template Body>;
template <class T, unsigned at>
constexpr VectorForms kLoadLane = kForms<LaneLoads<T, at>::template Body>;
template <class T, unsigned at>
constexpr VectorForms kStoreLane = kForms<LaneStores<T, at>::template Body>;
template <unsigned bytes>
constexpr VectorForms kLoadMm = kForms<MmLoads<bytes>::template Body>;
template <class T>
constexpr VectorForms kStoreMm = kForms<MmStores<T>::template Body>;

/// Registers, loads and stores of one move; a null handler stays generic.
bool emit_move(const Insn& insn, LowerContext& context, Handler registers, const VectorForms& load,
               const VectorForms& store) {
    const bool stores = insn.op[0].kind == OperandKind::Mem, loads = insn.op[1].kind == OperandKind::Mem;
    Op* op = nullptr;
    if (stores || loads) {
        op = emit_memory(insn, context, stores ? store : load);
    } else if (registers) {
        op = &context.out.emit(registers);
        op->b = insn.op[1].reg;
    }
    if (!op) return false;
    op->a = insn.op[stores ? 1 : 0].reg;
    return true;
}

bool lower_movd(const Insn& insn, LowerContext& context) {
    if (insn.op[0].width == 8 && insn.op[0].kind == OperandKind::Gpr) return false; // REX.W
    const bool to_vector = insn.op[0].kind == OperandKind::Mmx || insn.op[0].kind == OperandKind::Xmm;
    const bool mmx = insn.op[to_vector ? 0 : 1].kind == OperandKind::Mmx;
    if (insn.op[to_vector ? 1 : 0].width == 8) return false;
    if (mmx)
        return emit_move(insn, context, to_vector ? &hot<MmFromGeneral> : &hot<MmToGeneral>, kLoadMm<4>, kStoreMm<u32>);
    return emit_move(insn, context, to_vector ? &hot<FromGeneral> : &hot<ToGeneral>, kLoad<4, false>,
                     kStoreLane<u32, 0>);
}

} // namespace

bool lower_sse_move(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
    case Mnemonic::movaps:
    case Mnemonic::movapd:
    case Mnemonic::movdqa:
    case Mnemonic::movntps:
    case Mnemonic::movntpd:
    case Mnemonic::movntdq: return emit_move(insn, context, &hot<MoveVector>, kLoad<16, true>, kStore<true>);
    case Mnemonic::movups:
    case Mnemonic::movupd:
    case Mnemonic::movdqu:
    case Mnemonic::lddqu: return emit_move(insn, context, &hot<MoveVector>, kLoad<16, false>, kStore<false>);
    case Mnemonic::movss: return emit_move(insn, context, &hot<MoveLane<u32>>, kLoad<4, false>, kStoreLane<u32, 0>);
    case Mnemonic::movsd_xmm: return emit_move(insn, context, &hot<MoveLane<u64>>, kLoad<8, false>, kStoreLane<u64, 0>);
    case Mnemonic::movlps:
    case Mnemonic::movlpd: return emit_move(insn, context, nullptr, kLoadLane<u64, 0>, kStoreLane<u64, 0>);
    case Mnemonic::movhps:
    case Mnemonic::movhpd: return emit_move(insn, context, nullptr, kLoadLane<u64, 8>, kStoreLane<u64, 8>);
    case Mnemonic::movhlps: return emit_move(insn, context, &hot<MoveLane<u64, 0, 1>>, {}, {});
    case Mnemonic::movlhps: return emit_move(insn, context, &hot<MoveLane<u64, 1, 0>>, {}, {});
    case Mnemonic::movd: return lower_movd(insn, context);
    case Mnemonic::movntq:
    case Mnemonic::movq:
        if (insn.op[0].kind == OperandKind::Mmx || insn.op[1].kind == OperandKind::Mmx)
            return emit_move(insn, context, &hot<MoveMm>, kLoadMm<8>, kStoreMm<u64>);
        return emit_move(insn, context, &hot<MoveLow64>, kLoad<8, false>, kStoreLane<u64, 0>);
    default: return false;
    }
}

namespace {

/// MOVDQA a, b and an operation on a that follows: one operation, a = f(b, c). Compilers write this pair all the time,
/// and a value's way through the register file in memory takes longer than most operations.
bool lower_move_and_operation(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
    case Mnemonic::movaps:
    case Mnemonic::movapd:
    case Mnemonic::movups:
    case Mnemonic::movdqa:
    case Mnemonic::movdqu: break;
    default: return false;
    }
    const auto is_xmm = [](const Operand& operand) { return operand.kind == OperandKind::Xmm; };
    if (!context.next || !is_xmm(insn.op[0]) || !is_xmm(insn.op[1])) return false;
    Insn pair = *context.next;
    if (pair.operand_count != 2 || !is_xmm(pair.op[0]) || pair.op[0].reg != insn.op[0].reg) return false;
    if (pair.op[1].kind != OperandKind::Imm && !is_xmm(pair.op[1])) return false;
    if (is_xmm(pair.op[1]) && pair.op[1].reg == insn.op[0].reg) pair.op[1].reg = insn.op[1].reg;
    pair.op[2] = insn.op[1];
    context.fused = lower_sse_packed(pair, context) || lower_sse_float(pair, context);
    return context.fused;
}

} // namespace

bool lower_sse(const Insn& insn, LowerContext& context) {
    if (!(context.mode & kModeFpu)) return false;
    // MMX alone needs no CR4.OSFXSR; whatever names an XMM register does.
    for (unsigned i = 0; i < insn.operand_count; ++i)
        if (insn.op[i].kind == OperandKind::Xmm && !(context.mode & kModeSse)) return false;
    return lower_move_and_operation(insn, context) || lower_sse_move(insn, context) ||
           lower_sse_packed(insn, context) || lower_sse_float(insn, context);
}

} // namespace r86

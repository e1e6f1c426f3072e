/// Hot handlers: packed integers, logic, shifts, packs, unpacks and shuffles of MMX to SSE2.
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/sse_operands.h"

namespace r86 {

namespace {

using namespace sse;

bool is_mmx(const Insn& insn) { return insn.op[0].kind == OperandKind::Mmx; }

/// Shifts by an immediate count, or by operand 1.
template <class F>
struct XmmByImmediate {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        u8* to = xmm_at(cpu, op.a);
        store_vector(to, F::apply(load_vector(to), load_low32(&op.imm)));
    }
};
/// The same of a copy of XMM b.
template <class F>
struct XmmThreeByImmediate {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        store_vector(xmm_at(cpu, op.a), F::apply(load_vector(xmm_at(cpu, op.b)), load_low32(&op.imm)));
    }
};
template <class F>
struct MmByImmediate {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 8, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        enter_mmx_hot(cpu);
        set_mm_hot(cpu, op.a, F::apply(mm_hot(cpu, op.a), load_low32(&op.imm)));
        return true;
    }
};
template <class F>
bool emit_shift(const Insn& insn, LowerContext& context) {
    if (insn.op[1].kind != OperandKind::Imm)
        return is_mmx(insn) ? emit_mm<F>(insn, context) : emit_xmm<F, 16>(insn, context);
    Op& op = context.out.emit(is_mmx(insn)        ? &hot<MmByImmediate<F>>
                              : moves_first(insn) ? &hot<XmmThreeByImmediate<F>>
                                                  : &hot<XmmByImmediate<F>>);
    op.a = insn.op[0].reg;
    op.b = insn.op[2].reg;
    op.imm = static_cast<i32>(insn.imm);
    return true;
}

/// PSLLDQ and PSRLDQ, the count in bits. A quadword shift by 64 or more gives zero, so of the parts that a count below
/// and one above 64 need, the wrong ones vanish.
struct ShiftBytesLeft : NeedsRegisters {
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        linear = 0;
        u8* at = xmm_at(cpu, op.a);
        const auto count = static_cast<u64>(op.imm);
        const HostVector whole = load_vector(at);
        const HostVector up = host::punpcklqdq::apply(vector_of(0), whole);
        const HostVector low = host::por::apply(host::psrlq::apply(up, vector_of(64 - count)),
                                                host::psllq::apply(up, vector_of(count - 64)));
        store_vector(at, host::por::apply(host::psllq::apply(whole, vector_of(count)), low));
        return true;
    }
};
struct ShiftBytesRight : NeedsRegisters {
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        linear = 0;
        u8* at = xmm_at(cpu, op.a);
        const auto count = static_cast<u64>(op.imm);
        const HostVector whole = load_vector(at);
        const HostVector down = load_low64(at + 8);
        const HostVector high = host::por::apply(host::psllq::apply(down, vector_of(64 - count)),
                                                 host::psrlq::apply(down, vector_of(count - 64)));
        store_vector(at, host::por::apply(host::psrlq::apply(whole, vector_of(count)), high));
        return true;
    }
};

/// Four dwords picked by the four bytes of `op`'s immediate, which are their byte offsets: bytes 0 and 1 from
/// `first`, 2 and 3 from `second`.
[[gnu::always_inline]] inline HostVector pick_dwords(const u8* first, const u8* second, const Op& op) {
    const u8* offsets = reinterpret_cast<const u8*>(&op.imm);
    const HostVector a = load_low32(first + offsets[0]), b = load_low32(first + offsets[1]);
    const HostVector c = load_low32(second + offsets[2]), d = load_low32(second + offsets[3]);
    return host::punpcklqdq::apply(host::punpckldq::apply(a, b), host::punpckldq::apply(c, d));
}
u32 dword_offsets(u64 order) {
    u32 offsets = 0;
    for (unsigned i = 0; i < 4; ++i) offsets |= static_cast<u32>((order >> (2 * i)) & 3) * 4 << (8 * i);
    return offsets;
}

/// PSHUFD of a register. SHUFPS (`pair`): the low half from the destination.
template <bool pair>
struct ShuffleRegister : NeedsRegisters {
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        linear = 0;
        u8* to = xmm_at(cpu, op.a);
        const u8* from = xmm_at(cpu, op.b);
        store_vector(to, pick_dwords(pair ? to : from, from, op));
        return true;
    }
};
template <bool pair, class Addr>
struct ShuffleMemory {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 16, slots = 2;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate_vector<OperandBytes<16>::Type, Addr, false, true>(cpu, op, tlb, linear);
        if (!from) return false;
        u8* to = xmm_at(cpu, op.a);
        store_vector(to, pick_dwords(pair ? to : from, from, (&op)[1]));
        return true;
    }
};
template <bool pair>
struct ShuffleForms {
    template <class Addr>
    using Body = ShuffleMemory<pair, Addr>;
};
template <bool pair>
bool emit_shuffle(const Insn& insn, LowerContext& context) {
    const u32 offsets = dword_offsets(insn.imm);
    if (insn.op[1].kind != OperandKind::Mem) {
        Op& op = context.out.emit(&hot<ShuffleRegister<pair>>);
        op.a = insn.op[0].reg;
        op.b = insn.op[1].reg;
        op.imm = static_cast<i32>(offsets);
        return true;
    }
    Op* op = emit_memory(insn, context, kForms<ShuffleForms<pair>::template Body>);
    if (!op) return false;
    op->a = insn.op[0].reg;
    context.out.immediate(offsets);
    return true;
}

/// PSHUFLW (First = 0) and PSHUFHW (First = 8) of a register: four words of one half, the other half as it is.
template <unsigned First>
struct ShuffleWords : NeedsRegisters {
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        linear = 0;
        const u8* half = xmm_at(cpu, op.b) + First;
        const u8* offsets = reinterpret_cast<const u8*>(&op.imm);
        const auto word = [half, offsets](unsigned i) { return vector_of(load_host<u16>(half + offsets[i])); };
        const HostVector picked =
            host::punpckldq::apply(host::punpcklwd::apply(word(0), word(1)), host::punpcklwd::apply(word(2), word(3)));
        const HostVector other = load_low64(xmm_at(cpu, op.b) + (8 - First));
        store_vector(xmm_at(cpu, op.a),
                     First == 0 ? host::punpcklqdq::apply(picked, other) : host::punpcklqdq::apply(other, picked));
        return true;
    }
};
template <unsigned First>
bool emit_shuffle_words(const Insn& insn, LowerContext& context) {
    if (insn.op[1].kind == OperandKind::Mem) return false;
    Op& op = context.out.emit(&hot<ShuffleWords<First>>);
    op.a = insn.op[0].reg;
    op.b = insn.op[1].reg;
    op.imm = static_cast<i32>(dword_offsets(insn.imm) / 2); // byte offsets of words
    return true;
}

} // namespace

bool lower_sse_packed(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
#define R86_PACKED(name, ...)                                                                                          \
    case Mnemonic::name:                                                                                               \
        return is_mmx(insn) ? emit_mm<host::name>(insn, context) : emit_xmm<host::name, 16>(insn, context);
#define R86_PACKED_WHOLE(name, ...)                                                                                    \
    case Mnemonic::name:                                                                                               \
        return !is_mmx(insn) && emit_xmm<host::name, 16>(insn, context);
#define R86_PACKED_XMM(name, ...) R86_PACKED_WHOLE(name)
#include "cpu/sse/packed_list.inc"
#undef R86_PACKED
#undef R86_PACKED_WHOLE
#undef R86_PACKED_XMM
#define R86_SHIFT(name, ...)                                                                                           \
    case Mnemonic::name:                                                                                               \
        return emit_shift<host::name>(insn, context);
#include "cpu/sse/shift_list.inc"
#undef R86_SHIFT
    case Mnemonic::pslldq:
    case Mnemonic::psrldq: {
        if (insn.imm > 15 || moves_first(insn)) return false;
        Op& op = context.out.emit(insn.mnemonic == Mnemonic::pslldq ? &hot<ShiftBytesLeft> : &hot<ShiftBytesRight>);
        op.a = insn.op[0].reg;
        op.imm = static_cast<i32>(insn.imm * 8);
        return true;
    }
    case Mnemonic::pshufd: return emit_shuffle<false>(insn, context);
    case Mnemonic::shufps: return emit_shuffle<true>(insn, context);
    case Mnemonic::pshuflw: return emit_shuffle_words<0>(insn, context);
    case Mnemonic::pshufhw: return emit_shuffle_words<8>(insn, context);
    default: return false;
    }
}

} // namespace r86

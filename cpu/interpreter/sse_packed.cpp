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
    Op& op = context.out.emit(is_mmx(insn) ? &hot<MmByImmediate<F>> : &hot<XmmByImmediate<F>>);
    op.a = insn.op[0].reg;
    op.imm = static_cast<i32>(insn.imm);
    return true;
}

/// PSLLDQ and PSRLDQ, the count in bits.
struct ByteShift {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
};
struct ShiftBytesLeft : ByteShift {
    static void run(Cpu& cpu, const Op& op) {
        u64 low, high;
        u8* at = xmm_at(cpu, op.a);
        std::memcpy(&low, at, 8);
        std::memcpy(&high, at + 8, 8);
        const unsigned __int128 value = (static_cast<unsigned __int128>(high) << 64 | low) << op.imm;
        std::memcpy(at, &value, 16);
    }
};
struct ShiftBytesRight : ByteShift {
    static void run(Cpu& cpu, const Op& op) {
        u64 low, high;
        u8* at = xmm_at(cpu, op.a);
        std::memcpy(&low, at, 8);
        std::memcpy(&high, at + 8, 8);
        const unsigned __int128 value = (static_cast<unsigned __int128>(high) << 64 | low) >> op.imm;
        std::memcpy(at, &value, 16);
    }
};

/// Four dwords picked by the four bytes of the operation's immediate, which are their byte offsets: bytes 0 and 1 from
/// `first`, 2 and 3 from `second`.
[[gnu::always_inline]] inline HostVector pick_dwords(const u8* first, const u8* second, u32 offsets) {
    const HostVector a = load_low32(first + (offsets & 0xFF)), b = load_low32(first + ((offsets >> 8) & 0xFF));
    const HostVector c = load_low32(second + ((offsets >> 16) & 0xFF)), d = load_low32(second + (offsets >> 24));
    return host::punpcklqdq::apply(host::punpckldq::apply(a, b), host::punpckldq::apply(c, d));
}
u32 dword_offsets(u64 order) {
    u32 offsets = 0;
    for (unsigned i = 0; i < 4; ++i) offsets |= static_cast<u32>((order >> (2 * i)) & 3) * 4 << (8 * i);
    return offsets;
}

/// PSHUFD of a register. SHUFPS (`pair`): the low half from the destination.
template <bool pair>
struct ShuffleRegister {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        u8* to = xmm_at(cpu, op.a);
        const u8* from = xmm_at(cpu, op.b);
        store_vector(to, pick_dwords(pair ? to : from, from, static_cast<u32>(op.imm)));
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
        store_vector(to, pick_dwords(pair ? to : from, from, static_cast<u32>((&op)[1].imm)));
        return true;
    }
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
    Handler handler;
    switch (address_form(insn, context.mode)) {
    case AddressForm::Flat: handler = &hot<ShuffleMemory<pair, Flat>>; break;
    case AddressForm::Segmented32: handler = &hot<ShuffleMemory<pair, Segmented<u32>>>; break;
    default: return false;
    }
    Op& op = context.out.emit(handler);
    set_address(op, insn);
    op.a = insn.op[0].reg;
    context.out.immediate(offsets);
    return true;
}

/// PSHUFLW (First = 0) and PSHUFHW (First = 8) of a register: four words of one half, the other half as it is.
template <unsigned First>
struct ShuffleWords {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        const u8* from = xmm_at(cpu, op.b);
        u64 half, other;
        std::memcpy(&half, from + First, 8);
        std::memcpy(&other, from + (8 - First), 8);
        const auto word = [half](u32 shift) { return (half >> (shift & 0xFF)) & 0xFFFF; };
        const auto shifts = static_cast<u32>(op.imm);
        const u64 picked = word(shifts) | word(shifts >> 8) << 16 | word(shifts >> 16) << 32 | word(shifts >> 24) << 48;
        u8* to = xmm_at(cpu, op.a);
        store_vector(to, First == 0 ? host::punpcklqdq::apply(vector_of(picked), vector_of(other))
                                    : host::punpcklqdq::apply(vector_of(other), vector_of(picked)));
    }
};
template <unsigned First>
bool emit_shuffle_words(const Insn& insn, LowerContext& context) {
    if (insn.op[1].kind == OperandKind::Mem) return false;
    Op& op = context.out.emit(&hot<ShuffleWords<First>>);
    op.a = insn.op[0].reg;
    op.b = insn.op[1].reg;
    op.imm = static_cast<i32>(dword_offsets(insn.imm) * 4); // bit counts of words
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
        if (insn.imm > 15) return false;
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

#pragma once
/// Bodies that the hot handlers of MMX and SSE share: registers, memory by address form, alignment.
#include "cpu/block/lower.h"
#include "cpu/fpu/x87.h"
#include "cpu/interpreter/operands.h"
#include "cpu/sse/host_vector.h"

namespace r86 {

using sse::HostVector;

inline u8* xmm_at(Cpu& cpu, unsigned reg) { return cpu.s.vector.data()[reg].bytes.data(); }
inline const u8* xmm_at(const Cpu& cpu, unsigned reg) { return cpu.s.vector.data()[reg].bytes.data(); }

// ---- addresses
// -------------------------------------------------------------------------------------------------------------

/// 32-bit address in segment `d`, with base and limit.
using FarAddress = Segmented<u32>;

/// A handler for each of them; null: stays generic.
struct VectorForms {
    Handler plain = nullptr, scaled = nullptr, far = nullptr;
};
template <template <class> class Body>
constexpr VectorForms kForms{&hot<Body<FlatPlain>>, &hot<Body<Flat>>, &hot<Body<FarAddress>>};

template <template <class> class Body>
constexpr VectorForms kFlatForms{&hot<Body<FlatPlain>>, &hot<Body<Flat>>, nullptr};

/// Emits the form that the address wants and fills its fields; nullptr: none, nothing emitted.
inline Op* emit_memory(const Insn& insn, LowerContext& context, const VectorForms& forms) {
    const AddressForm form = address_form(insn, context.mode);
    const Handler handler = form == AddressForm::FlatPlain     ? forms.plain
                            : form == AddressForm::Flat        ? forms.scaled
                            : form == AddressForm::Segmented32 ? forms.far
                                                               : nullptr;
    if (!handler) return nullptr;
    Op& op = context.out.emit(handler);
    set_address(context, op, insn);
    return &op;
}

/// Locates a vector operand; with `aligned`, off its boundary counts as a miss, and the generic form raises #GP(0).
template <class T, class Addr, bool write, bool aligned>
[[gnu::always_inline]] inline u8* locate_vector(const Cpu& cpu, const Op& op, const TlbTable* tlb, u64& linear) {
    if (!Addr::template linear<T, write>(cpu, op, linear)) [[unlikely]] {
        linear = kNoLinear;
        return nullptr;
    }
    if (aligned && (linear & (sizeof(T) - 1))) [[unlikely]] {
        linear = kNoLinear;
        return nullptr;
    }
    return hot_address<T, write>(tlb, linear);
}

/// Base of a body without memory operand that needs one register more: as a reader that always succeeds it says what
/// goes on in `scratch`, so the old value need not be kept.
struct NeedsRegisters {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 8, slots = 1;
};

/// Width of a memory operand by its bytes.
template <unsigned bytes>
struct OperandBytes;
template <>
struct OperandBytes<4> {
    using Type = u32;
    static HostVector load(const u8* at) { return sse::load_low32(at); }
};
template <>
struct OperandBytes<8> {
    using Type = u64;
    static HostVector load(const u8* at) { return sse::load_low64(at); }
};
template <>
struct OperandBytes<16> {
    struct Type {
        u8 bytes[16];
    };
    static HostVector load(const u8* at) { return sse::load_vector(at); }
};

/// XMM a = f(XMM a, XMM b).
template <class F>
struct XmmRegister {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        u8* to = xmm_at(cpu, op.a);
        sse::store_vector(to, F::apply(sse::load_vector(to), sse::load_vector(xmm_at(cpu, op.b))));
    }
};
/// XMM a = f(XMM c, XMM b): a move and the operation behind it.
template <class F>
struct XmmThree {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        sse::store_vector(xmm_at(cpu, op.a),
                          F::apply(sse::load_vector(xmm_at(cpu, op.c)), sse::load_vector(xmm_at(cpu, op.b))));
    }
};
/// XMM a = f(XMM a, memory).
template <class F, unsigned bytes, class Addr>
struct XmmMemory {
    using Width = OperandBytes<bytes>;
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = bytes, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate_vector<typename Width::Type, Addr, false, bytes == 16>(cpu, op, tlb, linear);
        if (!from) [[unlikely]]
            return false;
        u8* to = xmm_at(cpu, op.a);
        sse::store_vector(to, F::apply(sse::load_vector(to), Width::load(from)));
        return true;
    }
};

/// An MMX operation may not run hot while an x87 exception waits; the generic form raises it. Else the registers become
/// valid and TOP zero.
[[gnu::always_inline]] inline bool claim_mmx(Cpu& cpu, u64& linear) {
    X87State& x = cpu.s.x87;
    if (x.status & fpu::kES) [[unlikely]] {
        linear = kNoLinear;
        return false;
    }
    return true;
}
[[gnu::always_inline]] inline void enter_mmx_hot(Cpu& cpu) {
    cpu.s.x87.status &= static_cast<u16>(~fpu::kTopMask);
    cpu.s.x87.tag = 0x5555;
}
[[gnu::always_inline]] inline void set_mm_hot(Cpu& cpu, unsigned reg, HostVector value) {
    Float80& to = cpu.s.x87.st.data()[reg];
    sse::store_low64(&to.significand, value);
    to.sign_exponent = 0xFFFF;
}
[[gnu::always_inline]] inline HostVector mm_hot(const Cpu& cpu, unsigned reg) {
    return sse::load_low64(&cpu.s.x87.st.data()[reg].significand);
}

/// MM a = f(MM a, MM b), computed in the low half of a vector.
template <class F>
struct MmRegister {
    static constexpr Touches touches = Touches::Reads; // may go to the generic form
    static constexpr unsigned size = 8, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        enter_mmx_hot(cpu);
        set_mm_hot(cpu, op.a, F::apply(mm_hot(cpu, op.a), mm_hot(cpu, op.b)));
        return true;
    }
};
template <class F, unsigned bytes, class Addr>
struct MmMemory {
    using Width = OperandBytes<bytes>;
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = bytes, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        if (!claim_mmx(cpu, linear)) return false;
        const u8* from = locate<typename Width::Type, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        enter_mmx_hot(cpu);
        set_mm_hot(cpu, op.a, F::apply(mm_hot(cpu, op.a), Width::load(from)));
        return true;
    }
};

/// lower_sse puts a register move in front of an operation of two operands by naming the move's source as operand 2.
inline bool moves_first(const Insn& insn) { return insn.op[2].kind == OperandKind::Xmm; }

/// Emits op a = f(op a, op b) with operand 1 in a register or in memory. False: no handler for this form.
inline bool emit_vector(const Insn& insn, LowerContext& context, Handler registers, const VectorForms& memory) {
    Op* op = nullptr;
    if (insn.op[1].kind == OperandKind::Mem) {
        op = emit_memory(insn, context, memory);
        if (!op) return false;
    } else {
        op = &context.out.emit(registers);
        op->b = insn.op[1].reg;
    }
    op->a = insn.op[0].reg;
    return true;
}

/// Both forms of f as lower_sse wants them.
template <class F, unsigned bytes>
struct XmmForms {
    template <class Addr>
    using Body = XmmMemory<F, bytes, Addr>;
};
template <class F, unsigned bytes>
bool emit_xmm(const Insn& insn, LowerContext& context) {
    if (moves_first(insn)) {
        Op& op = context.out.emit(&hot<XmmThree<F>>);
        op.a = insn.op[0].reg;
        op.b = insn.op[1].reg;
        op.c = insn.op[2].reg;
        return true;
    }
    return emit_vector(insn, context, &hot<XmmRegister<F>>, kForms<XmmForms<F, bytes>::template Body>);
}
template <class F, unsigned bytes>
struct MmForms {
    template <class Addr>
    using Body = MmMemory<F, bytes, Addr>;
};
template <class F>
bool emit_mm(const Insn& insn, LowerContext& context) {
    // Operands in segments with a base are rare enough to stay generic.
    const VectorForms& memory = insn.op[1].width == 4
                                    ? kFlatForms<MmForms<F, 4>::template Body> // PUNPCKLBW and its kin
                                    : kFlatForms<MmForms<F, 8>::template Body>;
    return emit_vector(insn, context, &hot<MmRegister<F>>, memory);
}

// The families behind lower_sse.
bool lower_sse_move(const Insn& insn, LowerContext& context);
bool lower_sse_packed(const Insn& insn, LowerContext& context);
bool lower_sse_float(const Insn& insn, LowerContext& context);

} // namespace r86

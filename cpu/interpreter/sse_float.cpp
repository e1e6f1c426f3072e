/// Hot handlers: floating-point arithmetic, compares and conversions of SSE and SSE2 on the host's own unit, whose
/// MXCSR holds the guest's rounding, DAZ, FTZ and flags (cpu/sse/host_float.h). Only in blocks with kModeHostFloat. The
/// instructions are written out, volatile because their flags count, so this file holds no floating-point expression
/// that a compiler could fold, reorder or commute. tests/cpu/sse_hot_test.cpp compares with the software, bit for bit.
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/sse_operands.h"

namespace r86 {

#if defined(__x86_64__)

namespace {

using namespace sse;

namespace unit {
#define R86_HOST_FLOAT(name, bytes)                                                                                    \
    struct name {                                                                                                      \
        static HostVector apply(HostVector a, HostVector b) {                                                          \
            asm volatile(#name " %1, %0" : "+x"(a) : "x"(b));                                                          \
            return a;                                                                                                  \
        }                                                                                                              \
    };
#define R86_HOST_FLOAT_UNARY(name, bytes)                                                                              \
    struct name {                                                                                                      \
        static HostVector apply(HostVector, HostVector b) {                                                            \
            HostVector result;                                                                                         \
            asm volatile(#name " %1, %0" : "=x"(result) : "x"(b));                                                     \
            return result;                                                                                             \
        }                                                                                                              \
    };
#define R86_HOST_FLOAT_COMPARE(name, text, bytes)                                                                      \
    template <unsigned predicate>                                                                                      \
    struct name {                                                                                                      \
        static HostVector apply(HostVector a, HostVector b) {                                                          \
            asm volatile(#text " %2, %1, %0" : "+x"(a) : "x"(b), "i"(predicate));                                      \
            return a;                                                                                                  \
        }                                                                                                              \
    };
#define R86_HOST_FLOAT_FLAGS(name, bytes)                                                                              \
    struct name {                                                                                                      \
        static void compare(HostVector a, HostVector b, bool& zf, bool& cf) {                                          \
            /* Clang 14 loses one of two flag outputs, so the flags leave in registers. */                             \
            asm volatile(#name " %3, %2\n\tsetz %0\n\tsetc %1" : "=q"(zf), "=q"(cf) : "x"(a), "x"(b) : "cc");          \
        }                                                                                                              \
    };
#define R86_HOST_FLOAT_TO_DWORD(name, bytes)                                                                           \
    struct name {                                                                                                      \
        static u32 convert(HostVector b) {                                                                             \
            u32 result;                                                                                                \
            asm volatile(#name " %1, %0" : "=r"(result) : "x"(b));                                                     \
            return result;                                                                                             \
        }                                                                                                              \
    };
#define R86_HOST_FLOAT_FROM_DWORD(name)                                                                                \
    struct name {                                                                                                      \
        static HostVector convert(HostVector a, u32 b) {                                                               \
            asm volatile(#name "l %1, %0" : "+x"(a) : "r"(b));                                                         \
            return a;                                                                                                  \
        }                                                                                                              \
    };
#include "cpu/sse/host_float_list.inc"
#undef R86_HOST_FLOAT
#undef R86_HOST_FLOAT_UNARY
#undef R86_HOST_FLOAT_COMPARE
#undef R86_HOST_FLOAT_FLAGS
#undef R86_HOST_FLOAT_TO_DWORD
#undef R86_HOST_FLOAT_FROM_DWORD
} // namespace unit

/// ZF, PF and CF of COMISS as lazy flags, OF, SF and AF zero: PF is what the result 0 or 1 says, but for "equal", which
/// is ZF without CF.
template <class F, bool flags>
[[gnu::always_inline]] inline void compare_to_flags(Cpu& cpu, HostVector a, HostVector b) {
    bool zf, cf;
    F::compare(a, b, zf, cf);
    if constexpr (flags) {
        cpu.s.flags.result = !zf;
        cpu.s.flags.carry = (cf ? u64{3} << 31 : 0) | u64{zf && !cf} << 61;
    }
}

template <class F, bool flags>
struct FlagsRegister : NeedsRegisters {
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        linear = 0;
        compare_to_flags<F, flags>(cpu, load_vector(xmm_at(cpu, op.a)), load_vector(xmm_at(cpu, op.b)));
        return true;
    }
};
template <class F, bool flags, unsigned bytes, class Addr>
struct FlagsMemory {
    using Width = OperandBytes<bytes>;
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = bytes, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate<typename Width::Type, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        compare_to_flags<F, flags>(cpu, load_vector(xmm_at(cpu, op.a)), Width::load(from));
        return true;
    }
};

template <class F>
struct ToDwordRegister {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) { RegA<u32>::set(cpu, op, F::convert(load_vector(xmm_at(cpu, op.b)))); }
};
template <class F, unsigned bytes, class Addr>
struct ToDwordMemory {
    using Width = OperandBytes<bytes>;
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = bytes, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate<typename Width::Type, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        RegA<u32>::set(cpu, op, F::convert(Width::load(from)));
        return true;
    }
};

template <class F>
struct FromDwordRegister {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        u8* to = xmm_at(cpu, op.a);
        store_vector(to, F::convert(load_vector(to), RegB<u32>::get(cpu, op)));
    }
};
template <class F, class Addr>
struct FromDwordMemory {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate<u32, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        u8* to = xmm_at(cpu, op.a);
        store_vector(to, F::convert(load_vector(to), load_host<u32>(from)));
        return true;
    }
};

template <class F, bool flags, unsigned bytes>
struct FlagsForms {
    template <class Addr>
    using Body = FlagsMemory<F, flags, bytes, Addr>;
};
template <class F, unsigned bytes>
struct ToDwordForms {
    template <class Addr>
    using Body = ToDwordMemory<F, bytes, Addr>;
};
template <class F>
struct FromDwordForms {
    template <class Addr>
    using Body = FromDwordMemory<F, Addr>;
};
template <class F, unsigned bytes>
bool emit_flags(const Insn& insn, LowerContext& context) {
    if (moves_first(insn)) return false;
    if (context.flags_dead)
        return emit_vector(insn, context, &hot<FlagsRegister<F, false>>,
                           kForms<FlagsForms<F, false, bytes>::template Body>);
    return emit_vector(insn, context, &hot<FlagsRegister<F, true>>, kForms<FlagsForms<F, true, bytes>::template Body>);
}
template <class F, unsigned bytes>
bool emit_to_dword(const Insn& insn, LowerContext& context) {
    return insn.op[0].width == 4 && !moves_first(insn) &&
           emit_vector(insn, context, &hot<ToDwordRegister<F>>, kForms<ToDwordForms<F, bytes>::template Body>);
}
template <class F>
bool emit_from_dword(const Insn& insn, LowerContext& context) {
    return insn.op[1].width == 4 && !moves_first(insn) &&
           emit_vector(insn, context, &hot<FromDwordRegister<F>>, kForms<FromDwordForms<F>::template Body>);
}
template <template <unsigned> class F, unsigned bytes>
bool emit_compare(const Insn& insn, LowerContext& context) {
    switch (insn.imm & 7) {
    case 0: return emit_xmm<F<0>, bytes>(insn, context);
    case 1: return emit_xmm<F<1>, bytes>(insn, context);
    case 2: return emit_xmm<F<2>, bytes>(insn, context);
    case 3: return emit_xmm<F<3>, bytes>(insn, context);
    case 4: return emit_xmm<F<4>, bytes>(insn, context);
    case 5: return emit_xmm<F<5>, bytes>(insn, context);
    case 6: return emit_xmm<F<6>, bytes>(insn, context);
    default: return emit_xmm<F<7>, bytes>(insn, context);
    }
}

} // namespace

bool lower_sse_float(const Insn& insn, LowerContext& context) {
    if (!(context.mode & kModeHostFloat)) return false;
    switch (insn.mnemonic) {
// clang-format off
#define R86_HOST_FLOAT(name, bytes) case Mnemonic::name: return emit_xmm<unit::name, bytes>(insn, context);
#define R86_HOST_FLOAT_UNARY(name, bytes) R86_HOST_FLOAT(name, bytes)
#define R86_HOST_FLOAT_COMPARE(name, text, bytes) \
    case Mnemonic::name: return emit_compare<unit::name, bytes>(insn, context);
#define R86_HOST_FLOAT_FLAGS(name, bytes) case Mnemonic::name: return emit_flags<unit::name, bytes>(insn, context);
#define R86_HOST_FLOAT_TO_DWORD(name, bytes) \
    case Mnemonic::name: return emit_to_dword<unit::name, bytes>(insn, context);
#define R86_HOST_FLOAT_FROM_DWORD(name) case Mnemonic::name: return emit_from_dword<unit::name>(insn, context);
// clang-format on
#include "cpu/sse/host_float_list.inc"
#undef R86_HOST_FLOAT
#undef R86_HOST_FLOAT_UNARY
#undef R86_HOST_FLOAT_COMPARE
#undef R86_HOST_FLOAT_FLAGS
#undef R86_HOST_FLOAT_TO_DWORD
#undef R86_HOST_FLOAT_FROM_DWORD
    default: return false;
    }
}

#else

bool lower_sse_float(const Insn&, LowerContext&) { return false; }

#endif

} // namespace r86

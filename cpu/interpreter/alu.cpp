/// Hot handlers: ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC, NEG, NOT in every operand form, and IMUL, MUL.
#include "cpu/alu.h"
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"

namespace r86 {

namespace {

// Operations on values. `flags` false: nobody sees them.

#define R86_ALU(Name, expression)                                                                                      \
    template <bool flags>                                                                                              \
    struct Name {                                                                                                      \
        template <class T>                                                                                             \
        static T apply([[maybe_unused]] LazyFlags& f, T a, [[maybe_unused]] T b) {                                     \
            const auto result = expression;                                                                            \
            if constexpr (flags) f = result.flags;                                                                     \
            return result.value;                                                                                       \
        }                                                                                                              \
    };
R86_ALU(Add, alu::add<T>(a, b))
R86_ALU(Or, alu::logic<T>(static_cast<T>(a | b)))
R86_ALU(Adc, alu::adc<T>(a, b, f.cf()))
R86_ALU(Sbb, alu::sbb<T>(a, b, f.cf()))
R86_ALU(And, alu::logic<T>(static_cast<T>(a& b)))
R86_ALU(Sub, alu::sub<T>(a, b))
R86_ALU(Xor, alu::logic<T>(static_cast<T>(a ^ b)))
R86_ALU(Inc, alu::inc<T>(a, f))
R86_ALU(Dec, alu::dec<T>(a, f))
R86_ALU(Neg, alu::neg<T>(a))
#undef R86_ALU

template <bool flags>
struct Not {
    template <class T>
    static T apply(LazyFlags&, T a, T) {
        return static_cast<T>(~a);
    }
};

struct NoMemory {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
};

template <class T>
struct NoSource {
    static T get(const Cpu&, const Op&) { return 0; }
};

/// Register = register op source. `store` false: CMP and TEST.
template <class Operation, class T, class Destination, class Source, bool store = true>
struct OnRegister : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        const T result =
            Operation::template apply<T>(cpu.s.flags, Destination::get(cpu, op), static_cast<T>(Source::get(cpu, op)));
        if constexpr (store) Destination::set(cpu, op, result);
    }
};

/// Register = register op memory.
template <class Operation, class T, class Addr, bool store = true>
struct FromMemory {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* host = locate<T, Addr, false>(cpu, op, tlb, linear);
        if (!host) return false;
        const T result = Operation::template apply<T>(cpu.s.flags, RegA<T>::get(cpu, op), load_host<T>(host));
        if constexpr (store) RegA<T>::set(cpu, op, result);
        return true;
    }
};

/// Memory = memory op source.
template <class Operation, class T, class Addr, class Source, unsigned slots_, bool store = true>
struct OnMemory {
    static constexpr Touches touches = store ? Touches::Writes : Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = slots_;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        u8* host = locate<T, Addr, store>(cpu, op, tlb, linear);
        if (!host) return false;
        const T result = Operation::template apply<T>(cpu.s.flags, load_host<T>(host), Source::get(cpu, op));
        if constexpr (store) store_host<T>(host, result);
        return true;
    }
};

template <bool flags>
struct MultiplyRegister : NoMemory { // IMUL r32, r32
    static void run(Cpu& cpu, const Op& op) {
        const auto result = alu::imul<u32>(RegA<u32>::get(cpu, op), RegB<u32>::get(cpu, op));
        if constexpr (flags) cpu.s.flags = result.flags;
        RegA<u32>::set(cpu, op, result.low);
    }
};
template <bool flags>
struct MultiplyImmediate : NoMemory { // IMUL r32, r32, imm
    static void run(Cpu& cpu, const Op& op) {
        const auto result = alu::imul<u32>(RegB<u32>::get(cpu, op), Immediate<u32>::get(cpu, op));
        if constexpr (flags) cpu.s.flags = result.flags;
        RegA<u32>::set(cpu, op, result.low);
    }
};
template <class Addr>
struct MultiplyMemory {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* host = locate<u32, Addr, false>(cpu, op, tlb, linear);
        if (!host) return false;
        const auto result = alu::imul<u32>(RegA<u32>::get(cpu, op), load_host<u32>(host));
        cpu.s.flags = result.flags;
        RegA<u32>::set(cpu, op, result.low);
        return true;
    }
};
/// MUL and IMUL r32: EDX:EAX.
template <bool is_signed, bool flags>
struct MultiplyWide : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        const u32 a = gpr32(cpu, RAX);
        const u32 b = RegB<u32>::get(cpu, op);
        const auto result = is_signed ? alu::imul<u32>(a, b) : alu::mul<u32>(a, b);
        if constexpr (flags) cpu.s.flags = result.flags;
        cpu.s.gpr[RAX] = result.low;
        cpu.s.gpr[RDX] = result.high;
    }
};
/// DIV r32 where it cannot fault; else the generic form decides.
struct DivideWide {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable*, u64& linear) {
        const u64 dividend = cpu.s.gpr[RDX] << 32 | cpu.s.gpr[RAX];
        const u32 divisor = RegB<u32>::get(cpu, op);
        if (divisor <= cpu.s.gpr[RDX]) { // includes zero; the quotient would not fit
            linear = kNoLinear;
            return false;
        }
        cpu.s.gpr[RAX] = static_cast<u32>(dividend / divisor);
        cpu.s.gpr[RDX] = static_cast<u32>(dividend % divisor);
        return true; // flags: undefined, left as they were
    }
};

// ---- selection
// -------------------------------------------------------------------------------------------------------------

/// 32-bit register = register op register with both fixed, flags dropped: what compiled code is full of.
template <template <bool> class Operation>
struct BothFixed {
    template <unsigned to>
    struct Row {
        template <unsigned from>
        using Body = OnRegister<Operation<false>, u32, Fixed<to>, Fixed<from>>;
    };
    template <std::size_t... to>
    static constexpr std::array<std::array<Handler, 8>, 8> rows(std::index_sequence<to...>) {
        return {per_register<Row<to>::template Body>...};
    }
    static constexpr std::array<std::array<Handler, 8>, 8> handlers = rows(std::make_index_sequence<8>{});
};

/// All handlers of one operation.
template <template <bool> class Operation, bool store>
struct Family {
    template <bool flags>
    struct With {
        template <unsigned n>
        using RegisterRegister = OnRegister<Operation<flags>, u32, Fixed<n>, RegB<u32>, store>;
        template <unsigned n>
        using RegisterImmediate = OnRegister<Operation<flags>, u32, Fixed<n>, Immediate<u32>, store>;

        static Handler register_register(const Operand& to, const Operand& from) {
            if constexpr (store && !flags) {
                if (to.width == 4) return BothFixed<Operation>::handlers[to.reg][from.reg];
            }
            if (to.width == 4) return per_register<RegisterRegister>[to.reg];
            if (to.width == 2) return &hot<OnRegister<Operation<flags>, u16, RegA<u16>, RegB<u16>, store>>;
            return &hot<OnRegister<Operation<flags>, u8, RegA<u8>, RegB<u8>, store>>;
        }
        static Handler register_immediate(const Operand& to) {
            if (to.width == 4) return per_register<RegisterImmediate>[to.reg];
            if (to.width == 2) return &hot<OnRegister<Operation<flags>, u16, RegA<u16>, Immediate<u16>, store>>;
            return &hot<OnRegister<Operation<flags>, u8, RegA<u8>, Immediate<u8>, store>>;
        }
        static Handler register_memory(u8 width, AddressForm form) {
            if (width == 4) return by_form<u32>(form);
            return width == 2 ? by_form<u16>(form) : by_form<u8>(form);
        }
        template <class T>
        static Handler by_form(AddressForm form) {
            if (form == AddressForm::FlatPlain) return &hot<FromMemory<Operation<flags>, T, FlatPlain, store>>;
            if (form == AddressForm::Flat) return &hot<FromMemory<Operation<flags>, T, Flat, store>>;
            if (form == AddressForm::Segmented32) return &hot<FromMemory<Operation<flags>, T, Segmented<u32>, store>>;
            return &hot<FromMemory<Operation<flags>, T, Segmented<u16>, store>>;
        }
        template <class T, class Source, unsigned slots>
        static Handler memory(AddressForm form) {
            if (form == AddressForm::FlatPlain)
                return &hot<OnMemory<Operation<flags>, T, FlatPlain, Source, slots, store>>;
            if (form == AddressForm::Flat) return &hot<OnMemory<Operation<flags>, T, Flat, Source, slots, store>>;
            if (form == AddressForm::Segmented32)
                return &hot<OnMemory<Operation<flags>, T, Segmented<u32>, Source, slots, store>>;
            return &hot<OnMemory<Operation<flags>, T, Segmented<u16>, Source, slots, store>>;
        }
        static Handler memory_register(u8 width, AddressForm form) {
            if (width == 4) return memory<u32, RegA<u32>, 1>(form);
            return width == 2 ? memory<u16, RegA<u16>, 1>(form) : memory<u8, RegA<u8>, 1>(form);
        }
        static Handler memory_immediate(u8 width, AddressForm form) {
            if (width == 4) return memory<u32, SlotImmediate<u32>, 2>(form);
            return width == 2 ? memory<u16, SlotImmediate<u16>, 2>(form) : memory<u8, SlotImmediate<u8>, 2>(form);
        }
    };
};

u8 register_field(const Operand& operand, const Insn& insn) {
    return operand.width == 1 ? byte_register(operand.reg, insn.rex) : operand.reg;
}

/// Two operands: every combination of register, memory and immediate.
template <class Handlers>
bool lower_two(const Insn& insn, LowerContext& context) {
    const Operand& to = insn.op[0];
    const Operand& from = insn.op[1];
    if (to.width == 8) return false;
    if (to.kind == OperandKind::Gpr && from.kind == OperandKind::Gpr) {
        Op& op = context.out.emit(Handlers::register_register(to, from));
        op.a = register_field(to, insn);
        op.b = register_field(from, insn);
        return true;
    }
    if (to.kind == OperandKind::Gpr && from.kind == OperandKind::Imm) {
        Op& op = context.out.emit(Handlers::register_immediate(to));
        op.a = register_field(to, insn);
        set_immediate(context, op, insn);
        return true;
    }
    const AddressForm form = address_form(insn, context.mode);
    if (form == AddressForm::Other) return false;
    if (from.kind == OperandKind::Mem) {
        Op& op = context.out.emit(Handlers::register_memory(to.width, form));
        set_address(context, op, insn);
        op.a = register_field(to, insn);
        return true;
    }
    if (from.kind == OperandKind::Gpr) {
        Op& op = context.out.emit(Handlers::memory_register(to.width, form));
        set_address(context, op, insn);
        op.a = register_field(from, insn);
        return true;
    }
    set_address(context, context.out.emit(Handlers::memory_immediate(to.width, form)), insn);
    emit_immediate(context, insn);
    return true;
}

/// Flags of 32-bit register forms are dropped where nobody sees them; narrower and memory forms always keep them.
template <template <bool> class Operation, bool store = true>
bool lower_binary(const Insn& insn, LowerContext& context) {
    using Handlers = Family<Operation, store>;
    if (store && context.flags_dead && insn.op[0].kind == OperandKind::Gpr && insn.op[0].width == 4)
        return lower_two<typename Handlers::template With<false>>(insn, context);
    return lower_two<typename Handlers::template With<true>>(insn, context);
}

template <template <bool> class Operation, bool flags>
struct Unary {
    template <unsigned n>
    using Body = OnRegister<Operation<flags>, u32, Fixed<n>, NoSource<u32>>;
};

template <template <bool> class Operation>
bool lower_unary(const Insn& insn, LowerContext& context) {
    using Keep = Operation<true>;
    const Operand& to = insn.op[0];
    if (to.width == 8) return false;
    if (to.kind == OperandKind::Gpr) {
        Handler handler = to.width == 4   ? per_register<Unary<Operation, true>::template Body>[to.reg]
                          : to.width == 2 ? &hot<OnRegister<Keep, u16, RegA<u16>, NoSource<u16>>>
                                          : &hot<OnRegister<Keep, u8, RegA<u8>, NoSource<u8>>>;
        if (to.width == 4 && context.flags_dead) handler = per_register<Unary<Operation, false>::template Body>[to.reg];
        context.out.emit(handler).a = register_field(to, insn);
        return true;
    }
    const AddressForm form = address_form(insn, context.mode);
    if (form == AddressForm::Other) return false;
    const auto pick = [&]<class T>(T) -> Handler {
        if (form == AddressForm::FlatPlain) return &hot<OnMemory<Keep, T, FlatPlain, NoSource<T>, 1>>;
        if (form == AddressForm::Flat) return &hot<OnMemory<Keep, T, Flat, NoSource<T>, 1>>;
        if (form == AddressForm::Segmented32) return &hot<OnMemory<Keep, T, Segmented<u32>, NoSource<T>, 1>>;
        return &hot<OnMemory<Keep, T, Segmented<u16>, NoSource<T>, 1>>;
    };
    set_address(context,
                context.out.emit(to.width == 4   ? pick(u32{})
                                 : to.width == 2 ? pick(u16{})
                                                 : pick(u8{})),
                insn);
    return true;
}

bool lower_multiply(const Insn& insn, LowerContext& context) {
    const Operand& a = insn.op[0];
    if (a.width != 4) return false;
    if (insn.mnemonic == Mnemonic::mul || insn.operand_count == 1) {
        if (a.kind != OperandKind::Gpr) return false;
        const bool is_signed = insn.mnemonic != Mnemonic::mul;
        const Handler keep = is_signed ? &hot<MultiplyWide<true, true>> : &hot<MultiplyWide<false, true>>;
        const Handler drop = is_signed ? &hot<MultiplyWide<true, false>> : &hot<MultiplyWide<false, false>>;
        context.out.emit(context.flags_dead ? drop : keep).b = a.reg;
        return true;
    }
    if (insn.operand_count == 2) {
        if (insn.op[1].kind == OperandKind::Gpr) {
            Op& op =
                context.out.emit(context.flags_dead ? &hot<MultiplyRegister<false>> : &hot<MultiplyRegister<true>>);
            op.a = a.reg;
            op.b = insn.op[1].reg;
            return true;
        }
        if (!is_flat(address_form(insn, context.mode))) return false;
        Op& op = context.out.emit(&hot<MultiplyMemory<Flat>>);
        set_address(context, op, insn);
        op.a = a.reg;
        return true;
    }
    if (insn.op[1].kind != OperandKind::Gpr) return false;
    Op& op = context.out.emit(context.flags_dead ? &hot<MultiplyImmediate<false>> : &hot<MultiplyImmediate<true>>);
    op.a = a.reg;
    op.b = insn.op[1].reg;
    set_immediate(context, op, insn);
    return true;
}

} // namespace

bool lower_alu(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
    case Mnemonic::add: return lower_binary<Add>(insn, context);
    case Mnemonic::or_: return lower_binary<Or>(insn, context);
    case Mnemonic::adc: return lower_binary<Adc>(insn, context);
    case Mnemonic::sbb: return lower_binary<Sbb>(insn, context);
    case Mnemonic::and_: return lower_binary<And>(insn, context);
    case Mnemonic::sub: return lower_binary<Sub>(insn, context);
    case Mnemonic::xor_: return lower_binary<Xor>(insn, context);
    case Mnemonic::cmp: return lower_binary<Sub, false>(insn, context);
    case Mnemonic::test: return lower_binary<And, false>(insn, context);
    case Mnemonic::inc: return lower_unary<Inc>(insn, context);
    case Mnemonic::dec: return lower_unary<Dec>(insn, context);
    case Mnemonic::neg: return lower_unary<Neg>(insn, context);
    case Mnemonic::not_: return lower_unary<Not>(insn, context);
    case Mnemonic::mul:
    case Mnemonic::imul: return lower_multiply(insn, context);
    case Mnemonic::div:
        if (insn.op[0].kind != OperandKind::Gpr || insn.op[0].width != 4) return false;
        context.out.emit(&hot<DivideWide>).b = insn.op[0].reg;
        return true;
    default: return false;
    }
}

} // namespace r86

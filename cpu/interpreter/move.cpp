/// Hot handlers that move data and touch no flags: MOV, MOVZX, MOVSX, LEA, XCHG, CMOVcc, SETcc, CBW and CWD families,
/// BSWAP, NOP with PAUSE and the fences, and single (not repeated) string moves.
#include "cpu/alu.h"
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"

namespace r86 {

namespace {

struct NoMemory {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
};

template <class Destination, class Source>
struct Move : NoMemory {
    static void run(Cpu& cpu, const Op& op) { Destination::set(cpu, op, Source::get(cpu, op)); }
};

/// Register = extended register; `From` may be signed.
template <class To, class From, class Source>
struct Extend : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        RegA<To>::set(cpu, op, static_cast<To>(static_cast<From>(Source::get(cpu, op))));
    }
};

/// Register = memory, extended from `From` (which may be signed) to the register's width.
template <class From, class Addr, class Destination, class To>
struct Load {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(From), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* host = locate<From, Addr, false>(cpu, op, tlb, linear);
        if (!host) return false;
        Destination::set(cpu, op, static_cast<To>(load_host<From>(host)));
        return true;
    }
};

template <class T, class Addr, class Source, unsigned slots_ = 1>
struct Store {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = slots_;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        u8* host = locate<T, Addr, true>(cpu, op, tlb, linear);
        if (!host) return false;
        store_host<T>(host, Source::get(cpu, op));
        return true;
    }
};

template <class T>
struct LeaWide : NoMemory {
    static void run(Cpu& cpu, const Op& op) { RegA<T>::set(cpu, op, static_cast<T>(base_factor(cpu, op))); }
};
/// LEA r32, [base + disp] and LEA r32, [base + index * scale + disp]: the destination, and the base where it stands
/// alone, fixed.
template <unsigned destination>
struct LeaRow {
    template <unsigned base>
    struct Body : NoMemory {
        static void run(Cpu& cpu, const Op& op) {
            Fixed<destination>::set(cpu, op, Fixed<base>::get(cpu, op) + static_cast<u32>(op.disp));
        }
    };
};
template <unsigned destination>
struct LeaFixed : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        Fixed<destination>::set(cpu, op, static_cast<u32>(base_factor(cpu, op)));
    }
};
template <class T>
struct LeaNarrow : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        RegA<T>::set(cpu, op, static_cast<T>(static_cast<u16>(base_factor(cpu, op))));
    }
};

template <class T>
struct Exchange : NoMemory {
    static void run(Cpu& cpu, const Op& op) {
        const T a = RegA<T>::get(cpu, op);
        RegA<T>::set(cpu, op, RegB<T>::get(cpu, op));
        RegB<T>::set(cpu, op, a);
    }
};

template <class T>
struct ConditionalMove {
    template <unsigned cc>
    struct Body : NoMemory {
        static void run(Cpu& cpu, const Op& op) {
            const T value = condition(cpu.s.flags, cc) ? RegB<T>::get(cpu, op) : RegA<T>::get(cpu, op);
            RegA<T>::set(cpu, op, value);
        }
    };
};

/// CMOVcc r32, m32 in a flat segment: memory is read whatever the condition.
template <unsigned cc>
struct ConditionalLoad {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* host = locate<u32, Flat, false>(cpu, op, tlb, linear);
        if (!host) return false;
        const u32 value = load_host<u32>(host);
        RegA<u32>::set(cpu, op, condition(cpu.s.flags, cc) ? value : RegA<u32>::get(cpu, op));
        return true;
    }
};

template <unsigned cc>
struct SetByte : NoMemory {
    static void run(Cpu& cpu, const Op& op) { RegA<u8>::set(cpu, op, condition(cpu.s.flags, cc)); }
};

struct Cwde : NoMemory {
    static void run(Cpu& cpu, const Op&) { cpu.s.gpr[RAX] = static_cast<u32>(static_cast<i16>(cpu.s.gpr[RAX])); }
};
struct Cdq : NoMemory {
    static void run(Cpu& cpu, const Op&) {
        cpu.s.gpr[RDX] = static_cast<u32>(static_cast<i32>(static_cast<u32>(cpu.s.gpr[RAX])) >> 31);
    }
};
struct ByteSwap : NoMemory {
    static void run(Cpu& cpu, const Op& op) { RegA<u32>::set(cpu, op, __builtin_bswap32(RegA<u32>::get(cpu, op))); }
};
struct Nothing : NoMemory {
    static void run(Cpu&, const Op&) {}
};

/// One LODS, STOS or MOVS in flat 32-bit segments, DF as it is.
template <class T>
struct LoadString {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        linear = gpr32(cpu, RSI);
        const u8* host = hot_address<T, false>(tlb, linear);
        if (!host) return false;
        const u32 step = cpu.s.eflags & kDF ? 0u - static_cast<u32>(sizeof(T)) : static_cast<u32>(sizeof(T));
        RegA<T>::set(cpu, op, load_host<T>(host)); // `a` is 0: AL, AX or EAX
        cpu.s.gpr[RSI] = static_cast<u32>(cpu.s.gpr[RSI] + step);
        return true;
    }
};
template <class T>
struct StoreString {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op&, TlbTable* tlb, u64& linear) {
        linear = gpr32(cpu, RDI);
        u8* host = hot_address<T, true>(tlb, linear);
        if (!host) return false;
        const u32 step = cpu.s.eflags & kDF ? 0u - static_cast<u32>(sizeof(T)) : static_cast<u32>(sizeof(T));
        store_host<T>(host, static_cast<T>(cpu.s.gpr[RAX]));
        cpu.s.gpr[RDI] = static_cast<u32>(cpu.s.gpr[RDI] + step);
        return true;
    }
};
template <class T>
struct MoveString {
    static constexpr Touches touches = Touches::Writes;
    static constexpr bool two_accesses = true;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op&, TlbTable* tlb, u64& linear) {
        const u8* from = hot_address<T, false>(tlb, gpr32(cpu, RSI));
        if (!from) {
            linear = kNoLinear; // the cold path fills for one access only; the generic form fills both
            return false;
        }
        linear = gpr32(cpu, RDI);
        u8* to = hot_address<T, true>(tlb, linear);
        if (!to) return false;
        const u32 step = cpu.s.eflags & kDF ? 0u - static_cast<u32>(sizeof(T)) : static_cast<u32>(sizeof(T));
        store_host<T>(to, load_host<T>(from));
        cpu.s.gpr[RSI] = static_cast<u32>(cpu.s.gpr[RSI] + step);
        cpu.s.gpr[RDI] = static_cast<u32>(cpu.s.gpr[RDI] + step);
        return true;
    }
};

// ---- selection
// -------------------------------------------------------------------------------------------------------------

template <unsigned n>
using MoveRegister = Move<Fixed<n>, RegB<u32>>;
template <unsigned n>
using MoveImmediate = Move<Fixed<n>, Immediate<u32>>;
template <unsigned n>
using LoadFixed = Load<u32, Flat, Fixed<n>, u32>;
template <unsigned n>
using StoreFromBase = Store<u32, FlatBase<n>, RegA<u32>>;

/// MOV r32, [base + disp]: both registers fixed.
template <unsigned destination>
struct LoadRow {
    template <unsigned base>
    using Body = Load<u32, FlatBase<base>, Fixed<destination>, u32>;
};
constexpr std::array<std::array<Handler, 8>, 8> kLoadBase = {
    per_register<LoadRow<0>::Body>, per_register<LoadRow<1>::Body>, per_register<LoadRow<2>::Body>,
    per_register<LoadRow<3>::Body>, per_register<LoadRow<4>::Body>, per_register<LoadRow<5>::Body>,
    per_register<LoadRow<6>::Body>, per_register<LoadRow<7>::Body>};

constexpr std::array<std::array<Handler, 8>, 8> kLeaBase = {
    per_register<LeaRow<0>::Body>, per_register<LeaRow<1>::Body>, per_register<LeaRow<2>::Body>,
    per_register<LeaRow<3>::Body>, per_register<LeaRow<4>::Body>, per_register<LeaRow<5>::Body>,
    per_register<LeaRow<6>::Body>, per_register<LeaRow<7>::Body>};

template <class From, class To>
Handler load_handler(AddressForm form) {
    switch (form) {
    case AddressForm::FlatPlain: return &hot<Load<From, FlatPlain, RegA<To>, To>>;
    case AddressForm::Flat: return &hot<Load<From, Flat, RegA<To>, To>>;
    case AddressForm::Segmented32: return &hot<Load<From, Segmented<u32>, RegA<To>, To>>;
    default: return &hot<Load<From, Segmented<u16>, RegA<To>, To>>;
    }
}

template <class T, class Source, unsigned slots>
Handler store_handler(AddressForm form) {
    switch (form) {
    case AddressForm::FlatPlain: return &hot<Store<T, FlatPlain, Source, slots>>;
    case AddressForm::Flat: return &hot<Store<T, Flat, Source, slots>>;
    case AddressForm::Segmented32: return &hot<Store<T, Segmented<u32>, Source, slots>>;
    default: return &hot<Store<T, Segmented<u16>, Source, slots>>;
    }
}

bool only_base(const Insn& insn) { return insn.mem.base < 8 && insn.mem.index == kNoReg; }

u8 register_field(const Operand& operand, const Insn& insn) {
    return operand.width == 1 ? byte_register(operand.reg, insn.rex) : operand.reg;
}

bool lower_mov(const Insn& insn, LowerContext& context) {
    const Operand& to = insn.op[0];
    const Operand& from = insn.op[1];
    const u8 width = to.width;
    if (width == 8) return false;
    if (to.kind == OperandKind::Gpr && from.kind == OperandKind::Gpr) {
        const Handler handler = width == 4   ? per_register<MoveRegister>[to.reg]
                                : width == 2 ? &hot<Move<RegA<u16>, RegB<u16>>>
                                             : &hot<Move<RegA<u8>, RegB<u8>>>;
        Op& op = context.out.emit(handler);
        op.a = register_field(to, insn);
        op.b = register_field(from, insn);
        return true;
    }
    if (to.kind == OperandKind::Gpr && from.kind == OperandKind::Imm) {
        const Handler handler = width == 4   ? per_register<MoveImmediate>[to.reg]
                                : width == 2 ? &hot<Move<RegA<u16>, Immediate<u16>>>
                                             : &hot<Move<RegA<u8>, Immediate<u8>>>;
        Op& op = context.out.emit(handler);
        op.a = register_field(to, insn);
        set_immediate(context, op, insn);
        return true;
    }
    const AddressForm form = address_form(insn, context.mode);
    if (form == AddressForm::Other) return false;
    if (to.kind == OperandKind::Gpr && from.kind == OperandKind::Mem) {
        Handler handler = width == 4   ? load_handler<u32, u32>(form)
                          : width == 2 ? load_handler<u16, u16>(form)
                                       : load_handler<u8, u8>(form);
        if (width == 4 && is_flat(form))
            handler = only_base(insn) ? kLoadBase[to.reg][insn.mem.base] : per_register<LoadFixed>[to.reg];
        Op& op = context.out.emit(handler);
        set_address(context, op, insn);
        op.a = register_field(to, insn);
        return true;
    }
    if (to.kind == OperandKind::Mem && from.kind == OperandKind::Gpr) {
        Handler handler = width == 4   ? store_handler<u32, RegA<u32>, 1>(form)
                          : width == 2 ? store_handler<u16, RegA<u16>, 1>(form)
                                       : store_handler<u8, RegA<u8>, 1>(form);
        if (width == 4 && is_flat(form) && only_base(insn)) handler = per_register<StoreFromBase>[insn.mem.base];
        Op& op = context.out.emit(handler);
        set_address(context, op, insn);
        op.a = register_field(from, insn);
        return true;
    }
    if (to.kind == OperandKind::Mem && from.kind == OperandKind::Imm) {
        const Handler handler = width == 4   ? store_handler<u32, SlotImmediate<u32>, 2>(form)
                                : width == 2 ? store_handler<u16, SlotImmediate<u16>, 2>(form)
                                             : store_handler<u8, SlotImmediate<u8>, 2>(form);
        set_address(context, context.out.emit(handler), insn);
        emit_immediate(context, insn);
        return true;
    }
    return false;
}

bool lower_extend(const Insn& insn, LowerContext& context) {
    const bool sign = insn.mnemonic == Mnemonic::movsx;
    const Operand& to = insn.op[0];
    const Operand& from = insn.op[1];
    if (to.width == 8 || from.width > 2) return false;
    const bool wide = to.width == 4;
    const bool byte = from.width == 1;
    if (from.kind == OperandKind::Gpr) {
        Handler handler;
        if (wide && byte)
            handler = sign ? &hot<Extend<u32, i8, RegB<u8>>> : &hot<Extend<u32, u8, RegB<u8>>>;
        else if (wide)
            handler = sign ? &hot<Extend<u32, i16, RegB<u16>>> : &hot<Extend<u32, u16, RegB<u16>>>;
        else if (byte)
            handler = sign ? &hot<Extend<u16, i8, RegB<u8>>> : &hot<Extend<u16, u8, RegB<u8>>>;
        else
            return false;
        Op& op = context.out.emit(handler);
        op.a = to.reg;
        op.b = register_field(from, insn);
        return true;
    }
    const AddressForm form = address_form(insn, context.mode);
    if (form == AddressForm::Other) return false;
    Handler handler;
    if (wide && byte)
        handler = sign ? load_handler<i8, u32>(form) : load_handler<u8, u32>(form);
    else if (wide)
        handler = sign ? load_handler<i16, u32>(form) : load_handler<u16, u32>(form);
    else if (byte)
        handler = sign ? load_handler<i8, u16>(form) : load_handler<u8, u16>(form);
    else
        return false;
    Op& op = context.out.emit(handler);
    set_address(context, op, insn);
    op.a = to.reg;
    return true;
}

template <std::size_t... cc>
constexpr std::array<Handler, 16> set_handlers(std::index_sequence<cc...>) {
    return {&hot<SetByte<cc>>...};
}
constexpr std::array<Handler, 16> kSetByte = set_handlers(std::make_index_sequence<16>{});

template <class T>
constexpr std::array<Handler, 16> kConditionalMove = []<std::size_t... cc>(std::index_sequence<cc...>) {
    return std::array<Handler, 16>{&hot<typename ConditionalMove<T>::template Body<cc>>...};
}
(std::make_index_sequence<16>{});

constexpr std::array<Handler, 16> kConditionalLoad = []<std::size_t... cc>(std::index_sequence<cc...>) {
    return std::array<Handler, 16>{&hot<ConditionalLoad<cc>>...};
}
(std::make_index_sequence<16>{});

bool lower_conditional_move(const Insn& insn, LowerContext& context) {
    const Operand& to = insn.op[0];
    const Operand& from = insn.op[1];
    const unsigned cc = insn.opcode & 15;
    if (from.kind == OperandKind::Mem) {
        if (to.width != 4 || !is_flat(address_form(insn, context.mode))) return false;
        Op& op = context.out.emit(kConditionalLoad[cc]);
        set_address(context, op, insn);
        op.a = to.reg;
        return true;
    }
    if (to.width == 8) return false;
    Op& op = context.out.emit((to.width == 4 ? kConditionalMove<u32> : kConditionalMove<u16>)[cc]);
    op.a = to.reg;
    op.b = from.reg;
    return true;
}

bool lower_string(const Insn& insn, LowerContext& context) {
    if (insn.rep() || insn.repne() || insn.address_size != 4) return false;
    const bool flat = (context.mode & kModeFlatEs) && (context.mode & kModeFlatDs) && insn.mem.seg == DS;
    if (!flat) return false;
    const auto pick = [&](Handler byte, Handler word, Handler dword) {
        return insn.op[0].width == 1 ? byte : insn.op[0].width == 2 ? word : dword;
    };
    switch (insn.mnemonic) {
    case Mnemonic::lods:
        context.out.emit(pick(&hot<LoadString<u8>>, &hot<LoadString<u16>>, &hot<LoadString<u32>>));
        return true;
    case Mnemonic::stos:
        context.out.emit(pick(&hot<StoreString<u8>>, &hot<StoreString<u16>>, &hot<StoreString<u32>>));
        return true;
    default: // MOVS
        context.out.emit(pick(&hot<MoveString<u8>>, &hot<MoveString<u16>>, &hot<MoveString<u32>>));
        return true;
    }
}

} // namespace

bool lower_move(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
    case Mnemonic::mov: return lower_mov(insn, context);
    case Mnemonic::movzx:
    case Mnemonic::movsx: return lower_extend(insn, context);
    case Mnemonic::lea: {
        if (insn.address_size == 8 || insn.op[0].width == 8) return false;
        const bool wide = insn.op[0].width == 4;
        const u8 to = insn.op[0].reg;
        Handler handler = wide ? &hot<LeaNarrow<u32>> : &hot<LeaNarrow<u16>>;
        if (insn.address_size == 4)
            handler = !wide             ? &hot<LeaWide<u16>>
                      : only_base(insn) ? kLeaBase[to][insn.mem.base]
                                        : per_register<LeaFixed>[to];
        Op& op = context.out.emit(handler);
        set_factor(context, op, insn);
        op.a = insn.op[0].reg;
        return true;
    }
    case Mnemonic::xchg: {
        if (insn.op[0].kind != OperandKind::Gpr || insn.op[1].kind != OperandKind::Gpr || insn.op[0].width == 8)
            return false;
        const u8 width = insn.op[0].width;
        Op& op = context.out.emit(width == 4   ? &hot<Exchange<u32>>
                                  : width == 2 ? &hot<Exchange<u16>>
                                               : &hot<Exchange<u8>>);
        op.a = register_field(insn.op[0], insn);
        op.b = register_field(insn.op[1], insn);
        return true;
    }
    case Mnemonic::cmovcc: return lower_conditional_move(insn, context);
    case Mnemonic::setcc:
        if (insn.op[0].kind != OperandKind::Gpr) return false;
        context.out.emit(kSetByte[insn.opcode & 15]).a = byte_register(insn.op[0].reg, insn.rex);
        return true;
    case Mnemonic::cbw:
        if (insn.operand_size != 4) return false;
        context.out.emit(&hot<Cwde>);
        return true;
    case Mnemonic::cwd:
        if (insn.operand_size != 4) return false;
        context.out.emit(&hot<Cdq>);
        return true;
    case Mnemonic::bswap:
        if (insn.op[0].width != 4) return false;
        context.out.emit(&hot<ByteSwap>).a = insn.op[0].reg;
        return true;
    case Mnemonic::nop:
    case Mnemonic::lfence: // every access is carried out in order
    case Mnemonic::mfence:
    case Mnemonic::sfence: context.out.emit(&hot<Nothing>); return true;
    case Mnemonic::lods:
    case Mnemonic::stos:
    case Mnemonic::movs: return lower_string(insn, context);
    default: return false;
    }
}

} // namespace r86

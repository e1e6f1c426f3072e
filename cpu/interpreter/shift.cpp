/// Hot handlers: shifts and rotates by an immediate or by CL.
#include "cpu/alu.h"
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"

namespace r86 {

namespace {

enum class Shift { Shl, Shr, Sar, Rol, Ror };

template <Shift kind, class T>
auto shifted(T value, unsigned count, const LazyFlags& before) {
    if constexpr (kind == Shift::Shl)
        return alu::shl<T>(value, count, before);
    else if constexpr (kind == Shift::Shr)
        return alu::shr<T>(value, count, before);
    else if constexpr (kind == Shift::Sar)
        return alu::sar<T>(value, count, before);
    else if constexpr (kind == Shift::Rol)
        return alu::rol<T>(value, count, before);
    else
        return alu::ror<T>(value, count, before);
}

/// Count known when the block was built, 1 to 31.
template <Shift kind, class T>
struct ByImmediate {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        const auto result = shifted<kind, T>(RegA<T>::get(cpu, op), op.b, cpu.s.flags);
        cpu.s.flags = result.flags;
        RegA<T>::set(cpu, op, result.value);
    }
};

/// The 32-bit form whose flags nobody sees, its register fixed.
template <Shift kind, bool by_cl>
struct Dead {
    template <unsigned n>
    struct Body {
        static constexpr Touches touches = Touches::Nothing;
        static constexpr unsigned slots = 1;
        static void run(Cpu& cpu, const Op& op) {
            const u32 value = Fixed<n>::get(cpu, op);
            const unsigned count = by_cl ? cpu.s.gpr[RCX] & 31 : op.b;
            Fixed<n>::set(cpu, op,
                          kind == Shift::Shl   ? value << count
                          : kind == Shift::Shr ? value >> count
                          : kind == Shift::Sar ? static_cast<u32>(as_signed(value) >> count)
                          : kind == Shift::Rol ? std::rotl(value, static_cast<int>(count))
                                               : std::rotr(value, static_cast<int>(count)));
        }
    };
};

template <Shift kind, class T>
struct ByCl {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) {
        const unsigned count = cpu.s.gpr[RCX] & 31;
        const auto result = shifted<kind, T>(RegA<T>::get(cpu, op), count, cpu.s.flags);
        cpu.s.flags = result.flags;
        RegA<T>::set(cpu, op, result.value);
    }
};

/// An operand in memory; the count in `a`, kCountInCl: in CL.
constexpr u8 kCountInCl = 0xFF;
template <Shift kind, class T, class Addr>
struct InMemory {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        u8* host = locate<T, Addr, true>(cpu, op, tlb, linear);
        if (!host) return false;
        const unsigned count = op.a == kCountInCl ? cpu.s.gpr[RCX] & 31 : op.a;
        const auto result = shifted<kind, T>(load_host<T>(host), count, cpu.s.flags);
        store_host<T>(host, result.value);
        cpu.s.flags = result.flags;
        return true;
    }
};
template <Shift kind, class T>
Handler in_memory(AddressForm form) {
    switch (form) {
    case AddressForm::FlatPlain:
    case AddressForm::Flat: return &hot<InMemory<kind, T, Flat>>;
    case AddressForm::Segmented32: return &hot<InMemory<kind, T, Segmented<u32>>>;
    case AddressForm::Segmented16: return &hot<InMemory<kind, T, Segmented<u16>>>;
    default: return nullptr;
    }
}

template <Shift kind>
bool lower_memory(const Insn& insn, LowerContext& context) {
    const u8 width = insn.op[0].width;
    const bool immediate = insn.op[1].kind == OperandKind::Imm;
    const u8 count = immediate ? insn.imm & 31 : kCountInCl;
    const AddressForm form = address_form(insn, context.mode);
    const Handler handler = width == 4   ? in_memory<kind, u32>(form)
                            : width == 2 ? in_memory<kind, u16>(form)
                            : width == 1 ? in_memory<kind, u8>(form)
                                         : nullptr;
    if (!handler || count == 0) return false;
    Op& op = context.out.emit(handler);
    set_address(context, op, insn);
    op.a = count;
    return true;
}

template <Shift kind>
bool lower(const Insn& insn, LowerContext& context) {
    const Operand& to = insn.op[0];
    if (to.kind == OperandKind::Mem) return lower_memory<kind>(insn, context);
    if (to.kind != OperandKind::Gpr || to.width == 8) return false;
    Handler handler;
    u8 count = 0;
    if (insn.op[1].kind == OperandKind::Imm) {
        count = insn.imm & 31;
        if (count == 0) return false; // changes nothing; the generic form knows
        if (to.width == 4)
            handler = context.flags_dead ? per_register<Dead<kind, false>::template Body>[to.reg]
                                         : &hot<ByImmediate<kind, u32>>;
        else if (to.width == 2)
            handler = &hot<ByImmediate<kind, u16>>;
        else
            handler = &hot<ByImmediate<kind, u8>>;
    } else {
        if (to.width == 4)
            handler =
                context.flags_dead ? per_register<Dead<kind, true>::template Body>[to.reg] : &hot<ByCl<kind, u32>>;
        else if (to.width == 2)
            handler = &hot<ByCl<kind, u16>>;
        else
            handler = &hot<ByCl<kind, u8>>;
    }
    Op& op = context.out.emit(handler);
    op.a = to.width == 1 ? byte_register(to.reg, insn.rex) : to.reg;
    op.b = count;
    return true;
}

} // namespace

bool lower_shift(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
    case Mnemonic::shl: return lower<Shift::Shl>(insn, context);
    case Mnemonic::shr: return lower<Shift::Shr>(insn, context);
    case Mnemonic::sar: return lower<Shift::Sar>(insn, context);
    case Mnemonic::rol: return lower<Shift::Rol>(insn, context);
    case Mnemonic::ror: return lower<Shift::Ror>(insn, context);
    default: return false;
    }
}

} // namespace r86

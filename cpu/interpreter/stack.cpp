/// Hot handlers: PUSH, POP, LEAVE.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/stack_access.h"

namespace r86 {

namespace {

template <class T, class Stack, class Source>
struct Push {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const T value = static_cast<T>(Source::get(cpu, op));
        const u32 sp = Stack::move(Stack::pointer(cpu), -static_cast<int>(sizeof(T)));
        u8* host = Stack::template slot<T, true>(cpu, tlb, sp, linear);
        if (!host) return false;
        store_host<T>(host, value);
        Stack::set(cpu, sp);
        return true;
    }
};

template <class T, class Stack, class Destination>
struct Pop {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u32 sp = Stack::pointer(cpu);
        const u8* host = Stack::template slot<T, false>(cpu, tlb, sp, linear);
        if (!host) return false;
        const T value = load_host<T>(host);
        Stack::set(cpu, Stack::move(sp, sizeof(T)));
        Destination::set(cpu, op, value); // after the pointer: POP ESP keeps what was popped
        return true;
    }
};

/// LEAVE: the frame pointer becomes the stack pointer, then POP of the frame pointer.
template <class T, class Stack>
struct Leave {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op&, TlbTable* tlb, u64& linear) {
        const u32 frame = Stack::move(gpr32(cpu, RBP), 0);
        const u8* host = Stack::template slot<T, false>(cpu, tlb, frame, linear);
        if (!host) return false;
        const T value = load_host<T>(host);
        Stack::set(cpu, Stack::move(frame, sizeof(T)));
        if constexpr (sizeof(T) == 2)
            std::memcpy(&cpu.s.gpr[RBP], &value, 2);
        else
            cpu.s.gpr[RBP] = value;
        return true;
    }
};

/// PUSHA and POPA inside one page. An access that misses is for the semantics: they find the first one that faults.
template <class T, class Stack>
struct PushAll {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static constexpr bool two_accesses = true;
    static bool run(Cpu& cpu, const Op&, TlbTable* tlb, u64& linear) {
        using All = std::array<T, 8>;
        const u32 sp = Stack::pointer(cpu), lowest = Stack::move(sp, -static_cast<int>(sizeof(All)));
        u8* host = lowest < sp ? Stack::template slot<All, true>(cpu, tlb, lowest, linear) : nullptr;
        if (!host) {
            linear = kNoLinear;
            return false;
        }
        for (unsigned reg = 0; reg < 8; ++reg)
            store_host<T>(host + (7 - reg) * sizeof(T), static_cast<T>(cpu.s.gpr[reg]));
        Stack::set(cpu, lowest);
        return true;
    }
};
template <class T, class Stack>
struct PopAll {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = sizeof(T), slots = 1;
    static bool run(Cpu& cpu, const Op&, TlbTable* tlb, u64& linear) {
        using All = std::array<T, 8>;
        const u32 sp = Stack::pointer(cpu), above = Stack::move(sp, sizeof(All));
        const u8* host = sp < above ? Stack::template slot<All, false>(cpu, tlb, sp, linear) : nullptr;
        if (!host) {
            linear = kNoLinear;
            return false;
        }
        for (unsigned reg = 0; reg < 8; ++reg)
            if (reg != RSP) cpu.set_gpr<T>(reg, load_host<T>(host + (7 - reg) * sizeof(T)));
        Stack::set(cpu, above);
        return true;
    }
};

template <unsigned n>
using PushFixed = Push<u32, FlatStack, Fixed<n>>;
template <unsigned n>
using PopFixed = Pop<u32, FlatStack, Fixed<n>>;

/// PUSH of a 32-bit memory operand through a flat stack: two accesses, the store checked first.
template <class Addr>
struct PushMemory {
    static constexpr Touches touches = Touches::Reads;
    static constexpr unsigned size = 4, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u8* from = locate<u32, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        const u32 sp = gpr32(cpu, RSP) - 4;
        u64 stack_linear = sp;
        u8* to = hot_address<u32, true>(tlb, stack_linear);
        if (!to) {
            linear = kNoLinear;
            return false;
        }
        store_host<u32>(to, load_host<u32>(from));
        cpu.s.gpr[RSP] = sp;
        return true;
    }
};

} // namespace

bool lower_stack(const Insn& insn, LowerContext& context) {
    const bool wide = insn.operand_size == 4;
    if (insn.operand_size == 8) return false;
    const bool flat = stack_shape(context.mode) == StackShape::Flat;
    const Operand& operand = insn.op[0];
    switch (insn.mnemonic) {
    case Mnemonic::push:
        if (operand.kind == OperandKind::Gpr) {
            if (flat && wide) {
                context.out.emit(per_register<PushFixed>[operand.reg]);
                return true;
            }
            Op& op = context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
                return wide ? Handler{&hot<Push<u32, Stack, RegA<u32>>>} : &hot<Push<u16, Stack, RegA<u16>>>;
            }));
            op.a = operand.reg;
            return true;
        }
        if (operand.kind == OperandKind::Imm) {
            Op& op = context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
                return wide ? Handler{&hot<Push<u32, Stack, Immediate<u32>>>} : &hot<Push<u16, Stack, Immediate<u16>>>;
            }));
            set_immediate(context, op, insn);
            return true;
        }
        if (operand.kind == OperandKind::Mem && flat && wide && is_flat(address_form(insn, context.mode))) {
            set_address(context, context.out.emit(&hot<PushMemory<Flat>>), insn);
            return true;
        }
        return false;
    case Mnemonic::pop:
        if (operand.kind != OperandKind::Gpr) return false;
        if (flat && wide) {
            context.out.emit(per_register<PopFixed>[operand.reg]);
            return true;
        }
        context.out
            .emit(with_stack(context.mode,
                             [&]<class Stack>() -> Handler {
                                 return wide ? Handler{&hot<Pop<u32, Stack, RegA<u32>>>}
                                             : &hot<Pop<u16, Stack, RegA<u16>>>;
                             }))
            .a = operand.reg;
        return true;
    case Mnemonic::pusha:
        context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
            return wide ? Handler{&hot<PushAll<u32, Stack>>} : &hot<PushAll<u16, Stack>>;
        }));
        return true;
    case Mnemonic::popa:
        context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
            return wide ? Handler{&hot<PopAll<u32, Stack>>} : &hot<PopAll<u16, Stack>>;
        }));
        return true;
    case Mnemonic::leave:
        context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
            return wide ? Handler{&hot<Leave<u32, Stack>>} : &hot<Leave<u16, Stack>>;
        }));
        return true;
    default: return false;
    }
}

} // namespace r86

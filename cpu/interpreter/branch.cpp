/// Hot handlers that end a block: near jumps, calls and returns, and compares fused with the branch behind them.
#include "cpu/alu.h"
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/stack_access.h"

namespace r86 {

namespace {

/// Where a direct branch goes. Flat 32-bit code needs no limit check; all other code masks to the operand size (`a` not
/// zero: 16 bits) and checks. False: outside the limit, the generic form raises #GP.
template <bool flat>
[[gnu::always_inline]] inline bool target_of(const Cpu& cpu, const Op& op, u64 eip, u64& target) {
    target = static_cast<u32>(eip + static_cast<u64>(static_cast<i64>(op.imm)));
    if constexpr (flat) return true;
    if (op.a) target &= 0xFFFF;
    return target <= cpu.s.seg[CS].limit;
}

template <bool flat, bool in_page>
void jump(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    u64 target;
    if (!target_of<flat>(*cpu, *op, eip, target)) return run_generic(cpu, op, budget, tlb, eip, scratch);
    return follow<in_page>(cpu, op, link_of(op, 0), budget, tlb, target);
}

template <bool in_page>
void fall_through(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    return follow<in_page>(cpu, op, link_of(op, 0), budget, tlb, static_cast<u32>(eip + op->d));
}

/// Both ways out of a conditional branch. Link 0 is the taken one.
template <bool flat, bool in_page>
[[gnu::always_inline]] inline void branch(bool taken, Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip,
                                          u64 scratch) {
    if (taken) {
        u64 target;
        if (!target_of<flat>(*cpu, *op, eip, target)) return run_generic(cpu, op, budget, tlb, eip, scratch);
        return follow<in_page>(cpu, op, link_of(op, 0), budget, tlb, target);
    }
    return follow<in_page>(cpu, op, link_of(op, 1), budget, tlb, static_cast<u32>(eip + op->d));
}

template <unsigned cc>
struct Conditional {
    template <bool flat, bool in_page>
    static void run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
        return branch<flat, in_page>(condition(cpu->s.flags, cc), cpu, op, budget, tlb, eip, scratch);
    }
};

/// What CMP and TEST decide when the branch stands right behind them: the condition from the operands, which is
/// shorter than from the flags. The flags are stored all the same, since they live on behind the block.
template <unsigned cc, class T>
[[gnu::always_inline]] inline bool compare(T a, T b) {
    using S = std::make_signed_t<T>;
    if constexpr (cc == 2) return a < b;
    if constexpr (cc == 3) return a >= b;
    if constexpr (cc == 4) return a == b;
    if constexpr (cc == 5) return a != b;
    if constexpr (cc == 6) return a <= b;
    if constexpr (cc == 7) return a > b;
    if constexpr (cc == 12) return static_cast<S>(a) < static_cast<S>(b);
    if constexpr (cc == 13) return static_cast<S>(a) >= static_cast<S>(b);
    if constexpr (cc == 14) return static_cast<S>(a) <= static_cast<S>(b);
    if constexpr (cc == 15) return static_cast<S>(a) > static_cast<S>(b);
    if constexpr (cc == 8) return static_cast<S>(a) < 0; // TEST only: `b` is 0
    if constexpr (cc == 9) return static_cast<S>(a) >= 0;
    return false;
}
/// Overflow and parity are left to the flags.
constexpr bool fusable(unsigned cc) { return cc >= 2 && cc != 10 && cc != 11; }

template <unsigned cc, class T, class B>
struct CompareBranch {
    template <bool flat, bool in_page>
    static void run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
        const T a = RegB<T>::get(*cpu, *op);
        const T b = B::get(*cpu, *op);
        cpu->s.flags = alu::sub<T>(a, b).flags;
        return branch<flat, in_page>(compare<cc, T>(a, b), cpu, op, budget, tlb, eip, scratch);
    }
};

template <unsigned cc, class T, class B>
struct TestBranch {
    template <bool flat, bool in_page>
    static void run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
        const T value = static_cast<T>(RegB<T>::get(*cpu, *op) & B::get(*cpu, *op));
        cpu->s.flags = alu::logic<T>(value).flags;
        return branch<flat, in_page>(compare<cc, T>(value, 0), cpu, op, budget, tlb, eip, scratch);
    }
};

template <unsigned cc, bool up>
struct CountBranch {
    template <bool flat, bool in_page>
    static void run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
        const auto result = up ? alu::inc<u32>(RegB<u32>::get(*cpu, *op), cpu->s.flags)
                               : alu::dec<u32>(RegB<u32>::get(*cpu, *op), cpu->s.flags);
        RegB<u32>::set(*cpu, *op, result.value);
        cpu->s.flags = result.flags;
        return branch<flat, in_page>(condition(cpu->s.flags, cc), cpu, op, budget, tlb, eip, scratch);
    }
};

/// Register or immediate that stands beside a branch distance: immediates are in byte `c`, sign-extended.
template <class T>
struct SmallImmediate {
    static T get(const Cpu&, const Op& op) { return static_cast<T>(static_cast<i8>(op.c)); }
};
/// ... or, if they do not fit, in the slot behind the two links.
template <class T>
struct FarImmediate {
    static T get(const Cpu&, const Op& op) { return static_cast<T>((&op)[5].imm); }
};
template <class T>
using RegC = Indexed<T, &Op::c>;

/// CMP or TEST with an operand in memory. The branch's fields and links stand in an operation of its own behind it,
/// which runs alone after a miss.
enum class MemoryForm { Immediate, Register, RegisterFirst };
template <bool test, MemoryForm form, class T, class Addr>
struct CompareMemory {
    template <unsigned cc>
    struct Branch {
        static void run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
            const u8* host = locate<T, Addr, false>(*cpu, *op, tlb, scratch);
            if (!host) [[unlikely]]
                return tlb_miss<sizeof(T), false>(cpu, op, budget, tlb, eip, scratch);
            T a = load_host<T>(host);
            T b;
            if constexpr (form == MemoryForm::Immediate)
                b = SlotImmediate<T>::get(*cpu, *op);
            else
                b = RegA<T>::get(*cpu, *op);
            if constexpr (form == MemoryForm::RegisterFirst) std::swap(a, b);
            if constexpr (test) {
                a &= b;
                b = 0;
                cpu->s.flags = alu::logic<T>(a).flags;
            } else {
                cpu->s.flags = alu::sub<T>(a, b).flags;
            }
            const Op* exit = op + (form == MemoryForm::Immediate ? 2 : 1);
            return branch<true, true>(compare<cc, T>(a, b), cpu, exit, budget, tlb, eip, scratch);
        }
    };
    template <std::size_t... cc>
    static constexpr std::array<Handler, 16> make(std::index_sequence<cc...>) {
        return {(fusable(cc) && (test || (cc != 8 && cc != 9)) ? Handler{&Branch<cc>::run} : nullptr)...};
    }
    static constexpr std::array<Handler, 16> handlers = make(std::make_index_sequence<16>{});
};

template <class T, class Stack, bool flat, bool in_page>
[[gnu::always_inline]] inline void call_with(u8* host, u32 sp, u64 target, Cpu* cpu, const Op* op, i64 budget,
                                             TlbTable* tlb, u64 eip) {
    store_host<T>(host, static_cast<T>(eip + op->d));
    Stack::set(*cpu, sp);
    return follow<in_page>(cpu, op, link_of(op, 0), budget, tlb, target);
}

/// The stack's page has no hot entry: it may hold code as well, as that of a DOS program does.
template <class T, class Stack, bool flat, bool in_page>
[[gnu::noinline]] void call_beside_code(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 linear) {
    u8* host = place_beside_code(*cpu, linear, sizeof(T));
    if (!host) return tlb_miss<sizeof(T), true>(cpu, op, budget, tlb, eip, linear);
    u64 target;
    if (!target_of<flat>(*cpu, *op, eip, target)) return run_generic(cpu, op, budget, tlb, eip, linear);
    const u32 sp = Stack::move(Stack::pointer(*cpu), -static_cast<int>(sizeof(T)));
    return call_with<T, Stack, flat, in_page>(host, sp, target, cpu, op, budget, tlb, eip);
}

template <class T, class Stack, bool flat, bool in_page>
void call(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    u64 target;
    if (!target_of<flat>(*cpu, *op, eip, target)) return run_generic(cpu, op, budget, tlb, eip, scratch);
    const u32 sp = Stack::move(Stack::pointer(*cpu), -static_cast<int>(sizeof(T)));
    u64 linear;
    u8* host = Stack::template slot<T, true>(*cpu, tlb, sp, linear);
    if (!host) [[unlikely]]
        return call_beside_code<T, Stack, flat, in_page>(cpu, op, budget, tlb, eip, linear);
    return call_with<T, Stack, flat, in_page>(host, sp, target, cpu, op, budget, tlb, eip);
}

template <class T, class Stack, bool flat>
void ret(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    const u32 sp = Stack::pointer(*cpu);
    u64 linear;
    const u8* host = Stack::template slot<T, false>(*cpu, tlb, sp, linear);
    if (!host) [[unlikely]]
        return tlb_miss<sizeof(T), false>(cpu, op, budget, tlb, eip, linear);
    const u64 target = load_host<T>(host);
    if constexpr (!flat) {
        if (target > cpu->s.seg[CS].limit) return run_generic(cpu, op, budget, tlb, eip, scratch);
    }
    Stack::set(*cpu, Stack::move(sp, static_cast<int>(sizeof(T)) + op->imm));
    return jump_to<flat>(cpu, op, budget, tlb, target, scratch);
}

/// JMP and CALL through a register or a flat 32-bit memory operand, in flat code with a flat stack.
template <class Addr, bool is_call>
void indirect(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    u64 target;
    if constexpr (std::is_void_v<Addr>) {
        target = RegA<u32>::get(*cpu, *op);
    } else {
        u64 linear;
        const u8* host = locate<u32, Addr, false>(*cpu, *op, tlb, linear);
        if (!host) [[unlikely]]
            return tlb_miss<4, false>(cpu, op, budget, tlb, eip, linear);
        target = load_host<u32>(host);
    }
    if constexpr (is_call) {
        const u32 sp = gpr32(*cpu, RSP) - 4;
        u8* host = hot_address<u32, true>(tlb, sp);
        if (!host) [[unlikely]]
            return tlb_miss<4, true>(cpu, op, budget, tlb, eip, sp);
        store_host<u32>(host, static_cast<u32>(eip + op->a)); // memory forms: `a` is the return distance
        cpu->s.gpr[RSP] = sp;
    }
    return jump_to<true>(cpu, op, budget, tlb, target, scratch);
}

/// LOOP with a 32- or 16-bit counter.
template <class Count>
struct Loop {
    template <bool flat, bool in_page>
    static void run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
        const auto count = static_cast<Count>(cpu->s.gpr[RCX] - 1);
        u64 target;
        // A taken branch that faults must leave the counter alone.
        if (count != 0 && !target_of<flat>(*cpu, *op, eip, target))
            return run_generic(cpu, op, budget, tlb, eip, scratch);
        if constexpr (sizeof(Count) == 2)
            std::memcpy(&cpu->s.gpr[RCX], &count, 2);
        else
            cpu->s.gpr[RCX] = count;
        return branch<flat, in_page>(count != 0, cpu, op, budget, tlb, eip, scratch);
    }
};

// ---- selection
// -------------------------------------------------------------------------------------------------------------

template <class Body>
Handler pick(bool flat, bool in_page) {
    if (flat) return in_page ? Handler{&Body::template run<true, true>} : &Body::template run<true, false>;
    return in_page ? Handler{&Body::template run<false, true>} : &Body::template run<false, false>;
}

struct Ways {
    bool flat;
    bool in_page;
};

Ways ways(const LowerContext& context, i64 taken, unsigned fall) {
    return {(context.mode & kModeFlatCs) && (context.mode & kModeCode32),
            same_page(context, taken) && same_page(context, fall)};
}

template <template <unsigned> class Body, std::size_t... cc>
Handler by_condition(unsigned which, Ways way, std::index_sequence<cc...>) {
    Handler result = nullptr;
    (void)((which == cc ? (result = pick<Body<cc>>(way.flat, way.in_page), true) : false) || ...);
    return result;
}
template <template <unsigned> class Body>
Handler by_condition(unsigned which, Ways way) {
    return by_condition<Body>(which, way, std::make_index_sequence<16>{});
}

template <unsigned cc>
using CompareRegister32 = CompareBranch<cc, u32, RegC<u32>>;
template <unsigned cc>
using CompareSmall32 = CompareBranch<cc, u32, SmallImmediate<u32>>;
template <unsigned cc>
using CompareFar32 = CompareBranch<cc, u32, FarImmediate<u32>>;
template <unsigned cc>
using CompareSmall16 = CompareBranch<cc, u16, SmallImmediate<u16>>;
template <unsigned cc>
using CompareRegister16 = CompareBranch<cc, u16, RegC<u16>>;
template <unsigned cc>
using CompareSmall8 = CompareBranch<cc, u8, SmallImmediate<u8>>;
template <unsigned cc>
using CompareRegister8 = CompareBranch<cc, u8, RegC<u8>>;
template <unsigned cc>
using TestRegister32 = TestBranch<cc, u32, RegC<u32>>;
template <unsigned cc>
using TestFar32 = TestBranch<cc, u32, FarImmediate<u32>>;
template <unsigned cc>
using TestRegister16 = TestBranch<cc, u16, RegC<u16>>;
template <unsigned cc>
using TestSmall8 = TestBranch<cc, u8, SmallImmediate<u8>>;
template <unsigned cc>
using TestRegister8 = TestBranch<cc, u8, RegC<u8>>;
template <unsigned cc>
using DecBranch = CountBranch<cc, false>;
template <unsigned cc>
using IncBranch = CountBranch<cc, true>;

/// The branch's fields: distances, operand size.
void set_branch(Op& op, i64 taken, unsigned fall, const Insn& branch_insn) {
    op.imm = static_cast<i32>(taken);
    op.d = static_cast<u8>(fall);
    op.a = branch_insn.operand_size == 2;
}

template <class T, class Addr>
Handler compare_memory(const Insn& insn, unsigned cc) {
    const OperandKind second = insn.op[1].kind;
    if (insn.mnemonic == Mnemonic::test)
        return second == OperandKind::Imm ? CompareMemory<true, MemoryForm::Immediate, T, Addr>::handlers[cc] : nullptr;
    if (second == OperandKind::Mem) return CompareMemory<false, MemoryForm::RegisterFirst, T, Addr>::handlers[cc];
    return second == OperandKind::Imm ? CompareMemory<false, MemoryForm::Immediate, T, Addr>::handlers[cc]
                                      : CompareMemory<false, MemoryForm::Register, T, Addr>::handlers[cc];
}
template <class T>
Handler compare_memory(const Insn& insn, AddressForm form, unsigned cc) {
    return form == AddressForm::FlatPlain ? compare_memory<T, FlatPlain>(insn, cc) : compare_memory<T, Flat>(insn, cc);
}

/// CMP or TEST of bytes or doublewords in flat memory with the Jcc behind it.
bool lower_fused_memory(const Insn& insn, LowerContext& context, i64 taken, unsigned cc) {
    const Ways way = ways(context, taken, context.next_end);
    const u8 width = insn.op[0].width;
    const AddressForm form = address_form(insn, context.mode);
    const bool fits = insn.mnemonic == Mnemonic::cmp || insn.mnemonic == Mnemonic::test;
    if (!fits || !way.flat || !way.in_page || !is_flat(form)) return false;
    const Handler handler = width == 4   ? compare_memory<u32>(insn, form, cc)
                            : width == 1 ? compare_memory<u8>(insn, form, cc)
                                         : nullptr;
    if (!handler) return false;
    Op& op = context.out.emit(handler);
    set_address(context, op, insn);
    const Operand& other = insn.op[insn.op[1].kind == OperandKind::Mem ? 0 : 1];
    if (other.kind == OperandKind::Imm)
        emit_immediate(context, insn);
    else
        op.a = width == 1 ? byte_register(other.reg, insn.rex) : other.reg;
    context.out.at(static_cast<u8>(context.end), static_cast<u8>(context.index + 1));
    set_branch(context.out.emit(by_condition<Conditional>(cc, way)), taken, context.next_end, *context.next);
    context.out.links(2);
    context.fused = true;
    return true;
}

/// CMP, TEST, INC or DEC with the Jcc behind it.
bool lower_fused(const Insn& insn, LowerContext& context) {
    if (!context.next || context.next->mnemonic != Mnemonic::jcc) return false;
    const unsigned cc = context.next->opcode & 15;
    const Operand& a = insn.op[0];
    const Operand& b = insn.op[1];
    const i64 taken = static_cast<i64>(context.next_end) + static_cast<i64>(context.next->imm);
    if (a.kind == OperandKind::Mem || b.kind == OperandKind::Mem) return lower_fused_memory(insn, context, taken, cc);
    if (a.kind != OperandKind::Gpr) return false;
    const unsigned fall = context.next_end;
    const Ways way = ways(context, taken, fall);
    const auto small = static_cast<i64>(static_cast<i8>(insn.imm));
    Handler handler = nullptr;
    bool far_immediate = false;
    const bool immediate = b.kind == OperandKind::Imm;
    switch (insn.mnemonic) {
    case Mnemonic::cmp:
        // The sign of a difference is rarely asked for and costs a register too many: the flags answer it.
        if (!fusable(cc) || cc == 8 || cc == 9) return false;
        if (a.width == 4 && immediate) {
            far_immediate = static_cast<u32>(insn.imm) != static_cast<u32>(small);
            handler = far_immediate ? by_condition<CompareFar32>(cc, way) : by_condition<CompareSmall32>(cc, way);
        } else if (a.width == 4) {
            handler = by_condition<CompareRegister32>(cc, way);
        } else if (a.width == 2) {
            if (immediate && static_cast<u16>(insn.imm) != static_cast<u16>(small)) return false;
            handler = immediate ? by_condition<CompareSmall16>(cc, way) : by_condition<CompareRegister16>(cc, way);
        } else if (a.width == 1) {
            handler = immediate ? by_condition<CompareSmall8>(cc, way) : by_condition<CompareRegister8>(cc, way);
        }
        break;
    case Mnemonic::test:
        if (!fusable(cc)) return false;
        if (a.width == 4) {
            far_immediate = immediate;
            handler = immediate ? by_condition<TestFar32>(cc, way) : by_condition<TestRegister32>(cc, way);
        } else if (a.width == 2) {
            if (immediate) return false;
            handler = by_condition<TestRegister16>(cc, way);
        } else if (a.width == 1) {
            handler = immediate ? by_condition<TestSmall8>(cc, way) : by_condition<TestRegister8>(cc, way);
        }
        break;
    case Mnemonic::dec:
    case Mnemonic::inc:
        // Only where the branch cannot fault any more: the register is changed before it.
        if (a.width != 4 || !way.flat) return false;
        handler = insn.mnemonic == Mnemonic::dec ? by_condition<DecBranch>(cc, way) : by_condition<IncBranch>(cc, way);
        break;
    default: return false;
    }
    if (!handler) return false;
    Op& op = context.out.emit(handler);
    set_branch(op, taken, fall, *context.next);
    op.b = a.width == 1 ? byte_register(a.reg, insn.rex) : a.reg;
    if (immediate)
        op.c = static_cast<u8>(insn.imm);
    else
        op.c = a.width == 1 ? byte_register(b.reg, insn.rex) : b.reg;
    context.out.links(2);
    if (far_immediate) emit_immediate(context, insn);
    context.fused = true;
    return true;
}

bool lower_indirect(const Insn& insn, LowerContext& context) {
    const bool plain =
        insn.operand_size == 4 && (context.mode & kModeFlatCs) && stack_shape(context.mode) == StackShape::Flat;
    if (!plain) return false;
    const bool is_call = insn.mnemonic == Mnemonic::call;
    if (insn.op[0].kind == OperandKind::Gpr) {
        if (is_call) return false; // `a` cannot hold both the register and the return distance
        context.out.emit(&indirect<void, false>).a = insn.op[0].reg;
        return true;
    }
    if (!is_flat(address_form(insn, context.mode))) return false;
    Op& op = context.out.emit(is_call ? &indirect<Flat, true> : &indirect<Flat, false>);
    set_address(context, op, insn);
    op.a = static_cast<u8>(context.end);
    return true;
}

/// CALL r32: the register in `b`, the return distance in `a`.
void call_register(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    const u64 target = RegB<u32>::get(*cpu, *op);
    const u32 sp = gpr32(*cpu, RSP) - 4;
    u8* host = hot_address<u32, true>(tlb, sp);
    if (!host) [[unlikely]]
        return tlb_miss<4, true>(cpu, op, budget, tlb, eip, sp);
    store_host<u32>(host, static_cast<u32>(eip + op->a));
    cpu->s.gpr[RSP] = sp;
    return jump_to<true>(cpu, op, budget, tlb, target, scratch);
}

/// Most instructions are none: decided before anything is computed for them.
bool near_branch(Mnemonic what) {
    return what == Mnemonic::jcc || what == Mnemonic::jmp || what == Mnemonic::call || what == Mnemonic::ret ||
           what == Mnemonic::loop;
}

} // namespace

bool lower_branch(const Insn& insn, LowerContext& context) {
    if (insn.operand_size == 8) return false;
    if (lower_fused(insn, context)) return true;
    if (!near_branch(insn.mnemonic)) return false;
    const i64 taken = static_cast<i64>(context.end) + static_cast<i64>(insn.imm);
    const Ways way = ways(context, taken, context.end);
    switch (insn.mnemonic) {
    case Mnemonic::jcc:
        set_branch(context.out.emit(by_condition<Conditional>(insn.opcode & 15, way)), taken, context.end, insn);
        context.out.links(2);
        return true;
    case Mnemonic::loop:
        set_branch(context.out.emit(insn.address_size == 4 ? pick<Loop<u32>>(way.flat, way.in_page)
                                                           : pick<Loop<u16>>(way.flat, way.in_page)),
                   taken, context.end, insn);
        context.out.links(2);
        return true;
    case Mnemonic::jmp: {
        if (insn.op[0].kind != OperandKind::Rel) return lower_indirect(insn, context);
        const bool near = same_page(context, taken);
        const Handler handler = way.flat ? (near ? &jump<true, true> : &jump<true, false>)
                                         : (near ? &jump<false, true> : &jump<false, false>);
        set_branch(context.out.emit(handler), taken, context.end, insn);
        context.out.links(1);
        return true;
    }
    case Mnemonic::call: {
        if (insn.op[0].kind != OperandKind::Rel) {
            const bool plain =
                insn.operand_size == 4 && (context.mode & kModeFlatCs) && stack_shape(context.mode) == StackShape::Flat;
            if (plain && insn.op[0].kind == OperandKind::Gpr) {
                Op& op = context.out.emit(call_register);
                op.b = insn.op[0].reg;
                op.a = static_cast<u8>(context.end);
                return true;
            }
            return lower_indirect(insn, context);
        }
        const bool near = same_page(context, taken);
        const bool wide = insn.operand_size == 4;
        const Handler handler = with_stack(context.mode, [&]<class Stack>() -> Handler {
            if (wide && way.flat) return near ? Handler{&call<u32, Stack, true, true>} : &call<u32, Stack, true, false>;
            if (wide) return near ? Handler{&call<u32, Stack, false, true>} : &call<u32, Stack, false, false>;
            return near ? Handler{&call<u16, Stack, false, true>} : &call<u16, Stack, false, false>;
        });
        set_branch(context.out.emit(handler), taken, context.end, insn);
        context.out.links(1);
        return true;
    }
    case Mnemonic::ret: {
        const bool wide = insn.operand_size == 4;
        Op& op = context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
            if (wide && way.flat) return &ret<u32, Stack, true>;
            return wide ? Handler{&ret<u32, Stack, false>} : &ret<u16, Stack, false>;
        }));
        op.imm = insn.op[0].kind == OperandKind::Imm ? static_cast<i32>(insn.imm) : 0;
        return true;
    }
    default: return false;
    }
}

void emit_fall_through(LowerContext& context) {
    const bool near = same_page(context, context.end);
    context.out.at(static_cast<u8>(context.end), static_cast<u8>(context.count));
    context.out.emit(near ? &fall_through<true> : &fall_through<false>).d = static_cast<u8>(context.end);
    context.out.links(1);
}

} // namespace r86

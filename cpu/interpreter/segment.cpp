/// Hot handlers: MOV, PUSH and POP of segment registers, LES and its kin, by the short way of
/// cpu/segmentation/descriptor_memo.h. Loads of SS cast a shadow and end their block: they run through their semantics.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/stack_access.h"
#include "cpu/segmentation/descriptor_memo.h"

namespace r86 {

namespace {

enum class Tables { Protected, Real, V86 };

template <Tables tables>
bool load(Cpu& cpu, Seg seg, u16 selector) {
    if constexpr (tables == Tables::Protected) return load_data_segment(cpu, seg, selector);
    if constexpr (tables == Tables::Real) return load_real_segment(cpu, seg, selector);
    cpu.load_segment_real(seg, selector);
    return true;
}

/// Bodies: `static bool run(Cpu&, const Op&, TlbTable*)`, false before anything changed.
template <class Body>
void on_segment(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    if (!Body::run(*cpu, *op, tlb)) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, scratch);
    if (cpu->run_state.leave) [[unlikely]] // another mode: other blocks
        return leave_before(cpu, op + 1, budget, tlb, eip, scratch);
    return go(cpu, op + 1, budget, tlb, eip, anything());
}

template <Tables tables>
struct FromRegister {
    static bool run(Cpu& cpu, const Op& op, TlbTable*) {
        return load<tables>(cpu, static_cast<Seg>(op.a), RegB<u16>::get(cpu, op));
    }
};
template <Tables tables, class Addr>
struct FromMemory {
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb) {
        u64 linear;
        const u8* from = locate<u16, Addr, false>(cpu, op, tlb, linear);
        return from && load<tables>(cpu, static_cast<Seg>(op.a), load_host<u16>(from));
    }
};
/// The pointer moves by the operand size, in `imm`; 16 bits are read.
template <Tables tables, class Stack>
struct FromStack {
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb) {
        u64 linear;
        const u32 sp = Stack::pointer(cpu);
        const u8* from = Stack::template slot<u16, false>(cpu, tlb, sp, linear);
        if (!from || !load<tables>(cpu, static_cast<Seg>(op.a), load_host<u16>(from))) return false;
        Stack::set(cpu, Stack::move(sp, op.imm));
        return true;
    }
};
/// LDS, LES, LFS, LGS: the register in bits 3 and up of `a`. Offset and selector stand in one page.
template <Tables tables, class Addr, class Offset>
struct FarPointer {
    using Both = std::array<u8, sizeof(Offset) + 2>;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb) {
        u64 linear;
        const u8* from = locate<Both, Addr, false>(cpu, op, tlb, linear);
        if (!from) return false;
        const auto offset = load_host<Offset>(from);
        if (!load<tables>(cpu, static_cast<Seg>(op.a & 7), load_host<u16>(from + sizeof(Offset)))) return false;
        cpu.set_gpr<Offset>(op.a >> 3, offset);
        return true;
    }
};

// ---- the other way ----------------------------------------------------------------------------------------------

template <class T>
struct ToRegister {
    static constexpr Touches touches = Touches::Nothing;
    static constexpr unsigned slots = 1;
    static void run(Cpu& cpu, const Op& op) { RegA<T>::set(cpu, op, cpu.s.seg[op.b].selector); }
};
template <class Addr>
struct ToMemory {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = 2, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        u8* to = locate<u16, Addr, true>(cpu, op, tlb, linear);
        if (!to) return false;
        store_host<u16>(to, cpu.s.seg[op.a].selector);
        return true;
    }
};
/// Only the low word is written, whatever the operand size (SDM Vol. 2, PUSH).
template <class Stack>
struct ToStack {
    static constexpr Touches touches = Touches::Writes;
    static constexpr unsigned size = 2, slots = 1;
    static bool run(Cpu& cpu, const Op& op, TlbTable* tlb, u64& linear) {
        const u32 sp = Stack::move(Stack::pointer(cpu), -op.imm);
        u8* to = Stack::template slot<u16, true>(cpu, tlb, sp, linear);
        if (!to) return false;
        store_host<u16>(to, cpu.s.seg[op.a].selector);
        Stack::set(cpu, sp);
        return true;
    }
};

// ---- selection ----------------------------------------------------------------------------------------------------

template <class Use>
auto with_tables(u32 mode, Use use) {
    if (mode & kModeReal) return use.template operator()<Tables::Real>();
    if (mode & kModeV86) return use.template operator()<Tables::V86>();
    return use.template operator()<Tables::Protected>();
}
template <class Use>
Handler with_address(const Insn& insn, u32 mode, Use use) {
    switch (address_form(insn, mode)) {
    case AddressForm::FlatPlain:
    case AddressForm::Flat: return use.template operator()<Flat>();
    case AddressForm::Segmented32: return use.template operator()<Segmented<u32>>();
    case AddressForm::Segmented16: return use.template operator()<Segmented<u16>>();
    default: return nullptr;
    }
}

bool emit_memory(const Insn& insn, LowerContext& context, Handler handler, u8 a) {
    if (!handler) return false;
    Op& op = context.out.emit(handler);
    set_address(context, op, insn);
    op.a = a;
    return true;
}

bool lower_load(const Insn& insn, LowerContext& context) {
    const u8 seg = insn.op[0].reg;
    if (seg == CS || seg == SS || seg >= kSegments) return false;
    if (insn.op[1].kind == OperandKind::Mem)
        return emit_memory(insn, context,
                           with_address(insn, context.mode,
                                        [&]<class Addr>() -> Handler {
                                            return with_tables(context.mode, [&]<Tables tables>() -> Handler {
                                                return &on_segment<FromMemory<tables, Addr>>;
                                            });
                                        }),
                           seg);
    Op& op = context.out.emit(
        with_tables(context.mode, []<Tables tables>() -> Handler { return &on_segment<FromRegister<tables>>; }));
    op.a = seg;
    op.b = insn.op[1].reg;
    return true;
}

bool lower_store(const Insn& insn, LowerContext& context) {
    const u8 seg = insn.op[1].reg;
    if (seg >= kSegments) return false;
    if (insn.op[0].kind == OperandKind::Mem)
        return emit_memory(
            insn, context,
            with_address(insn, context.mode, []<class Addr>() -> Handler { return &hot<ToMemory<Addr>>; }), seg);
    Op& op = context.out.emit(insn.operand_size == 4 ? &hot<ToRegister<u32>> : &hot<ToRegister<u16>>);
    op.a = insn.op[0].reg;
    op.b = seg;
    return true;
}

bool lower_far_pointer(const Insn& insn, LowerContext& context, Seg seg) {
    if (insn.op[1].kind != OperandKind::Mem) return false;
    return emit_memory(insn, context,
                       with_address(insn, context.mode,
                                    [&]<class Addr>() -> Handler {
                                        return with_tables(context.mode, [&]<Tables tables>() -> Handler {
                                            return insn.operand_size == 2
                                                       ? Handler{&on_segment<FarPointer<tables, Addr, u16>>}
                                                       : &on_segment<FarPointer<tables, Addr, u32>>;
                                        });
                                    }),
                       static_cast<u8>(seg | insn.op[0].reg << 3));
}

} // namespace

bool lower_segment(const Insn& insn, LowerContext& context) {
    if (insn.operand_size == 8) return false;
    switch (insn.mnemonic) {
    case Mnemonic::mov_sreg:
        return insn.op[0].kind == OperandKind::Segment ? lower_load(insn, context) : lower_store(insn, context);
    case Mnemonic::push_sreg: {
        Op& op =
            context.out.emit(with_stack(context.mode, []<class Stack>() -> Handler { return &hot<ToStack<Stack>>; }));
        op.a = insn.op[0].reg;
        op.imm = insn.operand_size;
        return true;
    }
    case Mnemonic::pop_sreg: {
        if (insn.op[0].reg == SS) return false;
        Op& op = context.out.emit(with_stack(context.mode, [&]<class Stack>() -> Handler {
            return with_tables(context.mode,
                               []<Tables tables>() -> Handler { return &on_segment<FromStack<tables, Stack>>; });
        }));
        op.a = insn.op[0].reg;
        op.imm = insn.operand_size;
        return true;
    }
    case Mnemonic::les: return lower_far_pointer(insn, context, ES);
    case Mnemonic::lds: return lower_far_pointer(insn, context, DS);
    case Mnemonic::lfs: return lower_far_pointer(insn, context, FS);
    case Mnemonic::lgs: return lower_far_pointer(insn, context, GS);
    default: return false;
    }
}

} // namespace r86

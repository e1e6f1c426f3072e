/// Runs of PUSH and POP, as functions begin and end with them: one look at the TLB and one jump for all of them.
///
/// The operation of a run stands in front of those of its instructions, which stay as they are. Where the run's words
/// do not lie in one page with a hot entry, it goes on with the first of them and they do what they always do, so that
/// the run itself has no cold path. Otherwise it skips them.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/stack_access.h"

namespace r86 {

namespace {

constexpr unsigned kMaxRun = 4; // the operation names four registers

inline u8 register_of_run(const Op& op, unsigned i) { return i == 0 ? op.a : i == 1 ? op.b : i == 2 ? op.c : op.d; }

template <unsigned n>
void push_run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    using Words = std::array<u32, n>;
    const u32 sp = gpr32(*cpu, RSP) - u32{sizeof(Words)};
    u8* host = hot_address<Words, true>(tlb, sp);
    if (!host) [[unlikely]]
        return go(cpu, op + 1, budget, tlb, eip, anything());
    for (unsigned i = 0; i < n; ++i)
        store_host<u32>(host + (n - 1 - i) * sizeof(u32), gpr32(*cpu, register_of_run(*op, i)));
    cpu->s.gpr[RSP] = sp;
    return go(cpu, op + 1 + n, budget, tlb, eip, anything());
}

/// `returns`: RET stands behind the run and is done as well.
template <unsigned n, bool returns>
void pop_run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    using Words = std::array<u32, n + returns>;
    const u32 sp = gpr32(*cpu, RSP);
    const u8* host = hot_address<Words, false>(tlb, sp);
    if (!host) [[unlikely]]
        return go(cpu, op + 1, budget, tlb, eip, anything());
    for (unsigned i = 0; i < n; ++i) cpu->s.gpr[register_of_run(*op, i)] = load_host<u32>(host + i * sizeof(u32));
    cpu->s.gpr[RSP] = sp + u32{sizeof(Words)};
    if constexpr (returns)
        return jump_to<true>(cpu, op, budget, tlb, load_host<u32>(host + n * sizeof(u32)), anything());
    else
        return go(cpu, op + 1 + n, budget, tlb, eip, anything());
}

constexpr std::array<Handler, kMaxRun + 1> kPushRuns = {nullptr, nullptr, &push_run<2>, &push_run<3>, &push_run<4>};
constexpr std::array<Handler, kMaxRun + 1> kPopRuns = {nullptr, nullptr, &pop_run<2, false>, &pop_run<3, false>,
                                                       &pop_run<4, false>};
constexpr std::array<Handler, kMaxRun + 1> kReturns = {nullptr, &pop_run<1, true>, &pop_run<2, true>, &pop_run<3, true>,
                                                       &pop_run<4, true>};

/// MOV r32, [ESP] and RET, which is how code of i386 finds out where it stands (System V ABI, i386 supplement: position
/// independent code has to CALL to read EIP).
void return_with_address(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    const u32 sp = gpr32(*cpu, RSP);
    const u8* host = hot_address<u32, false>(tlb, sp);
    if (!host) [[unlikely]]
        return go(cpu, op + 1, budget, tlb, eip, anything());
    const u32 target = load_host<u32>(host);
    cpu->s.gpr[op->a] = target;
    cpu->s.gpr[RSP] = sp + u32{sizeof target};
    return jump_to<true>(cpu, op, budget, tlb, target, anything());
}

/// PUSH and POP of ESP use the pointer in other ways than the rest of a run.
bool belongs(const Insn& insn, Mnemonic which) {
    return insn.mnemonic == which && insn.operand_size == 4 && insn.op[0].kind == OperandKind::Gpr &&
           insn.op[0].reg != RSP;
}

bool plain_return(const Insn& insn) {
    return insn.mnemonic == Mnemonic::ret && insn.operand_size == 4 && insn.op[0].kind != OperandKind::Imm;
}

bool loads_top_of_stack(const Insn& insn) {
    return insn.mnemonic == Mnemonic::mov && insn.op[0].kind == OperandKind::Gpr && insn.op[0].width == 4 &&
           insn.op[0].reg != RSP && insn.op[1].kind == OperandKind::Mem && insn.mem.seg == SS && insn.mem.base == RSP &&
           insn.mem.index == kNoReg && insn.disp_size == 0 && insn.address_size == 4;
}

} // namespace

unsigned lower_stack_run(std::span<const Insn> insns, LowerContext& context) {
    if (stack_shape(context.mode) != StackShape::Flat || !(context.mode & kModeFlatCs)) return 0;
    if (insns.size() > 1 && loads_top_of_stack(insns[0]) && plain_return(insns[1])) {
        context.out.emit(return_with_address).a = insns[0].op[0].reg;
        return 2;
    }
    const Mnemonic which = insns[0].mnemonic;
    if (which != Mnemonic::push && which != Mnemonic::pop) return 0;
    unsigned length = 0;
    while (length < std::min<usize>(insns.size(), kMaxRun) && belongs(insns[length], which)) ++length;
    const bool returns = which == Mnemonic::pop && length && length < insns.size() && plain_return(insns[length]);
    const Handler handler = (which == Mnemonic::push ? kPushRuns : returns ? kReturns : kPopRuns)[length];
    if (!handler) return 0;
    Op& op = context.out.emit(handler);
    u8* const registers[kMaxRun] = {&op.a, &op.b, &op.c, &op.d};
    for (unsigned i = 0; i < length; ++i) *registers[i] = insns[i].op[0].reg;
    return length;
}

} // namespace r86

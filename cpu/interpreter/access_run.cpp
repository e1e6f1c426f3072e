/// Runs of 32-bit MOVs between registers and memory through one base register, as compilers make them of structures and
/// of variables on the stack: one look at the TLB and one jump for all of them.
///
/// As in stack_run.cpp the operation of a run stands in front of those of its instructions, and leaves everything to
/// them where it cannot do all at once.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr unsigned kMaxRun = 4;
/// Bytes from the first to the last: runs that seldom lie in one page are of no use.
constexpr i64 kMaxSpan = 512;

/// An operation of two slots.
struct AccessRunOp {
    Handler handler;
    i32 lowest; ///< displacement
    u8 base;    ///< register
    u8 unused[5];
    u16 last;                    ///< distance from the lowest byte to the last one
    std::array<u16, kMaxRun> at; ///< of each access, from the lowest byte
    std::array<u8, kMaxRun> reg;
};
constexpr unsigned kSlots = 2;
static_assert(sizeof(AccessRunOp) == kSlots * sizeof(Op));

/// Bit i of `stores`: access i is a store.
template <unsigned n, unsigned stores>
void access_run(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64) {
    constexpr bool reads = stores != (1u << n) - 1;
    const auto& run = reinterpret_cast<const AccessRunOp&>(*op);
    const u64 linear = gpr32(*cpu, run.base) + static_cast<u32>(run.lowest);
    const u64 page = tlb_page(linear + run.last);
    const TlbEntry& entry = tlb_entry(stores ? tlb->write : tlb->read, linear);
    if (entry.tag != page || (stores && reads && tlb_entry(tlb->read, linear).tag != page)) [[unlikely]]
        return go(cpu, op + kSlots, budget, tlb, eip, anything());
    u8* host = reinterpret_cast<u8*>(static_cast<std::intptr_t>(static_cast<i64>(linear) + entry.addend));
    for (unsigned i = 0; i < n; ++i)
        if (stores >> i & 1)
            store_host<u32>(host + run.at[i], gpr32(*cpu, run.reg[i]));
        else
            cpu->s.gpr[run.reg[i]] = load_host<u32>(host + run.at[i]);
    return go(cpu, op + kSlots + n, budget, tlb, eip, anything());
}

template <unsigned n, unsigned... stores>
constexpr std::array<Handler, 1u << kMaxRun> handlers(std::integer_sequence<unsigned, stores...>) {
    return {&access_run<n, stores>...};
}
template <unsigned n>
constexpr auto kRuns = handlers<n>(std::make_integer_sequence<unsigned, 1u << n>{});

struct BasedMove {
    u8 base;
    u8 reg;
    bool store;
    i64 disp;
};

bool as_access(const Insn& insn, u32 mode, BasedMove& out) {
    if (insn.mnemonic != Mnemonic::mov || insn.op[0].width != 4) return false;
    const bool store = insn.op[0].kind == OperandKind::Mem;
    const Operand& reg = insn.op[store];
    if (reg.kind != OperandKind::Gpr || insn.op[!store].kind != OperandKind::Mem) return false;
    if (address_form(insn, mode) != AddressForm::FlatPlain) return false;
    out = {insn.mem.base == kNoReg ? kZeroReg : insn.mem.base, reg.reg, store, static_cast<i32>(insn.mem.disp)};
    return true;
}

} // namespace

unsigned lower_access_run(std::span<const Insn> insns, LowerContext& context) {
    BasedMove access;
    if (!as_access(insns[0], context.mode, access)) return 0;
    const u8 base = access.base;
    AccessRunOp run{};
    std::array<i64, kMaxRun> displacements;
    unsigned length = 0, stores = 0;
    i64 lowest = access.disp, highest = access.disp;
    while (length < std::min<usize>(insns.size(), kMaxRun) && as_access(insns[length], context.mode, access)) {
        const i64 low = std::min(lowest, access.disp), high = std::max(highest, access.disp);
        if (access.base != base || high + 4 - low > kMaxSpan) break;
        lowest = low;
        highest = high;
        displacements[length] = access.disp;
        run.reg[length] = access.reg;
        stores |= unsigned{access.store} << length++;
        if (!access.store && access.reg == base) break; // the base is another one behind this
    }
    if (length < 2) return 0;
    run.handler = (length == 2 ? kRuns<2> : length == 3 ? kRuns<3> : kRuns<4>)[stores];
    run.lowest = static_cast<i32>(lowest);
    run.base = base;
    run.last = static_cast<u16>(highest + 3 - lowest);
    for (unsigned i = 0; i < length; ++i) run.at[i] = static_cast<u16>(displacements[i] - lowest);
    context.out.wide(run);
    return length;
}

} // namespace r86

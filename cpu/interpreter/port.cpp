/// Hot handlers: IN and OUT where IOPL allows every port. A chip may do anything (raise a pin, move memory, ask for an
/// end), so the state stands at the instruction while it is called, and everything is looked at again behind it.
#include "cpu/block/lower.h"
#include "cpu/decoder/mnemonics.h"
#include "cpu/interpreter/operands.h"
#include "cpu/mmu/mmu.h"

namespace r86 {

namespace {

/// `a`: instructions of the block from this one on; `b`: its offset; `imm`: the port, kPortInDx: DX.
constexpr i32 kPortInDx = -1;

template <class T, bool write>
void port_access(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    CpuState& s = cpu->s;
    if (cpu->cpl() > cpu->iopl() && cpu->protected_mode()) [[unlikely]]
        return run_generic(cpu, op, budget, tlb, eip, scratch);
    s.tick = cpu->run_state.limit - static_cast<u64>(budget) - op->a;
    s.rip = (eip + op->b) & 0xFFFFFFFF;
    const auto port = static_cast<u16>(op->imm == kPortInDx ? s.gpr[RDX] : static_cast<u32>(op->imm));
    if constexpr (write) {
        cpu->port_write(port, sizeof(T), static_cast<T>(s.gpr[RAX]));
    } else {
        const auto value = static_cast<T>(cpu->port_read(port, sizeof(T)));
        if constexpr (sizeof(T) == 4)
            s.gpr[RAX] = value;
        else
            std::memcpy(&s.gpr[RAX], &value, sizeof value);
    }
    if (cpu->run_state.leave) [[unlikely]]
        return leave_before(cpu, op + 1, budget, tlb, eip, scratch);
    return go(cpu, op + 1, budget, cpu->mmu().table, eip, anything());
}

template <bool write>
bool emit_port(const Insn& insn, LowerContext& context) {
    if (context.mode & kModeV86) return false; // the permission map decides whatever IOPL says
    const Operand& port = insn.op[write ? 0 : 1];
    const u8 width = insn.op[write ? 1 : 0].width;
    Op& op = context.out.emit(width == 1   ? &port_access<u8, write>
                              : width == 2 ? &port_access<u16, write>
                                           : &port_access<u32, write>);
    op.a = static_cast<u8>(context.count - context.index);
    op.b = static_cast<u8>(context.end - insn.length);
    op.imm = port.kind == OperandKind::Imm ? static_cast<i32>(insn.imm & 0xFF) : kPortInDx;
    return true;
}

} // namespace

bool lower_port(const Insn& insn, LowerContext& context) {
    switch (insn.mnemonic) {
    case Mnemonic::in: return emit_port<false>(insn, context);
    case Mnemonic::out: return emit_port<true>(insn, context);
    default: return false;
    }
}

} // namespace r86

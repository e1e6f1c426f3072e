/// Debug and test registers: SDM Vol. 2, "MOV - Move to/from Debug Registers"; SDM Vol. 3, 17.2; i486 Processor
/// Programmer's Reference Manual (order number 240486), 10.6 "Test Registers".
#include "cpu/cpu.h"
#include "cpu/interrupts/debug.h"
#include "cpu/semantics.h"

namespace r86 {

void Cpu::write_dr(unsigned n, u32 value) {
    switch (n) {
    case 6: s.dr[6] = (value & 0xE00F) | 0xFFFF0FF0; return; // B0-B3, BD, BS, BT
    case 7: s.dr[7] = (value & 0xFFFF23FF) | 0x400; break;
    default: s.dr[n & 3] = value; break;
    }
    mmu_->breakpoints_changed();
    update_mode();
}

namespace exec {

Fault mov_dr(Cpu& cpu, const Insn& insn) {
    const bool to_debug = insn.op[0].kind == OperandKind::Debug;
    unsigned n = insn.op[to_debug ? 0 : 1].reg;
    const unsigned reg = insn.op[to_debug ? 1 : 0].reg;
    if (n == 4 || n == 5) { // aliases of DR6 and DR7 unless CR4.DE (SDM Vol. 3, 17.2.2)
        if (cpu.s.cr4 & kCR4_DE) return Fault::ud();
        n += 2;
    }
    if (n > 7) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    if (cpu.s.dr[7] & kDR7_GD) {
        // General detect is a fault: its handler finds RF set (SDM Vol. 3, 17.3.1.3).
        cpu.s.dr[6] |= kDR6_BD;
        cpu.s.eflags |= kRF;
        return Fault::plain(Vector::DB);
    }
    if (to_debug)
        cpu.write_dr(n, cpu.gpr<u32>(reg));
    else
        cpu.set_gpr<u32>(reg, static_cast<u32>(cpu.s.dr[n]));
    return Fault::none();
}

Fault mov_tr(Cpu& cpu, const Insn& insn) {
    // TR3-TR7 exist up to the 486; the cache and TLB behind them are not modelled, they only hold values.
    const bool to_test = insn.op[0].kind == OperandKind::Test;
    const unsigned n = insn.op[to_test ? 0 : 1].reg;
    const unsigned reg = insn.op[to_test ? 1 : 0].reg;
    if (((cpu.model.signature >> 8) & 15) > 4 || n < 3 || n > 7) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    if (to_test)
        cpu.s.test[n] = cpu.gpr<u32>(reg);
    else
        cpu.set_gpr<u32>(reg, cpu.s.test[n]);
    return Fault::none();
}

} // namespace exec
} // namespace r86

/// Descriptor-table registers: SDM Vol. 2, LGDT/LIDT, SGDT, SIDT.
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86::exec {

namespace {

Fault load_table(Cpu& cpu, const Insn& insn, DescriptorTable& table) {
    if (insn.op[0].kind != OperandKind::Mem) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    const u64 at = cpu.effective_address(insn);
    u16 limit = 0;
    u32 base = 0;
    if (Fault fault = cpu.read<u16>(insn.mem.seg, at, limit)) return fault;
    if (Fault fault = cpu.read<u32>(insn.mem.seg, at + 2, base)) return fault;
    table.limit = limit;
    table.base = insn.operand_size == 2 ? base & 0xFFFFFF : base;
    return Fault::none();
}

/// All 32 bits of the base are stored whatever the operand size, as every processor since the 386 does.
Fault store_table(Cpu& cpu, const Insn& insn, const DescriptorTable& table) {
    if (insn.op[0].kind != OperandKind::Mem) return Fault::ud();
    const u64 image = u64{table.limit} | (table.base & 0xFFFFFFFF) << 16;
    u8 bytes[6];
    for (unsigned i = 0; i < 6; ++i) bytes[i] = static_cast<u8>(image >> (8 * i));
    return cpu.write_bytes(insn.mem.seg, cpu.effective_address(insn), bytes, sizeof bytes);
}

} // namespace

Fault lgdt(Cpu& cpu, const Insn& insn) { return load_table(cpu, insn, cpu.s.gdtr); }
Fault lidt(Cpu& cpu, const Insn& insn) { return load_table(cpu, insn, cpu.s.idtr); }
Fault sgdt(Cpu& cpu, const Insn& insn) { return store_table(cpu, insn, cpu.s.gdtr); }
Fault sidt(Cpu& cpu, const Insn& insn) { return store_table(cpu, insn, cpu.s.idtr); }

} // namespace r86::exec

/// INT n, INT3, INTO, INT1: SDM Vol. 2, "INT n/INTO/INT3/INT1 - Call to Interrupt Procedure".
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86::exec {

Fault int_(Cpu& cpu, const Insn& insn) { return cpu.deliver(static_cast<u8>(insn.imm), EventKind::Software); }

Fault int3(Cpu& cpu, const Insn&) { return cpu.deliver(static_cast<u8>(Vector::BP), EventKind::SoftwareTrap); }

Fault into(Cpu& cpu, const Insn&) {
    if (!cpu.s.flags.of()) return Fault::none();
    return cpu.deliver(static_cast<u8>(Vector::OF), EventKind::SoftwareTrap);
}

/// INT1 is a debug exception of its own: one that waits behind MOV SS is reported with it.
Fault icebp(Cpu& cpu, const Insn&) {
    if (Fault fault = cpu.deliver(static_cast<u8>(Vector::DB), EventKind::Icebp)) return fault;
    cpu.s.dr[6] |= cpu.s.debug_pending;
    cpu.s.debug_pending = 0;
    return Fault::none();
}

} // namespace r86::exec

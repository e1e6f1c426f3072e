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

/// INT1 is a debug exception of its own. One that waits behind MOV SS is lost, and DR6 stays as it is (as Intel
/// processors do).
Fault icebp(Cpu& cpu, const Insn&) {
    cpu.s.debug_pending = 0;
    return cpu.deliver(static_cast<u8>(Vector::DB), EventKind::Icebp);
}

} // namespace r86::exec

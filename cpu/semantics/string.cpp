/// String instructions and port I/O: SDM Vol. 1, 7.3.9 "String Operations", 7.3.10 "I/O Instructions", chapter 19
/// "Input/Output". One iteration per call; a fault leaves the registers as the iterations before it left them, so that
/// the instruction goes on where it stopped. The status flags of repeated CMPS and SCAS change with the last iteration
/// only: whatever comes before it, fault, trap or interrupt, sees those from before the instruction (SDM Vol. 2, REP,
/// says it of faults; Intel processors show it for single-step traps as well).
#include "cpu/semantics/operands.h"

namespace r86::exec {

namespace {

u64 address_mask(const Insn& insn) {
    return insn.address_size == 2 ? 0xFFFF : insn.address_size == 4 ? 0xFFFFFFFF : ~u64{0};
}
u64 masked(const Cpu& cpu, const Insn& insn, unsigned reg) { return cpu.s.gpr[reg] & address_mask(insn); }

/// With 16-bit addresses the upper half of the register stays.
void set_masked(Cpu& cpu, const Insn& insn, unsigned reg, u64 value) {
    const u64 mask = insn.address_size == 2 ? 0xFFFF : ~u64{0};
    cpu.s.gpr[reg] = (cpu.s.gpr[reg] & ~mask) | (value & address_mask(insn));
}

/// SI or DI by one element in the direction of DF.
template <class T>
void advance(Cpu& cpu, const Insn& insn, unsigned reg) {
    const u64 step = (cpu.s.eflags & kDF) ? 0 - u64{sizeof(T)} : u64{sizeof(T)};
    set_masked(cpu, insn, reg, cpu.s.gpr[reg] + step);
}

/// Runs `element` (a generic lambda on the element type) under the repeat prefix. Either of F2 and F3 repeats; for
/// CMPS and SCAS (`compares`) F3 goes on while ZF = 1, F2 while ZF = 0.
template <class F>
Fault repeat(Cpu& cpu, const Insn& insn, bool compares, F element) {
    if (!(insn.prefixes & (kPrefixRep | kPrefixRepne))) return by_width(insn.op[0].width, element);
    CpuState& s = cpu.s;
    const u64 count = masked(cpu, insn, RCX);
    const auto flags_before = s.flags;
    s.end_repeat();
    if (count == 0) return Fault::none();
    if (Fault fault = by_width(insn.op[0].width, element)) {
        s.flags = flags_before;
        return fault;
    }
    set_masked(cpu, insn, RCX, count - 1);
    if (count == 1 || (compares && s.flags.zf() != insn.rep())) return Fault::none();
    s.flags = flags_before;
    s.next_rip = s.rip;
    s.continue_repeat(s.tick + 1);
    return Fault::none();
}

} // namespace

Fault movs(Cpu& cpu, const Insn& insn) {
    return repeat(cpu, insn, false, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.read<T>(insn.mem.seg, masked(cpu, insn, RSI), value)) return fault;
        if (Fault fault = cpu.write<T>(ES, masked(cpu, insn, RDI), value)) return fault;
        advance<T>(cpu, insn, RSI);
        advance<T>(cpu, insn, RDI);
        return Fault::none();
    });
}

Fault cmps(Cpu& cpu, const Insn& insn) {
    return repeat(cpu, insn, true, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T a, b;
        // Where both fault, Intel hardware reports the destination.
        if (Fault fault = cpu.read<T>(ES, masked(cpu, insn, RDI), b)) return fault;
        if (Fault fault = cpu.read<T>(insn.mem.seg, masked(cpu, insn, RSI), a)) return fault;
        cpu.s.flags = alu::sub(a, b).flags;
        advance<T>(cpu, insn, RSI);
        advance<T>(cpu, insn, RDI);
        return Fault::none();
    });
}

Fault scas(Cpu& cpu, const Insn& insn) {
    return repeat(cpu, insn, true, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.read<T>(ES, masked(cpu, insn, RDI), value)) return fault;
        cpu.s.flags = alu::sub(low_register<T>(cpu, RAX), value).flags;
        advance<T>(cpu, insn, RDI);
        return Fault::none();
    });
}

Fault lods(Cpu& cpu, const Insn& insn) {
    return repeat(cpu, insn, false, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.read<T>(insn.mem.seg, masked(cpu, insn, RSI), value)) return fault;
        set_low_register<T>(cpu, RAX, value);
        advance<T>(cpu, insn, RSI);
        return Fault::none();
    });
}

Fault stos(Cpu& cpu, const Insn& insn) {
    return repeat(cpu, insn, false, [&](auto zero) -> Fault {
        using T = decltype(zero);
        if (Fault fault = cpu.write<T>(ES, masked(cpu, insn, RDI), low_register<T>(cpu, RAX))) return fault;
        advance<T>(cpu, insn, RDI);
        return Fault::none();
    });
}

/// The destination is checked before the port is read: the device must not lose the value to a fault.
Fault ins(Cpu& cpu, const Insn& insn) {
    const u16 port = cpu.gpr<u16>(RDX);
    // Even where the count is zero.
    if (Fault fault = cpu.check_io_permission(port, insn.op[0].width)) return fault;
    return repeat(cpu, insn, false, [&](auto zero) -> Fault {
        using T = decltype(zero);
        const u64 offset = masked(cpu, insn, RDI);
        if (Fault fault = cpu.probe_write(ES, offset, sizeof(T))) return fault;
        const T value = static_cast<T>(cpu.port_read(port, sizeof(T)));
        if (Fault fault = cpu.write<T>(ES, offset, value)) return fault;
        advance<T>(cpu, insn, RDI);
        return Fault::none();
    });
}

Fault outs(Cpu& cpu, const Insn& insn) {
    const u16 port = cpu.gpr<u16>(RDX);
    // Even where the count is zero.
    if (Fault fault = cpu.check_io_permission(port, insn.op[0].width)) return fault;
    return repeat(cpu, insn, false, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.read<T>(insn.mem.seg, masked(cpu, insn, RSI), value)) return fault;
        advance<T>(cpu, insn, RSI);
        cpu.port_write(port, sizeof(T), value);
        return Fault::none();
    });
}

/// A port number is an immediate byte or DX.
static u16 port_number(const Cpu& cpu, const Operand& operand, const Insn& insn) {
    return operand.kind == OperandKind::Imm ? static_cast<u16>(insn.imm & 0xFF) : cpu.gpr<u16>(RDX);
}

Fault in(Cpu& cpu, const Insn& insn) {
    const u16 port = port_number(cpu, insn.op[1], insn);
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        if (Fault fault = cpu.check_io_permission(port, sizeof(T))) return fault;
        set_low_register<T>(cpu, RAX, static_cast<T>(cpu.port_read(port, sizeof(T))));
        return Fault::none();
    });
}

Fault out(Cpu& cpu, const Insn& insn) {
    const u16 port = port_number(cpu, insn.op[0], insn);
    return by_width(insn.op[1].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        if (Fault fault = cpu.check_io_permission(port, sizeof(T))) return fault;
        cpu.port_write(port, sizeof(T), low_register<T>(cpu, RAX));
        return Fault::none();
    });
}

} // namespace r86::exec

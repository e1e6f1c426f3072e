/// Data movement: SDM Vol. 1, 7.3.1 "Data Transfer Instructions", 7.3.14 "Flag Control Instructions", 7.3.17
/// "Miscellaneous Instructions".
#include "cpu/semantics/operands.h"

namespace r86::exec {

Fault mov(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.load<T>(insn, 1, value)) return fault;
        return cpu.store<T>(insn, 0, value);
    });
}

template <bool Signed>
static Fault extend(Cpu& cpu, const Insn& insn) {
    u64 wide = 0;
    Fault fault = by_width(insn.op[1].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault f = cpu.load<T>(insn, 1, value)) return f;
        wide = Signed ? static_cast<u64>(i64{as_signed(value)}) : value;
        return Fault::none();
    });
    if (fault) return fault;
    return by_width(insn.op[0].width, [&](auto zero) { return cpu.store(insn, 0, static_cast<decltype(zero)>(wide)); });
}
Fault movzx(Cpu& cpu, const Insn& insn) { return extend<false>(cpu, insn); }
Fault movsx(Cpu& cpu, const Insn& insn) { return extend<true>(cpu, insn); }
Fault movsxd(Cpu& cpu, const Insn& insn) { return extend<true>(cpu, insn); }

Fault movbe(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.load<T>(insn, 1, value)) return fault;
        return cpu.store<T>(insn, 0, alu::byte_swap(value));
    });
}

Fault xchg(Cpu& cpu, const Insn& insn) {
    // The memory operand may be written in either place.
    const unsigned memory = insn.op[1].kind == OperandKind::Mem ? 1 : 0;
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T a, b;
        if (Fault fault = cpu.load_for_write<T>(insn, memory, a)) return fault;
        if (Fault fault = cpu.load<T>(insn, 1 - memory, b)) return fault;
        if (Fault fault = cpu.store<T>(insn, memory, b)) return fault;
        return cpu.store<T>(insn, 1 - memory, a);
    });
}

Fault lea(Cpu& cpu, const Insn& insn) {
    const u64 offset = cpu.effective_address(insn);
    return by_width(insn.op[0].width,
                    [&](auto zero) { return cpu.store(insn, 0, static_cast<decltype(zero)>(offset)); });
}

/// The source is read, with all its faults, whatever the condition says.
Fault cmovcc(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T value;
        if (Fault fault = cpu.load<T>(insn, 1, value)) return fault;
        if (!condition(cpu.s.flags, insn.opcode & 15u)) value = cpu.gpr<T>(insn.op[0].reg);
        cpu.set_gpr<T>(insn.op[0].reg, value); // a 32-bit form clears the upper half either way
        return Fault::none();
    });
}

Fault setcc(Cpu& cpu, const Insn& insn) { return cpu.store<u8>(insn, 0, condition(cpu.s.flags, insn.opcode & 15u)); }

Fault xadd(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T destination, source;
        if (Fault fault = cpu.load_for_write<T>(insn, 0, destination)) return fault;
        if (Fault fault = cpu.load<T>(insn, 1, source)) return fault;
        const AluResult<T> sum = alu::add(destination, source);
        if (insn.op[0].kind == OperandKind::Mem) {
            if (Fault fault = cpu.store<T>(insn, 0, sum.value)) return fault;
        }
        (void)cpu.store<T>(insn, 1, destination);
        // Last, so that XADD of a register with itself leaves the sum.
        if (insn.op[0].kind != OperandKind::Mem) (void)cpu.store<T>(insn, 0, sum.value);
        cpu.s.flags = sum.flags;
        return Fault::none();
    });
}

/// The destination is always written, with its old value when the comparison fails (SDM Vol. 2, CMPXCHG).
Fault cmpxchg(Cpu& cpu, const Insn& insn) {
    return by_width(insn.op[0].width, [&](auto zero) -> Fault {
        using T = decltype(zero);
        T destination, source;
        if (Fault fault = cpu.load_for_write<T>(insn, 0, destination)) return fault;
        if (Fault fault = cpu.load<T>(insn, 1, source)) return fault;
        const AluResult<T> compared = alu::sub(low_register<T>(cpu, RAX), destination);
        const bool equal = compared.value == 0;
        if (equal || insn.op[0].kind == OperandKind::Mem) {
            if (Fault fault = cpu.store<T>(insn, 0, equal ? source : destination)) return fault;
        }
        if (!equal) set_low_register<T>(cpu, RAX, destination);
        cpu.s.flags = compared.flags;
        return Fault::none();
    });
}

Fault cmpxchg8b(Cpu& cpu, const Insn& insn) {
    if (insn.op[0].kind != OperandKind::Mem) return Fault::ud();
    const u64 offset = cpu.effective_address(insn);
    const u64 expected = u64{cpu.gpr<u32>(RDX)} << 32 | cpu.gpr<u32>(RAX);
    u64 value;
    if (Fault fault = cpu.read_for_write<u64>(insn.mem.seg, offset, value)) return fault;
    const bool equal = value == expected;
    const u64 written = equal ? u64{cpu.gpr<u32>(RCX)} << 32 | cpu.gpr<u32>(RBX) : value;
    if (Fault fault = cpu.write<u64>(insn.mem.seg, offset, written)) return fault;
    if (!equal) {
        cpu.set_gpr<u32>(RAX, static_cast<u32>(value));
        cpu.set_gpr<u32>(RDX, static_cast<u32>(value >> 32));
    }
    cpu.s.flags.set_zf(equal);
    return Fault::none();
}

Fault cbw(Cpu& cpu, const Insn& insn) {
    const u64 rax = cpu.s.gpr[RAX];
    switch (insn.operand_size) {
    case 2: cpu.set_gpr<u16>(RAX, static_cast<u16>(static_cast<i8>(rax))); break;
    case 4: cpu.set_gpr<u32>(RAX, static_cast<u32>(static_cast<i16>(rax))); break;
    default: cpu.set_gpr<u64>(RAX, static_cast<u64>(static_cast<i32>(rax))); break;
    }
    return Fault::none();
}

Fault cwd(Cpu& cpu, const Insn& insn) {
    return by_width(insn.operand_size, [&](auto zero) {
        using T = decltype(zero);
        set_low_register<T>(cpu, RDX, msb(low_register<T>(cpu, RAX)) ? static_cast<T>(~T{0}) : T{0});
        return Fault::none();
    });
}

Fault lahf(Cpu& cpu, const Insn&) {
    const u64 image = (cpu.s.flags.get() & 0xFF) | 2;
    cpu.s.gpr[RAX] = (cpu.s.gpr[RAX] & ~u64{0xFF00}) | image << 8;
    return Fault::none();
}
Fault sahf(Cpu& cpu, const Insn&) {
    cpu.s.flags.set((static_cast<u32>(cpu.s.gpr[RAX] >> 8) & 0xFF) | (cpu.s.flags.of() ? kOF : 0));
    return Fault::none();
}
Fault clc(Cpu& cpu, const Insn&) {
    cpu.s.flags.set_cf(false);
    return Fault::none();
}
Fault stc(Cpu& cpu, const Insn&) {
    cpu.s.flags.set_cf(true);
    return Fault::none();
}
Fault cmc(Cpu& cpu, const Insn&) {
    cpu.s.flags.set_cf(!cpu.s.flags.cf());
    return Fault::none();
}
Fault cld(Cpu& cpu, const Insn&) {
    cpu.s.eflags &= ~kDF;
    return Fault::none();
}
Fault std_(Cpu& cpu, const Insn&) {
    cpu.s.eflags |= kDF;
    return Fault::none();
}

/// D6: AL = CF ? FFH : 0. Undocumented until the SDM of 2017 at least, on every processor.
Fault salc(Cpu& cpu, const Insn&) {
    set_low_register<u8>(cpu, RAX, cpu.s.flags.cf() ? 0xFF : 0);
    return Fault::none();
}

Fault xlat(Cpu& cpu, const Insn& insn) {
    u64 offset = cpu.s.gpr[RBX] + (cpu.s.gpr[RAX] & 0xFF);
    if (insn.address_size < 8) offset &= insn.address_size == 2 ? 0xFFFF : 0xFFFFFFFF;
    u8 value;
    if (Fault fault = cpu.read<u8>(insn.mem.seg, offset, value)) return fault;
    set_low_register<u8>(cpu, RAX, value);
    return Fault::none();
}

/// NOP, PAUSE, prefetches, hint NOPs: a memory operand is not touched.
Fault nop(Cpu&, const Insn&) { return Fault::none(); }

/// Both bounds are signed and inclusive. Intel's processors compare with the lower one before they read the upper.
Fault bound(Cpu& cpu, const Insn& insn) {
    return by_width(insn.operand_size, [&](auto zero) -> Fault {
        using T = decltype(zero);
        const u64 offset = cpu.effective_address(insn);
        T low, high;
        const auto index = as_signed(cpu.gpr<T>(insn.op[0].reg));
        if (Fault fault = cpu.read<T>(insn.mem.seg, offset, low)) return fault;
        if (index < as_signed(low)) return Fault::plain(Vector::BR);
        const u64 next = (offset + sizeof(T)) & (insn.address_size == 2 ? 0xFFFF : 0xFFFFFFFF);
        if (Fault fault = cpu.read<T>(insn.mem.seg, next, high)) return fault;
        return index > as_signed(high) ? Fault::plain(Vector::BR) : Fault::none();
    });
}

Fault ud(Cpu&, const Insn&) { return Fault::ud(); }

} // namespace r86::exec

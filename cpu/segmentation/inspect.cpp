/// Instructions that look at a selector without loading it: SDM Vol. 2, LAR, LSL, VERR/VERW, ARPL.
#include "cpu/segmentation/segmentation.h"
#include "cpu/semantics.h"

namespace r86::exec {

namespace {

/// Null, outside its table, or out of reach for CPL and RPL: the selector is "not visible" and ZF becomes 0.
Fault look(Cpu& cpu, u16 selector, Descriptor& descriptor, bool& visible) {
    visible = false;
    if (is_null(selector)) return Fault::none();
    bool inside = false;
    if (Fault fault = read_descriptor(cpu, selector, descriptor, inside)) return fault;
    visible =
        inside && (descriptor.conforming() || (cpu.cpl() <= descriptor.dpl() && rpl(selector) <= descriptor.dpl()));
    return Fault::none();
}

constexpr u32 type_set(std::initializer_list<SystemType> types) {
    u32 set = 0;
    for (SystemType type : types) set |= u32{1} << type;
    return set;
}

// SDM Vol. 2, tables "Segment and Gate Types" of LAR and LSL.
constexpr u32 kLarTypes =
    type_set({kTss16Available, kLdt, kTss16Busy, kCallGate16, kTaskGate, kTss32Available, kTss32Busy, kCallGate32});
constexpr u32 kLslTypes = type_set({kTss16Available, kLdt, kTss16Busy, kTss32Available, kTss32Busy});

Fault inspect(Cpu& cpu, const Insn& insn, u32 system_types, u32 (*result)(const Descriptor&)) {
    if (cpu.real_or_v86()) return Fault::ud();
    u16 selector = 0;
    if (Fault fault = cpu.load<u16>(insn, 1, selector)) return fault;
    Descriptor descriptor;
    bool visible = false;
    if (Fault fault = look(cpu, selector, descriptor, visible)) return fault;
    visible = visible && (descriptor.s() || ((system_types >> descriptor.type()) & 1));
    if (visible) {
        const u32 value = result(descriptor);
        if (insn.operand_size == 2)
            cpu.set_gpr<u16>(insn.op[0].reg, static_cast<u16>(value));
        else
            cpu.set_gpr<u32>(insn.op[0].reg, value);
    }
    cpu.s.flags.set_zf(visible);
    return Fault::none();
}

Fault verify(Cpu& cpu, const Insn& insn, bool (Descriptor::*wanted)() const) {
    if (cpu.real_or_v86()) return Fault::ud();
    u16 selector = 0;
    if (Fault fault = cpu.load<u16>(insn, 0, selector)) return fault;
    Descriptor descriptor;
    bool visible = false;
    if (Fault fault = look(cpu, selector, descriptor, visible)) return fault;
    cpu.s.flags.set_zf(visible && (descriptor.*wanted)());
    return Fault::none();
}

} // namespace

Fault lar(Cpu& cpu, const Insn& insn) {
    return inspect(cpu, insn, kLarTypes, [](const Descriptor& d) { return d.high & 0x00FFFF00u; });
}

Fault lsl(Cpu& cpu, const Insn& insn) {
    return inspect(cpu, insn, kLslTypes, [](const Descriptor& d) { return d.limit(); });
}

Fault verr(Cpu& cpu, const Insn& insn) { return verify(cpu, insn, &Descriptor::readable); }
Fault verw(Cpu& cpu, const Insn& insn) { return verify(cpu, insn, &Descriptor::writable_data); }

Fault arpl(Cpu& cpu, const Insn& insn) {
    if (cpu.real_or_v86()) return Fault::ud();
    u16 target = 0, source = 0;
    if (Fault fault = cpu.load<u16>(insn, 1, source)) return fault;
    if (Fault fault = cpu.load<u16>(insn, 0, target)) return fault;
    const bool adjust = rpl(target) < rpl(source);
    if (adjust)
        if (Fault fault = cpu.store<u16>(insn, 0, with_rpl(target, rpl(source)))) return fault;
    cpu.s.flags.set_zf(adjust);
    return Fault::none();
}

} // namespace r86::exec

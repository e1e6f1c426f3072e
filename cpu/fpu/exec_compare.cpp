/// x87 instructions that compare and classify: FCOM, FUCOM, FICOM, FCOMI, FTST, FXAM and FCMOVcc. SDM Vol. 2, by name.
/// Even where an unmasked exception stops the pop, the condition codes are set, as the hardware does.
#include "cpu/fpu/arithmetic.h"
#include "cpu/fpu/convert.h"
#include "cpu/fpu/x87.h"
#include "cpu/semantics.h"

namespace r86::exec {

using namespace fpu;

namespace {

constexpr u16 kConditions = kC0 | kC2 | kC3;

void set_condition(X87State& x, fpu::Relation relation) {
    static constexpr u16 codes[] = {kC0, kC3, 0, kC0 | kC2 | kC3};
    x.status = static_cast<u16>((x.status & ~kConditions) | codes[static_cast<unsigned>(relation)]);
}

void pop_times(X87State& x, unsigned pops) {
    while (pops-- != 0) pop_st(x);
}

/// ST(0) against a value; `present`: neither is an empty register.
void compare_with(Cpu& cpu, FpuContext& c, bool present, Float80 source, bool quiet, unsigned pops) {
    X87State& x = cpu.s.x87;
    if (!present) {
        set_condition(x, fpu::Relation::Unordered);
        if (stack_fault(cpu, false)) pop_times(x, pops);
        return;
    }
    set_condition(x, fpu::compare(c, st(x, 0), source, quiet));
    if (!c.stopped()) pop_times(x, pops);
    commit_flags(cpu, c);
}

/// D8, DC with memory, any opcode with a register.
Fault compare_instruction(Cpu& cpu, const Insn& insn, bool quiet, unsigned pops) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    FpuContext c = context(x);
    if (!is_memory(insn)) {
        note_instruction(cpu, insn);
        const unsigned i = insn.modrm & 7;
        compare_with(cpu, c, !empty(x, 0) && !empty(x, i), st(x, i), quiet, pops);
        return fault;
    }
    const u64 offset = cpu.effective_address(insn);
    Float80 source;
    if (insn.opcode & 4) {
        u64 value = 0;
        if (fault = cpu.read<u64>(insn.mem.seg, offset, value); fault) return fault;
        source = widen_operand(c, value);
    } else {
        u32 value = 0;
        if (fault = cpu.read<u32>(insn.mem.seg, offset, value); fault) return fault;
        source = widen_operand(c, value);
    }
    note_instruction(cpu, insn);
    note_operand(cpu, insn, offset);
    compare_with(cpu, c, !empty(x, 0), source, quiet, pops);
    return fault;
}

/// DA: 32-bit, DE: 16-bit integer in memory.
Fault compare_integer(Cpu& cpu, const Insn& insn, unsigned pops) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    const u64 offset = cpu.effective_address(insn);
    i64 value = 0;
    if (insn.opcode & 4) {
        u16 word = 0;
        if (fault = cpu.read<u16>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i16>(word);
    } else {
        u32 word = 0;
        if (fault = cpu.read<u32>(insn.mem.seg, offset, word); fault) return fault;
        value = static_cast<i32>(word);
    }
    note_instruction(cpu, insn);
    note_operand(cpu, insn, offset);
    FpuContext c = context(cpu.s.x87);
    compare_with(cpu, c, !empty(cpu.s.x87, 0), from_integer(value), false, pops);
    return fault;
}

/// FCOMI and relatives: ZF, PF, CF; OF, SF and AF become zero. C1 only changes by a stack fault.
Fault compare_flags(Cpu& cpu, const Insn& insn, bool quiet, bool pops) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    const unsigned i = insn.modrm & 7;
    fpu::Relation relation = fpu::Relation::Unordered;
    bool go_on;
    if (empty(x, 0) || empty(x, i)) {
        go_on = stack_fault(cpu, false);
    } else {
        FpuContext c = context(x);
        relation = fpu::compare(c, st(x, 0), st(x, i), quiet);
        go_on = !c.stopped();
        x.status |= c.flags;
        if (c.unmasked()) update_summary(cpu);
    }
    static constexpr u32 codes[] = {kCF, kZF, 0, kZF | kPF | kCF};
    cpu.s.flags.set(codes[static_cast<unsigned>(relation)]);
    if (go_on && pops) pop_st(x);
    return fault;
}

} // namespace

Fault fcom(Cpu& cpu, const Insn& insn) { return compare_instruction(cpu, insn, false, 0); }
Fault fcomp(Cpu& cpu, const Insn& insn) { return compare_instruction(cpu, insn, false, 1); }
Fault fcompp(Cpu& cpu, const Insn& insn) { return compare_instruction(cpu, insn, false, 2); }
Fault fucom(Cpu& cpu, const Insn& insn) { return compare_instruction(cpu, insn, true, 0); }
Fault fucomp(Cpu& cpu, const Insn& insn) { return compare_instruction(cpu, insn, true, 1); }
Fault fucompp(Cpu& cpu, const Insn& insn) { return compare_instruction(cpu, insn, true, 2); }
Fault ficom(Cpu& cpu, const Insn& insn) { return compare_integer(cpu, insn, 0); }
Fault ficomp(Cpu& cpu, const Insn& insn) { return compare_integer(cpu, insn, 1); }
Fault fcomi(Cpu& cpu, const Insn& insn) { return compare_flags(cpu, insn, false, false); }
Fault fcomip(Cpu& cpu, const Insn& insn) { return compare_flags(cpu, insn, false, true); }
Fault fucomi(Cpu& cpu, const Insn& insn) { return compare_flags(cpu, insn, true, false); }
Fault fucomip(Cpu& cpu, const Insn& insn) { return compare_flags(cpu, insn, true, true); }

Fault ftst(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    FpuContext c = context(cpu.s.x87);
    compare_with(cpu, c, !empty(cpu.s.x87, 0), zero80(false), false, 0);
    return fault;
}

Fault fxam(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    const Float80 value = st(x, 0);
    u16 code = sign_of(value) ? kC1 : 0; // also of an empty register
    if (empty(x, 0)) {
        code |= kC3 | kC0;
    } else {
        switch (classify(value)) {
        case Class::Zero: code |= kC3; break;
        case Class::Denormal: code |= kC3 | kC2; break;
        case Class::Normal: code |= kC2; break;
        case Class::Infinity: code |= kC2 | kC0; break;
        case Class::Quiet:
        case Class::Signaling: code |= kC0; break;
        case Class::Unsupported: break;
        }
    }
    x.status = static_cast<u16>((x.status & ~(kConditions | kC1)) | code);
    return fault;
}

/// DA: B, E, BE, U; DB: their opposites. An empty register is a fault whatever the condition; C1 otherwise stays.
Fault fcmovcc(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    const unsigned i = insn.modrm & 7;
    if (empty(x, 0) || empty(x, i)) {
        if (stack_fault(cpu, false)) set_st(x, 0, kIndefinite);
        return fault;
    }
    const LazyFlags& flags = cpu.s.flags;
    bool holds = false;
    switch (insn.modrm_reg() & 3) {
    case 0: holds = flags.cf(); break;
    case 1: holds = flags.zf(); break;
    case 2: holds = flags.cf() || flags.zf(); break;
    default: holds = flags.pf(); break;
    }
    if (holds != ((insn.opcode & 1) != 0)) set_st(x, 0, st(x, i));
    return fault;
}

} // namespace r86::exec

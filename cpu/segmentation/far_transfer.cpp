/// Far JMP and CALL in every mode: SDM Vol. 2, CALL and JMP, "Operation"; SDM Vol. 3, 5.8 "Privilege Level Checking
/// When Transferring Program Control Between Code Segments".
#include "cpu/segmentation/descriptor_memo.h"
#include "cpu/semantics.h"
#include <array>

namespace r86 {

namespace {

enum class Transfer : u8 { Jump, Call };

struct FarTarget {
    u16 selector = 0;
    u32 offset = 0;
};

Fault far_operand(Cpu& cpu, const Insn& insn, FarTarget& out) {
    const u8 size = insn.operand_size;
    if (insn.op[0].kind == OperandKind::FarPtr) {
        out.offset = static_cast<u32>(insn.imm);
        out.selector = static_cast<u16>(insn.imm2);
    } else if (insn.op[0].kind == OperandKind::Mem) {
        const u64 at = cpu.effective_address(insn);
        if (size == 2) {
            u16 low = 0;
            if (Fault fault = cpu.read<u16>(insn.mem.seg, at, low)) return fault;
            out.offset = low;
        } else if (Fault fault = cpu.read<u32>(insn.mem.seg, at, out.offset)) {
            return fault;
        }
        if (Fault fault = cpu.read<u16>(insn.mem.seg, at + size, out.selector)) return fault;
    } else {
        return Fault::ud(); // a register form
    }
    if (size == 2) out.offset &= 0xFFFF;
    return Fault::none();
}

/// Return address pushes on the current stack, in items of `size`, before CS changes. As for any operand, the limit
/// comes before the alignment and that before the page.
Fault probe_return_address(Cpu& cpu, unsigned size) {
    const Segment& stack = cpu.s.seg[SS];
    for (unsigned i = 1; i <= 2; ++i) { // CS with all its checks, then the offset
        const u32 at = (cpu.stack_pointer() - i * size) & cpu.stack_mask();
        const u64 linear = (stack.base + at) & 0xFFFFFFFF;
        if (stack.null && !cpu.real_or_v86()) return Fault::ss(0);
        if (!within_limit(stack, at, size)) return Fault::ss(0);
        if ((linear & (size - 1)) && cpu.alignment_checked()) return Fault::ac();
        if (Fault fault = cpu.probe_linear({linear}, size, Access::Write, cpu.cpl() == 3)) return fault;
    }
    return Fault::none();
}

void push_return_address(Cpu& cpu, unsigned size) {
    const u16 selector = cpu.s.seg[CS].selector;
    const u32 offset = static_cast<u32>(cpu.s.next_rip);
    push_probed(cpu, size, selector);
    push_probed(cpu, size, offset);
}

Fault transfer_real(Cpu& cpu, const FarTarget& target, Transfer kind, unsigned size) {
    if (kind == Transfer::Call)
        if (Fault fault = probe_return_address(cpu, size)) return fault;
    if (target.offset > cpu.s.seg[CS].limit) return Fault::gp(0);
    if (kind == Transfer::Call) push_return_address(cpu, size);
    cpu.load_segment_real(CS, target.selector);
    cpu.s.next_rip = target.offset;
    return Fault::none();
}

/// Same privilege level: directly to a code segment, or through a call gate that leads to no inner level.
Fault enter_code(Cpu& cpu, u16 selector, const Descriptor& code, u32 offset, Transfer kind, unsigned size) {
    if (kind == Transfer::Call)
        if (Fault fault = probe_return_address(cpu, size)) return fault;
    if (offset > code.limit()) return Fault::gp(0);
    if (Fault fault = set_accessed(cpu, selector, code)) return fault;
    if (kind == Transfer::Call) push_return_address(cpu, size);
    cpu.s.seg[CS] = code.segment(with_rpl(selector, cpu.cpl()));
    cpu.s.next_rip = offset;
    cpu.segment_changed(CS);
    return Fault::none();
}

Fault transfer_to_code(Cpu& cpu, const FarTarget& target, const Descriptor& code, Transfer kind, unsigned size) {
    const bool allowed =
        code.conforming() ? code.dpl() <= cpu.cpl() : rpl(target.selector) <= cpu.cpl() && code.dpl() == cpu.cpl();
    if (!allowed) return selector_fault(cpu, Vector::GP, target.selector);
    if (!code.p()) return selector_fault(cpu, Vector::NP, target.selector);
    return enter_code(cpu, target.selector, code, target.offset, kind, size);
}

/// CALL through a gate to an inner level: stack switch with parameter copy (SDM Vol. 3, 5.8.5).
Fault call_inner(Cpu& cpu, const Descriptor& gate, u16 selector, const Descriptor& code) {
    const u8 level = code.dpl();
    const unsigned size = gate.gate32() ? 4 : 2;
    const unsigned parameters = gate.gate_parameters();
    InnerStack inner;
    if (Fault fault = find_inner_stack(cpu, level, inner)) return fault;
    const Fault no_room = selector_fault(cpu, Vector::SS, inner.ss.selector);
    if (Fault fault = probe_pushes(cpu, inner.ss, inner.esp, size, 4 + parameters, false, no_room)) return fault;
    if (gate.gate_offset() > code.limit()) return Fault::gp(0);
    std::array<u32, 31> copied{};
    for (unsigned i = 0; i < parameters; ++i)
        if (Fault fault = peek(cpu, i * size, size, copied[i])) return fault;
    if (Fault fault = set_accessed(cpu, selector, code)) return fault;

    const u16 old_ss = cpu.s.seg[SS].selector, old_cs = cpu.s.seg[CS].selector;
    const u32 old_esp = static_cast<u32>(cpu.s.gpr[RSP]), old_eip = static_cast<u32>(cpu.s.next_rip);
    cpu.s.seg[SS] = inner.ss;
    cpu.s.seg[CS] = code.segment(with_rpl(selector, level));
    cpu.update_mode();
    cpu.set_stack_pointer(inner.esp);
    push_probed(cpu, size, old_ss);
    push_probed(cpu, size, old_esp);
    for (unsigned i = parameters; i-- > 0;) push_probed(cpu, size, copied[i]);
    push_probed(cpu, size, old_cs);
    push_probed(cpu, size, old_eip);
    cpu.s.next_rip = gate.gate_offset();
    return Fault::none();
}

Fault transfer_through_call_gate(Cpu& cpu, const Descriptor& gate, Transfer kind) {
    const u16 selector = gate.gate_selector();
    if (is_null(selector)) return Fault::gp(0);
    Descriptor code;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, code)) return fault;
    const u8 cpl = cpu.cpl();
    const bool inner = kind == Transfer::Call && !code.conforming() && code.dpl() < cpl;
    const bool level_ok = inner || (code.conforming() ? code.dpl() <= cpl : code.dpl() == cpl);
    if (!code.code() || !level_ok) return selector_fault(cpu, Vector::GP, selector);
    if (!code.p()) return selector_fault(cpu, Vector::NP, selector);
    if (inner) return call_inner(cpu, gate, selector, code);
    return enter_code(cpu, selector, code, gate.gate_offset(), kind, gate.gate32() ? 4 : 2);
}

Fault transfer_to_task(Cpu& cpu, u16 selector, const Descriptor& descriptor, Transfer kind) {
    TaskSwitchRequest request;
    request.kind = kind == Transfer::Call ? TaskSwitch::Call : TaskSwitch::Jump;
    request.return_offset = static_cast<u32>(cpu.s.next_rip);
    request.saved_flags = cpu.eflags();
    if (descriptor.system(kTaskGate)) return switch_through_gate(cpu, descriptor.gate_selector(), request);
    request.selector = selector;
    request.descriptor = descriptor;
    return switch_task(cpu, request);
}

Fault transfer_protected(Cpu& cpu, const FarTarget& target, Transfer kind, unsigned size) {
    if (is_null(target.selector)) return Fault::gp(0);
    if (rpl(target.selector) <= cpu.cpl() && cpu.run_state.short_ways) {
        const LoadedDescriptor* code = reach_descriptor(cpu, target.selector);
        if (code && code->code_level == cpu.cpl() && target.offset <= code->limit) {
            if (kind == Transfer::Call) {
                if (u8* to = reach_pushes(cpu, size, 2)) {
                    const u64 both = cpu.s.next_rip | u64{cpu.s.seg[CS].selector} << 32;
                    const u32 narrow = (both & 0xFFFF) | u32{cpu.s.seg[CS].selector} << 16;
                    if (size == 4)
                        std::memcpy(to, &both, 8);
                    else
                        std::memcpy(to, &narrow, 4);
                    cpu.set_stack_pointer(cpu.stack_pointer() - 2 * size);
                } else {
                    if (Fault fault = probe_return_address(cpu, size)) return fault;
                    push_return_address(cpu, size);
                }
            }
            put_code_segment(cpu, with_rpl(target.selector, cpu.cpl()), *code);
            cpu.s.next_rip = target.offset;
            return Fault::none();
        }
    }
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, target.selector, Vector::GP, descriptor)) return fault;
    const auto refuse = [&](Vector vector) { return selector_fault(cpu, vector, target.selector); };
    if (descriptor.s()) {
        if (!descriptor.code()) return refuse(Vector::GP);
        return transfer_to_code(cpu, target, descriptor, kind, size);
    }
    // Gates and task state segments: DPL against CPL and the selector's RPL, then presence.
    const bool call_gate = descriptor.system(kCallGate16) || descriptor.system(kCallGate32);
    const bool task_gate = descriptor.system(kTaskGate);
    if (!call_gate && !task_gate && !descriptor.available_tss()) return refuse(Vector::GP);
    if (descriptor.dpl() < cpu.cpl() || descriptor.dpl() < rpl(target.selector)) return refuse(Vector::GP);
    if (!call_gate && !task_gate && is_local(target.selector)) return refuse(Vector::GP);
    if (!descriptor.p()) return refuse(Vector::NP);
    if (call_gate) return transfer_through_call_gate(cpu, descriptor, kind);
    return transfer_to_task(cpu, target.selector, descriptor, kind);
}

Fault transfer(Cpu& cpu, const Insn& insn, Transfer kind) {
    FarTarget target;
    if (Fault fault = far_operand(cpu, insn, target)) return fault;
    const unsigned size = insn.operand_size == 2 ? 2 : 4;
    return cpu.real_or_v86() ? transfer_real(cpu, target, kind, size) : transfer_protected(cpu, target, kind, size);
}

} // namespace

namespace exec {
Fault call_far(Cpu& cpu, const Insn& insn) { return transfer(cpu, insn, Transfer::Call); }
Fault jmp_far(Cpu& cpu, const Insn& insn) { return transfer(cpu, insn, Transfer::Jump); }
} // namespace exec

} // namespace r86

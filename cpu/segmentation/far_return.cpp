/// Far RET in every mode: SDM Vol. 2, RET, "Operation"; SDM Vol. 3, 5.8.6 "Returning from a Called Procedure".
#include "cpu/segmentation/descriptor_memo.h"
#include "cpu/semantics.h"

namespace r86::exec {

namespace {

Fault return_outer(Cpu& cpu, unsigned size, u32 release, const Segment& code, u32 offset) {
    const u8 level = rpl(code.selector);
    u32 esp = 0, ss_image = 0;
    if (Fault fault = peek(cpu, 2 * size + release, size, esp)) return fault;
    if (Fault fault = peek(cpu, 3 * size + release, size, ss_image)) return fault;
    Segment stack;
    if (Fault fault = check_return_stack(cpu, static_cast<u16>(ss_image), level, stack)) return fault;
    if (offset > code.limit) return Fault::gp(0);

    cpu.s.seg[CS] = code;
    cpu.s.seg[SS] = stack;
    drop_inner_segments(cpu, level);
    cpu.update_mode();
    cpu.set_stack_pointer(esp + release); // a 16-bit stack keeps the upper half of ESP
    cpu.s.next_rip = offset;
    return Fault::none();
}

} // namespace

Fault ret_far(Cpu& cpu, const Insn& insn) {
    const unsigned size = insn.operand_size == 2 ? 2 : 4;
    const u32 release = insn.op[0].kind == OperandKind::Imm ? static_cast<u16>(insn.imm) : 0;
    u32 offset = 0, cs_image = 0;
    const u8* from = cpu.run_state.short_ways ? reach_pops(cpu, size, 2) : nullptr;
    if (from) {
        if (size == 4) {
            std::memcpy(&offset, from, 4);
            std::memcpy(&cs_image, from + 4, 2);
        } else {
            std::memcpy(&offset, from, 2);
            std::memcpy(&cs_image, from + 2, 2);
        }
    } else {
        // Intel's processors read the selector first, which a page fault shows in CR2, and two bytes of it alone.
        if (Fault fault = peek(cpu, size, 2, cs_image)) return fault;
        if (Fault fault = peek(cpu, 0, size, offset)) return fault;
    }
    const auto selector = static_cast<u16>(cs_image);
    const u32 new_sp = cpu.stack_pointer() + 2 * size + release;
    if (cpu.real_or_v86()) {
        if (offset > cpu.s.seg[CS].limit) return Fault::gp(0);
        cpu.set_stack_pointer(new_sp);
        cpu.load_segment_real(CS, selector);
        cpu.s.next_rip = offset;
        return Fault::none();
    }
    if (rpl(selector) == cpu.cpl() && !is_null(selector) && cpu.run_state.short_ways) {
        const LoadedDescriptor* target = reach_descriptor(cpu, selector);
        if (target && target->code_level == cpu.cpl() && offset <= target->limit) {
            put_code_segment(cpu, selector, *target);
            cpu.set_stack_pointer(new_sp);
            cpu.s.next_rip = offset;
            return Fault::none();
        }
    }
    Segment code;
    if (Fault fault = check_return_code(cpu, selector, code)) return fault;
    if (rpl(selector) > cpu.cpl()) return return_outer(cpu, size, release, code, offset);
    if (offset > code.limit) return Fault::gp(0);
    cpu.s.seg[CS] = code;
    cpu.set_stack_pointer(new_sp);
    cpu.s.next_rip = offset;
    cpu.segment_changed(CS);
    return Fault::none();
}

} // namespace r86::exec

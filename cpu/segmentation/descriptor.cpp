/// Descriptor tables and the stack helpers of far transfers: SDM Vol. 3, 3.5 and 5.8.5.
#include "cpu/segmentation/segmentation.h"

namespace r86 {

Fault probe_pushes(Cpu& cpu, const Segment& stack, u32 sp, unsigned size, unsigned count, bool user, Fault no_room) {
    if (stack.null && !cpu.real_or_v86()) return no_room;
    const u32 mask = stack.db() ? 0xFFFFFFFF : 0xFFFF;
    const u32 bytes = size * count;
    const u32 first = (sp - bytes) & mask;
    if (u64{first} + bytes - 1 <= mask) {
        if (!within_limit(stack, first, bytes)) return no_room;
        // What is pushed first faults first.
        const u64 top = (stack.base + ((sp - size) & mask)) & 0xFFFFFFFF;
        if (Fault fault = cpu.probe_linear({top}, size, Access::Write, user)) return fault;
        if ((top & kPageMask) >= bytes) return Fault::none();
    }
    // The pushes leave the page, or run around the end of the stack's address range: item by item.
    for (unsigned i = 1; i <= count; ++i) {
        const u32 at = (sp - i * size) & mask;
        if (!within_limit(stack, at, size)) return no_room;
        if (Fault fault = cpu.probe_linear({(stack.base + at) & 0xFFFFFFFF}, size, Access::Write, user)) return fault;
    }
    return Fault::none();
}

void push_probed(Cpu& cpu, unsigned size, u32 value) {
    const u32 sp = (cpu.stack_pointer() - size) & cpu.stack_mask();
    const u64 linear = cpu.s.seg[SS].base + sp;
    if (size == 2)
        write_probed<u16>(cpu, linear, static_cast<u16>(value));
    else
        write_probed<u32>(cpu, linear, value);
    cpu.set_stack_pointer(sp);
}

Fault peek(Cpu& cpu, u32 displacement, unsigned size, u32& out) {
    const u32 at = (cpu.stack_pointer() + displacement) & cpu.stack_mask();
    if (size == 4) return cpu.read<u32>(SS, at, out);
    u16 word = 0;
    Fault fault = cpu.read<u16>(SS, at, word);
    out = word;
    return fault;
}

Fault find_inner_stack(Cpu& cpu, u8 dpl, InnerStack& out) {
    const Segment& tr = cpu.s.tr;
    u16 selector = 0;
    if (tr.type() & 8) { // 32-bit TSS: ESPn at 4 + 8n, SSn after it
        const u32 at = dpl * 8u + 4;
        if (tr.null || at + 5 > tr.limit) return selector_fault(cpu, Vector::TS, tr.selector);
        if (Fault fault = read_system<u32>(cpu, tr.base + at, out.esp)) return fault;
        if (Fault fault = read_system<u16>(cpu, tr.base + at + 4, selector)) return fault;
    } else { // 16-bit TSS: SPn at 2 + 4n
        const u32 at = dpl * 4u + 2;
        if (tr.null || at + 3 > tr.limit) return selector_fault(cpu, Vector::TS, tr.selector);
        u16 sp = 0;
        if (Fault fault = read_system<u16>(cpu, tr.base + at, sp)) return fault;
        if (Fault fault = read_system<u16>(cpu, tr.base + at + 2, selector)) return fault;
        out.esp = sp;
    }
    if (is_null(selector)) return selector_fault(cpu, Vector::TS, 0);
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::TS, descriptor)) return fault;
    if (rpl(selector) != dpl || descriptor.dpl() != dpl || !descriptor.writable_data())
        return selector_fault(cpu, Vector::TS, selector);
    if (!descriptor.p()) return selector_fault(cpu, Vector::SS, selector);
    out.ss = descriptor.segment(selector);
    return set_accessed(cpu, selector, descriptor);
}

} // namespace r86

/// Loading segment registers: SDM Vol. 2, MOV, POP, LDS/LES/LFS/LGS/LSS, LLDT, LTR; SDM Vol. 3, 5.5, 5.6, 20.1.1.
#include "cpu/segmentation/descriptor_memo.h"
#include "cpu/semantics.h"

namespace r86 {

Segment v86_segment(u16 selector) {
    Segment out;
    out.selector = selector;
    out.attributes = 0xF3; // present, DPL 3, read/write, accessed
    out.limit = 0xFFFF;
    out.base = u64{selector} << 4;
    return out;
}

void make_null(Segment& segment, u16 selector) {
    segment.selector = selector;
    segment.null = true;
}

void Cpu::load_segment_real(Seg seg, u16 selector) {
    Segment& segment = s.seg[seg];
    if (protected_mode()) {
        segment = v86_segment(selector);
    } else {
        segment.selector = selector;
        segment.base = u64{selector} << 4;
        segment.null = false;
    }
    segment_changed(seg);
}

namespace {

Fault check_stack_selector(Cpu& cpu, u16 selector, Descriptor& descriptor) {
    if (is_null(selector)) return Fault::gp(0);
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, descriptor)) return fault;
    if (rpl(selector) != cpu.cpl() || !descriptor.writable_data() || descriptor.dpl() != cpu.cpl())
        return selector_fault(cpu, Vector::GP, selector);
    return descriptor.p() ? Fault::none() : selector_fault(cpu, Vector::SS, selector);
}

Fault check_data_selector(Cpu& cpu, u16 selector, Descriptor& descriptor) {
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, descriptor)) return fault;
    if (!descriptor.readable()) return selector_fault(cpu, Vector::GP, selector);
    if (!descriptor.conforming() && (rpl(selector) > descriptor.dpl() || cpu.cpl() > descriptor.dpl()))
        return selector_fault(cpu, Vector::GP, selector);
    return descriptor.p() ? Fault::none() : selector_fault(cpu, Vector::NP, selector);
}

} // namespace

Fault load_segment(Cpu& cpu, Seg seg, u16 selector) {
    if (cpu.real_or_v86()) {
        cpu.load_segment_real(seg, selector);
        return Fault::none();
    }
    if (seg != SS && cpu.run_state.short_ways && load_data_segment(cpu, seg, selector)) return Fault::none();
    if (seg != SS && is_null(selector)) {
        make_null(cpu.s.seg[seg], selector);
    } else {
        Descriptor descriptor;
        Fault fault = seg == SS ? check_stack_selector(cpu, selector, descriptor)
                                : check_data_selector(cpu, selector, descriptor);
        if (fault) return fault;
        if (Fault write = set_accessed(cpu, selector, descriptor)) return write;
        cpu.s.seg[seg] = descriptor.segment(selector);
    }
    cpu.segment_changed(seg);
    return Fault::none();
}

void drop_inner_segments(Cpu& cpu, u8 new_cpl) {
    for (Seg seg : {ES, DS, FS, GS}) {
        // A null selector loses its RPL as well ("IF SegmentSelector = NULL OR ... THEN SegmentSelector <- NULL").
        Segment& segment = cpu.s.seg[seg];
        if (segment.null || (!segment.conforming() && segment.dpl() < new_cpl)) make_null(segment);
    }
}

Fault check_return_stack(Cpu& cpu, u16 selector, u8 new_cpl, Segment& out) {
    if (is_null(selector)) return Fault::gp(0);
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, descriptor)) return fault;
    if (rpl(selector) != new_cpl || !descriptor.writable_data() || descriptor.dpl() != new_cpl)
        return selector_fault(cpu, Vector::GP, selector);
    if (!descriptor.p()) return selector_fault(cpu, Vector::SS, selector);
    out = descriptor.segment(selector);
    return set_accessed(cpu, selector, descriptor);
}

Fault check_return_code(Cpu& cpu, u16 selector, Segment& out) {
    if (is_null(selector)) return Fault::gp(0);
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, descriptor)) return fault;
    const u8 level = rpl(selector);
    if (!descriptor.code() || level < cpu.cpl() ||
        (descriptor.conforming() ? descriptor.dpl() > level : descriptor.dpl() != level))
        return selector_fault(cpu, Vector::GP, selector);
    if (!descriptor.p()) return selector_fault(cpu, Vector::NP, selector);
    out = descriptor.segment(selector);
    return set_accessed(cpu, selector, descriptor);
}

namespace exec {

Fault mov_sreg(Cpu& cpu, const Insn& insn) {
    if (insn.op[0].kind == OperandKind::Segment) {
        const auto seg = static_cast<Seg>(insn.op[0].reg);
        if (seg == CS || seg >= kSegments) return Fault::ud();
        u16 selector = 0;
        if (Fault fault = cpu.load<u16>(insn, 1, selector)) return fault;
        if (Fault fault = load_segment(cpu, seg, selector)) return fault;
        if (seg == SS) cpu.s.shadow = kShadowMovSs;
        return Fault::none();
    }
    if (insn.op[1].reg >= kSegments) return Fault::ud();
    const u16 selector = cpu.s.seg[insn.op[1].reg].selector;
    // A register takes the operand size, zero-extended (P6 and later); memory always takes 16 bits.
    if (insn.op[0].kind == OperandKind::Gpr && insn.operand_size >= 4) return cpu.store<u32>(insn, 0, selector);
    return cpu.store<u16>(insn, 0, selector);
}

Fault push_sreg(Cpu& cpu, const Insn& insn) {
    const u16 selector = cpu.s.seg[insn.op[0].reg].selector;
    if (insn.operand_size == 2) return cpu.push<u16>(selector);
    // With a 32-bit operand size the pointer moves by four but only the low word is written (SDM Vol. 2, PUSH).
    const u32 sp = (cpu.stack_pointer() - insn.operand_size) & cpu.stack_mask();
    if (Fault fault = cpu.write<u16>(SS, sp, selector)) return fault;
    cpu.set_stack_pointer(sp);
    return Fault::none();
}

Fault pop_sreg(Cpu& cpu, const Insn& insn) {
    const auto seg = static_cast<Seg>(insn.op[0].reg);
    u16 selector = 0;
    if (Fault fault = cpu.read<u16>(SS, cpu.stack_pointer(), selector)) return fault;
    // The pointer moves by the size of the old stack, also when SS itself is loaded.
    const u64 old = cpu.s.gpr[RSP];
    cpu.set_stack_pointer(cpu.stack_pointer() + insn.operand_size);
    if (Fault fault = load_segment(cpu, seg, selector)) {
        cpu.s.gpr[RSP] = old;
        return fault;
    }
    if (seg == SS) cpu.s.shadow = kShadowMovSs;
    return Fault::none();
}

namespace {
Fault load_far_pointer(Cpu& cpu, const Insn& insn, Seg seg) {
    if (insn.op[1].kind != OperandKind::Mem) return Fault::ud();
    const u64 at = cpu.effective_address(insn);
    const u8 size = insn.operand_size;
    u32 offset = 0;
    u16 offset16 = 0, selector = 0;
    Fault fault = size == 2 ? cpu.read<u16>(insn.mem.seg, at, offset16) : cpu.read<u32>(insn.mem.seg, at, offset);
    if (fault) return fault;
    if (Fault second = cpu.read<u16>(insn.mem.seg, at + size, selector)) return second;
    if (Fault load = load_segment(cpu, seg, selector)) return load;
    if (size == 2)
        cpu.set_gpr<u16>(insn.op[0].reg, offset16);
    else
        cpu.set_gpr<u32>(insn.op[0].reg, offset);
    return Fault::none();
}
} // namespace

Fault les(Cpu& cpu, const Insn& insn) { return load_far_pointer(cpu, insn, ES); }
Fault lds(Cpu& cpu, const Insn& insn) { return load_far_pointer(cpu, insn, DS); }
Fault lss(Cpu& cpu, const Insn& insn) { return load_far_pointer(cpu, insn, SS); }
Fault lfs(Cpu& cpu, const Insn& insn) { return load_far_pointer(cpu, insn, FS); }
Fault lgs(Cpu& cpu, const Insn& insn) { return load_far_pointer(cpu, insn, GS); }

Fault lldt(Cpu& cpu, const Insn& insn) {
    if (cpu.real_or_v86()) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    u16 selector = 0;
    if (Fault fault = cpu.load<u16>(insn, 0, selector)) return fault;
    if (is_null(selector)) {
        make_null(cpu.s.ldtr, selector);
        return Fault::none();
    }
    if (is_local(selector)) return selector_fault(cpu, Vector::GP, selector);
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, descriptor)) return fault;
    if (!descriptor.system(kLdt)) return selector_fault(cpu, Vector::GP, selector);
    if (!descriptor.p()) return selector_fault(cpu, Vector::NP, selector);
    cpu.s.ldtr = descriptor.segment(selector);
    return Fault::none();
}

Fault ltr(Cpu& cpu, const Insn& insn) {
    if (cpu.real_or_v86()) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    u16 selector = 0;
    if (Fault fault = cpu.load<u16>(insn, 0, selector)) return fault;
    if (is_null(selector)) return Fault::gp(0);
    if (is_local(selector)) return selector_fault(cpu, Vector::GP, selector);
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, descriptor)) return fault;
    if (!descriptor.available_tss()) return selector_fault(cpu, Vector::GP, selector);
    if (!descriptor.p()) return selector_fault(cpu, Vector::NP, selector);
    descriptor.high |= u32{kTssBusyBit} << 8;
    const u8 rights = static_cast<u8>(descriptor.high >> 8);
    if (Fault fault = write_system<u8>(cpu, descriptor_address(cpu, selector) + 5, rights)) return fault;
    cpu.s.tr = descriptor.segment(selector);
    return Fault::none();
}

namespace {
/// SLDT and STR: 16 bits to memory, zero-extended into a wide register.
Fault store_selector(Cpu& cpu, const Insn& insn, u16 selector) {
    if (cpu.real_or_v86()) return Fault::ud();
    if (insn.op[0].kind == OperandKind::Gpr && insn.operand_size >= 4) return cpu.store<u32>(insn, 0, selector);
    return cpu.store<u16>(insn, 0, selector);
}
} // namespace

Fault sldt(Cpu& cpu, const Insn& insn) { return store_selector(cpu, insn, cpu.s.ldtr.selector); }
Fault str_(Cpu& cpu, const Insn& insn) { return store_selector(cpu, insn, cpu.s.tr.selector); }

} // namespace exec
} // namespace r86

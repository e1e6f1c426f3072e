/// Hardware task switches: SDM Vol. 3, 7.3 "Task Switching", figures 7-2 and 7-10 (the two TSS formats), table 7-1.
#include "cpu/segmentation/segmentation.h"
#include "cpu/system/control.h"
#include <array>

namespace r86 {

namespace {

constexpr u32 kSize32 = 0x68, kSize16 = 0x2C;
/// EFLAGS bits that exist; a TSS image may hold anything.
constexpr u32 kFlagsMask = 0x3F7FD5;
constexpr u32 kTrapBit = 1u << 15; // DR6.BT

struct TaskImage {
    u32 cr3 = 0, eip = 0, eflags = 0;
    std::array<u32, 8> gpr{};
    std::array<u16, 6> selector{}; // ES, CS, SS, DS, FS, GS
    u16 ldt = 0;
    bool trap = false;
};

Fault read_image(Cpu& cpu, u64 base, bool wide, TaskImage& out) {
    Fault result = Fault::none();
    const auto word = [&](u32 at) {
        u16 value = 0;
        Fault fault = read_system<u16>(cpu, base + at, value);
        if (fault && !result) result = fault;
        return value;
    };
    const auto dword = [&](u32 at) {
        u32 value = 0;
        Fault fault = read_system<u32>(cpu, base + at, value);
        if (fault && !result) result = fault;
        return value;
    };
    if (wide) {
        out.cr3 = dword(0x1C);
        out.eip = dword(0x20);
        out.eflags = dword(0x24);
        for (unsigned i = 0; i < 8; ++i) out.gpr[i] = dword(0x28 + 4 * i);
        for (unsigned i = 0; i < 6; ++i) out.selector[i] = word(0x48 + 4 * i);
        out.ldt = word(0x60);
        out.trap = word(0x64) & 1;
    } else {
        out.eip = word(0x0E);
        out.eflags = word(0x10);
        // The upper halves are undefined by the manual; they come out as ones.
        for (unsigned i = 0; i < 8; ++i) out.gpr[i] = 0xFFFF0000u | word(0x12 + 2 * i);
        for (unsigned i = 0; i < 4; ++i) out.selector[i] = word(0x22 + 2 * i);
        out.ldt = word(0x2A);
    }
    return result;
}

void save_image(Cpu& cpu, const TaskSwitchRequest& request) {
    const u64 base = cpu.s.tr.base;
    u32 eflags = request.saved_flags;
    if (request.kind == TaskSwitch::Return) eflags &= ~kNT;
    if (cpu.s.tr.type() & 8) {
        write_probed<u32>(cpu, base + 0x20, request.return_offset);
        write_probed<u32>(cpu, base + 0x24, eflags);
        for (unsigned i = 0; i < 8; ++i) write_probed<u32>(cpu, base + 0x28 + 4 * i, static_cast<u32>(cpu.s.gpr[i]));
        for (unsigned i = 0; i < 6; ++i) write_probed<u16>(cpu, base + 0x48 + 4 * i, cpu.s.seg[i].selector);
    } else {
        write_probed<u16>(cpu, base + 0x0E, static_cast<u16>(request.return_offset));
        write_probed<u16>(cpu, base + 0x10, static_cast<u16>(eflags));
        for (unsigned i = 0; i < 8; ++i) write_probed<u16>(cpu, base + 0x12 + 2 * i, static_cast<u16>(cpu.s.gpr[i]));
        for (unsigned i = 0; i < 4; ++i) write_probed<u16>(cpu, base + 0x22 + 2 * i, cpu.s.seg[i].selector);
    }
}

void write_busy(Cpu& cpu, u16 selector, bool busy) {
    const u64 at = ((cpu.s.gdtr.base + (selector & 0xFFF8u)) & 0xFFFFFFFF) + 5;
    u8 rights = 0;
    if (read_system<u8>(cpu, at, rights)) return; // probed before
    rights = static_cast<u8>(busy ? rights | kTssBusyBit : rights & ~kTssBusyBit);
    write_probed<u8>(cpu, at, rights);
}

/// Limits, and that everything the switch touches can be touched: the last moment at which the old task can be kept.
Fault check_and_probe(Cpu& cpu, const TaskSwitchRequest& request, const Segment& next) {
    const bool wide = next.type() & 8;
    const u32 size = wide ? kSize32 : kSize16;
    if (next.limit < size - 1) return selector_fault(cpu, Vector::TS, request.selector);
    const Segment& tr = cpu.s.tr;
    const bool old_wide = tr.type() & 8;
    if (tr.null || tr.limit < (old_wide ? 0x5Fu : 0x29u)) return selector_fault(cpu, Vector::TS, tr.selector);
    const u32 first = old_wide ? 0x20 : 0x0E;
    const u32 length = old_wide ? 0x40 : 0x1C;
    const auto probe = [&](u64 linear, u32 bytes, Access access) {
        return cpu.probe_linear({linear & 0xFFFFFFFF}, bytes, access, false);
    };
    if (Fault fault = probe(tr.base + first, length, Access::Write)) return fault;
    if (Fault fault = probe(next.base, size, Access::Read)) return fault;
    const bool nests = request.kind == TaskSwitch::Call || request.kind == TaskSwitch::Interrupt;
    if (nests)
        if (Fault fault = probe(next.base, 2, Access::Write)) return fault;
    if (request.kind != TaskSwitch::Return)
        if (Fault fault = probe(cpu.s.gdtr.base + (request.selector & 0xFFF8u), 8, Access::Write)) return fault;
    if (!nests)
        if (Fault fault = probe(cpu.s.gdtr.base + (tr.selector & 0xFFF8u), 8, Access::Write)) return fault;
    if (wide && (cpu.s.cr0 & kCR0_PG) && (cpu.s.cr4 & kCR4_PAE)) {
        u32 cr3 = 0;
        if (Fault fault = read_system<u32>(cpu, next.base + 0x1C, cr3)) return fault;
        std::array<u64, 4> ignored;
        if (!read_pdptes(cpu, cr3, ignored)) return selector_fault(cpu, Vector::TS, request.selector);
    }
    return Fault::none();
}

Fault load_ldt(Cpu& cpu, u16 selector) {
    if (is_null(selector)) return Fault::none();
    const auto refuse = [&] { return selector_fault(cpu, Vector::TS, selector); };
    if (is_local(selector)) return refuse();
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::TS, descriptor)) return fault;
    if (!descriptor.system(kLdt) || !descriptor.p()) return refuse();
    cpu.s.ldtr = descriptor.segment(selector);
    return Fault::none();
}

Fault load_code_and_stack(Cpu& cpu, u16 cs, u16 ss) {
    // CPL is the RPL of the new CS.
    const u8 level = rpl(cs);
    Descriptor code, stack;
    if (is_null(cs)) return selector_fault(cpu, Vector::TS, cs);
    if (Fault fault = fetch_descriptor(cpu, cs, Vector::TS, code)) return fault;
    if (!code.code() || (code.conforming() ? code.dpl() > level : code.dpl() != level))
        return selector_fault(cpu, Vector::TS, cs);
    if (is_null(ss)) return selector_fault(cpu, Vector::TS, ss);
    if (Fault fault = fetch_descriptor(cpu, ss, Vector::TS, stack)) return fault;
    if (!stack.writable_data()) return selector_fault(cpu, Vector::TS, ss);
    if (!stack.p()) return selector_fault(cpu, Vector::SS, ss);
    if (stack.dpl() != level || rpl(ss) != level) return selector_fault(cpu, Vector::TS, ss);
    if (!code.p()) return selector_fault(cpu, Vector::NP, cs);
    if (Fault fault = set_accessed(cpu, ss, stack)) return fault;
    cpu.s.seg[SS] = stack.segment(ss);
    if (Fault fault = set_accessed(cpu, cs, code)) return fault;
    cpu.s.seg[CS] = code.segment(cs);
    return Fault::none();
}

Fault load_data(Cpu& cpu, Seg seg, u16 selector, u8 level) {
    if (is_null(selector)) return Fault::none();
    Descriptor descriptor;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::TS, descriptor)) return fault;
    if (!descriptor.readable()) return selector_fault(cpu, Vector::TS, selector);
    if (!descriptor.conforming() && (descriptor.dpl() < level || descriptor.dpl() < rpl(selector)))
        return selector_fault(cpu, Vector::TS, selector);
    if (!descriptor.p()) return selector_fault(cpu, Vector::NP, selector);
    if (Fault fault = set_accessed(cpu, selector, descriptor)) return fault;
    cpu.s.seg[seg] = descriptor.segment(selector);
    return Fault::none();
}

/// After the commit point: descriptors of the new task; every fault belongs to it (SDM Vol. 3, table 7-1).
Fault load_segments(Cpu& cpu, const TaskImage& image) {
    if (Fault fault = load_ldt(cpu, image.ldt)) return fault;
    if (cpu.v86()) {
        for (unsigned i = 0; i < kSegments; ++i) cpu.s.seg[i] = v86_segment(image.selector[i]);
        return Fault::none();
    }
    if (Fault fault = load_code_and_stack(cpu, image.selector[CS], image.selector[SS])) return fault;
    const u8 level = rpl(image.selector[CS]);
    for (Seg seg : {DS, ES, FS, GS})
        if (Fault fault = load_data(cpu, seg, image.selector[seg], level)) return fault;
    return Fault::none();
}

/// Registers take the new task's values; segment registers hold its selectors but nothing usable yet.
void load_registers(Cpu& cpu, const TaskImage& image) {
    CpuState& s = cpu.s;
    for (unsigned i = 0; i < 8; ++i) s.gpr[i] = image.gpr[i];
    s.eflags = (image.eflags & kFlagsMask & ~kStatusFlags) | 2;
    s.flags.set(image.eflags);
    s.rip = s.next_rip = image.eip;
    for (unsigned i = 0; i < kSegments; ++i) {
        s.seg[i] = Segment{};
        make_null(s.seg[i], image.selector[i]);
    }
    s.seg[SS].attributes = static_cast<u16>(0x93 | rpl(image.selector[CS]) << 5);
    s.seg[CS].attributes = static_cast<u16>(0x9B | rpl(image.selector[CS]) << 5);
    s.ldtr = Segment{};
    make_null(s.ldtr, image.ldt);
}

} // namespace

Fault switch_through_gate(Cpu& cpu, u16 tss_selector, TaskSwitchRequest request) {
    const auto refuse = [&](Vector vector) { return selector_fault(cpu, vector, tss_selector); };
    if (is_null(tss_selector) || is_local(tss_selector)) return refuse(Vector::GP);
    request.selector = tss_selector;
    if (Fault fault = fetch_descriptor(cpu, tss_selector, Vector::GP, request.descriptor)) return fault;
    if (!request.descriptor.available_tss()) return refuse(Vector::GP);
    if (!request.descriptor.p()) return refuse(Vector::NP);
    return switch_task(cpu, request);
}

Fault switch_task(Cpu& cpu, const TaskSwitchRequest& request) {
    CpuState& s = cpu.s;
    Segment next = request.descriptor.segment(request.selector);
    const bool wide = next.type() & 8;
    const bool nests = request.kind == TaskSwitch::Call || request.kind == TaskSwitch::Interrupt;
    if (Fault fault = check_and_probe(cpu, request, next)) return fault;

    // The old task goes out.
    const u16 old_selector = s.tr.selector;
    save_image(cpu, request);
    if (!nests) write_busy(cpu, old_selector, false);
    if (nests) write_probed<u16>(cpu, next.base, old_selector);
    if (request.kind != TaskSwitch::Return) write_busy(cpu, request.selector, true);
    TaskImage image;
    if (Fault fault = read_image(cpu, next.base, wide, image)) return fault;
    if (nests) image.eflags |= kNT;

    // The commit point: from here on everything happens in the new task.
    next.attributes |= kTssBusyBit;
    s.tr = next;
    s.cr0 |= kCR0_TS;
    if (wide && (s.cr0 & kCR0_PG)) load_cr3_for_task(cpu, image.cr3);
    load_registers(cpu, image);
    // L0-L3 and LE are local to a task (SDM Vol. 3, 17.2.4).
    if (s.dr[7] & 0x155) cpu.write_dr(7, static_cast<u32>(s.dr[7] & ~u64{0x155}));
    cpu.update_mode();

    Fault fault = load_segments(cpu, image);
    cpu.update_mode();
    if (fault) return fault;
    if (request.has_error) {
        const unsigned size = wide ? 4 : 2;
        const Fault no_room = Fault::ss(s.external_event);
        if (Fault push = probe_pushes(cpu, s.seg[SS], cpu.stack_pointer(), size, 1, cpu.cpl() == 3, no_room))
            return push;
        push_probed(cpu, size, request.error);
    }
    if (image.eip > s.seg[CS].limit) return Fault::gp(s.external_event);
    // T bit of the new TSS: a debug trap before its first instruction (SDM Vol. 3, 17.3.1.5).
    if (image.trap) s.debug_pending |= kTrapBit;
    return Fault::none();
}

} // namespace r86

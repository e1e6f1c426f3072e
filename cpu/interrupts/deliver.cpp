/// Delivery of interrupts and exceptions through the IVT or the IDT: SDM Vol. 2, "INT n/INTO/INT3/INT1", "Operation";
/// SDM Vol. 3, 6.12 "Exception and Interrupt Handling", 20.1.4 and 20.3 for real and virtual-8086 mode.
#include "cpu/interrupts/debug.h"
#include "cpu/interrupts/vme.h"
#include "cpu/segmentation/descriptor_memo.h"

namespace r86 {

namespace {

struct Event {
    u8 vector = 0;
    EventKind kind = EventKind::Exception;
    bool has_error = false;
    u32 error = 0;
    u32 return_offset = 0;
    u32 flags_image = 0; ///< EFLAGS as the handler will find it on its stack

    bool software() const { return kind == EventKind::Software || kind == EventKind::SoftwareTrap; }
};

/// Faults save EFLAGS with RF = 1, so that the restarted instruction does not hit its breakpoint again. Not #DB: an
/// instruction breakpoint saves RF as it is, and its handler sets it (SDM Vol. 3, 17.3.1.1).
bool is_fault_class(u8 vector) {
    switch (static_cast<Vector>(vector)) {
    case Vector::DE:
    case Vector::BR:
    case Vector::UD:
    case Vector::NM:
    case Vector::TS:
    case Vector::NP:
    case Vector::SS:
    case Vector::GP:
    case Vector::PF:
    case Vector::MF:
    case Vector::AC:
    case Vector::XM: return true;
    default: return false;
    }
}

/// IDT error code: the vector's index with the IDT bit and EXT.
u32 idt_error(const Cpu& cpu, u8 vector) { return vector * 8u + 2 + cpu.s.external_event; }

Fault deliver_real(Cpu& cpu, const Event& event) {
    CpuState& s = cpu.s;
    const u32 at = event.vector * 4u;
    if (at + 3 > s.idtr.limit) return Fault::gp(idt_error(cpu, event.vector));
    u32 entry = 0;
    if (Fault fault = read_system<u32>(cpu, s.idtr.base + at, entry)) return fault;
    if (Fault fault =
            probe_pushes(cpu, s.seg[SS], cpu.stack_pointer(), 2, 3, cpu.cpl() == 3, Fault::ss(s.external_event)))
        return fault;
    push_probed(cpu, 2, event.flags_image);
    push_probed(cpu, 2, s.seg[CS].selector);
    push_probed(cpu, 2, event.return_offset);
    s.eflags &= ~(kIF | kTF | kAC | kRF);
    cpu.load_segment_real(CS, static_cast<u16>(entry >> 16));
    s.rip = s.next_rip = entry & 0xFFFF;
    return Fault::none();
}

Fault deliver_to_task(Cpu& cpu, const Event& event, const Descriptor& gate) {
    TaskSwitchRequest request;
    request.kind = TaskSwitch::Interrupt;
    request.return_offset = event.return_offset;
    request.saved_flags = event.flags_image;
    request.has_error = event.has_error;
    request.error = event.error;
    return switch_through_gate(cpu, gate.gate_selector(), request);
}

/// TF, NT, RF and VM go; IF too through an interrupt gate (SDM Vol. 3, 6.12.1.2).
void enter_handler_flags(Cpu& cpu, const Descriptor& gate) {
    cpu.s.eflags &= ~(kTF | kNT | kRF | kVM);
    if (!(gate.type() & 1)) cpu.s.eflags &= ~kIF;
}

/// Inner privilege level, also from virtual-8086 mode (which pushes and clears the data segments first).
Fault deliver_inner(Cpu& cpu, const Event& event, const Descriptor& gate, const Descriptor& code) {
    CpuState& s = cpu.s;
    const u16 selector = gate.gate_selector();
    const bool from_v86 = cpu.v86();
    const u8 level = code.dpl();
    if (from_v86 && level != 0) return selector_fault(cpu, Vector::GP, selector);
    const unsigned size = gate.gate32() ? 4 : 2;
    InnerStack inner;
    if (Fault fault = find_inner_stack(cpu, level, inner)) return fault;
    const unsigned count = 5u + (event.has_error ? 1 : 0) + (from_v86 ? 4 : 0);
    const Fault no_room = selector_fault(cpu, Vector::SS, inner.ss.selector);
    if (Fault fault = probe_pushes(cpu, inner.ss, inner.esp, size, count, false, no_room)) return fault;
    if (gate.gate_offset() > code.limit()) return Fault::gp(s.external_event);
    if (Fault fault = set_accessed(cpu, selector, code)) return fault;

    const u16 old_ss = s.seg[SS].selector, old_cs = s.seg[CS].selector;
    const u32 old_esp = static_cast<u32>(s.gpr[RSP]);
    enter_handler_flags(cpu, gate);
    s.seg[SS] = inner.ss;
    s.seg[CS] = code.segment(with_rpl(selector, level));
    cpu.update_mode();
    cpu.set_stack_pointer(inner.esp);
    if (from_v86) {
        for (Seg seg : {GS, FS, DS, ES}) {
            push_probed(cpu, size, s.seg[seg].selector);
            make_null(s.seg[seg]);
        }
        cpu.update_mode();
    }
    push_probed(cpu, size, old_ss);
    push_probed(cpu, size, old_esp);
    push_probed(cpu, size, event.flags_image);
    push_probed(cpu, size, old_cs);
    push_probed(cpu, size, event.return_offset);
    if (event.has_error) push_probed(cpu, size, event.error);
    s.rip = s.next_rip = gate.gate_offset();
    return Fault::none();
}

Fault deliver_same(Cpu& cpu, const Event& event, const Descriptor& gate, const Descriptor& code) {
    CpuState& s = cpu.s;
    const u16 selector = gate.gate_selector();
    const unsigned size = gate.gate32() ? 4 : 2;
    const unsigned count = event.has_error ? 4 : 3;
    const Fault no_room = Fault::ss(s.external_event);
    if (Fault fault = probe_pushes(cpu, s.seg[SS], cpu.stack_pointer(), size, count, cpu.cpl() == 3, no_room))
        return fault;
    if (gate.gate_offset() > code.limit()) return Fault::gp(s.external_event);
    if (Fault fault = set_accessed(cpu, selector, code)) return fault;

    push_probed(cpu, size, event.flags_image);
    push_probed(cpu, size, s.seg[CS].selector);
    push_probed(cpu, size, event.return_offset);
    if (event.has_error) push_probed(cpu, size, event.error);
    s.seg[CS] = code.segment(with_rpl(selector, cpu.cpl()));
    enter_handler_flags(cpu, gate);
    s.rip = s.next_rip = gate.gate_offset();
    cpu.segment_changed(CS);
    return Fault::none();
}

Fault deliver_protected(Cpu& cpu, const Event& event) {
    const u32 error = idt_error(cpu, event.vector);
    const u32 at = event.vector * 8u;
    if (at + 7 > cpu.s.idtr.limit) return Fault::gp(error);
    u64 both = 0;
    if (Fault fault = read_system<u64>(cpu, cpu.s.idtr.base + at, both)) return fault;
    const Descriptor gate{static_cast<u32>(both), static_cast<u32>(both >> 32)};
    const bool handler_gate = gate.system(kInterruptGate16) || gate.system(kTrapGate16) ||
                              gate.system(kInterruptGate32) || gate.system(kTrapGate32);
    if (!handler_gate && !gate.system(kTaskGate)) return Fault::gp(error);
    if (event.software() && gate.dpl() < cpu.cpl()) return Fault::gp(error);
    if (!gate.p()) return Fault::np(error);
    if (!handler_gate) return deliver_to_task(cpu, event, gate);

    const u16 selector = gate.gate_selector();
    if (is_null(selector)) return Fault::gp(cpu.s.external_event);
    Descriptor code;
    if (Fault fault = fetch_descriptor(cpu, selector, Vector::GP, code)) return fault;
    if (!code.code() || code.dpl() > cpu.cpl()) return selector_fault(cpu, Vector::GP, selector);
    if (!code.p()) return selector_fault(cpu, Vector::NP, selector);
    if (!code.conforming() && code.dpl() < cpu.cpl()) return deliver_inner(cpu, event, gate, code);
    // Conforming or the same level: never from virtual-8086 mode.
    if (cpu.v86()) return selector_fault(cpu, Vector::GP, selector);
    return deliver_same(cpu, event, gate, code);
}

/// The stack that an event goes to, and room on it for `bytes` bytes in one page that the TLB reaches.
struct ShortStack {
    u8* host = nullptr;
    u32 sp = 0; ///< after the pushes
    u16 selector = 0;
    const LoadedDescriptor* inner = nullptr; ///< nullptr: the current stack
};

bool reach_stack(Cpu& cpu, u8 level, u32 bytes, ShortStack& out) {
    const CpuState& s = cpu.s;
    if (level == cpu.cpl()) {
        const Segment& ss = s.seg[SS];
        out.sp = static_cast<u32>(s.gpr[RSP]) - bytes;
        if (!ss.db() || u64{out.sp} + bytes > cpu.run_state.write_end[SS]) return false;
        out.host = reach_range(cpu.mmu().table->write, (ss.base + out.sp) & 0xFFFFFFFF, bytes);
        return out.host;
    }
    const TlbTable* supervisor = cpu.mmu().table_for(false);
    const u32 at = level * 8u + 4; // ESPn, SSn of a 32-bit TSS
    if (s.tr.null || !(s.tr.type() & 8) || at + 5 > s.tr.limit) return false;
    const u8* pointer = detail::tlb_hit<u64>(supervisor->read, (s.tr.base + at) & 0xFFFFFFFF);
    if (!pointer) return false;
    u32 esp;
    std::memcpy(&esp, pointer, sizeof esp);
    std::memcpy(&out.selector, pointer + 4, sizeof out.selector);
    if (is_null(out.selector) || rpl(out.selector) != level) return false;
    out.inner = reach_descriptor(cpu, out.selector);
    if (!out.inner || out.inner->stack_level != level || !out.inner->wide) return false;
    out.sp = esp - bytes;
    if (u64{out.sp} + bytes > out.inner->write_end) return false;
    out.host = reach_range(supervisor->write, (out.inner->base + out.sp) & 0xFFFFFFFF, bytes);
    return out.host;
}

/// Through a 32-bit gate on a 32-bit stack, where no step faults and the TLB reaches everything: what deliver_inner and
/// deliver_same do. False: nothing has happened.
bool deliver_short(Cpu& cpu, const Event& event) {
    CpuState& s = cpu.s;
    const TlbTable* supervisor = cpu.mmu().table_for(false);
    const u32 at = event.vector * 8u;
    if (!supervisor || cpu.v86() || at + 7 > s.idtr.limit) return false;
    const u8* entry = detail::tlb_hit<u64>(supervisor->read, (s.idtr.base + at) & 0xFFFFFFFF);
    if (!entry) return false;
    Descriptor gate;
    std::memcpy(&gate, entry, sizeof gate);
    if ((gate.high & 0x9E00) != 0x8E00) return false; // present, 32-bit interrupt or trap gate
    if (event.software() && gate.dpl() < cpu.cpl()) return false;
    const u16 selector = gate.gate_selector();
    const LoadedDescriptor* code = is_null(selector) ? nullptr : reach_descriptor(cpu, selector);
    if (!code || code->code_level < 0 || code->code_level > cpu.cpl() || gate.gate_offset() > code->limit) return false;
    const auto level = static_cast<u8>(code->code_level);
    const bool inner = level != cpu.cpl();
    const u32 count = (inner ? 5u : 3u) + (event.has_error ? 1 : 0);
    ShortStack stack;
    if (!reach_stack(cpu, level, 4 * count, stack) || stack.inner == code) return false;

    u32 frame[6];
    u32* next = frame;
    if (event.has_error) *next++ = event.error;
    *next++ = event.return_offset;
    *next++ = s.seg[CS].selector;
    *next++ = event.flags_image;
    if (inner) {
        *next++ = static_cast<u32>(s.gpr[RSP]);
        *next++ = s.seg[SS].selector;
    }
    for (u32 i = 0; i < count; ++i) std::memcpy(stack.host + 4 * i, &frame[i], 4);
    s.gpr[RSP] = stack.sp;
    s.rip = s.next_rip = gate.gate_offset();
    enter_handler_flags(cpu, gate);
    const u16 cs = with_rpl(selector, level);
    if (inner) {
        const u32 bits = put_segment(cpu, CS, cs, *code) | put_segment(cpu, SS, stack.selector, *stack.inner);
        cpu.level_changed(level, kSegmentBits[CS] | kSegmentBits[SS], bits);
    } else {
        put_code_segment(cpu, cs, *code);
    }
    return true;
}

Fault dispatch(Cpu& cpu, const Event& event) {
    if (!cpu.protected_mode()) return deliver_real(cpu, event);
    if (cpu.run_state.short_ways && deliver_short(cpu, event)) return Fault::none();
    if (cpu.v86() && event.kind == EventKind::Software) {
        bool redirected = false;
        if (Fault fault = redirect_v86_interrupt(cpu, event.vector, event.return_offset, redirected)) return fault;
        if (redirected) return Fault::none();
    }
    return deliver_protected(cpu, event);
}

} // namespace

Fault Cpu::deliver(u8 vector, EventKind kind, bool has_error, u32 error) {
    if (watcher_) watcher_->delivery(vector, kind);
    Event event;
    event.vector = vector;
    event.kind = kind;
    event.has_error = has_error;
    event.error = error;
    const bool after_instruction =
        kind == EventKind::Software || kind == EventKind::SoftwareTrap || kind == EventKind::Icebp;
    event.return_offset = static_cast<u32>(after_instruction ? s.next_rip : s.rip);
    event.flags_image = eflags();
    // An instruction that is begun again must not hit its breakpoint again: one that faulted, or a repeated string
    // instruction with iterations left.
    const bool begins_again = kind == EventKind::Exception ? is_fault_class(vector) || s.in_repeat() : s.in_repeat();
    if (begins_again) event.flags_image |= kRF;
    if (kind == EventKind::Nmi) s.nmi_blocked = true; // until IRET, SDM Vol. 3, 6.7.1
    s.halted = false;

    s.external_event = !event.software();
    Fault fault = dispatch(*this, event);
    s.external_event = 0;
    if (fault) return fault;
    s.shadow = 0;
    // The handler of a debug exception may use the debug registers again (SDM Vol. 3, 17.2.4, GD flag).
    const bool debug = vector == static_cast<u8>(Vector::DB) && !event.software() && kind != EventKind::External;
    if (debug && (s.dr[7] & kDR7_GD)) write_dr(7, static_cast<u32>(s.dr[7]) & ~kDR7_GD);
    return Fault::none();
}

} // namespace r86

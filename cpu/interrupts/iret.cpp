/// IRET in every mode: SDM Vol. 2, IRET/IRETD, "Operation"; SDM Vol. 3, 7.3, 20.2.3, 20.3.
#include "cpu/segmentation/descriptor_memo.h"
#include "cpu/semantics.h"
#include <array>

namespace r86::exec {

namespace {

constexpr u32 kFlags16 = kStatusFlags | kTF | kDF | kNT; // what any IRET may change
constexpr u32 kFlags32 = kFlags16 | kRF | kAC | kID;

struct Frame {
    u32 eip = 0, cs = 0, eflags = 0;
};

/// EFLAGS is read first, as Intel's processors do: a page fault shows it in CR2.
Fault read_frame(Cpu& cpu, unsigned size, Frame& out) {
    if (Fault fault = peek(cpu, 2 * size, size, out.eflags)) return fault;
    if (Fault fault = peek(cpu, size, size, out.cs)) return fault;
    return peek(cpu, 0, size, out.eip);
}

void leave_frame(Cpu& cpu, unsigned size, const Frame& frame) {
    cpu.set_stack_pointer(cpu.stack_pointer() + 3 * size);
    cpu.s.next_rip = frame.eip;
}

Fault iret_real(Cpu& cpu, unsigned size) {
    Frame frame;
    if (Fault fault = read_frame(cpu, size, frame)) return fault;
    if (frame.eip > cpu.s.seg[CS].limit) return Fault::gp(0);
    leave_frame(cpu, size, frame);
    cpu.load_segment_real(CS, static_cast<u16>(frame.cs));
    cpu.set_eflags(frame.eflags, (size == 4 ? kFlags32 : kFlags16) | kIF | kIOPL);
    return Fault::none();
}

/// "RETURN-FROM-VIRTUAL-8086-MODE": IOPL 3, or with VME the 16-bit form on the virtual interrupt flag.
Fault iret_v86(Cpu& cpu, unsigned size) {
    const bool privileged = cpu.iopl() == 3;
    const bool virtualised = size == 2 && (cpu.s.cr4 & kCR4_VME);
    if (!privileged && !virtualised) return Fault::gp(0);
    Frame frame;
    if (Fault fault = read_frame(cpu, size, frame)) return fault;
    if (!privileged && ((frame.eflags & kTF) || ((frame.eflags & kIF) && (cpu.s.eflags & kVIP)))) return Fault::gp(0);
    if (frame.eip > cpu.s.seg[CS].limit) return Fault::gp(0);
    leave_frame(cpu, size, frame);
    cpu.load_segment_real(CS, static_cast<u16>(frame.cs));
    if (privileged)
        cpu.set_eflags(frame.eflags, (size == 4 ? kFlags32 : kFlags16) | kIF);
    else
        cpu.set_eflags((frame.eflags & ~kVIF) | (frame.eflags & kIF ? kVIF : 0), kFlags16 | kVIF);
    return Fault::none();
}

/// EFLAGS.NT: back to the task that the current TSS links to (SDM Vol. 3, 7.4 "Task Linking").
Fault iret_task(Cpu& cpu) {
    u16 link = 0;
    if (Fault fault = read_system<u16>(cpu, cpu.s.tr.base, link)) return fault;
    TaskSwitchRequest request;
    request.kind = TaskSwitch::Return;
    request.selector = link;
    request.return_offset = static_cast<u32>(cpu.s.next_rip);
    request.saved_flags = cpu.eflags();
    if (is_null(link) || is_local(link)) return selector_fault(cpu, Vector::TS, link);
    if (Fault fault = fetch_descriptor(cpu, link, Vector::TS, request.descriptor)) return fault;
    if (!request.descriptor.busy_tss()) return selector_fault(cpu, Vector::TS, link);
    if (!request.descriptor.p()) return selector_fault(cpu, Vector::NP, link);
    return switch_task(cpu, request);
}

/// "RETURN-TO-VIRTUAL-8086-MODE": nine doublewords.
Fault iret_to_v86(Cpu& cpu, const Frame& frame) {
    std::array<u32, 6> rest{}; // ESP, SS, ES, DS, FS, GS
    for (unsigned i = 0; i < 6; ++i)
        if (Fault fault = peek(cpu, 12 + 4 * i, 4, rest[i])) return fault;
    if (frame.eip > 0xFFFF) return Fault::gp(0);
    CpuState& s = cpu.s;
    const auto load = [&](Seg seg, u32 selector) { s.seg[seg] = v86_segment(static_cast<u16>(selector)); };
    load(CS, frame.cs);
    load(SS, rest[1]);
    load(ES, rest[2]);
    load(DS, rest[3]);
    load(FS, rest[4]);
    load(GS, rest[5]);
    s.gpr[RSP] = rest[0];
    s.next_rip = frame.eip;
    cpu.set_eflags(frame.eflags, kFlags32 | kIF | kIOPL | kVM | kVIF | kVIP);
    cpu.update_mode();
    return Fault::none();
}

/// Which flags a protected-mode return may change depends on the CPL it returns from.
u32 writable_flags(const Cpu& cpu, unsigned size) {
    u32 mask = size == 4 ? kFlags32 : kFlags16;
    if (cpu.cpl() <= cpu.iopl()) mask |= kIF;
    if (cpu.cpl() == 0) mask |= kIOPL | (size == 4 ? kVIF | kVIP : 0);
    return mask;
}

Fault iret_protected(Cpu& cpu, unsigned size) {
    CpuState& s = cpu.s;
    Frame frame;
    if (Fault fault = read_frame(cpu, size, frame)) return fault;
    if (size == 4 && (frame.eflags & kVM) && cpu.cpl() == 0) return iret_to_v86(cpu, frame);
    const u32 mask = writable_flags(cpu, size);
    const auto selector = static_cast<u16>(frame.cs);
    Segment code;
    if (Fault fault = check_return_code(cpu, selector, code)) return fault;
    const u8 level = rpl(selector);
    if (level == cpu.cpl()) {
        if (frame.eip > code.limit) return Fault::gp(0);
        leave_frame(cpu, size, frame);
        s.seg[CS] = code;
        cpu.segment_changed(CS);
        cpu.set_eflags(frame.eflags, mask);
    } else {
        u32 esp = 0, ss_image = 0;
        if (Fault fault = peek(cpu, 3 * size, size, esp)) return fault;
        if (Fault fault = peek(cpu, 4 * size, size, ss_image)) return fault;
        Segment stack;
        if (Fault fault = check_return_stack(cpu, static_cast<u16>(ss_image), level, stack)) return fault;
        if (frame.eip > code.limit) return Fault::gp(0);
        s.seg[CS] = code;
        s.seg[SS] = stack;
        drop_inner_segments(cpu, level);
        cpu.set_stack_pointer(esp);
        s.next_rip = frame.eip;
        cpu.set_eflags(frame.eflags, mask);
        cpu.update_mode();
    }
    return Fault::none();
}

/// IRETD from a 32-bit stack to the same or an outer level, where no step faults and the TLB reaches everything: what
/// iret_protected does. False: nothing has happened.
bool iret_short(Cpu& cpu) {
    CpuState& s = cpu.s;
    const auto sp = static_cast<u32>(s.gpr[RSP]);
    const u8 cpl = cpu.cpl();
    if (!s.seg[SS].db()) return false;
    u32 frame[5]; // EIP, CS, EFLAGS, ESP, SS
    const auto reach_frame = [&](u32 bytes) -> const u8* {
        if (u64{sp} + bytes > cpu.run_state.read_end[SS]) return nullptr;
        return reach_range(cpu.mmu().table->read, (s.seg[SS].base + sp) & 0xFFFFFFFF, bytes);
    };
    const u8* host = reach_frame(12);
    if (!host) return false;
    std::memcpy(frame, host, 12);
    const u32 eip = frame[0], flags = frame[2];
    const auto selector = static_cast<u16>(frame[1]);
    const u8 level = rpl(selector);
    const u32 mask = writable_flags(cpu, 4);
    if (((flags & kVM) && cpl == 0) || level < cpl || is_null(selector) || ((flags ^ s.eflags) & kAC)) return false;
    const LoadedDescriptor* code = reach_descriptor(cpu, selector);
    if (!code || code->code_level != level || eip > code->limit) return false;
    if (level == cpl) {
        s.gpr[RSP] = sp + 12;
        put_code_segment(cpu, selector, *code);
    } else {
        host = reach_frame(20);
        if (!host) return false;
        std::memcpy(frame + 3, host + 12, 8);
        const auto ss = static_cast<u16>(frame[4]);
        if (is_null(ss) || rpl(ss) != level) return false;
        const LoadedDescriptor* stack = reach_descriptor(cpu, ss);
        if (!stack || stack == code || stack->stack_level != level) return false;
        u32 mode_mask = kSegmentBits[CS] | kSegmentBits[SS];
        const u32 bits = put_segment(cpu, CS, selector, *code) | put_segment(cpu, SS, ss, *stack);
        for (Seg seg : {ES, DS, FS, GS}) {
            const Segment& segment = s.seg[seg];
            if (!segment.null && (segment.conforming() || segment.dpl() >= level)) continue;
            put_null(cpu, seg, 0); // as drop_inner_segments
            mode_mask |= kSegmentBits[seg];
        }
        cpu.set_stack_pointer(frame[3]);
        cpu.level_changed(level, mode_mask, bits);
    }
    s.next_rip = eip;
    s.flags.set(flags);
    s.eflags = ((s.eflags & ~mask) | (flags & mask & ~kStatusFlags)) | 2;
    return true;
}

} // namespace

Fault iret(Cpu& cpu, const Insn& insn) {
    const unsigned size = insn.operand_size == 2 ? 2 : 4;
    cpu.s.nmi_blocked = false; // even if the IRET faults, and in SMM too (SDM Vol. 3, 6.7.1, 34.8)
    if (!cpu.protected_mode()) return iret_real(cpu, size);
    if (cpu.v86()) return iret_v86(cpu, size);
    if (cpu.s.eflags & kNT) return iret_task(cpu);
    if (size == 4 && cpu.run_state.short_ways && iret_short(cpu)) return Fault::none();
    return iret_protected(cpu, size);
}

} // namespace r86::exec

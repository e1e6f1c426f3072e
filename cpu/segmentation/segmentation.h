#pragma once
/// Descriptors, segment loads and protected stacks: what far transfers, interrupts and task switches share.
/// SDM Vol. 3, 3.4 "Logical and Linear Addresses", 3.5 "System Descriptor Types", 5 "Protection".
#include "cpu/cpu.h"

namespace r86 {

/// System segment and gate types, SDM Vol. 3, table 3-2. Bit 3 is set in the 32-bit forms.
enum SystemType : u8 {
    kTss16Available = 1,
    kLdt = 2,
    kTss16Busy = 3,
    kCallGate16 = 4,
    kTaskGate = 5,
    kInterruptGate16 = 6,
    kTrapGate16 = 7,
    kTss32Available = 9,
    kTss32Busy = 11,
    kCallGate32 = 12,
    kInterruptGate32 = 14,
    kTrapGate32 = 15,
};
inline constexpr u8 kTssBusyBit = 2;

/// The eight bytes as they lie in a descriptor table, SDM Vol. 3, figures 3-8 and 5-8.
struct Descriptor {
    u32 low = 0;
    u32 high = 0;

    u8 type() const { return (high >> 8) & 15; }
    bool s() const { return high & 0x1000; }
    u8 dpl() const { return (high >> 13) & 3; }
    bool p() const { return high & 0x8000; }
    bool system(SystemType wanted) const { return !s() && type() == wanted; }
    bool code() const { return s() && (type() & 8); }
    bool conforming() const { return code() && (type() & 4); }
    bool writable_data() const { return s() && (type() & 0xA) == 2; }
    bool readable() const { return s() && (!(type() & 8) || (type() & 2)); }
    bool available_tss() const { return system(kTss16Available) || system(kTss32Available); }
    bool busy_tss() const { return system(kTss16Busy) || system(kTss32Busy); }
    u32 base() const { return (low >> 16) | (high & 0xFF) << 16 | (high & 0xFF000000); }
    u32 limit() const {
        const u32 raw = (low & 0xFFFF) | (high & 0xF0000);
        return high & 0x800000 ? raw << 12 | 0xFFF : raw;
    }
    // Gates, SDM Vol. 3, figures 5-8 and 6-2.
    bool gate32() const { return type() & 8; }
    u16 gate_selector() const { return static_cast<u16>(low >> 16); }
    u32 gate_offset() const { return (low & 0xFFFF) | (gate32() ? high & 0xFFFF0000 : 0); }
    unsigned gate_parameters() const { return high & 31; }

    /// The hidden part of a segment register that holds this descriptor.
    Segment segment(u16 selector) const {
        Segment out;
        out.selector = selector;
        out.attributes = static_cast<u16>(((high >> 8) & 0xFF) | ((high >> 12) & 0xF00) | (s() ? 1 : 0)); // accessed
        out.limit = limit();
        out.base = base();
        return out;
    }
};

inline constexpr bool is_null(u16 selector) { return (selector & 0xFFFC) == 0; }
inline constexpr bool is_local(u16 selector) { return selector & 4; }
inline constexpr u8 rpl(u16 selector) { return selector & 3; }
inline constexpr u16 with_rpl(u16 selector, u8 level) { return static_cast<u16>((selector & 0xFFFC) | level); }

/// Error code that names a selector (SDM Vol. 3, 6.13 "Error Code"), with EXT while an event is delivered.
inline u32 selector_error(const Cpu& cpu, u16 selector) { return (selector & 0xFFFC) | cpu.s.external_event; }
inline Fault selector_fault(const Cpu& cpu, Vector vector, u16 selector) {
    return Fault::with_error(vector, selector_error(cpu, selector));
}

// ---- implicit supervisor accesses -----------------------------------------------------------------------------------

template <class T>
Fault read_system(Cpu& cpu, u64 linear, T& out) {
    linear &= 0xFFFFFFFF;
    if (cpu.cpl() != 3) {
        if (const u8* host = detail::tlb_hit<T>(cpu.mmu().table->read, linear)) {
            std::memcpy(&out, host, sizeof(T));
            return Fault::none();
        }
    }
    return cpu.read_linear<T>({linear}, out, false);
}

template <class T>
Fault write_system(Cpu& cpu, u64 linear, T value) {
    return cpu.write_linear<T>({linear & 0xFFFFFFFF}, value, false);
}

/// A write to what was probed before, after the commit point. No alignment check: #AC cannot be reported here.
template <class T>
void write_probed(Cpu& cpu, u64 linear, T value) {
    linear &= 0xFFFFFFFF;
    if (u8* host = detail::tlb_hit<T>(cpu.mmu().table->write, linear)) {
        std::memcpy(host, &value, sizeof(T));
        return;
    }
    // Only a store that destroys the page tables it goes through can still fault; the hardware's result is undefined.
    if (write_system<T>(cpu, linear, value)) return;
}

// ---- descriptor tables ----------------------------------------------------------------------------------------------

/// Linear address of a selector's descriptor; the selector was fetched before.
inline u64 descriptor_address(const Cpu& cpu, u16 selector) {
    const u64 table = is_local(selector) ? cpu.s.ldtr.base : cpu.s.gdtr.base;
    return (table + (selector & 0xFFF8u)) & 0xFFFFFFFF;
}

/// `inside` is false when the selector's index lies beyond the limit of its table (or there is no LDT).
inline Fault read_descriptor(Cpu& cpu, u16 selector, Descriptor& out, bool& inside) {
    const u32 limit = is_local(selector) ? cpu.s.ldtr.limit : cpu.s.gdtr.limit;
    inside = !(is_local(selector) && cpu.s.ldtr.null) && (selector | 7u) <= limit;
    if (!inside) return Fault::none();
    u64 both = 0;
    if (Fault fault = read_system<u64>(cpu, descriptor_address(cpu, selector), both)) return fault;
    out = {static_cast<u32>(both), static_cast<u32>(both >> 32)};
    return Fault::none();
}

/// The same; outside the table is `beyond`(selector).
inline Fault fetch_descriptor(Cpu& cpu, u16 selector, Vector beyond, Descriptor& out) {
    bool inside = false;
    if (Fault fault = read_descriptor(cpu, selector, out, inside)) return fault;
    return inside ? Fault::none() : selector_fault(cpu, beyond, selector);
}

/// Sets the accessed bit in the table by a locked read-modify-write if it is clear.
inline Fault set_accessed(Cpu& cpu, u16 selector, const Descriptor& descriptor) {
    if (descriptor.type() & 1) return Fault::none();
    const u8 rights = static_cast<u8>((descriptor.high >> 8) | 1);
    return write_system<u8>(cpu, descriptor_address(cpu, selector) + 5, rights);
}

// ---- segment registers ----------------------------------------------------------------------------------------------

/// MOV Sreg, POP Sreg, LES ... LGS in every mode: SDM Vol. 2, MOV, "Operation". Calls update_mode().
Fault load_segment(Cpu& cpu, Seg seg, u16 selector);
/// Register state in virtual-8086 mode, SDM Vol. 3, 20.2.1.
Segment v86_segment(u16 selector);
/// Unusable until it is loaded again. Base, limit and rights stay (real mode may use them later).
void make_null(Segment& segment, u16 selector = 0);
/// After a return to an outer level: data segments that the new CPL may not use become null (SDM Vol. 2, RET).
void drop_inner_segments(Cpu& cpu, u8 new_cpl);
/// The checks that a return makes on its SS (SDM Vol. 2, RET and IRET, "outer privilege level").
Fault check_return_stack(Cpu& cpu, u16 selector, u8 new_cpl, Segment& out);
/// The checks of a return's CS up to "not present": null, limits, type, RPL against CPL and DPL.
Fault check_return_code(Cpu& cpu, u16 selector, Segment& out);

// ---- stacks ---------------------------------------------------------------------------------------------------------

/// Can `count` items of `size` bytes be pushed below `sp`? `no_room` is what a limit violation gives.
Fault probe_pushes(Cpu& cpu, const Segment& stack, u32 sp, unsigned size, unsigned count, bool user, Fault no_room);
/// Pushes on the current stack after the commit point.
void push_probed(Cpu& cpu, unsigned size, u32 value);
/// SS:(sp + displacement) without moving the pointer; faults as a pop.
Fault peek(Cpu& cpu, u32 displacement, unsigned size, u32& out);

/// A stack of a more privileged level from the TSS, checked (SDM Vol. 3, 5.8.5 "Stack Switching").
struct InnerStack {
    Segment ss;
    u32 esp = 0;
};
Fault find_inner_stack(Cpu& cpu, u8 dpl, InnerStack& out);

// ---- tasks ----------------------------------------------------------------------------------------------------------

enum class TaskSwitch : u8 { Jump, Call, Interrupt, Return };
struct TaskSwitchRequest {
    TaskSwitch kind = TaskSwitch::Jump;
    u16 selector = 0;       ///< of the new TSS; its table, type and presence were checked by the caller
    Descriptor descriptor;  ///< of the new TSS
    u32 return_offset = 0;  ///< EIP to save in the old TSS
    bool has_error = false; ///< push an error code on the new task's stack
    u32 error = 0;
    u32 saved_flags = 0; ///< EFLAGS image for the old TSS
};
/// SDM Vol. 3, 7.3 "Task Switching". A fault before the commit point leaves the old task as it was; one after it
/// belongs to the new task, and s.rip is then the new task's.
Fault switch_task(Cpu& cpu, const TaskSwitchRequest& request);
/// JMP or CALL to a TSS or through a task gate: the checks of the TSS selector that a gate holds, then the switch.
Fault switch_through_gate(Cpu& cpu, u16 tss_selector, TaskSwitchRequest request);

} // namespace r86

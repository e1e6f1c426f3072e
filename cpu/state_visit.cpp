/// The one list of the processor's state: saved, loaded, hashed, compared and shown from here.
#include "cpu/cpu.h"

namespace r86 {

namespace {

void visit_segment(StateVisitor& v, const char* name, Segment& segment) {
    auto& [selector, attributes, limit, base, null] = segment;
    v.begin(name);
    v.field("selector", selector);
    v.field("attributes", attributes);
    v.field("limit", limit);
    v.field("base", base);
    v.field("null", null);
    v.end();
}

void visit_table(StateVisitor& v, const char* name, DescriptorTable& table) {
    auto& [base, limit] = table;
    v.begin(name);
    v.field("base", base);
    v.field("limit", limit);
    v.end();
}

void visit_x87(StateVisitor& v, X87State& x87) {
    auto& [st, control, status, tag, opcode, instruction_offset, instruction_selector, operand_offset, operand_selector,
           ferr, ignne] = x87;
    v.begin("x87");
    for (usize i = 0; i < st.size(); ++i) {
        v.field("r" + std::to_string(i) + ".significand", st[i].significand);
        v.field("r" + std::to_string(i) + ".sign_exponent", st[i].sign_exponent);
    }
    v.field("control", control);
    v.field("status", status);
    v.field("tag", tag);
    v.field("fop", opcode);
    v.field("fip", instruction_offset);
    v.field("fcs", instruction_selector);
    v.field("fdp", operand_offset);
    v.field("fds", operand_selector);
    v.field("ferr", ferr);
    v.field("ignne", ignne);
    v.end();
}

void visit_msrs(StateVisitor& v, Msrs& msr) {
    auto& [apic_base, efer, sysenter_cs, sysenter_esp, sysenter_eip, pat, mtrr_def_type, mtrr_variable, mtrr_fixed,
           tsc_offset, bios_update, misc_enable, star, lstar, cstar, fmask, kernel_gs_base, machine_check,
           bank_control] = msr;
    v.begin("msr");
    v.field("apic_base", apic_base);
    v.field("efer", efer);
    v.field("sysenter_cs", sysenter_cs);
    v.field("sysenter_esp", sysenter_esp);
    v.field("sysenter_eip", sysenter_eip);
    v.field("pat", pat);
    v.field("mtrr_def_type", mtrr_def_type);
    v.field("mtrr_variable", mtrr_variable);
    v.field("mtrr_fixed", mtrr_fixed);
    v.field("tsc_offset", tsc_offset);
    v.field("bios_update", bios_update);
    v.field("misc_enable", misc_enable);
    v.field("star", star);
    v.field("lstar", lstar);
    v.field("cstar", cstar);
    v.field("fmask", fmask);
    v.field("kernel_gs_base", kernel_gs_base);
    v.field("machine_check", machine_check);
    v.field("bank_control", bank_control);
    v.end();
}

} // namespace

void visit_cpu_state(CpuState& state, StateVisitor& v) {
    auto& [flags, gpr, zero, eflags, rip, next_rip, seg, ldtr, tr, gdtr, idtr, cr0, cr2, cr3, cr4, pdpte, dr, test, msr,
           x87, vector, mxcsr, a20, halted, shutdown, smm, nmi_blocked, nmi_pending, smi_pending, intr, shadow,
           debug_pending, smbase, external_event, repeat_tick, pause_end, tick, unretired] = state;
    static_cast<void>(zero);     // always 0
    static_cast<void>(next_rip); // means something only inside an instruction
    static constexpr const char* kGpr[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                             "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    static constexpr const char* kSeg[kSegments] = {"es", "cs", "ss", "ds", "fs", "gs"};
    for (unsigned i = 0; i < 16; ++i) v.field(kGpr[i], gpr[i]);
    v.field("rip", rip);
    // One canonical EFLAGS: the lazy form is nobody's business.
    u32 whole = eflags | flags.get();
    v.field("eflags", whole);
    if (v.loading()) {
        flags.set(whole);
        eflags = (whole & ~kStatusFlags) | 2;
    }
    for (unsigned i = 0; i < kSegments; ++i) visit_segment(v, kSeg[i], seg[i]);
    visit_segment(v, "ldtr", ldtr);
    visit_segment(v, "tr", tr);
    visit_table(v, "gdtr", gdtr);
    visit_table(v, "idtr", idtr);
    v.field("cr0", cr0);
    v.field("cr2", cr2);
    v.field("cr3", cr3);
    v.field("cr4", cr4);
    v.field("pdpte", pdpte);
    v.field("dr", dr);
    v.field("tr_test", test);
    visit_msrs(v, msr);
    visit_x87(v, x87);
    for (usize i = 0; i < vector.size(); ++i) v.bytes("vector" + std::to_string(i), vector[i].bytes);
    v.field("mxcsr", mxcsr);
    v.field("a20", a20);
    v.field("halted", halted);
    v.field("shutdown", shutdown);
    v.field("smm", smm);
    v.field("nmi_blocked", nmi_blocked);
    v.field("nmi_pending", nmi_pending);
    v.field("smi_pending", smi_pending);
    v.field("intr", intr);
    v.field("shadow", shadow);
    v.field("debug_pending", debug_pending);
    v.field("smbase", smbase);
    v.field("external_event", external_event);
    v.field("repeat_tick", repeat_tick);
    v.field("pause_end", pause_end);
    v.field("tick", tick);
    v.field("unretired", unretired);
}

} // namespace r86

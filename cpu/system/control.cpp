/// Control registers: SDM Vol. 2, "MOV - Move to/from Control Registers", LMSW, SMSW, CLTS; SDM Vol. 3, 2.5, 4.4.1.
#include "cpu/system/control.h"
#include "cpu/cpu.h"
#include "cpu/semantics.h"

namespace r86 {

namespace {
/// Changing one of these while PAE paging is on reloads the PDPTEs.
constexpr u32 kCR0_ReloadsPdptes = kCR0_CD | kCR0_NW | kCR0_PG;
constexpr u32 kCR4_ReloadsPdptes = kCR4_PAE | kCR4_PGE | kCR4_PSE;
} // namespace

u32 cr4_allowed(const Cpu& cpu) {
    const auto when = [&](Feature feature, u32 bits) { return cpu.model.has(feature) ? bits : 0; };
    return when(Feature::VME, kCR4_VME | kCR4_PVI) | when(Feature::TSC, kCR4_TSD) | when(Feature::DE, kCR4_DE) |
           when(Feature::PSE, kCR4_PSE) | when(Feature::PAE, kCR4_PAE) | when(Feature::MCE, kCR4_MCE) |
           when(Feature::PGE, kCR4_PGE) | when(Feature::MMX, kCR4_PCE) | when(Feature::FXSR, kCR4_OSFXSR) |
           when(Feature::SSE, kCR4_OSXMMEXCPT);
}

bool read_pdptes(Cpu& cpu, u64 cr3, std::array<u64, 4>& out) {
    // Present entries: bits 1-2, 5-8 and those above the physical width must be zero (SDM Vol. 3, table 4-8).
    const u64 reserved = 0x1E6 | ~((u64{1} << cpu.model.physical_bits) - 1);
    for (unsigned i = 0; i < 4; ++i) {
        u64 at = (cr3 & 0xFFFFFFE0) + 8 * i;
        if (!cpu.s.a20) at &= ~(u64{1} << 20);
        out[i] = cpu.physical_read({at}, 8);
        if ((out[i] & 1) && (out[i] & reserved)) return false;
    }
    return true;
}

void load_cr3_for_task(Cpu& cpu, u32 cr3) {
    std::array<u64, 4> pdptes{};
    if ((cpu.s.cr4 & kCR4_PAE) && read_pdptes(cpu, cr3, pdptes)) cpu.s.pdpte = pdptes;
    cpu.s.cr3 = cr3;
    cpu.flush_translations();
}

Fault Cpu::write_cr0(u32 value) {
    value = (value & kCR0_Defined) | kCR0_ET;
    if ((value & kCR0_PG) && !(value & kCR0_PE)) return Fault::gp(0);
    if ((value & kCR0_NW) && !(value & kCR0_CD)) return Fault::gp(0);
    const u32 changed = value ^ s.cr0;
    if ((value & kCR0_PG) && (s.cr4 & kCR4_PAE) && (changed & kCR0_ReloadsPdptes)) {
        std::array<u64, 4> pdptes;
        if (!read_pdptes(*this, s.cr3, pdptes)) return Fault::gp(0);
        s.pdpte = pdptes;
    }
    s.cr0 = value;
    if (changed & (kCR0_PG | kCR0_WP | kCR0_PE)) flush_translations();
    update_mode();
    return Fault::none();
}

Fault Cpu::write_cr3(u64 value) {
    value &= 0xFFFFFFFF;
    if ((s.cr0 & kCR0_PG) && (s.cr4 & kCR4_PAE)) {
        std::array<u64, 4> pdptes;
        if (!read_pdptes(*this, value, pdptes)) return Fault::gp(0);
        s.pdpte = pdptes;
    }
    s.cr3 = value;
    flush_translations();
    update_mode();
    return Fault::none();
}

Fault Cpu::write_cr4(u32 value) {
    if (value & ~cr4_allowed(*this)) return Fault::gp(0);
    const u32 changed = value ^ s.cr4;
    if ((s.cr0 & kCR0_PG) && (value & kCR4_PAE) && (changed & kCR4_ReloadsPdptes)) {
        std::array<u64, 4> pdptes;
        if (!read_pdptes(*this, s.cr3, pdptes)) return Fault::gp(0);
        s.pdpte = pdptes;
    }
    s.cr4 = value;
    if (changed & kCR4_ReloadsPdptes) flush_translations();
    update_mode();
    return Fault::none();
}

namespace exec {

Fault mov_cr(Cpu& cpu, const Insn& insn) {
    const bool to_control = insn.op[0].kind == OperandKind::Control;
    const unsigned n = insn.op[to_control ? 0 : 1].reg;
    const unsigned reg = insn.op[to_control ? 1 : 0].reg;
    // The 486 before the SL-enhanced steppings has no CR4; the models with CPUID do.
    if (n == 1 || n > 4 || (n == 4 && !cpu.model.has(Feature::CPUID))) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    if (to_control) {
        const u32 value = cpu.gpr<u32>(reg);
        switch (n) {
        case 0: return cpu.write_cr0(value);
        case 2: cpu.s.cr2 = value; return Fault::none();
        case 3: return cpu.write_cr3(value);
        default: return cpu.write_cr4(value);
        }
    }
    const u64 values[] = {cpu.s.cr0, 0, cpu.s.cr2, cpu.s.cr3, cpu.s.cr4};
    cpu.set_gpr<u32>(reg, static_cast<u32>(values[n]));
    return Fault::none();
}

Fault clts(Cpu& cpu, const Insn&) {
    if (cpu.cpl() != 0) return Fault::gp(0);
    cpu.s.cr0 &= ~kCR0_TS;
    cpu.update_mode();
    return Fault::none();
}

Fault lmsw(Cpu& cpu, const Insn& insn) {
    if (cpu.cpl() != 0) return Fault::gp(0);
    u16 value = 0;
    if (Fault fault = cpu.load<u16>(insn, 0, value)) return fault;
    // PE, MP, EM and TS; PE can be set but not cleared.
    return cpu.write_cr0((cpu.s.cr0 & ~0xEu) | (value & 0xF));
}

Fault smsw(Cpu& cpu, const Insn& insn) {
    if (insn.op[0].kind == OperandKind::Gpr && insn.operand_size >= 4) return cpu.store<u32>(insn, 0, cpu.s.cr0);
    return cpu.store<u16>(insn, 0, static_cast<u16>(cpu.s.cr0));
}

Fault invlpg(Cpu& cpu, const Insn& insn) {
    if (insn.op[0].kind != OperandKind::Mem) return Fault::ud();
    if (cpu.cpl() != 0) return Fault::gp(0);
    // No limit or rights check is made on the operand.
    cpu.invalidate_page({(cpu.s.seg[insn.mem.seg].base + cpu.effective_address(insn)) & 0xFFFFFFFF});
    return Fault::none();
}

} // namespace exec
} // namespace r86

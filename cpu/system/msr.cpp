/// Model-specific registers: SDM Vol. 4, chapter 2; SDM Vol. 3, 11.11 "Memory Type Range Registers", 11.12 "PAT",
/// 15.3 "Machine-Check MSRs". What is not listed is #GP(0).
/// NOT IMPLEMENTED: effects of MTRRs and PAT (there is no cache), performance counters, last-branch records
/// (IA32_DEBUGCTL reads as zero), microcode updates (the trigger is accepted, nothing is loaded).
#include "cpu/cpu.h"

namespace r86 {

namespace {

enum Msr : u32 {
    kP5McAddr = 0x0,
    kP5McType = 0x1,
    kTimeStampCounter = 0x10,
    kPlatformId = 0x17,
    kApicBase = 0x1B,
    kEblCrPowerOn = 0x2A,
    kEbcFrequencyId = 0x2C,
    kBiosUpdateTrigger = 0x79,
    kBiosSignId = 0x8B,
    kPerfCounter0 = 0xC1,
    kPerfCounter1 = 0xC2,
    kMtrrCap = 0xFE,
    kBblCrCtl = 0x119,
    kBblCrCtl3 = 0x11E,
    kSysenterCs = 0x174,
    kSysenterEsp = 0x175,
    kSysenterEip = 0x176,
    kMcgCap = 0x179,
    kMcgStatus = 0x17A,
    kMcgCtl = 0x17B,
    kPerfEvtSel0 = 0x186,
    kPerfEvtSel1 = 0x187,
    kMiscEnable = 0x1A0,
    kDebugCtl = 0x1D9,
    kMtrrPhysBase0 = 0x200,
    kMtrrPhysMask7 = 0x20F,
    kMtrrFix64K = 0x250,
    kMtrrFix16K = 0x258,
    kMtrrFix4K = 0x268,
    kPat = 0x277,
    kMtrrDefType = 0x2FF,
    kMc0Ctl = 0x400,
    kEfer = 0xC0000080,
};

constexpr unsigned kMachineCheckBanks = std::tuple_size_v<decltype(Msrs::bank_control)>;
constexpr u64 kMtrrCapValue = 0x508; // 8 variable ranges, fixed ranges, write combining

unsigned family(const Cpu& cpu) { return (cpu.model.signature >> 8) & 15; }
unsigned model_number(const Cpu& cpu) { return (cpu.model.signature >> 4) & 15; }
bool has_misc_enable(const Cpu& cpu) { return family(cpu) > 6 || (family(cpu) == 6 && model_number(cpu) >= 13); }
bool has_p6_counters(const Cpu& cpu) { return family(cpu) == 6; }

u64 physical_mask(const Cpu& cpu) { return (u64{1} << cpu.model.physical_bits) - 1; }

/// Memory types that exist: UC, WC, WT, WP, WB; the PAT has UC- (7) too.
bool valid_memory_type(u64 type, bool pat) { return type <= 1 || (type >= 4 && type <= 6) || (pat && type == 7); }

bool all_types_valid(u64 eight, bool pat) {
    for (unsigned i = 0; i < 8; ++i)
        if (!valid_memory_type((eight >> (8 * i)) & 0xFF, pat)) return false;
    return true;
}

/// Index into Msrs::mtrr_fixed: one 64 KiB register, two of 16 KiB, eight of 4 KiB; -1 for other MSRs.
int fixed_mtrr(u32 index) {
    if (index == kMtrrFix64K) return 0;
    if (index == kMtrrFix16K || index == kMtrrFix16K + 1) return static_cast<int>(1 + index - kMtrrFix16K);
    if (index >= kMtrrFix4K && index < kMtrrFix4K + 8) return static_cast<int>(3 + index - kMtrrFix4K);
    return -1;
}

bool is_variable_mtrr(u32 index) { return index >= kMtrrPhysBase0 && index <= kMtrrPhysMask7; }

bool is_bank(u32 index) { return index >= kMc0Ctl && index < kMc0Ctl + 4 * kMachineCheckBanks; }

/// Where a plainly stored register lives; nullptr if the index is none of them or the model lacks it.
u64* stored_mtrr(Cpu& cpu, u32 index) {
    if (!cpu.model.has(Feature::MTRR)) return nullptr;
    if (is_variable_mtrr(index)) return &cpu.s.msr.mtrr_variable[index - kMtrrPhysBase0];
    if (fixed_mtrr(index) >= 0) return &cpu.s.msr.mtrr_fixed[static_cast<unsigned>(fixed_mtrr(index))];
    return index == kMtrrDefType ? &cpu.s.msr.mtrr_def_type : nullptr;
}

bool mtrr_value_legal(const Cpu& cpu, u32 index, u64 value) {
    if (is_variable_mtrr(index)) {
        const u64 address = physical_mask(cpu) & ~kPageMask;
        if (index & 1) return !(value & ~(address | 0x800)); // mask and V
        return !(value & ~(address | 0xFF)) && valid_memory_type(value & 0xFF, false);
    }
    if (index == kMtrrDefType) return !(value & ~u64{0xCFF}) && valid_memory_type(value & 0xFF, false);
    return all_types_valid(value, false);
}

} // namespace

Fault Cpu::read_msr(u32 index, u64& value) {
    const auto give = [&](bool exists, u64 what) {
        if (!exists) return Fault::gp(0);
        value = what;
        return Fault::none();
    };
    if (const u64* mtrr = stored_mtrr(*this, index)) return give(true, *mtrr);
    if (is_bank(index)) // MCi_CTL; STATUS, ADDR, MISC: nothing ever happened
        return give(model.has(Feature::MCA), index % 4 == 0 ? s.msr.bank_control[(index - kMc0Ctl) / 4] : 0);
    switch (index) {
    case kP5McAddr: return give(model.has(Feature::MCE), s.msr.machine_check[0]);
    case kP5McType: return give(model.has(Feature::MCE), s.msr.machine_check[1]);
    case kTimeStampCounter: return give(model.has(Feature::TSC), time_stamp_counter());
    case kPlatformId: return give(family(*this) >= 6, 0);
    case kApicBase: return give(model.has(Feature::APIC), s.msr.apic_base);
    case kEblCrPowerOn: return give(family(*this) >= 6, 0);
    case kEbcFrequencyId: return give(family(*this) == 15, 0);
    case kBiosSignId: return give(family(*this) >= 6, s.msr.bios_update);
    case kPerfCounter0:
    case kPerfCounter1:
    case kPerfEvtSel0:
    case kPerfEvtSel1: return give(has_p6_counters(*this), 0);
    case kMtrrCap: return give(model.has(Feature::MTRR), kMtrrCapValue);
    case kBblCrCtl:
    case kBblCrCtl3: return give(family(*this) == 6, 0);
    case kSysenterCs: return give(model.has(Feature::SEP), s.msr.sysenter_cs);
    case kSysenterEsp: return give(model.has(Feature::SEP), s.msr.sysenter_esp);
    case kSysenterEip: return give(model.has(Feature::SEP), s.msr.sysenter_eip);
    case kMcgCap: return give(model.has(Feature::MCA), 0x100 | kMachineCheckBanks); // MCG_CTL_P
    case kMcgStatus: return give(model.has(Feature::MCA), s.msr.machine_check[2]);
    case kMcgCtl: return give(model.has(Feature::MCA), s.msr.machine_check[3]);
    case kMiscEnable: return give(has_misc_enable(*this), s.msr.misc_enable);
    case kDebugCtl: return give(family(*this) >= 6, 0);
    case kPat: return give(model.has(Feature::PAT), s.msr.pat);
    case kEfer: return give(model.has(Feature::NX), s.msr.efer);
    default: return Fault::gp(0);
    }
}

Fault Cpu::write_msr(u32 index, u64 value) {
    const auto refuse_unless = [](bool legal) { return legal ? Fault::none() : Fault::gp(0); };
    const auto store = [&](bool legal, auto& where) {
        if (!legal) return Fault::gp(0);
        where = static_cast<std::remove_reference_t<decltype(where)>>(value);
        return Fault::none();
    };
    if (u64* mtrr = stored_mtrr(*this, index)) return store(mtrr_value_legal(*this, index, value), *mtrr);
    if (is_bank(index)) {
        // MCi_CTL takes all ones or all zeros on these processors (SDM Vol. 3, 15.3.2.1), MCi_STATUS may only be
        // cleared (15.3.2.2).
        const bool whole = value == 0 || value == ~u64{0};
        if (index % 4 == 0) return store(model.has(Feature::MCA) && whole, s.msr.bank_control[(index - kMc0Ctl) / 4]);
        return refuse_unless(model.has(Feature::MCA) && (index % 4 != 1 || value == 0));
    }
    switch (index) {
    case kP5McAddr: return store(model.has(Feature::MCE), s.msr.machine_check[0]);
    case kP5McType: return store(model.has(Feature::MCE), s.msr.machine_check[1]);
    case kTimeStampCounter:
        if (!model.has(Feature::TSC)) return Fault::gp(0);
        s.msr.tsc_offset = static_cast<i64>(value - clock.ns_at(s.tick));
        return Fault::none();
    case kApicBase: // BSP (read-only in effect), EN and the base
        if (!model.has(Feature::APIC) || (value & ~((physical_mask(*this) & ~kPageMask) | 0x900))) return Fault::gp(0);
        s.msr.apic_base = (value & ~u64{0x100}) | (s.msr.apic_base & 0x100);
        if (hooks.apic_base) hooks.apic_base(s.msr.apic_base);
        return Fault::none();
    case kPlatformId: return Fault::gp(0);
    case kEblCrPowerOn:
    case kBiosUpdateTrigger: return refuse_unless(family(*this) >= 6);
    case kEbcFrequencyId: return refuse_unless(family(*this) == 15);
    case kBiosSignId: return store(family(*this) >= 6, s.msr.bios_update);
    case kPerfCounter0:
    case kPerfCounter1:
    case kPerfEvtSel0:
    case kPerfEvtSel1: return refuse_unless(has_p6_counters(*this));
    case kBblCrCtl:
    case kBblCrCtl3: return refuse_unless(family(*this) == 6);
    case kSysenterCs: return store(model.has(Feature::SEP), s.msr.sysenter_cs);
    case kSysenterEsp: value &= 0xFFFFFFFF; return store(model.has(Feature::SEP), s.msr.sysenter_esp);
    case kSysenterEip: value &= 0xFFFFFFFF; return store(model.has(Feature::SEP), s.msr.sysenter_eip);
    case kMcgStatus: return store(model.has(Feature::MCA), s.msr.machine_check[2]);
    case kMcgCtl: return store(model.has(Feature::MCA), s.msr.machine_check[3]);
    case kMiscEnable: return store(has_misc_enable(*this), s.msr.misc_enable);
    case kDebugCtl: return refuse_unless(family(*this) >= 6);
    case kPat: return store(model.has(Feature::PAT) && all_types_valid(value, true), s.msr.pat);
    case kEfer:
        if (!model.has(Feature::NX) || (value & ~u64{kEFER_NXE})) return Fault::gp(0);
        s.msr.efer = value;
        flush_translations();
        update_mode();
        return Fault::none();
    default: return Fault::gp(0);
    }
}

} // namespace r86

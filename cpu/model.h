#pragma once
/// Processor models are data: a named model sets what CPUID says and what the processor accepts.
#include "core/types.h"
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace r86 {

/// Feature bits: CPUID.01H:EDX in bits 0-31, CPUID.01H:ECX in bits 32-63. A set bit always works, MSRs included.
enum class Feature : u8 {
    FPU = 0,
    VME = 1,
    DE = 2,
    PSE = 3,
    TSC = 4,
    MSR = 5,
    PAE = 6,
    MCE = 7,
    CX8 = 8,
    APIC = 9,
    SEP = 11,
    MTRR = 12,
    PGE = 13,
    MCA = 14,
    CMOV = 15,
    PAT = 16,
    PSE36 = 17,
    CLFSH = 19,
    MMX = 23,
    FXSR = 24,
    SSE = 25,
    SSE2 = 26,
    SS = 27,
    SSE3 = 32,
    MONITOR = 32 + 3,
    SSSE3 = 32 + 9,
    CX16 = 32 + 13,
    MOVBE = 32 + 22,
    POPCNT = 32 + 23,
    NX = 64,      ///< CPUID.80000001H:EDX bit 20
    CPUID = 65,   ///< the instruction itself and EFLAGS.ID
    I486 = 66,    ///< BSWAP, CMPXCHG, XADD, INVLPG, INVD, WBINVD, EFLAGS.AC
    SYSCALL = 67, ///< CPUID.80000001H:EDX bit 11
    LM = 68,      ///< CPUID.80000001H:EDX bit 29: SWAPGS
    RDTSCP = 69,  ///< CPUID.80000001H:EDX bit 27
    Count
};

struct CpuModel {
    std::string name;
    std::string description;
    std::string vendor; ///< 12 characters
    std::string brand;  ///< at most 47 characters; empty: no leaves 80000002H-80000004H
    u32 signature = 0;  ///< CPUID.01H:EAX
    u32 max_leaf = 0;
    u32 mxcsr_mask = 0xFFFF;
    u8 physical_bits = 32;
    u16 pause_ticks = 0;           ///< that PAUSE waits beside its own, unless an event ends it before; 0: it is NOP
    std::array<u64, 2> features{}; ///< bit n: Feature n

    bool has(Feature feature) const {
        const unsigned n = static_cast<unsigned>(feature);
        return (features[n / 64] >> (n % 64)) & 1;
    }
    void set(Feature feature, bool on = true) {
        const unsigned n = static_cast<unsigned>(feature);
        if (on)
            features[n / 64] |= u64{1} << (n % 64);
        else
            features[n / 64] &= ~(u64{1} << (n % 64));
    }
};

/// 486, pentium, pentium3, pentium4 (default), max.
const std::vector<CpuModel>& cpu_models();
/// "NAME[,+FEATURE][,-FEATURE][,cpuid-limit=N]". Throws UserError that names what is wrong and what there is.
CpuModel find_cpu_model(std::string_view specification);
/// CPUID's answer for a leaf and subleaf: EAX, EBX, ECX, EDX (SDM Vol. 2, CPUID).
std::array<u32, 4> cpuid(const CpuModel& model, u32 leaf, u32 subleaf, u32 cr4);

} // namespace r86

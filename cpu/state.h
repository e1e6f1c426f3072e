#pragma once
/// The architectural state of the processor: one standard-layout struct with fixed offsets, so that a handler or
/// generated code reaches everything from one register. Caches (TLB, blocks) are not in here.
#include "core/types.h"
#include "cpu/flags.h"
#include "cpu/insn.h"
#include <array>

namespace r86 {

/// 80-bit extended precision, SDM Vol. 1, 8.2. Padded to 16 bytes.
struct Float80 {
    u64 significand = 0;
    u16 sign_exponent = 0;
    constexpr bool operator==(const Float80&) const = default;
};

/// A segment register with its hidden part, SDM Vol. 3, 3.4.3.
struct Segment {
    u16 selector = 0;
    /// Descriptor bits 40-47 in bits 0-7 (type, S, DPL, P) and bits 52-55 (AVL, L, D/B, G) in bits 8-11.
    u16 attributes = 0;
    u32 limit = 0xFFFF; ///< in bytes, granularity applied
    u64 base = 0;
    bool null = false; ///< loaded with a null selector: any use faults

    u8 type() const { return attributes & 15; }
    bool s() const { return attributes & 0x10; }
    u8 dpl() const { return (attributes >> 5) & 3; }
    bool p() const { return attributes & 0x80; }
    bool l() const { return attributes & 0x200; }
    bool db() const { return attributes & 0x400; }
    bool g() const { return attributes & 0x800; }
    bool code() const { return (attributes & 0x18) == 0x18; }
    bool readable() const { return !(attributes & 8) || (attributes & 2); }
    bool writable() const { return (attributes & 0xA) == 2; }
    bool expand_down() const { return (attributes & 0xC) == 4; }
    bool conforming() const { return (attributes & 0xC) == 0xC; }
};

struct DescriptorTable {
    u64 base = 0;
    u16 limit = 0xFFFF;
};

// CR0, SDM Vol. 3, 2.5.
inline constexpr u32 kCR0_PE = 1u << 0, kCR0_MP = 1u << 1, kCR0_EM = 1u << 2, kCR0_TS = 1u << 3, kCR0_ET = 1u << 4,
                     kCR0_NE = 1u << 5, kCR0_WP = 1u << 16, kCR0_AM = 1u << 18, kCR0_NW = 1u << 29, kCR0_CD = 1u << 30,
                     kCR0_PG = 1u << 31;
// CR4.
inline constexpr u32 kCR4_VME = 1u << 0, kCR4_PVI = 1u << 1, kCR4_TSD = 1u << 2, kCR4_DE = 1u << 3, kCR4_PSE = 1u << 4,
                     kCR4_PAE = 1u << 5, kCR4_MCE = 1u << 6, kCR4_PGE = 1u << 7, kCR4_PCE = 1u << 8,
                     kCR4_OSFXSR = 1u << 9, kCR4_OSXMMEXCPT = 1u << 10;
inline constexpr u32 kEFER_SCE = 1u << 0, kEFER_LME = 1u << 8, kEFER_LMA = 1u << 10, kEFER_NXE = 1u << 11;

struct X87State {
    std::array<Float80, 8> st; ///< physical registers R0-R7; ST(i) is R[(TOP + i) & 7]
    u16 control = 0x0040;
    u16 status = 0;             ///< including TOP in bits 11-13
    u16 tag = 0x5555;           ///< R0 in bits 0-1: 3 empty, 1 not; what else the tag word says: fpu::tag_word
    u16 opcode = 0;             ///< FOP, 11 bits
    u32 instruction_offset = 0; ///< FIP
    u16 instruction_selector = 0;
    u32 operand_offset = 0; ///< FDP
    u16 operand_selector = 0;
    bool ferr = false;  ///< FERR# is asserted (CR0.NE = 0 and an unmasked exception is pending)
    bool ignne = false; ///< IGNNE# input
};

/// Vector register: 128 bits used now, room for 256.
struct alignas(32) VectorRegister {
    std::array<u8, 32> bytes{};
};

struct Msrs {
    u64 apic_base = 0xFEE00900;
    u64 efer = 0;
    u32 sysenter_cs = 0;
    u64 sysenter_esp = 0;
    u64 sysenter_eip = 0;
    u64 pat = 0x0007040600070406;
    u64 mtrr_def_type = 0;
    std::array<u64, 16> mtrr_variable{}; ///< base, mask pairs
    std::array<u64, 11> mtrr_fixed{};
    i64 tsc_offset = 0;
    u64 bios_update = 0; ///< IA32_BIOS_SIGN_ID
    u64 misc_enable = 1;
    u64 star = 0; ///< SYSCALL, for long mode and AMD-like models
    u64 lstar = 0, cstar = 0, fmask = 0, kernel_gs_base = 0;
    std::array<u64, 4> machine_check{}; ///< P5_MC_ADDR, P5_MC_TYPE, MCG_STATUS, MCG_CTL
    std::array<u64, 4> bank_control{~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}}; ///< MCi_CTL: every error enabled
};

struct CpuState {
    // What every handler touches comes first, within the first cache lines.
    LazyFlags flags; ///< status flags
    std::array<u64, 16> gpr{};
    u64 zero = 0;     ///< reads as register 16: "no base" and "no index" of an address
    u32 eflags = 2;   ///< all other EFLAGS bits (status bits are zero here); bit 1 is always one
    u64 rip = 0;      ///< offset in CS of the current instruction; between instructions, of the next one
    u64 next_rip = 0; ///< while a semantic function runs: where execution goes on

    std::array<Segment, kSegments> seg;
    Segment ldtr, tr;
    DescriptorTable gdtr, idtr;
    u32 cr0 = 0x60000010;
    u64 cr2 = 0, cr3 = 0;
    u32 cr4 = 0;
    std::array<u64, 4> pdpte{}; ///< PAE: loaded with CR3, SDM Vol. 3, 4.4.1
    std::array<u64, 8> dr{0, 0, 0, 0, 0, 0, 0xFFFF0FF0, 0x400};
    std::array<u32, 8> test{}; ///< TR3-TR7 of the 386 and 486
    Msrs msr;

    X87State x87;
    std::array<VectorRegister, 16> vector;
    u32 mxcsr = 0x1F80;

    // Interrupt machinery.
    bool a20 = true;
    bool halted = false;
    bool shutdown = false; ///< triple fault: waits for a reset
    bool smm = false;
    bool nmi_blocked = false; ///< until IRET
    bool nmi_pending = false;
    bool smi_pending = false;
    bool intr = false;     ///< level of the INTR pin
    u8 shadow = 0;         ///< kShadow*: what the previous instruction inhibits at this boundary
    u32 debug_pending = 0; ///< DR6 bits of traps to report after this instruction
    u32 smbase = 0x30000;
    u8 external_event = 0; ///< EXT bit for error codes while an external event or exception is delivered
    /// The boundary behind an iteration of a repeated string instruction with more to do; kNever: there is none.
    Tick repeat_tick = kNever;
    Tick pause_end = 0; ///< PAUSE waits until then, or for the next event; 0: none does

    Tick tick = 0;     ///< position; exact at every call-out and between run() calls
    u64 unretired = 0; ///< ticks that were no instruction: deliveries, skipped halts, waits of PAUSE

    u64 retired() const { return tick - unretired; }

    /// In the middle of a repeated string instruction. Whatever comes between two iterations takes a tick, so it ends
    /// this by itself; the instruction then begins anew.
    bool in_repeat() const { return repeat_tick == tick; }
    void continue_repeat(Tick boundary) { repeat_tick = boundary; }
    void end_repeat() { repeat_tick = kNever; }

    /// The next instruction has to wait: HLT, or PAUSE.
    bool waiting() const { return halted || pause_end != 0; }
};

/// Interrupt shadow, SDM Vol. 3, 6.8.3 "Masking Exceptions and Interrupts When Switching Stacks", STI.
inline constexpr u8 kShadowSti = 1;
inline constexpr u8 kShadowMovSs = 2;

} // namespace r86

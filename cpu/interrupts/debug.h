#pragma once
/// Debug registers: SDM Vol. 3, 17.2 "Debug Registers", 17.3 "Debug Exceptions". The match functions return the DR6
/// bits B0-B3 of the enabled breakpoints that an access hits.
#include "core/types.h"
#include "cpu/fault.h"

namespace r86 {

class Cpu;
struct CpuState;

inline constexpr u32 kDR6_BD = 1u << 13, kDR6_BS = 1u << 14, kDR6_BT = 1u << 15;
inline constexpr u32 kDR7_GD = 1u << 13;

u32 match_data_breakpoints(const CpuState& s, u64 linear, unsigned length, bool write);
/// Only with CR4.DE.
u32 match_io_breakpoints(const CpuState& s, u16 port, unsigned size);
/// The caller leaves instruction breakpoints alone while EFLAGS.RF is set.
bool match_instruction_breakpoint(const CpuState& s, u64 linear);

/// Before an instruction: reports the instruction breakpoints at `linear` in DR6 and delivers #DB as a fault.
void raise_instruction_breakpoint(Cpu& cpu, u64 linear);
/// After an instruction: moves s.debug_pending to DR6 and delivers #DB as a trap; s.rip is the next instruction's.
void raise_debug_trap(Cpu& cpu);

} // namespace r86

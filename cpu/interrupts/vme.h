#pragma once
/// Software interrupts of virtual-8086 mode: SDM Vol. 3, 20.3.3 "Class 3", table 20-2.
#include "cpu/cpu.h"

namespace r86 {

/// INT n in virtual-8086 mode: #GP(0), or delivered to the 8086 program's own handler (`redirected`), or left to the
/// protected-mode handler.
Fault redirect_v86_interrupt(Cpu& cpu, u8 vector, u32 return_offset, bool& redirected);

} // namespace r86

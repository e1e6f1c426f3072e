#pragma once
/// What the board's set-up program would have left in CMOS RAM: memory sizes, drive types, boot order.
#include "machine/config.h"

namespace r86 {

void set_up_cmos(Mc146818& rtc, const MachineConfig& config);
/// The letters that are tried, after defaults.
std::string effective_boot_order(const MachineConfig& config);

} // namespace r86

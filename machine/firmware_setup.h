#pragma once
/// Fills the firmware configuration device: what SeaBIOS learns about this machine.
#include "cpu/model.h"
#include "devices/fw_cfg.h"
#include "machine/config.h"
#include <functional>

namespace r86 {

/// `pm_base`: where the power management ports stand, 0 for nowhere yet; the ACPI tables name them as of when they are
/// read.
void set_up_fw_cfg(FwCfg& fw_cfg, const MachineConfig& config, const CpuModel& model, std::function<u16()> pm_base);

} // namespace r86

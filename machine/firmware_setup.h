#pragma once
/// Fills the firmware configuration device: what SeaBIOS learns about this machine.
#include "cpu/model.h"
#include "devices/fw_cfg.h"
#include "machine/config.h"

namespace r86 {

void set_up_fw_cfg(FwCfg& fw_cfg, const MachineConfig& config, const CpuModel& model);

} // namespace r86

#pragma once
/// From options to a machine: opens images and firmware, and says what is wrong with them.
#include "frontend/cli/options.h"
#include "machine/config.h"

namespace r86 {

/// Throws UserError. Byte sinks are left to the caller. `interactive`: somebody looks at a display.
MachineConfig make_machine_config(const Options& options, bool interactive);

} // namespace r86

#pragma once
/// A machine's state as a file of `savestate`: what machine it belongs to, and a check of its content.
#include "machine/machine.h"

namespace r86 {

/// Throws UserError if the file cannot be written.
void save_state_file(Machine& machine, const std::string& path);
/// Throws UserError, and leaves the machine as it was, if the file is no state, damaged, or another machine's.
void load_state_file(Machine& machine, const std::string& path);

} // namespace r86

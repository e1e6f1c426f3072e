#pragma once
/// A session from its options to its exit status.
#include "frontend/cli/options.h"

namespace r86 {

/// Throws UserError before anything has started.
int run_program(const Options& options);

} // namespace r86

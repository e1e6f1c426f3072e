#pragma once
/// SEG:OFF as a linear address, in the mode in which the processor is.
#include "machine/machine.h"
#include <optional>
#include <string>

namespace r86::gdb {

/// "1234:5678" in hexadecimal, or a segment register before the colon ("ds:10"). In protected mode a number is a
/// selector, looked up in the tables as they stand in memory. Throws UserError if there is no such segment.
u64 linear_of(Machine& machine, const std::string& text);

} // namespace r86::gdb

#pragma once
/// The processor's registers as GDB numbers them, and the description that tells it so.
#include "machine/machine.h"
#include <string>
#include <vector>

namespace r86::gdb {

/// target.xml. EIP and ESP are linear where a segment has a base, because GDB knows no segments.
std::string target_description(const Machine& machine);
usize register_count();
/// Little-endian bytes.
std::vector<u8> read_register(const Machine& machine, usize number);
/// As inputs for the machine's door; empty: that register cannot be written.
std::vector<HostInput> write_register(const Machine& machine, usize number, const std::vector<u8>& value);

} // namespace r86::gdb

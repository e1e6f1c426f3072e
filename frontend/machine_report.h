#pragma once
/// A machine's insides as text: what scripts print and what is shown when a guest stops dead.
#include "machine/machine.h"
#include <string>
#include <vector>

namespace r86 {

/// `name=hex` lines: every register of the processor, raw st0-7, mm0-7, xmm0-7 and mxcsr included.
std::vector<std::string> register_lines(const Machine& machine);
/// Bytes in hex, sixteen a line.
std::vector<std::string> hex_lines(const std::vector<u8>& bytes);
/// `CS:EIP` in hex.
std::string cs_eip(const Machine& machine);
/// The code that ends at CS:EIP and what follows, disassembled: in the guest's memory, not a record of what ran.
std::vector<std::string> code_lines(Machine& machine);

} // namespace r86

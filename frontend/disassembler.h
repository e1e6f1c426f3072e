#pragma once
/// Instructions as a person reads them: through Capstone where the host has it, else mnemonics from the project's own
/// table.
#include "core/types.h"
#include <span>
#include <string>

namespace r86 {

struct Disassembled {
    unsigned length = 0; ///< 0: no valid instruction
    std::string text;
};

Disassembled disassemble(std::span<const u8> bytes, u64 address, bool code32);

} // namespace r86

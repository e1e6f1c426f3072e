#pragma once
/// Instruction vectors: what one instruction did on real hardware. Reads the MOO container (Machine Opcode Operation
/// file, version 1.0 and 1.1, github.com/dbalsom/moo: doc/moo_format_v1.md), plain or inside gzip, and the JSON form of
/// the older 8088 and 8086 sets.
#include "core/types.h"
#include <array>
#include <string>
#include <utility>
#include <vector>

namespace r86::vectors {

/// All registers that any of the sets knows, in the order of a MOO RG32 chunk.
enum Register : u8 {
    Cr0,
    Cr3,
    Eax,
    Ebx,
    Ecx,
    Edx,
    Esi,
    Edi,
    Ebp,
    Esp,
    Cs,
    Ds,
    Es,
    Fs,
    Gs,
    Ss,
    Eip,
    Eflags,
    Dr6,
    Dr7,
    kRegisters
};
const char* register_name(unsigned reg);

struct State {
    u32 present = 0; ///< bit n: Register n was recorded
    std::array<u32, kRegisters> regs{};
    std::vector<std::pair<u32, u8>> ram; ///< physical address, value
};

struct Vector {
    u32 index = 0;
    std::string name;
    std::vector<u8> bytes; ///< with prefixes, and with the terminating HLT where the set has one
    /// `after` holds only what changed.
    State before, after;
    /// Bits that are defined, from RMSK and RM32 chunks: all ones without.
    std::array<u32, kRegisters> mask{};
    bool exception = false; ///< an exception or interrupt was taken
    u8 exception_number = 0;
    u32 flags_address = 0; ///< of the pushed FLAGS
};

struct File {
    std::string cpu;   ///< "C286", "386E", "8088", ... as the file says
    bool wide = false; ///< 32-bit registers
    std::vector<Vector> tests;
};

/// Throws std::runtime_error with a sentence about what is wrong.
File load(const std::string& path);

} // namespace r86::vectors

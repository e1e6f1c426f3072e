#pragma once
/// Instruction decoder for 16-, 32- and 64-bit code. SDM Vol. 2, chapter 2 "Instruction Format" and appendix A.
///
/// The rows of the instruction table are laid out at construction into flat arrays of row numbers by mode, map, prefix
/// column and opcode; rows that the processor model lacks stay out, so that their opcodes are invalid. Decoding looks
/// up at most three of these numbers, allocates nothing and reads nothing but the bytes given.
///
/// NOT IMPLEMENTED: VEX, EVEX, XOP and 3DNow! encodings and what came after SSSE3 except MOVBE and POPCNT: all #UD.
#include "cpu/decoder/table.h"
#include "cpu/insn.h"
#include "cpu/model.h"
#include <span>
#include <string>
#include <vector>

namespace r86 {

enum class CodeSize : u8 { Bits16, Bits32, Bits64 };

enum class DecodeResult : u8 {
    Ok,
    Invalid,       ///< #UD: row 0, semantic `ud`; length is what had been read when it became clear
    NeedMoreBytes, ///< the span ends (before 15 bytes) inside the instruction
    TooLong,       ///< longer than 15 bytes: #GP(0)
};

inline constexpr unsigned kMaxInstructionLength = 15; // SDM Vol. 2, 2.3.11 "Instruction Length"

class Decoder {
public:
    explicit Decoder(const CpuModel& model);

    /// Fills `out` completely unless it returns NeedMoreBytes or TooLong. UD0, UD1 and UD2 are Ok.
    DecodeResult decode(std::span<const u8> bytes, CodeSize size, Insn& out) const;

private:
    static constexpr unsigned kColumns = 4;
    static constexpr unsigned kGroupSize = 16; // memory forms by ModRM.reg, then register forms
    static constexpr u16 kGroup = 0x4000;      // the rest is a group's number
    static constexpr u16 kByRm = 0x8000;       // inside a group: the rest is the number of a list of eight by ModRM.rm

    using Slots = std::array<u16, kOpcodeMaps * kColumns * 256>;

    void place(u16 index, bool long_mode);
    u16 lookup(const Slots& slots, unsigned slot, u8 modrm) const;

    std::array<Slots, 2> slots_{}; // outside and in 64-bit mode
    std::vector<std::array<u16, kGroupSize>> groups_;
    std::vector<std::array<u16, 8>> by_rm_;
};

/// "add", "jnz", "cwde", "movsb", ...: Intel's spelling, conditions and sizes filled in, lower case.
std::string mnemonic_text(const Insn& insn);

} // namespace r86

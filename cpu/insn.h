#pragma once
/// A decoded instruction, as the decoder hands it to everybody else (block builder, semantics, inspector).
#include "core/types.h"
#include <array>

namespace r86 {

/// SDM Vol. 2, table 2-2 order; the number in a ModRM reg field of MOV Sreg.
enum Seg : u8 { ES, CS, SS, DS, FS, GS, kSegments };
/// General register numbers, SDM Vol. 2, 2.1.5.
enum Gpr : u8 { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, kNoReg = 0xFF };

enum class OperandKind : u8 {
    None,
    Gpr,     ///< `reg`; width 1 without REX: 4-7 are AH CH DH BH (Insn::rex == 0)
    Segment, ///< segment register
    Control,
    Debug,
    Test,
    X87, ///< ST(reg)
    Mmx,
    Xmm,
    Mem,    ///< Insn::mem
    Imm,    ///< Insn::imm, sign- or zero-extended to 64 bits as the instruction wants it
    Imm2,   ///< Insn::imm2: ENTER's nesting level
    Rel,    ///< Insn::imm is a sign-extended displacement from the next instruction
    FarPtr, ///< Insn::imm offset, Insn::imm2 selector
};

struct Operand {
    OperandKind kind = OperandKind::None;
    u8 reg = 0;
    u8 width = 0; ///< bytes: 1, 2, 4, 6, 8, 10, 16, ...; 0 where it has none (LEA, INVLPG, FXSAVE areas)
};

enum PrefixBits : u8 {
    kPrefixLock = 1,
    kPrefixRepne = 2, ///< F2
    kPrefixRep = 4,   ///< F3
    kPrefixSegment = 8,
    kPrefixOperandSize = 16, ///< 66
    kPrefixAddressSize = 32, ///< 67
};

/// Logical address of a memory operand: seg:[base + index * 2^scale + disp], wrapped to address_size.
struct MemOperand {
    u8 seg = DS;       ///< after overrides and the SS default of BP/SP based forms
    u8 base = kNoReg;  ///< general register
    u8 index = kNoReg; ///< general register
    u8 scale = 0;      ///< log2
    bool rip = false;  ///< long mode: relative to the next instruction
    i64 disp = 0;
};

enum class Mnemonic : u16; // cpu/decoder/mnemonics.h

struct Insn {
    u16 row = 0; ///< index into the instruction table; 0 is "invalid opcode"
    Mnemonic mnemonic{};
    u8 length = 0;       ///< bytes, 1 to 15
    u8 prefixes = 0;     ///< PrefixBits (the last of F2/F3 wins)
    u8 rex = 0;          ///< 40h-4Fh or 0
    u8 opcode = 0;       ///< last opcode byte
    u8 modrm = 0;        ///< 0 if there is none
    u8 operand_size = 4; ///< 2, 4 or 8
    u8 address_size = 4; ///< 2, 4 or 8
    u8 operand_count = 0;
    // Where values stand in the code as they are: offset from the first byte, and size (0: there is none).
    u8 disp_at = 0;
    u8 disp_size = 0;
    u8 imm_at = 0;
    u8 imm_size = 0;
    std::array<Operand, 4> op;
    MemOperand mem;
    u64 imm = 0;
    u64 imm2 = 0;

    bool lock() const { return prefixes & kPrefixLock; }
    bool rep() const { return prefixes & kPrefixRep; }
    bool repne() const { return prefixes & kPrefixRepne; }
    u8 modrm_mod() const { return modrm >> 6; }
    u8 modrm_reg() const { return (modrm >> 3) & 7; }
    u8 modrm_rm() const { return modrm & 7; }
};

} // namespace r86

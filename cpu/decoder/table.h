#pragma once
/// The instruction table: one row per opcode form, the single source of truth for decoder, block builder, interpreter,
/// inspector and tests. The rows stand in cpu/decoder/opcodes.inc and the files that it includes.
#include "cpu/decoder/mnemonics.h"
#include "cpu/decoder/operand_codes.h"
#include "cpu/insn.h"
#include "cpu/model.h"
#include "cpu/semantics.h"
#include <array>
#include <span>

namespace r86 {

/// Opcode maps, SDM Vol. 2, A.2.4 "Opcode Look-up Examples".
enum class OpcodeMap : u8 { OneByte, TwoByte, ThreeByte38, ThreeByte3A };
inline constexpr unsigned kOpcodeMaps = 4;

/// Which of the mandatory-prefix columns of the maps (SDM Vol. 2, A.2.1) a row stands in; a mask.
enum PrefixColumn : u8 {
    kColumnNone = 1, ///< no 66, F2 or F3
    kColumn66 = 2,
    kColumnF3 = 4, ///< beats 66; of F2 and F3 the last one counts
    kColumnF2 = 8,
};

/// What follows the opcode byte, and which ModRM bytes belong to the row. `reg` and `rm`: 0-7, or kAny.
struct OpcodeForm {
    static constexpr u8 kAny = 0xFF;
    enum Mod : u8 { Both, Memory, Register, Ignored }; ///< Ignored: always a register (MOV CRn)

    u8 span = 1; ///< consecutive opcodes: 8 for +r, 16 for +cc
    bool modrm = false;
    Mod mod = Both;
    u8 reg = kAny;
    u8 rm = kAny;

    constexpr bool matches(u8 byte) const {
        const bool is_register = byte >= 0xC0;
        return (mod == Both || mod == Ignored || (mod == Register) == is_register) &&
               (reg == kAny || reg == ((byte >> 3) & 7)) && (rm == kAny || (rm == (byte & 7) && is_register));
    }
};

enum Attribute : u32 {
    kLockable = 1u << 0,   ///< LOCK is legal with a memory destination
    kEndsBlock = 1u << 1,  ///< changes the control flow, the mode, a segment, or must be seen at once by the board
    kPrivileged = 1u << 2, ///< CPL 0 only, or IOPL-sensitive; the semantic function checks
    kInvalid64 = 1u << 3,  ///< #UD in 64-bit mode
    kOnly64 = 1u << 4,     ///< #UD outside 64-bit mode
    kDefault64 = 1u << 5,  ///< 64-bit mode: operand size 64 without REX.W, 16 with 66
    kForce64 = 1u << 6,    ///< 64-bit mode: operand size 64 always
    kString = 1u << 7,     ///< string instruction: REP counts
    kConditionalFlags = 1u << 8, ///< may leave the written flags alone (shift by zero, failed REP CMPS)
    kReadsFirst = 1u << 9,       ///< the first operand is only read (CMP, PUSH, JMP)
    kWritesFirst = 1u << 10,     ///< the first operand is only written (MOV, SETcc)
    kNoAccess = 1u << 11,        ///< a memory operand is an address only (LEA, INVLPG, hint NOPs)
    kBefore586 = 1u << 12,       ///< 386 and 486 only (test registers)
    kBranch = 1u << 13,          ///< sets RIP other than by falling through
    kX87 = 1u << 14,             ///< #NM by CR0.EM/TS, waits for #MF as the function says
    kSimd = 1u << 15,            ///< MMX or SSE register file
    kAlias = 1u << 16,           ///< undocumented second encoding of an instruction
};

struct OpcodeRow {
    Semantic semantic = nullptr;
    u32 attributes = 0; ///< Attribute bits
    std::array<OperandCode, 4> operands{};
    Mnemonic mnemonic{};
    /// Status flags (cpu/flags.h). `written` are defined afterwards, `undefined` are changed, but to what is ours.
    u16 flags_read = 0;
    u16 flags_written = 0;
    u16 flags_undefined = 0;
    OpcodeMap map{};
    u8 opcode = 0;  ///< the first one if form.span > 1
    u8 columns = 0; ///< PrefixColumn mask
    OpcodeForm form;
    Feature feature = Feature::Count; ///< Count: there since the 80386
    const char* text = "";            ///< mnemonic as written; "cc" at its end stands for a condition
    const char* operand_text = "";    ///< "(Eb, Gb)" with the letters of SDM Vol. 2, A.2
    const char* description = "";

    constexpr bool has(Attribute attribute) const { return attributes & attribute; }
    constexpr bool ends_block() const { return has(kEndsBlock); }
    constexpr bool is_string() const { return has(kString); }
    constexpr bool lockable() const { return has(kLockable); }
    constexpr bool flags_conditional() const { return has(kConditionalFlags); }
    constexpr bool operand_size_66() const { return columns != kColumn66; } ///< 66 is not part of the opcode
};

/// Row 0 is the invalid opcode (semantic `ud`).
extern const OpcodeRow* const kFirstRow;
inline const OpcodeRow& row(u16 index) { return kFirstRow[index]; }
std::span<const OpcodeRow> all_rows();

/// EndsBlock of the row, or a repeated string instruction.
inline bool ends_block(const Insn& insn) {
    const OpcodeRow& what = row(insn.row);
    return what.ends_block() || (what.is_string() && (insn.rep() || insn.repne()));
}

} // namespace r86

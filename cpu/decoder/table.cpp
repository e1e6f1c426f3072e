// The instruction table as data, and the proof at compile time that it has neither overlaps nor holes.
#include "cpu/decoder/table.h"
#include "cpu/flags.h"

namespace r86 {

namespace {

/// The words of cpu/decoder/opcodes.inc.
namespace words {

using enum OperandCode;

constexpr u8 np = kColumnNone, p66 = kColumn66, pF3 = kColumnF3, pF2 = kColumnF2;
constexpr u8 any = np | p66 | pF3 | pF2, np_66 = np | p66, not_F3 = np | p66 | pF2;

constexpr u8 kAny = OpcodeForm::kAny;
constexpr OpcodeForm form(OpcodeForm::Mod mod, u8 reg) { return {1, true, mod, reg, kAny}; }
constexpr OpcodeForm plain{}, plus_r{.span = 8}, plus_r7{.span = 7};
constexpr OpcodeForm slash_r = form(OpcodeForm::Both, kAny), slash_m = form(OpcodeForm::Memory, kAny),
                     slash_u = form(OpcodeForm::Register, kAny), slash_i = form(OpcodeForm::Ignored, kAny);
constexpr OpcodeForm d0 = form(OpcodeForm::Both, 0), d1 = form(OpcodeForm::Both, 1), d2 = form(OpcodeForm::Both, 2),
                     d3 = form(OpcodeForm::Both, 3), d4 = form(OpcodeForm::Both, 4), d5 = form(OpcodeForm::Both, 5),
                     d6 = form(OpcodeForm::Both, 6), d7 = form(OpcodeForm::Both, 7);
constexpr OpcodeForm m0 = form(OpcodeForm::Memory, 0), m1 = form(OpcodeForm::Memory, 1),
                     m2 = form(OpcodeForm::Memory, 2), m3 = form(OpcodeForm::Memory, 3),
                     m4 = form(OpcodeForm::Memory, 4), m5 = form(OpcodeForm::Memory, 5),
                     m6 = form(OpcodeForm::Memory, 6), m7 = form(OpcodeForm::Memory, 7);
constexpr OpcodeForm u0 = form(OpcodeForm::Register, 0), u1 = form(OpcodeForm::Register, 1),
                     u2 = form(OpcodeForm::Register, 2), u3 = form(OpcodeForm::Register, 3),
                     u4 = form(OpcodeForm::Register, 4), u5 = form(OpcodeForm::Register, 5),
                     u6 = form(OpcodeForm::Register, 6), u7 = form(OpcodeForm::Register, 7);
constexpr OpcodeForm exact(u8 modrm) {
    return {1, true, OpcodeForm::Register, static_cast<u8>((modrm >> 3) & 7), static_cast<u8>(modrm & 7)};
}

constexpr Feature base = Feature::Count, I486 = Feature::I486, CPUID = Feature::CPUID, CX8 = Feature::CX8,
                  MSR = Feature::MSR, TSC = Feature::TSC, SEP = Feature::SEP, CMOV = Feature::CMOV,
                  P6 = Feature::CMOV, // came together
    MMX = Feature::MMX, FXSR = Feature::FXSR, SSE = Feature::SSE, SSE2 = Feature::SSE2, SSE3 = Feature::SSE3,
                  SSSE3 = Feature::SSSE3, MOVBE = Feature::MOVBE, POPCNT = Feature::POPCNT, CLFSH = Feature::CLFSH,
                  MONITOR = Feature::MONITOR, SYSCALL = Feature::SYSCALL, LM = Feature::LM, RDTSCP = Feature::RDTSCP;

constexpr u32 Lock = kLockable, Ends = kEndsBlock, Privileged = kPrivileged, Invalid64 = kInvalid64, Only64 = kOnly64,
              Default64 = kDefault64, Force64 = kForce64, String = kString, Conditional = kConditionalFlags,
              ReadsFirst = kReadsFirst, WritesFirst = kWritesFirst, NoAccess = kNoAccess, Before586 = kBefore586,
              Branch = kBranch, X87 = kX87, Alias = kAlias;

template <class... Codes>
constexpr std::array<OperandCode, 4> operand_list(Codes... codes) {
    return {codes...};
}

/// "SZP" to flag bits; "_" is none.
constexpr u16 flag_letters(const char* letters) {
    u32 mask = 0;
    for (; *letters; ++letters) {
        switch (*letters) {
        case 'O': mask |= kOF; break;
        case 'S': mask |= kSF; break;
        case 'Z': mask |= kZF; break;
        case 'A': mask |= kAF; break;
        case 'P': mask |= kPF; break;
        case 'C': mask |= kCF; break;
        default: break;
        }
    }
    return static_cast<u16>(mask);
}

#define R86_UD(...)
#define R86_ROW(opcode, columns, form, text, function, operands, feature, attributes, read, written, undefined, what)  \
    OpcodeRow{exec::function,                                                                                          \
              attributes,                                                                                              \
              operand_list operands,                                                                                   \
              Mnemonic::function,                                                                                      \
              flag_letters(#read),                                                                                     \
              flag_letters(#written),                                                                                  \
              flag_letters(#undefined),                                                                                \
              R86_MAP,                                                                                                 \
              opcode,                                                                                                  \
              columns,                                                                                                 \
              form,                                                                                                    \
              feature,                                                                                                 \
              text,                                                                                                    \
              #operands,                                                                                               \
              what},
#define R86_SIMD(opcode, columns, form, text, function, operands, feature, attributes, written, what)                  \
    R86_ROW(opcode, columns, form, text, function, operands, feature, kSimd | attributes, _, written, _, what)
#define R86_X87(opcode, form, text, function, operands, feature, attributes, read, written, what)                      \
    R86_ROW(opcode, any, form, text, function, operands, feature, kX87 | attributes, read, written, _, what)

constexpr OpcodeRow kRows[] = {
    {exec::ud,
     kEndsBlock,
     {},
     Mnemonic::ud,
     0,
     0,
     0,
     OpcodeMap::OneByte,
     0,
     0,
     {},
     base,
     "(bad)",
     "()",
     "Invalid opcode"},
#include "cpu/decoder/opcodes.inc"
};

#undef R86_ROW
#undef R86_SIMD
#undef R86_X87
#undef R86_UD

/// Opcodes that are no instruction, by name: so a forgotten one shows.
struct NoInstruction {
    OpcodeMap map;
    u8 first, last;
    OpcodeForm form;
};

#define R86_ROW(...)
#define R86_SIMD(...)
#define R86_X87(...)
#define R86_UD(first, last, form, why) NoInstruction{R86_MAP, first, last, form},
constexpr OpcodeForm d1_to_7{1, true, OpcodeForm::Both, 0xF1, kAny}, d2_to_7{1, true, OpcodeForm::Both, 0xF2, kAny};
constexpr NoInstruction kNoInstructions[] = {
#include "cpu/decoder/opcodes.inc"
};
#undef R86_ROW
#undef R86_SIMD
#undef R86_X87
#undef R86_UD

} // namespace words

using words::kNoInstructions;
using words::kRows;

/// ModRM bytes that the table tells apart: eight memory forms and 64 register forms for each opcode.
constexpr unsigned kCells = 8 + 64;
struct Coverage {
    std::array<u8, 256 * kCells> columns{}; ///< PrefixColumn bits taken
    bool overlap = false;
};

/// F1 and F2 in `reg` stand for 1 to 7 and 2 to 7.
constexpr bool reg_matches(u8 wanted, unsigned reg) {
    return wanted == OpcodeForm::kAny || (wanted >= 0xF0 ? reg >= (wanted & 0xFu) : wanted == reg);
}

constexpr void cover(Coverage& coverage, unsigned opcode, const OpcodeForm& form, u8 columns) {
    for (unsigned reg = 0; reg < 8; ++reg) {
        if (!reg_matches(form.reg, reg)) continue;
        if (form.mod != OpcodeForm::Register) {
            u8& cell = coverage.columns[opcode * kCells + reg];
            coverage.overlap |= (cell & columns) != 0;
            cell |= columns;
        }
        if (form.mod == OpcodeForm::Memory) continue;
        for (unsigned rm = 0; rm < 8; ++rm) {
            if (form.rm != OpcodeForm::kAny && form.rm != rm) continue;
            u8& cell = coverage.columns[opcode * kCells + 8 + reg * 8 + rm];
            coverage.overlap |= (cell & columns) != 0;
            cell |= columns;
        }
    }
}

consteval Coverage coverage_of(OpcodeMap map, u32 not_valid_here) {
    Coverage coverage;
    for (usize i = 1; i < std::size(kRows); ++i) {
        const OpcodeRow& what = kRows[i];
        if (what.map != map || (what.attributes & not_valid_here)) continue;
        for (unsigned n = 0; n < what.form.span; ++n) cover(coverage, what.opcode + n, what.form, what.columns);
    }
    return coverage;
}

/// No ModRM byte and prefix column belongs to two rows, in either kind of mode.
consteval bool no_overlap(OpcodeMap map) {
    return !coverage_of(map, kOnly64).overlap && !coverage_of(map, kInvalid64).overlap;
}

/// Every slot is a row in at least one prefix column, or named as no instruction; never both.
consteval bool complete(OpcodeMap map) {
    Coverage coverage = coverage_of(map, kOnly64);
    for (usize i = 1; i < std::size(kRows); ++i)
        if (kRows[i].map == map && kRows[i].has(kOnly64)) {
            Coverage one; // may share its opcode with a row of the other modes: MOVSXD and ARPL
            cover(one, kRows[i].opcode, kRows[i].form, kRows[i].columns);
            for (unsigned cell = kRows[i].opcode * kCells; cell < (kRows[i].opcode + 1u) * kCells; ++cell)
                coverage.columns[cell] |= one.columns[cell];
        }
    coverage.overlap = false;
    for (const auto& hole : kNoInstructions)
        if (hole.map == map)
            for (unsigned opcode = hole.first; opcode <= hole.last; ++opcode)
                cover(coverage, opcode, hole.form, words::any);
    for (const u8 cell : coverage.columns)
        if (!cell) return false;
    return !coverage.overlap;
}

static_assert(no_overlap(OpcodeMap::OneByte));
static_assert(no_overlap(OpcodeMap::TwoByte));
static_assert(no_overlap(OpcodeMap::ThreeByte38));
static_assert(no_overlap(OpcodeMap::ThreeByte3A));
static_assert(complete(OpcodeMap::OneByte));
static_assert(complete(OpcodeMap::TwoByte));
static_assert(complete(OpcodeMap::ThreeByte38));
static_assert(complete(OpcodeMap::ThreeByte3A));

/// Operands and form agree: a ModRM letter wants a ModRM byte, a register letter of the opcode wants plus_r.
consteval bool operands_fit() {
    using enum OperandCode;
    for (const OpcodeRow& what : kRows)
        for (const OperandCode code : what.operands) {
            if (code == Zb || code == Zv) {
                if (what.form.span < 7) return false;
                continue;
            }
            const bool modrm = (code >= Eb && code <= Ry) || (code >= M && code <= Mqdq) ||
                               (code >= Sw && code <= Td) || (code >= Pq && code <= Uq) || code == STi;
            if (modrm && !what.form.modrm) return false;
            if (code >= M && code <= Mqdq && what.form.mod != OpcodeForm::Memory) return false;
        }
    return true;
}
static_assert(operands_fit());

} // namespace

constinit const OpcodeRow* const kFirstRow = kRows;
std::span<const OpcodeRow> all_rows() { return kRows; }

} // namespace r86

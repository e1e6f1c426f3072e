#pragma once
/// Where a recorded processor differs from the 386 and later: rules as data. A test is left out only by one of them.
#include "cpu/decoder/decoder.h"
#include "tests/cpu/moo.h"
#include <functional>
#include <span>

namespace r86::vectors {

/// Which processor the vectors come from: bits, so that a rule may be for several.
enum Family : u8 { kI8086 = 1, kI286 = 2, kI386 = 4 };

/// A test's instruction as everybody looks at it.
struct Subject {
    const Vector* test = nullptr;
    Family family = kI386;
    usize prefix_bytes = 0; ///< legacy prefixes of that processor before the opcode
    bool lock = false;
    bool repeat = false;
    u32 opcode = 0; ///< 00-FF, 0F00-0FFF
    u8 modrm = 0;   ///< the byte after the opcode, whatever it is
    DecodeResult decoded = DecodeResult::Invalid;
    Insn insn;

    unsigned reg() const { return (modrm >> 3) & 7; }
    bool register_form() const { return modrm >= 0xC0; }
    bool expects(unsigned vector) const { return test->exception && test->exception_number == vector; }
};
Subject examine(const Vector& test, Family family, const Decoder& decoder);

struct SkipRule {
    const char* name;
    u8 families;
    const char* reason;
    bool (*matches)(const Subject&);
};
std::span<const SkipRule> skip_rules();
/// For 8086 tests of which only a run shows that they violate a limit or divide by too little.
extern const SkipRule kWrapRule, kDivideErrorRule;
/// PUSHF, INT3, INT and INTO: FLAGS go to the stack, on an 8086 with ones in bits 12 to 15.
bool stores_flags(const Subject& subject);

/// Flags that the sets compare although their documentation calls them undefined for these operands.
struct FlagRule {
    const char* name;
    u8 families;
    u32 undefined;
    const char* reason;
    bool (*matches)(const Subject&);
};
std::span<const FlagRule> flag_rules();

/// Registers that are not compared: bits by Register.
struct RegisterRule {
    const char* name;
    u8 families;
    u32 registers;
    const char* reason;
    bool (*matches)(const Subject&);
};
std::span<const RegisterRule> register_rules();

} // namespace r86::vectors

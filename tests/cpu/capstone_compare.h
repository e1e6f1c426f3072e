#pragma once
/// One instruction through our decoder and through Capstone, both brought to the same words. Capstone is an independent
/// opinion, not the truth: where the SDM says otherwise, tests/cpu/capstone_differences.inc names the case.
#include "cpu/decoder/decoder.h"
#include "cpu/decoder/table.h"
#include <capstone/capstone.h>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace r86::test {

/// An instruction in words. Operands as "eax", "st(1)", "imm 12", "to 1004", "dword fs:[ebx+esi*4+10]"; numbers are
/// hexadecimal and cut to their width, a segment is named only where it is not the default.
struct Words {
    bool valid = false;
    unsigned length = 0;
    std::string mnemonic;
    std::vector<std::string> operands;

    std::string text() const;
};

/// Where instructions are decoded, so that branch targets are the same on both sides.
inline constexpr u64 kDecodedAt = 0x1000;

Words words_of(const Insn& insn, DecodeResult result, CodeSize size);

class Capstone {
public:
    explicit Capstone(CodeSize size);
    ~Capstone();
    Capstone(const Capstone&) = delete;
    Capstone& operator=(const Capstone&) = delete;

    /// `ours` tells widths where Capstone only has a number, and is not looked at otherwise.
    Words decode(std::span<const u8> bytes, const Insn& ours);
    /// Mnemonics of extensions that this decoder does not know (AVX, SSE4, ...), by Capstone's groups.
    bool later_extension() const { return later_extension_; }

private:
    CodeSize size_;
    csh handle_ = 0;
    cs_insn* insn_ = nullptr;
    bool later_extension_ = false;
};

/// One comparison and what the differences' conditions ask about it.
struct Comparison {
    CodeSize size = CodeSize::Bits32;
    std::span<const u8> bytes;
    Insn insn;
    Words ours, theirs;
    bool later_extension = false;

    bool bits64() const { return size == CodeSize::Bits64; }
    bool bits16() const { return size == CodeSize::Bits16; }
    const OpcodeRow& what() const { return row(insn.row); }
    bool has(PrefixBits prefix) const { return insn.prefixes & prefix; }
    /// The opcode behind all prefixes begins with these bytes.
    bool opcode(std::initializer_list<u8> start) const;
    bool ours_is(std::initializer_list<std::string_view> mnemonics) const;
    bool theirs_is(std::initializer_list<std::string_view> mnemonics) const;
    /// A REX byte with a legacy prefix behind it.
    bool rex_before_prefix() const;
    /// The opcode is one of MMX or SSE in some column of its map.
    bool simd_opcode() const;
    usize prefix_bytes() const;
    /// How many of the prefix bytes are one of these.
    usize prefix_count(std::initializer_list<u8> which) const;
};

/// What a class of differences excuses.
enum Aspect : u8 {
    kValidity = 1, ///< one of the two finds no instruction; nothing more can be compared then
    kLength = 2,
    kMnemonic = 4,
    kOperands = 8,
    kWidth = 16, ///< the width of a memory operand only
};

struct Difference {
    const char* name;
    bool (*applies)(const Comparison&);
    unsigned excuses; ///< Aspect mask
    CodeSize size;
    const char* example; ///< bytes in hexadecimal
    const char* ours;    ///< what the SDM makes of them, as Words::text
    const char* citation;
};
std::span<const Difference> known_differences();

/// The aspects in which the two disagree and that no known difference excuses; `used` gets the differences that did.
unsigned unexplained(const Comparison& comparison, std::vector<const Difference*>* used = nullptr);

} // namespace r86::test

#include "cpu/flags.h"
#include "tests/cpu/vector_rules.h"

namespace r86::vectors {

Subject examine(const Vector& test, Family family, const Decoder& decoder) {
    Subject subject;
    subject.test = &test;
    subject.family = family;
    const auto at = [&](usize n) { return n < test.bytes.size() ? test.bytes[n] : u8{0}; };
    const auto is_prefix = [&](u8 byte) {
        if (byte >= 0x64 && byte <= 0x67) return family == kI386;
        return (byte & 0xE7) == 0x26 || byte == 0xF0 || byte == 0xF2 || byte == 0xF3;
    };
    usize n = 0;
    for (; n < test.bytes.size() && is_prefix(at(n)); ++n) {
        subject.lock |= at(n) == 0xF0;
        subject.repeat |= at(n) == 0xF2 || at(n) == 0xF3;
    }
    subject.prefix_bytes = n;
    subject.opcode = at(n++);
    if (subject.opcode == 0x0F && family != kI8086) subject.opcode = 0x0F00u | at(n++);
    subject.modrm = at(n);
    std::vector<u8> padded = test.bytes;
    padded.resize(16, 0x90);
    subject.decoded = decoder.decode(padded, CodeSize::Bits16, subject.insn);
    return subject;
}

namespace {

/// Opcodes with a shift count in an immediate byte or CL, and that count.
unsigned shift_count(const Subject& s) {
    if (s.opcode == 0xC0 || s.opcode == 0xC1) return static_cast<u8>(s.insn.imm);
    if (s.opcode == 0xD2 || s.opcode == 0xD3) return s.test->before.regs[Ecx] & 0xFF;
    return 1;
}

constexpr SkipRule kSkipRules[] = {
    {"illegal-lock", kI8086 | kI286,
     "LOCK before anything but a read-modify-write of memory is executed there and is #UD since the 386",
     [](const Subject& s) { return s.lock && s.decoded == DecodeResult::Invalid; }},
    {"new-opcode", kI286, "0F xx, 64-67 and the segment registers FS and GS are #UD on a 286 and instructions on a 386",
     [](const Subject& s) {
         if (!s.expects(6)) return false;
         return s.opcode >= 0x0F00 || (s.opcode >= 0x64 && s.opcode <= 0x67) ||
                ((s.opcode == 0x8C || s.opcode == 0x8E) && (s.reg() == 4 || s.reg() == 5));
     }},
    {"loadall-sgdt-smsw", kI286,
     "SGDT and SIDT store FF in byte 6, SMSW other upper bits, and 0F 05 is LOADALL on a 286 only",
     [](const Subject& s) { return s.opcode >= 0x0F00 && s.opcode <= 0x0F06; }},
    {"length-limit", kI286, "an instruction of more than 10 bytes is #UD on a 286; since the 386 the limit is 15 bytes",
     [](const Subject& s) { return (s.expects(6) || s.expects(13)) && s.insn.length > 10; }},
    {"no-coprocessor", kI286,
     "the x87 instruction runs on an absent coprocessor: the bus unit alone checks its operand",
     [](const Subject& s) { return s.opcode >= 0xD8 && s.opcode <= 0xDF && s.test->exception; }},
    {"8086-opcodes", kI8086,
     "0F is POP CS, 60-6F, C0, C1, C8, C9 and the odd group members are other instructions there",
     [](const Subject& s) {
         const u32 o = s.opcode;
         const unsigned r = s.reg();
         return o == 0x0F || (o >= 0x60 && o <= 0x6F) || o == 0xC0 || o == 0xC1 || o == 0xC8 || o == 0xC9 ||
                o == 0xF1 || (o >= 0xD8 && o <= 0xDF) || s.decoded == DecodeResult::Invalid ||
                ((o == 0x8C || o == 0x8E) && (r >= 4 || (o == 0x8E && r == 1))) || ((o & 0xFE) == 0xD0 && r == 6) ||
                ((o & 0xFE) == 0xD2 && r == 6);
     }},
    {"8086-stack-pointer", kI8086, "PUSH SP stores the new value there",
     [](const Subject& s) { return s.opcode == 0x54 || (s.opcode == 0xFF && (s.modrm == 0xF4 || s.modrm == 0xFC)); }},
    {"8086-shift-count", kI8086, "shift counts are not cut to five bits there",
     [](const Subject& s) { return (s.opcode == 0xD2 || s.opcode == 0xD3) && shift_count(s) > 31; }},
    {"8086-divide", kI8086,
     "#DE saves the address of the next instruction there, and quotients of -80H and -8000H fault",
     [](const Subject& s) { return s.expects(0) || ((s.opcode == 0xF6 || s.opcode == 0xF7) && s.reg() == 7); }},
    {"8086-signed-product", kI8086, "REP before IMUL changes the sign of the product there",
     [](const Subject& s) { return s.repeat && (s.opcode & 0xFE) == 0xF6 && s.reg() == 5; }},
    {"8086-decimal-adjust", kI8086, "with AF set DAA and DAS compare AL with 9FH there, not with 99H",
     [](const Subject& s) {
         const u32 al = s.test->before.regs[Eax] & 0xFF;
         return (s.opcode == 0x27 || s.opcode == 0x2F) && (s.test->before.regs[Eflags] & kAF) && al > 0x99 &&
                al <= 0x9F;
     }},
    {"8086-ascii-adjust", kI8086, "AAA and AAS carry nothing from AL into AH there",
     [](const Subject& s) {
         const u32 al = s.test->before.regs[Eax] & 0xFF;
         return (s.opcode == 0x37 && al >= 0xFA) || (s.opcode == 0x3F && al < 6);
     }},
    {"8086-aam-zero", kI8086, "#DE saves the address of the next instruction there",
     [](const Subject& s) { return s.opcode == 0xD4 && s.modrm == 0; }},
};

constexpr FlagRule kFlagRules[] = {
    {"rotate-overflow", kI8086 | kI286 | kI386, kOF, "OF is undefined after a shift or rotate by other counts than 1",
     [](const Subject& s) {
         const u32 o = s.opcode;
         return (o == 0xC0 || o == 0xC1 || o == 0xD2 || o == 0xD3) && shift_count(s) != 1;
     }},
    {"shift-carry", kI8086 | kI286 | kI386, kCF, "CF is undefined after a shift by the operand's width or more",
     [](const Subject& s) {
         const u32 o = s.opcode;
         const bool byte = o == 0xC0 || o == 0xD2;
         return (byte || o == 0xC1 || o == 0xD3) && (s.reg() & 4) && (shift_count(s) & 31) >= (byte ? 8u : 16u);
     }},
    {"repeated-comparison-fault", kI286, kOF | kSF | kZF | kAF | kPF | kCF,
     "REP CMPS and SCAS that fault: since the 386 the flags go back to those before the first iteration",
     [](const Subject& s) {
         return s.repeat && s.expects(13) && ((s.opcode & 0xFE) == 0xA6 || (s.opcode & 0xFE) == 0xAE);
     }},
};

constexpr RegisterRule kRegisterRules[] = {
    {"string-fault", kI286, 1u << Esi | 1u << Edi | 1u << Ecx,
     "SI, DI and CX have advanced already when a 286 reports the fault of a string instruction; a 386 restarts it",
     [](const Subject& s) {
         const u32 o = s.opcode;
         return s.expects(13) && ((o >= 0x6C && o <= 0x6F) || (o >= 0xA4 && o <= 0xAF && o != 0xA8 && o != 0xA9));
     }},
};

} // namespace

const SkipRule kWrapRule = {
    "8086-wrap-around", kI8086,
    "a word at offset FFFF has its second half at offset 0 there; since the 286 it is a limit violation", nullptr};

const SkipRule kDivideErrorRule = {
    "8086-divide-error", kI8086,
    "#DE saves the address of the next instruction there, that of the division since the 286", nullptr};

bool stores_flags(const Subject& s) { return s.opcode == 0x9C || (s.opcode >= 0xCC && s.opcode <= 0xCE); }

std::span<const RegisterRule> register_rules() { return kRegisterRules; }
std::span<const SkipRule> skip_rules() { return kSkipRules; }
std::span<const FlagRule> flag_rules() { return kFlagRules; }

} // namespace r86::vectors

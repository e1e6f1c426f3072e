#include "tests/differential/wild.h"
#include "cpu/decoder/decoder.h"
#include "cpu/flags.h"
#include "tests/differential/flow.h"
#include "tests/differential/generator.h"
#include <map>

namespace r86::differential {

namespace {

/// The instructions that the pieces have, by linear address; a few pieces are of several.
std::map<u32, Insn> instructions_of(const Program& program, const Layout& layout) {
    static const CpuModel model = find_cpu_model("max");
    static const Decoder decoder(model);
    std::map<u32, Insn> out;
    std::vector<u8> code = layout.code;
    code.resize(code.size() + 15);
    for (usize i = 0; i < program.pieces.size(); ++i)
        for (u32 at = layout.begin[i]; at < layout.begin[i + 1];) {
            Insn& insn = out[kCode + at];
            const std::span<const u8> bytes(code.data() + at, 15);
            const auto size = program.code16 ? CodeSize::Bits16 : CodeSize::Bits32;
            at += decoder.decode(bytes, size, insn) == DecodeResult::Ok ? insn.length : 15;
        }
    const std::span<const u8> exit(code.data() + layout.begin.back(), 15);
    (void)decoder.decode(exit, program.code16 ? CodeSize::Bits16 : CodeSize::Bits32, out[kCode + layout.begin.back()]);
    return out;
}

/// A program that writes over itself other than it means to (an immediate of MOV AL or CL).
bool changed(const Insn& then, const Insn& now) {
    if (then.row != now.row || then.length != now.length || then.modrm != now.modrm || then.prefixes != now.prefixes)
        return true;
    const bool meant = now.opcode == 0xB0 || now.opcode == 0xB1;
    return then.mem.disp != now.mem.disp || (then.imm != now.imm && !meant);
}

} // namespace

Wild follow_wild_jumps(const Program& program) {
    Emulated emulated;
    const Layout layout = lay_out(program);
    const std::map<u32, Insn> pieces = instructions_of(program, layout);
    Wild out;
    bool wild = false, rewritten = false;
    const char* masked = nullptr; ///< an instruction whose stores are cleared by its piece, unless that was rewritten
    emulated.observe([&](u32 linear, const Insn& insn, bool completed) {
        const auto piece = pieces.find(linear);
        const bool here = piece == pieces.end();
        rewritten |= !here && changed(piece->second, insn);
        wild |= here || rewritten;
        const OpcodeRow& what = row(insn.row);
        const FlagEffect effect = flag_effect(insn);
        const Exclusion* const excluded = exclusion_of(what);
        if (excluded && excluded->kind == Exclusion::Masked) masked = what.text;
        if (wild && excluded && excluded->kind != Exclusion::Special && out.reason.empty())
            out.reason = std::string("carries out ") + what.text;
        // From a wild jump on the flags may be others than the pieces expect.
        if (wild && (effect.read & out.undefined) && out.reason.empty())
            out.reason = std::string(what.text) + " reads undefined flags";
        if (completed) out.undefined = (out.undefined & ~effect.written) | effect.undefined;
    });
    emulated.run(program, layout, initial_memory(program, layout));
    if (!wild) return {};
    if (rewritten && masked && out.reason.empty())
        out.reason = std::string("changes what clears the image of ") + masked;
    return out;
}

} // namespace r86::differential

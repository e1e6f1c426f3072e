#include "tests/differential/wild.h"
#include "cpu/decoder/decoder.h"
#include "cpu/flags.h"
#include "tests/differential/flow.h"
#include "tests/differential/generator.h"
#include <set>

namespace r86::differential {

namespace {

/// Linear addresses where the pieces have instructions; a few pieces are of several.
std::set<u32> instruction_starts(const Program& program, const Layout& layout) {
    static const CpuModel model = find_cpu_model("max");
    static const Decoder decoder(model);
    std::set<u32> out;
    std::vector<u8> code = layout.code;
    code.resize(code.size() + 15);
    for (usize i = 0; i < program.pieces.size(); ++i)
        for (u32 at = layout.begin[i]; at < layout.begin[i + 1];) {
            out.insert(kCode + at);
            Insn insn;
            const std::span<const u8> bytes(code.data() + at, 15);
            const auto size = program.code16 ? CodeSize::Bits16 : CodeSize::Bits32;
            at += decoder.decode(bytes, size, insn) == DecodeResult::Ok ? insn.length : 15;
        }
    out.insert(kCode + layout.begin.back());
    return out;
}

} // namespace

Wild follow_wild_jumps(const Program& program) {
    Emulated emulated;
    const Layout layout = lay_out(program);
    const std::set<u32> starts = instruction_starts(program, layout);
    Wild out;
    bool wild = false;
    emulated.observe([&](u32 linear, const Insn& insn, bool completed) {
        const bool here = !starts.count(linear);
        wild |= here;
        const OpcodeRow& what = row(insn.row);
        const FlagEffect effect = flag_effect(insn);
        const Exclusion* const excluded = exclusion_of(what);
        if (here && excluded && excluded->kind != Exclusion::Special && out.reason.empty())
            out.reason = std::string("carries out ") + what.text;
        // From a wild jump on the flags may be others than the pieces expect.
        if (wild && (effect.read & out.undefined) && out.reason.empty())
            out.reason = std::string(what.text) + " reads undefined flags";
        if (completed) out.undefined = (out.undefined & ~effect.written) | effect.undefined;
    });
    emulated.run(program, layout, initial_memory(program, layout));
    if (!wild) return {};
    return out;
}

} // namespace r86::differential

#include "tests/differential/flow.h"
#include "cpu/decoder/decoder.h"
#include "cpu/flags.h"
#include <algorithm>

namespace r86::differential {

FlagEffect flag_effect(const Insn& insn) {
    const OpcodeRow& what = row(insn.row);
    FlagEffect out{what.flags_read, what.flags_conditional() ? 0u : what.flags_written, what.flags_undefined};
    const u32 all = kOF | kSF | kZF | kAF | kPF | kCF;
    // What leaves flags alone when its count is zero defines them by a constant count, and OF by a count of one.
    if (what.flags_conditional() && what.operands[1] == OperandCode::Ib && !what.is_string()) {
        const unsigned count = insn.imm & 31;
        if (count == 0) return {what.flags_read, 0, 0};
    }
    if (insn.mnemonic == Mnemonic::iret || insn.mnemonic == Mnemonic::popf) out.written = all;
    return out;
}

FlagFlow follow_flags(const Program& program, const Layout& layout) {
    static const CpuModel model = find_cpu_model("max");
    static const Decoder decoder(model);
    const usize count = program.pieces.size();
    std::vector<FlagEffect> effects(count);
    for (usize i = 0; i < count; ++i) {
        std::array<u8, 15> bytes{};
        const u32 begin = layout.begin[i];
        std::copy_n(layout.code.begin() + begin, std::min<usize>(15, layout.begin[i + 1] - begin), bytes.begin());
        Insn insn;
        if (decoder.decode(bytes, program.code16 ? CodeSize::Bits16 : CodeSize::Bits32, insn) == DecodeResult::Ok)
            effects[i] = flag_effect(insn);
    }
    FlagFlow out;
    out.undefined_before.assign(count + 1, 0);
    bool changed = true;
    const auto flow_to = [&](usize piece, u32 flags) {
        u32& there = out.undefined_before[std::min(piece, count)];
        if ((there | flags) != there) {
            there |= flags;
            changed = true;
        }
    };
    while (changed) {
        changed = false;
        for (usize i = 0; i < count; ++i) {
            const u32 after = (out.undefined_before[i] & ~effects[i].written) | effects[i].undefined;
            flow_to(i + 1, after);
            const Piece& piece = program.pieces[i];
            if (piece.fixup == Piece::Fixup::Relative8 || piece.fixup == Piece::Fixup::RelativeZ)
                flow_to(piece.target, after);
            // An offset that is pushed or moved is jumped to by one of the next few pieces.
            if (piece.fixup == Piece::Fixup::Absolute)
                for (usize n = i; n < std::min(i + 4, count); ++n)
                    flow_to(piece.target, (out.undefined_before[n] & ~effects[n].written) | effects[n].undefined);
        }
    }
    for (usize i = 0; i < count; ++i)
        if (out.undefined_before[i] & effects[i].read) out.defined = false;
    return out;
}

Mask mask_at(const FlagFlow& flow, const Program& program, const Layout& layout, const Outcome& outcome) {
    if (outcome.ending == Ending::Exit) return {flow.undefined_before.back()};
    const usize piece = piece_at(program, layout, outcome.registers.eip);
    // Beyond the program, or in the middle of a piece (a wild jump), nothing is known about them. Some pieces are of
    // several instructions: those that fault there lose the comparison of flags.
    const bool at_start =
        piece < program.pieces.size() && piece_at(program, layout, outcome.registers.eip - 1) != piece;
    if (!at_start) return {kOF | kSF | kZF | kAF | kPF | kCF};
    return {flow.undefined_before[piece]};
}

} // namespace r86::differential

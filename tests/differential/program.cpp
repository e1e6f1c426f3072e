#include "tests/differential/program.h"
#include "cpu/decoder/decoder.h"
#include "cpu/flags.h"
#include "tests/differential/piece_builder.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

namespace r86::differential {

Layout lay_out(const Program& program) {
    Layout out;
    u32 at = 0;
    for (const Piece& piece : program.pieces) {
        out.begin.push_back(at);
        at += static_cast<u32>(piece.bytes.size());
    }
    out.begin.push_back(at);
    const u32 code_base = program.code16 || program.based_code ? 0 : kCode;
    for (usize i = 0; i < program.pieces.size(); ++i) {
        const Piece& piece = program.pieces[i];
        std::vector<u8> bytes = piece.bytes;
        const u32 target = std::min<u32>(piece.target, static_cast<u32>(program.pieces.size()));
        const auto put = [&](usize where, u32 value, unsigned width) {
            for (unsigned n = 0; n < width; ++n) bytes[where + n] = static_cast<u8>(value >> (8 * n));
        };
        const i64 distance = static_cast<i64>(out.begin[target]) - static_cast<i64>(out.begin[i] + bytes.size());
        switch (piece.fixup) {
        case Piece::Fixup::None: break;
        case Piece::Fixup::Relative8:
            // Too far: to the next piece instead, so that the layout does not depend on distances.
            put(bytes.size() - 1, distance >= -128 && distance <= 127 ? static_cast<u32>(distance) : 0, 1);
            break;
        case Piece::Fixup::RelativeZ: {
            const unsigned width = program.code16 ? 2 : 4;
            put(bytes.size() - width, static_cast<u32>(distance), width);
            break;
        }
        case Piece::Fixup::Absolute: put(piece.fixup_at, code_base + out.begin[target], piece.fixup_size); break;
        case Piece::Fixup::DataOfNext:
            put(piece.fixup_at, kCode + out.begin[std::min<usize>(target + 1, program.pieces.size())] - 1, 4);
            break;
        }
        out.code.insert(out.code.end(), bytes.begin(), bytes.end());
    }
    // jmp far exit:kExit, with a 32-bit offset
    if (program.code16) out.code.push_back(0x66);
    out.code.push_back(0xEA);
    for (unsigned n = 0; n < 4; ++n) out.code.push_back(static_cast<u8>(kExit >> (8 * n)));
    out.code.push_back(kExitSelector & 0xFF);
    out.code.push_back(kExitSelector >> 8);
    return out;
}

std::vector<u8> initial_memory(const Program& program, const Layout& layout) {
    std::vector<u8> out(kImageSize);
    Random random(program.memory_seed);
    // A block of varied numbers, repeated: drawing each anew would take longer than running the program.
    std::array<u64, 96> block;
    for (u64& value : block) value = interesting_data(random);
    u32 turn = random.below(96);
    for (u32 at = 4 * kPage; at < kImageSize; at += 8) {
        const u64 value = block[turn];
        turn = turn == 95 ? (at >> 12 & 15) : turn + 1;
        std::memcpy(out.data() + at, &value, 8);
    }
    std::fill(out.begin(), out.begin() + 4 * kPage, 0xF4); // what is no program privileged faults end
    const usize length = std::min<usize>(layout.code.size(), 4 * kPage);
    std::copy_n(layout.code.begin(), length, out.begin());
    return out;
}

usize piece_at(const Program& program, const Layout& layout, u32 eip) {
    const u32 offset = program.code16 || program.based_code ? eip : eip - kCode;
    if (offset >= layout.begin.back()) return program.pieces.size();
    const auto found = std::upper_bound(layout.begin.begin(), layout.begin.end(), offset);
    return static_cast<usize>(found - layout.begin.begin()) - 1;
}

std::string listing(const Program& program, const Layout& layout) {
    const CpuModel model = find_cpu_model("max");
    const Decoder decoder(model);
    std::string out;
    for (usize i = 0; i < program.pieces.size(); ++i) {
        std::vector<u8> bytes(layout.code.begin() + layout.begin[i],
                              layout.code.begin() + std::min<usize>(layout.begin[i] + 15, layout.code.size()));
        Insn insn;
        const auto result = decoder.decode(bytes, program.code16 ? CodeSize::Bits16 : CodeSize::Bits32, insn);
        char text[32];
        std::snprintf(text, sizeof text, "  %04x ", layout.begin[i]);
        out += text;
        for (u32 n = layout.begin[i]; n < layout.begin[i + 1]; ++n) {
            std::snprintf(text, sizeof text, " %02x", layout.code[n]);
            out += text;
        }
        out += "    " +
               (result == DecodeResult::Ok ? mnemonic_text(insn) + " " + row(insn.row).operand_text
                                           : std::string("(bad)")) +
               "\n";
    }
    return out;
}

} // namespace r86::differential

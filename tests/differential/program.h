#pragma once
/// A generated program: pieces of machine code with jumps between them, and the state that it starts from.
#include "tests/differential/outcome.h"
#include <string>
#include <vector>

namespace r86::differential {

/// A few bytes that belong together. `target` is filled in when the program is laid out, so pieces can be taken out.
struct Piece {
    enum class Fixup : u8 {
        None,
        Relative8,  ///< the last byte is the distance to piece `target`
        RelativeZ,  ///< the last 2 or 4 bytes, by the code size and 66
        Absolute,   ///< `fixup_size` bytes at `fixup_at` are the offset of piece `target`
        DataOfNext, ///< 4 bytes at `fixup_at` are the linear address, or the data offset, of the last byte of `target`
    };
    std::vector<u8> bytes;
    Fixup fixup = Fixup::None;
    u8 fixup_at = 0;
    u8 fixup_size = 0;
    u32 target = 0;
    u32 group = 0; ///< not 0: pieces that mean something only together
};

struct Program {
    u64 seed = 0;
    bool code16 = false;
    bool based_code = false; ///< 32-bit code in a segment that does not begin at 0
    u64 memory_seed = 0;
    Registers start;
    std::vector<Piece> pieces;
};

/// Machine code with the exit behind it, and where each piece begins (offsets from kCode).
struct Layout {
    std::vector<u8> code;
    std::vector<u32> begin;
};
Layout lay_out(const Program& program);

/// The memory a program starts with: kImageSize bytes, code included.
std::vector<u8> initial_memory(const Program& program, const Layout& layout);

/// The piece that an offset in the code segment lies in; pieces.size() if none.
usize piece_at(const Program& program, const Layout& layout, u32 eip);

/// For people: disassembly of what is left.
std::string listing(const Program& program, const Layout& layout);

} // namespace r86::differential

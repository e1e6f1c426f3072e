// Forms that need something sensible in memory: indirect transfers, far pointers, segment selectors, bounds.
#include "tests/differential/piece_builder.h"

namespace r86::differential {

Piece& PieceBuilder::store_immediate(u32 at, u32 value, unsigned width) {
    const bool other_size = c_.code16 == (width == 4);
    Bytes bytes;
    if (other_size) bytes.push_back(0x66);
    bytes.push_back(0xC7);
    at_pointer(bytes, 0, at);
    for (unsigned i = 0; i < width; ++i) bytes.push_back(static_cast<u8>(value >> (8 * i)));
    return add(bytes);
}

void PieceBuilder::indirect_through_memory() {
    const u32 at = c_.pointer();
    const bool other_size = (c_.code16 || c_.program.based_code) && random_.chance(30);
    const u8 width = c_.code16 != other_size ? 2 : 4;
    const bool far = random_.chance(40);
    const u32 target = later_piece() + 2;
    Piece& offset = store_immediate(at, 0, width);
    target_offset(offset, static_cast<u8>(offset.bytes.size() - width), width, target);
    note_join(target);
    if (far) {
        const u16 own = c_.program.start.selector[CS];
        store_immediate(at + width, random_.chance(95) ? own : own & ~3u, 2);
    }
    Bytes bytes;
    if (other_size) bytes.push_back(0x66);
    bytes.push_back(0xFF);
    at_pointer(bytes, static_cast<u8>((far ? 3 : 2) + (random_.below(2) ? 2 : 0)), at); // call, jmp
    add(bytes);
}

void PieceBuilder::load_far_pointer(u8 seg, u16 selector) {
    static constexpr u8 kOpcodes[kSegments] = {0xC4, 0, 0xB2, 0xC5, 0xB4, 0xB5};
    const u32 at = c_.pointer();
    const bool other_size = random_.chance(30);
    const u8 width = c_.code16 != other_size ? 2 : 4;
    u8 reg = random_.pick({u8{RBX}, u8{RSI}, u8{RDI}});
    u32 offset = c_.pointer();
    if (seg == SS) { // the stack pointer that goes with it
        reg = RSP;
        offset = (selector == selector_of(kFlat) ? kStack : 0) + kPage + random_.below(64) * 4;
    }
    store_immediate(at, offset, width);
    store_immediate(at + width, selector, 2);
    Bytes bytes;
    if (other_size) bytes.push_back(0x66);
    if (seg != ES && seg != DS) bytes.push_back(0x0F);
    bytes.push_back(kOpcodes[seg]);
    at_pointer(bytes, reg, at);
    add(bytes);
}

void PieceBuilder::load_selector_from_memory(u8 seg, u16 selector) {
    const u32 at = c_.pointer();
    store_immediate(at, selector, 2);
    Bytes bytes = {0x8E};
    at_pointer(bytes, seg, at);
    add(bytes);
}

void PieceBuilder::check_bounds() {
    const u32 at = c_.pointer();
    const bool other_size = random_.chance(30);
    const u8 width = c_.code16 != other_size ? 2 : 4;
    const u32 low = random_.below(1000) - 500;
    const u32 high = low + random_.below(1000);
    store_immediate(at, low, width);
    store_immediate(at + width, high, width);
    const u8 reg = c_.keep_cx ? u8{RAX} : static_cast<u8>(random_.below(3));
    move_immediate(reg, random_.chance(95) ? low + random_.below(high - low + 1) : low - 1);
    Bytes bytes;
    if (other_size) bytes.push_back(0x66);
    bytes.push_back(0x62);
    at_pointer(bytes, reg, at);
    add(bytes);
}

} // namespace r86::differential

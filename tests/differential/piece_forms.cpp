// Forms that need more thought than one row: jumps, frames, flag images, saved x87 states, self-modifying code.
#include "tests/differential/piece_builder.h"
#include <algorithm>

namespace r86::differential {

namespace {

void append(std::vector<u8>& bytes, u32 value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) bytes.push_back(static_cast<u8>(value >> (8 * i)));
}

/// Flags that a condition code reads, by its low four bits / 2 (SDM Vol. 2, table B-10).
constexpr u32 kConditionReads[8] = {kOF, kCF, kZF, kCF | kZF, kSF, kPF, kSF | kOF, kSF | kOF | kZF};

} // namespace

u32 PieceBuilder::later_piece() { return here() + 2 + random_.below(5); }

void PieceBuilder::target_offset(Piece& piece, u8 at, u8 size, u32 target) {
    piece.fixup = Piece::Fixup::Absolute;
    piece.fixup_at = at;
    piece.fixup_size = size;
    piece.target = target;
}

void PieceBuilder::forward_jump() {
    const u8 condition = static_cast<u8>(random_.below(16));
    const u32 kind = random_.below(10);
    u32 reads = kind < 6 ? kConditionReads[condition >> 1] : 0;
    const u32 target = later_piece();
    Bytes bytes;
    bool relative8 = true;
    if (kind < 4) {
        bytes = {static_cast<u8>(0x70 | condition), 0};
    } else if (kind < 6) {
        bytes = {0x0F, static_cast<u8>(0x80 | condition)};
        append(bytes, 0, c_.code16 ? 2 : 4);
        relative8 = false;
    } else if (kind == 6) {
        bytes = {0xEB, 0};
    } else if (kind == 7) {
        bytes = {0xE9};
        append(bytes, 0, c_.code16 ? 2 : 4);
        relative8 = false;
    } else if (c_.keep_cx) {
        bytes = {0xE3, 0}; // JCXZ
    } else {
        const u8 opcode = static_cast<u8>(0xE0 + random_.below(4));
        if (opcode < 0xE2) reads = kZF;
        bytes = {opcode, 0};
        if (random_.chance(20)) bytes.insert(bytes.begin(), 0x67);
    }
    Piece& piece = add(bytes, reads);
    note_join(target);
    piece.fixup = relative8 ? Piece::Fixup::Relative8 : Piece::Fixup::RelativeZ;
    piece.target = target;
}

void PieceBuilder::indirect_jump() {
    const u32 target = later_piece();
    const u8 reg = c_.keep_cx ? u8{RAX} : static_cast<u8>(random_.below(3));
    Bytes bytes = {static_cast<u8>(0xB8 + reg)};
    append(bytes, 0, c_.code16 ? 2 : 4);
    target_offset(add(bytes), 1, c_.code16 ? 2 : 4, target + 1);
    note_join(target + 1);
    add({0xFF, static_cast<u8>((random_.below(2) ? 0xE0 : 0xD0) | reg)}); // jmp or call
}

void PieceBuilder::stack_return() {
    const u32 target = later_piece() + 2;
    const u32 kind = random_.below(3);
    const u8 width = c_.code16 ? 2 : 4;
    const auto push_target = [&] {
        Bytes bytes = {0x68};
        append(bytes, 0, width);
        target_offset(add(bytes), 1, width, target);
    };
    if (kind == 0) {
        push_target();
        if (random_.chance(70))
            add({0xC3});
        else
            add({0xC2, static_cast<u8>(random_.below(5) * 4), 0});
    } else if (kind == 1) {
        add({0x0E}); // push cs
        push_target();
        add(random_.chance(70) ? Bytes{0xCB} : Bytes{0xCA, 8, 0});
    } else {
        push_immediate(0x202 | (static_cast<u32>(random_.next()) & 0xCD5));
        c_.undefined = 0;
        add({0x0E});
        push_target();
        add({0xCF}); // iret
    }
    note_join(target);
}

void PieceBuilder::forward_call() {
    const u32 target = later_piece();
    Bytes bytes = {0xE8};
    append(bytes, 0, c_.code16 ? 2 : 4);
    Piece& piece = add(bytes);
    piece.fixup = Piece::Fixup::RelativeZ;
    piece.target = target;
    note_join(target);
}

void PieceBuilder::counted_loop() {
    if (c_.keep_cx) return;
    const u32 start = here();
    move_immediate(RCX, 2 + random_.below(12));
    const u32 head = here();
    c_.keep_cx = true;
    c_.garbage |= 1u << RBX | 1u << RSI | 1u << RDI; // as after the body
    define_flags();
    const u32 length = 1 + random_.below(6);
    for (u32 i = 0; i < length; ++i) special_or_row();
    c_.keep_cx = false;
    c_.loops.push_back({start, here() + 1});
    const u8 opcode = random_.chance(70) ? u8{0xE2} : static_cast<u8>(0xE0 + random_.below(2));
    Piece& piece = add({opcode, 0}, kOF | kSF | kZF | kAF | kPF | kCF);
    c_.loops.back().second = here() - 1;
    piece.fixup = Piece::Fixup::Relative8;
    piece.target = head;
}

void PieceBuilder::control_flow() {
    switch (random_.below(13)) {
    case 12: indirect_through_memory(); break;
    case 0: indirect_jump(); break;
    case 1: stack_return(); break;
    case 2: forward_call(); break;
    case 3:
    case 4: counted_loop(); break;
    case 5:
        if (random_.chance(30)) far_to_self();
        break;
    default: forward_jump(); break;
    }
}

void PieceBuilder::special() {
    switch (random_.below(10)) {
    case 0:
    case 1: load_segment(); break;
    case 2: pop_flags(); break;
    case 3: load_mxcsr(); break;
    case 4:
    case 5: saved_x87(); break;
    case 6:
        if (random_.chance(15)) software_interrupt();
        if (random_.chance(60)) check_bounds();
        break;
    case 7:
    case 8: modify_code(); break;
    case 9:
        if (random_.chance(8)) bad_column();
        break;
    }
}

void PieceBuilder::load_segment() {
    static constexpr u8 kStackOnes[] = {kStack16, kStack32, kFlat, kStackFlat16};
    static constexpr u8 kBasedOnes[] = {kBased, kBased,   kBasedBig, kShort,      kConstant,
                                        kDown,  kDownBig, kAbsent,   kExecuteOnly};
    const u8 seg = random_.chance(88) ? random_.pick({u8{ES}, u8{FS}, u8{GS}, u8{DS}}) : u8{SS};
    u16 selector =
        selector_of(c_.flat_data ? (random_.chance(85) ? u8{kFlat} : u8{kStackFlat16}) : random_.pick(kBasedOnes));
    if (seg == SS) selector = selector_of(random_.pick(kStackOnes));
    switch (random_.below(30)) {
    case 0: selector = static_cast<u16>(kLocals << 3 | 7); break; // beyond the table
    case 1: selector = static_cast<u16>(random_.below(4)); break; // null
    case 2: selector = static_cast<u16>(selector & ~3); break;    // RPL 0
    case 3: selector = selector_of(kAbsent); break;
    default: break;
    }
    const u8 reg = c_.keep_cx ? u8{RAX} : static_cast<u8>(random_.below(3));
    const u32 form = random_.below(5);
    if (form == 3) {
        load_far_pointer(seg, selector);
    } else if (form == 4) {
        load_selector_from_memory(seg, selector);
    } else if (form == 0 && seg != FS && seg != GS) { // POP Sreg
        push_immediate(selector);
        static constexpr u8 kPop[] = {0x07, 0, 0x17, 0x1F};
        add({kPop[seg]});
    } else if (form == 1 && seg >= FS) {
        push_immediate(selector);
        add({0x0F, seg == FS ? u8{0xA1} : u8{0xA9}});
    } else {
        move_immediate(reg, selector | (random_.next() & 0xFFFF0000));
        add({0x8E, static_cast<u8>(0xC0 | seg << 3 | reg)});
    }
    if (random_.chance(20)) { // what LAR and its kin say about it
        define_flags();
        // LSL only with a selector of the program's own, in the same piece: Linux keeps the processor's number in a
        // limit.
        Bytes lsl;
        if (c_.code16) lsl.push_back(0x66);
        lsl.push_back(static_cast<u8>(0xB8 + RAX));
        append(lsl, selector, 4);
        lsl.insert(lsl.end(), {0x0F, 0x03, static_cast<u8>(0xC0 | RDX << 3 | RAX)});
        const u32 which = random_.below(10);
        if (which < 3)
            add(lsl);
        else if (which < 6)
            add({0x0F, 0x02, static_cast<u8>(0xC0 | RDX << 3 | reg)});
        else
            add({0x0F, 0x00, static_cast<u8>((random_.below(2) ? 0xE0 : 0xE8) | reg)});
    }
}

void PieceBuilder::pop_flags() {
    u32 value = static_cast<u32>(random_.next()) & 0xCD5;
    if (random_.chance(6)) value |= kAC;
    if (random_.chance(10)) value |= kID;
    if (random_.chance(2)) value |= kTF;
    // IF, IOPL, VIF and VIP must be ignored at CPL 3.
    value |= static_cast<u32>(random_.next()) & 0x183200;
    push_immediate(value);
    add({0x9D});
    c_.undefined = 0;
}

void PieceBuilder::at_pointer(Bytes& bytes, u8 reg, u32 pointer) {
    bytes.push_back(static_cast<u8>(u32{reg} << 3 | (c_.code16 ? 6 : 5)));
    append(bytes, pointer, c_.code16 ? 2 : 4);
}

void PieceBuilder::load_mxcsr() {
    const u32 at = c_.pointer(4);
    u32 value = random_.chance(60) ? 0x1F80 : random_.below(64) << 7;
    value |= random_.below(4) << 13;
    value |= random_.below(64);
    if (random_.chance(30)) value |= 0x8040;
    if (random_.chance(2)) value |= 0x10000; // reserved: #GP
    store_immediate(at, value, 4);
    Bytes load = {0x0F, 0xAE};
    at_pointer(load, 2, at);
    add(load);
}

void PieceBuilder::saved_x87() {
    // The image is stored, the fields that processors fill differently are cleared, and it may be loaded again. TF from
    // a POPF or IRET before must not end the program between the two: its trap comes behind a NOP.
    const u32 kind = random_.below(3); // FNSTENV, FNSAVE, FXSAVE
    const u32 at = (c_.flat_data ? kData : 0) + 0x400 + random_.below(0x80) * 16;
    const bool wide = kind != 2 && random_.chance(25); // the other operand size
    const bool image16 = c_.code16 != wide;
    const auto instruction = [&](u8 opcode, u8 reg, Bytes bytes = {}) {
        if (wide) bytes.push_back(0x66);
        if (kind == 2) bytes.push_back(0x0F);
        bytes.push_back(opcode);
        at_pointer(bytes, reg, at);
        add(bytes);
    };
    const auto clear = [&](u32 offset, unsigned width = 4) { store_immediate(at + offset, 0, width); };
    c_.group = here() + 1;
    instruction(kind == 0 ? 0xD9 : kind == 1 ? 0xDD : 0xAE, kind == 2 ? 0 : 6, {0x90});
    if (kind == 2) {
        for (const u32 offset : {4u, 12u, 16u, 20u, 28u}) clear(offset); // tag+FOP, FCS, FDP, FDS, mask
        // FTW again, since its dword is gone: every register in use.
        Bytes tag = {0xC6};
        at_pointer(tag, 0, at + 4);
        tag.push_back(static_cast<u8>(random_.next()));
        add(tag);
    } else if (image16) {
        for (const u32 offset : {6u, 8u, 10u, 12u}) clear(offset, 2); // FIP, FCS, FDP, FDS
    } else {
        for (const u32 offset : {16u, 20u, 24u}) clear(offset);
    }
    c_.group = 0;
    if (random_.chance(60)) {
        if (random_.chance(30)) { // another control or status word in it
            Bytes bytes = {0xC6};
            at_pointer(bytes, 0, at + random_.below(6));
            bytes.push_back(static_cast<u8>(random_.next()));
            if (kind != 2) add(bytes);
        }
        instruction(kind == 0 ? 0xD9 : kind == 1 ? 0xDD : 0xAE, kind == 2 ? 1 : 4);
    }
}

void PieceBuilder::software_interrupt() {
    static constexpr u8 kVectors[] = {0, 1, 2, 5, 6, 8, 13, 14, 0x20, 0x21, 0x7F, 0x81, 0xFF};
    add({0xCD, random_.pick(kVectors)});
}

void PieceBuilder::modify_code() {
    // Writes into the immediate of a later MOV AL, imm8: of the next instruction, or of one further on.
    if (!c_.flat_data || c_.code16 || c_.program.based_code) return;
    const u32 distance = random_.chance(40) ? 1 : 1 + random_.below(3);
    Bytes bytes = {0xC6, 0x05};
    append(bytes, 0, 4);
    bytes.push_back(static_cast<u8>(random_.next()));
    Piece& piece = add(bytes);
    piece.fixup = Piece::Fixup::DataOfNext;
    piece.fixup_at = 2;
    piece.fixup_size = 4;
    piece.target = here() - 1 + distance;
    for (u32 i = 1; i < distance; ++i) add({0x90});
    any_register(1);
    const u8 opcode = random_.below(2) && !c_.keep_cx ? u8{0xB1} : u8{0xB0};
    add({opcode, static_cast<u8>(random_.next())});
}

void PieceBuilder::bad_column() {
    // An MMX or SSE opcode under a prefix whose column is empty: #UD.
    const auto rows = all_rows();
    for (unsigned tries = 0; tries < 100; ++tries) {
        const OpcodeRow& what = rows[1 + random_.below(static_cast<u32>(rows.size()) - 1)];
        if (!what.has(kSimd) || what.map != OpcodeMap::TwoByte || what.opcode == 0xAE || what.opcode == 0xC7) continue;
        u8 taken = 0;
        for (const OpcodeRow& other : rows)
            if (other.map == what.map && other.opcode == what.opcode) taken |= other.columns;
        static constexpr u8 kPrefixOf[] = {0, 0x66, 0xF3, 0xF2};
        const unsigned column = random_.below(4);
        if (taken & (1u << column)) continue;
        Bytes bytes;
        if (column) bytes.push_back(kPrefixOf[column]);
        bytes.push_back(0x0F);
        bytes.push_back(what.opcode);
        bytes.push_back(static_cast<u8>(0xC0 | (what.form.reg < 8 ? what.form.reg : 1u) << 3));
        bytes.insert(bytes.end(), 4, 0x90);
        add(bytes);
        return;
    }
}

void PieceBuilder::far_to_self() {
    // A far jump or call through another descriptor of the same kind of code.
    const u16 selector = c_.program.start.selector[CS];
    const u8 width = c_.code16 ? 2 : 4;
    Bytes bytes = {random_.below(2) ? u8{0xEA} : u8{0x9A}};
    append(bytes, 0, width);
    append(bytes, random_.chance(90) ? selector : static_cast<u16>(selector & ~3), 2);
    const u32 target = later_piece();
    target_offset(add(bytes), 1, width, target);
    note_join(target);
}

void PieceBuilder::special_or_row() {
    // Rows come from the generator, which is not known here: plain arithmetic is enough for the bodies of loops.
    static constexpr u8 kSimple[] = {0x01, 0x03, 0x11, 0x29, 0x31, 0x0B, 0x89,
                                     0x8B, 0x39, 0x85, 0x00, 0x02, 0x88, 0x8A};
    for (const OpcodeRow& what : all_rows())
        if (what.map == OpcodeMap::OneByte && what.form.modrm && what.opcode == kSimple[random_.below(14)]) {
            instruction(static_cast<u16>(&what - all_rows().data()));
            return;
        }
}

void PieceBuilder::finish() {
    auto& program = c_.program;
    for (usize i = 0; i < program.pieces.size(); ++i) {
        Piece& piece = program.pieces[i];
        for (const auto& [first, last] : c_.loops)
            if (piece.target > first && piece.target <= last && (i < first || i > last)) piece.target = first;
        piece.target = std::min(piece.target, here());
    }
}

} // namespace r86::differential

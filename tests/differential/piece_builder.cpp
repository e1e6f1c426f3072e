// Single instructions out of the table.
#include "tests/differential/piece_builder.h"
#include <algorithm>
#include <cstring>

namespace r86::differential {

namespace {

template <class To, class From>
To bits_of(From value) {
    To out;
    static_assert(sizeof(To) == sizeof(From));
    std::memcpy(&out, &value, sizeof out);
    return out;
}

void append(std::vector<u8>& bytes, u32 value, unsigned width) {
    for (unsigned i = 0; i < width; ++i) bytes.push_back(static_cast<u8>(value >> (8 * i)));
}

float interesting_float(Random& random) {
    switch (random.below(10)) {
    case 0: return bits_of<float>(static_cast<u32>(random.next()));
    case 1: return bits_of<float>(static_cast<u32>(random.next() & 0x807FFFFF));                // denormal
    case 2: return bits_of<float>(static_cast<u32>((random.next() & 0x80000000) | 0x7F800000)); // infinity
    case 3: return bits_of<float>(static_cast<u32>((random.next() & 0x80400001) | 0x7F800001)); // NaN
    case 4: return bits_of<float>(random.below(2) << 31);
    case 5: return bits_of<float>(static_cast<u32>((random.next() & 0x80FFFFFF) | 0x7E000000)); // huge
    default: {
        const auto above = static_cast<float>(static_cast<i32>(random.next()));
        return above / static_cast<float>(1 + random.below(70000));
    }
    }
}

double interesting_double(Random& random) {
    switch (random.below(10)) {
    case 0: return bits_of<double>(random.next());
    case 1: return bits_of<double>(random.next() & 0x800FFFFFFFFFFFFF);
    case 2: return bits_of<double>((random.next() & 0x8000000000000000) | 0x7FF0000000000000);
    case 3: return bits_of<double>((random.next() & 0x8008000000000001) | 0x7FF0000000000001);
    case 4: return bits_of<double>(random.next() & 0x8000000000000000);
    case 5: return static_cast<double>(interesting_float(random));
    default: {
        const i64 wide = static_cast<i64>(random.next());
        const auto above = static_cast<double>(wide >> random.below(60));
        return above / (1 + random.below(70000));
    }
    }
}

} // namespace

u64 interesting_data(Random& random) {
    // One draw a statement throughout: C++ leaves the order within an expression open, and a seed means one program.
    u32 low = 0;
    switch (random.below(6)) {
    case 0: return random.next();
    case 1: return bits_of<u64>(interesting_double(random));
    case 2:
    case 3:
        low = bits_of<u32>(interesting_float(random));
        return low | u64{bits_of<u32>(interesting_float(random))} << 32;
    default: low = interesting32(random); return low | u64{interesting32(random)} << 32;
    }
}

u32 Context::pointer(u32 align) const {
    static constexpr u32 kBorders[] = {0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x1800, 0};
    u32 offset = 0;
    if (random.chance(4)) {
        offset = random.pick(kBorders) - 24;
        offset += random.below(28);
    } else if (random.chance(85))
        offset = 32 + random.below(0x1F00);
    else
        offset = 0x4020 + random.below(0x1F00);
    if (!flat_data) offset &= 0xFFFF;
    return (flat_data ? kData : 0) + (offset & ~(align - 1));
}

Piece& PieceBuilder::add(Bytes bytes, u32 reads) {
    for (;;) {
        const auto join = c_.joins.find(here());
        if (join != c_.joins.end()) c_.undefined |= join->second;
        if (!(c_.undefined & reads)) break;
        define_flags();
    }
    Piece piece;
    piece.bytes = std::move(bytes);
    piece.group = c_.group;
    c_.program.pieces.push_back(std::move(piece));
    return c_.program.pieces.back();
}

void PieceBuilder::move_immediate(u8 reg, u32 value) {
    Bytes bytes;
    if (c_.code16) bytes.push_back(0x66);
    bytes.push_back(static_cast<u8>(0xB8 + reg));
    append(bytes, value, 4);
    add(bytes);
}

void PieceBuilder::define_flags() {
    const u32 first = random_.below(3);
    add({0x39, static_cast<u8>(0xC0 | first << 3 | random_.below(3))}); // cmp
    c_.undefined = 0;
}

void PieceBuilder::push_immediate(u32 value) {
    Bytes bytes = {0x68};
    append(bytes, value, c_.code16 ? 2 : 4);
    add(bytes);
}

void PieceBuilder::repair(u8 reg, u32 align) {
    const bool broken = c_.garbage & (1u << reg);
    if (!(broken ? random_.chance(99) : align > 1 ? random_.chance(85) : random_.chance(12))) return;
    if (reg == RBP)
        move_immediate(reg, c_.stack_middle + random_.below(64));
    else
        move_immediate(reg, c_.pointer(align));
    c_.garbage &= static_cast<u8>(~(1u << reg));
}

u8 PieceBuilder::any_register(unsigned width) {
    u8 reg = 0;
    do {
        static constexpr u8 kFree[] = {RAX, RCX, RDX}, kFreeBytes[] = {0, 1, 2, 4, 5, 6};
        if (random_.chance(8)) {
            reg = static_cast<u8>(random_.below(8));
            if (width != 1 && reg == RSP && !random_.chance(10)) reg = RAX;
        } else {
            reg = width == 1 ? random_.pick(kFreeBytes) : random_.pick(kFree);
        }
    } while (c_.keep_cx && (reg == RCX || (width == 1 && reg == 5)));
    // Byte registers 4 to 7 are halves of 0 to 3.
    c_.garbage |= static_cast<u8>(1u << (width == 1 ? reg & 3 : reg));
    return reg;
}

u32 PieceBuilder::immediate(unsigned width) {
    const u32 value = interesting32(random_);
    return width == 1 ? value & 0xFF : width == 2 ? value & 0xFFFF : value;
}

void PieceBuilder::memory(Bytes& bytes, u8 reg, unsigned address_size, u32 align) {
    const auto modrm = [&](unsigned mod, unsigned rm) {
        bytes.push_back(static_cast<u8>(mod << 6 | u32{reg} << 3 | rm));
    };
    const auto displacement = [&](unsigned mod) {
        // Small and mostly aligned, so that the address stays where the pointer is.
        const u32 value = align > 1 && random_.chance(85) ? (random_.below(16) * 16) & 0x70 : random_.below(64);
        if (mod == 1) append(bytes, random_.chance(80) ? value & 0x7F : 0x80 + value, 1);
        if (mod == 2) append(bytes, value, address_size == 2 ? 2 : 4);
    };
    if (random_.chance(15)) { // absolute
        modrm(0, address_size == 2 ? 6 : 5);
        append(bytes, c_.pointer(align), address_size == 2 ? 2 : 4);
        return;
    }
    const unsigned mod = random_.below(3);
    if (address_size == 2) {
        static constexpr u8 kForms[] = {4, 4, 4, 4, 5, 5, 5, 5, 7, 7, 7, 7, 6, 0, 1, 2, 3};
        const u8 rm = random_.pick(kForms);
        modrm(rm == 6 && mod == 0 ? 1 : mod, rm);
        displacement(rm == 6 && mod == 0 ? 1 : mod);
        return;
    }
    static constexpr u8 kBases[] = {RBX, RSI, RDI, RBX, RSI, RDI, RBX, RSI, RDI, RBP, RSP, RAX};
    u8 base = random_.pick(kBases);
    if (base == RAX && random_.chance(98)) base = RDI;
    if (base == RBP && align > 1) base = RBX;
    if (random_.chance(25)) { // with an index, or base 4 for ESP
        const bool no_index = random_.chance(40);
        modrm(base == RBP && mod == 0 ? 1 : mod, 4);
        static constexpr u8 kIndexes[] = {RAX, RCX, RDX, RAX, RDX, RBX};
        u8 index = no_index ? u8{4} : random_.pick(kIndexes);
        if (index == base || (c_.keep_cx && index == RCX)) index = RAX;
        bytes.push_back(static_cast<u8>(random_.below(4) << 6 | u32{index} << 3 | base));
        displacement(base == RBP && mod == 0 ? 1 : mod);
        return;
    }
    if (base == RSP) {
        modrm(mod, 4);
        bytes.push_back(0x24);
        displacement(mod);
        return;
    }
    modrm(base == RBP && mod == 0 ? 1 : mod, base);
    displacement(base == RBP && mod == 0 ? 1 : mod);
}

namespace {

/// How often a row that ends the program (it faults at CPL 3) is taken.
u32 share(const OpcodeRow& what) {
    switch (what.mnemonic) {
    case Mnemonic::pushf: return 60;
    case Mnemonic::popf: return 1;
    case Mnemonic::ud:
    case Mnemonic::int3:
    case Mnemonic::icebp: return 1;
    case Mnemonic::into: return 3;
    case Mnemonic::bound: return 3;
    case Mnemonic::mov_sreg: return what.opcode == 0x8C ? 100 : 1;
    case Mnemonic::pop_sreg:
    case Mnemonic::les:
    case Mnemonic::lds:
    case Mnemonic::lss:
    case Mnemonic::lfs:
    case Mnemonic::lgs: return 1;
    case Mnemonic::div:
    case Mnemonic::idiv: return 30;
    case Mnemonic::popa: return 30;
    case Mnemonic::fldcw: return 8;
    case Mnemonic::enter:
    case Mnemonic::leave: return 40;
    default: return what.has(kPrivileged) ? 1 : 100;
    }
}

bool word_or_larger(OperandCode code) {
    using enum OperandCode;
    return code == Ev || code == Gv || code == Zv || code == Ew || code == Gw || code == RvMw || code == Ey ||
           code == Gy || code == Ed || code == Gd || code == RdMw || code == Ez || code == Ry;
}

} // namespace

void PieceBuilder::instruction(u16 number) {
    const OpcodeRow& what = row(number);
    if (!random_.chance(share(what))) return;
    if (c_.keep_cx && (what.mnemonic == Mnemonic::popa || what.mnemonic == Mnemonic::leave)) return;

    // ---- prefixes ---------------------------------------------------------------------------------------------------
    Bytes prefixes;
    bool operand_66 = false;
    if (what.is_string()) {
        const u32 repeat = c_.keep_cx ? 0 : random_.below(5);
        if (repeat > 1) {
            const u32 count = random_.chance(98) ? random_.below(40) : interesting32(random_);
            move_immediate(RCX, count);
            prefixes.push_back(repeat == 2 ? 0xF2 : 0xF3);
        }
        operand_66 = random_.chance(30);
        c_.garbage |= 1u << RSI | 1u << RDI;
    } else {
        const u8 columns = what.columns;
        const bool free_size = (columns & (kColumnNone | kColumn66)) == (kColumnNone | kColumn66);
        u8 column = 0;
        if (free_size) {
            operand_66 = random_.chance(30);
            column = kColumnNone;
            // F2 and F3 mean nothing to most integer instructions, and new things to these.
            const bool map0f = what.map == OpcodeMap::TwoByte;
            const bool taken = map0f && (what.opcode >= 0xB8 || what.opcode == 0xAE || what.opcode == 0x01 ||
                                         (what.opcode >= 0x18 && what.opcode <= 0x1F));
            if ((columns & kColumnF3) && !taken && random_.chance(1))
                prefixes.push_back(random_.below(2) ? 0xF3 : 0xF2);
        } else {
            static constexpr u8 kAll[] = {kColumnNone, kColumn66, kColumnF3, kColumnF2};
            do column = random_.pick(kAll);
            while (!(columns & column));
        }
        if (column == kColumn66) prefixes.push_back(0x66);
        if (column == kColumnF3) prefixes.push_back(0xF3);
        if (column == kColumnF2) prefixes.push_back(0xF2);
    }
    if (operand_66) prefixes.push_back(0x66);
    const unsigned operand_size = c_.code16 != operand_66 ? 2 : 4;
    const bool address_67 = (c_.flat_data ? random_.below(400) == 0 : random_.chance(25));
    if (address_67) prefixes.push_back(0x67);
    const unsigned address_size = c_.code16 != address_67 ? 2 : 4;
    static constexpr u8 kOverrides[] = {0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65};
    if (random_.chance(4)) prefixes.push_back(random_.pick(kOverrides));

    // ---- ModRM ------------------------------------------------------------------------------------------------------
    Bytes body;
    if (what.map == OpcodeMap::TwoByte) body = {0x0F};
    if (what.map == OpcodeMap::ThreeByte38) body = {0x0F, 0x38};
    if (what.map == OpcodeMap::ThreeByte3A) body = {0x0F, 0x3A};
    const OperandCode first = what.operands[0];
    const auto is_byte = [&](OperandCode code) {
        return code == OperandCode::Eb || code == OperandCode::Gb || code == OperandCode::Zb;
    };
    const auto general = [&](OperandCode code) { return is_byte(code) || word_or_larger(code); };
    const auto register_for = [&](OperandCode code) -> u8 {
        if (is_byte(code)) return any_register(1);
        if (word_or_larger(code)) return any_register(4);
        return static_cast<u8>(random_.below(8));
    };
    if (what.form.span == 8 || what.form.span == 7) {
        u8 reg = general(first) ? register_for(first) : static_cast<u8>(random_.below(8));
        if (what.form.span == 7 && reg == 7) reg = 6;
        const u8 base = what.form.span == 7 ? static_cast<u8>(what.opcode - 1) : what.opcode;
        if (what.form.span == 7 && reg == 0) reg = 2;
        if (what.form.span == 7 && c_.keep_cx && reg == 1) reg = 2;
        if (what.form.span == 7) c_.garbage |= static_cast<u8>(1u << reg);
        body.push_back(static_cast<u8>(base + reg));
    } else {
        body.push_back(what.opcode);
    }
    bool is_memory = false;
    if (what.form.modrm) {
        OperandCode reg_code = OperandCode::none, rm_code = OperandCode::none;
        for (const OperandCode code : what.operands) {
            using enum OperandCode;
            const bool by_reg = code == Gb || code == Gw || code == Gd || code == Gv || code == Gy;
            const bool by_rm = code >= Eb && code <= RdMw;
            if (by_reg) reg_code = code;
            if (by_rm) rm_code = code;
        }
        u8 reg = what.form.reg != OpcodeForm::kAny ? what.form.reg : register_for(reg_code);
        if (first == OperandCode::Cd || first == OperandCode::Dd || what.mnemonic == Mnemonic::mov_cr) reg = 0;
        is_memory = what.form.mod == OpcodeForm::Memory || (what.form.mod == OpcodeForm::Both && random_.chance(45));
        const u32 align = what.has(kSimd) ? 16 : 1;
        if (is_memory) {
            Bytes address;
            memory(address, reg, address_size, align);
            // Mend the registers that the address is made of.
            const u8 mode = address[0] >> 6, rm = address[0] & 7;
            if (address_size == 4 && !(mode == 0 && rm == 5)) {
                const u8 base = rm == 4 ? address[1] & 7 : rm;
                if (base != RSP && base != RAX) repair(base, align);
                if (rm == 4 && ((address[1] >> 3) & 7) != 4) {
                    const u8 index = (address[1] >> 3) & 7;
                    if (index != RBP && index != base && !(c_.keep_cx && index == RCX) && random_.chance(98)) {
                        move_immediate(index, random_.below(8) * (align > 1 ? 16 : 1));
                        c_.garbage |= static_cast<u8>(1u << index);
                    }
                }
            } else if (address_size == 2 && !(mode == 0 && rm == 6)) {
                if (rm == 4 || rm == 0 || rm == 2) repair(RSI, align);
                if (rm == 5 || rm == 1 || rm == 3) repair(RDI, align);
                if (rm == 7 || rm == 0 || rm == 1) repair(RBX, align);
            }
            body.insert(body.end(), address.begin(), address.end());
        } else {
            const u8 rm = what.form.rm != OpcodeForm::kAny ? what.form.rm : register_for(rm_code);
            body.push_back(static_cast<u8>(0xC0 | reg << 3 | rm));
        }
    } else if (what.is_string() || what.mnemonic == Mnemonic::xlat) {
        for (const u8 reg : {RSI, RDI, RBX}) repair(reg, 1);
    }

    if (what.mnemonic == Mnemonic::maskmovq || what.mnemonic == Mnemonic::maskmovdqu) repair(RDI, 1);

    // ---- immediates -------------------------------------------------------------------------------------------------
    const unsigned z = std::min(operand_size, 4u);
    for (const OperandCode code : what.operands) {
        using enum OperandCode;
        switch (code) {
        case Ib:
        case sIb: append(body, immediate(1), 1); break;
        case Iw:
            append(body, what.mnemonic == Mnemonic::enter && random_.chance(90) ? random_.below(64) : immediate(2), 2);
            break;
        case Ib2: append(body, random_.chance(70) ? random_.below(4) : random_.below(40), 1); break;
        case Iz: append(body, immediate(z), z); break;
        case Iv: append(body, immediate(operand_size), operand_size); break;
        case Ob:
        case Ov: append(body, c_.pointer(), address_size); break;
        default: break;
        }
    }
    if (is_memory && what.lockable() && random_.chance(15)) prefixes.push_back(0xF0);
    if (random_.below(3000) == 0) prefixes.push_back(0xF0);
    // Prefixes in any order; one that selects the column may stand anywhere.
    for (usize i = prefixes.size(); i > 1; --i)
        std::swap(prefixes[i - 1], prefixes[random_.below(static_cast<u32>(i))]);
    prefixes.insert(prefixes.end(), body.begin(), body.end());
    add(prefixes, what.flags_read);
    switch (what.mnemonic) {
    case Mnemonic::popa: c_.garbage = 0xFF; break;
    case Mnemonic::leave: c_.garbage |= 1u << RBP; break;
    default: break;
    }
    const u32 written = what.flags_conditional() ? 0u : what.flags_written;
    c_.undefined = (c_.undefined & ~written) | what.flags_undefined;
}

} // namespace r86::differential

#pragma once
/// Random MMX and SSE instructions from the table, and operands worth trying.
#include "cpu/decoder/table.h"
#include "tests/random.h"
#include <vector>

namespace r86::sse_test {

using test::Random;

/// Half plain random lanes, half what floating point finds interesting, in either width.
inline u64 random_quad(Random& random) {
    const auto value = [&](unsigned fraction, unsigned top) {
        u64 mantissa = random.next() & ((u64{1} << fraction) - 1);
        switch (random.below(5)) {
        case 0: mantissa = 0; break;
        case 1: mantissa = random.below(3); break;
        case 2: mantissa = ((u64{1} << fraction) - 1) & ~u64{random.below(4)}; break;
        default: break;
        }
        u64 exponent = 0;
        switch (random.below(7)) {
        case 0: exponent = random.below(2); break;
        case 1: exponent = top - random.below(2); break;
        case 2: exponent = random.below(top + 1); break;
        case 3: exponent = top / 2 + 20 + random.below(50); break; // near the limits of the integers
        default: exponent = top / 2 - 4 + random.below(8); break;
        }
        return (random.next() & 1) << (top == 255 ? 31 : 63) | exponent << fraction | mantissa;
    };
    switch (random.below(8)) {
    case 0: return random.next();
    case 1: return random.next() & 0xFF00FF00FF007F80;
    case 2: return random.below(70);
    case 3:
    case 4: return value(52, 2047);
    default: return value(23, 255) << 32 | value(23, 255);
    }
}

/// An instruction's bytes: random registers below 8 (of general ones EAX alone), memory at [rDI] or [rDI + 0], the same
/// in 32- and 64-bit code.
struct Encoding {
    std::vector<u8> bytes;
    bool memory = false;
};

inline bool general(OperandCode code) {
    using enum OperandCode;
    return code == Ey || code == Gd || code == Gy || code == RdMw;
}

inline Encoding encode(const OpcodeRow& what, bool memory, Random& random, bool displacement = false) {
    Encoding e;
    if (what.columns == kColumn66) e.bytes.push_back(0x66);
    if (what.columns == kColumnF3) e.bytes.push_back(0xF3);
    if (what.columns == kColumnF2) e.bytes.push_back(0xF2);
    e.bytes.push_back(0x0F);
    if (what.map == OpcodeMap::ThreeByte38) e.bytes.push_back(0x38);
    if (what.map == OpcodeMap::ThreeByte3A) e.bytes.push_back(0x3A);
    e.bytes.push_back(what.opcode);
    if (what.form.modrm) {
        using enum OperandCode;
        u32 reg = what.form.reg == OpcodeForm::kAny ? random.below(8) : what.form.reg;
        u32 rm = random.below(8);
        for (unsigned i = 0; i < what.operands.size(); ++i) {
            const OperandCode code = what.operands[i];
            if (!general(code)) continue;
            (code == Gd || code == Gy ? reg : rm) = 0; // EAX alone is watched
        }
        e.memory = memory;
        e.bytes.push_back(static_cast<u8>(memory ? (displacement ? 0x47 : 0x07) | reg << 3 : 0xC0 | reg << 3 | rm));
    }
    if (e.memory && displacement) e.bytes.push_back(0);
    for (const OperandCode code : what.operands)
        if (code == OperandCode::Ib) e.bytes.push_back(static_cast<u8>(random.next()));
    return e;
}

inline bool may_be_unaligned(const OpcodeRow& what) {
    for (const OperandCode code : what.operands)
        if (code == OperandCode::Wdq || code == OperandCode::Mdq)
            return what.mnemonic == Mnemonic::movups || what.mnemonic == Mnemonic::movupd ||
                   what.mnemonic == Mnemonic::movdqu || what.mnemonic == Mnemonic::lddqu;
    return true;
}

} // namespace r86::sse_test

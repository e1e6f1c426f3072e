#pragma once
/// EFLAGS (SDM Vol. 1, 3.4.3) and the lazy form in which the status flags are kept while code runs.
#include "core/bits.h"
#include "core/types.h"

namespace r86 {

inline constexpr u32 kCF = 1u << 0;
inline constexpr u32 kPF = 1u << 2;
inline constexpr u32 kAF = 1u << 4;
inline constexpr u32 kZF = 1u << 6;
inline constexpr u32 kSF = 1u << 7;
inline constexpr u32 kTF = 1u << 8;
inline constexpr u32 kIF = 1u << 9;
inline constexpr u32 kDF = 1u << 10;
inline constexpr u32 kOF = 1u << 11;
inline constexpr u32 kIOPL = 3u << 12;
inline constexpr u32 kNT = 1u << 14;
inline constexpr u32 kRF = 1u << 16;
inline constexpr u32 kVM = 1u << 17;
inline constexpr u32 kAC = 1u << 18;
inline constexpr u32 kVIF = 1u << 19;
inline constexpr u32 kVIP = 1u << 20;
inline constexpr u32 kID = 1u << 21;
inline constexpr u32 kStatusFlags = kCF | kPF | kAF | kZF | kSF | kOF;

/// The six status flags without a kind: any writer leaves a result and a carry vector, any reader needs a few
/// operations and no switch.
///   ZF = result is 0;  SF = bit 31 of result, flipped if bits 63 and 62 of `carry` differ;
///   PF = even parity of the low byte of result, flipped if bits 61 and 60 of `carry` differ;
///   `carry` bit n is the carry (borrow) into bit n: bit 32 = CF, bit 32 xor bit 31 = OF, bit 4 = AF.
/// For a 32-bit ADD, SUB, CMP, ADC, SBB or NEG on zero-extended 64-bit values it is just `a ^ b ^ result`, whose upper
/// bits are all equal, so nothing is flipped. Narrower results are sign-extended to 32 bits.
struct LazyFlags {
    u64 carry = 0;
    u32 result = 1; // all flags clear but PF (0x01 has odd parity): see set()

    constexpr bool cf() const { return (carry >> 32) & 1; }
    constexpr bool of() const { return ((carry >> 32) ^ (carry >> 31)) & 1; }
    constexpr bool af() const { return (carry >> 4) & 1; }
    constexpr bool zf() const { return result == 0; }
    constexpr bool sf() const { return ((result >> 31) ^ (carry >> 63) ^ (carry >> 62)) & 1; }
    constexpr bool pf() const {
        return (static_cast<u32>(even_parity(static_cast<u8>(result))) ^ (carry >> 61) ^ (carry >> 60)) & 1;
    }

    /// Canonical: only the six status bits.
    constexpr u32 get() const {
        return (cf() ? kCF : 0) | (pf() ? kPF : 0) | (af() ? kAF : 0) | (zf() ? kZF : 0) | (sf() ? kSF : 0) |
               (of() ? kOF : 0);
    }
    /// Takes the six status bits of `flags`, ignores the others.
    constexpr void set(u32 flags) {
        result = (flags & kZF) ? 0 : 1;
        // natural values: SF of 0 and 1 is 0; PF of 0 is 1, of 1 is 0
        const bool natural_pf = (flags & kZF) != 0;
        carry = (u64{(flags & kCF) != 0} << 32) | (u64{((flags & kCF) != 0) != ((flags & kOF) != 0)} << 31) |
                (u64{(flags & kAF) != 0} << 4) | (u64{(flags & kSF) != 0} << 63) |
                (u64{((flags & kPF) != 0) != natural_pf} << 61);
        // Keep bit pairs (63,62) and (61,60) differing exactly when the natural value is wrong.
    }
    constexpr void set_cf(bool value) {
        const u64 flip = (carry ^ (u64{value} << 32)) & (u64{1} << 32);
        carry ^= flip ^ (flip >> 1); // OF stays
    }
    constexpr void set_zf(bool value) { set(value ? get() | kZF : get() & ~kZF); }
};

} // namespace r86

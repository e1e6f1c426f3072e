#pragma once
/// Integer arithmetic on values: every function is pure and gives the result together with the status flags in their
/// lazy form (cpu/flags.h). Flags: SDM Vol. 1, 3.4.3.1 "Status Flags", and each instruction's page in Vol. 2.
///
/// Where the SDM calls a flag undefined, the value is the one that Intel processors of the P6 line give (measured on
/// one with family 6): OF after a shift or rotate by more than one is that of a shift by one; AF is clear after shifts,
/// logic and multiplication and stays after rotates; MUL and IMUL set SF and PF from the low half and clear ZF; DIV
/// leaves all flags; BSF and BSR set PF from the index; the decimal adjustments clear OF.
#include "core/bits.h"
#include "cpu/flags.h"

namespace r86 {

template <std::unsigned_integral T>
struct AluResult {
    T value;
    LazyFlags flags;
};

namespace alu {

template <class T>
inline constexpr unsigned kWidth = sizeof(T) * 8;
/// Twice the width at least.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 8, unsigned __int128, u64>;
template <class T>
using SignedWide = std::conditional_t<sizeof(T) == 8, __int128, i64>;

/// The `result` word of LazyFlags: same zero, sign and low byte as `value`.
template <std::unsigned_integral T>
constexpr u32 flag_result(T value) {
    if constexpr (sizeof(T) == 8)
        return static_cast<u32>((value & 0xFF) | (value >> 63) << 31 | u64{(value >> 8) != 0} << 8);
    else
        return static_cast<u32>(as_signed(value));
}

/// Flags from a result and explicit CF, OF and AF.
template <std::unsigned_integral T>
constexpr LazyFlags make_flags(T value, bool cf, bool of, bool af = false) {
    return {u64{cf} << 32 | u64{cf != of} << 31 | u64{af} << 4, flag_result(value)};
}

/// Sum or difference of up to 32 bits: `wide` is computed on zero-extended 64-bit values and not cut.
template <std::unsigned_integral T>
constexpr AluResult<T> from_carries(u64 a, u64 b, u64 wide) {
    const u64 carry = a ^ b ^ wide;
    const T value = static_cast<T>(wide);
    if constexpr (sizeof(T) == 4)
        return {value, {carry, value}};
    else // moves the carry out of the top bit to bit 32; AF would leave bit 4
        return {value, {carry << (32 - kWidth<T>) | (carry & 0x10), flag_result(value)}};
}

template <std::unsigned_integral T>
constexpr AluResult<T> adc(T a, T b, bool carry_in) {
    if constexpr (sizeof(T) < 8) return from_carries<T>(a, b, u64{a} + b + carry_in);
    const T sum = a + b + carry_in;
    const T carries = a ^ b ^ sum;
    const bool out = msb(static_cast<T>((a & b) | ((a | b) & ~sum)));
    return {sum, make_flags(sum, out, out != msb(carries), bit(carries, 4))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> sbb(T a, T b, bool borrow_in) {
    if constexpr (sizeof(T) < 8) return from_carries<T>(a, b, u64{a} - b - borrow_in);
    const T difference = a - b - borrow_in;
    const T borrows = a ^ b ^ difference;
    const bool out = msb(static_cast<T>((~a & b) | ((~a | b) & difference)));
    return {difference, make_flags(difference, out, out != msb(borrows), bit(borrows, 4))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> add(T a, T b) {
    return adc(a, b, false);
}
/// SUB and CMP.
template <std::unsigned_integral T>
constexpr AluResult<T> sub(T a, T b) {
    return sbb(a, b, false);
}
template <std::unsigned_integral T>
constexpr AluResult<T> neg(T a) {
    return sbb(T{0}, a, false);
}

/// CF stays.
template <std::unsigned_integral T>
constexpr AluResult<T> inc(T a, LazyFlags old) {
    AluResult<T> result = add(a, T{1});
    result.flags.set_cf(old.cf());
    return result;
}
template <std::unsigned_integral T>
constexpr AluResult<T> dec(T a, LazyFlags old) {
    AluResult<T> result = sub(a, T{1});
    result.flags.set_cf(old.cf());
    return result;
}

/// AND, OR, XOR and TEST leave CF = OF = AF = 0: no carries at all.
template <std::unsigned_integral T>
constexpr AluResult<T> logic(T value) {
    return {value, {0, flag_result(value)}};
}

// ---- shifts and rotates. Counts are cut to 5 bits (6 for 64-bit operands); a count of 0 changes nothing. ------------

template <std::unsigned_integral T>
inline constexpr unsigned kCountMask = sizeof(T) == 8 ? 63 : 31;

/// OF of a left shift by one: the sign changed.
template <std::unsigned_integral T>
constexpr bool top_two_differ(T a) {
    return msb(static_cast<T>(a ^ (a << 1)));
}

template <std::unsigned_integral T>
constexpr AluResult<T> shl(T a, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    const Wide<T> wide = Wide<T>{a} << n;
    const T value = static_cast<T>(wide);
    return {value, make_flags(value, (wide >> kWidth<T>)&1, top_two_differ(a))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> shr(T a, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    const Wide<T> shifted = Wide<T>{a} >> (n - 1);
    const T value = static_cast<T>(shifted >> 1);
    return {value, make_flags(value, shifted & 1, msb(a))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> sar(T a, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    const SignedWide<T> shifted = SignedWide<T>{as_signed(a)} >> (n - 1);
    const T value = static_cast<T>(shifted >> 1);
    return {value, make_flags(value, shifted & 1, false)};
}

/// Rotates change CF and OF only.
constexpr LazyFlags rotate_flags(LazyFlags old, bool cf, bool of) {
    constexpr u64 both = u64{3} << 31;
    return {(old.carry & ~both) | u64{cf} << 32 | u64{cf != of} << 31, old.result};
}

template <std::unsigned_integral T>
constexpr AluResult<T> rol(T a, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    const T value = std::rotl(a, static_cast<int>(n % kWidth<T>));
    return {value, rotate_flags(old, value & 1, top_two_differ(a))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> ror(T a, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    const T value = std::rotr(a, static_cast<int>(n % kWidth<T>));
    return {value, rotate_flags(old, msb(value), (a & 1) != msb(a))};
}

/// CF is the bit above the top one. Counts of a whole turn (9, 17, 18, 27) change nothing, not even OF.
template <std::unsigned_integral T>
constexpr AluResult<T> rcl(T a, unsigned count, LazyFlags old) {
    const unsigned n = (count & kCountMask<T>) % (kWidth<T> + 1);
    if (n == 0) return {a, old};
    const Wide<T> ring = Wide<T>{old.cf()} << kWidth<T> | a;
    const Wide<T> turned = ring << n | ring >> (kWidth<T> + 1 - n);
    return {static_cast<T>(turned), rotate_flags(old, (turned >> kWidth<T>)&1, top_two_differ(a))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> rcr(T a, unsigned count, LazyFlags old) {
    const unsigned n = (count & kCountMask<T>) % (kWidth<T> + 1);
    if (n == 0) return {a, old};
    const Wide<T> ring = Wide<T>{old.cf()} << kWidth<T> | a;
    const Wide<T> turned = ring >> n | ring << (kWidth<T> + 1 - n);
    return {static_cast<T>(turned), rotate_flags(old, (turned >> kWidth<T>)&1, old.cf() != msb(a))};
}

/// `b` follows `a` into the vacated bits; with 16-bit operands and counts above 16 (undefined) `a` comes round again.
template <std::unsigned_integral T>
constexpr AluResult<T> shld(T a, T b, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    constexpr unsigned w = kWidth<T>;
    constexpr unsigned position = sizeof(T) == 2 ? 2 * w : w; // of `a` in the string
    Wide<T> string = Wide<T>{a} << position | Wide<T>{b} << (position - w);
    if constexpr (sizeof(T) == 2) string |= a;
    const T value = static_cast<T>((string << n) >> position);
    return {value, make_flags(value, (string >> (position + w - n)) & 1, top_two_differ(a))};
}

template <std::unsigned_integral T>
constexpr AluResult<T> shrd(T a, T b, unsigned count, LazyFlags old) {
    const unsigned n = count & kCountMask<T>;
    if (n == 0) return {a, old};
    Wide<T> string = Wide<T>{b} << kWidth<T> | a;
    if constexpr (sizeof(T) == 2) string |= Wide<T>{a} << 32;
    const T value = static_cast<T>(string >> n);
    return {value, make_flags(value, (string >> (n - 1)) & 1, (b & 1) != msb(a))};
}

// ---- multiplication and division
// -------------------------------------------------------------------------------------

template <std::unsigned_integral T>
struct Product {
    T low;
    T high;
    LazyFlags flags;
};

/// CF = OF = "the high half matters"; ZF is clear even for a zero product.
template <std::unsigned_integral T>
constexpr Product<T> product(Wide<T> wide, bool overflow) {
    const T low = static_cast<T>(wide);
    return {low, static_cast<T>(wide >> kWidth<T>), {u64{overflow} << 32, flag_result(low) | 0x100}};
}
template <std::unsigned_integral T>
constexpr Product<T> mul(T a, T b) {
    const Wide<T> wide = Wide<T>{a} * b;
    return product<T>(wide, (wide >> kWidth<T>) != 0);
}
template <std::unsigned_integral T>
constexpr Product<T> imul(T a, T b) {
    const SignedWide<T> wide = SignedWide<T>{as_signed(a)} * as_signed(b);
    return product<T>(static_cast<Wide<T>>(wide), wide != as_signed(static_cast<T>(wide)));
}

template <std::unsigned_integral T>
struct Quotient {
    bool valid; ///< false: #DE
    T quotient;
    T remainder;
};

template <std::unsigned_integral T>
constexpr Quotient<T> div(T high, T low, T divisor) {
    if (high >= divisor) return {false, 0, 0}; // zero divisor included
    const Wide<T> dividend = Wide<T>{high} << kWidth<T> | low;
    return {true, static_cast<T>(dividend / divisor), static_cast<T>(dividend % divisor)};
}
/// The most negative quotient is legal (SDM Vol. 3, 22.33.1: unlike the 8086).
template <std::unsigned_integral T>
constexpr Quotient<T> idiv(T high, T low, T divisor) {
    const Wide<T> string = Wide<T>{high} << kWidth<T> | low;
    SignedWide<T> dividend = static_cast<SignedWide<T>>(string);
    if constexpr (sizeof(T) < 4) // the string does not fill the wide type
        dividend = static_cast<SignedWide<T>>(string << (64 - 2 * kWidth<T>)) >> (64 - 2 * kWidth<T>);
    const SignedWide<T> by = as_signed(divisor);
    // -2^63 / -1 would overflow in the host, too.
    if (by == 0 || (by == -1 && string == Wide<T>{1} << (2 * kWidth<T> - 1))) return {false, 0, 0};
    const SignedWide<T> quotient = dividend / by;
    if (quotient != as_signed(static_cast<T>(quotient))) return {false, 0, 0};
    return {true, static_cast<T>(quotient), static_cast<T>(dividend % by)};
}

// ---- decimal adjustment: AL or AX with the flags before
// ----------------------------------------------------------------

constexpr AluResult<u8> daa(u8 al, LazyFlags old) {
    const bool low = (al & 15) > 9 || old.af();
    const bool high = al > 0x99 || old.cf();
    const u8 value = static_cast<u8>(al + (low ? 6 : 0) + (high ? 0x60 : 0));
    return {value, make_flags(value, high, false, low)};
}

constexpr AluResult<u8> das(u8 al, LazyFlags old) {
    const bool low = (al & 15) > 9 || old.af();
    const bool high = al > 0x99 || old.cf();
    const u8 value = static_cast<u8>(al - (low ? 6 : 0) - (high ? 0x60 : 0));
    return {value, make_flags(value, high || (low && al < 6), false, low)};
}

/// AX + 106H or AX - 106H, then AL cut to a digit. SF, ZF, PF describe the new AL.
constexpr AluResult<u16> adjust_ascii(u16 ax, LazyFlags old, int step) {
    const bool carry = (ax & 15) > 9 || old.af();
    const u16 value = static_cast<u16>((carry ? ax + step : ax) & 0xFF0F);
    return {value, make_flags(static_cast<u8>(value), carry, false, carry)};
}
constexpr AluResult<u16> aaa(u16 ax, LazyFlags old) { return adjust_ascii(ax, old, 0x106); }
constexpr AluResult<u16> aas(u16 ax, LazyFlags old) { return adjust_ascii(ax, old, -0x106); }

/// `base` must not be 0.
constexpr AluResult<u16> aam(u8 al, u8 base) {
    const u8 digit = al % base;
    return {static_cast<u16>(al / base << 8 | digit), logic(digit).flags};
}
constexpr AluResult<u16> aad(u16 ax, u8 base) {
    const AluResult<u8> sum = add(static_cast<u8>(ax), static_cast<u8>((ax >> 8) * base));
    return {sum.value, sum.flags};
}

// ---- bits
// ----------------------------------------------------------------------------------------------------------------

/// Index of the lowest (BSF) or highest (BSR) set bit; `old_destination` stays for a zero source, with ZF = PF = 1.
template <std::unsigned_integral T>
constexpr AluResult<T> scan(T source, T old_destination, bool reverse) {
    if (source == 0) return {old_destination, logic(T{0}).flags};
    const T index = static_cast<T>(reverse ? std::bit_width(source) - 1 : std::countr_zero(source));
    LazyFlags flags = logic(index).flags;
    flags.result |= 0x100; // ZF = 0 for index 0 as well
    return {index, flags};
}

template <std::unsigned_integral T>
constexpr AluResult<T> popcnt(T source) {
    LazyFlags flags;
    flags.set(source == 0 ? kZF : 0);
    return {static_cast<T>(std::popcount(source)), flags};
}

template <std::unsigned_integral T>
constexpr T byte_swap(T value) {
    T swapped = 0;
    for (unsigned i = 0; i < sizeof(T); ++i) swapped = static_cast<T>(swapped << 4 << 4 | ((value >> (8 * i)) & 0xFF));
    return swapped;
}

} // namespace alu

/// Condition codes of Jcc, SETcc and CMOVcc: SDM Vol. 1, appendix B "EFLAGS Condition Codes".
constexpr bool condition(const LazyFlags& flags, unsigned cc) {
    bool holds = false;
    switch ((cc >> 1) & 7) {
    case 0: holds = flags.of(); break;
    case 1: holds = flags.cf(); break;
    case 2: holds = flags.zf(); break;
    case 3: holds = flags.cf() || flags.zf(); break;
    case 4: holds = flags.sf(); break;
    case 5: holds = flags.pf(); break;
    case 6: holds = flags.sf() != flags.of(); break;
    default: holds = flags.zf() || flags.sf() != flags.of(); break;
    }
    return holds != (cc & 1);
}

static_assert(alu::add<u32>(0xFFFFFFFF, 1).flags.get() == (kCF | kZF | kPF | kAF));
static_assert(alu::add<u8>(0x7F, 1).flags.get() == (kSF | kOF | kAF));
static_assert(alu::sub<u16>(0, 1).flags.get() == (kCF | kSF | kPF | kAF));
static_assert(alu::sub<u64>(u64{1} << 63, 1).flags.get() == (kOF | kAF | kPF));
static_assert(alu::inc<u8>(0xFF, {}).flags.get() == (kZF | kPF | kAF));
static_assert(alu::shl<u8>(0x83, 8, {}).value == 0 && alu::shl<u8>(0x83, 8, {}).flags.cf());
static_assert(alu::shld<u16>(0xB783, 0x91D6, 18, {}).value == 0x475A);
static_assert(alu::shrd<u16>(0xB783, 0x91D6, 17, {}).value == 0xC8EB);
static_assert(alu::idiv<u8>(0xFF, 0x80, 1).valid && !alu::idiv<u8>(0x00, 0x80, 1).valid);
static_assert(!alu::idiv<u32>(0x80000000, 0, 0xFFFFFFFF).valid);
static_assert(alu::daa(0x9A, {}).value == 0 && alu::das(0xA0, {}).value == 0x40);
static_assert(condition(alu::sub<u32>(1, 2).flags, 0xC) && !condition(alu::sub<u32>(1, 2).flags, 0xD));

} // namespace r86

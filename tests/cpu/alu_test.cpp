/// cpu/alu.h against definitions written another way (bit by bit, exhaustive for bytes), and against the host's own
/// instructions where the host is an x86.
#include "cpu/alu.h"
#include "tests/catch.h"

using namespace r86;

namespace {

/// A LazyFlags of the given image.
LazyFlags lazy(u32 image) {
    LazyFlags flags;
    flags.set(image);
    return flags;
}

/// SF, ZF and PF of a result from their definitions.
template <class T>
u32 result_flags(T value) {
    unsigned ones = 0;
    for (unsigned n = 0; n < 8; ++n) ones += (value >> n) & 1;
    return (value == 0 ? kZF : 0) | (msb(value) ? kSF : 0) | (ones % 2 == 0 ? kPF : 0);
}

/// A ripple-carry adder.
template <class T>
u32 reference_add(T a, T b, bool carry, T& sum) {
    u32 flags = 0;
    bool into_top = false;
    sum = 0;
    for (unsigned n = 0; n < sizeof(T) * 8; ++n) {
        const unsigned column = unsigned{bit(a, n)} + bit(b, n) + carry;
        if (n == 4 && carry) flags |= kAF;
        if (n == sizeof(T) * 8 - 1) into_top = carry;
        if (column & 1) sum = static_cast<T>(sum | T{1} << n);
        carry = column > 1;
    }
    return flags | (carry ? kCF : 0) | (carry != into_top ? kOF : 0) | result_flags(sum);
}

template <class T>
void check_sums(T a, T b, bool carry) {
    T expected;
    u32 flags = reference_add(a, b, carry, expected);
    const AluResult<T> sum = alu::adc(a, b, carry);
    REQUIRE(sum.value == expected);
    REQUIRE(sum.flags.get() == flags);
    // a - b - c is a + ~b + !c with inverted carries.
    flags = reference_add(a, static_cast<T>(~b), !carry, expected) ^ kCF ^ kAF;
    const AluResult<T> difference = alu::sbb(a, b, carry);
    REQUIRE(difference.value == expected);
    REQUIRE(difference.flags.get() == flags);
}

struct Random {
    u64 state = 0x9E3779B97F4A7C15;
    u64 next() {
        state = state * 6364136223846793005 + 1442695040888963407;
        const u64 value = state ^ state >> 29;
        switch (value % 5) { // the borders are where the mistakes are
        case 0: return value >> 40 & 3;
        case 1: return ~(value >> 40 & 3);
        case 2: return u64{1} << (value >> 32 & 63);
        default: return value * 0xD6E8FEB86659FD93;
        }
    }
};

} // namespace

TEST_CASE("sums and differences, bytes exhaustively") {
    for (unsigned a = 0; a < 256; ++a)
        for (unsigned b = 0; b < 256; ++b)
            for (bool carry : {false, true}) check_sums(static_cast<u8>(a), static_cast<u8>(b), carry);
}

TEST_CASE("sums and differences, wider") {
    Random random;
    for (int n = 0; n < 20000; ++n) {
        const u64 a = random.next(), b = random.next();
        check_sums(static_cast<u16>(a), static_cast<u16>(b), n & 1);
        check_sums(static_cast<u32>(a), static_cast<u32>(b), n & 1);
        check_sums(a, b, n & 1);
    }
}

TEST_CASE("INC and DEC keep CF in both states") {
    for (u32 before : {u32{0}, kCF, kStatusFlags}) {
        for (unsigned a = 0; a < 256; ++a) {
            u8 expected;
            const u32 up = reference_add<u8>(static_cast<u8>(a), 1, false, expected);
            CHECK(alu::inc(static_cast<u8>(a), lazy(before)).value == expected);
            CHECK(alu::inc(static_cast<u8>(a), lazy(before)).flags.get() == ((up & ~kCF) | (before & kCF)));
            const u32 down = reference_add<u8>(static_cast<u8>(a), 0xFF, false, expected) ^ kAF;
            CHECK(alu::dec(static_cast<u8>(a), lazy(before)).value == expected);
            CHECK(alu::dec(static_cast<u8>(a), lazy(before)).flags.get() == ((down & ~kCF) | (before & kCF)));
        }
    }
    CHECK(alu::inc(u32{0x7FFFFFFF}, lazy(kCF)).flags.get() == (kCF | kOF | kSF | kPF | kAF));
    CHECK(alu::dec(u64{0}, lazy(0)).flags.get() == (kSF | kPF | kAF));
}

TEST_CASE("flag images survive the lazy form, and CF can be set alone") {
    for (unsigned n = 0; n < 64; ++n) {
        u32 image = 0;
        const u32 all[] = {kCF, kPF, kAF, kZF, kSF, kOF};
        for (unsigned k = 0; k < 6; ++k)
            if (n >> k & 1) image |= all[k];
        CHECK(lazy(image).get() == image);
        for (bool carry : {false, true}) {
            LazyFlags flags = lazy(image);
            flags.set_cf(carry);
            CHECK(flags.get() == ((image & ~kCF) | (carry ? kCF : 0)));
        }
        // Every condition from its definition, SDM Vol. 1, appendix B.
        const bool c = image & kCF, z = image & kZF, s = image & kSF, o = image & kOF, p = image & kPF;
        const bool expected[] = {o, c, z, c || z, s, p, s != o, z || s != o};
        for (unsigned cc = 0; cc < 16; ++cc) CHECK(condition(lazy(image), cc) == (expected[cc / 2] != (cc & 1)));
    }
}

namespace {

/// Shifts and rotates one step at a time.
template <class T>
void check_shifts(T a, T b, unsigned count, u32 before) {
    constexpr unsigned width = sizeof(T) * 8;
    const unsigned steps = count & (width == 64 ? 63 : 31);
    T left = a, right = a, arithmetic = a, rl = a, rr = a, cl = a, cr = a, dl = a, dr = a, bl = b, br = b;
    bool c_left = before & kCF, c_right = c_left, c_arithmetic = c_left, c_rl = c_left, c_rr = c_left, c_cl = c_left,
         c_cr = c_left, c_dl = c_left, c_dr = c_left;
    for (unsigned n = 0; n < steps; ++n) {
        const auto shift_in = [](T value, bool low) { return static_cast<T>(value << 1 | T{low}); };
        const auto shift_in_top = [](T value, bool top) { return static_cast<T>(value >> 1 | T{top} << (width - 1)); };
        c_left = msb(left), left = shift_in(left, false);
        c_right = right & 1, right = shift_in_top(right, false);
        c_arithmetic = arithmetic & 1, arithmetic = shift_in_top(arithmetic, msb(arithmetic));
        c_rl = msb(rl), rl = shift_in(rl, c_rl);
        c_rr = rr & 1, rr = shift_in_top(rr, c_rr);
        const bool old_cl = c_cl, old_cr = c_cr;
        c_cl = msb(cl), cl = shift_in(cl, old_cl);
        c_cr = cr & 1, cr = shift_in_top(cr, old_cr);
        c_dl = msb(dl), dl = shift_in(dl, msb(bl)), bl = static_cast<T>(bl << 1);
        c_dr = dr & 1, dr = shift_in_top(dr, br & 1), br = static_cast<T>(br >> 1);
    }
    const auto check = [&](const AluResult<T>& result, T value, bool carry, bool rotate) {
        REQUIRE(result.value == value);
        u32 expected = (carry ? kCF : 0) | (rotate ? before & (kSF | kZF | kAF | kPF) : result_flags(value));
        if (steps == 0) expected = before;
        const u32 mask = steps > 1 ? ~kOF : ~u32{0}; // OF has its own check below
        REQUIRE((result.flags.get() & mask) == (expected & mask) + (steps == 1 ? result.flags.get() & kOF : 0));
        if (steps == 1) { // SDM: OF is defined for counts of one
            const bool top_changed = msb(a) != msb(value);
            if (!(&value == &arithmetic)) REQUIRE(result.flags.of() == top_changed);
        }
    };
    const LazyFlags old = lazy(before & (steps == 1 ? ~kOF : ~u32{0}));
    check(alu::shl(a, count, old), left, c_left, false);
    check(alu::shr(a, count, old), right, c_right, false);
    check(alu::sar(a, count, old), arithmetic, c_arithmetic, false);
    check(alu::rol(a, count, old), rl, c_rl, true);
    check(alu::ror(a, count, old), rr, c_rr, true);
    if (steps % (width + 1) != 0) {
        check(alu::rcl(a, count, old), cl, c_cl, true);
        check(alu::rcr(a, count, old), cr, c_cr, true);
    }
    if (steps <= width && width > 8) {
        check(alu::shld(a, b, count, old), dl, c_dl, false);
        check(alu::shrd(a, b, count, old), dr, c_dr, false);
    }
}

} // namespace

TEST_CASE("shifts and rotates, one step at a time") {
    Random random;
    for (int n = 0; n < 3000; ++n) {
        const u64 a = random.next(), b = random.next();
        const unsigned count = static_cast<unsigned>(random.next() >> 3) & 0xFF;
        const u32 before = static_cast<u32>(random.next()) & kStatusFlags;
        check_shifts(static_cast<u8>(a), static_cast<u8>(b), count, before);
        check_shifts(static_cast<u16>(a), static_cast<u16>(b), count, before);
        check_shifts(static_cast<u32>(a), static_cast<u32>(b), count, before);
        check_shifts(a, b, count, before);
        check_shifts(static_cast<u32>(a), static_cast<u32>(b), 1, before);
    }
}

TEST_CASE("products and quotients, bytes exhaustively") {
    for (unsigned a = 0; a < 256; ++a) {
        for (unsigned b = 0; b < 256; ++b) {
            const alu::Product<u8> product = alu::mul(static_cast<u8>(a), static_cast<u8>(b));
            REQUIRE(unsigned{product.high} * 256 + product.low == a * b);
            REQUIRE(product.flags.cf() == (a * b > 255));
            REQUIRE(product.flags.of() == product.flags.cf());
            const int sa = static_cast<i8>(a), sb = static_cast<i8>(b);
            const alu::Product<u8> signed_product = alu::imul(static_cast<u8>(a), static_cast<u8>(b));
            REQUIRE(static_cast<i16>(signed_product.high << 8 | signed_product.low) == sa * sb);
            REQUIRE(signed_product.flags.cf() == (sa * sb < -128 || sa * sb > 127));
        }
    }
    for (unsigned dividend = 0; dividend < 65536; dividend += 7) {
        for (unsigned by = 0; by < 256; ++by) {
            const u8 high = static_cast<u8>(dividend >> 8), low = static_cast<u8>(dividend);
            const alu::Quotient<u8> q = alu::div(high, low, static_cast<u8>(by));
            REQUIRE(q.valid == (by != 0 && dividend / by < 256));
            if (q.valid) REQUIRE((q.quotient == dividend / by && q.remainder == dividend % by));
            const int sd = static_cast<i16>(dividend), sb = static_cast<i8>(by);
            const alu::Quotient<u8> sq = alu::idiv(high, low, static_cast<u8>(by));
            REQUIRE(sq.valid == (sb != 0 && sd / sb >= -128 && sd / sb <= 127));
            if (sq.valid)
                REQUIRE((static_cast<i8>(sq.quotient) == sd / sb && static_cast<i8>(sq.remainder) == sd % sb));
        }
    }
    CHECK_FALSE(alu::idiv<u64>(u64{1} << 63, 0, ~u64{0}).valid);
    CHECK(alu::idiv<u64>(~u64{0}, 0x8000000000000000, 1).valid);
    CHECK(alu::mul<u64>(~u64{0}, ~u64{0}).high == ~u64{0} - 1);
}

TEST_CASE("decimal adjustment by the SDM's algorithms") {
    for (unsigned n = 0; n < 1024; ++n) {
        const u8 al = static_cast<u8>(n);
        const bool af = n & 256, cf = n & 512;
        const LazyFlags old = lazy((af ? kAF : 0) | (cf ? kCF : 0));
        for (bool subtract : {false, true}) {
            unsigned value = al;
            bool carry = false, adjust = false;
            if ((al & 15) > 9 || af) {
                value = subtract ? value - 6 : value + 6;
                carry = cf || value > 0xFF;
                adjust = true;
            }
            if (al > 0x99 || cf) {
                value = subtract ? value - 0x60 : value + 0x60;
                carry = true;
            } else if (!subtract) {
                carry = false; // DAA has this ELSE, DAS has not
            }
            const AluResult<u8> result = subtract ? alu::das(al, old) : alu::daa(al, old);
            REQUIRE(result.value == static_cast<u8>(value));
            REQUIRE(result.flags.get() == (result_flags(result.value) | (carry ? kCF : 0) | (adjust ? kAF : 0)));
        }
    }
    CHECK(alu::aaa(0x00FF, lazy(0)).value == 0x0205); // the carry out of AL counts as well
    CHECK(alu::aas(0x0000, lazy(kAF)).value == 0xFE0A);
    CHECK(alu::aam(0x65, 10).value == 0x0A01);
    CHECK(alu::aad(0x0C0F, 10).value == 0x0087);
    CHECK(alu::aad(0x0C0F, 10).flags.get() == (kOF | kSF | kAF | kPF));
}

TEST_CASE("bit scans, counts and byte order") {
    for (unsigned n = 0; n < 64; ++n) {
        CHECK(alu::scan<u64>(u64{1} << n, 99, false).value == n);
        CHECK(alu::scan<u64>(u64{1} << n, 99, true).value == n);
        CHECK_FALSE(alu::scan<u64>(u64{1} << n, 99, true).flags.zf());
    }
    CHECK(alu::scan<u16>(0x0810, 0, false).value == 4);
    CHECK(alu::scan<u16>(0x0810, 0, true).value == 11);
    CHECK(alu::scan<u32>(0, 1234, false).value == 1234);
    CHECK(alu::scan<u32>(0, 1234, false).flags.zf());
    CHECK(alu::popcnt<u32>(0xF0F00001).value == 9);
    CHECK(alu::popcnt<u32>(0).flags.get() == kZF);
    CHECK(alu::popcnt<u32>(1).flags.get() == 0);
    CHECK(alu::byte_swap<u32>(0x12345678) == 0x78563412);
    CHECK(alu::byte_swap<u64>(0x0102030405060708) == 0x0807060504030201);
    CHECK(alu::byte_swap<u16>(0x1234) == 0x3412);
}

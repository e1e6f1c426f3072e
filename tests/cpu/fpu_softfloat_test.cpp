/// Single and double precision against the host's own SSE (x86 hosts), and fixed cases anywhere.
#include "cpu/fpu/softfloat.h"
#include "tests/catch.h"
#include "tests/random.h"
#include <cstring>

using namespace r86;
namespace sf = r86::softfloat;

namespace {

template <class B>
B random_bits(test::Random& random) {
    constexpr unsigned fraction = sizeof(B) == 4 ? 23 : 52;
    constexpr B top = sizeof(B) == 4 ? 255 : 2047;
    B mantissa = static_cast<B>(random.next()) & ((B{1} << fraction) - 1);
    switch (random.below(6)) {
    case 0: mantissa = 0; break;
    case 1: mantissa = (B{1} << fraction) - 1 - static_cast<B>(random.below(4)); break;
    case 2: mantissa = static_cast<B>(random.below(4)); break;
    case 3: mantissa &= ~B{0} << random.below(fraction); break;
    default: break;
    }
    B exponent = 0;
    switch (random.below(8)) {
    case 0: exponent = 0; break;
    case 1: exponent = top; break;
    case 2: exponent = static_cast<B>(random.below(3)); break;
    case 3: exponent = static_cast<B>(top - random.below(4)); break;
    case 4: exponent = static_cast<B>(random.below(top + 1u)); break;
    default: exponent = static_cast<B>(top / 2 + random.below(70) - 35); break;
    }
    return static_cast<B>((random.next() & 1) << (sizeof(B) * 8 - 1)) | (exponent << fraction) | mantissa;
}

} // namespace

TEST_CASE("softfloat: facts of the manual", "[fpu][softfloat]") {
    sf::Context c;
    CHECK(sf::add<u32>(c, 0x3F800000, 0x3F800000) == 0x40000000);
    CHECK(c.flags == 0);
    CHECK(sf::divide<u64>(c, 0x3FF0000000000000, 0x4008000000000000) == 0x3FD5555555555555);
    CHECK(c.flags == sf::kPrecision);
    c.flags = 0;
    CHECK(sf::square_root<u32>(c, 0xBF800000) == 0xFFC00000); // QNaN indefinite
    CHECK(c.flags == sf::kInvalid);
    c.flags = 0;
    CHECK(sf::to_i32<u32>(c, 0x4F000000, false) == INT32_MIN); // 2^31: integer indefinite
    CHECK(c.flags == sf::kInvalid);
}

TEST_CASE("softfloat: an unmasked pre-computation exception stops the operation", "[fpu][softfloat]") {
    sf::Context c{.mxcsr = 0x1F80 & ~(sf::kDenormal << 7)};
    sf::multiply<u32>(c, 1, 1); // would also underflow
    CHECK(c.flags == sf::kDenormal);
    CHECK(c.unmasked() == sf::kDenormal);
}

TEST_CASE("softfloat: unmasked underflow reports an exact tiny result", "[fpu][softfloat]") {
    sf::Context c{.mxcsr = 0x1F80 & ~(sf::kUnderflow << 7)};
    sf::multiply<u32>(c, 0x00800000, 0x3F000000); // 2^-126 / 2, exact
    CHECK(c.flags == sf::kUnderflow);
    sf::Context masked;
    CHECK(sf::multiply<u32>(masked, 0x00800000, 0x3F000000) == 0x00400000);
    CHECK(masked.flags == 0);
}

#if defined(__x86_64__)
#include <immintrin.h>

namespace {

template <class B>
struct Vector;
template <>
struct Vector<u32> {
    static __m128 in(u32 v) { return _mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(v))); }
    static u32 out(__m128 v) { return static_cast<u32>(_mm_cvtsi128_si32(_mm_castps_si128(v))); }
};
template <>
struct Vector<u64> {
    static __m128d in(u64 v) { return _mm_castsi128_pd(_mm_cvtsi64_si128(static_cast<long long>(v))); }
    static u64 out(__m128d v) { return static_cast<u64>(_mm_cvtsi128_si64(_mm_castpd_si128(v))); }
};

u32 flags_now() {
    u32 mxcsr;
    asm volatile("stmxcsr %0" : "=m"(mxcsr)::"memory");
    return mxcsr & 0x3F;
}
void load(u32 mxcsr) { asm volatile("ldmxcsr %0" ::"m"(mxcsr) : "memory"); }

// The result and flags of one instruction on the host.
#define HOST(name, ps, pd)                                                                                             \
    [[maybe_unused]] u64 name(u32 a, u32 b, u32 mxcsr, u32& flags) {                                                   \
        auto x = Vector<u32>::in(a);                                                                                   \
        const auto y = Vector<u32>::in(b);                                                                             \
        load(mxcsr);                                                                                                   \
        asm volatile(ps " %1, %0" : "+x"(x) : "x"(y));                                                                 \
        flags = flags_now();                                                                                           \
        load(0x1F80);                                                                                                  \
        return Vector<u32>::out(x);                                                                                    \
    }                                                                                                                  \
    [[maybe_unused]] u64 name(u64 a, u64 b, u32 mxcsr, u32& flags) {                                                   \
        auto x = Vector<u64>::in(a);                                                                                   \
        const auto y = Vector<u64>::in(b);                                                                             \
        load(mxcsr);                                                                                                   \
        asm volatile(pd " %1, %0" : "+x"(x) : "x"(y));                                                                 \
        flags = flags_now();                                                                                           \
        load(0x1F80);                                                                                                  \
        return Vector<u64>::out(x);                                                                                    \
    }
HOST(host_add, "addss", "addsd")
HOST(host_sub, "subss", "subsd")
HOST(host_mul, "mulss", "mulsd")
HOST(host_div, "divss", "divsd")
HOST(host_sqrt, "sqrtss", "sqrtsd")
HOST(host_min, "minss", "minsd")
HOST(host_max, "maxss", "maxsd")
HOST(host_narrow_widen, "cvtss2sd", "cvtsd2ss")
HOST(host_cmp0, "cmpeqss", "cmpeqsd")
HOST(host_cmp1, "cmpltss", "cmpltsd")
HOST(host_cmp2, "cmpless", "cmplesd")
HOST(host_cmp3, "cmpunordss", "cmpunordsd")
HOST(host_cmp6, "cmpnless", "cmpnlesd")
#undef HOST

#define HOST_TO_INTEGER(name, type, ps, pd)                                                                            \
    template <class B>                                                                                                 \
    type name(B a, u32 mxcsr, u32& flags) {                                                                            \
        const auto x = Vector<B>::in(a);                                                                               \
        type result;                                                                                                   \
        load(mxcsr);                                                                                                   \
        if constexpr (sizeof(B) == 4)                                                                                  \
            asm volatile(ps " %1, %0" : "=r"(result) : "x"(x));                                                        \
        else                                                                                                           \
            asm volatile(pd " %1, %0" : "=r"(result) : "x"(x));                                                        \
        flags = flags_now();                                                                                           \
        load(0x1F80);                                                                                                  \
        return result;                                                                                                 \
    }
HOST_TO_INTEGER(host_to_i32, i32, "cvtss2si", "cvtsd2si")
HOST_TO_INTEGER(host_to_i64, i64, "cvtss2si", "cvtsd2si")
HOST_TO_INTEGER(host_trunc_i32, i32, "cvttss2si", "cvttsd2si")
HOST_TO_INTEGER(host_trunc_i64, i64, "cvttss2si", "cvttsd2si")
#undef HOST_TO_INTEGER

template <class B>
void differential(unsigned count) {
    test::Random random(sizeof(B));
    struct Operation {
        const char* name;
        u64 (*host)(B, B, u32, u32&);
        u64 (*ours)(sf::Context&, B, B);
    };
    const Operation operations[] = {
        {"add", host_add, [](sf::Context& c, B a, B b) -> u64 { return sf::add<B>(c, a, b); }},
        {"sub", host_sub, [](sf::Context& c, B a, B b) -> u64 { return sf::subtract<B>(c, a, b); }},
        {"mul", host_mul, [](sf::Context& c, B a, B b) -> u64 { return sf::multiply<B>(c, a, b); }},
        {"div", host_div, [](sf::Context& c, B a, B b) -> u64 { return sf::divide<B>(c, a, b); }},
        {"sqrt", host_sqrt, [](sf::Context& c, B, B b) -> u64 { return sf::square_root<B>(c, b); }},
        {"min", host_min, [](sf::Context& c, B a, B b) -> u64 { return sf::minimum<B>(c, a, b); }},
        {"max", host_max, [](sf::Context& c, B a, B b) -> u64 { return sf::maximum<B>(c, a, b); }},
        {"cmpeq", host_cmp0, [](sf::Context& c, B a, B b) -> u64 { return sf::compare_predicate<B>(c, a, b, 0); }},
        {"cmplt", host_cmp1, [](sf::Context& c, B a, B b) -> u64 { return sf::compare_predicate<B>(c, a, b, 1); }},
        {"cmple", host_cmp2, [](sf::Context& c, B a, B b) -> u64 { return sf::compare_predicate<B>(c, a, b, 2); }},
        {"cmpunord", host_cmp3, [](sf::Context& c, B a, B b) -> u64 { return sf::compare_predicate<B>(c, a, b, 3); }},
        {"cmpnle", host_cmp6, [](sf::Context& c, B a, B b) -> u64 { return sf::compare_predicate<B>(c, a, b, 6); }},
    };
    for (unsigned i = 0; i < count; ++i) {
        const B a = random_bits<B>(random), b = random.below(8) ? random_bits<B>(random) : a;
        const u32 mxcsr =
            0x1F80 | (random.below(4) << 13) | (random.below(4) ? 0 : 0x40) | (random.below(4) ? 0 : 0x8000);
        for (const Operation& op : operations) {
            u32 flags = 0;
            const u64 expected = op.host(a, b, mxcsr, flags);
            sf::Context c{.mxcsr = mxcsr};
            const u64 got = op.ours(c, a, b);
            if (got != expected || c.flags != flags) {
                INFO(op.name << std::hex << " a " << a << " b " << b << " mxcsr " << mxcsr);
                CHECK(got == expected);
                REQUIRE(c.flags == flags);
            }
        }
        u32 flags = 0;
        sf::Context c{.mxcsr = mxcsr};
        INFO("conversion of " << std::hex << b << " mxcsr " << mxcsr);
        if constexpr (sizeof(B) == 8) {
            const u32 expected = static_cast<u32>(host_narrow_widen(a, b, mxcsr, flags));
            if (sf::narrow(c, b) != expected || c.flags != flags)
                FAIL("narrow " << expected << " " << c.flags << flags);
        } else {
            __m128d x = _mm_setzero_pd();
            load(mxcsr);
            asm volatile("cvtss2sd %1, %0" : "+x"(x) : "x"(Vector<u32>::in(b)));
            flags = flags_now();
            load(0x1F80);
            if (sf::widen(c, b) != Vector<u64>::out(x) || c.flags != flags) FAIL("widen");
        }
        const auto integer = [&](auto expected, auto got, u32 want, u32 have) {
            if (expected != got || want != have) FAIL("to integer: " << expected << " " << got);
        };
        sf::Context c1{mxcsr}, c2{mxcsr}, c3{mxcsr}, c4{mxcsr};
        u32 f1, f2, f3, f4;
        const i32 r1 = host_to_i32<B>(b, mxcsr, f1), r2 = host_trunc_i32<B>(b, mxcsr, f2);
        const i64 r3 = host_to_i64<B>(b, mxcsr, f3), r4 = host_trunc_i64<B>(b, mxcsr, f4);
        const i32 o1 = sf::to_i32<B>(c1, b, false), o2 = sf::to_i32<B>(c2, b, true);
        const i64 o3 = sf::to_i64<B>(c3, b, false), o4 = sf::to_i64<B>(c4, b, true);
        integer(r1, o1, f1, c1.flags);
        integer(r2, o2, f2, c2.flags);
        integer(r3, o3, f3, c3.flags);
        integer(r4, o4, f4, c4.flags);
        const i64 n = static_cast<i64>(random.next()) >> random.below(64);
        sf::Context c5{mxcsr};
        B want;
        load(mxcsr);
        if constexpr (sizeof(B) == 4) {
            __m128 x = _mm_setzero_ps();
            asm volatile("cvtsi2ssq %1, %0" : "+x"(x) : "r"(n));
            want = Vector<u32>::out(x);
        } else {
            __m128d x = _mm_setzero_pd();
            asm volatile("cvtsi2sdq %1, %0" : "+x"(x) : "r"(n));
            want = Vector<u64>::out(x);
        }
        flags = flags_now();
        load(0x1F80);
        if (sf::from_i64<B>(c5, n) != want || c5.flags != flags) FAIL("from integer " << n);
    }
}

} // namespace

TEST_CASE("softfloat: single agrees with the host's SSE", "[fpu][softfloat][host]") { differential<u32>(300000); }
TEST_CASE("softfloat: double agrees with the host's SSE", "[fpu][softfloat][host]") { differential<u64>(300000); }
#endif

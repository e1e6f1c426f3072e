/// The transcendental instructions: special operands and flags against the host's x87, accuracy against MPFR, and a
/// digest of many results that is the same on every host.
#include "cpu/fpu/tables.h"
#include "cpu/fpu/transcendental.h"
#include "tests/catch.h"
#include "tests/cpu/fpu_host.h"
#if defined(R86_HAVE_MPFR)
#include <mpfr.h>
#endif

using namespace r86;
using namespace r86::fpu_test;

namespace {

/// One instruction: a is ST(0), b is ST(1).
struct Function {
    const char* name;
    unsigned operands;
    Float80 (*ours)(fpu::FpuContext&, Float80 a, Float80 b);
};

const Function kFunctions[] = {
    {"fsin", 1,
     [](fpu::FpuContext& c, Float80 a, Float80) {
         Float80 r = a;
         fpu::sine(c, a, r);
         return r;
     }},
    {"fcos", 1,
     [](fpu::FpuContext& c, Float80 a, Float80) {
         Float80 r = a;
         fpu::cosine(c, a, r);
         return r;
     }},
    {"fptan", 1,
     [](fpu::FpuContext& c, Float80 a, Float80) {
         Float80 r = a;
         fpu::tangent(c, a, r);
         return r;
     }},
    {"fpatan", 2, [](fpu::FpuContext& c, Float80 a, Float80 b) { return fpu::arctangent(c, b, a); }},
    {"f2xm1", 1, [](fpu::FpuContext& c, Float80 a, Float80) { return fpu::exp2_minus_1(c, a); }},
    {"fyl2x", 2, [](fpu::FpuContext& c, Float80 a, Float80 b) { return fpu::y_log2_x(c, b, a); }},
    {"fyl2xp1", 2, [](fpu::FpuContext& c, Float80 a, Float80 b) { return fpu::y_log2_x_plus_1(c, b, a); }},
};

/// Operands of instruction n that are finite and in its domain.
void random_operands(Random& random, unsigned n, Float80& a, Float80& b) {
    const auto value = [&](int low, int high, bool sign) {
        u64 significand = random.next() | fpu::kIntegerBit;
        if (random.below(4) == 0) significand &= ~u64{0} << random.below(64);
        if (random.below(8) == 0) significand = fpu::kIntegerBit | random.below(8);
        if (random.below(8) == 0) significand = ~u64{0} - random.below(8);
        const i32 exponent = low + static_cast<i32>(random.below(static_cast<u32>(high - low + 1)));
        return fpu::make_float80(sign && (random.next() & 1), fpu::kBias + exponent, significand);
    };
    const bool near_low = random.next() & 1, near_high = random.next() & 1; // one after the other: the digest counts
    switch (n) {
    case 0:
    case 1:
    case 2: a = random.below(2) ? value(-8, 6, true) : value(random.below(2) ? -80 : -16300, 62, true); break;
    case 3:
        a = value(near_low ? -8 : -8000, near_high ? 8 : 8000, true);
        b = a;
        b.sign_exponent = static_cast<u16>(b.sign_exponent + random.below(20) - 10);
        b.significand = random.next() | fpu::kIntegerBit;
        if (random.next() & 1) b.sign_exponent ^= 0x8000;
        if (random.below(4) == 0) b = value(-8000, 8000, true);
        break;
    case 4: a = value(random.below(2) ? -8 : -16000, -1, true); break;
    case 5:
        a = value(near_low ? -2 : -16000, near_high ? 2 : 16000, false);
        if (random.below(4) == 0) a = {fpu::kIntegerBit | (random.next() >> (1 + random.below(63))), 0x3FFF};
        if (random.below(4) == 0)
            a = {~u64{0} << 1 | 1, 0x3FFE}, a.significand -= random.next() >> (1 + random.below(63));
        if (!(a.significand >> 63)) a.significand |= fpu::kIntegerBit;
        b = value(-300, 300, true);
        break;
    default: // |x| < 1 - sqrt(1/2)
        do a = value(random.below(2) ? -10 : -8000, -2, true);
        while (fpu::exponent_of(a) == 0x3FFD && a.significand > 0x95F619980C4336F7);
        b = value(-300, 300, true);
        break;
    }
}

} // namespace

TEST_CASE("transcendental: the same bits on every host", "[fpu]") {
    Random random(7);
    u64 digest = 0xCBF29CE484222325;
    const auto mix = [&](u64 v) { digest = (digest ^ v) * 0x100000001B3 ^ (digest >> 29); };
    for (unsigned i = 0; i < 2000; ++i) {
        for (unsigned n = 0; n < 7; ++n) {
            Float80 a, b;
            random_operands(random, n, a, b);
            fpu::FpuContext c;
            const Float80 r = kFunctions[n].ours(c, a, b);
            mix(r.significand);
            mix(r.sign_exponent | u64{c.flags} << 16);
        }
    }
    CHECK(digest == 0x4FD3D37952DED772);
}

TEST_CASE("transcendental: C2 from 2^63 on", "[fpu]") {
    fpu::FpuContext c;
    Float80 r, s;
    CHECK_FALSE(fpu::sine(c, {fpu::kIntegerBit, 0x403E}, r));
    CHECK_FALSE(fpu::sine_cosine(c, {fpu::kIntegerBit, 0x403E}, r, s));
    CHECK(fpu::tangent(c, {~u64{0}, 0x403D}, r));
}

#if defined(R86_HAVE_MPFR)
namespace {

constexpr mpfr_prec_t kPrecision = 400;

class Real {
public:
    Real() { mpfr_init2(v, kPrecision); }
    explicit Real(Float80 f) : Real() {
        mpfr_set_ui_2exp(v, f.significand, fpu::exponent_of(f) - fpu::kBias - 63, MPFR_RNDN);
        if (fpu::sign_of(f)) mpfr_neg(v, v, MPFR_RNDN);
    }
    ~Real() { mpfr_clear(v); }
    Real(const Real&) = delete;
    Real& operator=(const Real&) = delete;
    mpfr_t v;
};

/// |got - exact| in units of the 64-bit significand of the exact value.
double ulps(Float80 got, const Real& exact) {
    Real difference(got);
    mpfr_sub(difference.v, difference.v, exact.v, MPFR_RNDN);
    const long exponent = mpfr_get_exp(exact.v) - 64;
    mpfr_div_2si(difference.v, difference.v, exponent < -16445 ? -16445 : exponent, MPFR_RNDN);
    mpfr_abs(difference.v, difference.v, MPFR_RNDN);
    return mpfr_get_d(difference.v, MPFR_RNDN);
}

/// The function in many digits; the trigonometric ones after a reduction by the 66-bit pi of the hardware.
void exact(unsigned n, Float80 a, Float80 b, Real& out) {
    Real x(a), y(b), t;
    if (n < 3) {
        Real quarter, k;
        mpfr_set_str(quarter.v, "0x0.C90FDAA22168C234Cp+1", 0, MPFR_RNDN);
        long q = 0;
        mpfr_remquo(t.v, &q, x.v, quarter.v, MPFR_RNDN);
        Real s, c;
        mpfr_sin_cos(s.v, c.v, t.v, MPFR_RNDN);
        const unsigned quadrant = static_cast<unsigned>(q) & 3;
        if (n == 2) {
            if (quadrant & 1) {
                mpfr_div(out.v, c.v, s.v, MPFR_RNDN);
                mpfr_neg(out.v, out.v, MPFR_RNDN);
            } else {
                mpfr_div(out.v, s.v, c.v, MPFR_RNDN);
            }
            return;
        }
        const unsigned turn = (quadrant + (n == 1)) & 3;
        mpfr_set(out.v, turn & 1 ? c.v : s.v, MPFR_RNDN);
        if (turn & 2) mpfr_neg(out.v, out.v, MPFR_RNDN);
        return;
    }
    switch (n) {
    case 3: mpfr_atan2(out.v, y.v, x.v, MPFR_RNDN); break;
    case 4:
        mpfr_const_log2(t.v, MPFR_RNDN);
        mpfr_mul(t.v, t.v, x.v, MPFR_RNDN);
        mpfr_expm1(out.v, t.v, MPFR_RNDN);
        break;
    case 5:
        mpfr_log2(t.v, x.v, MPFR_RNDN);
        mpfr_mul(out.v, t.v, y.v, MPFR_RNDN);
        break;
    default:
        mpfr_log1p(t.v, x.v, MPFR_RNDN);
        mpfr_mul(out.v, t.v, y.v, MPFR_RNDN);
        mpfr_const_log2(t.v, MPFR_RNDN);
        mpfr_div(out.v, out.v, t.v, MPFR_RNDN);
        break;
    }
}

/// round(value * 2^bits) as 128 bits.
fpu::u128 quantize(Real& value, long bits) {
    mpfr_mul_2si(value.v, value.v, bits, MPFR_RNDN);
    const bool negative = mpfr_sgn(value.v) < 0;
    mpz_t z;
    mpz_init(z);
    mpfr_get_z(z, value.v, MPFR_RNDN);
    mpz_abs(z, z);
    u64 words[2] = {0, 0};
    mpz_export(words, nullptr, -1, 8, 0, 0, z);
    mpz_clear(z);
    const fpu::u128 magnitude = fpu::make128(words[1], words[0]);
    return negative ? 0 - magnitude : magnitude;
}

} // namespace

TEST_CASE("transcendental: within 1 ulp of MPFR", "[fpu][mpfr]") {
    Random random(9);
    for (unsigned n = 0; n < 7; ++n) {
        double worst = 0;
        Float80 worst_a{}, worst_b{};
        for (unsigned i = 0; i < 20000; ++i) {
            Float80 a, b{};
            random_operands(random, n, a, b);
            fpu::FpuContext c;
            const Float80 r = kFunctions[n].ours(c, a, b);
            Real e;
            exact(n, a, b, e);
            if (mpfr_zero_p(e.v) || fpu::exponent_of(r) == 0x7FFF) continue;
            const double error = ulps(r, e);
            if (error > worst) worst = error, worst_a = a, worst_b = b;
        }
        WARN(kFunctions[n].name << ": worst error " << worst << " ulp of 20000");
        INFO(kFunctions[n].name << " worst " << worst << " ulp at " << text(worst_a) << ' ' << text(worst_b));
        CHECK(worst < 0.501);
    }
}

TEST_CASE("transcendental: every table entry is the rounded constant", "[fpu][mpfr]") {
    Real v;
    for (unsigned i = 0; i < 33; ++i) {
        mpfr_set_ui_2exp(v.v, i, -5, MPFR_RNDN);
        mpfr_atan(v.v, v.v, MPFR_RNDN);
        CHECK(quantize(v, 125) == fpu::kAtanTable[i].value());
    }
    for (unsigned j = 90; j < 183; ++j) {
        mpfr_set_ui_2exp(v.v, j, -7, MPFR_RNDN);
        mpfr_log2(v.v, v.v, MPFR_RNDN);
        CHECK(quantize(v, 112) == fpu::kLog2Table[j - 90].value());
    }
    for (int i = -32; i <= 32; ++i) {
        mpfr_set_si_2exp(v.v, i, -5, MPFR_RNDN);
        mpfr_exp2(v.v, v.v, MPFR_RNDN);
        CHECK(quantize(v, 126) == fpu::kExp2Table[i + 32].value());
    }
    const auto reciprocal = [&](unsigned n, bool factorial) {
        mpfr_set_ui(v.v, n, MPFR_RNDN);
        if (factorial) mpfr_fac_ui(v.v, n, MPFR_RNDN);
        mpfr_ui_div(v.v, 1, v.v, MPFR_RNDN);
        return quantize(v, 128);
    };
    for (unsigned k = 1; k <= 11; ++k) CHECK(reciprocal(2 * k + 1, true) == fpu::kSinCoefficients[k - 1].value());
    for (unsigned k = 1; k <= 12; ++k) CHECK(reciprocal(2 * k, true) == fpu::kCosCoefficients[k - 1].value());
    for (unsigned k = 1; k <= 10; ++k) CHECK(reciprocal(k + 1, true) == fpu::kExpCoefficients[k - 1].value());
    for (unsigned k = 1; k <= 7; ++k) CHECK(reciprocal(2 * k + 1, false) == fpu::kOddReciprocals[k - 1].value());
}
#endif

#if defined(__x86_64__)
namespace {

using HostFunction = void (*)(HostState&);
const HostFunction kHost[] = {
    [](HostState& s) { R86_HOST_X87("fsin", s); },    [](HostState& s) { R86_HOST_X87("fcos", s); },
    [](HostState& s) { R86_HOST_X87("fptan", s); },   [](HostState& s) { R86_HOST_X87("fpatan", s); },
    [](HostState& s) { R86_HOST_X87("f2xm1", s); },   [](HostState& s) { R86_HOST_X87("fyl2x", s); },
    [](HostState& s) { R86_HOST_X87("fyl2xp1", s); },
};

} // namespace

/// Any operand whatever, any control word: flags, special values and what is stored agree; a finite result may differ
/// in the last bit, and with it C1 and whether it is tiny.
TEST_CASE("transcendental: special cases and flags agree with the host", "[fpu][host]") {
    Random random(10);
    for (unsigned n = 0; n < 7; ++n) {
        unsigned equal = 0, total = 0, failures = 0;
        for (unsigned i = 0; i < 60000 && failures < 8; ++i) {
            const Float80 a = random_float80(random), b = random_float80(random);
            const u16 control = random_control(random);
            HostState host = kFunctions[n].operands == 2 ? HostState(control, {a, b}) : HostState(control, {a});
            kHost[n](host);
            fpu::FpuContext c{.control = control};
            Float80 result = kFunctions[n].ours(c, a, b);
            if (n < 3 && (host.sw() & fpu::kC2)) {
                if (!(host.get(0) == a) || c.flags) CHECK(false);
                continue;
            }
            const bool popped = kFunctions[n].operands == 2;
            Float80 got = n == 2 ? host.get(1) : host.get(0);
            if (c.stopped()) {
                if (host.top() != 0 || !(host.get(0) == a) || (host.sw() & 0x3F) != c.flags) {
                    ++failures;
                    UNSCOPED_INFO(kFunctions[n].name << " stopped " << text(a) << ' ' << text(b) << " cw " << std::hex
                                                     << control << " host sw " << host.sw() << " ours " << c.flags);
                    CHECK(false);
                }
                continue;
            }
            ++total;
            if (got == result) ++equal;
            const i64 distance = static_cast<i64>(got.significand - result.significand);
            const bool near = got == result || (got.sign_exponent == result.sign_exponent && distance >= -1 &&
                                                distance <= 1 && fpu::exponent_of(got) != 0x7FFF);
            const bool edge = (got.significand << 1) == 0 || (result.significand << 1) == 0;
            if ((!near && !edge) || ((host.sw() ^ c.flags) & 0x3F) || host.top() != (popped ? 1u : n == 2 ? 7u : 0u)) {
                ++failures;
                UNSCOPED_INFO(kFunctions[n].name << ' ' << text(a) << ' ' << text(b) << " cw " << std::hex << control
                                                 << " host " << text(got) << " sw " << host.sw() << " ours "
                                                 << text(result) << " sw " << c.flags);
                CHECK(false);
            }
        }
        WARN(kFunctions[n].name << ": " << equal << " of " << total << " results equal the host's");
    }
}
#endif

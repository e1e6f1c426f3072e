/// The x87 arithmetic against the host's own x87 (x86-64 hosts): random operands, every rounding and precision, masked
/// and unmasked exceptions. The state goes in by FRSTOR and comes out by FNSAVE, so nothing ever traps.
#include "cpu/fpu/arithmetic.h"
#include "cpu/fpu/convert.h"
#include "tests/catch.h"
#include "tests/cpu/fpu_host.h"

using namespace r86;
using namespace r86::fpu_test;

TEST_CASE("x87: constants and classes", "[fpu]") {
    using fpu::Class;
    CHECK(fpu::classify({0, 0}) == Class::Zero);
    CHECK(fpu::classify({1, 0x8000}) == Class::Denormal);
    CHECK(fpu::classify({fpu::kIntegerBit, 0}) == Class::Denormal); // pseudo-denormal
    CHECK(fpu::classify({1, 1}) == Class::Unsupported);             // unnormal
    CHECK(fpu::classify({0, 0x7FFF}) == Class::Unsupported);        // pseudo-infinity
    CHECK(fpu::classify(fpu::kIndefinite) == Class::Quiet);
    CHECK(fpu::classify({fpu::kIntegerBit | 1, 0x7FFF}) == Class::Signaling);
    fpu::FpuContext c;
    CHECK(fpu::divide(c, fpu::kOne, {0xC000000000000000, 0x4000}) == Float80{0xAAAAAAAAAAAAAAAB, 0x3FFD});
    CHECK(c.flags == fpu::kPE);
    CHECK(c.round_up);
}

TEST_CASE("x87: FBLD and FBSTP", "[fpu]") {
    fpu::FpuContext c;
    const fpu::Bcd bcd{0x90, 0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0x12, 0x80};
    const Float80 v = fpu::from_bcd(bcd);
    CHECK(fpu::to_integer(c, v, 64, false) == -120000001234567890);
    CHECK(fpu::to_bcd(c, v) == bcd);
    CHECK(c.flags == 0);
}

#if defined(__x86_64__)

namespace {

struct Binary {
    const char* name;
    void (*host)(HostState&);
    Float80 (*ours)(fpu::FpuContext&, Float80, Float80, u16& condition);
    u16 status_mask;
};

constexpr u16 kAll = 0x3F | fpu::kC1;

const Binary kBinaries[] = {
    {"fadd", [](HostState& s) { R86_HOST_X87("fadd %%st(1), %%st", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::add(c, a, b); }, kAll},
    {"fsub", [](HostState& s) { R86_HOST_X87("fsub %%st(1), %%st", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::subtract(c, a, b); }, kAll},
    {"fsubr", [](HostState& s) { R86_HOST_X87("fsubr %%st(1), %%st", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::subtract(c, b, a); }, kAll},
    {"fmul", [](HostState& s) { R86_HOST_X87("fmul %%st(1), %%st", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::multiply(c, a, b); }, kAll},
    {"fdiv", [](HostState& s) { R86_HOST_X87("fdiv %%st(1), %%st", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::divide(c, a, b); }, kAll},
    {"fdivr", [](HostState& s) { R86_HOST_X87("fdivr %%st(1), %%st", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::divide(c, b, a); }, kAll},
    {"fsqrt", [](HostState& s) { R86_HOST_X87("fsqrt", s); },
     [](fpu::FpuContext& c, Float80 a, Float80, u16&) { return fpu::square_root(c, a); }, kAll},
    {"frndint", [](HostState& s) { R86_HOST_X87("frndint", s); },
     [](fpu::FpuContext& c, Float80 a, Float80, u16&) { return fpu::round_to_integer(c, a); }, kAll},
    {"fscale", [](HostState& s) { R86_HOST_X87("fscale", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16&) { return fpu::scale(c, a, b); }, kAll},
    {"fprem", [](HostState& s) { R86_HOST_X87("fprem", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16& cc) { return fpu::remainder(c, a, b, false, cc); },
     kAll | fpu::kC0 | fpu::kC2 | fpu::kC3},
    {"fprem1", [](HostState& s) { R86_HOST_X87("fprem1", s); },
     [](fpu::FpuContext& c, Float80 a, Float80 b, u16& cc) { return fpu::remainder(c, a, b, true, cc); },
     kAll | fpu::kC0 | fpu::kC2 | fpu::kC3},
};

} // namespace

TEST_CASE("x87: two-operand arithmetic agrees with the host", "[fpu][host]") {
    Random random(80);
    unsigned failures = 0;
    for (unsigned i = 0; i < 200000; ++i) {
        const Float80 a = random_float80(random), b = random.below(8) ? random_float80(random) : a;
        const u16 control = random_control(random);
        for (const Binary& op : kBinaries) {
            HostState host(control, {a, b});
            op.host(host);
            fpu::FpuContext c{.control = control};
            u16 condition = 0;
            Float80 result = op.ours(c, a, b, condition);
            if (c.stopped()) result = a;
            const u16 status = static_cast<u16>(c.flags | condition | (c.round_up ? fpu::kC1 : 0));
            if (!(host.get(0) == result) || ((host.sw() ^ status) & op.status_mask)) {
                UNSCOPED_INFO(op.name << " a " << text(a) << " b " << text(b) << " cw " << std::hex << control
                                      << " host " << text(host.get(0)) << " sw " << host.sw() << " ours "
                                      << text(result) << " sw " << status);
                CHECK(false);
                if (++failures > 20) return;
            }
        }
    }
    CHECK(failures == 0);
}

TEST_CASE("x87: FXTRACT, FCOM and FUCOM agree with the host", "[fpu][host]") {
    Random random(81);
    for (unsigned i = 0; i < 200000; ++i) {
        const Float80 a = random_float80(random), b = random.below(8) ? random_float80(random) : a;
        const u16 control = random_control(random);
        INFO("a " << text(a) << " b " << text(b) << " cw " << std::hex << control);
        {
            HostState host(control, {a});
            R86_HOST_X87("fxtract", host);
            fpu::FpuContext c{.control = control};
            Float80 exponent;
            const Float80 significand = fpu::extract(c, a, exponent);
            if ((host.sw() & 0x3F) != c.flags) FAIL("fxtract status " << host.sw() << " ours " << c.flags);
            if (c.stopped()) {
                if (host.top() != 0 || !(host.get(0) == a)) FAIL("fxtract stopped");
            } else if (host.top() != 7 || !(host.get(0) == significand) || !(host.get(1) == exponent)) {
                FAIL("fxtract host " << text(host.get(0)) << ' ' << text(host.get(1)) << " ours " << text(significand)
                                     << ' ' << text(exponent));
            }
        }
        for (const bool quiet : {false, true}) {
            HostState host(control, {a, b});
            if (quiet)
                R86_HOST_X87("fucom %%st(1)", host);
            else
                R86_HOST_X87("fcom %%st(1)", host);
            fpu::FpuContext c{.control = control};
            static constexpr u16 codes[] = {fpu::kC0, fpu::kC3, 0, fpu::kC0 | fpu::kC2 | fpu::kC3};
            u16 status = codes[static_cast<unsigned>(fpu::compare(c, a, b, quiet))];
            status |= c.flags;
            const u16 mask = c.stopped() ? 0x3F : 0x3F | fpu::kC0 | fpu::kC2 | fpu::kC3;
            if ((host.sw() ^ status) & mask) FAIL("compare host " << std::hex << host.sw() << " ours " << status);
        }
    }
    SUCCEED();
}

namespace {

template <class T>
void store_case(Random& random, const char* name, void (*host)(HostState&, T&), T (*ours)(fpu::FpuContext&, Float80)) {
    for (unsigned i = 0; i < 100000; ++i) {
        Float80 a = random_float80(random);
        if (random.below(2))
            a.sign_exponent = static_cast<u16>(0x3FFF - 3 + random.below(70)) | (a.sign_exponent & 0x8000);
        const u16 control = random_control(random);
        T expected, before;
        std::memset(&expected, 0x5A, sizeof expected);
        before = expected;
        HostState state(control, {a});
        host(state, expected);
        fpu::FpuContext c{.control = control};
        T got = ours(c, a);
        if (fpu::store_stopped(c)) got = before;
        const u16 status = static_cast<u16>(c.flags | (c.round_up ? fpu::kC1 : 0));
        if (std::memcmp(&got, &expected, sizeof got) != 0 || ((state.sw() ^ status) & kAll))
            FAIL(name << ' ' << text(a) << " cw " << std::hex << control << " host sw " << state.sw() << " ours "
                      << status);
        if ((state.top() == 0) != fpu::store_stopped(c)) FAIL(name << " pop");
    }
}

} // namespace

TEST_CASE("x87: stores and integer conversions agree with the host", "[fpu][host]") {
    Random random(82);
    store_case<u32>(
        random, "fstp m32", [](HostState& s, u32& m) { R86_HOST_X87("fstps %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return fpu::store_f32(c, v); });
    store_case<u64>(
        random, "fstp m64", [](HostState& s, u64& m) { R86_HOST_X87("fstpl %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return fpu::store_f64(c, v); });
    store_case<i16>(
        random, "fistp m16", [](HostState& s, i16& m) { R86_HOST_X87("fistps %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return static_cast<i16>(fpu::to_integer(c, v, 16, false)); });
    store_case<i32>(
        random, "fistp m32", [](HostState& s, i32& m) { R86_HOST_X87("fistpl %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return static_cast<i32>(fpu::to_integer(c, v, 32, false)); });
    store_case<i64>(
        random, "fistp m64", [](HostState& s, i64& m) { R86_HOST_X87("fistpll %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return fpu::to_integer(c, v, 64, false); });
    store_case<i64>(
        random, "fisttp m64", [](HostState& s, i64& m) { R86_HOST_X87("fisttpll %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return fpu::to_integer(c, v, 64, true); });
    store_case<i16>(
        random, "fisttp m16", [](HostState& s, i16& m) { R86_HOST_X87("fisttps %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return static_cast<i16>(fpu::to_integer(c, v, 16, true)); });
    store_case<fpu::Bcd>(
        random, "fbstp", [](HostState& s, fpu::Bcd& m) { R86_HOST_X87("fbstp %1", s, , "+m"(m)); },
        [](fpu::FpuContext& c, Float80 v) { return fpu::to_bcd(c, v); });
}

TEST_CASE("x87: loads and memory operands agree with the host", "[fpu][host]") {
    Random random(83);
    for (unsigned i = 0; i < 200000; ++i) {
        const Float80 a = random_float80(random);
        const u16 control = random_control(random);
        fpu::FpuContext narrowing{.control = static_cast<u16>(0x37F | random.below(4) << 10)};
        const Float80 b = random_float80(random);
        u64 m64 = fpu::store_f64(narrowing, b);
        u32 m32 = fpu::store_f32(narrowing, b);
        if (random.below(4) == 0) {
            m64 = (m64 & 0x800FFFFFFFFFFFFF) | (random.below(2) ? 0 : 0x7FF0000000000000);
            m32 = (m32 & 0x807FFFFF) | (random.below(2) ? 0 : 0x7F800000);
        }
        INFO("a " << text(a) << " m32 " << std::hex << m32 << " m64 " << m64 << " cw " << control);
        const auto check = [&](const char* name, const HostState& host, const fpu::FpuContext& c, Float80 result,
                               bool load) {
            const u16 status = static_cast<u16>(c.flags | (c.round_up ? fpu::kC1 : 0));
            const bool stopped = load ? (c.unmasked() & fpu::kIE) != 0 : c.stopped();
            const unsigned top = load && !stopped ? 7 : 0;
            if (stopped) result = a;
            if (!(host.get(0) == result) || host.top() != top || ((host.sw() ^ status) & kAll))
                FAIL(name << " host " << text(host.get(0)) << " sw " << host.sw() << " ours " << text(result) << " sw "
                          << status);
        };
        const auto run = [&](const char* name, auto host_op, auto ours, bool load) {
            HostState host(control, {a});
            host_op(host);
            fpu::FpuContext c{.control = control};
            const Float80 result = ours(c);
            check(name, host, c, result, load);
        };
        using C = fpu::FpuContext;
        run(
            "fld m32", [&](HostState& s) { R86_HOST_X87("flds %1", s, , "+m"(m32)); },
            [&](C& c) { return fpu::load_f32(c, m32); }, true);
        run(
            "fld m64", [&](HostState& s) { R86_HOST_X87("fldl %1", s, , "+m"(m64)); },
            [&](C& c) { return fpu::load_f64(c, m64); }, true);
        run(
            "fadd m32", [&](HostState& s) { R86_HOST_X87("fadds %1", s, , "+m"(m32)); },
            [&](C& c) { return fpu::add(c, a, fpu::widen_operand(c, m32)); }, false);
        run(
            "fadd m64", [&](HostState& s) { R86_HOST_X87("faddl %1", s, , "+m"(m64)); },
            [&](C& c) { return fpu::add(c, a, fpu::widen_operand(c, m64)); }, false);
        run(
            "fmul m32", [&](HostState& s) { R86_HOST_X87("fmuls %1", s, , "+m"(m32)); },
            [&](C& c) { return fpu::multiply(c, a, fpu::widen_operand(c, m32)); }, false);
        run(
            "fdiv m64", [&](HostState& s) { R86_HOST_X87("fdivl %1", s, , "+m"(m64)); },
            [&](C& c) { return fpu::divide(c, a, fpu::widen_operand(c, m64)); }, false);
        run(
            "fdivr m32", [&](HostState& s) { R86_HOST_X87("fdivrs %1", s, , "+m"(m32)); },
            [&](C& c) { return fpu::divide(c, fpu::widen_operand(c, m32), a); }, false);
        fpu::Bcd bcd;
        for (u8& byte : bcd) byte = static_cast<u8>(random.below(10) << 4 | random.below(10));
        run(
            "fbld", [&](HostState& s) { R86_HOST_X87("fbld %1", s, , "+m"(bcd)); },
            [&](C&) { return fpu::from_bcd(bcd); }, true);
        i64 integer = static_cast<i64>(random.next()) >> random.below(64);
        run(
            "fild", [&](HostState& s) { R86_HOST_X87("fildll %1", s, , "+m"(integer)); },
            [&](C&) { return fpu::from_integer(integer); }, true);
    }
    SUCCEED();
}
#endif

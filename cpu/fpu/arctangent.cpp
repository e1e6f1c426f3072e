/// FPATAN: see transcendental.h. SDM Vol. 2, FPATAN, table 3-34.
#include "cpu/fpu/tables.h"
#include "cpu/fpu/transcendental.h"
#include <utility>

namespace r86::fpu {

namespace {

constexpr u128 kPi = make128(0x6487ED5110B4611A, 0x62633145C06E0E69); // Q125

/// atan(u) / u for |u| <= 1/60, as Q127.
Wide small_arctangent(Wide u) {
    if (u.m == 0) return u;
    const i32 shift = -2 * (u.exponent + 1);
    const u128 z = shift >= 128 ? 0 : multiply_high(u.m, u.m) >> shift;
    u128 p = kOddReciprocals[6].value();
    for (usize k = 6; k-- > 0;) p = kOddReciprocals[k].value() - multiply_high(z, p);
    const u128 w = multiply_high(z, p);
    return normalize_wide(multiply_high(u.m, 0 - (w == 0 ? 1 : w)), u.exponent);
}

Float80 angle(FpuContext& c, bool sign, u128 q125) { return finish(c, sign, normalize_wide(q125, 127 - 125)); }

} // namespace

Float80 arctangent(FpuContext& c, Float80 y, Float80 x) {
    const Class cy = classify(y), cx = classify(x);
    if (cy == Class::Unsupported || cx == Class::Unsupported) return c.invalid();
    if (is_nan(cy) || is_nan(cx)) return propagate_nan(c, x, y);
    const bool sign = sign_of(y), left = sign_of(x);
    if ((cy == Class::Denormal || cx == Class::Denormal) && c.raise(kDE)) return kIndefinite;
    if (cy == Class::Infinity) return angle(c, sign, cx != Class::Infinity ? kPi / 2 : left ? kPi / 4 * 3 : kPi / 4);
    if (cx == Class::Infinity || cy == Class::Zero) return left ? angle(c, sign, kPi) : zero80(sign);
    if (cx == Class::Zero) return angle(c, sign, kPi / 2);

    Finite a = normalize(y), b = normalize(x);
    const bool steep = a.exponent > b.exponent || (a.exponent == b.exponent && a.significand > b.significand);
    if (steep) std::swap(a, b);
    const i32 distance = b.exponent - a.exponent; // tangent t = a/b <= 1
    // The nearest i/32, by an estimate of 31 bits; then t = i/32 turned by u = (32 a - i b) / (32 b + i a).
    unsigned index = 0;
    if (distance < 8) {
        const u64 ta = a.significand >> (32 + distance), tb = b.significand >> 32;
        index = static_cast<unsigned>((ta * 64 / tb + 1) >> 1);
    }
    bool below = false;
    Wide u;
    if (index == 0) {
        u = divide(Wide{make128(a.significand, 0), -distance}, Wide{make128(b.significand, 0), 0});
    } else {
        const u128 pa = a.significand, pb = static_cast<u128>(b.significand) << distance;
        const u128 high = pa * 32, low = pb * index;
        below = high < low;
        const u128 difference = below ? low - high : high - low;
        if (difference != 0) u = divide(normalize_wide(difference, 0), normalize_wide(pb * 32 + pa * index, 0));
    }
    const Wide turn = small_arctangent(u);
    if (index == 0 && !steep && !left) return finish(c, sign, turn);
    const u128 part = turn.m == 0 ? 0 : fixed(turn, 125);
    u128 theta = below ? kAtanTable[index].value() - part : kAtanTable[index].value() + part;
    if (steep) theta = kPi / 2 - theta;
    if (left) theta = kPi - theta;
    return angle(c, sign, theta);
}

} // namespace r86::fpu

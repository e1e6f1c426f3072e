/// What the transcendental functions share: see tables.h.
#include "cpu/fpu/tables.h"

namespace r86::fpu {

Wide divide(Wide a, Wide b) {
    u128 n = a.m;
    i32 exponent = a.exponent - b.exponent - 1;
    if (n >= b.m) {
        n >>= 1;
        ++exponent;
    }
    // Schoolbook with two 64-bit digits; n < b.m, so the first estimate is at most two too large.
    const u64 dh = high64(b.m), dl = low64(b.m);
    const auto digit = [dh](u128 v) { return high64(v) >= dh ? ~u64{0} : static_cast<u64>(v / dh); };
    u64 q1 = digit(n);
    u128 over = n - multiply64(q1, dh), part = multiply64(q1, dl); // remainder = over * 2^64 - part
    while (high64(over) == 0 && (over << 64) < part) {
        --q1;
        over += dh;
        part -= dl;
    }
    return normalize_wide(make128(q1, digit((over << 64) - part)), exponent);
}

Float80 finish(FpuContext& c, bool sign, Wide value) {
    const Float80 result = pack(c, {sign, value.exponent + kBias, high64(value.m), low64(value.m)}, 64);
    c.flags |= kPE;
    if (exponent_of(result) == 0) c.flags |= kUE;
    return result;
}

} // namespace r86::fpu

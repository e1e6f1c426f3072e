/// The pure lane functions by the manual's rules, on any host; sse_host_test.cpp compares them all with a real
/// processor.
#include "cpu/sse/approximate.h"
#include "cpu/sse/lanes.h"
#include "tests/catch.h"
#include <cmath>
#include <cstring>

using namespace r86;
using namespace r86::sse;

namespace {
constexpr Mm mm_of(u64 value) { return std::bit_cast<Mm>(value); }
constexpr u64 bits(Mm value) { return std::bit_cast<u64>(value); }
float single(u32 value) { return std::bit_cast<float>(value); }
} // namespace

// Saturation, SDM Vol. 1, table 9-1.
static_assert(bits(op::padds<i8>(mm_of(0x7F80017F), mm_of(0x01FF0101))) == 0x7F80027F);
static_assert(bits(op::padds<u8>(mm_of(0xFF80017F), mm_of(0x01FF0101))) == 0xFFFF0280);
static_assert(bits(op::psubs<u16>(mm_of(0x00018000), mm_of(0x00020001))) == 0x00007FFF);
static_assert(bits(op::psubs<i16>(mm_of(0x80007FFF), mm_of(0x0001FFFF))) == 0x80007FFF);
static_assert(bits(op::packs<i16, u8>(mm_of(0xFFFF0001010000FF), mm_of(0x80007FFF00800000))) == 0x00FF80000001FFFF);
static_assert(bits(op::packs<i32, i16>(mm_of(0x80000000FFFFFFFF), mm_of(0x0000800000007FFF))) == 0x7FFF7FFF8000FFFF);
// The one product that wraps.
static_assert(bits(op::pmaddwd(mm_of(0x80008000), mm_of(0x80008000))) == 0x80000000);
static_assert(bits(op::pmaddubsw(mm_of(0xFFFF), mm_of(0x7F7F))) == 0x7FFF);
static_assert(bits(op::pmulhrsw(mm_of(0x8000), mm_of(0x8000))) == 0x8000);
static_assert(bits(op::psign<i16>(mm_of(0x8000), mm_of(0xFFFF))) == 0x8000);
static_assert(bits(op::pabs<i8>(mm_of(0x80FF01))) == 0x800101);
// Counts beyond the lane.
static_assert(bits(op::psll<u16>(mm_of(0x00010001), 16)) == 0);
static_assert(bits(op::psrl<u64>(mm_of(~u64{0}), 64)) == 0);
static_assert(bits(op::psrl<u32>(mm_of(~u64{0}), u64{1} << 32)) == 0);
static_assert(bits(op::psra<i32>(mm_of(0x8000000000000000), 99)) == 0xFFFFFFFF00000000);
static_assert(bits(op::palignr(mm_of(0x1111111111111111), mm_of(0x2222222222222233), 15)) == 0x11);
static_assert(bits(op::palignr(mm_of(0x1111111111111111), mm_of(0x2222222222222222), 16)) == 0);
static_assert(bits(op::pshufb(mm_of(0x0706050403020100), mm_of(0x80FF000F08070103))) == 0x0000000700070103);
static_assert(bits(op::psadbw(mm_of(0xFF00FF00FF00FF00), mm_of(0x00FF00FF00FF00FF))) == 8 * 255);
static_assert(op::movmsk<u8>(mm_of(0x8000000000000080)) == 0x81);
static_assert(bits(op::punpckl<u8>(mm_of(0x03020100), mm_of(0x13121110))) == 0x1303120211011000);
static_assert(bits(op::pavg<u8>(mm_of(0xFF01), mm_of(0xFF02))) == 0xFF02);

TEST_CASE("sse: RCPPS and RSQRTPS stay within 1.5 * 2^-12 and keep the special cases", "[sse]") {
    const double allowed = 1.5 / 4096;
    double worst = 0;
    for (u32 a = 0x3F800000; a < 0x40800000; a += 97) {
        worst = std::max(worst, std::fabs(single(approximate_reciprocal(a)) * static_cast<double>(single(a)) - 1));
        worst = std::max(
            worst, std::fabs(single(approximate_reciprocal_root(a)) * std::sqrt(static_cast<double>(single(a))) - 1));
    }
    CHECK(worst < allowed);
    struct Case {
        u32 a, reciprocal, root;
    };
    for (const Case& c : {Case{0x00000000, 0x7F800000, 0x7F800000}, Case{0x80000000, 0xFF800000, 0xFF800000},
                          Case{0x00000001, 0x7F800000, 0x7F800000}, Case{0x807FFFFF, 0xFF800000, 0xFF800000},
                          Case{0x7F800000, 0x00000000, 0x00000000}, Case{0xFF800000, 0x80000000, 0xFFC00000},
                          Case{0x7F800001, 0x7FC00001, 0x7FC00001}, Case{0xFFC12345, 0xFFC12345, 0xFFC12345},
                          Case{0xBF800000, 0xBF7FF000, 0xFFC00000}, Case{0x3F800000, 0x3F7FF000, 0x3F7FF000},
                          Case{0x7F7FFFFF, 0x00000000, 0x1F800800}}) {
        INFO(std::hex << c.a);
        CHECK(approximate_reciprocal(c.a) == c.reciprocal);
        CHECK(approximate_reciprocal_root(c.a) == c.root);
    }
}

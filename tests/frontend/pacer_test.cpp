#include "frontend/pacer.h"
#include "tests/catch.h"

using namespace r86;

namespace {
/// Slices of one virtual millisecond on a host of that speed, until the finder wants another ratio: how many, and
/// which.
struct Answer {
    unsigned slices;
    u32 ratio;
};
Answer slices_until_advice(RatioFinder& finder, u32 present, u64 host_mips, unsigned most = 100'000) {
    for (unsigned n = 1; n <= most; ++n) {
        const u64 instructions = u64{present} * 1000;
        finder.add_slice(instructions, instructions * 1000 / host_mips);
        if (const u32 ratio = finder.advise(present)) return {n, ratio};
    }
    return {most, 0};
}
} // namespace

TEST_CASE("mips auto: a host that became fast is noticed within a quarter of a second of the guest's time") {
    RatioFinder finder;
    const Answer answer = slices_until_advice(finder, RatioFinder::kLeast, 600);
    CHECK(answer.ratio == RatioFinder::kMost);
    CHECK(answer.slices <= 250);
}

TEST_CASE("mips auto: a host that became slow is noticed after a fifth of a second of work") {
    RatioFinder finder;
    const Answer answer = slices_until_advice(finder, 250, 50);
    CHECK(answer.ratio == 40); // some room is left
    CHECK(answer.slices == 40);
}

TEST_CASE("mips auto: a ratio that fits stays") {
    RatioFinder finder;
    CHECK(slices_until_advice(finder, 80, 100, 2000).ratio == 0);
    CHECK(slices_until_advice(finder, RatioFinder::kMost, 900, 2000).ratio == 0);
}

TEST_CASE("mips auto: a halted guest says nothing about the host") {
    RatioFinder finder;
    for (unsigned n = 0; n < 1000; ++n) {
        finder.add_slice(10, 300);
        CHECK(finder.advise(100) == 0);
    }
}

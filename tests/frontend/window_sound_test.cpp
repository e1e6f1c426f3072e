/// Samples between two threads.
#include "frontend/window/sample_ring.h"
#include "tests/catch.h"
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

using namespace r86;
using Ring = SampleRing<1>;

TEST_CASE("window: sound starts when a little is there, and fades when nothing comes") {
    auto ring = std::make_unique<Ring>();
    std::vector<i16> out(256, 1);
    ring->take(out);
    CHECK(out == std::vector<i16>(256, 0));
    ring->put(std::vector<i16>(100, 1000));
    ring->take(out);
    CHECK(out[0] == 0); // too little for a start
    ring->put(std::vector<i16>(Ring::kStart, 1000));
    ring->take(out);
    CHECK(out == std::vector<i16>(256, 1000));
    std::vector<i16> rest(Ring::kStart);
    ring->take(rest);
    CHECK(rest[1000] == 1000);
    CHECK(rest.back() > 0); // no step to zero
    CHECK(rest.back() < 1000);
    std::vector<i16> late(2000);
    ring->take(late);
    CHECK(late.back() == 0);
}

TEST_CASE("window: samples that do not fit are dropped, the others keep their order") {
    auto ring = std::make_unique<Ring>();
    std::vector<i16> many(Ring::kCapacity + 5000);
    for (usize i = 0; i < many.size(); ++i) many[i] = static_cast<i16>(i);
    ring->put(many);
    ring->put(many);
    std::vector<i16> out(Ring::kCapacity);
    ring->take(out);
    for (usize i = 0; i < out.size(); ++i) REQUIRE(out[i] == static_cast<i16>(i));
}

TEST_CASE("window: two threads, no sample lost and none out of order") {
    auto ring = std::make_unique<Ring>();
    constexpr i16 kLast = Ring::kCapacity - 1; // never more than fits, so none may be dropped
    std::atomic<bool> written = false;
    std::thread writer([&] {
        for (i16 next = 1; next <= kLast;) {
            std::vector<i16> piece;
            for (; next <= kLast && piece.size() < 37; ++next) piece.push_back(next);
            ring->put(piece);
        }
        written = true;
    });
    i16 highest = 0;
    bool in_order = true;
    std::vector<i16> out(50);
    for (bool more = true; more;) {
        more = !written; // read before the ring, so that the last round sees everything
        do {
            ring->take(out);
            for (const i16 sample : out) {
                // The fade between two sounds goes down; whatever goes up is the next sample.
                if (sample <= highest) continue;
                in_order &= sample == highest + 1;
                highest = sample;
            }
        } while (out.back() == highest && highest != 0 && highest < kLast);
    }
    writer.join();
    CHECK(in_order);
    CHECK(highest > kLast - static_cast<i16>(Ring::kStart)); // less than a start may wait for more
}

TEST_CASE("window: two channels fade each from its own last sample") {
    auto ring = std::make_unique<SampleRing<2>>();
    std::vector<i16> frames;
    for (usize i = 0; i < SampleRing<2>::kStart / 2; ++i) frames.insert(frames.end(), {1000, -500});
    ring->put(frames);
    std::vector<i16> out(frames.size() + 64);
    ring->take(out);
    CHECK(out[frames.size() - 2] == 1000);
    CHECK(out[frames.size() - 1] == -500);
    CHECK(out[frames.size()] == 984);
    CHECK(out[frames.size() + 1] == -492);
}

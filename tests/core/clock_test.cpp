#include "core/clock.h"
#include "core/event_queue.h"
#include "tests/catch.h"

using namespace r86;

TEST_CASE("a tick and its nanosecond agree in both directions") {
    for (u32 mips : {1u, 7u, 33u, 100u, 250u, 1000u}) {
        VirtualClock clock(mips);
        for (u64 ns : {0ull, 1ull, 999ull, 54925439ull, 1000000007ull}) {
            const Tick tick = clock.tick_at(ns);
            CHECK(clock.ns_at(tick) >= ns);
            if (tick > 0) CHECK(clock.ns_at(tick - 1) < ns);
        }
    }
}

TEST_CASE("a ratio change re-bases without a jump") {
    VirtualClock clock(100);
    clock.set_now(1'000'000);
    const u64 before = clock.now_ns();
    clock.set_ratio_mips(40);
    CHECK(clock.now_ns() == before);
    CHECK(clock.tick_at(before + 1000) == 1'000'040);
}

TEST_CASE("equal ticks fire in the order of creation, whatever the order of arming") {
    VirtualClock clock(100);
    EventQueue queue(clock);
    std::string order;
    Timer a(queue, "a", [&](u64) { order += 'a'; });
    Timer b(queue, "b", [&](u64) { order += 'b'; });
    b.arm_at(1000);
    a.arm_at(1000);
    CHECK(queue.next() == 100);
    clock.set_now(99);
    queue.run_due();
    CHECK(order.empty());
    clock.set_now(100);
    queue.run_due();
    CHECK(order == "ab");
    CHECK(queue.next() == kNever);
}

TEST_CASE("a handler that re-arms itself for the past cannot stop time") {
    VirtualClock clock(100);
    EventQueue queue(clock);
    int fired = 0;
    Timer* self = nullptr;
    Timer timer(queue, "t", [&](u64 deadline) {
        ++fired;
        self->arm_at(deadline);
    });
    self = &timer;
    timer.arm_at(10);
    clock.set_now(50);
    queue.run_due();
    CHECK(fired == 1);
    CHECK(queue.next() == 51);
}

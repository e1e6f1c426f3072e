#include "devices/hpet.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Bench {
    VirtualClock clock{100}; // a tick is a period of the counter
    EventQueue events{clock};
    Hpet hpet{events};
    std::vector<std::pair<unsigned, bool>> edges;
    unsigned irq0 = 0, irq8 = 0;
    Bench() {
        hpet.connect([this](unsigned input, bool level) { edges.emplace_back(input, level); });
        hpet.legacy_irq[0].connect([this](bool level) { irq0 += level; });
        hpet.legacy_irq[1].connect([this](bool level) { irq8 += level; });
        hpet.reset(ResetKind::PowerOn);
    }
    u64 get(u64 offset) { return hpet.read(offset, 8); }
    void set(u64 offset, u64 value) { hpet.write(offset, 8, value); }
    void run(u64 cycles) { run_events(clock, events, clock.now() + cycles); }
};

} // namespace

TEST_CASE("HPET 2.3.4: capabilities; 2.3.5: off after reset; 2.3.7: the counter is written while it stands") {
    Bench b;
    CHECK(b.get(0) == 0x009896808086A201);
    CHECK(b.hpet.read(4, 4) == 10'000'000);
    CHECK(b.get(0x10) == 0);
    b.run(100);
    CHECK(b.get(0xF0) == 0);
    b.set(0xF0, 0x123456789);
    b.set(0x10, 1);
    b.run(16);
    CHECK(b.get(0xF0) == 0x123456799);
    b.set(0xF0, 0);
    CHECK(b.get(0xF0) == 0x123456799);
    b.hpet.write(0x10, 4, 0);
    b.run(5);
    CHECK(b.hpet.read(0xF4, 4) == 1);
    CHECK(b.hpet.read(0xF0, 4) == 0x23456799);
}

TEST_CASE("HPET 2.3.8: routes are checked, only timer 0 is periodic") {
    Bench b;
    b.set(0x100, u64{20} << 9 | 0x8);
    CHECK((b.get(0x100) & 0xFFFFFFFF) == (u64{20} << 9 | 0x8 | 0x30));
    b.set(0x120, u64{3} << 9 | 0x8);
    CHECK((b.get(0x120) & 0xFFFFFFFF) == 0x20);
    CHECK(b.get(0x120) >> 32 == Hpet::kRoutes);
}

TEST_CASE("HPET 2.3.9.2.1: a one-shot comparator pulses its input once, also beyond 32 bits") {
    Bench b;
    b.set(0x120, u64{20} << 9 | 0x4);
    b.set(0x128, 1000);
    b.set(0x10, 1);
    b.run(999);
    CHECK(b.edges.empty());
    b.run(1);
    CHECK(b.edges == std::vector<std::pair<unsigned, bool>>{{20, true}, {20, false}});
    b.run(100000);
    CHECK(b.edges.size() == 2);
    CHECK(b.get(0x20) == 0);
}

TEST_CASE("HPET 2.3.9.2.2: periodic mode with Tn_VAL_SET_CNF, as Linux starts it") {
    Bench b;
    b.set(0x10, 3); // legacy replacement
    b.hpet.write(0x100, 4, 0x4 | 0x8 | 0x40 | 0x100);
    b.hpet.write(0x108, 4, 500);
    b.run(10);
    b.hpet.write(0x108, 4, 100);
    b.run(489);
    CHECK(b.irq0 == 0);
    b.run(1);
    CHECK(b.irq0 == 1);
    b.run(1000);
    CHECK(b.irq0 == 11);
    CHECK(b.edges.empty());
    b.set(0x120, 0x4);
    b.set(0x128, 2000);
    b.run(1000);
    CHECK(b.irq8 == 1);
}

TEST_CASE("HPET 2.3.6: a level-triggered timer drives its input until its status bit is cleared") {
    Bench b;
    b.set(0x140, u64{21} << 9 | 0x6);
    b.set(0x148, 10);
    b.set(0x10, 1);
    b.run(20);
    CHECK(b.edges == std::vector<std::pair<unsigned, bool>>{{21, true}});
    CHECK(b.get(0x20) == 4);
    b.set(0x20, 3);
    CHECK(b.edges.size() == 1);
    b.set(0x20, 4);
    CHECK(b.edges.back() == std::pair<unsigned, bool>{21, false});
    CHECK(b.get(0x20) == 0);
}

TEST_CASE("HPET: state saved in the middle goes on in another one") {
    Bench a, b;
    a.set(0x10, 3);
    a.set(0x100, 0x4 | 0x8 | 0x40);
    a.set(0x108, 77);
    a.run(1000);
    test::load(b.clock, test::save(a.clock));
    test::load(b.events, test::save(a.events));
    test::load(b.hpet, test::save(a.hpet));
    a.run(1000);
    b.run(1000);
    CHECK(test::save(a.hpet) == test::save(b.hpet));
}

TEST_CASE("HPET 2.3.5: ENABLE_CNF takes interrupts away and keeps their status; writing it again changes nothing") {
    Bench b;
    b.set(0x140, u64{21} << 9 | 0x6);
    b.set(0x148, 10);
    b.set(0x10, 1);
    b.run(20);
    using Edges = std::vector<std::pair<unsigned, bool>>;
    CHECK(b.edges == Edges{{21, true}});
    b.set(0x10, 1); // a pending level stays (it was lost)
    CHECK(b.edges.size() == 1);
    b.set(0x10, 0);
    CHECK(b.edges == Edges{{21, true}, {21, false}});
    CHECK(b.get(0x20) == 4);
    b.set(0x10, 1);
    CHECK(b.edges.size() == 3);
    CHECK(b.edges.back() == std::pair<unsigned, bool>{21, true});
    b.set(0x20, 4);
    CHECK(b.edges.back() == std::pair<unsigned, bool>{21, false});
}

TEST_CASE("HPET 2.3.5: LEG_RT_CNF sends timers 0 and 1 to IRQ 0 and IRQ 8, whatever their routes say") {
    Bench b;
    b.set(0x100, u64{20} << 9 | 0x4);
    b.set(0x120, u64{22} << 9 | 0x4);
    b.set(0x140, u64{21} << 9 | 0x4);
    for (unsigned n = 0; n < 3; ++n) b.set(0x108 + 0x20 * n, 100);
    b.set(0x10, 3);
    CHECK(b.hpet.legacy.level());
    b.run(100);
    CHECK(b.irq0 == 1);
    CHECK(b.irq8 == 1);
    CHECK(b.edges == std::vector<std::pair<unsigned, bool>>{{21, true}, {21, false}}); // timer 2 has no part in it
    b.set(0x10, 1);
    CHECK_FALSE(b.hpet.legacy.level());
    b.set(0x108, 200);
    b.run(100);
    CHECK(b.irq0 == 1);
    CHECK(b.edges.size() == 4);
}

TEST_CASE("HPET 2.3.8: an interrupt that is not enabled leaves its status bit, in level mode alone") {
    Bench b;
    b.set(0x120, u64{20} << 9 | 0x2);
    b.set(0x128, 10);
    b.set(0x140, u64{21} << 9);
    b.set(0x148, 10);
    b.set(0x10, 1);
    b.run(20);
    CHECK(b.edges.empty());
    CHECK(b.get(0x20) == 2);
    b.set(0x120, u64{20} << 9 | 0x6); // enabled with the status bit set
    CHECK(b.edges == std::vector<std::pair<unsigned, bool>>{{20, true}});
}

TEST_CASE("HPET 2.3.9.2.1: a 32-bit comparator compares the low half and comes around with it") {
    Bench b;
    b.set(0xF0, 0x7'FFFF'FF00);
    b.set(0x120, u64{20} << 9 | 0x104);
    b.set(0x128, 0xFFFFFFFF'00000010);
    CHECK(b.get(0x128) == 0x10);
    b.set(0x10, 1);
    b.run(0x10F);
    CHECK(b.edges.empty());
    b.run(1);
    CHECK(b.edges.size() == 2);
    b.run(0xFFFFFFFF);
    CHECK(b.edges.size() == 2);
    b.run(1);
    CHECK(b.edges.size() == 4);
}

TEST_CASE("HPET 2.3.9.2.2: a new period counts from the next match on; what is read is the next match") {
    Bench b;
    b.set(0x100, 0x4 | 0x8 | 0x40 | u64{20} << 9);
    b.set(0x108, 100);
    b.set(0x10, 1);
    b.run(250);
    CHECK(b.edges.size() == 4);
    CHECK(b.get(0x108) == 300);
    b.set(0x108, 1000); // Tn_VAL_SET_CNF was cleared by the write before: the period alone
    CHECK(b.get(0x108) == 300);
    b.run(50);
    CHECK(b.edges.size() == 6);
    CHECK(b.get(0x108) == 1300);
    b.run(999);
    CHECK(b.edges.size() == 6);
    b.run(1);
    CHECK(b.edges.size() == 8);
}

TEST_CASE("HPET 2.3.1: accesses of 32 and 64 bits; narrower and misaligned writes and reserved registers do nothing") {
    Bench b;
    b.hpet.write(0x12C, 4, 0xABCD); // the upper half of a comparator
    CHECK(b.get(0x128) == 0x0000ABCD'FFFFFFFF);
    b.hpet.write(0x128, 4, 0x1234);
    CHECK(b.get(0x128) == 0x0000ABCD'00001234);
    CHECK(b.hpet.read(0x128, 2) == 0x1234);
    CHECK(b.hpet.read(0x129, 1) == 0x12);
    b.hpet.write(0x10, 1, 3);
    b.hpet.write(0x12, 4, 3);
    CHECK(b.get(0x10) == 0);
    b.set(0x00, 0);
    CHECK(b.get(0x00) == 0x009896808086A201);
    b.set(0x160, ~u64{0}); // a fourth timer
    CHECK(b.get(0x160) == 0);
    b.set(0x110, ~u64{0}); // FSB route
    CHECK(b.get(0x110) == 0);
    CHECK((b.get(0x100) & 1 << 15) == 0); // which the capability denies
    CHECK(b.get(0x3F8) == 0);
    CHECK(b.get(0x400) == 0);
}

#include "devices/hpet.h"
#include "tests/catch.h"
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
    void run(u64 cycles) {
        const Tick end = clock.now() + cycles;
        while (events.next() <= end) {
            clock.set_now(events.next());
            events.run_due();
        }
        clock.set_now(end);
    }
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

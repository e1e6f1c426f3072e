#include "devices/mc146818.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

constexpr u64 kMs = 1'000'000, kSecond = 1'000'000'000;

struct Bench {
    VirtualClock clock{1000};
    EventQueue queue{clock};
    Mc146818 rtc;
    unsigned irqs = 0;
    explicit Bench(RtcTime base = {2024, 2, 28, 23, 59, 58}) : rtc(queue, base) {
        rtc.irq.connect([this](bool level) { irqs += level; });
    }
    void to(u64 ns) { run_events(clock, queue, ns); }
    u8 get(u8 index) {
        rtc.write8(0, index);
        return rtc.read8(1);
    }
    void set(u8 index, u8 value) {
        rtc.write8(0, index);
        rtc.write8(1, value);
    }
    std::vector<unsigned> date() {
        std::vector<unsigned> result;
        for (u8 index : {0x32, 9, 8, 7, 4, 2, 0, 6}) result.push_back(get(index));
        return result;
    }
};

using Date = std::vector<unsigned>;

} // namespace

TEST_CASE("MC146818: time starts at the base and follows the virtual clock, BCD and 24 hours") {
    Bench b;
    CHECK(b.date() == Date{0x20, 0x24, 0x02, 0x28, 0x23, 0x59, 0x58, 4}); // a Wednesday
    b.to(kSecond);
    CHECK(b.get(0) == 0x59);
    b.to(2 * kSecond);
    CHECK(b.date() == Date{0x20, 0x24, 0x02, 0x29, 0x00, 0x00, 0x00, 5});
    b.to(2 * kSecond + 86400 * kSecond);
    CHECK(b.date() == Date{0x20, 0x24, 0x03, 0x01, 0x00, 0x00, 0x00, 6});
}

TEST_CASE("MC146818: the year 1999 rolls over with the century byte, 1900 and 2100 are no leap years") {
    Bench b({1999, 12, 31, 23, 59, 59});
    b.to(kSecond);
    CHECK(b.date() == Date{0x20, 0x00, 0x01, 0x01, 0, 0, 0, 7});
    Bench c({2100, 2, 28, 23, 59, 59});
    c.to(kSecond);
    CHECK(c.get(8) == 0x03);
}

TEST_CASE("MC146818: a long sleep is walked in bounded work and ends at the right second") {
    Bench b({2024, 1, 1, 0, 0, 0});
    b.to((366 * 86400ull + 3661) * kSecond);
    CHECK(b.date() == Date{0x20, 0x25, 0x01, 0x01, 0x01, 0x01, 0x01, 4});
}

TEST_CASE("MC146818: binary and 12-hour formats") {
    Bench b({2024, 2, 28, 23, 59, 58});
    b.set(0x0B, 0x04); // binary, 12 hours
    b.rtc.set_time({2024, 2, 28, 23, 59, 58});
    CHECK(b.date() == Date{20, 24, 2, 28, 0x80 | 11, 59, 58, 4});
    b.to(2 * kSecond);
    CHECK(b.get(4) == 12); // midnight is 12 AM
    b.to((2 + 12 * 3600ull) * kSecond);
    CHECK(b.get(4) == (0x80 | 12));
    b.to((2 + 13 * 3600ull) * kSecond);
    CHECK(b.get(4) == (0x80 | 1));
}

TEST_CASE("MC146818: SET stops updates and clears UIE; the high bit of seconds cannot be written") {
    Bench b;
    b.set(0x0B, 0x92);
    CHECK(b.get(0x0B) == 0x82);
    b.to(5 * kSecond);
    CHECK(b.get(0) == 0x58);
    b.set(0, 0x90);
    CHECK(b.get(0) == 0x10);
    b.set(0x0B, 0x02);
    b.to(6 * kSecond);
    CHECK(b.get(0) == 0x11);
}

TEST_CASE("MC146818: UIP is set 2228 us before the update ends") {
    Bench b;
    b.to(kSecond - 3 * kMs);
    CHECK(b.get(0x0A) == 0x26);
    b.to(kSecond - 2 * kMs);
    CHECK(b.get(0x0A) == 0xA6);
    CHECK(b.get(0) == 0x58);
    b.to(kSecond);
    CHECK(b.get(0x0A) == 0x26);
    CHECK(b.get(0) == 0x59);
    b.to(2 * kSecond - kMs);
    b.set(0x0B, 0x82); // SET clears UIP
    CHECK(b.get(0x0A) == 0x26);
}

TEST_CASE("MC146818: after a divider reset the first update comes half a second later") {
    Bench b;
    b.to(300 * kMs);
    b.set(0x0A, 0x76);
    b.to(10 * kSecond);
    CHECK(b.get(0) == 0x58);
    b.set(0x0A, 0x26);
    b.to(10 * kSecond + 499 * kMs);
    CHECK(b.get(0) == 0x58);
    b.to(10 * kSecond + 501 * kMs);
    CHECK(b.get(0) == 0x59);
}

TEST_CASE("MC146818: periodic interrupt at every rate, held until register C is read") {
    for (unsigned rs = 1; rs < 16; ++rs) {
        Bench b;
        b.set(0x0A, static_cast<u8>(0x20 | rs));
        b.set(0x0B, 0x42);
        unsigned seen = 0;
        b.rtc.irq.connect([&](bool level) { seen += level; });
        for (u64 ns = 0; ns <= 500 * kMs; ns += 20'000) {
            b.to(ns);
            if (b.rtc.irq.level()) {
                CHECK((b.get(0x0C) & 0xC0) == 0xC0);
                CHECK_FALSE(b.rtc.irq.level());
            }
        }
        const unsigned hz = rs == 1 ? 256 : rs == 2 ? 128 : 32768 >> (rs - 1);
        INFO("RS " << rs);
        CHECK(seen == hz / 2);
    }
}

TEST_CASE("MC146818: unread, the interrupt comes once, and no timer runs") {
    Bench b;
    b.set(0x0B, 0x42);
    b.to(kSecond);
    CHECK(b.irqs == 1);
    CHECK(b.queue.next() == kNever);
    b.get(0x0C);
    CHECK(b.queue.next() != kNever);
    b.set(0x0B, 0x02);
    CHECK(b.queue.next() == kNever);
}

TEST_CASE("MC146818: flags are set without their enable bits, register C shows no IRQF then") {
    Bench b;
    b.set(1, 0xFF), b.set(3, 0xFF), b.set(5, 0xFF);
    b.to(kSecond);
    CHECK(b.get(0x0C) == 0x70);
    CHECK(b.get(0x0C) == 0x00);
    CHECK(b.irqs == 0);
    b.to(kSecond * 2);
    b.set(0x0B, 0x12); // enabling with the flag already set raises IRQ
    CHECK(b.rtc.irq.level());
}

TEST_CASE("MC146818: update-ended interrupt once a second") {
    Bench b;
    b.set(0x0B, 0x12);
    for (unsigned s = 1; s <= 5; ++s) {
        b.to(s * kSecond);
        CHECK(b.irqs == s);
        CHECK((b.get(0x0C) & 0x90) == 0x90);
    }
}

TEST_CASE("MC146818: alarm at a time, every hour, every second") {
    Bench b({2024, 1, 1, 10, 0, 0});
    b.set(1, 0x30), b.set(3, 0x05), b.set(5, 0x10);
    b.set(0x0B, 0x22);
    b.to(329 * kSecond);
    CHECK(b.irqs == 0);
    b.to(330 * kSecond);
    CHECK(b.irqs == 1);
    CHECK((b.get(0x0C) & 0xA0) == 0xA0);
    b.set(5, 0xC0); // don't care
    b.to(3930 * kSecond);
    CHECK(b.irqs == 2);
    b.get(0x0C);
    b.set(1, 0xFF), b.set(3, 0xFF);
    b.to(3931 * kSecond);
    CHECK(b.irqs == 3);
}

TEST_CASE("MC146818: daylight saving, April forward and October back once") {
    Bench b({2024, 4, 28, 1, 59, 59});
    b.set(0x0B, 0x03);
    b.to(kSecond);
    CHECK(b.get(4) == 0x03);
    Bench c({2024, 10, 27, 1, 59, 59});
    c.set(0x0B, 0x03);
    c.to(kSecond);
    CHECK(c.get(4) == 0x01);
    c.to(3601 * kSecond);
    CHECK(c.get(4) == 0x02);
    Bench d({2024, 4, 21, 1, 59, 59}); // not the last Sunday
    d.set(0x0B, 0x03);
    d.to(kSecond);
    CHECK(d.get(4) == 0x02);
}

TEST_CASE("MC146818: registers C and D are read-only, D says valid RAM and time") {
    Bench b;
    b.set(0x0D, 0x00);
    b.set(0x0C, 0xFF);
    CHECK(b.get(0x0D) == 0x80);
    CHECK(b.get(0x0C) == 0x00);
}

TEST_CASE("MC146818: both banks of RAM, index ports, the NMI mask") {
    Bench b;
    CHECK(b.rtc.nmi_masked());
    b.rtc.write8(0, 0x40);
    CHECK_FALSE(b.rtc.nmi_masked());
    b.rtc.write8(1, 0x5A);
    b.rtc.write8(2, 0x40);
    b.rtc.write8(3, 0xA5);
    CHECK(b.rtc.read8(1) == 0x5A);
    CHECK(b.rtc.read8(3) == 0xA5);
    CHECK(b.rtc.read8(0) == 0xFF);
    b.rtc.set_cmos(0x10, 0x40);
    CHECK(b.get(0x10) == 0x40);
}

TEST_CASE("MC146818: RESET clears the interrupt enables and keeps RAM and time") {
    Bench b;
    b.set(0x40, 0x77);
    b.set(0x0B, 0x72);
    b.to(kSecond);
    CHECK(b.rtc.irq.level());
    b.rtc.reset(ResetKind::Hard);
    CHECK_FALSE(b.rtc.irq.level());
    CHECK(b.get(0x0B) == 0x02);
    CHECK(b.get(0x40) == 0x77);
    CHECK(b.get(0) == 0x59);
}

TEST_CASE("MC146818: state restores in the middle of a second with an alarm pending") {
    Bench b;
    b.set(1, 0x10), b.set(3, 0xFF), b.set(5, 0xFF);
    b.set(0x0B, 0x22);
    b.to(1500 * kMs);
    Bench other({1980, 1, 1, 0, 0, 0});
    other.to(1500 * kMs);
    test::load(other.rtc, test::save(b.rtc));
    test::load(other.queue, test::save(b.queue));
    b.to(20 * kSecond);
    other.to(20 * kSecond);
    CHECK(other.irqs == 1);
    CHECK(test::save(other.rtc) == test::save(b.rtc));
}

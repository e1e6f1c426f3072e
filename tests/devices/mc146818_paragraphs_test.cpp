// MC146818A, the data sheet's paragraphs that mc146818_test.cpp does not have: ranges, carries, flags bit by bit.
#include "devices/mc146818.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"

using namespace r86;

namespace {

constexpr u64 kMs = 1'000'000, kSecond = 1'000'000'000;
constexpr u8 kBinary = 0x04, k24Hours = 0x02, kPm = 0x80;

struct Bench {
    VirtualClock clock{1000};
    EventQueue queue{clock};
    Mc146818 rtc;
    explicit Bench(RtcTime base = {2024, 1, 1, 0, 0, 0}) : rtc(queue, base) {}
    void pass(u64 ns) { run_events(clock, queue, clock.now() + ns); }
    u8 get(u8 index) {
        rtc.write8(0, index);
        return rtc.read8(1);
    }
    void set(u8 index, u8 value) {
        rtc.write8(0, index);
        rtc.write8(1, value);
    }
    /// As the data sheet tells programs to set the time: SET, the bytes, the format again without SET.
    void set_time(u8 format, std::initializer_list<std::pair<u8, u8>> bytes) {
        set(0x0B, static_cast<u8>(0x80 | format));
        for (const auto& [index, value] : bytes) set(index, value);
        set(0x0B, format);
    }
};

} // namespace

TEST_CASE("MC146818, Table 3: every location counts through its range in BCD and in binary") {
    const auto bcd = [](unsigned n) { return static_cast<u8>(n / 10 << 4 | n % 10); };
    for (const bool binary : {false, true}) {
        const auto code = [&](unsigned n) { return binary ? static_cast<u8>(n) : bcd(n); };
        const u8 format = static_cast<u8>(k24Hours | (binary ? kBinary : 0));
        Bench b;
        b.set_time(format, {{0, 0}, {2, 0}, {4, 0}});
        for (unsigned second = 1; second <= 60; ++second) {
            b.pass(kSecond);
            CHECK(b.get(0) == code(second % 60));
        }
        CHECK(b.get(2) == code(1));
        for (unsigned minute = 2; minute <= 60; ++minute) {
            b.pass(60 * kSecond);
            CHECK(b.get(2) == code(minute % 60));
        }
        CHECK(b.get(4) == code(1));
        for (unsigned hour = 2; hour <= 24; ++hour) {
            b.pass(3600 * kSecond);
            CHECK(b.get(4) == code(hour % 24));
        }
        CHECK(b.get(7) == code(2));
    }
}

TEST_CASE("MC146818, Table 3: the 12-hour form goes 12 AM, 1 to 11 AM, 12 PM, 1 to 11 PM") {
    Bench b;
    b.set_time(0, {{0, 0}, {2, 0}, {4, 0x12}}); // BCD, midnight
    for (unsigned hour = 1; hour <= 24; ++hour) {
        b.pass(3600 * kSecond);
        const unsigned shown = hour % 12 ? hour % 12 : 12;
        INFO("hour " << hour);
        CHECK(b.get(4) == ((shown / 10 << 4 | shown % 10) | (hour % 24 >= 12 ? kPm : 0)));
        CHECK(b.get(7) == (hour == 24 ? 2 : 1));
    }
}

TEST_CASE("MC146818, Calendar: the length of every month, leap years, the day of the week on its own") {
    constexpr u8 lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (const unsigned year : {23u, 24u})
        for (unsigned month = 1; month <= 12; ++month) {
            Bench b;
            const u8 last = static_cast<u8>(lengths[month - 1] + (month == 2 && year == 24));
            b.set_time(k24Hours | kBinary, {{0, 59},
                                            {2, 59},
                                            {4, 23},
                                            {6, 7}, // whatever day it really was
                                            {7, static_cast<u8>(last - 1)},
                                            {8, static_cast<u8>(month)},
                                            {9, static_cast<u8>(year)},
                                            {0x32, 20}});
            INFO("month " << month << " of " << year);
            b.pass(kSecond);
            CHECK(b.get(7) == last);
            CHECK(b.get(6) == 1);
            b.pass(86400 * kSecond);
            CHECK(b.get(7) == 1);
            CHECK(b.get(6) == 2);
            CHECK(b.get(8) == month % 12 + 1);
            CHECK(b.get(9) == year + (month == 12));
        }
}

TEST_CASE("MC146818, Register B.DM: a change of the format converts nothing that is stored") {
    Bench b({2024, 12, 31, 23, 59, 58});
    std::vector<u8> before, after;
    for (const u8 index : {0, 2, 4, 6, 7, 8, 9}) before.push_back(b.get(index));
    b.set(0x0B, k24Hours | kBinary);
    for (const u8 index : {0, 2, 4, 6, 7, 8, 9}) after.push_back(b.get(index));
    CHECK(after == before);
    CHECK(after == std::vector<u8>{0x58, 0x59, 0x23, 3, 0x31, 0x12, 0x24});
}

TEST_CASE("MC146818, Alarm: each of its bytes may be 'don't care' by itself") {
    struct Case {
        u8 hours, minutes, seconds;
        unsigned per_day; ///< alarms in 24 hours from midnight on
    };
    for (const Case& c : {Case{0x07, 0x30, 0x15, 1}, Case{0xC0, 0x30, 0x15, 24}, Case{0xFF, 0xC0, 0x15, 1440},
                          Case{0x07, 0xD5, 0x15, 60}, Case{0x07, 0x30, 0xEE, 60}, Case{0xC0, 0x30, 0xC0, 1440}}) {
        Bench b;
        b.set(1, c.seconds), b.set(3, c.minutes), b.set(5, c.hours);
        b.set(0x0B, 0x20 | k24Hours);
        unsigned seen = 0;
        b.rtc.irq.connect([&](bool level) { seen += level; });
        for (unsigned second = 0; second < 86400; ++second) {
            b.pass(kSecond);
            if (b.rtc.irq.level()) b.get(0x0C);
        }
        CHECK(seen == c.per_day);
    }
}

TEST_CASE("MC146818, Register C.IRQF: PF and PIE, AF and AIE, UF and UIE, in all combinations") {
    for (unsigned flags = 0; flags < 8; ++flags)
        for (unsigned enables = 0; enables < 8; ++enables) {
            Bench b;
            b.set(0x0A, flags & 4 ? 0x26 : 0x20);                                   // PF, or no rate
            for (const u8 index : {1, 3, 5}) b.set(index, flags & 2 ? 0xFF : 0x77); // AF, or never
            b.pass(flags & 1 ? kSecond : 100 * kMs);                                // UF, or before the update
            // Without an update there is no alarm either.
            const unsigned set = flags & 1 ? flags : flags & 4;
            b.set(0x0B, static_cast<u8>(k24Hours | enables << 4));
            INFO("flags " << set << ", enables " << enables);
            const bool request = set & enables;
            CHECK(b.rtc.irq.level() == request);
            CHECK(b.get(0x0C) == ((set << 4) | (request ? 0x80 : 0)));
            CHECK_FALSE(b.rtc.irq.level());
            CHECK(b.get(0x0C) == 0);
        }
}

TEST_CASE("MC146818, Register A.RS: no rate, no periodic flag; a change of the rate counts at once") {
    Bench b;
    b.set(0x0A, 0x20);
    b.set(0x0B, 0x40 | k24Hours);
    b.pass(900 * kMs);
    CHECK(b.get(0x0C) == 0);
    b.set(0x0A, 0x2F); // 2 Hz
    b.pass(90 * kMs);
    CHECK(b.get(0x0C) == 0);
    b.pass(20 * kMs); // at the whole second
    CHECK((b.get(0x0C) & 0xC0) == 0xC0);
    b.set(0x0A, 0x23); // 8192 Hz
    b.pass(200'000);
    CHECK((b.get(0x0C) & 0xC0) == 0xC0);
}

TEST_CASE("MC146818, Register A.DV: a divider in reset makes no periodic interrupts and no updates") {
    for (const u8 dv : {0x60, 0x70}) {
        Bench b;
        b.set(0x0A, static_cast<u8>(dv | 6));
        b.set(0x0B, 0x70 | k24Hours);
        b.pass(5 * kSecond);
        CHECK(b.get(0x0C) == 0);
        CHECK(b.get(0) == 0);
        CHECK(b.get(0x0A) == (dv | 6)); // no update in progress
    }
}

TEST_CASE("MC146818, Register B.SET: while it is set the periodic interrupt goes on, alarm and update do not") {
    Bench b;
    for (const u8 index : {1, 3, 5}) b.set(index, 0xFF);
    b.set(0x0B, 0x80 | 0x60 | k24Hours);
    b.pass(3 * kSecond);
    CHECK(b.get(0x0C) == 0xC0);
}

// Days that nobody looked at were skipped whole, and the change with them.
TEST_CASE("MC146818, Register B.DSE: the changes happen as well on days that nobody looked at") {
    for (const bool looked_at : {true, false}) {
        Bench b({2024, 4, 24, 12, 0, 0});
        b.set(0x0B, 0x01 | k24Hours);
        for (int day = 0; day < 8; ++day) {
            b.pass(86400 * kSecond);
            if (looked_at) b.get(0);
        }
        CHECK(b.get(4) == 0x13); // an hour on
        CHECK(b.get(7) == 0x02);
        CHECK(b.get(8) == 0x05);
        for (int day = 0; day < 190; ++day) {
            b.pass(86400 * kSecond);
            if (looked_at) b.get(0);
        }
        CHECK(b.get(4) == 0x12); // and back
        CHECK(b.get(7) == 0x08);
        CHECK(b.get(8) == 0x11);
    }
}

TEST_CASE("MC146818, RESET: leaves SET, DM, 24/12, DSE and register A; clears what the data sheet names") {
    Bench b;
    b.set(0x0A, 0x2B);
    b.set(0x0B, 0xFF);
    CHECK(b.get(0x0B) == 0xEF); // SET took UIE away; SQWE is kept
    b.rtc.reset(ResetKind::Hard);
    CHECK(b.get(0x0B) == 0x87);
    CHECK(b.get(0x0A) == 0x2B);
    CHECK(b.get(0x0D) == 0x80);
}

TEST_CASE("MC146818, RAM: the general purpose bytes keep anything, and no update touches them") {
    Bench b;
    for (u8 index = 0x0E; index < 0x80; ++index)
        if (index != Mc146818::kCentury) b.set(index, static_cast<u8>(index * 7));
    b.pass(100'000 * kSecond);
    b.rtc.reset(ResetKind::Hard);
    for (u8 index = 0x0E; index < 0x80; ++index)
        if (index != Mc146818::kCentury) CHECK(b.get(index) == static_cast<u8>(index * 7));
}

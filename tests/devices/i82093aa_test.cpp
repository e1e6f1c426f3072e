#include "devices/i82093aa.h"
#include "devices/local_apic.h"
#include "tests/catch.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Bench {
    I82093aa apic{0x00FFFF};
    std::vector<ApicMessage> sent;
    bool taken = true;
    Bench() {
        apic.connect([this](const ApicMessage& message) {
            sent.push_back(message);
            return taken;
        });
        apic.reset(ResetKind::PowerOn);
    }
    u32 get(u8 index) {
        apic.write(0, 4, index);
        return static_cast<u32>(apic.read(0x10, 4));
    }
    void set(u8 index, u32 value) {
        apic.write(0, 4, index);
        apic.write(0x10, 4, value);
    }
    void entry(unsigned pin, u32 low, u32 high = 0) {
        set(static_cast<u8>(0x11 + 2 * pin), high);
        set(static_cast<u8>(0x10 + 2 * pin), low);
    }
    void pulse(unsigned pin) {
        apic.set_pin(pin, true);
        apic.set_pin(pin, false);
    }
};

} // namespace

TEST_CASE("82093AA 3.1: IOREGSEL and IOWIN; 3.2: ID, version, arbitration ID") {
    Bench b;
    CHECK(b.get(1) == 0x00170011);
    CHECK(b.get(0) == 0);
    b.set(0, 0xFFFFFFFF);
    CHECK(b.get(0) == 0x0F000000);
    CHECK(b.get(2) == 0x0F000000);
    CHECK(b.apic.read(0, 4) == 2);
    b.set(1, 0);
    CHECK(b.get(1) == 0x00170011);
    b.apic.write(0, 1, 1);
    CHECK(b.apic.read(0x10, 1) == 0x11);
    CHECK(b.get(0x40) == 0);
}

TEST_CASE("82093AA 3.2.4: after reset every entry is masked; reserved and status bits cannot be written") {
    Bench b;
    for (u8 pin = 0; pin < 24; ++pin) CHECK(b.get(static_cast<u8>(0x10 + 2 * pin)) == 0x10000);
    b.entry(3, 0xFFFFFFFF, 0xFFFFFFFF);
    CHECK(b.get(0x16) == 0x1AFFF);
    CHECK(b.get(0x17) == 0xFF000000);
}

TEST_CASE("82093AA 3.2.4: an edge sends one message with the entry's fields") {
    Bench b;
    b.entry(4, 0x0931, 0x0F000000); // logical, lowest priority
    b.apic.set_pin(4, true);
    REQUIRE(b.sent.size() == 1);
    CHECK(b.sent[0].vector == 0x31);
    CHECK(b.sent[0].logical);
    CHECK(b.sent[0].destination == 0x0F);
    CHECK(b.sent[0].delivery == ApicDelivery::LowestPriority);
    CHECK_FALSE(b.sent[0].level);
    b.apic.set_pin(4, false);
    CHECK(b.sent.size() == 1);
    b.apic.end_of_interrupt(0x31);
    CHECK(b.sent.size() == 1);
}

TEST_CASE("82093AA 3.2.4: edges on a masked input are ignored and not held") {
    Bench b;
    b.entry(4, 0x10031);
    b.pulse(4);
    b.apic.set_pin(4, true);
    b.entry(4, 0x31);
    CHECK(b.sent.empty());
}

TEST_CASE("82093AA 3.2.4: level inputs set Remote IRR, wait for EOI and ask again while asserted") {
    Bench b;
    b.entry(10, 0x8042);
    b.apic.set_pin(10, true);
    CHECK(b.sent.size() == 1);
    CHECK(b.sent[0].level);
    CHECK(b.get(0x24) == 0xC042);
    b.apic.set_pin(10, false);
    b.apic.set_pin(10, true);
    CHECK(b.sent.size() == 1);
    b.apic.end_of_interrupt(0x43);
    CHECK(b.sent.size() == 1);
    b.apic.end_of_interrupt(0x42);
    CHECK(b.sent.size() == 2);
    b.apic.set_pin(10, false);
    b.apic.end_of_interrupt(0x42);
    CHECK(b.sent.size() == 2);
    CHECK(b.get(0x24) == 0x8042);
    b.entry(10, 0x18042); // asserted while masked: asks when it is unmasked
    b.apic.set_pin(10, true);
    CHECK(b.sent.size() == 2);
    b.entry(10, 0x8042);
    CHECK(b.sent.size() == 3);
    b.entry(10, 0x10042); // edge for a moment: Remote IRR is gone
    CHECK(b.get(0x24) == 0x10042);
}

TEST_CASE("82093AA 3.2.4: a level message that nobody takes leaves Remote IRR clear") {
    Bench b;
    b.taken = false;
    b.entry(10, 0x8042);
    b.apic.set_pin(10, true);
    CHECK(b.get(0x24) == 0x9042);
}

TEST_CASE("82093AA 3.2.4: polarity; an input that is not connected is never asserted") {
    Bench b;
    b.entry(5, 0xA042); // active low, level: asserted at once
    CHECK(b.sent.size() == 1);
    b.apic.set_pin(5, true);
    b.apic.end_of_interrupt(0x42);
    CHECK(b.sent.size() == 1);
    b.entry(6, 0x2043); // active low, edge: the falling one counts
    b.apic.set_pin(6, true);
    CHECK(b.sent.size() == 1);
    b.apic.set_pin(6, false);
    CHECK(b.sent.size() == 2);
    b.entry(20, 0xA044);
    CHECK(b.sent.size() == 2);
}

TEST_CASE("82093AA 3.2.4: NMI and SMI are edges whatever the trigger mode says; ExtINT is the external line") {
    Bench b;
    b.entry(7, 0x8400);
    b.apic.set_pin(7, true);
    REQUIRE(b.sent.size() == 1);
    CHECK(b.sent[0].delivery == ApicDelivery::Nmi);
    CHECK((b.get(0x1E) & 0x4000) == 0);
    b.entry(0, 0x700);
    b.apic.set_pin(0, true);
    CHECK(b.apic.external.level());
    b.entry(0, 0x10700);
    CHECK_FALSE(b.apic.external.level());
    CHECK(b.sent.size() == 1);
}

TEST_CASE("82093AA: with a local APIC behind it, a level interrupt is served until its source lets go") {
    VirtualClock clock;
    EventQueue events{clock};
    LocalApic local{events};
    I82093aa io{0xFFFF};
    io.connect([&](const ApicMessage& message) { return local.deliver(message); });
    local.on_eoi([&](u8 vector) { io.end_of_interrupt(vector); });
    local.reset(ResetKind::PowerOn);
    io.reset(ResetKind::PowerOn);
    local.set_globally_enabled(true);
    local.write(0xF0, 4, 0x1FF);
    io.write(0, 4, 0x10 + 2 * 11);
    io.write(0x10, 4, 0x8061);
    io.set_pin(11, true);
    for (int i = 0; i < 3; ++i) {
        CHECK(local.intr.level());
        CHECK(local.acknowledge() == 0x61);
        CHECK_FALSE(local.intr.level());
        if (i == 2) io.set_pin(11, false);
        local.write(0xB0, 4, 0);
    }
    CHECK_FALSE(local.intr.level());
    auto saved = test::save(io);
    I82093aa other{0xFFFF};
    test::load(other, saved);
    CHECK(test::save(other) == saved);
}

TEST_CASE("82093AA 3.2.4: a level that nobody takes shows as pending and is sent again when a local APIC can take it") {
    VirtualClock clock{100};
    EventQueue events{clock};
    LocalApic local{events};
    I82093aa apic{0x00FFFF};
    apic.connect([&](const ApicMessage& message) { return local.deliver(message); });
    local.on_reachable([&] { apic.retry(); });
    local.on_eoi([&](u8 vector) { apic.end_of_interrupt(vector); });
    local.reset(ResetKind::PowerOn);
    local.set_globally_enabled(true);
    apic.reset(ResetKind::PowerOn);
    const auto entry = [&](unsigned pin, u32 low, u32 high) {
        apic.write(0, 4, 0x11 + 2 * pin);
        apic.write(0x10, 4, high);
        apic.write(0, 4, 0x10 + 2 * pin);
        apic.write(0x10, 4, low);
    };
    const auto low_of = [&](unsigned pin) {
        apic.write(0, 4, 0x10 + 2 * pin);
        return static_cast<u32>(apic.read(0x10, 4));
    };
    entry(9, 0x8000 | 0x0800 | 0x51, 0x01000000); // level, logical destination 1
    entry(4, 0x0800 | 0x41, 0x01000000);          // edge
    apic.set_pin(9, true);
    apic.set_pin(4, true);
    CHECK(low_of(9) == (0x8000 | 0x1000 | 0x0800 | 0x51)); // send pending, no Remote IRR
    local.write(0xF0, 4, 0x1FF);
    CHECK(low_of(9) == (0x8000 | 0x1000 | 0x0800 | 0x51)); // enabled, but not at that address
    local.write(0xD0, 4, 0x01000000);
    CHECK(low_of(9) == (0x8000 | 0x4000 | 0x0800 | 0x51));
    CHECK(local.intr.level());
    CHECK(local.acknowledge() == 0x51);
    CHECK_FALSE(local.intr.level()); // the edge of input 4 found nobody
    apic.set_pin(9, false);
    local.write(0xB0, 4, 0);
    CHECK(low_of(9) == (0x8000 | 0x0800 | 0x51));
}

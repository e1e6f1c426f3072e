#include "devices/local_apic.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

constexpr u64 kId = 0x20, kVersion = 0x30, kTpr = 0x80, kPpr = 0xA0, kEoi = 0xB0, kLdr = 0xD0, kDfr = 0xE0, kSvr = 0xF0,
              kIsr = 0x100, kTmr = 0x180, kIrr = 0x200, kEsr = 0x280, kIcr = 0x300, kIcrHigh = 0x310, kTimer = 0x320,
              kThermal = 0x330, kPerformance = 0x340, kLint0 = 0x350, kLint1 = 0x360, kError = 0x370, kInitial = 0x380,
              kCurrent = 0x390, kDivide = 0x3E0;
constexpr u32 kMasked = 0x10000;

struct Bench {
    VirtualClock clock{100}; // 10 ns a tick: one bus cycle
    EventQueue events{clock};
    LocalApic apic{events};
    std::vector<u8> eois;
    unsigned nmis = 0, smis = 0, inits = 0;
    u8 pic_vector = 0x08;

    explicit Bench(bool enable = true) {
        apic.on_eoi([this](u8 vector) { eois.push_back(vector); });
        apic.connect_external([this] { return pic_vector; });
        const auto count = [](unsigned& n) { return [&n](bool level) { n += level; }; };
        apic.nmi.connect(count(nmis));
        apic.smi.connect(count(smis));
        apic.init.connect(count(inits));
        apic.reset(ResetKind::PowerOn);
        apic.set_globally_enabled(true);
        if (enable) set(kSvr, 0x1FF);
    }
    u32 get(u64 offset) { return static_cast<u32>(apic.read(offset, 4)); }
    void set(u64 offset, u32 value) { apic.write(offset, 4, value); }
    void fixed(u8 vector, bool level = false) {
        CHECK(apic.deliver({0xFF, false, ApicDelivery::Fixed, vector, level}));
    }
    bool in(u64 set, u8 vector) { return (get(set + vector / 32 * 16) >> (vector % 32)) & 1; }
    bool intr() const { return apic.intr.level(); }
    void run(u64 ns) { run_events(clock, events, clock.tick_at(clock.now_ns() + ns)); }
};

} // namespace

TEST_CASE("local APIC 10.4.7.1: the state after reset") {
    Bench b(false);
    CHECK(b.get(kId) == 0);
    CHECK((b.get(kVersion) & 0xFF) == 0x14);
    CHECK((b.get(kVersion) >> 16) == 5);
    CHECK(b.get(kSvr) == 0xFF);
    CHECK(b.get(kDfr) == 0xFFFFFFFF);
    for (u64 lvt = kTimer; lvt <= kError; lvt += 16) CHECK(b.get(lvt) == kMasked);
    for (u64 zero : {kTpr, kPpr, kLdr, kIcr, kIcrHigh, kInitial, kCurrent, kDivide, kEsr}) CHECK(b.get(zero) == 0);
    for (u64 bits = kIsr; bits < kEsr; bits += 16) CHECK(b.get(bits) == 0);
}

TEST_CASE("local APIC: before software enables it, and while IA32_APIC_BASE.EN is clear, the pins are INTR and NMI") {
    Bench b(false);
    b.apic.set_lint(0, true);
    CHECK(b.intr());
    CHECK(b.apic.acknowledge() == 0x08);
    b.apic.set_lint(1, true);
    b.apic.set_lint(1, false);
    CHECK(b.nmis == 1);
    b.set(kSvr, 0x1FF); // LINT0 is masked now
    CHECK_FALSE(b.intr());
    b.apic.set_globally_enabled(false);
    CHECK(b.intr());
    b.apic.set_globally_enabled(true); // 10.4.3: as after a reset
    CHECK(b.get(kSvr) == 0xFF);
}

TEST_CASE("local APIC 10.4.7.2: software disabled, LVT entries are masked and cannot be unmasked, NMI still works") {
    Bench b;
    b.set(kLint0, 0x700);
    b.set(kSvr, 0x0FF);
    CHECK(b.get(kLint0) == (kMasked | 0x700));
    b.set(kLint0, 0x700);
    CHECK(b.get(kLint0) == (kMasked | 0x700));
    CHECK_FALSE(b.apic.deliver({0, false, ApicDelivery::Fixed, 0x40, false}));
    CHECK(b.apic.deliver({0, false, ApicDelivery::Nmi, 0, false}));
    CHECK(b.nmis == 1);
    b.apic.set_lint(0, true);
    CHECK_FALSE(b.intr());
}

TEST_CASE("local APIC 10.4.7.3: INIT keeps the ID alone") {
    Bench b;
    b.set(kId, 0x03000000);
    b.set(kTpr, 0x20);
    b.fixed(0x51);
    b.apic.initialise();
    CHECK(b.get(kId) == 0x03000000);
    CHECK(b.get(kTpr) == 0);
    CHECK(b.get(kSvr) == 0xFF);
    CHECK_FALSE(b.intr());
}

TEST_CASE("local APIC 10.4.1: registers are 32 bits on 16-byte boundaries; reserved ones are errors") {
    Bench b;
    b.apic.write(kTpr, 1, 0x50);
    CHECK(b.get(kTpr) == 0);
    CHECK(b.apic.read(kVersion, 1) == 0x14);
    CHECK(b.apic.read(kVersion + 2, 2) == 5);
    CHECK(b.apic.read(kVersion + 4, 4) == 0);
    b.get(0x40);
    b.set(0x3F0, 1);
    b.set(kEsr, 0);
    CHECK(b.get(kEsr) == 0x80);
    b.set(kEsr, 0);
    CHECK(b.get(kEsr) == 0);
    b.set(kIsr, 0xFFFFFFFF); // read only
    CHECK(b.get(kIsr) == 0);
}

TEST_CASE("local APIC 10.8.3: task and processor priority decide what is delivered") {
    Bench b;
    b.set(kTpr, 0x45);
    CHECK(b.get(kPpr) == 0x45);
    b.fixed(0x4F); // the class of TPR: held
    CHECK_FALSE(b.intr());
    CHECK(b.in(kIrr, 0x4F));
    b.fixed(0x50);
    CHECK(b.intr());
    CHECK(b.apic.acknowledge() == 0x50);
    CHECK(b.in(kIsr, 0x50));
    CHECK_FALSE(b.in(kIrr, 0x50));
    CHECK(b.get(kPpr) == 0x50);
    CHECK_FALSE(b.intr());
    b.fixed(0x5F); // same class as the one in service
    CHECK_FALSE(b.intr());
    b.fixed(0x60);
    CHECK(b.apic.acknowledge() == 0x60);
    b.set(kEoi, 0);
    CHECK_FALSE(b.intr());
    b.set(kEoi, 0);
    CHECK(b.apic.acknowledge() == 0x5F);
    b.set(kEoi, 0);
    b.set(kTpr, 0);
    CHECK(b.apic.acknowledge() == 0x4F);
}

TEST_CASE("local APIC 10.8.4: one of a vector in service, one waiting; the highest vector goes first") {
    Bench b;
    b.fixed(0x31);
    CHECK(b.apic.acknowledge() == 0x31);
    b.fixed(0x31);
    b.fixed(0x31);
    b.fixed(0xFE);
    CHECK(b.apic.acknowledge() == 0xFE);
    b.set(kEoi, 0);
    b.set(kEoi, 0);
    CHECK(b.apic.acknowledge() == 0x31);
    b.set(kEoi, 0);
    CHECK_FALSE(b.intr());
}

TEST_CASE("local APIC 10.8.5: EOI ends the highest in service and is broadcast for level-triggered vectors only") {
    Bench b;
    b.fixed(0x41, true);
    CHECK(b.in(kTmr, 0x41));
    b.apic.acknowledge();
    b.fixed(0x52, false);
    b.apic.acknowledge();
    b.set(kEoi, 0);
    CHECK(b.eois.empty());
    b.set(kEoi, 0);
    CHECK(b.eois == std::vector<u8>{0x41});
    b.set(kEoi, 0); // nothing in service
    CHECK(b.eois.size() == 1);
}

TEST_CASE("local APIC 10.9: INTA without a request is the spurious vector, and sets no ISR bit") {
    Bench b;
    b.set(kSvr, 0x1EF);
    b.fixed(0x61);
    CHECK(b.intr());
    b.set(kTpr, 0xF0); // raised between INTR and INTA
    CHECK_FALSE(b.intr());
    CHECK(b.apic.acknowledge() == 0xEF);
    for (u64 bits = kIsr; bits < kTmr; bits += 16) CHECK(b.get(bits) == 0);
}

TEST_CASE("local APIC 10.5.1: LINT0 as ExtINT brings the 8259A's vector, without priority and EOI") {
    Bench b;
    b.set(kTpr, 0xFF);
    b.apic.set_lint(0, true);
    CHECK_FALSE(b.intr());
    b.set(kLint0, 0x700);
    CHECK(b.intr());
    CHECK(b.apic.acknowledge() == 0x08);
    b.apic.set_lint(0, false);
    CHECK_FALSE(b.intr());
    CHECK(b.get(kIsr) == 0);
    b.apic.set_external(true); // by an I/O APIC
    CHECK(b.intr());
    b.apic.set_external(false);
    CHECK_FALSE(b.intr());
}

TEST_CASE("local APIC 10.5.1: LINT pins as fixed edge, fixed level, NMI and SMI; polarity") {
    Bench b;
    b.set(kLint1, 0x400);
    b.apic.set_lint(1, true);
    b.apic.set_lint(1, false);
    CHECK(b.nmis == 1);
    b.set(kLint1, 0x2200); // SMI, active low
    b.apic.set_lint(1, true);
    CHECK(b.smis == 0);
    b.apic.set_lint(1, false);
    CHECK(b.smis == 1);
    b.set(kLint0, 0x45); // edge
    b.apic.set_lint(0, true);
    CHECK(b.apic.acknowledge() == 0x45);
    b.set(kEoi, 0);
    CHECK_FALSE(b.intr());
    b.apic.set_lint(0, false);
    b.set(kLint0, 0x8046); // level: again after EOI while it is asserted
    b.apic.set_lint(0, true);
    CHECK(b.get(kLint0) == 0xC046);
    CHECK(b.apic.acknowledge() == 0x46);
    CHECK_FALSE(b.intr());
    b.set(kEoi, 0);
    CHECK(b.intr());
    b.apic.acknowledge();
    b.apic.set_lint(0, false);
    b.set(kEoi, 0);
    CHECK_FALSE(b.intr());
    CHECK(b.get(kLint0) == 0x8046);
}

TEST_CASE("local APIC 10.5.1: reserved LVT bits read as zero") {
    Bench b;
    for (u64 lvt = kTimer; lvt <= kError; lvt += 16) b.set(lvt, 0xFFFFFFFF);
    CHECK(b.get(kTimer) == 0x300FF);
    CHECK(b.get(kThermal) == 0x107FF);
    CHECK(b.get(kPerformance) == 0x107FF);
    CHECK(b.get(kLint0) == 0x1A7FF);
    CHECK(b.get(kLint1) == 0x1A7FF);
    CHECK(b.get(kError) == 0x100FF);
}

TEST_CASE("local APIC 10.5.3: errors gather, show after a write to ESR, and interrupt through LVT error") {
    Bench b;
    b.set(kError, 0xE3);
    b.set(kIcr, 0x00004005); // vector 5
    CHECK(b.apic.acknowledge() == 0xE3);
    CHECK(b.get(kEsr) == 0);
    b.set(kEsr, 0);
    CHECK(b.get(kEsr) == 0x20);
    b.set(kEoi, 0);
    b.apic.deliver({0, false, ApicDelivery::Fixed, 0x0F, false});
    b.set(kEsr, 0);
    CHECK(b.get(kEsr) == 0x40);
}

TEST_CASE("local APIC 10.5.4: one-shot timer with every divisor") {
    const unsigned divisor = GENERATE(1u, 2u, 4u, 8u, 16u, 32u, 64u, 128u);
    Bench b;
    const u32 code =
        divisor == 1 ? 0xB : ((std::countr_zero(divisor) - 1) & 3) | (((std::countr_zero(divisor) - 1) & 4) << 1);
    b.set(kDivide, code);
    CHECK(b.get(kDivide) == code);
    b.set(kTimer, 0x50);
    b.set(kInitial, 1000);
    CHECK(b.get(kCurrent) == 1000);
    b.run(u64{400} * divisor * 10);
    CHECK(b.get(kCurrent) == 600);
    b.run(u64{600} * divisor * 10 - 10);
    CHECK_FALSE(b.intr());
    b.run(10);
    CHECK(b.apic.acknowledge() == 0x50);
    CHECK(b.get(kCurrent) == 0);
    b.set(kEoi, 0);
    b.run(u64{5000} * divisor * 10);
    CHECK_FALSE(b.intr());
    CHECK(b.get(kInitial) == 1000);
}

TEST_CASE("local APIC 10.5.4: periodic timer does not drift, masked it counts silently, zero stops it") {
    Bench b;
    b.set(kDivide, 0xB);
    b.set(kTimer, 0x20055);
    b.set(kInitial, 100);
    unsigned interrupts = 0;
    for (int i = 0; i < 1000; ++i) {
        b.run(100);
        if (!b.intr()) continue;
        CHECK(b.apic.acknowledge() == 0x55);
        b.set(kEoi, 0);
        ++interrupts;
    }
    CHECK(interrupts == 100);
    b.set(kTimer, 0x30055);
    b.run(1250 * 10);
    CHECK(b.get(kCurrent) == 50);
    CHECK_FALSE(b.intr());
    b.set(kTimer, 0x20055);
    b.run(490);
    CHECK_FALSE(b.intr());
    b.run(10);
    CHECK(b.intr());
    b.apic.acknowledge();
    b.set(kEoi, 0);
    b.set(kInitial, 0);
    CHECK(b.get(kCurrent) == 0);
    b.run(10000);
    CHECK_FALSE(b.intr());
}

TEST_CASE("local APIC 10.5.4: a new divisor takes the count along") {
    Bench b;
    b.set(kDivide, 0xB);
    b.set(kTimer, 0x50);
    b.set(kInitial, 1000);
    b.run(5000);
    b.set(kDivide, 0x0);
    CHECK(b.get(kCurrent) == 500);
    b.run(9990);
    CHECK_FALSE(b.intr());
    b.run(10);
    CHECK(b.intr());
}

TEST_CASE("local APIC 10.6.1: the ICR sends to itself by ID, by shorthand and to all, and is idle at once") {
    Bench b;
    b.set(kIcrHigh, 0);
    b.set(kIcr, 0x4031);
    CHECK((b.get(kIcr) & 0x1000) == 0);
    CHECK(b.apic.acknowledge() == 0x31);
    b.set(kEoi, 0);
    b.set(kIcr, 0x44032); // self
    CHECK(b.apic.acknowledge() == 0x32);
    b.set(kEoi, 0);
    b.set(kIcr, 0x84033); // all including self
    CHECK(b.apic.acknowledge() == 0x33);
    b.set(kEoi, 0);
    b.set(kIcr, 0xC4034); // all but self: nobody
    CHECK_FALSE(b.intr());
    b.set(kIcrHigh, 0x05000000); // nobody has this ID
    b.set(kIcr, 0x4035);
    CHECK_FALSE(b.intr());
    b.set(kIcrHigh, 0xFF000000); // broadcast
    b.set(kIcr, 0x4136);         // lowest priority
    CHECK(b.apic.acknowledge() == 0x36);
}

TEST_CASE("local APIC 10.6.1: SMI, NMI and INIT by ICR; INIT de-assert and start-up do nothing") {
    Bench b;
    b.set(kIcr, 0x4200);
    CHECK(b.smis == 1);
    b.set(kIcr, 0x4400);
    CHECK(b.nmis == 1);
    b.set(kIcr, 0xC500);
    CHECK(b.inits == 1);
    b.set(kIcr, 0x8500);
    b.set(kIcr, 0x4608);
    CHECK(b.inits == 1);
    CHECK_FALSE(b.intr());
}

TEST_CASE("local APIC 10.6.2: logical destinations in the flat and the cluster model") {
    Bench b;
    const auto logical = [&](u8 destination) {
        return b.apic.deliver({destination, true, ApicDelivery::Fixed, 0x40, false});
    };
    b.set(kLdr, 0x04000000);
    CHECK(logical(0x04));
    CHECK(logical(0xFF));
    CHECK(logical(0x06));
    CHECK_FALSE(logical(0x03));
    b.set(kDfr, 0x0FFFFFFF);
    b.set(kLdr, 0x32000000);
    CHECK(logical(0x32));
    CHECK(logical(0x33));
    CHECK(logical(0xFF));
    CHECK_FALSE(logical(0x22));
    CHECK_FALSE(logical(0x31));
}

TEST_CASE("local APIC: a state saved in the middle of a count goes on in another one") {
    Bench a, b;
    a.set(kDivide, 0x3);
    a.set(kTimer, 0x20055);
    a.set(kInitial, 100);
    a.fixed(0x41, true);
    a.apic.acknowledge();
    a.fixed(0x39);
    a.run(7777);
    auto chip = test::save(a.apic);
    auto queue = test::save(a.events);
    auto clock = test::save(a.clock);
    test::load(b.clock, clock);
    test::load(b.events, queue);
    test::load(b.apic, chip);
    CHECK(test::save(b.apic) == chip);
    CHECK(b.get(kCurrent) == a.get(kCurrent));
    a.run(100000);
    b.run(100000);
    CHECK(test::save(a.apic) == test::save(b.apic));
}

TEST_CASE("local APIC 10.5.4: a change of the timer's mode keeps the count; at zero it stays there") {
    // What hypervisors' own tests look at: one-shot to periodic and back, in the middle of a count.
    Bench b;
    b.set(kDivide, 11); // by 1
    b.set(kTimer, 0x40);
    b.set(kInitial, 1000);
    b.run(7'500);
    CHECK(b.get(kCurrent) == 250);
    b.set(kTimer, 0x20040);
    CHECK(b.get(kCurrent) == 250);
    b.run(2'500 + 1'000); // wraps, at its whole length
    CHECK(b.get(kCurrent) == 900);
    b.run(7'000);
    b.set(kTimer, 0x40);
    CHECK(b.get(kCurrent) == 200);
    b.run(5'000);
    CHECK(b.get(kCurrent) == 0);
    CHECK(b.get(kInitial) == 1000);
    b.set(kTimer, 0x20040);
    b.run(5'000);
    CHECK(b.get(kCurrent) == 0);
}

TEST_CASE("local APIC 10.4.6: the ID can be written, and messages follow it") {
    Bench b;
    b.set(kId, 0x05000000);
    CHECK(b.get(kId) == 0x05000000);
    CHECK_FALSE(b.apic.deliver({0, false, ApicDelivery::Fixed, 0x50, false}));
    CHECK(b.apic.deliver({5, false, ApicDelivery::Fixed, 0x50, false}));
    CHECK(b.in(kIrr, 0x50));
}

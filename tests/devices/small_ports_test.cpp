#include "devices/debug_ports.h"
#include "devices/i8254.h"
#include "devices/parallel_port.h"
#include "devices/pc_speaker.h"
#include "devices/port61.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

struct Collected : ByteSink {
    std::string text;
    void put(u8 byte) override { text += static_cast<char>(byte); }
};

struct Heard : AudioSink {
    std::vector<i16> data;
    void samples(AudioSource, std::span<const i16> mono, unsigned, u32) override {
        data.insert(data.end(), mono.begin(), mono.end());
    }
};

struct Machine {
    VirtualClock clock{1000};
    EventQueue queue{clock};
    void wait(u64 ns) { run_events(clock, queue, clock.now() + ns); }
};

struct Sound : Machine {
    I8254 pit{queue};
    Port61 port{clock, [this] { return pit.out_level(2); }};
    PcSpeaker speaker{queue, [this](u64 from, u64 to) { return pit.high_cycles(2, from, to); }};
    Sound() {
        port.gate2.connect([this](bool level) { pit.set_gate(2, level); });
        port.speaker.connect([this](bool level) { speaker.set_enabled(level); });
        pit.before_change(2, [this] { speaker.catch_up(); });
        pit.reset(ResetKind::PowerOn);
    }
    void tone(u16 count) {
        pit.write8(3, 0xB6);
        pit.write8(2, static_cast<u8>(count));
        pit.write8(2, static_cast<u8>(count >> 8));
    }
};

} // namespace

TEST_CASE("port 61h: gate 2, OUT2 and the refresh toggle") {
    Sound s;
    s.tone(1000);
    s.wait(1'000'000);
    CHECK((s.port.read8(0) & 0x2F) == 0x20); // not gated: OUT2 stays high
    s.port.write8(0, 0xF1);
    CHECK((s.port.read8(0) & 0xCF) == 0x01);
    unsigned high = 0, toggles = 0;
    u8 last = s.port.read8(0);
    for (unsigned us = 0; us < 10000; ++us) {
        s.wait(1000);
        const u8 now = s.port.read8(0);
        high += now >> 5 & 1;
        toggles += (now ^ last) >> 4 & 1;
        last = now;
    }
    CHECK(high > 4500);
    CHECK(high < 5500);
    CHECK(toggles >= 10000 / 15.2);
    CHECK(toggles <= 10000 / 15.0);
}

TEST_CASE("speaker: a tone has its frequency, and state does not depend on a listener") {
    Sound s, deaf;
    Heard heard;
    s.speaker.connect(&heard);
    for (Sound* each : {&s, &deaf}) {
        each->tone(1193); // 1000 Hz
        each->port.write8(0, 3);
        each->wait(500'000'000);
    }
    CHECK(test::save(s.queue) == test::save(deaf.queue));
    CHECK(test::save(s.speaker) == test::save(deaf.speaker));
    CHECK(test::save(s.pit) == test::save(deaf.pit));
    CHECK(heard.data.size() >= 21000);
    CHECK(heard.data.size() <= 22050);
    unsigned rises = 0;
    for (usize i = 1; i < heard.data.size(); ++i) rises += heard.data[i - 1] < 0 && heard.data[i] >= 0;
    CHECK(rises >= 475);
    CHECK(rises <= 505);
    s.port.write8(0, 0);
    s.wait(100'000'000);
    const usize end = heard.data.size();
    s.wait(1'000'000'000);
    CHECK(heard.data.size() == end);
    CHECK(s.queue.next() == kNever);
}

TEST_CASE("parallel port: data and control read back, an unplugged port looks busy") {
    Machine m;
    ParallelPort port(m.queue, "lpt1");
    port.reset(ResetKind::PowerOn);
    port.write8(0, 0xA5);
    CHECK(port.read8(0) == 0xA5);
    port.write8(2, 0x0C);
    CHECK(port.read8(2) == 0xCC);
    CHECK(port.read8(1) == 0x7F);
    port.set_input(0x3C);
    port.write8(2, 0x2C); // direction: input
    CHECK(port.read8(0) == 0x3C);
}

TEST_CASE("parallel port: STROBE prints, BUSY and ACK take their time, ACK interrupts") {
    Machine m;
    ParallelPort port(m.queue, "lpt1");
    Collected printer;
    port.connect(&printer);
    port.reset(ResetKind::PowerOn);
    port.write8(2, 0x1C);
    CHECK(port.read8(1) == 0xDF);
    port.write8(0, 'P');
    port.write8(2, 0x1D);
    port.write8(2, 0x1C);
    CHECK(printer.text == "P");
    CHECK(port.read8(1) == 0x5F); // busy
    port.write8(2, 0x1D);         // lost
    port.write8(2, 0x1C);
    CHECK(printer.text == "P");
    m.wait(ParallelPort::kBusyNs);
    CHECK(port.read8(1) == 0x1F); // ACK
    ParallelPort other(m.queue, "other");
    other.connect(&printer);
    test::load(other, test::save(port));
    CHECK(test::save(other) == test::save(port));
    CHECK_FALSE(port.irq.level());
    m.wait(ParallelPort::kAckNs);
    CHECK(port.irq.level());
    CHECK(port.read8(1) == 0xDF);
    CHECK_FALSE(port.irq.level());
    port.write8(2, 0x0C);
    port.write8(2, 0x0D);
    m.wait(20'000);
    CHECK_FALSE(port.irq.level()); // not enabled
}

TEST_CASE("debug ports: consoles, POST code and exit code") {
    DebugConsole console;
    console.write8(0, 'x'); // nobody listens
    Collected out;
    console.connect(&out);
    console.write8(0, 'y');
    CHECK(out.text == "y");
    CHECK(console.read8(0) == 0xE9);
    PostPort post;
    u8 seen = 0;
    post.on_code([&](u8 code) { seen = code; });
    post.write8(0, 0x5A);
    CHECK(seen == 0x5A);
    CHECK(post.read8(0) == 0x5A);
    int code = -1;
    DebugExit exit_port([&](int c) { code = c; });
    exit_port.write32(0, 0x10);
    CHECK(code == 33);
    exit_port.write8(0, 0);
    CHECK(code == 1);
}

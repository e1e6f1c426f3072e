#include "devices/i8042.h"
#include "devices/ps2_keyboard.h"
#include "devices/ps2_mouse.h"
#include "tests/catch.h"
#include "tests/devices/run_events.h"
#include "tests/devices/state_tools.h"

using namespace r86;

namespace {

constexpr u64 kMs = 1'000'000;
using Bytes = std::vector<unsigned>;

struct Bench {
    VirtualClock clock{100};
    EventQueue queue{clock};
    Log log;
    Ps2Keyboard keyboard{queue};
    Ps2Mouse mouse{queue};
    I8042 kbc{queue, log, keyboard, mouse};
    explicit Bench(u8 command_byte = 0x03) {
        keyboard.reset(ResetKind::Hard);
        mouse.reset(ResetKind::Hard);
        kbc.reset(ResetKind::PowerOn);
        kbc.write8(4, 0x60);
        kbc.write8(0, command_byte);
    }
    void wait(u64 ns) { run_events(clock, queue, clock.tick_at(clock.now_ns() + ns)); }
    u8 status() { return kbc.read8(4); }
    /// Everything that comes, as a polling guest takes it: with a pause of 50 ms the line is silent.
    Bytes drain(u64 quiet = 50 * kMs) {
        Bytes result;
        for (u64 waited = 0; waited < quiet; waited += kMs) {
            if (status() & 1) {
                result.push_back(kbc.read8(0));
                waited = 0;
            }
            wait(kMs);
        }
        return result;
    }
    Bytes to_keyboard(Bytes bytes) {
        Bytes answer;
        for (unsigned b : bytes) {
            kbc.write8(0, static_cast<u8>(b));
            for (unsigned got : drain()) answer.push_back(got);
        }
        return answer;
    }
    Bytes to_mouse(Bytes bytes) {
        Bytes answer;
        for (unsigned b : bytes) {
            kbc.write8(4, 0xD4);
            kbc.write8(0, static_cast<u8>(b));
            for (unsigned got : drain()) answer.push_back(got);
        }
        return answer;
    }
    Bytes tap(KeyCode code) {
        keyboard.key(code, true);
        wait(10 * kMs);
        keyboard.key(code, false);
        return drain();
    }
    u8 ask(u8 command) {
        kbc.write8(4, command);
        return kbc.read8(0);
    }
};

Bytes joined(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

} // namespace

TEST_CASE("8042: self-test, interface tests and the system flag") {
    Bench b;
    CHECK((b.status() & 0x04) == 0);
    CHECK(b.ask(0xAA) == 0x55);
    CHECK((b.status() & 0x14) == 0x14);
    CHECK(b.ask(0xAB) == 0x00);
    CHECK(b.ask(0xA9) == 0x00);
    CHECK(b.ask(0xA4) == 0xF1);
}

TEST_CASE("8042: RAM is read by 20h-3Fh and written by 60h-7Fh") {
    Bench b;
    b.kbc.write8(4, 0x65);
    CHECK((b.status() & 0x08) == 0x08);
    b.kbc.write8(0, 0x5A);
    CHECK((b.status() & 0x08) == 0x00);
    CHECK(b.ask(0x25) == 0x5A);
    CHECK(b.ask(0x20) == 0x03);
    b.kbc.write8(4, 0xAD), b.kbc.write8(4, 0xA7);
    CHECK(b.ask(0x20) == 0x33);
    b.kbc.write8(4, 0xAE), b.kbc.write8(4, 0xA8);
    CHECK(b.ask(0x20) == 0x03);
    b.kbc.write8(4, 0xAC);
    CHECK(b.drain().size() == 19);
}

TEST_CASE("8042: A20 gate and reset leave by the output port and the pulse commands") {
    Bench b;
    unsigned resets = 0;
    b.kbc.cpu_reset.connect([&](bool level) { resets += level; });
    CHECK(b.kbc.a20.level());
    CHECK((b.ask(0xD0) & 0x03) == 0x03);
    b.kbc.write8(4, 0xD1);
    b.kbc.write8(0, 0xDD);
    CHECK_FALSE(b.kbc.a20.level());
    b.kbc.write8(4, 0xDF);
    CHECK(b.kbc.a20.level());
    b.kbc.write8(4, 0xDD);
    CHECK_FALSE(b.kbc.a20.level());
    CHECK(resets == 0);
    b.kbc.write8(4, 0xFF); // pulses nothing
    CHECK(resets == 0);
    b.kbc.write8(4, 0xFE);
    CHECK(resets == 1);
    b.kbc.write8(4, 0xD1);
    b.kbc.write8(0, 0x02);
    CHECK(resets == 2);
}

TEST_CASE("8042: input port, whole and polled by halves, and test inputs") {
    Bench b;
    CHECK(b.ask(0xC0) == 0xA0);
    b.kbc.write8(4, 0xC2);
    CHECK((b.status() & 0xF0) == 0xA0);
    b.kbc.write8(4, 0xC1);
    CHECK((b.status() & 0xF0) == 0x00);
    CHECK(b.ask(0xE0) == 0x00);
}

TEST_CASE("8042: D2h and D3h show a byte as from keyboard or mouse, with their interrupts") {
    Bench b;
    b.kbc.write8(4, 0xD2);
    b.kbc.write8(0, 0x11);
    CHECK((b.status() & 0x21) == 0x01);
    CHECK(b.kbc.irq1.level());
    b.kbc.write8(4, 0xD3);
    b.kbc.write8(0, 0x22); // waits behind
    CHECK(b.kbc.read8(0) == 0x11);
    CHECK_FALSE(b.kbc.irq1.level());
    CHECK((b.status() & 0x21) == 0x21);
    CHECK(b.kbc.irq12.level());
    CHECK(b.kbc.read8(0) == 0x22);
    CHECK_FALSE(b.kbc.irq12.level());
    CHECK(b.kbc.read8(0) == 0x22); // the last byte stays readable
}

TEST_CASE("8042: an answer of the controller comes before a waiting scan code") {
    Bench b;
    b.keyboard.key(KeyCode::A, true);
    b.kbc.write8(4, 0x20);
    CHECK(b.kbc.read8(0) == 0x03);
    CHECK(b.drain() == Bytes{0x1C});
}

TEST_CASE("8042: keyboard before mouse, each byte after the time of the cable, a falling line between") {
    Bench b;
    b.to_mouse({0xF4});
    b.mouse.move(1, 0, 0, 0);
    b.keyboard.key(KeyCode::A, true);
    unsigned edges = 0;
    b.kbc.irq1.connect([&](bool level) { edges += level; });
    b.wait(I8042::kByteTimeNs - 1000);
    CHECK((b.status() & 1) == 0);
    b.wait(2000);
    CHECK((b.status() & 0x21) == 0x01);
    CHECK(edges == 1);
    CHECK(b.kbc.read8(0) == 0x1C);
    b.wait(kMs);
    CHECK((b.status() & 0x21) == 0x21);
    CHECK(b.drain() == Bytes{0x08, 0x01, 0x00});
}

TEST_CASE("8042: a disabled interface holds its device, which keeps its bytes") {
    Bench b;
    b.kbc.write8(4, 0xAD);
    b.keyboard.key(KeyCode::B, true);
    CHECK(b.drain().empty());
    b.kbc.write8(4, 0xAE);
    CHECK(b.drain() == Bytes{0x32});
    b.kbc.write8(4, 0xAD);
    b.kbc.write8(0, 0xEE); // sending to the keyboard enables it
    CHECK(b.drain() == Bytes{0xEE});
    CHECK((b.ask(0x20) & 0x10) == 0);
}

TEST_CASE("8042: translation of set 2 to set 1, prefixes and identification included") {
    Bench b(0x43);
    CHECK(b.tap(KeyCode::A) == Bytes{0x1E, 0x9E});
    CHECK(b.tap(KeyCode::Up) == Bytes{0xE0, 0x48, 0xE0, 0xC8});
    CHECK(b.tap(KeyCode::F7) == Bytes{0x41, 0xC1});
    CHECK(b.tap(KeyCode::Pause) == Bytes{0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5});
    CHECK(b.to_keyboard({0xF2}) == Bytes{0xFA, 0xAB, 0x41});
    CHECK(b.to_keyboard({0xF0, 0x00}) == Bytes{0xFA, 0xFA, 0x41});
}

TEST_CASE("8042: wide accesses reach the byte registers, whatever owns the next ports") {
    Bench b;
    Log log;
    IoBus bus(log);
    struct Neighbour : PortHandler {
        unsigned accesses = 0;
        u8 read8(u16) override { return ++accesses, 0x77; }
        void write8(u16, u8) override { ++accesses; }
    } port61;
    bus.map(0x60, 1, b.kbc, "8042 data");
    bus.map(0x64, 1, b.kbc, "8042 command", 4);
    bus.map(0x61, 1, port61, "port 61h");
    b.kbc.write8(4, 0xD2);
    b.kbc.write8(0, 0x99);
    CHECK(bus.read(0x64, 4) == 0x11);
    CHECK(bus.read(0x60, 2) == 0x99);
    bus.write(0x64, 2, 0x12AA);
    CHECK(bus.read(0x60, 4) == 0x55);
    CHECK(port61.accesses == 0);
}

TEST_CASE("8042: a guest that asks without end loses answers and nothing else") {
    Bench b;
    for (unsigned i = 0; i < 1000; ++i) b.kbc.write8(4, static_cast<u8>(i % 3 ? 0xAC : 0x20));
    CHECK(b.drain().size() <= 33);
    CHECK(b.ask(0xA9) == 0x00);
}

TEST_CASE("keyboard: power-on self-test reports AAh once the interface lets it") {
    Bench b;
    b.keyboard.reset(ResetKind::PowerOn);
    b.wait(2 * Ps2Keyboard::kSelfTestNs);
    CHECK(b.drain() == Bytes{0xAA});
}

TEST_CASE("keyboard: reset, echo, identification, resend, invalid commands") {
    Bench b;
    CHECK(b.to_keyboard({0xFF}) == Bytes{0xFA, 0xAA});
    CHECK(b.to_keyboard({0xEE}) == Bytes{0xEE});
    CHECK(b.to_keyboard({0xF2}) == Bytes{0xFA, 0xAB, 0x83});
    CHECK(b.to_keyboard({0xFE}) == Bytes{0x83});
    CHECK(b.to_keyboard({0xEF}) == Bytes{0xFE});
}

TEST_CASE("keyboard: LEDs; a command in the parameter's place is a command") {
    Bench b;
    CHECK(b.to_keyboard({0xED, 0x05}) == Bytes{0xFA, 0xFA});
    CHECK(b.keyboard.leds() == 5);
    CHECK(b.to_keyboard({0xED, 0xEE}) == Bytes{0xFA, 0xEE});
    CHECK(b.keyboard.leds() == 5);
}

TEST_CASE("keyboard: default disable stops scanning, enable resumes it") {
    Bench b;
    CHECK(b.to_keyboard({0xF5}) == Bytes{0xFA});
    CHECK(b.tap(KeyCode::A).empty());
    CHECK(b.to_keyboard({0xF4}) == Bytes{0xFA});
    CHECK(b.tap(KeyCode::A) == Bytes{0x1C, 0xF0, 0x1C});
}

TEST_CASE("keyboard: the three scan code sets") {
    Bench b;
    CHECK(b.to_keyboard({0xF0, 0x00}) == Bytes{0xFA, 0xFA, 0x02});
    CHECK(b.tap(KeyCode::CtrlR) == Bytes{0xE0, 0x14, 0xE0, 0xF0, 0x14});
    CHECK(b.tap(KeyCode::Print) == Bytes{0xE0, 0x12, 0xE0, 0x7C, 0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12});
    CHECK(b.tap(KeyCode::Pause) == Bytes{0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77});
    CHECK(b.to_keyboard({0xF0, 0x01}) == Bytes{0xFA, 0xFA});
    CHECK(b.tap(KeyCode::Delete) == Bytes{0xE0, 0x53, 0xE0, 0xD3});
    CHECK(b.tap(KeyCode::Pause) == Bytes{0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5});
    CHECK(b.to_keyboard({0xF0, 0x03}) == Bytes{0xFA, 0xFA});
    CHECK(b.tap(KeyCode::A) == Bytes{0x1C}); // typematic, no break code
    CHECK(b.tap(KeyCode::Shift) == Bytes{0x12, 0xF0, 0x12});
    CHECK(b.tap(KeyCode::F1) == Bytes{0x07});
    CHECK(b.to_keyboard({0xF0, 0x04}) == Bytes{0xFA, 0xFE});
}

TEST_CASE("keyboard: Print Screen and Pause with modifiers") {
    Bench b;
    b.keyboard.key(KeyCode::Alt, true);
    b.drain();
    CHECK(b.tap(KeyCode::Print) == Bytes{0x84, 0xF0, 0x84});
    b.keyboard.key(KeyCode::Alt, false);
    b.keyboard.key(KeyCode::Ctrl, true);
    b.drain();
    CHECK(b.tap(KeyCode::Pause) == Bytes{0xE0, 0x7E, 0xE0, 0xF0, 0x7E});
    CHECK(b.tap(KeyCode::Print) == Bytes{0xE0, 0x7C, 0xE0, 0xF0, 0x7C});
}

TEST_CASE("keyboard: Shift and Num Lock put shift codes around the cursor block and the pad's slash") {
    Bench b;
    b.keyboard.key(KeyCode::Shift, true);
    b.drain();
    CHECK(b.tap(KeyCode::Up) == Bytes{0xE0, 0xF0, 0x12, 0xE0, 0x75, 0xE0, 0xF0, 0x75, 0xE0, 0x12});
    CHECK(b.tap(KeyCode::KpSlash) == Bytes{0xE0, 0xF0, 0x12, 0xE0, 0x4A, 0xE0, 0xF0, 0x4A, 0xE0, 0x12});
    CHECK(b.tap(KeyCode::Kp8) == Bytes{0x75, 0xF0, 0x75});
    CHECK(b.tap(KeyCode::KpEnter) == Bytes{0xE0, 0x5A, 0xE0, 0xF0, 0x5A});
    b.keyboard.key(KeyCode::ShiftR, true);
    b.drain();
    CHECK(b.tap(KeyCode::Insert) == Bytes{0xE0, 0xF0, 0x12, 0xE0, 0xF0, 0x59, 0xE0, 0x70, //
                                          0xE0, 0xF0, 0x70, 0xE0, 0x12, 0xE0, 0x59});
    b.to_keyboard({0xED, 0x02}); // Num Lock and Shift: as neither
    CHECK(b.tap(KeyCode::Up) == Bytes{0xE0, 0x75, 0xE0, 0xF0, 0x75});
    b.keyboard.key(KeyCode::Shift, false);
    b.keyboard.key(KeyCode::ShiftR, false);
    b.drain();
    CHECK(b.tap(KeyCode::Up) == Bytes{0xE0, 0x12, 0xE0, 0x75, 0xE0, 0xF0, 0x75, 0xE0, 0xF0, 0x12});
    CHECK(b.tap(KeyCode::KpSlash) == Bytes{0xE0, 0x4A, 0xE0, 0xF0, 0x4A});
    b.to_keyboard({0xF0, 0x01});
    CHECK(b.tap(KeyCode::Delete) == Bytes{0xE0, 0x2A, 0xE0, 0x53, 0xE0, 0xD3, 0xE0, 0xAA});
    b.to_keyboard({0xED, 0x00});
    b.keyboard.key(KeyCode::ShiftR, true);
    b.drain();
    CHECK(b.tap(KeyCode::Home) == Bytes{0xE0, 0xB6, 0xE0, 0x47, 0xE0, 0xC7, 0xE0, 0x36});
    b.to_keyboard({0xF0, 0x03}); // set 3 has a code for each key and needs none of this
    CHECK(b.tap(KeyCode::Up) == Bytes{0x63});
}

TEST_CASE("keyboard: a repetition is the make code alone") {
    Bench b;
    b.to_keyboard({0xED, 0x02, 0xF3, 0x00});
    b.keyboard.key(KeyCode::Left, true);
    CHECK(b.drain(10 * kMs) == Bytes{0xE0, 0x12, 0xE0, 0x6B});
    b.wait(250 * kMs);
    CHECK(b.drain(10 * kMs) == Bytes{0xE0, 0x6B});
    b.keyboard.key(KeyCode::Left, false);
    CHECK(b.drain(10 * kMs) == Bytes{0xE0, 0xF0, 0x6B, 0xE0, 0xF0, 0x12});
    b.keyboard.key(KeyCode::Print, true);
    CHECK(b.drain(10 * kMs) == Bytes{0xE0, 0x12, 0xE0, 0x7C});
    b.wait(250 * kMs);
    CHECK(b.drain(10 * kMs) == Bytes{0xE0, 0x7C});
}

TEST_CASE("keyboard: F5h and F6h select scan code set 2 and the default rate, and leave the indicators") {
    Bench b;
    for (unsigned command : {0xF5u, 0xF6u}) {
        b.to_keyboard({0xF0, 0x03, 0xED, 0x04, 0xF3, 0x00});
        CHECK(b.to_keyboard({command}) == Bytes{0xFA});
        CHECK(b.to_keyboard({0xF0, 0x00}) == Bytes{0xFA, 0xFA, 0x02});
        CHECK(b.keyboard.leds() == 4);
    }
}

TEST_CASE("keyboard: key types of set 3, all keys and single ones") {
    Bench b;
    b.to_keyboard({0xF0, 0x03});
    CHECK(b.to_keyboard({0xF8}) == Bytes{0xFA});
    CHECK(b.tap(KeyCode::A) == Bytes{0x1C, 0xF0, 0x1C});
    CHECK(b.to_keyboard({0xFD, 0x1C, 0xF4}) == Bytes{0xFA, 0xFA, 0xFA}); // make only, list ended by a command
    CHECK(b.tap(KeyCode::A) == Bytes{0x1C});
    CHECK(b.tap(KeyCode::B) == Bytes{0x32, 0xF0, 0x32});
    CHECK(b.to_keyboard({0xF6, 0xF0, 0x03}) == Bytes{0xFA, 0xFA, 0xFA});
    CHECK(b.tap(KeyCode::B) == Bytes{0x32});
}

TEST_CASE("keyboard: typematic by time, rate and delay as set, the last key repeats until it is released") {
    Bench b;
    CHECK(b.to_keyboard({0xF3, 0x00}) == Bytes{0xFA, 0xFA}); // 250 ms, 30 per second
    b.keyboard.key(KeyCode::A, true);
    b.wait(kMs);
    CHECK(b.drain(2 * kMs) == Bytes{0x1C});
    b.wait(235 * kMs);
    CHECK((b.status() & 1) == 0);
    Bytes repeated;
    for (unsigned ms = 0; ms < 1000; ++ms) {
        b.wait(kMs);
        if (b.status() & 1) repeated.push_back(b.kbc.read8(0));
    }
    CHECK(repeated.size() >= 28);
    CHECK(repeated.size() <= 31);
    b.keyboard.key(KeyCode::B, true);
    b.keyboard.key(KeyCode::A, false);
    b.wait(kMs);
    b.drain(5 * kMs);
    b.wait(300 * kMs);
    CHECK(b.kbc.read8(0) == 0x32);
    b.keyboard.key(KeyCode::B, false);
    b.drain();
    b.wait(1000 * kMs);
    CHECK((b.status() & 1) == 0);
}

TEST_CASE("keyboard: 16 bytes of buffer, then one overrun code") {
    Bench b;
    for (KeyCode code : {KeyCode::A, KeyCode::B, KeyCode::C, KeyCode::D, KeyCode::E, KeyCode::F, KeyCode::G}) {
        b.keyboard.key(code, true);
        b.keyboard.key(code, false);
    }
    Bytes expected;
    for (unsigned code : {0x1Cu, 0x32u, 0x21u, 0x23u, 0x24u}) expected = joined(expected, {code, 0xF0, code});
    CHECK(b.drain() == joined(expected, {0x2B, 0x00}));
    CHECK(b.kbc.keyboard_idle());
}

TEST_CASE("keyboard: idle means that the guest has read everything") {
    Bench b;
    CHECK(b.kbc.keyboard_idle());
    b.keyboard.key(KeyCode::A, true);
    CHECK_FALSE(b.kbc.keyboard_idle());
    b.wait(kMs);
    CHECK_FALSE(b.kbc.keyboard_idle());
    b.kbc.read8(0);
    CHECK(b.kbc.keyboard_idle());
}

TEST_CASE("keys: every name finds its key, every printable character can be typed") {
    for (std::string_view name : key_names()) CHECK(key_name(find_key(name)) == name);
    CHECK(find_key("nonsense") == KeyCode::None);
    CHECK(find_key("") == KeyCode::None);
    CHECK(find_key("return") == KeyCode::Enter);
    CHECK(find_chord("ctrl-alt-delete") == std::vector{KeyCode::Ctrl, KeyCode::Alt, KeyCode::Delete});
    CHECK(find_chord("ctrl-r-f1") == std::vector{KeyCode::CtrlR, KeyCode::F1});
    CHECK(find_chord("ctrl--") == std::vector{KeyCode::Ctrl, KeyCode::Minus});
    CHECK(find_chord("ctrl-nothing").empty());
    CHECK(find_chord("-a").empty());
    for (int c = ' '; c < 0x7F; ++c) CHECK(us_key(static_cast<char>(c)).has_value());
    CHECK(us_key('A')->shift);
    CHECK(us_key('?')->key == KeyCode::Slash);
    CHECK_FALSE(us_key('\0').has_value());
    CHECK_FALSE(us_key(static_cast<char>(0xE4)).has_value());
    // Known set 1 codes, as a check of the table from its other end.
    CHECK(set1_of(key_info(KeyCode::Esc).set2) == 0x01);
    CHECK(set1_of(key_info(KeyCode::Space).set2) == 0x39);
    CHECK(set1_of(key_info(KeyCode::F12).set2) == 0x58);
    CHECK(set1_of(key_info(KeyCode::Key102).set2) == 0x56);
    CHECK(set1_of(key_info(KeyCode::Win).set2) == 0x5B);
    CHECK(set1_of(key_info(KeyCode::KpEnter).set2) == 0x1C);
}

TEST_CASE("mouse: reset, identification and defaults") {
    Bench b;
    CHECK(b.to_mouse({0xFF}) == Bytes{0xFA, 0xAA, 0x00});
    CHECK(b.to_mouse({0xF2}) == Bytes{0xFA, 0x00});
    CHECK(b.to_mouse({0xE9}) == Bytes{0xFA, 0x00, 0x02, 0x64});
    CHECK(b.to_mouse({0xE1}) == Bytes{0xFA, 0x00, 0x00});
}

TEST_CASE("mouse: stream mode reports motion and buttons only when enabled") {
    Bench b;
    b.mouse.move(5, 5, 0, 1);
    CHECK(b.drain().empty());
    CHECK(b.to_mouse({0xF4}) == Bytes{0xFA});
    CHECK(b.drain().empty()); // what happened before is forgotten
    b.mouse.move(3, -4, 0, 3);
    CHECK(b.drain() == Bytes{0x08 | 0x20 | 3, 3, 0xFC});
    b.mouse.move(0, 0, 0, 0);
    CHECK(b.drain() == Bytes{0x08, 0, 0});
    CHECK(b.to_mouse({0xF5}) == Bytes{0xFA});
    b.mouse.move(1, 1, 0, 0);
    CHECK(b.drain().empty());
}

TEST_CASE("mouse: motion beyond nine bits is spread over packets, at the sample rate") {
    Bench b;
    b.to_mouse({0xF3, 10, 0xF4});
    b.mouse.move(-600, 0, 0, 0);
    CHECK(b.drain(20 * kMs) == Bytes{0x18, 0x01, 0x00}); // -255
    CHECK(b.drain(70 * kMs).empty());
    CHECK(b.drain(40 * kMs) == Bytes{0x18, 0x01, 0x00});
    CHECK(b.drain(120 * kMs) == Bytes{0x18, 0xA6, 0x00}); // -90
}

TEST_CASE("mouse: the wheel's knock 200, 100, 80 gives ID 3 and four-byte packets") {
    Bench b;
    b.to_mouse({0xF3, 200, 0xF3, 100, 0xF3, 80});
    CHECK(b.to_mouse({0xF2}) == Bytes{0xFA, 0x03});
    b.to_mouse({0xF4});
    b.mouse.move(0, 0, -1, 4);
    CHECK(b.drain() == Bytes{0x0C, 0, 0, 0xFF});
    CHECK(b.to_mouse({0xFF}) == Bytes{0xFA, 0xAA, 0x00}); // reset forgets it
    CHECK(b.to_mouse({0xF2}) == Bytes{0xFA, 0x00});
}

TEST_CASE("mouse: the five-button knock 200, 200, 80 gives ID 4") {
    Bench b;
    b.to_mouse({0xF3, 200, 0xF3, 200, 0xF3, 80});
    CHECK(b.to_mouse({0xF2}) == Bytes{0xFA, 0x04});
    b.to_mouse({0xF4});
    b.mouse.move(0, 0, 1, 0x18);
    CHECK(b.drain() == Bytes{0x08, 0, 0, 0x31});
}

TEST_CASE("mouse: remote mode gives a packet on request, without scaling") {
    Bench b;
    b.to_mouse({0xE7, 0xF0});
    b.mouse.move(5, 0, 0, 0);
    CHECK(b.drain().empty());
    CHECK(b.to_mouse({0xEB}) == Bytes{0xFA, 0x08, 5, 0});
    CHECK(b.to_mouse({0xEB}) == Bytes{0xFA, 0x08, 0, 0});
    CHECK(b.to_mouse({0xE9}) == Bytes{0xFA, 0x50, 0x02, 0x64});
    CHECK(b.to_mouse({0xEA}) == Bytes{0xFA});
}

TEST_CASE("mouse: 2:1 scaling of stream reports") {
    Bench b;
    b.to_mouse({0xE7, 0xF4});
    const int in[] = {1, 2, 3, 4, 5, 6, 50}, out[] = {1, 1, 3, 6, 9, 12, 100};
    for (unsigned i = 0; i < 7; ++i) {
        b.mouse.move(in[i], 0, 0, 0);
        CHECK(b.drain() == Bytes{0x08, static_cast<unsigned>(out[i]), 0});
    }
    b.to_mouse({0xE6});
    b.mouse.move(5, 0, 0, 0);
    CHECK(b.drain() == Bytes{0x08, 5, 0});
}

TEST_CASE("mouse: wrap mode echoes everything but reset and reset wrap") {
    Bench b;
    CHECK(b.to_mouse({0xEE, 0x12, 0xF4, 0xE9}) == Bytes{0xFA, 0x12, 0xF4, 0xE9});
    CHECK(b.to_mouse({0xEC}) == Bytes{0xFA});
    CHECK(b.to_mouse({0xF2}) == Bytes{0xFA, 0x00});
}

TEST_CASE("mouse: resolution, resend, and two invalid bytes in a row") {
    Bench b;
    CHECK(b.to_mouse({0xE8, 0x03}) == Bytes{0xFA, 0xFA});
    CHECK(b.to_mouse({0xE9}) == Bytes{0xFA, 0x00, 0x03, 0x64});
    CHECK(b.to_mouse({0xFE}) == Bytes{0xFA, 0x00, 0x03, 0x64});
    CHECK(b.to_mouse({0xBB}) == Bytes{0xFE});
    CHECK(b.to_mouse({0xBB}) == Bytes{0xFC});
    CHECK(b.to_mouse({0xF3, 0x05, 0x05}) == Bytes{0xFA, 0xFE, 0xFC});
}

TEST_CASE("8042, keyboard and mouse: state restores in the middle of a break code and of a packet") {
    Bench b(0x43);
    b.to_mouse({0xF4});
    b.keyboard.key(KeyCode::Up, true);
    b.keyboard.key(KeyCode::Up, false);
    b.mouse.move(9, 9, 0, 1);
    b.wait(kMs);
    b.kbc.read8(0);
    b.wait(kMs / 2);
    Bench other(0x00);
    other.clock.set_now(b.clock.now());
    test::load(other.kbc, test::save(b.kbc));
    test::load(other.keyboard, test::save(b.keyboard));
    test::load(other.mouse, test::save(b.mouse));
    test::load(other.queue, test::save(b.queue));
    const Bytes rest = b.drain();
    CHECK(rest == Bytes{0x48, 0xE0, 0xC8, 0x09, 9, 9});
    CHECK(other.drain() == rest);
    CHECK(test::save(other.keyboard) == test::save(b.keyboard));
    CHECK(test::save(other.mouse) == test::save(b.mouse));
}

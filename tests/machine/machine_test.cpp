#include "core/error.h"
#include "machine/machine.h"
#include "tests/catch.h"
#include <cstring>

using namespace r86;

namespace {

struct Text : ByteSink {
    std::string text;
    void put(u8 byte) override { text += static_cast<char>(byte); }
};

/// A BIOS of 64 KiB whose reset vector jumps to `code` at F000:0000.
std::vector<u8> bios(std::initializer_list<int> code) {
    std::vector<u8> image(0x10000, 0xF4);
    usize at = 0;
    for (const int byte : code) image[at++] = static_cast<u8>(byte);
    const u8 jump[] = {0xEA, 0x00, 0x00, 0x00, 0xF0};
    std::memcpy(&image[0xFFF0], jump, sizeof jump);
    return image;
}

MachineConfig config(std::vector<u8> image) {
    MachineConfig c;
    c.memory_bytes = u64{4} << 20;
    c.bios = std::move(image);
    c.no_vgabios = true;
    return c;
}

/// Counts in memory for ever: INC word [1000h]; JMP.
std::vector<u8> counter() { return bios({0xFF, 0x06, 0x00, 0x10, 0xEB, 0xFA}); }

} // namespace

TEST_CASE("a program in the BIOS runs from the reset vector, and a halt that nothing ends stops the run") {
    Text console;
    auto c = config(bios({0xBA, 0x02, 0x04, 0xB0, 'O', 0xEE, 0xB0, 'K', 0xEE, 0xFA, 0xF4}));
    c.debug_console = &console;
    Machine machine(std::move(c));
    CHECK(machine.run_until(100000).reason == StopReason::DeadHalt);
    CHECK(console.text == "OK");
    CHECK(machine.now() < 20);
    machine.stop_on_dead_halt(false);
    CHECK(machine.run_until(100000).reason == StopReason::Reached);
    CHECK(machine.now() == 100000);
}

TEST_CASE("a run stops exactly at its target, and cutting it into pieces changes nothing") {
    Machine whole(config(counter())), pieces(config(counter()));
    CHECK(whole.run_until(50000).reason == StopReason::Reached);
    CHECK(whole.now() == 50000);
    for (Tick t = 1; t <= 50000; t += 1 + t % 977) {
        CHECK(pieces.run_until(t).reason == StopReason::Reached);
        CHECK(pieces.now() == t);
    }
    pieces.run_until(50000);
    CHECK(whole.digest() == pieces.digest());
    pieces.run_until(50001);
    CHECK(whole.digest() != pieces.digest());
}

TEST_CASE("a machine that was saved and loaded goes on as the other one does") {
    Machine a(config(counter())), b(config(counter()));
    a.run_until(1234);
    const auto saved = a.save();
    b.run_until(999);
    b.load(saved);
    CHECK(b.now() == 1234);
    CHECK(a.digest() == b.digest());
    CHECK(b.save() == saved);
    a.run_until(40000);
    b.run_until(40000);
    CHECK(a.digest() == b.digest());
    CHECK(a.read_physical(0x1000, 2) == b.read_physical(0x1000, 2));
    auto damaged = saved;
    damaged.resize(saved.size() / 2);
    CHECK_THROWS_AS(b.load(damaged), UserError);
}

TEST_CASE("isa-debug-exit ends the run with its code") {
    auto c = config(bios({0xB0, 0x10, 0xE6, 0xF4, 0xEB, 0xFE}));
    c.isa_debug_exit = true;
    Machine machine(std::move(c));
    CHECK(machine.run_until(1000) == Stop{StopReason::GuestExit, 0x21});
    const Tick end = machine.now();
    CHECK(machine.run_until(2000) == Stop{StopReason::GuestExit, 0x21}); // it stands
    CHECK(machine.now() == end);
    machine.apply(input::Reset{});
    CHECK(machine.run_until(end + 1000) == Stop{StopReason::GuestExit, 0x21});
    CHECK(machine.now() > end);
}

TEST_CASE("with isa-debug-exit ports 2000h-2017h raise the interrupt lines") {
    auto c = config(bios({0xEB, 0xFE}));
    c.isa_debug_exit = true;
    Machine machine(std::move(c));
    Pc& pc = machine.pc();
    const auto request = [&] { // IRR of the second 8259A
        pc.io.write(0xA0, 1, 0x0A);
        return pc.io.read(0xA0, 1);
    };
    pc.io.write(0xA0, 1, 0x11); // ICW1 forgets edges of the time before
    for (const u32 icw : {0x70u, 0x02u, 0x01u}) pc.io.write(0xA1, 1, icw);
    CHECK((request() & 0x40) == 0);
    pc.io.write(0x200E, 1, 1);
    CHECK((request() & 0x40) == 0x40);
    pc.io.write(0x200E, 1, 0);
    CHECK((request() & 0x40) == 0);
    // Lines from 16 on are the I/O APIC's alone: a level waits there, or a local APIC has taken it (Remote IRR).
    constexpr u32 kRequested = 0x5000;
    const auto entry = [&](unsigned pin) {
        pc.memory.write(PhysAddr{0xFEC00000}, 4, 0x10 + 2 * pin);
        return pc.memory.read(PhysAddr{0xFEC00010}, 4);
    };
    CHECK((entry(20) & kRequested) == 0);
    pc.memory.write(PhysAddr{0xFEC00010}, 4, 0x8040); // level, active high, vector 40h
    CHECK((entry(20) & kRequested) == 0);
    pc.io.write(0x2014, 1, 1);
    CHECK((entry(20) & kRequested) != 0);
    Machine without(config(bios({0xEB, 0xFE})));
    CHECK(without.pc().io.read(0x2014, 1) == 0xFF);
}

TEST_CASE("resets: with no_reboot the run ends, without it the machine starts again") {
    // INC byte [500h]; MOV DX,0CF9h; MOV AL,6; OUT DX,AL
    const auto program = bios({0xFE, 0x06, 0x00, 0x05, 0xBA, 0xF9, 0x0C, 0xB0, 0x06, 0xEE, 0xEB, 0xFE});
    auto c = config(program);
    c.no_reboot = true;
    Machine ends(std::move(c));
    CHECK(ends.run_until(1000).reason == StopReason::ResetEnded);
    Machine loops(config(program));
    CHECK(loops.run_until(1000).reason == StopReason::Reached);
    CHECK(loops.read_physical(0x500, 1)[0] > 10);
}

TEST_CASE("a triple fault restarts the processor, or ends the run with no_reboot") {
    // INC byte [500h]; LIDT CS:[100h] (limit 0); INT3
    auto image = bios({0xFE, 0x06, 0x00, 0x05, 0x2E, 0x0F, 0x01, 0x1E, 0x00, 0x01, 0xCC});
    std::memset(&image[0x100], 0, 6);
    auto c = config(image);
    c.no_reboot = true;
    Machine ends(std::move(c));
    CHECK(ends.run_until(1000).reason == StopReason::TripleFault);
    Machine loops(config(image));
    CHECK(loops.run_until(1000).reason == StopReason::Reached);
    CHECK(loops.read_physical(0x500, 1)[0] > 10);
}

TEST_CASE("A20: port 92h and the keyboard controller both switch it, and the last write counts") {
    MachineConfig config;
    config.memory_bytes = u64{4} << 20;
    config.no_vgabios = true;
    config.bios.assign(0x10000, 0xF4); // HLT
    Machine machine(std::move(config));
    Pc& pc = machine.pc();
    const auto by_controller = [&](bool on) {
        pc.io.write(0x64, 1, 0xD1);
        pc.io.write(0x60, 1, on ? 0xDF : 0xDD);
    };
    CHECK(pc.cpu.s.a20);
    CHECK((pc.io.read(0x92, 1) & 3) == 0);
    pc.io.write(0x92, 1, 0x02); // as firmware leaves it
    CHECK(pc.io.read(0x92, 1) == 0x02);
    by_controller(false);
    CHECK_FALSE(pc.cpu.s.a20);
    by_controller(true);
    CHECK(pc.cpu.s.a20);
    pc.io.write(0x92, 1, 0x00);
    CHECK_FALSE(pc.cpu.s.a20);
    by_controller(true); // its own pin was high all the time
    CHECK(pc.cpu.s.a20);
    pc.io.write(0x92, 1, 0x00);
    pc.io.write(0x64, 1, 0xDF);
    CHECK(pc.cpu.s.a20);
    pc.reset(ResetKind::Hard);
    CHECK(pc.cpu.s.a20);
}

TEST_CASE("serial ports show clear to send, data set ready and carrier, whether the host listens or not") {
    struct Sink : ByteSink {
        void put(u8) override {}
    } sink;
    MachineConfig config;
    config.memory_bytes = u64{4} << 20;
    config.no_vgabios = true;
    config.bios.assign(0x10000, 0xF4);
    config.serial[0] = &sink;
    Machine machine(std::move(config));
    CHECK(machine.pc().io.read(0x3FE, 1) == 0xB0);
    CHECK(machine.pc().io.read(0x2FE, 1) == 0xB0); // a replay, too, has nobody who listens
}

TEST_CASE("soft off through the PIIX4 ends the run") {
    Machine machine(config(bios({
        0x66, 0xB8, 0x40, 0x0B, 0x00, 0x80, 0xBA, 0xF8, 0x0C, 0x66, 0xEF, // CF8h: function 1.3, PMBASE
        0xBA, 0xFC, 0x0C, 0x66, 0xB8, 0x01, 0x06, 0x00, 0x00, 0x66, 0xEF, // 601h
        0x66, 0xB8, 0x80, 0x0B, 0x00, 0x80, 0xBA, 0xF8, 0x0C, 0x66, 0xEF, // PMREGMISC
        0xBA, 0xFC, 0x0C, 0xB0, 0x01, 0xEE,                               // enable
        0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF, 0xEB, 0xFE,             // PMCNTRL: SUS_EN
    })));
    CHECK(machine.run_until(1000).reason == StopReason::PoweredOff);
}

TEST_CASE("a ratio change keeps time running without a jump") {
    Machine machine(config(counter()));
    machine.run_until(100000);
    const u64 before = machine.now_ns();
    CHECK(before == 1'000'000); // 100 ticks for each microsecond
    machine.apply(input::Ratio{10});
    CHECK(machine.now_ns() == before);
    machine.run_until(200000);
    CHECK(machine.now_ns() == before + 10'000'000);
}

TEST_CASE("configurations that cannot work are refused with a sentence") {
    const auto refused = [](auto&& change) {
        auto c = config(counter());
        change(c);
        CHECK_THROWS_AS(Machine(std::move(c)), UserError);
    };
    refused([](MachineConfig& c) { c.memory_bytes = 0; });
    refused([](MachineConfig& c) { c.memory_bytes = 1; });
    refused([](MachineConfig& c) { c.memory_bytes = u64{1} << 40; });
    refused([](MachineConfig& c) { c.cpu = "abacus"; });
    refused([](MachineConfig& c) { c.bios.resize(0x10001); });
    refused([](MachineConfig& c) { c.boot_order = "x"; });
    refused([](MachineConfig& c) { c.vgabios = std::vector<u8>(512); });
    refused([](MachineConfig& c) { c.post_port = 0x64; });
    refused([](MachineConfig& c) { c.kernel = KernelFiles{{1, 2, 3}, {}, {}, {}}; });
}

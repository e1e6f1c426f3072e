// SeaBIOS on the whole board: what it finds, and where it ends without anything to boot from.
#include "machine/machine.h"
#include "tests/catch.h"
#include <cstring>

using namespace r86;

namespace {

struct Text : ByteSink {
    std::string text;
    void put(u8 byte) override { text += static_cast<char>(byte); }
};

std::string screen(const Machine& machine) {
    std::string text;
    for (const std::string& line : machine.text_screen().lines()) text += line + "\n";
    return text;
}

/// Runs until the screen shows `wanted`; virtual seconds.
bool run_until_screen(Machine& machine, const std::string& wanted, unsigned seconds) {
    const u64 end = machine.now_ns() + u64{seconds} * 1'000'000'000;
    while (machine.now_ns() < end) {
        if (machine.run_until(machine.tick_after(50'000'000)).reason != StopReason::Reached) return false;
        if (screen(machine).find(wanted) != std::string::npos) return true;
    }
    return false;
}

} // namespace

TEST_CASE("SeaBIOS finds the board and ends with 'No bootable device'") {
    Text console;
    MachineConfig config;
    config.mips = 20;
    config.debug_console = &console;
    Machine machine(std::move(config));
    const bool found = run_until_screen(machine, "No bootable device", 30);
    INFO(console.text);
    INFO(screen(machine));
    REQUIRE(found);
    CHECK(screen(machine).find("SeaBIOS") != std::string::npos);
    CHECK(console.text.find("Running on QEMU (i440fx)") != std::string::npos);
    CHECK(console.text.find("Found QEMU fw_cfg") != std::string::npos);
    CHECK(console.text.find("PS2 keyboard initialized") != std::string::npos);
    CHECK(machine.pc().pm.config_read(0x40, 4) == 0x601);          // where our tables say that it is
    CHECK((machine.pc().pm.config_read(0x58, 4) & 1u << 25) != 0); // SMM set up
    // The tables that the loader script placed.
    const auto low = machine.read_physical(0xE0000, 0x20000);
    const std::string text(low.begin(), low.end());
    CHECK(text.find("RSD PTR ") != std::string::npos);
    CHECK(text.find("_SM_") != std::string::npos);
}

TEST_CASE("two machines that boot SeaBIOS agree, and so does one that was saved on the way") {
    const auto make = [] {
        MachineConfig config;
        config.mips = 20;
        return config;
    };
    Machine a(make()), b(make()), c(make());
    a.run_until(3'000'000);
    b.run_until(1'000'003);
    c.load(b.save());
    b.run_until(3'000'000);
    c.run_until(3'000'000);
    CHECK(a.digest() == b.digest());
    CHECK(a.digest() == c.digest());
}

// SeaBIOS leaves the local APIC with LINT0 as ExtINT and LINT1 as NMI, which nothing on the board drives: a program
// that halts for ever after it was not seen as one.
TEST_CASE("a halt without interrupts is dead after SeaBIOS has set up the local APIC as well") {
    std::vector<u8> floppy(512, 0);
    floppy[0] = 0xFA; // cli; hlt
    floppy[1] = 0xF4;
    floppy[510] = 0x55;
    floppy[511] = 0xAA;
    MachineConfig config;
    config.mips = 20;
    config.boot_menu = false;
    config.floppies[0] = make_memory_image(std::move(floppy), true, "halt");
    Machine machine(std::move(config));
    CHECK(machine.run_until(machine.tick_after(10'000'000'000)).reason == StopReason::DeadHalt);
    CHECK((machine.cpu().s.rip & 0xFFFF) == 0x7C02);
}

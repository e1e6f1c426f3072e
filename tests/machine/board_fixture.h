#pragma once
/// A whole machine whose processor stands in HLT, or runs a few bytes of program, while the test speaks to its ports.
#include "bios/acpi_tables.h"
#include "bios/embedded.h"
#include "machine/machine.h"
#include <algorithm>
#include <string>
#include <utility>

namespace r86 {

struct Board {
    Machine machine;
    Pc& pc = machine.pc();

    static MachineConfig config() {
        MachineConfig c;
        c.memory_bytes = u64{4} << 20;
        c.no_vgabios = true;
        c.bios.assign(0x10000, 0xF4); // HLT
        return c;
    }
    explicit Board(MachineConfig c = config()) : machine(std::move(c)) { machine.stop_on_dead_halt(false); }
    u32 in(u16 port, unsigned size = 1) {
        pc.clock.set_now(machine.now());
        return pc.io.read(port, size);
    }
    void out(u16 port, u32 value, unsigned size = 1) {
        pc.clock.set_now(machine.now());
        pc.io.write(port, size, value);
    }
    void pass(u64 ns) { machine.run_until(machine.tick_after(ns)); }
    u32 pci(u8 device, u8 function, u8 offset) {
        out(0xCF8, 0x80000000u | device << 11 | function << 8 | offset, 4);
        return in(0xCFC, 4);
    }
    void set_pci(u8 device, u8 function, u8 offset, u32 value) {
        out(0xCF8, 0x80000000u | device << 11 | function << 8 | offset, 4);
        out(0xCFC, value, 4);
    }
    void place_pm() {
        set_pci(1, 3, 0x40, 0x601);
        set_pci(1, 3, 0x80, 1);
    }
    u8 cmos(u8 index) {
        out(0x70, index);
        return static_cast<u8>(in(0x71));
    }
    void set_cmos(u8 index, u8 value) {
        out(0x70, index);
        out(0x71, value);
    }
    u8 keyboard_byte() {
        for (int i = 0; i < 2000 && !(in(0x64) & 1); ++i) pass(1'000'000);
        return static_cast<u8>(in(0x60));
    }
    u8 mouse(u8 command) {
        out(0x64, 0xD4);
        out(0x60, command);
        return keyboard_byte();
    }
    bool contains(const std::string& text) const {
        const auto dsdt = compiled_dsdt();
        return std::search(dsdt.begin(), dsdt.end(), text.begin(), text.end()) != dsdt.end();
    }
};

} // namespace r86

#pragma once
/// A processor in 1 MB of RAM whose instructions are carried out one by one through their semantic functions, so that
/// a test sees the Fault itself and that nothing has changed beside it.
#include "cpu/cpu.h"
#include "cpu/decoder/decoder.h"
#include "cpu/decoder/table.h"
#include "tests/catch.h"
#include <initializer_list>
#include <vector>

namespace r86 {

class IntegerFixture {
public:
    /// Flat 32-bit segments at CPL 0, or real mode.
    explicit IntegerFixture(bool flat = true)
        : memory(u64{1} << 20, log), io(log), model(find_cpu_model("max")), cpu(model, memory, io, clock, log),
          s(cpu.s), decoder(model) {
        memory.map_default({0}, u64{1} << 20);
        if (flat) {
            s.cr0 |= kCR0_PE;
            for (Segment& seg : s.seg) seg = {0x10, 0xC93, 0xFFFFFFFF, 0, false};
            s.seg[CS] = {0x08, 0xC9B, 0xFFFFFFFF, 0, false};
        } else {
            for (Segment& seg : s.seg) seg = {0, 0x93, 0xFFFF, 0, false};
        }
        s.gpr[RSP] = 0x8000;
        s.rip = 0x1000;
        cpu.state_changed();
    }

    Fault execute(std::initializer_list<u8> code) {
        std::vector<u8> bytes(code);
        bytes.resize(16, 0x90);
        REQUIRE(decoder.decode(bytes, cpu.code32() ? CodeSize::Bits32 : CodeSize::Bits16, insn) == DecodeResult::Ok);
        s.next_rip = s.rip + insn.length;
        return row(insn.row).semantic(cpu, insn);
    }
    /// The same, which must not fault, and goes on behind it.
    void run(std::initializer_list<u8> code) {
        REQUIRE_FALSE(execute(code));
        s.rip = s.next_rip;
    }
    u32 dword(u32 address) { return static_cast<u32>(memory.read(PhysAddr{address}, 4)); }
    u16 word(u32 address) { return static_cast<u16>(memory.read(PhysAddr{address}, 2)); }
    void set_dword(u32 address, u32 value) { memory.write(PhysAddr{address}, 4, value); }

    Log log;
    PhysicalMemory memory;
    IoBus io;
    VirtualClock clock;
    CpuModel model;
    Cpu cpu;
    CpuState& s;
    Decoder decoder;
    Insn insn;
};

} // namespace r86

#pragma once
/// A processor that runs a short program from a given state until it halts: two of them, one with blocks and one
/// without, compare hot handlers with semantic functions.
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <string>
#include <vector>

namespace r86::test {

struct HotMachine : CpuFixture {
    static constexpr u32 kData = 0x300000;

    /// With `max_block` 0 every instruction goes through its semantic function.
    explicit HotMachine(unsigned max_block) {
        protected_mode(0);
        InterpreterSettings settings = cpu.interpreter().settings();
        settings.max_block = max_block;
        cpu.interpreter().set_settings(settings);
        for (unsigned v = 0; v < 32; ++v) poke8(handler(v), 0xF4); // HLT
    }
    /// From `state` until HLT, a fault's handler included; `data` stands at kData.
    void run(const CpuState& state, const std::vector<u8>& code, const std::vector<u64>& data) {
        s = state;
        for (unsigned i = 0; i < code.size(); ++i) poke8(kCodeBase + i, code[i]);
        for (unsigned i = 0; i < data.size(); ++i) memory.write(PhysAddr{kData + 8 * i}, 8, data[i]);
        cpu.state_changed();
        const Tick end = s.tick + 1000;
        while (s.tick < end && cpu.run(end) == RunStop::Request) {
        }
    }
};

/// Empty, or what differs of the state that every program has.
inline std::string compare_integer_state(HotMachine& a, HotMachine& b) {
    if (a.s.tick != b.s.tick) return "tick";
    if (a.s.rip != b.s.rip) return "EIP";
    if (a.s.gpr != b.s.gpr) return "general registers";
    if (a.cpu.eflags() != b.cpu.eflags()) return "EFLAGS";
    return {};
}

} // namespace r86::test

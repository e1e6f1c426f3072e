// PAUSE waits (SDM Vol. 2, PAUSE: a delay whose length is the implementation's): what a spin-wait loop costs.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

const Tick kPauseTicks = find_cpu_model("max").pause_ticks;
constexpr u8 kIncEax = 0x40, kIncEcx = 0x41;

/// PAUSE, INC EAX, INC ECX, HLT.
void prepare(CpuFixture& f) {
    f.protected_mode();
    f.poke_code(kCodeBase, {0xF3, 0x90, kIncEax, kIncEcx, 0xF4});
    f.s.gpr[RAX] = f.s.gpr[RCX] = 0;
}

} // namespace

TEST_CASE("PAUSE: its own tick and those that it waits, of which none is an instruction") {
    CpuFixture f;
    prepare(f);
    const Tick before = f.s.tick;
    const u64 retired = f.s.retired();
    f.step(1 + kPauseTicks + 1);
    CHECK(f.s.tick == before + kPauseTicks + 2);
    CHECK(f.s.retired() == retired + 2);
    CHECK(f.s.gpr[RAX] == 1);
    CHECK(f.s.gpr[RCX] == 0);
    CHECK(f.s.pause_end == 0);
}

TEST_CASE("PAUSE: any tick of the wait is a place to stop at") {
    for (const Tick stop : {Tick{1}, Tick{2}, kPauseTicks / 2, kPauseTicks, kPauseTicks + 1}) {
        CpuFixture f;
        prepare(f);
        const Tick before = f.s.tick;
        f.step(stop);
        CHECK(f.s.tick == before + stop);
        CHECK(f.eip() == kCodeBase + 2);
        CHECK(f.s.gpr[RAX] == 0);
        CHECK(f.s.waiting() == (stop <= kPauseTicks));
        CHECK(f.s.pause_end == (stop <= kPauseTicks ? before + 1 + kPauseTicks : 0));
        f.step(kPauseTicks + 2 - stop);
        CHECK(f.s.gpr[RAX] == 1);
        CHECK(f.s.gpr[RCX] == 0);
    }
}

TEST_CASE("PAUSE: an interrupt ends the wait at its tick") {
    CpuFixture f;
    prepare(f);
    f.s.eflags |= kIF;
    f.idt_gate(0x20, kInterruptGate32, 0, CpuFixture::code(0), kCodeBase + 0x100);
    f.step(10);
    f.cpu.set_intr(true);
    f.step(1);
    CHECK(f.eip() == kCodeBase + 0x100);
    CHECK_FALSE(f.s.waiting());
    CHECK(f.peek32(static_cast<u32>(f.s.gpr[RSP])) == kCodeBase + 2);
}

TEST_CASE("PAUSE: an interrupt that is masked does not, an NMI does") {
    CpuFixture f;
    prepare(f);
    f.step(10);
    f.cpu.set_intr(true);
    f.step(10);
    CHECK(f.eip() == kCodeBase + 2);
    CHECK(f.s.waiting());
    f.cpu.set_nmi(true);
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(2));
    CHECK_FALSE(f.s.waiting());
}

TEST_CASE("PAUSE: a single step traps behind the instruction and not behind the wait") {
    CpuFixture f;
    prepare(f);
    f.s.eflags |= kTF;
    f.step(2);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK_FALSE(f.s.waiting());
    CHECK(f.peek32(static_cast<u32>(f.s.gpr[RSP])) == kCodeBase + 2);
}

TEST_CASE("PAUSE: processors before the Pentium 4 take it for NOP") {
    CpuFixture f("pentium3");
    prepare(f);
    f.step(2);
    CHECK(f.s.gpr[RAX] == 1);
}

/// Events between the iterations of a repeated string instruction: SDM Vol. 2, REP; SDM Vol. 3, 17.3.1.1 "Instruction-
/// Breakpoint Exception Condition" (when RF is set in the image that a handler finds). Every case runs with decoded
/// blocks, which take many iterations at once, and one instruction at a time.
#include "cpu/interpreter/interpreter.h"
#include "cpu/interrupts/debug.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

constexpr u32 kAbsent = 0x62000; // the page behind the strings
constexpr u32 kFlags = kCF | kPF | kOF;

/// Ring 0 with paging; EDI five bytes below a page that is not there.
void prepare(CpuFixture& f, unsigned max_block, std::initializer_list<u8> code) {
    f.cpu.interpreter().set_settings({max_block, true});
    f.protected_mode(0);
    f.enable_paging();
    f.page(kAbsent, 0);
    f.cpu.state_changed();
    f.poke_code(kCodeBase, code);
    f.s.gpr[RDI] = kAbsent - 5;
    f.s.gpr[RSI] = 0x60000;
    f.s.gpr[RCX] = 100;
    f.s.flags.set(kFlags);
}

constexpr unsigned kSettings[] = {32, 1, 0};

} // namespace

TEST_CASE("a page fault in REPNE CMPS or SCAS restores the status flags from before the first iteration") {
    for (unsigned max_block : kSettings) {
        for (const unsigned choice : {0u, 1u, 2u, 3u}) {
            const u8 opcode = choice & 1 ? 0xA6 : 0xAE;
            const bool in_slices = choice & 2;
            CAPTURE(max_block, unsigned{opcode}, in_slices);
            CpuFixture f;
            prepare(f, max_block, {0xF2, opcode});
            for (u32 i = 0; i < 100; ++i) f.poke8(0x60000 + i, 0x55); // never equal
            f.s.gpr[RAX] = 0x55;
            for (unsigned i = 0; i < (in_slices ? 6u : 1u); ++i) f.step(in_slices ? 1 : 6);
            CHECK(f.eip() == CpuFixture::handler(14));
            CHECK(f.s.cr2 == kAbsent);
            CHECK(f.s.gpr[RCX] == 95); // what is done is done
            CHECK(f.s.gpr[RDI] == kAbsent);
            CHECK(f.stack32(1) == kCodeBase);
            CHECK((f.stack32(3) & kStatusFlags) == kFlags);
            CHECK((f.stack32(3) & kRF));
        }
    }
}

TEST_CASE("an interrupt between two iterations sees the flags from before the first, and RF") {
    for (unsigned max_block : kSettings) {
        CAPTURE(max_block);
        CpuFixture f;
        prepare(f, max_block, {0xF2, 0xAE, 0x90});
        f.idt_gate(0x20, kInterruptGate32, 0, CpuFixture::code(0), 0x48000);
        f.s.gpr[RAX] = 0x55;
        f.s.eflags |= kIF;
        f.step(2); // two iterations: 55h - 00h would be PF alone
        f.cpu.set_intr(true);
        f.step(1);
        CHECK(f.eip() == 0x48000);
        CHECK(f.stack32(0) == kCodeBase);
        CHECK(f.stack32(2) == (2 | kIF | kRF | kFlags));
        f.cpu.set_intr(false);
        f.poke_code(0x48000, {0xCF});
        f.step(5); // IRET, three iterations, the fault
        CHECK(f.eip() == CpuFixture::handler(14));
        CHECK((f.stack32(3) & kStatusFlags) == kFlags);
    }
}

TEST_CASE("an interrupt after the last iteration leaves RF alone") {
    CpuFixture f;
    prepare(f, 32, {0xF3, 0xAA, 0x90});
    f.idt_gate(0x20, kInterruptGate32, 0, CpuFixture::code(0), 0x48000);
    f.s.gpr[RCX] = 2;
    f.s.eflags |= kIF;
    f.step(2);
    f.cpu.set_intr(true);
    f.step(1);
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK(!(f.stack32(2) & kRF));
}

TEST_CASE("single-step traps after each iteration, with RF but after the last one") {
    CpuFixture f;
    prepare(f, 32, {0xF3, 0xAA, 0x90});
    f.poke_code(CpuFixture::handler(1), {0xCF});
    f.s.gpr[RCX] = 2;
    f.s.eflags |= kTF;
    f.step(2);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(f.stack32(0) == kCodeBase);
    CHECK((f.stack32(2) & (kTF | kRF)) == (kTF | kRF));
    f.step(3);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK((f.stack32(2) & (kTF | kRF)) == kTF);
}

TEST_CASE("single-step traps of REPNE SCAS see its flags behind the last iteration only") {
    for (unsigned max_block : kSettings) {
        CAPTURE(max_block);
        CpuFixture f; // what an Intel processor shows
        prepare(f, max_block, {0xF2, 0xAE, 0x90});
        f.poke_code(CpuFixture::handler(1), {0xCF});
        f.poke8(kAbsent - 4, 0x55);
        f.s.gpr[RAX] = 0x55;
        f.s.eflags |= kTF;
        f.step(2);
        CHECK(f.stack32(0) == kCodeBase);
        CHECK((f.stack32(2) & (kStatusFlags | kRF)) == (kFlags | kRF));
        f.step(3);
        CHECK(f.stack32(0) == kCodeBase + 2);
        CHECK((f.stack32(2) & (kStatusFlags | kRF)) == (kZF | kPF));
    }
}

TEST_CASE("an instruction breakpoint on a repeated instruction is hit once") {
    CpuFixture f;
    prepare(f, 32, {0xF3, 0xAA, 0x90});
    f.poke_code(CpuFixture::handler(1), {0x81, 0x4C, 0x24, 0x08, 0, 0, 1, 0, 0xCF}); // or [esp+8], RF; iret
    f.s.gpr[RCX] = 4;
    f.cpu.write_dr(0, kCodeBase);
    f.cpu.write_dr(7, 0x402);
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(1));
    f.step(2 + 4);
    CHECK(f.eip() == kCodeBase + 2);
    CHECK(f.s.gpr[RCX] == 0);
}

TEST_CASE("a data breakpoint traps between iterations and the instruction goes on") {
    CpuFixture f;
    prepare(f, 32, {0xF3, 0xAA, 0x90});
    f.poke_code(CpuFixture::handler(1), {0xCF});
    f.s.gpr[RDI] = 0x60000;
    f.s.gpr[RCX] = 4;
    f.cpu.write_dr(1, 0x60001);
    f.cpu.write_dr(7, 0x408 | 1u << 20); // writes, one byte
    f.step(3);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK((f.s.dr[6] & 15) == 2);
    CHECK(f.s.gpr[RCX] == 2);
    CHECK(f.stack32(0) == kCodeBase);
    CHECK((f.stack32(2) & kRF));
    f.step(3);
    CHECK(f.eip() == kCodeBase + 2);
}

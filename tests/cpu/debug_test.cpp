/// Debug registers and single-stepping in running programs: SDM Vol. 3, 17.2 "Debug Registers", 17.3 "Debug
/// Exceptions", 6.8.3 "Masking Exceptions and Interrupts When Switching Stacks".
#include "cpu/interpreter/interpreter.h"
#include "cpu/interrupts/debug.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

enum Kind : u32 { kExecute = 0, kWrite = 1, kPort = 2, kReadWrite = 3 };

/// Breakpoint `n`, enabled globally; `length` is 1, 2 or 4.
void arm(CpuFixture& f, unsigned n, u32 address, Kind kind, u32 length = 1) {
    f.cpu.write_dr(n, address);
    f.cpu.write_dr(7,
                   static_cast<u32>(f.s.dr[7]) | 2u << (2 * n) | kind << (16 + 4 * n) | (length - 1) << (18 + 4 * n));
}

/// Runs until the handler of `vector` stands at its first instruction; the number of ticks, 0 if it never does.
unsigned ticks_to(CpuFixture& f, unsigned vector, unsigned most = 20) {
    for (unsigned n = 1; n <= most; ++n) {
        f.step(1);
        if (f.eip() == CpuFixture::handler(vector)) return n;
    }
    return 0;
}

} // namespace

TEST_CASE("data breakpoints: every length and kind against every access around them") {
    constexpr u32 kAt = 0x60010;
    for (const unsigned max_block : {32u, 0u})
        for (const Kind kind : {kWrite, kReadWrite})
            for (const u32 length : {1u, 2u, 4u})
                for (const u32 size : {1u, 2u, 4u})
                    for (const bool write : {false, true})
                        for (u32 offset = 0; offset < 12; ++offset) {
                            CAPTURE(max_block, kind, length, size, write, offset);
                            CpuFixture f;
                            f.cpu.interpreter().set_settings({max_block, true});
                            f.protected_mode(0);
                            const u8 opcode = static_cast<u8>((write ? 0x88 : 0x8A) | (size == 1 ? 0 : 1));
                            if (size == 2)
                                f.poke_code(kCodeBase, {0x90, 0x66, opcode, 0x03, 0x90, 0x90});
                            else
                                f.poke_code(kCodeBase, {0x90, opcode, 0x03, 0x90, 0x90, 0x90});
                            const u32 from = kAt - 4 + offset;
                            f.s.gpr[RBX] = from;
                            arm(f, 1, kAt, kind, length);
                            f.step(3);
                            const bool hit = (write || kind == kReadWrite) && from < kAt + length && kAt < from + size;
                            REQUIRE((f.eip() == CpuFixture::handler(1)) == hit);
                            if (!hit) continue;
                            REQUIRE((f.s.dr[6] & 0xE00F) == 2);
                            REQUIRE(f.stack32(0) == kCodeBase + (size == 2 ? 4 : 3)); // behind the access
                            REQUIRE(!(f.stack32(2) & kRF));
                        }
}

TEST_CASE("a breakpoint's address is rounded down to its length; several are reported at once") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke_code(kCodeBase, {0xFF, 0x05, 0x10, 0x00, 0x06, 0x00}); // inc dword [60010h]
    arm(f, 0, 0x60013, kWrite, 4);
    arm(f, 2, 0x60011, kReadWrite, 2);
    arm(f, 3, 0x60014, kReadWrite, 4);
    f.step(2);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK((f.s.dr[6] & 15) == 5);
}

TEST_CASE("breakpoints that are not enabled do nothing; local and global enables are alike") {
    for (const u32 enable : {0u, 1u, 2u, 3u}) {
        CpuFixture f;
        f.protected_mode(0);
        f.poke_code(kCodeBase, {0xA3, 0x10, 0x00, 0x06, 0x00, 0x90});
        f.cpu.write_dr(0, 0x60010);
        f.cpu.write_dr(7, 0x400 | enable | 0xD0000);
        f.step(2);
        CHECK((f.eip() == CpuFixture::handler(1)) == (enable != 0));
    }
}

TEST_CASE("I/O breakpoints need CR4.DE and trap after IN and OUT") {
    for (const bool enabled : {true, false})
        for (const u32 length : {1u, 2u, 4u})
            for (u32 port = 0x7C; port < 0x86; ++port) {
                CAPTURE(enabled, length, port);
                CpuFixture f;
                f.protected_mode(0);
                f.s.cr4 = enabled ? kCR4_DE : 0;
                f.cpu.state_changed();
                f.s.gpr[RDX] = port;
                f.poke_code(kCodeBase, {0x66, 0xED, 0xEE, 0x90}); // in ax, dx; out dx, al
                arm(f, 3, 0x80, kPort, length);
                f.step(2);
                const bool in = port < 0x80 + length && port + 2 > 0x80;
                REQUIRE((f.eip() == CpuFixture::handler(1)) == (enabled && in));
                if (enabled && in) {
                    REQUIRE((f.s.dr[6] & 15) == 8);
                    REQUIRE(f.stack32(0) == kCodeBase + 2);
                }
            }
}

TEST_CASE("an instruction breakpoint comes before its instruction, once, and not behind MOV SS and POP SS") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.gpr[RAX] = CpuFixture::data(0);
    SECTION("fault of its own instruction: #DB comes first") {
        f.poke_code(kCodeBase, {0x0F, 0x0B}); // ud2
        arm(f, 0, kCodeBase, kExecute);
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == kCodeBase);
    }
    SECTION("a far jump in RF's protection does not carry it on") {
        f.poke_code(kCodeBase, {0xEA, 0x00, 0x01, 0x04, 0x00, CpuFixture::code(0), 0x00});
        arm(f, 1, kCodeBase + 0x100, kExecute);
        f.s.eflags |= kRF;
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == kCodeBase + 0x100);
    }
    SECTION("MOV SS") {
        f.poke_code(kCodeBase, {0x8E, 0xD0, 0x90, 0x90});
        arm(f, 0, kCodeBase + 2, kExecute);
        f.step(2);
        CHECK(f.eip() == kCodeBase + 3);
    }
    SECTION("POP SS") {
        f.push32({CpuFixture::data(0)});
        f.poke_code(kCodeBase, {0x17, 0x90, 0x90});
        arm(f, 0, kCodeBase + 1, kExecute);
        f.step(2);
        CHECK(f.eip() == kCodeBase + 2);
    }
    SECTION("STI does not hide it") {
        f.poke_code(kCodeBase, {0xFB, 0x90, 0x90});
        arm(f, 0, kCodeBase + 1, kExecute);
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(1));
    }
    SECTION("the handler's first instruction of an interrupt") {
        f.poke_code(kCodeBase, {0xCC});
        arm(f, 0, CpuFixture::handler(3), kExecute);
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == CpuFixture::handler(3));
    }
}

/// Everything in this case as an Intel processor (Sapphire Rapids) showed it, but where the #DB comes in a handler.
TEST_CASE("a data breakpoint of MOV SS waits for the next instruction") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke16(0x60010, CpuFixture::data(0));
    arm(f, 0, 0x60010, kReadWrite, 2);
    SECTION("an ordinary one") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0x40, 0x90}); // mov ss, [60010h]; inc eax
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 7);
        CHECK((f.s.dr[6] & 15) == 1);
    }
    SECTION("INT: in its handler") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0xCC});
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == CpuFixture::handler(3));
        CHECK(f.stack32(3) == kCodeBase + 7);
    }
    SECTION("INT1: lost, one exception") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0x2E, 0xF1});
        f.poke_code(CpuFixture::handler(1), {0x90, 0x90});
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 8);
        CHECK((f.s.dr[6] & 0xE00F) == 0);
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(1) + 1);
    }
    SECTION("INT 1: two") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0xCD, 0x01});
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == kCodeBase + 8);
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == CpuFixture::handler(1));
    }
    SECTION("a breakpoint of the next instruction is not looked for, its own data breakpoint is reported as well") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0xF6, 0x05, 0x20, 0x00, 0x06, 0x00, 0x01, 0x90});
        arm(f, 1, kCodeBase + 6, kExecute);
        arm(f, 2, 0x60020, kReadWrite);
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 13);
        CHECK((f.s.dr[6] & 0xE00F) == 5);
    }
    SECTION("a repeated string instruction: after its first iteration") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0xF3, 0xAC, 0x90});
        f.s.gpr[RCX] = 5;
        f.s.gpr[RSI] = 0x60020;
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 6);
        CHECK((f.stack32(2) & kRF));
        CHECK(f.s.gpr[RCX] == 4);
    }
    SECTION("another load of SS, which inhibits nothing itself") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0x8E, 0xD0, 0x90});
        f.s.gpr[RAX] = CpuFixture::data(0);
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 8);
    }
    SECTION("one that faults: lost") {
        f.poke_code(kCodeBase, {0x8E, 0x15, 0x10, 0x00, 0x06, 0x00, 0x0F, 0x0B});
        CHECK(ticks_to(f, 6) == 2);
        f.poke_code(CpuFixture::handler(6), {0x90, 0x90});
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(6) + 1);
    }
}

TEST_CASE("TF: which instructions trap, and where") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.eflags |= kTF;
    f.s.gpr[RAX] = CpuFixture::data(0);
    SECTION("MOV SS: after the next instruction") {
        f.poke_code(kCodeBase, {0x8E, 0xD0, 0x90, 0x90});
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 3);
    }
    SECTION("POP SS: after the next instruction") {
        f.push32({CpuFixture::data(0)});
        f.poke_code(kCodeBase, {0x17, 0x90, 0x90});
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 2);
    }
    SECTION("of loads of SS in a row every second one inhibits nothing") {
        f.poke_code(kCodeBase, {0x8E, 0xD0, 0x8E, 0xD0, 0x8E, 0xD0, 0x90, 0x90});
        f.poke_code(CpuFixture::handler(1), {0xCF});
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 4);
        CHECK(ticks_to(f, 1) == 4); // IRET, MOV SS, NOP, the trap
        CHECK(f.stack32(0) == kCodeBase + 7);
    }
    SECTION("MOV SS before INT1 and before a general detect: no trap of its own") {
        f.poke_code(kCodeBase, {0x8E, 0xD0, 0xF1, 0xF1, 0x90});
        f.poke_code(CpuFixture::handler(1), {0xCF});
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 3);
        CHECK(f.s.dr[6] == 0xFFFF0FF0);
        CHECK(ticks_to(f, 1) == 2); // IRET and the second one
        CHECK(f.stack32(0) == kCodeBase + 4);
        CHECK(f.s.dr[6] == 0xFFFF0FF0);
        CHECK(ticks_to(f, 1) == 3); // IRET, NOP, the trap
        CHECK(f.stack32(0) == kCodeBase + 5);
        CHECK(f.s.dr[6] == (0xFFFF0FF0 | kDR6_BS));
        f.protected_mode(0);
        f.s.eflags |= kTF;
        f.s.gpr[RAX] = CpuFixture::data(0);
        f.cpu.write_dr(6, 0);
        f.cpu.write_dr(7, 0x400 | kDR7_GD);
        f.poke_code(kCodeBase, {0x8E, 0xD0, 0x0F, 0x23, 0xF1}); // mov dr6, ecx
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 2);
        CHECK(f.s.dr[6] == (0xFFFF0FF0 | kDR6_BD));
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 5);
        CHECK(f.s.dr[6] == (0xFFFF0FF0 | kDR6_BS));
    }
    SECTION("STI: at once") {
        f.poke_code(kCodeBase, {0xFB, 0x90});
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 1);
    }
    SECTION("INT n: not in the handler, but after the IRET's next instruction") {
        f.poke_code(kCodeBase, {0xCC, 0x90, 0x90});
        f.poke_code(CpuFixture::handler(3), {0x90, 0xCF});
        CHECK(ticks_to(f, 1) == 5);
        CHECK(f.stack32(0) == kCodeBase + 2);
    }
    SECTION("INTO: a trap where it does not interrupt, none where it does") {
        f.poke_code(kCodeBase, {0xCE, 0x90});
        f.s.flags.set(0);
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 1);
        f.protected_mode(0);
        f.s.eflags |= kTF;
        f.s.flags.set(kOF);
        f.poke_code(CpuFixture::handler(4), {0x90, 0x90});
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(4) + 1);
    }
    SECTION("a fault: no trap, TF in the image") {
        f.poke_code(kCodeBase, {0x0F, 0x0B});
        CHECK(ticks_to(f, 6) == 1);
        CHECK((f.stack32(2) & kTF));
        CHECK(!(f.s.eflags & kTF));
        f.poke_code(CpuFixture::handler(6), {0x90, 0x90});
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(6) + 1);
    }
    SECTION("PUSHF stores TF; POPF that clears it traps once more") {
        f.poke_code(kCodeBase, {0x9C, 0x90});
        CHECK(ticks_to(f, 1) == 2);
        CHECK((f.stack32(3) & kTF));
        f.protected_mode(0);
        f.s.eflags |= kTF;
        f.push32({2});
        f.poke_code(kCodeBase, {0x9D, 0x90});
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 1);
        CHECK(!(f.stack32(2) & kTF));
    }
    SECTION("HLT") {
        f.poke_code(kCodeBase, {0xF4, 0x90});
        CHECK(ticks_to(f, 1) == 2);
        CHECK(f.stack32(0) == kCodeBase + 1);
        CHECK(!f.s.halted);
    }
    SECTION("with a data breakpoint: one exception, both bits") {
        f.poke_code(kCodeBase, {0xA3, 0x10, 0x00, 0x06, 0x00});
        arm(f, 2, 0x60010, kWrite, 4);
        CHECK(ticks_to(f, 1) == 2);
        CHECK((f.s.dr[6] & 0xE00F) == (kDR6_BS | 4));
    }
}

TEST_CASE("POPF and IRET that set TF trap after the instruction that follows them") {
    CpuFixture f;
    f.protected_mode(0);
    SECTION("POPF") {
        f.push32({2 | kTF});
        f.poke_code(kCodeBase, {0x9D, 0x90, 0x90});
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 2);
    }
    SECTION("IRET") {
        f.push32({2 | kTF, CpuFixture::code(0), kCodeBase + 0x10});
        f.poke_code(kCodeBase, {0xCF});
        f.poke_code(kCodeBase + 0x10, {0x90, 0x90});
        CHECK(ticks_to(f, 1) == 3);
        CHECK(f.stack32(0) == kCodeBase + 0x11);
    }
}

TEST_CASE("ICEBP leaves DR6 alone and returns behind itself; general detect names the access") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke_code(kCodeBase, {0xF1, 0x90});
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(f.stack32(0) == kCodeBase + 1);
    CHECK(f.s.dr[6] == 0xFFFF0FF0);
    f.protected_mode(0);
    f.poke_code(kCodeBase, {0x0F, 0x21, 0xC0}); // mov eax, dr0
    f.cpu.write_dr(7, 0x400 | kDR7_GD);
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(f.stack32(0) == kCodeBase);
    CHECK((f.s.dr[6] & 0xE00F) == kDR6_BD);
    CHECK(!(f.s.dr[7] & kDR7_GD));
}

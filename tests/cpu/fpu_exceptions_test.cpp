/// How an unmasked x87 exception reaches the program: #MF with CR0.NE = 1, FERR# and IRQ 13 with CR0.NE = 0 (SDM Vol.
/// 1, 8.7 "Handling x87 FPU Exceptions in Software"), and #NM (SDM Vol. 3, 2.5 and table 11-1).
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

using Bytes = std::vector<u8>;

struct Case {
    const char* name;
    Bytes code;
    bool waits;
};
const Case kCases[] = {
    {"fnop", {0xD9, 0xD0}, true},
    {"wait", {0x9B}, true},
    {"fld1", {0xD9, 0xE8}, true},
    {"fldcw", {0xD9, 0x2B}, true},
    {"fldenv", {0xD9, 0x23}, true},
    {"frstor", {0xDD, 0x23}, true},
    {"fstp dword", {0xD9, 0x1B}, true},
    {"ffree", {0xDD, 0xC0}, true},
    {"emms", {0x0F, 0x77}, true},
    {"movd mm0, eax", {0x0F, 0x6E, 0xC0}, true},
    {"paddb mm0, mm1", {0x0F, 0xFC, 0xC1}, true},
    {"movdq2q mm0, xmm0", {0xF2, 0x0F, 0xD6, 0xC0}, true},
    {"fnclex", {0xDB, 0xE2}, false},
    {"fninit", {0xDB, 0xE3}, false},
    {"fnstcw", {0xD9, 0x3B}, false},
    {"fnstsw", {0xDD, 0x3B}, false},
    {"fnstsw ax", {0xDF, 0xE0}, false},
    {"fnstenv", {0xD9, 0x33}, false},
    {"fnsave", {0xDD, 0x33}, false},
    {"fxsave", {0x0F, 0xAE, 0x03}, false},
    {"fxrstor", {0x0F, 0xAE, 0x0B}, false},
    {"addps xmm0, xmm1", {0x0F, 0x58, 0xC1}, false},
    {"ldmxcsr", {0x0F, 0xAE, 0x13}, false},
};

constexpr u32 kFrom = kCodeBase + 6; // where the instruction behind the division stands
constexpr u16 kZE = 4, kES = 0x80;

/// 1 / 0 with the zero-divide exception unmasked at kCodeBase, then `code`; runs the division.
void divide_by_zero(CpuFixture& f, const Bytes& code, bool native) {
    f.protected_mode(0);
    f.s.cr0 = (f.s.cr0 & ~kCR0_NE) | (native ? kCR0_NE : 0);
    f.s.cr4 |= kCR4_OSFXSR;
    f.s.x87.control = 0x37B;
    f.s.x87.tag = 0xFFFF;
    f.s.x87.status = 0;
    f.s.gpr[RBX] = 0x60000;
    f.poke_code(kCodeBase, {0xD9, 0xE8, 0xD9, 0xEE, 0xDE, 0xF9}); // fld1; fldz; fdivp
    u32 at = kFrom;
    for (const u8 byte : code) f.poke8(at++, byte);
    f.poke8(at, 0xF4);
    f.cpu.state_changed();
    f.step(3);
    REQUIRE(f.eip() == kFrom);
    REQUIRE((f.s.x87.status & (kZE | kES)) == (kZE | kES));
}

} // namespace

TEST_CASE("#MF comes before the next instruction that waits") {
    for (const Case& c : kCases) {
        INFO(c.name);
        CpuFixture f;
        divide_by_zero(f, c.code, true);
        f.step(1);
        CHECK((f.eip() == CpuFixture::handler(16)) == c.waits);
        if (!c.waits) {
            CHECK(f.eip() == kFrom + c.code.size());
            continue;
        }
        CHECK(f.stack32(0) == kFrom);
        CHECK((f.stack32(2) & kRF));
        CHECK(f.s.x87.instruction_offset == kCodeBase + 4); // the division
        CHECK((f.s.x87.status & (kZE | kES)) == (kZE | kES));
    }
}

TEST_CASE("with CR0.NE = 0 FERR# asks for IRQ 13 and the next instruction that waits stands still") {
    for (const Case& c : kCases)
        for (const unsigned max_block : {32u, 0u}) {
            INFO(c.name << ", blocks of " << max_block);
            CpuFixture f;
            f.cpu.interpreter().set_settings({max_block, true});
            std::vector<bool> ferr;
            f.cpu.hooks.ferr = [&](bool level) { ferr.push_back(level); };
            divide_by_zero(f, c.code, false);
            CHECK(ferr == std::vector<bool>{true});
            f.step(5);
            if (!c.waits) {
                CHECK(f.s.halted); // at the HLT behind it
                continue;
            }
            CHECK(f.eip() == kFrom);
            f.idt_gate(0x75, kInterruptGate32, 0, CpuFixture::code(0), 0x48000);
            f.poke_code(0x48000, {0xDB, 0xE2, 0xCF}); // fnclex; iret
            f.interrupt_vector = 0x75;
            f.cpu.set_intr(true);
            f.step(1);
            CHECK(f.eip() == kFrom); // IF = 0
            f.s.eflags |= kIF;
            f.cpu.state_changed();
            f.step(1);
            CHECK(f.eip() == 0x48000);
            CHECK(f.stack32(0) == kFrom);
            f.cpu.set_intr(false);
            f.step(1);
            CHECK(ferr == std::vector<bool>{true, false});
            f.step(2);
            CHECK(f.eip() == kFrom + c.code.size());
        }
}

TEST_CASE("IGNNE# lets the waiting instruction go on; an NMI comes through, too") {
    CpuFixture f;
    f.cpu.hooks.ferr = [](bool) {};
    divide_by_zero(f, {0xD9, 0xD0}, false);
    f.step(3);
    CHECK(f.eip() == kFrom);
    SECTION("IGNNE#") {
        f.cpu.set_ignne(true);
        f.step(1);
        CHECK(f.eip() == kFrom + 2);
        CHECK((f.s.x87.status & kES));
    }
    SECTION("NMI") {
        f.cpu.set_nmi(true);
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(2));
        CHECK(f.stack32(0) == kFrom);
    }
    SECTION("a change to CR0.NE makes it #MF") {
        REQUIRE(f.cpu.write_cr0(f.s.cr0 | kCR0_NE) == Fault::none());
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(16));
    }
}

TEST_CASE("an exception that FLDCW, FLDENV or FRSTOR unmasks is pending at once") {
    struct Load {
        const char* name;
        Bytes code;
    };
    for (const Load& load : {Load{"fldcw", {0xD9, 0x2B}}, Load{"fldenv", {0xD9, 0x23}}, Load{"frstor", {0xDD, 0x23}}}) {
        INFO(load.name);
        CpuFixture f;
        std::vector<bool> ferr;
        f.cpu.hooks.ferr = [&](bool level) { ferr.push_back(level); };
        f.protected_mode(0);
        f.s.cr0 &= ~kCR0_NE;
        f.s.x87.control = 0x37F;
        f.s.x87.status = kZE; // masked
        f.s.gpr[RBX] = 0x60000;
        f.poke32(0x60000, 0x37B); // and in an environment: the status word
        f.poke32(0x60004, kZE);
        f.poke32(0x60008, 0xFFFF);
        f.poke_code(kCodeBase, {load.code[0], load.code[1], 0xD9, 0xD0});
        f.cpu.state_changed();
        f.step(1);
        CHECK(ferr == std::vector<bool>{true});
        CHECK((f.s.x87.status & kES));
        f.step(2);
        CHECK(f.eip() == kCodeBase + 2);
    }
}

TEST_CASE("#NM and #UD by CR0.EM, MP and TS, before #MF") {
    enum Kind { X87, Wait, Mmx, Image };
    const struct {
        const char* name;
        Bytes code;
        Kind kind;
    } instructions[] = {{"fnop", {0xD9, 0xD0}, X87},
                        {"fninit", {0xDB, 0xE3}, X87},
                        {"fnstsw ax", {0xDF, 0xE0}, X87},
                        {"feni", {0xDB, 0xE0}, X87},
                        {"wait", {0x9B}, Wait},
                        {"emms", {0x0F, 0x77}, Mmx},
                        {"fxsave", {0x0F, 0xAE, 0x03}, Image},
                        {"fxrstor", {0x0F, 0xAE, 0x0B}, Image}};
    for (const bool pending : {false, true})
        for (const auto& i : instructions)
            for (unsigned bits = 0; bits < 8; ++bits) {
                const bool em = bits & 1, mp = bits & 2, ts = bits & 4;
                INFO(i.name << (em ? " EM" : "") << (mp ? " MP" : "") << (ts ? " TS" : "")
                            << (pending ? ", pending" : ""));
                CpuFixture f;
                divide_by_zero(f, i.code, true);
                if (!pending) f.s.x87.status = 0;
                f.s.cr0 = (f.s.cr0 & ~(kCR0_EM | kCR0_MP | kCR0_TS)) | (em ? kCR0_EM : 0) | (mp ? kCR0_MP : 0) |
                          (ts ? kCR0_TS : 0);
                f.cpu.state_changed();
                f.step(1);
                u32 vector = 0;
                switch (i.kind) {
                case X87:
                case Image: vector = em || ts ? 7 : 0; break;
                case Wait: vector = mp && ts ? 7 : 0; break;
                case Mmx: vector = em ? 6 : ts ? 7 : 0; break;
                }
                const bool waits = i.kind == Wait || i.kind == Mmx || i.code[0] == 0xD9;
                if (!vector && pending && waits) vector = 16;
                CHECK(f.eip() == (vector ? CpuFixture::handler(vector) : kFrom + i.code.size()));
            }
}

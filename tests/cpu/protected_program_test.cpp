/// One guest program through decoder and interpreter: real mode to protected mode, down to ring 3, through a call gate,
/// an interrupt gate and a privileged instruction. Run in one piece, instruction by instruction, and with both engine
/// extremes: always the same state.
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

void load_program(CpuFixture& f) {
    f.real_mode();
    f.standard_tables();
    f.s.rip = 0;
    f.descriptor(CpuFixture::kTssSelector, kTss, 0xFFF, 0x89);
    f.call_gate(0x80, kCallGate32, 3, CpuFixture::code(0), 0x400C0);
    f.idt_gate(0x30, kTrapGate32, 3, CpuFixture::code(0), 0x400D0);
    f.poke_code(CpuFixture::handler(13), {0xEB, 0xFE});
    // Pseudo-descriptors for LGDT and LIDT.
    f.poke16(0x40180, 0xFFF);
    f.poke32(0x40182, kGdt);
    f.poke16(0x40186, 0x7FF);
    f.poke32(0x40188, kIdt);
    f.poke_code(0x40000, {
                             0x2E, 0x0F, 0x01, 0x16, 0x80, 0x01,             // lgdt [cs:180h]
                             0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0, // CR0.PE = 1
                             0x66, 0xEA, 0x20, 0x00, 0x04, 0x00, 0x08, 0x00, // jmp 08h:40020h
                         });
    f.poke_code(0x40020, {
                             0x66, 0xB8, 0x10, 0x00, 0x8E, 0xD8, 0x8E, 0xC0, 0x8E, 0xD0, // ds, es, ss = 10h
                             0xBC, 0x00, 0x10, 0x02, 0x00,                               // mov esp, 21000h
                             0x0F, 0x01, 0x1D, 0x86, 0x01, 0x04, 0x00,                   // lidt [40186h]
                             0x66, 0xB8, 0x48, 0x00, 0x0F, 0x00, 0xD8,                   // ltr 48h
                             0x66, 0xB8, 0x58, 0x00, 0x0F, 0x00, 0xD0,                   // lldt 58h
                             0x0F, 0x00, 0xC1, 0x0F, 0x00, 0xCA,                         // sldt ecx; str edx
                             0x0F, 0xA0, 0x0F, 0xA9, 0x0F, 0x02, 0xD8,                   // push fs; pop gs; lar ebx, ax
                             0x6A, 0x43, 0x68, 0x00, 0x40, 0x02, 0x00,                   // push 43h, 24000h,
                             0x68, 0x02, 0x32, 0x00, 0x00, 0x6A, 0x3B,                   // 3202h, 3Bh,
                             0x68, 0x90, 0x00, 0x04, 0x00, 0xCF,                         // 40090h; iretd
                         });
    f.poke_code(0x40090, {
                             0x9C, 0xFA, 0xFB,                         // pushfd; cli; sti
                             0x9A, 0x00, 0x00, 0x00, 0x00, 0x83, 0x00, // call 83h:0
                             0xCD, 0x30, 0xF4,                         // int 30h; hlt
                         });
    f.poke_code(0x400C0, {0x8B, 0x74, 0x24, 0x08, 0xCA, 0x00, 0x00});                   // mov esi, [esp+8]; retf 0
    f.poke_code(0x400D0, {0x66, 0x0F, 0x01, 0xE5, 0xBF, 0x34, 0x12, 0x00, 0x00, 0xCF}); // smsw bp; mov edi; iretd
    // PUSH FS / POP GS moves a selector that names data of ring 0.
    f.cpu.load_segment_real(FS, 0x10);
    f.cpu.state_changed();
}

constexpr Tick kTicks = 37; // to the first instruction of #GP's handler

void check_end(CpuFixture& f) {
    CHECK(f.eip() == CpuFixture::handler(13));
    CHECK(f.cpu.cpl() == 0);
    CHECK(f.stack32(0) == 0);       // error code
    CHECK(f.stack32(1) == 0x4009C); // hlt
    CHECK(f.stack32(2) == 0x3B);
    CHECK(f.stack32(4) == 0x24000 - 4);
    CHECK(f.stack32(5) == 0x43);
    CHECK(f.s.gpr[RCX] == 0x58);
    CHECK(f.s.gpr[RDX] == 0x48);
    CHECK(f.s.gpr[RBX] == 0x8200); // rights of the LDT
    CHECK(f.s.gpr[RSI] == 0x24000 - 4);
    CHECK(f.s.gpr[RDI] == 0x1234);
    CHECK((f.s.gpr[RBP] & 0xFFFF) == (f.s.cr0 & 0xFFFF));
    CHECK(f.s.seg[GS].null); // ring 0 data is gone after the return to ring 3
    CHECK(f.peek32(0x24000 - 4) == 0x3202);
    CHECK(f.access_byte(CpuFixture::kTssSelector) == 0x8B);
}

} // namespace

TEST_CASE("a program from real mode to ring 3 and back") {
    CpuFixture f;
    load_program(f);
    SECTION("in one run") { f.step(kTicks); }
    SECTION("tick by tick") {
        for (Tick i = 0; i < kTicks; ++i) f.step();
    }
    SECTION("blocks of one instruction, nothing chained") {
        InterpreterSettings settings;
        settings.max_block = 1;
        settings.chain = false;
        f.cpu.interpreter().set_settings(settings);
        f.step(kTicks);
    }
    SECTION("no blocks at all") {
        InterpreterSettings settings;
        settings.max_block = 0;
        f.cpu.interpreter().set_settings(settings);
        f.step(kTicks);
    }
    check_end(f);
    CHECK(f.s.tick == kTicks);
}

/// IRET to an outer level and to virtual-8086 mode: every check of the stack it finds; gates to conforming code; what
/// a task switch makes of NT and TF. SDM Vol. 2, IRET; Vol. 3, 5.8.2, table 7-2, 20.2.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {
constexpr u16 kSel = CpuFixture::kFree;
Fault iret(CpuFixture& f, u8 size = 4) { return f.execute(exec::iret, CpuFixture::plain(size)); }
} // namespace

TEST_CASE("IRET to an outer level: every check of its stack segment") {
    CpuFixture f;
    const auto ret = [&](u16 ss, u32 eip = 0x41000, u16 cs = CpuFixture::code(3)) {
        f.protected_mode(0);
        f.push32({ss, 0x20500, 2, cs, eip});
        const u32 sp = f.esp();
        const Fault fault = iret(f);
        if (fault) {
            CHECK(f.esp() == sp);
            CHECK(f.cpu.cpl() == 0);
            CHECK(f.eip() == kCodeBase);
        }
        return fault;
    };
    CHECK(ret(0) == Fault::gp(0));
    CHECK(ret(3) == Fault::gp(0));
    CHECK(ret(0x1003) == Fault::gp(0x1000));
    CHECK(ret(CpuFixture::data(2)) == Fault::gp(CpuFixture::data(2) & 0xFFFC)); // RPL
    f.descriptor(kSel, 0, 0xFFFF, dpl_of(kData0, 2));
    CHECK(ret(kSel | 3) == Fault::gp(kSel)); // DPL
    f.descriptor(kSel, 0, 0xFFFF, 0xF1);
    CHECK(ret(kSel | 3) == Fault::gp(kSel)); // read-only
    f.descriptor(kSel, 0, 0xFFFF, kCode3);
    CHECK(ret(kSel | 3) == Fault::gp(kSel)); // code
    f.descriptor(kSel, 0, 0xFFFF, kData3 & 0x7F);
    CHECK(ret(kSel | 3) == Fault::ss(kSel)); // not present
    f.descriptor(kSel, 0, 0xFFF, kCode3);
    CHECK(ret(CpuFixture::data(3), 0x1000, kSel | 3) == Fault::gp(0)); // EIP beyond CS
    CHECK(ret(CpuFixture::data(3)) == Fault::none());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.esp() == 0x20500);
    // A frame that ends at the stack's limit: the outer pair is missing.
    f.protected_mode(0);
    f.push32({2, CpuFixture::code(3), 0x41000});
    f.s.seg[SS].limit = f.esp() + 11;
    f.cpu.state_changed();
    CHECK(iret(f) == Fault::ss(0));
}

TEST_CASE("IRET to virtual-8086 mode: nine doublewords, IP within 64 KiB; not from an outer level or with 16 bits") {
    CpuFixture f;
    const auto frame = [&](u8 ring, u32 eip) {
        f.protected_mode(ring);
        f.push32({0x6666, 0x5555, 0x4444, 0x3333, 0x3000, 0x1000, 2 | kVM | kIF | kVIF, 0x4000, eip});
    };
    frame(0, 0x123);
    REQUIRE(iret(f) == Fault::none());
    CHECK(f.cpu.v86());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.s.seg[CS].base == 0x40000);
    CHECK(f.s.seg[SS].base == 0x30000);
    CHECK(f.s.seg[ES].base == 0x33330);
    CHECK(f.s.seg[DS].base == 0x44440);
    CHECK(f.s.seg[FS].base == 0x55550);
    CHECK(f.s.seg[GS].base == 0x66660);
    CHECK(f.s.seg[GS].limit == 0xFFFF);
    CHECK(f.esp() == 0x1000);
    CHECK(f.cpu.eflags() == (2 | kVM | kIF | kVIF));
    frame(0, 0x10000);
    CHECK(iret(f) == Fault::gp(0));
    CHECK(!f.cpu.v86());
    frame(0, 0x123); // the nine items do not fit
    f.s.seg[SS].limit = f.esp() + 34;
    f.cpu.state_changed();
    CHECK(iret(f) == Fault::ss(0));
    frame(0, 0x123);
    f.s.eflags |= kNT; // NT first: back to a task that there is not
    CHECK(iret(f).is(Vector::TS));
    // At CPL 1 VM is not looked at: CS is a selector beyond the table.
    frame(1, 0x123);
    CHECK(iret(f) == Fault::gp(0x4000));
}

TEST_CASE("IRETD in virtual-8086 mode with IOPL below 3 is #GP, VME or not") {
    for (const bool vme : {false, true}) {
        CpuFixture f;
        f.v86_mode(2);
        if (vme) f.s.cr4 |= kCR4_VME;
        f.push32({2, 0x4000, 0x200});
        CHECK(iret(f, 4) == Fault::gp(0));
    }
}

TEST_CASE("a gate to conforming code changes no level and no stack") {
    for (const bool jump : {false, true}) {
        CpuFixture f;
        f.protected_mode(3);
        f.descriptor(kSel + 8, 0, 0xFFFFF, kConforming0, kBig | kGranular);
        f.call_gate(kSel, kCallGate32, 3, kSel + 8, 0x41000, 4);
        const Insn insn = CpuFixture::far_ptr(kSel | 3, 0);
        REQUIRE(f.execute(jump ? exec::jmp_far : exec::call_far, insn) == Fault::none());
        CHECK(f.cpu.cpl() == 3);
        CHECK(f.s.seg[CS].selector == ((kSel + 8) | 3));
        CHECK(f.eip() == 0x41000);
        CHECK(f.esp() == CpuFixture::stack_top(3) - (jump ? 0 : 8)); // and no parameters
    }
}

TEST_CASE("a call gate copies up to 31 parameters, from a 16-bit stack that wraps as well") {
    CpuFixture f;
    f.protected_mode(3);
    f.descriptor(kSel, 0x60000, 0xFFFF, kData3);
    f.s.seg[SS] = f.loaded(kSel | 3);
    f.s.gpr[RSP] = 0xABCDFFC0;
    f.cpu.state_changed();
    for (u32 i = 0; i < 31; ++i) f.poke32(0x60000 + ((0xFFC0 + 4 * i) & 0xFFFF), 0x1000 + i);
    f.call_gate(kSel + 8, kCallGate32, 3, CpuFixture::code(0), 0x41000, 31);
    REQUIRE(f.execute(exec::call_far, CpuFixture::far_ptr((kSel + 8) | 3, 0)) == Fault::none());
    CHECK(f.esp() == CpuFixture::stack_top(0) - 4 * (31 + 4));
    for (u32 i = 0; i < 31; ++i) CHECK(f.stack32(2 + i) == 0x1000 + i);
    CHECK((f.stack32(33) & 0xFFFF) == 0xFFC0);
    CHECK(f.stack32(34) == (kSel | 3));
}

TEST_CASE("NT and the back link: a jump to a task leaves both as its TSS has them") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke32(kTss2 + 0x20, 0x42000);
    f.poke32(kTss2 + 0x24, 2 | kNT);
    f.poke32(kTss2 + 0x38, 0x28000);
    f.poke16(kTss2, 0x7777);
    const u16 selectors[] = {CpuFixture::data(0), CpuFixture::code(0), CpuFixture::data(0), CpuFixture::data(0), 0, 0};
    for (unsigned i = 0; i < 6; ++i) f.poke16(kTss2 + 0x48 + 4 * i, selectors[i]);
    f.poke16(kTss2 + 0x60, CpuFixture::kLdtSelector);
    REQUIRE(f.execute(exec::jmp_far, CpuFixture::far_ptr(CpuFixture::kTss2Selector, 0)) == Fault::none());
    CHECK((f.s.eflags & kNT));
    CHECK(f.peek16(kTss2) == 0x7777);
    CHECK(iret(f) == Fault::ts(0x7774)); // a selector in the LDT
}

TEST_CASE("a virtual-8086 task is left through a task gate and comes back with IRET") {
    CpuFixture f;
    f.v86_mode(3, kIF);
    f.poke32(kTss2 + 0x20, 0x42000);
    f.poke32(kTss2 + 0x24, 2);
    f.poke32(kTss2 + 0x38, 0x28000);
    const u16 selectors[] = {CpuFixture::data(0), CpuFixture::code(0), CpuFixture::data(0), CpuFixture::data(0), 0, 0};
    for (unsigned i = 0; i < 6; ++i) f.poke16(kTss2 + 0x48 + 4 * i, selectors[i]);
    f.poke16(kTss2 + 0x60, CpuFixture::kLdtSelector);
    f.gate_at(kIdt + 0x30 * 8, kTaskGate, 3, CpuFixture::kTss2Selector, 0);
    f.poke_code(0x40100, {0xCD, 0x30});
    f.poke_code(0x42000, {0xCF});
    f.step(1);
    CHECK(!f.cpu.v86());
    CHECK(f.cpu.cpl() == 0);
    CHECK(f.eip() == 0x42000);
    CHECK((f.peek32(kTss + 0x24) & kVM));
    CHECK(f.peek16(kTss + 0x4C) == 0x4000);
    f.step(1);
    CHECK(f.cpu.v86());
    CHECK(f.eip() == 0x102);
    CHECK(f.s.seg[CS].base == 0x40000);
    CHECK(f.s.seg[DS].base == 0x50000);
    CHECK(f.access_byte(CpuFixture::kTss2Selector) == 0x89);
}

TEST_CASE("SYSENTER leaves TF set: the trap comes before the first instruction of the kernel") {
    CpuFixture f("pentium4");
    f.protected_mode(3);
    f.s.msr.sysenter_cs = 0x60;
    f.s.msr.sysenter_esp = 0x21000;
    f.s.msr.sysenter_eip = 0x42000;
    f.descriptor(0x60, 0, 0xFFFFF, kCode0, kBig | kGranular);
    f.descriptor(0x68, 0, 0xFFFFF, kData0, kBig | kGranular);
    f.s.eflags |= kTF;
    f.poke_code(kCodeBase, {0x0F, 0x34});
    f.cpu.state_changed();
    f.step(2);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(f.stack32(0) == 0x42000);
    CHECK(f.stack32(1) == 0x60);
    CHECK((f.stack32(2) & kTF));
    CHECK((f.s.dr[6] & 0x4000));
}

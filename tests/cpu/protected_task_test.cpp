/// Hardware task switches: SDM Vol. 3, chapter 7, table 7-1 for the faults and their contexts.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

constexpr u16 kSel = CpuFixture::kFree;
constexpr u16 kTss2Sel = CpuFixture::kTss2Selector, kTssSel = CpuFixture::kTssSelector;

/// A ring 0 task in the second TSS (32-bit).
void second_task(CpuFixture& f, u32 eflags = 2) {
    f.poke32(kTss2 + 0x20, 0x42000);
    f.poke32(kTss2 + 0x24, eflags);
    for (unsigned i = 0; i < 8; ++i) f.poke32(kTss2 + 0x28 + 4 * i, 0x1000 + i);
    f.poke32(kTss2 + 0x28 + 16, 0x28000); // ESP
    const u16 selectors[] = {CpuFixture::data(0), CpuFixture::code(0), CpuFixture::data(0), CpuFixture::data(0), 0, 0};
    for (unsigned i = 0; i < 6; ++i) f.poke16(kTss2 + 0x48 + 4 * i, selectors[i]);
    f.poke16(kTss2 + 0x60, CpuFixture::kLdtSelector);
    f.poke32(kTss2 + 0x64, 0);
}

Fault jump(CpuFixture& f, u16 selector) { return f.execute(exec::jmp_far, CpuFixture::far_ptr(selector, 0)); }
Fault call(CpuFixture& f, u16 selector) { return f.execute(exec::call_far, CpuFixture::far_ptr(selector, 0)); }

} // namespace

TEST_CASE("a jump to a TSS saves, loads and moves the busy bit") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f, 0xFFFC8002 | kCF);
    f.s.gpr[RBX] = 0x1234;
    f.s.eflags |= kIF;
    f.s.dr[7] |= 0x355;
    REQUIRE(jump(f, kTss2Sel) == Fault::none());
    CHECK(f.peek32(kTss + 0x20) == kCodeBase + 2);
    CHECK(f.peek32(kTss + 0x24) == (2 | kIF));
    CHECK(f.peek32(kTss + 0x28 + 12) == 0x1234);
    CHECK(f.peek16(kTss + 0x4C) == CpuFixture::code(0));
    CHECK(f.access_byte(kTssSel) == 0x89);
    CHECK(f.access_byte(kTss2Sel) == 0x8B);
    CHECK(f.s.tr.selector == kTss2Sel);
    CHECK(f.s.tr.type() == kTss32Busy);
    CHECK(f.eip() == 0x42000);
    CHECK(f.s.gpr[RAX] == 0x1000);
    CHECK(f.esp() == 0x28000);
    CHECK(f.s.flags.cf());
    CHECK((f.s.cr0 & kCR0_TS));
    CHECK((f.s.dr[7] & 0x3FF) == 0x200); // L0-L3 and LE go, GE stays
    CHECK(f.s.seg[FS].null);
    CHECK(!(f.s.eflags & kNT));
}

TEST_CASE("a call nests: back link, NT, both busy; IRET undoes it") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    REQUIRE(call(f, kTss2Sel) == Fault::none());
    CHECK(f.peek16(kTss2) == kTssSel);
    CHECK((f.s.eflags & kNT));
    CHECK(f.access_byte(kTssSel) == 0x8B);
    CHECK(f.access_byte(kTss2Sel) == 0x8B);
    REQUIRE(f.execute(exec::iret) == Fault::none());
    CHECK(f.s.tr.selector == kTssSel);
    CHECK(f.eip() == kCodeBase + 2);
    CHECK(f.access_byte(kTssSel) == 0x8B);
    CHECK(f.access_byte(kTss2Sel) == 0x89);
    CHECK(!(f.peek32(kTss2 + 0x24) & kNT)); // cleared in the image that IRET saved
    CHECK(f.peek32(kTss2 + 0x20) == 0x42002);
}

TEST_CASE("IRET with NT: every check of the back link") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.eflags |= kNT;
    const auto back = [&](u16 link) {
        f.poke16(kTss, link);
        return f.execute(exec::iret);
    };
    CHECK(back(0) == Fault::ts(0));
    CHECK(back(0x54) == Fault::ts(0x54));         // local
    CHECK(back(0x1000) == Fault::ts(0x1000));     // outside
    CHECK(back(kTss2Sel) == Fault::ts(kTss2Sel)); // not busy
    f.descriptor(kTss2Sel, kTss2, 0x67, 0x0B);
    CHECK(back(kTss2Sel) == Fault::np(kTss2Sel));
    f.descriptor(kTss2Sel, kTss2, 0x66, 0x8B);
    CHECK(back(kTss2Sel) == Fault::ts(kTss2Sel)); // too short
}

TEST_CASE("faults before the commit point leave the old task as it was") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    SECTION("busy") {
        f.descriptor(kTss2Sel, kTss2, 0x67, 0x8B);
        CHECK(jump(f, kTss2Sel) == Fault::gp(kTss2Sel));
    }
    SECTION("not present") {
        f.descriptor(kTss2Sel, kTss2, 0x67, 0x09);
        CHECK(jump(f, kTss2Sel) == Fault::np(kTss2Sel));
    }
    SECTION("privilege") {
        f.protected_mode(3);
        CHECK(jump(f, kTss2Sel) == Fault::gp(kTss2Sel));
        CHECK(jump(f, kTss2Sel | 3) == Fault::gp(kTss2Sel));
        f.protected_mode(0);
        CHECK(jump(f, kTss2Sel | 1) == Fault::gp(kTss2Sel)); // RPL > DPL
    }
    SECTION("limit") {
        f.descriptor(kTss2Sel, kTss2, 0x66, 0x89);
        CHECK(jump(f, kTss2Sel) == Fault::ts(kTss2Sel));
    }
    SECTION("the new TSS is not mapped") {
        f.enable_paging();
        f.page(kTss2, 0);
        CHECK(jump(f, kTss2Sel).is(Vector::PF));
        CHECK(f.cpu.page_fault_address == kTss2);
    }
    SECTION("the old TSS cannot be written") {
        f.enable_paging();
        f.s.cr0 |= kCR0_WP;
        f.cpu.update_mode();
        f.page(kTss, 1);
        CHECK(jump(f, kTss2Sel).is(Vector::PF));
    }
    CHECK(f.s.tr.selector == kTssSel);
    CHECK(f.eip() == kCodeBase);
    CHECK(!(f.s.cr0 & kCR0_TS));
    CHECK(f.access_byte(kTssSel) == 0x8B);
}

TEST_CASE("task gates check the TSS selector that they hold") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    const auto through = [&](u16 tss, bool present = true) {
        f.call_gate(kSel, kTaskGate, 0, tss, 0, 0, present);
        return jump(f, kSel);
    };
    CHECK(through(kTss2Sel, false) == Fault::np(kSel));
    CHECK(through(0x54) == Fault::gp(0x54));
    CHECK(through(0x1000) == Fault::gp(0x1000));
    CHECK(through(CpuFixture::data(0)) == Fault::gp(CpuFixture::data(0)));
    CHECK(through(kTssSel) == Fault::gp(kTssSel)); // busy
    CHECK(through(kTss2Sel) == Fault::none());
    CHECK(f.s.tr.selector == kTss2Sel);
}

TEST_CASE("faults after the commit point belong to the new task") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    struct Case {
        u32 offset;
        u16 selector;
        Fault fault;
    };
    f.descriptor(0x80, 0, 0xFFFFF, 0x1B, kBig | kGranular); // absent code
    f.descriptor(0x88, 0, 0xFFFFF, 0x13, kBig | kGranular); // absent data
    f.descriptor(0x90, 0, 0xFFFFF, dpl_of(kData0, 1), kBig | kGranular);
    f.descriptor(0x98, 0, 0xFFFFF, 0x91);                   // read-only
    f.descriptor(0xA0, 0, 0xFF, 0x02);                      // absent LDT
    f.descriptor(0xA8, 0, 0xFFFFF, 0x98, kBig | kGranular); // execute-only
    f.descriptor(0xB0, 0, 0xFFFFF, dpl_of(kCode0, 1), kBig | kGranular);
    const Case cases[] = {
        {0x60, 0x0C, Fault::ts(0x0C)},                                   // LDT selector in the LDT
        {0x60, 0x1000, Fault::ts(0x1000)},                               // outside
        {0x60, CpuFixture::data(0), Fault::ts(CpuFixture::data(0))},     // no LDT
        {0x60, 0xA0, Fault::ts(0xA0)},                                   // not present
        {0x4C, 0, Fault::ts(0)},                                         // CS null
        {0x4C, CpuFixture::data(0), Fault::ts(CpuFixture::data(0))},     // CS is data
        {0x4C, 0xB0, Fault::ts(0xB0)},                                   // CS DPL != RPL
        {0x4C, 0x80, Fault::np(0x80)},                                   // CS not present
        {0x50, 0, Fault::ts(0)},                                         // SS null
        {0x50, 0x98, Fault::ts(0x98)},                                   // SS read-only
        {0x50, 0x90, Fault::ts(0x90)},                                   // SS DPL
        {0x50, CpuFixture::data(0) | 1, Fault::ts(CpuFixture::data(0))}, // SS RPL
        {0x50, 0x88, Fault::ss(0x88)},                                   // SS not present
        {0x54, 0x88, Fault::np(0x88)},                                   // DS not present
        {0x54, 0xA8, Fault::ts(0xA8)},                                   // DS not readable
        {0x48, kTss2Sel, Fault::ts(kTss2Sel)},                           // ES a system segment
        {0x5C, CpuFixture::data(0) | 3, Fault::ts(CpuFixture::data(0))}, // GS RPL > DPL
    };
    for (const Case& c : cases) {
        CAPTURE(c.offset, c.selector);
        f.protected_mode(0);
        second_task(f);
        f.poke16(kTss2 + c.offset, c.selector);
        CHECK(jump(f, kTss2Sel) == c.fault);
        CHECK(f.s.tr.selector == kTss2Sel);
        CHECK(f.eip() == 0x42000);
        CHECK(f.access_byte(kTssSel) == 0x89);
        CHECK((f.s.cr0 & kCR0_TS));
    }
    SECTION("and are delivered there") {
        f.protected_mode(0);
        second_task(f);
        f.poke16(kTss2 + 0x54, 0x88);
        f.cpu.raise(jump(f, kTss2Sel));
        CHECK(f.eip() == CpuFixture::handler(11));
        CHECK(f.stack32(0) == 0x88);
        CHECK(f.stack32(1) == 0x42000);
        CHECK(f.esp() == 0x28000 - 16);
    }
    SECTION("EIP beyond the new CS") {
        f.protected_mode(0);
        second_task(f);
        f.descriptor(kSel, 0, 0xFFF, kCode0);
        f.poke16(kTss2 + 0x4C, kSel);
        CHECK(jump(f, kTss2Sel) == Fault::gp(0));
        CHECK(f.s.seg[CS].selector == kSel);
    }
}

TEST_CASE("interrupt through a task gate pushes the error code on the new stack") {
    CpuFixture f;
    f.protected_mode(3);
    second_task(f);
    f.gate_at(kIdt + 8 * 8, kTaskGate, 0, kTss2Sel, 0);
    f.gate_at(kIdt + 13 * 8, kTaskGate, 0, kTss2Sel, 0);
    f.cpu.raise(Fault::gp(0x123));
    CHECK(f.s.tr.selector == kTss2Sel);
    CHECK(f.esp() == 0x28000 - 4);
    CHECK(f.stack32(0) == 0x123);
    CHECK(f.peek32(kTss + 0x20) == kCodeBase); // the faulting instruction
    CHECK((f.peek32(kTss + 0x24) & kRF));
    CHECK(f.peek16(kTss2) == kTssSel);
    CHECK((f.s.eflags & kNT));
    CHECK(f.cpu.cpl() == 0);
    // A second one cannot enter the busy task: #GP(TSS + EXT) during #GP is a double fault, which is the same task.
    f.cpu.raise(Fault::gp(0));
    CHECK(f.s.shutdown);
}

TEST_CASE("double fault through a task gate with a broken stack") {
    // What kernels use the gate for: the old stack is gone, the task has its own.
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    f.gate_at(kIdt + 8 * 8, kTaskGate, 0, kTss2Sel, 0);
    f.s.seg[SS].limit = 0x10;
    f.cpu.state_changed();
    f.cpu.raise(Fault::ud());
    CHECK(!f.s.shutdown);
    CHECK(f.s.tr.selector == kTss2Sel);
    CHECK(f.stack32(0) == 0);
}

TEST_CASE("the T bit raises #DB before the first instruction of the task") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    f.poke16(kTss2 + 0x64, 1);
    f.poke_code(kCodeBase, {0xEA, 0, 0, 0, 0, kTss2Sel, 0}); // jmp far
    f.step(2);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK((f.s.dr[6] & 0x8000));
    CHECK(f.stack32(0) == 0x42000);
}

TEST_CASE("a task switch into virtual-8086 mode") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f, 2 | kVM);
    f.poke32(kTss2 + 0x20, 0x100);
    for (unsigned i = 0; i < 6; ++i) f.poke16(kTss2 + 0x48 + 4 * i, static_cast<u16>(0x4000 + i));
    REQUIRE(jump(f, kTss2Sel) == Fault::none());
    CHECK(f.cpu.v86());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.s.seg[CS].base == 0x40010);
    CHECK(f.s.seg[GS].base == 0x40050);
}

TEST_CASE("16-bit task state segments") {
    CpuFixture f;
    f.protected_mode(0);
    f.descriptor(kTss2Sel, kTss2, 0x2B, 0x81);
    f.poke16(kTss2 + 0x0E, 0x2000);
    f.poke16(kTss2 + 0x10, 2 | kCF);
    for (unsigned i = 0; i < 8; ++i) f.poke16(kTss2 + 0x12 + 2 * i, static_cast<u16>(0x1000 + i));
    f.descriptor(0x80, 0x40000, 0xFFFF, kCode0);
    f.descriptor(0x88, 0x20000, 0xFFFF, kData0);
    const u16 selectors[] = {0x88, 0x80, 0x88, 0x88};
    for (unsigned i = 0; i < 4; ++i) f.poke16(kTss2 + 0x22 + 2 * i, selectors[i]);
    f.poke16(kTss2 + 0x2A, 0);
    f.s.seg[FS] = f.loaded(CpuFixture::data(0));
    SECTION("limit") {
        f.descriptor(kTss2Sel, kTss2, 0x2A, 0x81);
        CHECK(jump(f, kTss2Sel) == Fault::ts(kTss2Sel));
    }
    SECTION("load and return to the 32-bit task") {
        REQUIRE(call(f, kTss2Sel) == Fault::none());
        CHECK(f.eip() == 0x2000);
        CHECK(f.s.gpr[RCX] == 0xFFFF1001);
        CHECK(f.s.flags.cf());
        CHECK(f.s.seg[FS].null);
        CHECK(f.s.ldtr.null);
        CHECK(!f.cpu.stack32());
        REQUIRE(f.execute(exec::iret, CpuFixture::plain(2)) == Fault::none());
        CHECK(f.peek16(kTss2 + 0x0E) == 0x2002);
        CHECK(f.eip() == kCodeBase + 2);
        CHECK(f.s.ldtr.selector == CpuFixture::kLdtSelector);
        CHECK(f.s.seg[FS].selector == CpuFixture::data(0));
    }
}

TEST_CASE("a task switch loads CR3 with paging") {
    CpuFixture f;
    f.protected_mode(0);
    second_task(f);
    f.enable_paging();
    // A second directory that shares the table but for the stack page.
    f.poke32(0x90000, 0x91007);
    for (u32 i = 0; i < 1024; ++i) f.poke32(0x91000 + 4 * i, (i << 12) | 7);
    f.poke32(0x91000 + 4 * 0x27, 0x2A007);
    f.poke32(kTss2 + 0x1C, 0x90000);
    REQUIRE(jump(f, kTss2Sel) == Fault::none());
    CHECK(f.s.cr3 == 0x90000);
    REQUIRE(f.cpu.push<u32>(0xCAFE) == Fault::none());
    CHECK(f.peek32(0x2AFFC) == 0xCAFE);
}

/// Far JMP, CALL and RET: SDM Vol. 2, "Operation" of each, one case per check.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {
constexpr u16 kSel = CpuFixture::kFree;
Fault jump(CpuFixture& f, u16 selector, u32 offset = 0x100, u8 size = 4) {
    return f.execute(exec::jmp_far, CpuFixture::far_ptr(selector, offset, size));
}
Fault call(CpuFixture& f, u16 selector, u32 offset = 0x100, u8 size = 4) {
    return f.execute(exec::call_far, CpuFixture::far_ptr(selector, offset, size));
}
} // namespace

TEST_CASE("far transfers in real mode") {
    CpuFixture f;
    f.real_mode();
    REQUIRE(call(f, 0x4100, 0x20, 2) == Fault::none());
    CHECK(f.s.seg[CS].base == 0x41000);
    CHECK(f.eip() == 0x20);
    CHECK(f.stack16(0) == 0x102);
    CHECK(f.stack16(1) == 0x4000);
    REQUIRE(f.execute(exec::ret_far, CpuFixture::plain(2)) == Fault::none());
    CHECK(f.eip() == 0x102);
    CHECK(f.s.gpr[RSP] == 0x1000);
    CHECK(jump(f, 0x4000, 0x10000) == Fault::gp(0)); // 32-bit operand size beyond the limit
    f.s.gpr[RSP] = 1;
    CHECK(call(f, 0x4100, 0x20, 2) == Fault::ss(0));
    CHECK(f.s.gpr[RSP] == 1);
}

TEST_CASE("far jump to a code segment") {
    CpuFixture f;
    f.protected_mode(1);
    const u16 sel = kSel;
    CHECK(jump(f, 3) == Fault::gp(0));
    CHECK(jump(f, 0x1008) == Fault::gp(0x1008));
    f.descriptor(sel, 0, 0xFFFF, dpl_of(kData0, 1));
    CHECK(jump(f, sel) == Fault::gp(sel)); // data
    f.descriptor(sel, 0, 0xFFFF, kCode0);
    CHECK(jump(f, sel) == Fault::gp(sel)); // DPL 0 != CPL 1
    f.descriptor(sel, 0, 0xFFFF, dpl_of(kCode0, 1));
    CHECK(jump(f, sel | 2) == Fault::gp(sel)); // RPL > CPL
    f.descriptor(sel, 0, 0xFFFF, dpl_of(kConforming0, 2));
    CHECK(jump(f, sel) == Fault::gp(sel)); // conforming with DPL > CPL
    f.descriptor(sel, 0, 0xFFFF, dpl_of(kCode0, 1) & 0x7F);
    CHECK(jump(f, sel) == Fault::np(sel));
    f.descriptor(sel, 0, 0xFF, dpl_of(0x9A, 1));
    CHECK(jump(f, sel, 0x100) == Fault::gp(0)); // beyond the limit
    REQUIRE(jump(f, sel, 0xFF) == Fault::none());
    CHECK(f.s.seg[CS].selector == (sel | 1));
    CHECK(f.access_byte(sel) == dpl_of(0x9B, 1));
    CHECK(!f.cpu.code32());
    f.protected_mode(1);
    f.descriptor(sel, 0, 0xFFFF, kConforming0);
    REQUIRE(jump(f, sel | 3) == Fault::none()); // CPL stays, RPL is forced
    CHECK(f.cpu.cpl() == 1);
    CHECK(f.s.seg[CS].selector == (sel | 1));
}

TEST_CASE("far call pushes on a stack that must have room") {
    CpuFixture f;
    f.protected_mode(0);
    REQUIRE(call(f, CpuFixture::code(0), 0x40100) == Fault::none());
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK(f.stack32(1) == CpuFixture::code(0));
    f.protected_mode(0);
    f.s.seg[SS].limit = f.esp() - 5;
    f.cpu.update_mode();
    CHECK(call(f, CpuFixture::code(0), 0x40100) == Fault::ss(0));
    CHECK(f.esp() == CpuFixture::stack_top(0));
}

TEST_CASE("far call through a pointer in memory") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke32(0x6000, 0x41000);
    f.poke16(0x6004, CpuFixture::code(0));
    REQUIRE(f.execute(exec::call_far, CpuFixture::memory_operand(CpuFixture::plain(), 0, 0x6000)) == Fault::none());
    CHECK(f.eip() == 0x41000);
}

TEST_CASE("call gate checks") {
    CpuFixture f;
    f.protected_mode(2);
    const u16 gate = kSel;
    f.call_gate(gate, kCallGate32, 1, CpuFixture::code(0), 0x40000);
    CHECK(call(f, gate) == Fault::gp(gate)); // gate DPL < CPL
    f.call_gate(gate, kCallGate32, 2, CpuFixture::code(0), 0x40000);
    CHECK(call(f, gate | 3) == Fault::gp(gate)); // gate DPL < RPL
    f.call_gate(gate, kCallGate32, 3, CpuFixture::code(0), 0x40000, 0, false);
    CHECK(call(f, gate) == Fault::np(gate));
    f.call_gate(gate, kCallGate32, 3, 0, 0x40000);
    CHECK(call(f, gate) == Fault::gp(0));
    f.call_gate(gate, kCallGate32, 3, 0x1000, 0x40000);
    CHECK(call(f, gate) == Fault::gp(0x1000));
    f.call_gate(gate, kCallGate32, 3, CpuFixture::data(2), 0x40000);
    CHECK(call(f, gate) == Fault::gp(CpuFixture::data(2) & 0xFFFC));
    f.call_gate(gate, kCallGate32, 3, CpuFixture::code(3), 0x40000);
    CHECK(call(f, gate) == Fault::gp(CpuFixture::code(3) & 0xFFFC)); // outward
    f.call_gate(gate, kCallGate32, 3, CpuFixture::code(0), 0x40000);
    CHECK(jump(f, gate) == Fault::gp(CpuFixture::code(0))); // a jump may not change the level
    f.descriptor(kSel + 8, 0, 0xFFFF, kCode0 & 0x7F);
    f.call_gate(gate, kCallGate32, 3, kSel + 8, 0);
    CHECK(call(f, gate) == Fault::np(kSel + 8));
}

TEST_CASE("call gate to an inner level switches stacks and copies parameters") {
    CpuFixture f;
    f.protected_mode(3);
    f.push32({0x33333333, 0x22222222, 0x11111111});
    const u32 outer_esp = f.esp();
    f.call_gate(kSel, kCallGate32, 3, CpuFixture::code(1) & 0xFFFC, 0x41234, 3);
    REQUIRE(call(f, kSel | 3) == Fault::none());
    CHECK(f.cpu.cpl() == 1);
    CHECK(f.s.seg[CS].selector == CpuFixture::code(1));
    CHECK(f.eip() == 0x41234);
    CHECK(f.s.seg[SS].selector == CpuFixture::data(1));
    CHECK(f.esp() == CpuFixture::stack_top(1) - 28);
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK(f.stack32(1) == CpuFixture::code(3));
    CHECK(f.stack32(2) == 0x11111111);
    CHECK(f.stack32(4) == 0x33333333);
    CHECK(f.stack32(5) == outer_esp);
    CHECK(f.stack32(6) == CpuFixture::data(3));

    SECTION("and RET n comes back, releasing the parameters on both stacks") {
        f.s.seg[FS] = f.loaded(CpuFixture::data(1)); // not for ring 3
        f.s.seg[GS] = f.loaded(CpuFixture::data(3));
        REQUIRE(f.execute(exec::ret_far, CpuFixture::immediate(12)) == Fault::none());
        CHECK(f.cpu.cpl() == 3);
        CHECK(f.esp() == outer_esp + 12);
        CHECK(f.eip() == kCodeBase + 2);
        CHECK(f.s.seg[FS].null);
        CHECK(f.s.seg[FS].selector == 0);
        CHECK(f.s.seg[GS].selector == CpuFixture::data(3));
    }
}

TEST_CASE("16-bit call gate copies words and uses 16 bits of the offset") {
    CpuFixture f;
    f.protected_mode(3);
    f.push16({0x2222, 0x1111});
    f.descriptor(kSel + 8, kCodeBase, 0xFFFF, kCode0);
    f.call_gate(kSel, kCallGate16, 3, kSel + 8, 0x99991234, 2);
    REQUIRE(call(f, kSel | 3) == Fault::none());
    CHECK(f.eip() == 0x1234);
    CHECK(f.esp() == CpuFixture::stack_top(0) - 12);
    CHECK(f.stack16(0) == ((kCodeBase + 2) & 0xFFFF));
    CHECK(f.stack16(2) == 0x1111);
    CHECK(f.stack16(3) == 0x2222);
    CHECK(f.stack16(5) == CpuFixture::data(3));
}

TEST_CASE("the inner stack of the TSS: every #TS and #SS") {
    CpuFixture f;
    f.protected_mode(3);
    f.call_gate(kSel, kCallGate32, 3, CpuFixture::code(0), 0x41000);
    const u16 ss = kSel + 8;
    const auto with_ss = [&](u16 selector) {
        f.poke16(kTss + 8, selector);
        return call(f, kSel | 3);
    };
    SECTION("TSS too short") {
        f.s.tr.limit = 8;
        CHECK(call(f, kSel | 3) == Fault::ts(CpuFixture::kTssSelector));
        f.s.tr.limit = 9;
        CHECK(call(f, kSel | 3) == Fault::none());
    }
    SECTION("null") { CHECK(with_ss(0) == Fault::ts(0)); }
    SECTION("outside") { CHECK(with_ss(0x1000) == Fault::ts(0x1000)); }
    SECTION("RPL") { CHECK(with_ss(CpuFixture::data(0) | 1) == Fault::ts(CpuFixture::data(0))); }
    SECTION("DPL") {
        f.descriptor(ss, 0, 0xFFFFF, dpl_of(kData0, 1));
        CHECK(with_ss(ss) == Fault::ts(ss));
    }
    SECTION("not writable") {
        f.descriptor(ss, 0, 0xFFFFF, 0x91);
        CHECK(with_ss(ss) == Fault::ts(ss));
    }
    SECTION("not present") {
        f.descriptor(ss, 0, 0xFFFFF, 0x13);
        CHECK(with_ss(ss) == Fault::ss(ss));
    }
    SECTION("no room: names the new stack") {
        f.descriptor(ss, 0, 0x20FF0, kData0, kBig); // the pushes need up to 20FFFh
        CHECK(with_ss(ss) == Fault::ss(ss));
        CHECK(f.cpu.cpl() == 3);
    }
    SECTION("target beyond the code limit") {
        f.descriptor(kSel + 16, 0, 0xFFF, kCode0);
        f.call_gate(kSel, kCallGate32, 3, kSel + 16, 0x1000);
        CHECK(call(f, kSel | 3) == Fault::gp(0));
    }
    SECTION("a page fault on the inner stack is a supervisor write and changes nothing") {
        f.enable_paging();
        f.page(CpuFixture::stack_top(0) - 1, 0);
        CHECK(call(f, kSel | 3) == Fault::pf(2));
        CHECK(f.cpu.cpl() == 3);
        CHECK(f.esp() == CpuFixture::stack_top(3));
    }
    SECTION("16-bit TSS") {
        f.s.tr.attributes = 0x83;
        f.poke16(kTss + 2, 0x1FF0);
        f.poke16(kTss + 4, CpuFixture::data(0));
        CHECK(call(f, kSel | 3) == Fault::none());
        CHECK(f.esp() == 0x1FF0 - 16);
    }
}

TEST_CASE("call gate at the same level") {
    CpuFixture f;
    f.protected_mode(0);
    f.call_gate(kSel, kCallGate32, 0, CpuFixture::code(0), 0x41000, 5);
    REQUIRE(call(f, kSel, 0, 2) == Fault::none()); // the gate's size rules; no parameters
    CHECK(f.esp() == CpuFixture::stack_top(0) - 8);
    f.protected_mode(0);
    REQUIRE(jump(f, kSel) == Fault::none());
    CHECK(f.esp() == CpuFixture::stack_top(0));
    CHECK(f.eip() == 0x41000);
}

TEST_CASE("far return checks") {
    CpuFixture f;
    f.protected_mode(1);
    const auto ret = [&](u32 cs, u32 eip = 0x41000) {
        f.s.gpr[RSP] = CpuFixture::stack_top(1) - 32;
        f.push32({cs, eip});
        return f.execute(exec::ret_far);
    };
    CHECK(ret(0) == Fault::gp(0));
    CHECK(ret(0x1001) == Fault::gp(0x1000));
    CHECK(ret(CpuFixture::data(1)) == Fault::gp(CpuFixture::data(1) & 0xFFFC));
    CHECK(ret(CpuFixture::code(0)) == Fault::gp(CpuFixture::code(0))); // inward
    f.descriptor(kSel, 0, 0xFFFF, dpl_of(kCode0, 2));
    CHECK(ret(kSel | 1) == Fault::gp(kSel)); // DPL != RPL
    f.descriptor(kSel, 0, 0xFFFF, dpl_of(kConforming0, 2));
    CHECK(ret(kSel | 1) == Fault::gp(kSel)); // conforming with DPL > RPL
    f.descriptor(kSel, 0, 0xFFFF, dpl_of(kCode0, 1) & 0x7F);
    CHECK(ret(kSel | 1) == Fault::np(kSel));
    f.descriptor(kSel, 0, 0xFF, dpl_of(kCode0, 1));
    CHECK(ret(kSel | 1, 0x100) == Fault::gp(0));
    CHECK(ret(kSel | 1, 0xFF) == Fault::none());
    f.protected_mode(1);
    f.s.seg[SS].limit = f.esp() + 3;
    f.cpu.update_mode();
    CHECK(f.execute(exec::ret_far) == Fault::ss(0));
}

TEST_CASE("far return to an outer level: its stack") {
    CpuFixture f;
    f.protected_mode(0);
    const auto ret = [&](u16 ss, u16 cs = CpuFixture::code(3)) {
        f.protected_mode(0);
        f.push32({0, 0});
        f.push32({ss, 0x20500, cs, 0x41000});
        return f.execute(exec::ret_far);
    };
    CHECK(ret(0) == Fault::gp(0));
    CHECK(ret(0x1003) == Fault::gp(0x1000));
    CHECK(ret(CpuFixture::data(2)) == Fault::gp(CpuFixture::data(2) & 0xFFFC));
    f.descriptor(kSel, 0, 0xFFFF, 0xF1);
    CHECK(ret(kSel | 3) == Fault::gp(kSel));
    f.descriptor(kSel, 0, 0xFFFF, 0x73);
    CHECK(ret(kSel | 3) == Fault::ss(kSel));
    REQUIRE(ret(CpuFixture::data(3)) == Fault::none());
    CHECK(f.esp() == 0x20500);
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.s.seg[DS].null); // ring 0 data
    // A 16-bit stack takes 16 bits of the image and keeps the rest of ESP.
    f.descriptor(kSel, 0, 0xFFFF, kData3);
    REQUIRE(ret(kSel | 3) == Fault::none());
    CHECK(f.esp() == ((CpuFixture::stack_top(0) & 0xFFFF0000) | 0x0500));
}

TEST_CASE("far call: the stack's limit before its alignment, the alignment before the page") {
    CpuFixture f;
    f.protected_mode(3);
    f.enable_paging();
    f.s.cr0 |= kCR0_AM;
    f.s.eflags |= kAC;
    f.descriptor(kSel, 0x60000, 0xFFFF, kData3);
    f.s.seg[SS] = f.loaded(kSel | 3);
    f.cpu.state_changed();
    const auto call = [&](u32 sp) {
        f.s.gpr[RSP] = sp;
        return f.execute(exec::call_far, CpuFixture::far_ptr(CpuFixture::code(3), 0x41000, 2));
    };
    f.page(0x60000, 0);
    CHECK(call(1) == Fault::ss(0)); // the first item would lie at FFFF and 10000h
    CHECK(call(0x101) == Fault::ac());
    CHECK(call(0x100) == Fault::pf(6));
}

TEST_CASE("a return to an outer level drops segments it may not use, and the RPL of null selectors") {
    // SDM Vol. 2, RET and IRET: "IF SegmentSelector = NULL OR (tempDesc(DPL) < CPL AND data or nonconforming code) THEN
    // SegmentSelector <- NULL". Measured as well: 3 in DS or GS becomes 0 at an interrupt's return.
    for (const bool interrupt : {false, true}) {
        CAPTURE(interrupt);
        CpuFixture f;
        f.protected_mode(0);
        f.descriptor(kSel, 0, 0xFFFF, kConforming0);
        f.descriptor(kSel + 8, 0, 0xFFFF, kCode0);
        REQUIRE(f.load_sreg(DS, 3) == Fault::none());
        REQUIRE(f.load_sreg(ES, kSel) == Fault::none());                // conforming: stays
        REQUIRE(f.load_sreg(FS, kSel + 8) == Fault::none());            // readable code of ring 0: goes
        REQUIRE(f.load_sreg(GS, CpuFixture::data(3)) == Fault::none()); // stays
        f.push32({CpuFixture::data(3), 0x20500});
        if (interrupt) f.push32({2});
        f.push32({CpuFixture::code(3), 0x41000});
        REQUIRE(f.execute(interrupt ? exec::iret : exec::ret_far) == Fault::none());
        CHECK(f.s.seg[DS].selector == 0);
        CHECK(f.s.seg[DS].null);
        CHECK(f.s.seg[ES].selector == kSel);
        CHECK(f.s.seg[FS].selector == 0);
        CHECK(f.s.seg[FS].null);
        CHECK(f.s.seg[GS].selector == CpuFixture::data(3));
    }
    // At the same level nothing is touched.
    CpuFixture f;
    f.protected_mode(0);
    REQUIRE(f.load_sreg(DS, 3) == Fault::none());
    f.push32({CpuFixture::code(0), 0x41000});
    REQUIRE(f.execute(exec::ret_far) == Fault::none());
    CHECK(f.s.seg[DS].selector == 3);
}

/// Segment loads and the instructions that look at selectors: every fault condition of SDM Vol. 2, MOV, LLDT, LTR, LAR,
/// LSL, VERR, ARPL with its error code.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

TEST_CASE("data segment loads check type, privilege and presence in that order") {
    CpuFixture f;
    const u16 selector = CpuFixture::kFree;
    SECTION("a good one loads base, limit and rights and sets the accessed bit") {
        f.protected_mode();
        f.descriptor(selector, 0x12345678, 0xFFFFF, 0x92, kBig | kGranular);
        REQUIRE(f.load_sreg(ES, selector) == Fault::none());
        CHECK(f.s.seg[ES].base == 0x12345678);
        CHECK(f.s.seg[ES].limit == 0xFFFFFFFF);
        CHECK(f.s.seg[ES].attributes == 0xC93);
        CHECK(f.access_byte(selector) == 0x93);
    }
    SECTION("null is accepted and any use faults") {
        f.protected_mode();
        REQUIRE(f.load_sreg(ES, 3) == Fault::none());
        CHECK(f.s.seg[ES].selector == 3);
        u8 byte = 0;
        CHECK(f.cpu.read<u8>(ES, 0, byte) == Fault::gp(0));
    }
    SECTION("beyond the GDT limit") {
        f.protected_mode();
        f.s.gdtr.limit = selector + 6;
        CHECK(f.load_sreg(DS, selector) == Fault::gp(selector));
    }
    SECTION("beyond the LDT limit, or without an LDT") {
        f.protected_mode();
        f.s.ldtr.limit = 0x17;
        f.descriptor(0x14, 0, 0xFFFF, kData0);
        CHECK(f.load_sreg(DS, 0x14) == Fault::none());
        CHECK(f.load_sreg(DS, 0x1C) == Fault::gp(0x1C));
        make_null(f.s.ldtr);
        CHECK(f.load_sreg(DS, 0x14) == Fault::gp(0x14));
    }
    SECTION("execute-only code and system descriptors are #GP") {
        f.protected_mode();
        f.descriptor(selector, 0, 0xFFFF, 0x98);
        CHECK(f.load_sreg(DS, selector) == Fault::gp(selector));
        f.descriptor(selector, 0, 0xFFFF, 0x82);
        CHECK(f.load_sreg(DS, selector) == Fault::gp(selector));
    }
    SECTION("CPL and RPL against DPL; conforming code is exempt") {
        f.protected_mode(3);
        f.descriptor(selector, 0, 0xFFFF, dpl_of(kData0, 2));
        CHECK(f.load_sreg(DS, selector | 3) == Fault::gp(selector));
        f.descriptor(selector, 0, 0xFFFF, kConforming0);
        CHECK(f.load_sreg(DS, selector | 3) == Fault::none());
        f.protected_mode(0);
        f.descriptor(selector, 0, 0xFFFF, dpl_of(kData0, 2));
        CHECK(f.load_sreg(DS, selector | 3) == Fault::gp(selector));
        CHECK(f.load_sreg(DS, selector | 2) == Fault::none());
    }
    SECTION("not present is #NP after the privilege check") {
        f.protected_mode(3);
        f.descriptor(selector, 0, 0xFFFF, kData0 & 0x7F);
        CHECK(f.load_sreg(DS, selector) == Fault::gp(selector));
        f.descriptor(selector, 0, 0xFFFF, kData3 & 0x7F);
        CHECK(f.load_sreg(DS, selector | 3) == Fault::np(selector));
    }
    SECTION("the accessed bit in a page that cannot be written faults before anything changes") {
        f.protected_mode();
        f.enable_paging();
        f.s.cr0 |= kCR0_WP;
        f.cpu.update_mode();
        f.descriptor(selector, 0x777000, 0xFFFF, 0x92);
        f.page(kGdt, 1);
        CHECK(f.load_sreg(ES, selector).is(Vector::PF));
        CHECK(f.s.seg[ES].base == 0);
        CHECK(f.cpu.page_fault_address == kGdt + selector + 5);
    }
}

TEST_CASE("stack segment loads are stricter") {
    CpuFixture f;
    f.protected_mode(0);
    const u16 selector = CpuFixture::kFree;
    CHECK(f.load_sreg(SS, 0) == Fault::gp(0));
    f.descriptor(selector, 0, 0xFFFF, kData0);
    CHECK(f.load_sreg(SS, selector | 1) == Fault::gp(selector)); // RPL
    f.descriptor(selector, 0, 0xFFFF, dpl_of(kData0, 1));
    CHECK(f.load_sreg(SS, selector) == Fault::gp(selector)); // DPL
    f.descriptor(selector, 0, 0xFFFF, 0x91);
    CHECK(f.load_sreg(SS, selector) == Fault::gp(selector)); // read-only
    f.descriptor(selector, 0, 0xFFFF, kCode0);
    CHECK(f.load_sreg(SS, selector) == Fault::gp(selector)); // code
    f.descriptor(selector, 0, 0xFFFF, 0x13);
    CHECK(f.load_sreg(SS, selector) == Fault::ss(selector)); // not present
    f.descriptor(selector, 0, 0xFFFF, kData0);
    f.s.shadow = 0;
    REQUIRE(f.load_sreg(SS, selector) == Fault::none());
    CHECK(f.s.shadow == kShadowMovSs);
    CHECK(!f.cpu.stack32());
}

TEST_CASE("MOV to CS is #UD; MOV from a segment register zero-extends into a 32-bit register only") {
    CpuFixture f;
    f.protected_mode(0);
    CHECK(f.load_sreg(CS, CpuFixture::code(0)) == Fault::ud());
    f.s.gpr[RBX] = 0xFFFFFFFF;
    auto from_ds = [&](u8 size) {
        return f.execute(exec::mov_sreg, CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RBX, size),
                                                          CpuFixture::operand(OperandKind::Segment, DS), size));
    };
    REQUIRE(from_ds(2) == Fault::none());
    CHECK(f.s.gpr[RBX] == (0xFFFF0000u | CpuFixture::data(0)));
    REQUIRE(from_ds(4) == Fault::none());
    CHECK(f.s.gpr[RBX] == CpuFixture::data(0));
}

TEST_CASE("POP SS moves the old stack's pointer and restarts on a fault") {
    CpuFixture f;
    f.protected_mode(0);
    f.push32({0xABCD0000u | CpuFixture::data(1)});
    const u32 before = f.esp();
    const Insn pop_ss = CpuFixture::with(CpuFixture::operand(OperandKind::Segment, SS));
    CHECK(f.execute(exec::pop_sreg, pop_ss) == Fault::gp(CpuFixture::data(1) & 0xFFFC));
    CHECK(f.esp() == before);
    f.poke16(before, CpuFixture::data(0));
    REQUIRE(f.execute(exec::pop_sreg, pop_ss) == Fault::none());
    CHECK(f.esp() == before + 4);
    CHECK(f.s.shadow == kShadowMovSs);
}

TEST_CASE("PUSH Sreg with a 32-bit operand size writes two bytes and moves four") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke32(f.esp() - 4, 0x11111111);
    REQUIRE(f.execute(exec::push_sreg, CpuFixture::with(CpuFixture::operand(OperandKind::Segment, DS))) ==
            Fault::none());
    CHECK(f.stack32(0) == (0x11110000u | CpuFixture::data(0)));
}

TEST_CASE("LES loads both halves or nothing") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.gpr[RBX] = 1;
    f.poke32(0x6000, 0xDEADBEEF);
    f.poke16(0x6004, CpuFixture::kFree);
    Insn les = CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RBX, 4), CpuFixture::operand(OperandKind::Mem));
    les = CpuFixture::memory_operand(les, 1, 0x6000);
    f.descriptor(CpuFixture::kFree, 0, 0xFFFF, kData0 & 0x7F);
    CHECK(f.execute(exec::les, les) == Fault::np(CpuFixture::kFree));
    CHECK(f.s.gpr[RBX] == 1);
    f.descriptor(CpuFixture::kFree, 0, 0xFFFF, kData0);
    REQUIRE(f.execute(exec::les, les) == Fault::none());
    CHECK(f.s.gpr[RBX] == 0xDEADBEEF);
    CHECK(f.s.seg[ES].selector == CpuFixture::kFree);
}

TEST_CASE("real-mode loads keep limit and rights, virtual-8086 loads set them") {
    CpuFixture f;
    f.real_mode();
    f.s.seg[DS].limit = 0xFFFFFFFF; // "unreal" mode
    REQUIRE(f.load_sreg(DS, 0x1234) == Fault::none());
    CHECK(f.s.seg[DS].base == 0x12340);
    CHECK(f.s.seg[DS].limit == 0xFFFFFFFF);
    f.v86_mode(3);
    f.s.seg[DS].limit = 0xFFFFFFFF;
    REQUIRE(f.load_sreg(DS, 0x1234) == Fault::none());
    CHECK(f.s.seg[DS].limit == 0xFFFF);
    CHECK(f.s.seg[DS].attributes == 0xF3);
}

TEST_CASE("expand-down segments are valid above their limit") {
    CpuFixture f;
    f.protected_mode(0);
    f.descriptor(CpuFixture::kFree, 0, 0x0FFF, 0x97);
    REQUIRE(f.load_sreg(ES, CpuFixture::kFree) == Fault::none());
    u16 word = 0;
    CHECK(f.cpu.read<u16>(ES, 0x0FFF, word) == Fault::gp(0));
    CHECK(f.cpu.read<u16>(ES, 0x1000, word) == Fault::none());
    CHECK(f.cpu.read<u16>(ES, 0xFFFF, word) == Fault::gp(0)); // over the 16-bit top
    f.descriptor(CpuFixture::kFree, 0, 0x0FFF, 0x97, kBig);
    REQUIRE(f.load_sreg(ES, CpuFixture::kFree) == Fault::none());
    CHECK(f.cpu.read<u16>(ES, 0xFFFF, word) == Fault::none());
}

namespace {
Insn ax_operand() { return CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RAX, 2)); }
} // namespace

TEST_CASE("LLDT") {
    CpuFixture f;
    f.protected_mode(3);
    f.s.gpr[RAX] = CpuFixture::kLdtSelector;
    CHECK(f.execute(exec::lldt, ax_operand()) == Fault::gp(0));
    f.real_mode();
    f.s.cr0 &= ~kCR0_PE;
    f.cpu.update_mode();
    CHECK(f.execute(exec::lldt, ax_operand()) == Fault::ud());
    f.protected_mode(0);
    const auto load = [&](u16 selector) {
        f.s.gpr[RAX] = selector;
        return f.execute(exec::lldt, ax_operand());
    };
    CHECK(load(0x0C) == Fault::gp(0x0C)); // local
    CHECK(load(CpuFixture::data(0)) == Fault::gp(CpuFixture::data(0)));
    CHECK(load(0x1000) == Fault::gp(0x1000));
    f.descriptor(CpuFixture::kFree, 0x7000, 0xFF, 0x02);
    CHECK(load(CpuFixture::kFree) == Fault::np(CpuFixture::kFree));
    f.descriptor(CpuFixture::kFree, 0x7000, 0xFF, 0x82);
    REQUIRE(load(CpuFixture::kFree) == Fault::none());
    CHECK(f.s.ldtr.base == 0x7000);
    REQUIRE(load(0) == Fault::none());
    CHECK(f.load_sreg(DS, 0x0C) == Fault::gp(0x0C));
}

TEST_CASE("LTR marks the TSS busy") {
    CpuFixture f;
    f.protected_mode(0);
    const auto load = [&](u16 selector) {
        f.s.gpr[RAX] = selector;
        return f.execute(exec::ltr, ax_operand());
    };
    CHECK(load(0) == Fault::gp(0));
    CHECK(load(0x0C) == Fault::gp(0x0C));
    CHECK(load(CpuFixture::kTssSelector) == Fault::gp(CpuFixture::kTssSelector)); // busy
    f.descriptor(CpuFixture::kFree, kTss2, 0x67, 0x09);
    CHECK(load(CpuFixture::kFree) == Fault::np(CpuFixture::kFree));
    REQUIRE(load(CpuFixture::kTss2Selector) == Fault::none());
    CHECK(f.access_byte(CpuFixture::kTss2Selector) == 0x8B);
    CHECK(f.s.tr.base == kTss2);
    CHECK(f.s.tr.type() == kTss32Busy);
    REQUIRE(f.execute(exec::str_, CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RDX, 4))) == Fault::none());
    CHECK(f.s.gpr[RDX] == CpuFixture::kTss2Selector);
}

TEST_CASE("LAR, LSL, VERR, VERW report visibility in ZF") {
    CpuFixture f;
    f.protected_mode(3);
    const u16 selector = CpuFixture::kFree;
    const auto two = [&](Semantic semantic, u16 s) {
        f.s.gpr[RCX] = s;
        f.s.gpr[RDX] = 0x55555555;
        f.s.flags.set(0);
        REQUIRE(f.execute(semantic, CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RDX, 4),
                                                     CpuFixture::operand(OperandKind::Gpr, RCX, 2))) == Fault::none());
        return f.s.flags.zf();
    };
    const auto one = [&](Semantic semantic, u16 s) {
        f.s.gpr[RAX] = s;
        f.s.flags.set(0);
        REQUIRE(f.execute(semantic, ax_operand()) == Fault::none());
        return f.s.flags.zf();
    };
    f.descriptor(selector, 0, 0x12345, kData3, kGranular);
    CHECK(two(exec::lar, selector | 3));
    CHECK(f.s.gpr[RDX] == 0x0081F300); // with bits 19 to 16 of the limit
    CHECK(two(exec::lsl, selector | 3));
    CHECK(f.s.gpr[RDX] == 0x12345FFF);
    CHECK(one(exec::verr, selector | 3));
    CHECK(one(exec::verw, selector | 3));
    CHECK(!two(exec::lar, 0)); // null
    CHECK(f.s.gpr[RDX] == 0x55555555);
    CHECK(!two(exec::lsl, 0x2000)); // outside
    f.descriptor(selector, 0, 0xFFFF, kData0);
    CHECK(!two(exec::lar, selector)); // CPL 3 may not see DPL 0
    CHECK(!one(exec::verr, selector));
    f.descriptor(selector, 0, 0xFFFF, kConforming0);
    CHECK(two(exec::lar, selector | 3));
    CHECK(one(exec::verr, selector));
    CHECK(!one(exec::verw, selector));
    f.descriptor(selector, 0, 0xFFFF, 0xF9); // execute-only
    CHECK(!one(exec::verr, selector));
    // System types: gates are for LAR only, interrupt gates for neither.
    f.call_gate(selector, kCallGate32, 3, 8, 0);
    CHECK(two(exec::lar, selector | 3));
    CHECK(!two(exec::lsl, selector | 3));
    CHECK(!one(exec::verr, selector | 3));
    f.call_gate(selector, kInterruptGate32, 3, 8, 0);
    CHECK(!two(exec::lar, selector | 3));
    f.v86_mode();
    CHECK(f.execute(exec::verr, ax_operand()) == Fault::ud());
}

TEST_CASE("ARPL raises RPL only") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.gpr[RAX] = 0x10;
    f.s.gpr[RCX] = 3;
    const Insn arpl =
        CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RAX, 2), CpuFixture::operand(OperandKind::Gpr, RCX, 2));
    REQUIRE(f.execute(exec::arpl, arpl) == Fault::none());
    CHECK(f.s.gpr[RAX] == 0x13);
    CHECK(f.s.flags.zf());
    REQUIRE(f.execute(exec::arpl, arpl) == Fault::none());
    CHECK(!f.s.flags.zf());
}

/// Virtual-8086 mode and the virtual interrupt flag: SDM Vol. 3, chapter 20.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {
Fault interrupt(CpuFixture& f, u8 vector) { return f.execute(exec::int_, CpuFixture::immediate(vector, 2)); }
} // namespace

TEST_CASE("interrupt from virtual-8086 mode and return to it") {
    CpuFixture f;
    f.v86_mode(3, kIF);
    f.s.seg[ES] = v86_segment(0x1111);
    f.s.seg[FS] = v86_segment(0x2222);
    f.s.seg[GS] = v86_segment(0x3333);
    f.idt_gate(0x30, kInterruptGate32, 3, CpuFixture::code(0), 0x41000);
    REQUIRE(interrupt(f, 0x30) == Fault::none());
    CHECK(!f.cpu.v86());
    CHECK(f.cpu.cpl() == 0);
    CHECK(f.esp() == CpuFixture::stack_top(0) - 36);
    const u32 expected[] = {0x102, 0x4000, 2 | kVM | kIF | kIOPL, 0x1000, 0x3000, 0x1111, 0x5000, 0x2222, 0x3333};
    for (unsigned i = 0; i < 9; ++i) CHECK(f.stack32(i) == expected[i]);
    for (Seg seg : {DS, ES, FS, GS}) {
        CHECK(f.s.seg[seg].null);
        CHECK(f.s.seg[seg].selector == 0);
    }
    CHECK(!(f.s.eflags & kIF));
    REQUIRE(f.execute(exec::iret) == Fault::none());
    CHECK(f.cpu.v86());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.eip() == 0x102);
    CHECK(f.s.seg[CS].base == 0x40000);
    CHECK(f.s.seg[ES].base == 0x11110);
    CHECK(f.s.seg[GS].base == 0x33330);
    CHECK(f.s.seg[DS].attributes == 0xF3);
    CHECK(f.s.gpr[RSP] == 0x1000);
    CHECK(f.s.eflags == (2 | kVM | kIF | kIOPL));
}

TEST_CASE("the handler of virtual-8086 mode must be a nonconforming ring 0 segment") {
    CpuFixture f;
    f.v86_mode(3);
    f.idt_gate(0x30, kInterruptGate32, 3, CpuFixture::code(1) & 0xFFFC, 0x41000);
    CHECK(interrupt(f, 0x30) == Fault::gp(CpuFixture::code(1) & 0xFFFC));
    f.descriptor(CpuFixture::kFree, 0, 0xFFFFF, kConforming0, kBig | kGranular);
    f.idt_gate(0x30, kInterruptGate32, 3, CpuFixture::kFree, 0x41000);
    CHECK(interrupt(f, 0x30) == Fault::gp(CpuFixture::kFree));
    f.idt_gate(0x30, kInterruptGate32, 0, CpuFixture::code(0), 0x41000);
    CHECK(interrupt(f, 0x30) == Fault::gp(0x30 * 8 + 2)); // gate DPL
}

TEST_CASE("sensitive instructions need IOPL 3 in virtual-8086 mode without VME") {
    CpuFixture f;
    f.v86_mode(2);
    CHECK(interrupt(f, 0x30) == Fault::gp(0));
    CHECK(f.execute(exec::cli) == Fault::gp(0));
    CHECK(f.execute(exec::sti) == Fault::gp(0));
    CHECK(f.execute(exec::pushf, CpuFixture::plain(2)) == Fault::gp(0));
    CHECK(f.execute(exec::popf, CpuFixture::plain(2)) == Fault::gp(0));
    CHECK(f.execute(exec::iret, CpuFixture::plain(2)) == Fault::gp(0));
    CHECK(f.execute(exec::hlt) == Fault::gp(0));
    CHECK(f.execute(exec::clts) == Fault::gp(0));
    // INT3 is not IOPL-sensitive; its gate's DPL counts.
    CHECK(f.execute(exec::int3) == Fault::gp(3 * 8 + 2));
}

TEST_CASE("virtual-8086 mode with IOPL 3 works on IF and never on IOPL and VM") {
    CpuFixture f;
    f.v86_mode(3, kIF);
    REQUIRE(f.execute(exec::cli) == Fault::none());
    CHECK(!(f.s.eflags & kIF));
    REQUIRE(f.execute(exec::sti) == Fault::none());
    CHECK((f.s.eflags & kIF));
    f.push32({0});
    REQUIRE(f.execute(exec::popf, CpuFixture::plain(4)) == Fault::none());
    CHECK(f.cpu.eflags() == (2 | kVM | kIOPL));
    REQUIRE(f.execute(exec::pushf, CpuFixture::plain(4)) == Fault::none());
    CHECK(f.stack32(0) == (2 | kIOPL)); // VM reads as zero
    f.push16({kIF, 0x4100, 0x22});
    REQUIRE(f.execute(exec::iret, CpuFixture::plain(2)) == Fault::none());
    CHECK(f.cpu.eflags() == (2 | kVM | kIOPL | kIF));
    CHECK(f.s.seg[CS].base == 0x41000);
}

TEST_CASE("VME: IF becomes VIF") {
    CpuFixture f;
    f.v86_mode(0);
    f.s.cr4 |= kCR4_VME;
    SECTION("CLI and STI") {
        REQUIRE(f.execute(exec::sti) == Fault::none());
        CHECK(f.s.eflags == (2 | kVM | kVIF));
        REQUIRE(f.execute(exec::cli) == Fault::none());
        CHECK(f.s.eflags == (2 | kVM));
        f.s.eflags |= kVIP;
        CHECK(f.execute(exec::sti) == Fault::gp(0));
    }
    SECTION("PUSHF shows VIF as IF and IOPL 3; the 32-bit form faults") {
        f.s.eflags |= kVIF;
        REQUIRE(f.execute(exec::pushf, CpuFixture::plain(2)) == Fault::none());
        CHECK(f.stack16(0) == (2 | kIF | kIOPL));
        CHECK(f.execute(exec::pushf, CpuFixture::plain(4)) == Fault::gp(0));
        CHECK(f.execute(exec::popf, CpuFixture::plain(4)) == Fault::gp(0));
    }
    SECTION("POPF and IRET write VIF") {
        f.push16({kIF | kCF});
        REQUIRE(f.execute(exec::popf, CpuFixture::plain(2)) == Fault::none());
        CHECK(f.cpu.eflags() == (2 | kVM | kVIF | kCF));
        f.push16({0, 0x4100, 0x22});
        REQUIRE(f.execute(exec::iret, CpuFixture::plain(2)) == Fault::none());
        CHECK(f.cpu.eflags() == (2 | kVM));
        CHECK(f.eip() == 0x22);
    }
    SECTION("TF, or IF with VIP, must go to the monitor") {
        f.push16({kTF});
        CHECK(f.execute(exec::popf, CpuFixture::plain(2)) == Fault::gp(0));
        f.s.eflags |= kVIP;
        f.poke16(0x30000 + f.esp(), kIF);
        CHECK(f.execute(exec::popf, CpuFixture::plain(2)) == Fault::gp(0));
        f.push16({kIF, 0x4100, 0x22});
        const u32 sp = f.esp();
        CHECK(f.execute(exec::iret, CpuFixture::plain(2)) == Fault::gp(0));
        CHECK(f.esp() == sp);
    }
}

TEST_CASE("VME: the redirection bitmap, SDM Vol. 3, table 20-2") {
    CpuFixture f;
    const auto start = [&](u8 iopl, bool redirect) {
        f.v86_mode(iopl, kVIF);
        f.s.cr4 |= kCR4_VME;
        f.poke8(kTss + 0x200 - 32 + 0x21 / 8, redirect ? 0x00 : 0xFF);
        f.poke32(0x21 * 4, 0x45001234);
        f.idt_gate(0x21, kInterruptGate32, 3, CpuFixture::code(0), 0x41000);
    };
    SECTION("bit clear, IOPL 0: method 6") {
        start(0, true);
        REQUIRE(interrupt(f, 0x21) == Fault::none());
        CHECK(f.cpu.v86());
        CHECK(f.s.seg[CS].selector == 0x4500);
        CHECK(f.eip() == 0x1234);
        CHECK(f.stack16(0) == 0x102);
        CHECK(f.stack16(1) == 0x4000);
        CHECK(f.stack16(2) == (2 | kIOPL | kIF));
        CHECK(!(f.s.eflags & kVIF));
    }
    SECTION("bit clear, IOPL 3: method 5") {
        start(3, true);
        f.s.eflags |= kIF;
        REQUIRE(interrupt(f, 0x21) == Fault::none());
        CHECK(f.cpu.v86());
        CHECK(f.stack16(2) == (2 | kIOPL | kIF));
        CHECK(!(f.s.eflags & kIF));
        CHECK((f.s.eflags & kVIF));
    }
    SECTION("bit set, IOPL 0: method 3") {
        start(0, false);
        CHECK(interrupt(f, 0x21) == Fault::gp(0));
    }
    SECTION("bit set, IOPL 3: method 4") {
        start(3, false);
        REQUIRE(interrupt(f, 0x21) == Fault::none());
        CHECK(!f.cpu.v86());
        CHECK(f.eip() == 0x41000);
    }
    SECTION("a bitmap beyond the TSS limit is #GP(0)") {
        start(3, true);
        f.s.tr.limit = 0x67;
        CHECK(interrupt(f, 0x21) == Fault::gp(0));
    }
}

TEST_CASE("PVI: CLI and STI on VIF at CPL 3 with IOPL < 3") {
    CpuFixture f;
    f.protected_mode(3);
    CHECK(f.execute(exec::cli) == Fault::gp(0));
    f.s.cr4 |= kCR4_PVI;
    REQUIRE(f.execute(exec::sti) == Fault::none());
    CHECK(f.s.eflags == (2 | kVIF));
    f.s.eflags |= kVIP;
    CHECK(f.execute(exec::sti) == Fault::gp(0));
    REQUIRE(f.execute(exec::cli) == Fault::none());
    f.protected_mode(2);
    CHECK(f.execute(exec::cli) == Fault::gp(0)); // CPL 3 only
}

TEST_CASE("POPF by privilege in protected mode") {
    CpuFixture f;
    const auto after = [&](u8 ring, u8 iopl) {
        f.protected_mode(ring);
        f.s.eflags = 2u | u32{iopl} << 12;
        f.s.flags.set(0);
        f.push32({0xFFFFFFFF});
        REQUIRE(f.execute(exec::popf) == Fault::none());
        return f.cpu.eflags();
    };
    const u32 always = (kStatusFlags | kTF | kDF | kNT | kAC | kID) | 2;
    CHECK(after(0, 0) == (always | kIF | kIOPL));
    CHECK(after(3, 3) == (always | kIF | kIOPL));
    CHECK(after(3, 0) == always);
    CHECK(after(1, 2) == (always | kIF | (2u << 12)));
}

TEST_CASE("STI opens interrupts after the next instruction, only if they were closed") {
    CpuFixture f;
    f.protected_mode(0);
    REQUIRE(f.execute(exec::sti) == Fault::none());
    CHECK(f.s.shadow == kShadowSti);
    f.s.shadow = 0;
    REQUIRE(f.execute(exec::sti) == Fault::none());
    CHECK(f.s.shadow == 0);
}

TEST_CASE("I/O permission bitmap") {
    CpuFixture f;
    f.protected_mode(3);
    f.poke8(kTss + 0x200 + 0x60 / 8, 0x10); // port 64h
    CHECK(f.cpu.check_io_permission(0x60, 1) == Fault::none());
    CHECK(f.cpu.check_io_permission(0x60, 4) == Fault::none());
    CHECK(f.cpu.check_io_permission(0x61, 4) == Fault::gp(0));
    CHECK(f.cpu.check_io_permission(0x64, 1) == Fault::gp(0));
    // A doubleword over a byte border takes bits of two bytes.
    f.poke8(kTss + 0x200 + 0x68 / 8, 0x01);
    CHECK(f.cpu.check_io_permission(0x65, 4) == Fault::gp(0));
    // The byte after the last one is read too.
    f.s.tr.limit = 0x200 + 0x60 / 8;
    CHECK(f.cpu.check_io_permission(0x60, 1) == Fault::gp(0));
    f.s.tr.limit = 0x200 + 0x60 / 8 + 1;
    CHECK(f.cpu.check_io_permission(0x60, 1) == Fault::none());
    f.s.tr.attributes = 0x83; // a 16-bit TSS has none
    CHECK(f.cpu.check_io_permission(0x60, 1) == Fault::gp(0));
    f.s.eflags |= kIOPL;
    CHECK(f.cpu.check_io_permission(0x64, 1) == Fault::none());
    // In virtual-8086 mode IOPL does not matter.
    f.v86_mode(3);
    CHECK(f.cpu.check_io_permission(0x64, 1) == Fault::gp(0));
    f.real_mode();
    f.s.eflags = 2;
    f.s.cr0 &= ~kCR0_PE;
    f.cpu.update_mode();
    CHECK(f.cpu.check_io_permission(0x64, 1) == Fault::none());
}

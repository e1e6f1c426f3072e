/// Interrupt and exception delivery and IRET: SDM Vol. 2, INT n and IRET; SDM Vol. 3, 6.12 to 6.15 and 20.3.
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {
constexpr u16 kSel = CpuFixture::kFree;
Fault interrupt(CpuFixture& f, u8 vector) { return f.execute(exec::int_, CpuFixture::immediate(vector)); }
Fault iret(CpuFixture& f, u8 size = 4) { return f.execute(exec::iret, CpuFixture::plain(size)); }
} // namespace

TEST_CASE("real-mode interrupts use the IVT and clear IF, TF and AC") {
    CpuFixture f;
    f.real_mode();
    f.s.eflags = 2 | kIF | kTF | kAC;
    f.s.flags.set(kCF);
    REQUIRE(interrupt(f, 0x21) == Fault::none());
    CHECK(f.eip() == 0x8000 + 0x210);
    CHECK(f.s.seg[CS].selector == 0x4000);
    CHECK(f.stack16(0) == 0x102);
    CHECK(f.stack16(1) == 0x4000);
    CHECK(f.stack16(2) == (2 | kIF | kTF | kCF));
    CHECK((f.s.eflags & (kIF | kTF | kAC)) == 0);
    REQUIRE(iret(f, 2) == Fault::none());
    CHECK(f.eip() == 0x102);
    CHECK((f.cpu.eflags() & 0xFFFF) == (2 | kIF | kTF | kCF));

    f.real_mode();
    f.s.idtr.limit = 0x21 * 4 + 2;
    CHECK(interrupt(f, 0x21).is(Vector::GP));
    CHECK(interrupt(f, 0x20) == Fault::none());
    f.s.gpr[RSP] = 3; // SS:FFFF would be crossed
    CHECK(interrupt(f, 0x20) == Fault::ss(0));
}

TEST_CASE("real-mode IRETD keeps VM, VIF and VIP") {
    CpuFixture f;
    f.real_mode();
    f.push32({0xFFFFFFFF, 0x4000, 0x55});
    REQUIRE(iret(f, 4) == Fault::none());
    CHECK(f.cpu.eflags() == (0x257FD5u | 2));
}

TEST_CASE("IDT checks of a software interrupt") {
    CpuFixture f;
    f.protected_mode(3);
    const u32 error = 0x30 * 8 + 2;
    SECTION("limit") {
        f.s.idtr.limit = 0x30 * 8 + 6;
        CHECK(interrupt(f, 0x30) == Fault::gp(error));
    }
    SECTION("type") {
        f.idt_gate(0x30, kCallGate32, 3, CpuFixture::code(0), 0);
        CHECK(interrupt(f, 0x30) == Fault::gp(error));
    }
    SECTION("gate DPL, before presence") {
        f.idt_gate(0x30, kInterruptGate32, 2, CpuFixture::code(0), 0, false);
        CHECK(interrupt(f, 0x30) == Fault::gp(error));
        // Not for hardware; EXT is set.
        CHECK(f.cpu.deliver(0x30, EventKind::External) == Fault::np(error | 1));
        CHECK(f.cpu.deliver(0x30, EventKind::Icebp) == Fault::np(error | 1));
    }
    SECTION("presence") {
        f.idt_gate(0x30, kInterruptGate32, 3, CpuFixture::code(0), 0, false);
        CHECK(interrupt(f, 0x30) == Fault::np(error));
    }
    SECTION("null code selector") {
        f.idt_gate(0x30, kTrapGate32, 3, 0, 0);
        CHECK(interrupt(f, 0x30) == Fault::gp(0));
        CHECK(f.cpu.deliver(0x30, EventKind::External) == Fault::gp(1));
    }
    SECTION("code selector outside, data, outward, absent") {
        f.idt_gate(0x30, kTrapGate32, 3, 0x1000, 0);
        CHECK(interrupt(f, 0x30) == Fault::gp(0x1000));
        f.idt_gate(0x30, kTrapGate32, 3, CpuFixture::data(0), 0);
        CHECK(interrupt(f, 0x30) == Fault::gp(CpuFixture::data(0)));
        f.descriptor(kSel, 0, 0xFFFF, kCode0 & 0x7F);
        f.idt_gate(0x30, kTrapGate32, 3, kSel, 0);
        CHECK(interrupt(f, 0x30) == Fault::np(kSel));
        f.protected_mode(0);
        f.idt_gate(0x30, kTrapGate32, 3, CpuFixture::code(3), 0);
        CHECK(interrupt(f, 0x30) == Fault::gp(CpuFixture::code(3) & 0xFFFC));
    }
    SECTION("offset beyond the limit") {
        f.descriptor(kSel, 0, 0xFFF, kCode0);
        f.idt_gate(0x30, kTrapGate32, 3, kSel, 0x1000);
        CHECK(interrupt(f, 0x30) == Fault::gp(0));
    }
    SECTION("inner stack not present") {
        f.descriptor(kSel, 0, 0xFFFF, 0x13);
        f.poke16(kTss + 8, kSel);
        f.idt_gate(0x30, kTrapGate32, 3, CpuFixture::code(0), 0x41000);
        CHECK(interrupt(f, 0x30) == Fault::ss(kSel));
        CHECK(f.cpu.deliver(0x30, EventKind::External) == Fault::ss(kSel | 1));
    }
}

TEST_CASE("interrupt through a gate to an inner level and back") {
    CpuFixture f;
    f.protected_mode(3);
    f.s.eflags |= kIF | kTF | kNT | kRF;
    const u8 type = GENERATE(as<u8>{}, u8{kInterruptGate32}, u8{kTrapGate32});
    f.idt_gate(0x30, type, 3, CpuFixture::code(0), 0x41000);
    REQUIRE(interrupt(f, 0x30) == Fault::none());
    CHECK(f.cpu.cpl() == 0);
    CHECK(f.eip() == 0x41000);
    CHECK(f.esp() == CpuFixture::stack_top(0) - 20);
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK(f.stack32(1) == CpuFixture::code(3));
    CHECK(f.stack32(2) == (2 | kIF | kTF | kNT | kRF));
    CHECK(f.stack32(3) == CpuFixture::stack_top(3));
    CHECK(f.stack32(4) == CpuFixture::data(3));
    CHECK((f.s.eflags & (kTF | kNT | kRF)) == 0);
    CHECK(bool(f.s.eflags & kIF) == (type == kTrapGate32));
    REQUIRE(iret(f) == Fault::none());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.esp() == CpuFixture::stack_top(3));
    CHECK(f.s.eflags == (2 | kIF | kTF | kNT | kRF));
    CHECK(f.s.seg[DS].selector == CpuFixture::data(3));
}

TEST_CASE("16-bit gates push words") {
    CpuFixture f;
    f.protected_mode(3);
    f.descriptor(kSel, kCodeBase, 0xFFFF, kCode0);
    f.idt_gate(0x30, kInterruptGate16, 3, kSel, 0xABCD1234);
    REQUIRE(interrupt(f, 0x30) == Fault::none());
    CHECK(f.eip() == 0x1234);
    CHECK(f.esp() == CpuFixture::stack_top(0) - 10);
    CHECK(f.stack16(4) == CpuFixture::data(3));
}

TEST_CASE("conforming handler stays at the level of the interrupted program") {
    CpuFixture f;
    f.protected_mode(3);
    f.descriptor(kSel, 0, 0xFFFFF, kConforming0, kBig | kGranular);
    f.idt_gate(0x30, kInterruptGate32, 3, kSel, 0x41000);
    REQUIRE(interrupt(f, 0x30) == Fault::none());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.s.seg[CS].selector == (kSel | 3));
    CHECK(f.esp() == CpuFixture::stack_top(3) - 12);
}

TEST_CASE("faults save RF = 1, traps and interrupts save it as it is") {
    CpuFixture f;
    f.protected_mode(0);
    f.cpu.raise(Fault::gp(0x1234));
    CHECK(f.eip() == CpuFixture::handler(13));
    CHECK(f.stack32(0) == 0x1234);
    CHECK(f.stack32(1) == kCodeBase);
    CHECK(f.stack32(3) == (2 | kRF));
    f.protected_mode(0);
    f.cpu.raise(Fault::plain(Vector::DB));
    CHECK(f.stack32(2) == 2);
    f.protected_mode(0);
    REQUIRE(f.cpu.deliver(0x1F, EventKind::External) == Fault::none());
    CHECK(f.stack32(2) == 2);
    f.protected_mode(0);
    REQUIRE(f.execute(exec::int3) == Fault::none());
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK(f.eip() == CpuFixture::handler(3));
}

TEST_CASE("INTO depends on OF; INT1 ignores the gate's DPL") {
    CpuFixture f;
    f.protected_mode(3);
    f.s.flags.set(0);
    REQUIRE(f.execute(exec::into) == Fault::none());
    CHECK(f.eip() == kCodeBase + 2);
    f.s.flags.set(kOF);
    CHECK(f.execute(exec::into) == Fault::gp(4 * 8 + 2));
    REQUIRE(f.execute(exec::icebp) == Fault::none());
    CHECK(f.eip() == CpuFixture::handler(1));
}

TEST_CASE("page faults set CR2 when they are delivered") {
    CpuFixture f;
    f.protected_mode(0);
    f.cpu.page_fault_address = 0xDEAD0000;
    CHECK(f.s.cr2 == 0);
    f.cpu.raise(Fault::pf(6));
    CHECK(f.s.cr2 == 0xDEAD0000);
    CHECK(f.stack32(0) == 6);
}

TEST_CASE("fault pairs: SDM Vol. 3, table 6-5") {
    CpuFixture f;
    f.protected_mode(0);
    const auto absent = [&](Vector v) {
        f.idt_gate(static_cast<u8>(v), kInterruptGate32, 0, CpuFixture::code(0), 0x41000, false);
    };
    SECTION("benign then contributory: one after the other, with EXT") {
        absent(Vector::UD);
        f.cpu.raise(Fault::ud());
        CHECK(f.eip() == CpuFixture::handler(11));
        CHECK(f.stack32(0) == (6 * 8 + 2 + 1));
    }
    SECTION("contributory then contributory: double fault with error code 0") {
        absent(Vector::GP);
        f.cpu.raise(Fault::gp(0));
        CHECK(f.eip() == CpuFixture::handler(8));
        CHECK(f.stack32(0) == 0);
        CHECK(f.stack32(1) == kCodeBase);
    }
    SECTION("page fault then contributory: double fault") {
        absent(Vector::PF);
        f.cpu.raise(Fault::pf(0));
        CHECK(f.eip() == CpuFixture::handler(8));
    }
    SECTION("contributory then page fault: the page fault; two page faults: double fault") {
        f.enable_paging();
        // The gates of vector 13 and up lie in a page that is absent.
        f.s.idtr.base = 0x7000 - 13 * 8;
        for (unsigned v = 0; v < 32; ++v)
            f.gate_at(0x7000 - 13 * 8 + v * 8, kInterruptGate32, 0, CpuFixture::code(0), CpuFixture::handler(v));
        f.page(0x7000, 0);
        f.cpu.raise(Fault::gp(0));
        CHECK(f.eip() == CpuFixture::handler(8));
        CHECK(f.s.cr2 == 0x7008);
        // The inner stack's page is absent only for #GP's handler: #PF alone arrives.
        f.protected_mode(3);
        f.descriptor(kSel, 0, 0xFFFFF, kConforming0, kBig | kGranular);
        f.idt_gate(14, kInterruptGate32, 0, kSel, 0x41000);
        f.page(CpuFixture::stack_top(0) - 1, 0);
        f.cpu.raise(Fault::gp(0));
        CHECK(f.eip() == 0x41000);
        CHECK(f.stack32(0) == 2);
        CHECK(f.s.cr2 == CpuFixture::stack_top(0) - 4); // SS is pushed first
    }
    SECTION("a fault during the double fault: shutdown") {
        absent(Vector::GP);
        absent(Vector::DF);
        f.cpu.raise(Fault::gp(0));
        CHECK(f.s.shutdown);
        CHECK(f.step(5) == RunStop::Shutdown);
    }
    SECTION("real mode with no room for the IVT shuts down") {
        f.real_mode();
        f.s.cr0 &= ~kCR0_PE;
        f.s.idtr.limit = 0;
        f.cpu.state_changed();
        f.cpu.raise(Fault::ud());
        CHECK(f.s.shutdown);
    }
}

TEST_CASE("alignment checks never loop in a delivery") {
    CpuFixture f;
    f.protected_mode(3);
    f.descriptor(kSel, 0, 0xFFFFF, kConforming0, kBig | kGranular);
    f.idt_gate(17, kInterruptGate32, 3, kSel, 0x41000);
    f.s.cr0 |= kCR0_AM;
    f.s.eflags |= kAC;
    f.s.gpr[RSP] -= 1;
    f.cpu.state_changed();
    f.cpu.raise(Fault::ac());
    CHECK(f.eip() == 0x41000);
    CHECK(f.stack32(0) == 0);
    CHECK(f.stack32(1) == kCodeBase);
}

TEST_CASE("NMI is blocked until IRET") {
    CpuFixture f;
    f.protected_mode(0);
    REQUIRE(f.cpu.deliver(2, EventKind::Nmi) == Fault::none());
    CHECK(f.s.nmi_blocked);
    REQUIRE(iret(f) == Fault::none());
    CHECK(!f.s.nmi_blocked);
}

TEST_CASE("protected IRET: which flags change at which level") {
    CpuFixture f;
    const u32 all = 0x3F7FD7 & ~kVM;
    const auto flags_after = [&](u8 ring, u8 iopl, u8 size) {
        f.protected_mode(ring);
        f.s.eflags = 2u | u32{iopl} << 12;
        f.s.flags.set(0);
        if (size == 4) {
            f.push32({all & ~kNT, CpuFixture::code(ring), 0x41000});
        } else {
            f.descriptor(kSel, kCodeBase, 0xFFFF, dpl_of(kCode0, ring));
            f.push16({static_cast<u16>(all & ~kNT), static_cast<u16>(kSel | ring), 0x10});
        }
        REQUIRE(iret(f, size) == Fault::none());
        return f.cpu.eflags();
    };
    CHECK(flags_after(0, 0, 4) == (all & ~kNT));
    CHECK(flags_after(3, 0, 4) == (all & ~(kNT | kIF | kIOPL | kVIF | kVIP)));
    CHECK(flags_after(3, 3, 4) == (all & ~(kNT | kVIF | kVIP)));
    CHECK(flags_after(0, 0, 2) == ((all & ~kNT) & 0xFFFF));
    CHECK(flags_after(3, 0, 2) == ((all & ~(kNT | kIF | kIOPL)) & 0xFFFF));
}

TEST_CASE("protected IRET checks") {
    CpuFixture f;
    f.protected_mode(1);
    const auto ret = [&](u32 cs, u32 eip = 0x41000) {
        f.s.gpr[RSP] = CpuFixture::stack_top(1) - 64;
        f.push32({2, cs, eip});
        return iret(f);
    };
    CHECK(ret(0) == Fault::gp(0));
    CHECK(ret(0x1001) == Fault::gp(0x1000));
    CHECK(ret(CpuFixture::code(0)) == Fault::gp(CpuFixture::code(0)));
    CHECK(ret(CpuFixture::data(1)) == Fault::gp(CpuFixture::data(1) & 0xFFFC));
    f.descriptor(kSel, 0, 0xFF, dpl_of(kCode0, 1) & 0x7F);
    CHECK(ret(kSel | 1) == Fault::np(kSel));
    f.descriptor(kSel, 0, 0xFF, dpl_of(kCode0, 1));
    CHECK(ret(kSel | 1) == Fault::gp(0));
    f.s.seg[SS].limit = CpuFixture::stack_top(1) - 64 - 8;
    f.cpu.update_mode();
    CHECK(ret(CpuFixture::code(1)) == Fault::ss(0));
    // VM in the image means nothing at CPL 1.
    f.protected_mode(1);
    f.push32({2 | kVM, CpuFixture::code(1), 0x41000});
    REQUIRE(iret(f) == Fault::none());
    CHECK(!f.cpu.v86());
}

TEST_CASE("the tick and EIP of a program's INT, IRET and fault") {
    CpuFixture f;
    f.protected_mode(0);
    f.idt_gate(0x30, kInterruptGate32, 0, CpuFixture::code(0), 0x41000);
    f.poke_code(kCodeBase, {0xCD, 0x30, 0x0F, 0x0B}); // int 30h; ud2
    f.poke_code(0x41000, {0xCF});                     // iret
    const Tick start = f.s.tick;
    f.step(1);
    CHECK(f.eip() == 0x41000);
    f.step(1);
    CHECK(f.eip() == kCodeBase + 2);
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(6));
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK(f.s.tick == start + 3);
}

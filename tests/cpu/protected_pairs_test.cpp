/// Faults while another event is delivered, the whole table; NMIs and IRET; SDM Vol. 3, tables 6-4 and 6-5, 6.7.1.
#include "tests/cpu/cpu_fixture.h"
#include <array>

using namespace r86;
using namespace r86::test;

namespace {

enum class Second { NotPresent, WrongType, PageOfIdt, InnerStack };

bool contributory(unsigned v) { return v == 0 || (v >= 10 && v <= 13); }

/// Gates from `vector` on lie in a page of their own, so that one of them can be missing.
void idt_over_a_page(CpuFixture& f, unsigned vector) {
    constexpr u32 kBorder = 0x7000;
    f.s.idtr.base = kBorder - vector * 8;
    for (unsigned v = 0; v < 32; ++v)
        f.gate_at(kBorder - vector * 8 + v * 8, kInterruptGate32, 0, CpuFixture::code(0), CpuFixture::handler(v));
    f.page(kBorder, 0);
}

} // namespace

TEST_CASE("fault pairs: every exception, an NMI and an interrupt with every fault of their delivery") {
    constexpr std::array<unsigned, 16> kFirst = {0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17, 19};
    for (unsigned first : kFirst)
        for (const Second second : {Second::NotPresent, Second::WrongType, Second::PageOfIdt, Second::InnerStack}) {
            CAPTURE(first, int(second));
            CpuFixture f;
            f.protected_mode(3);
            f.enable_paging();
            unsigned vector = 0; // of the second
            u32 error = first * 8 + 2 + 1;
            switch (second) {
            case Second::NotPresent:
                vector = 11;
                f.idt_gate(static_cast<u8>(first), kInterruptGate32, 3, CpuFixture::code(0), 0x41000, false);
                break;
            case Second::WrongType:
                vector = 13;
                f.idt_gate(static_cast<u8>(first), kCallGate32, 3, CpuFixture::code(0), 0x41000);
                break;
            case Second::PageOfIdt:
                vector = 14;
                error = 0;
                idt_over_a_page(f, first);
                if (first <= 14) continue; // #PF's own gate would be missing too: below
                break;
            case Second::InnerStack: // the gate goes to ring 1, whose stack segment is null
                vector = 10;
                error = 1; // EXT alone
                f.poke16(kTss + 16, 0);
                f.idt_gate(static_cast<u8>(first), kInterruptGate32, 3, CpuFixture::code(1), 0x41000);
                break;
            }
            // Where the second would be delivered through the gate that is broken: no more than that it is double.
            if (vector == first && !contributory(first)) continue;
            const bool has_error = first == 8 || (first >= 10 && first <= 14) || first == 17;
            const bool pair = (contributory(first) && contributory(vector)) || (first == 14 && vector != 14);
            if (first == 2) {
                if (Fault fault = f.cpu.deliver(2, EventKind::Nmi)) f.cpu.raise(fault);
            } else {
                f.cpu.raise(has_error ? Fault::with_error(static_cast<Vector>(first), 0)
                                      : Fault::plain(static_cast<Vector>(first)));
            }
            CHECK(!f.s.shutdown);
            CHECK(f.eip() == CpuFixture::handler(pair ? 8 : vector));
            CHECK(f.stack32(0) == (pair ? 0 : error));
            CHECK(f.stack32(1) == kCodeBase); // of the instruction that began it
            CHECK(f.stack32(2) == CpuFixture::code(3));
        }
}

TEST_CASE("fault pairs: while a double fault is delivered any fault is a shutdown") {
    for (const Second second : {Second::NotPresent, Second::WrongType, Second::InnerStack}) {
        CpuFixture f;
        f.protected_mode(3);
        f.idt_gate(13, kInterruptGate32, 3, CpuFixture::code(0), 0x41000, false);
        if (second == Second::NotPresent) f.idt_gate(8, kInterruptGate32, 3, CpuFixture::code(0), 0x41000, false);
        if (second == Second::WrongType) f.idt_gate(8, kCallGate32, 3, CpuFixture::code(0), 0x41000);
        if (second == Second::InnerStack) {
            f.poke16(kTss + 16, 0);
            f.idt_gate(8, kInterruptGate32, 3, CpuFixture::code(1), 0x41000);
        }
        f.poke_code(kCodeBase, {0xF4}); // hlt: #GP(0)
        CHECK(f.step(3) == RunStop::Shutdown);
        CHECK(f.s.shutdown);
    }
}

TEST_CASE("an NMI in the handler of an NMI waits for IRET, also for one that faults") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke_code(kCodeBase, {0x90, 0x90, 0x90});
    f.poke_code(CpuFixture::handler(2), {0x90, 0xCF});
    f.cpu.set_nmi(true);
    f.step(1);
    REQUIRE(f.eip() == CpuFixture::handler(2));
    CHECK(f.stack32(0) == kCodeBase);
    f.cpu.set_nmi(false);
    f.cpu.set_nmi(true); // a second edge
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(2) + 1);
    SECTION("IRET") {
        f.step(1);
        CHECK(f.eip() == kCodeBase);
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(2));
        f.step(2); // and it came once
        CHECK(f.eip() == kCodeBase);
        f.step(1);
        CHECK(f.eip() == kCodeBase + 1);
    }
    SECTION("IRET that faults") {
        f.poke32(f.esp() + 4, 0); // CS
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(13));
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(2));
        CHECK(f.stack32(0) == CpuFixture::handler(13));
    }
}

TEST_CASE("an interrupt and an NMI wait behind MOV SS, an interrupt behind STI as well") {
    for (const bool nmi : {false, true})
        for (const bool sti : {false, true}) {
            CAPTURE(nmi, sti);
            CpuFixture f;
            f.protected_mode(0);
            f.idt_gate(0x20, kInterruptGate32, 0, CpuFixture::code(0), 0x48000);
            f.s.gpr[RAX] = CpuFixture::data(0);
            if (!sti) f.s.eflags |= kIF;
            if (sti)
                f.poke_code(kCodeBase, {0xFB, 0x90, 0x90, 0x90});
            else
                f.poke_code(kCodeBase, {0x8E, 0xD0, 0x90, 0x90});
            f.cpu.state_changed();
            f.step(1);
            nmi ? f.cpu.set_nmi(true) : f.cpu.set_intr(true);
            const u32 behind = kCodeBase + (sti ? 1 : 2);
            f.step(1);
            CHECK(f.eip() == behind + 1);
            f.step(1);
            CHECK(f.eip() == (nmi ? CpuFixture::handler(2) : 0x48000u));
        }
}

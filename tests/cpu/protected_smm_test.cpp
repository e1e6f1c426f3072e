/// System-management mode: SDM Vol. 3, chapter 34.
#include "tests/cpu/cpu_fixture.h"
#include <random>

using namespace r86;
using namespace r86::test;

TEST_CASE("SMM entry: save map, register state, SMIACT#") {
    CpuFixture f;
    std::vector<bool> smiact;
    f.cpu.hooks.smm_changed = [&](bool on) { smiact.push_back(on); };
    f.protected_mode(3);
    f.enable_paging();
    f.s.gpr[RAX] = 0xAAAAAAAA;
    f.s.gpr[RDI] = 0xD1D1D1D1;
    f.s.eflags |= kIF;
    f.s.flags.set(kCF);
    f.cpu.enter_smm();
    CHECK(smiact == std::vector<bool>{true});
    const u32 map = 0x30000 + 0x8000;
    CHECK(f.peek32(map + 0x7EFC) == 0x20000); // revision
    CHECK(f.peek32(map + 0x7EF8) == 0x30000); // SMBASE
    CHECK(f.peek32(map + 0x7FD0) == 0xAAAAAAAA);
    CHECK(f.peek32(map + 0x7FEC) == 0xD1D1D1D1);
    CHECK(f.peek32(map + 0x7FE0) == CpuFixture::stack_top(3));
    CHECK(f.peek32(map + 0x7FF0) == kCodeBase);
    CHECK(f.peek32(map + 0x7FF4) == (2 | kIF | kCF));
    CHECK(f.peek32(map + 0x7FF8) == kPageTables);
    CHECK(f.peek32(map + 0x7FAC) == CpuFixture::code(3));
    CHECK(f.peek16(map + 0x7F02) == 0);
    CHECK(f.eip() == 0x8000);
    CHECK(f.s.seg[CS].selector == 0x3000);
    CHECK(f.s.seg[CS].base == 0x30000);
    CHECK(f.s.seg[DS].limit == 0xFFFFFFFF);
    CHECK(!f.cpu.code32());
    CHECK(!(f.s.cr0 & (kCR0_PE | kCR0_PG)));
    CHECK(f.s.cr4 == 0);
    CHECK(f.cpu.eflags() == 2);
    CHECK(f.s.dr[7] == 0x400);
    CHECK(f.s.nmi_blocked);
    CHECK(f.cpu.cpl() == 0);

    SECTION("RSM brings everything back") {
        f.poke32(map + 0x7FD0, 0x12345678); // the handler may change saved registers
        REQUIRE(f.execute(exec::rsm) == Fault::none());
        CHECK(smiact == std::vector<bool>{true, false});
        CHECK(f.s.gpr[RAX] == 0x12345678);
        CHECK(f.eip() == kCodeBase);
        CHECK(f.cpu.cpl() == 3);
        CHECK(f.s.seg[CS].selector == CpuFixture::code(3));
        CHECK(f.s.seg[CS].limit == 0xFFFFFFFF);
        CHECK(f.s.seg[FS].null);
        CHECK(!f.s.seg[DS].null);
        CHECK((f.s.cr0 & kCR0_PG));
        CHECK(f.cpu.eflags() == (2 | kIF | kCF));
        CHECK(f.s.tr.base == kTss);
        CHECK(f.s.idtr.base == kIdt);
        CHECK(!f.s.nmi_blocked);
        CHECK(!f.s.smm);
    }
    SECTION("SMBASE moves with RSM") {
        f.poke32(map + 0x7EF8, 0x100000);
        REQUIRE(f.execute(exec::rsm) == Fault::none());
        CHECK(f.s.smbase == 0x100000);
        f.cpu.enter_smm();
        CHECK(f.s.seg[CS].base == 0x100000);
        CHECK(f.peek32(0x10FEF8) == 0x100000);
    }
    SECTION("illegal control registers shut down") {
        f.poke32(map + 0x7FFC, kCR0_PG);
        CHECK(f.execute(exec::rsm).silent);
        CHECK(f.s.shutdown);
    }
}

TEST_CASE("SMI during HLT: the auto-halt field decides") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.halted = true;
    f.cpu.enter_smm();
    CHECK(!f.s.halted);
    CHECK(f.peek16(0x3FF02) == 1);
    REQUIRE(f.execute(exec::rsm) == Fault::none());
    CHECK(f.s.halted);
    f.cpu.enter_smm();
    f.poke16(0x3FF02, 0);
    REQUIRE(f.execute(exec::rsm) == Fault::none());
    CHECK(!f.s.halted);
}

TEST_CASE("an SMI that arrives in an NMI handler leaves NMIs blocked") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.nmi_blocked = true;
    f.cpu.enter_smm();
    REQUIRE(f.execute(exec::rsm) == Fault::none());
    CHECK(f.s.nmi_blocked);
}

TEST_CASE("RSM outside SMM is #UD") {
    CpuFixture f;
    f.protected_mode(0);
    CHECK(f.execute(exec::rsm) == Fault::ud());
}

TEST_CASE("a handler runs from SMBASE + 8000h and returns") {
    CpuFixture f;
    f.protected_mode(3);
    f.poke_code(kCodeBase, {0x90, 0x90, 0x90});
    f.poke_code(0x38000, {0x66, 0xB8, 0x78, 0x56, 0x34, 0x12, 0x0F, 0xAA}); // mov eax, 12345678h; rsm
    f.cpu.raise_smi();
    f.step(3);
    CHECK(!f.s.smm);
    CHECK(f.eip() == kCodeBase);
    CHECK(f.s.gpr[RAX] == 0); // from the map
    f.step(1);
    CHECK(f.eip() == kCodeBase + 1);
}

TEST_CASE("NMIs wait for RSM, or for an IRET in the handler") {
    // SDM Vol. 3, 34.8 "NMI Handling While in SMM".
    CpuFixture f;
    f.protected_mode(0);
    f.poke_code(kCodeBase, {0x90});
    f.poke32(8, 0x30009000); // real-mode vector 2: 3000:9000
    f.poke_code(0x38000, {0x90, 0x90, 0x0F, 0xAA});
    f.cpu.raise_smi();
    f.step(1);
    f.cpu.set_nmi(true);
    SECTION("RSM") {
        f.step(2);
        CHECK(f.eip() == 0x8002);
        f.step(2);
        CHECK(!f.s.smm);
        CHECK(f.eip() == CpuFixture::handler(2));
    }
    SECTION("IRET") {
        f.s.idtr = {0, 0x3FF};
        f.cpu.load_segment_real(SS, 0x2000);
        f.s.gpr[RSP] = 0x1000 - 6;
        f.poke16(0x20FFA, 0x8000);
        f.poke16(0x20FFC, 0x3000);
        f.poke16(0x20FFE, 2);
        f.poke_code(0x38010, {0xCF});
        f.s.rip = 0x8010;
        f.step(2);
        CHECK(f.s.smm);
        CHECK(f.eip() == 0x9000);
        CHECK(f.s.nmi_blocked);
    }
}

namespace {
class SmiPort final : public PortHandler {
public:
    explicit SmiPort(Cpu& cpu) : cpu_(cpu) {}
    u8 read8(u16) override { return 0; }
    void write8(u16, u8) override { cpu_.raise_smi(); }

private:
    Cpu& cpu_;
};
} // namespace

TEST_CASE("an SMI comes before the trap of the instruction that caused it, which waits for RSM") {
    CpuFixture f;
    f.protected_mode(0);
    SmiPort port(f.cpu);
    f.io.map(0xB2, 1, port, "SMI");
    f.poke_code(kCodeBase, {0xE6, 0xB2, 0x90, 0x90}); // out 0B2h, al
    f.poke_code(0x38000, {0x90, 0x0F, 0xAA});
    f.s.eflags |= kTF;
    f.step(1); // and back to the board, which may have to look at the pin
    f.step(1);
    CHECK(f.s.smm);
    CHECK(f.eip() == 0x8000);
    f.step(2);
    CHECK(!f.s.smm);
    CHECK(f.eip() == kCodeBase + 2);
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(f.stack32(0) == kCodeBase + 2);
    CHECK((f.s.dr[6] & 0x4000));
}

TEST_CASE("RSM from a save map of random bytes: shut down, or a state that the processor can be in") {
    std::mt19937 random(1);
    unsigned returned = 0;
    for (unsigned round = 0; round < 2000; ++round) {
        CpuFixture f;
        f.protected_mode(0);
        f.cpu.enter_smm();
        const u32 map = 0x30000 + 0x8000;
        for (u32 at = 0x7E00; at < 0x8000; at += 4)
            if (random() % 4 == 0) f.poke32(map + at, static_cast<u32>(random()));
        if (random() % 2) f.poke32(map + 0x7FFC, f.peek32(map + 0x7FFC) & 0x9FFFFFFF);
        if (random() % 2) f.poke32(map + 0x7F14, 0);
        const Fault fault = f.execute(exec::rsm);
        if (fault) {
            CHECK(fault.silent);
            CHECK(f.s.shutdown);
            continue;
        }
        ++returned;
        const u32 eflags = f.cpu.eflags();
        CHECK((eflags & 2));
        CHECK(!(eflags & ~0x3F7FD7u));
        CHECK(!(f.s.cr0 & ~0xE005003Fu));
        CHECK(!((f.s.cr0 & kCR0_PG) && !(f.s.cr0 & kCR0_PE)));
        CHECK(!((eflags & kVM) && !(f.s.cr0 & kCR0_PE)));
        CHECK(!f.s.smm);
        f.step(50); // whatever comes, it comes to an end
    }
    CHECK(returned > 100);
}

/// Control, debug and model-specific registers, descriptor-table registers, SYSENTER, reset values.
#include "cpu/interrupts/debug.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {
Fault mov_to_cr(CpuFixture& f, unsigned n, u32 value) {
    f.s.gpr[RAX] = value;
    return f.execute(exec::mov_cr, CpuFixture::with(CpuFixture::operand(OperandKind::Control, n, 4),
                                                    CpuFixture::operand(OperandKind::Gpr, RAX, 4)));
}
Fault mov_to_dr(CpuFixture& f, unsigned n, u32 value) {
    f.s.gpr[RAX] = value;
    return f.execute(exec::mov_dr, CpuFixture::with(CpuFixture::operand(OperandKind::Debug, n, 4),
                                                    CpuFixture::operand(OperandKind::Gpr, RAX, 4)));
}
Fault wrmsr(CpuFixture& f, u32 index, u64 value) {
    f.s.gpr[RCX] = index;
    f.s.gpr[RAX] = static_cast<u32>(value);
    f.s.gpr[RDX] = static_cast<u32>(value >> 32);
    return f.execute(exec::wrmsr);
}
Fault rdmsr(CpuFixture& f, u32 index, u64& value) {
    f.s.gpr[RCX] = index;
    Fault fault = f.execute(exec::rdmsr);
    value = f.s.gpr[RDX] << 32 | f.s.gpr[RAX];
    return fault;
}
} // namespace

TEST_CASE("reset values, SDM Vol. 3, table 9-1") {
    CpuFixture f("pentium4");
    CHECK(f.eip() == 0xFFF0);
    CHECK(f.s.seg[CS].selector == 0xF000);
    CHECK(f.s.seg[CS].base == 0xFFFF0000);
    CHECK(f.s.seg[DS].limit == 0xFFFF);
    CHECK(f.s.cr0 == 0x60000010);
    CHECK(f.cpu.eflags() == 2);
    CHECK(f.s.gpr[RDX] == f.model.signature);
    CHECK(f.s.gpr[RAX] == 0);
    CHECK(f.s.dr[6] == 0xFFFF0FF0);
    CHECK(f.s.dr[7] == 0x400);
    CHECK(f.s.idtr.limit == 0xFFFF);
    CHECK(f.s.x87.control == 0x40);
    CHECK(f.s.mxcsr == 0x1F80);
    SECTION("INIT keeps FPU, MSRs and SMBASE") {
        f.protected_mode(0);
        f.s.x87.control = 0x37F;
        f.s.msr.sysenter_cs = 8;
        f.s.smbase = 0xA0000;
        f.s.cr0 &= ~(kCR0_CD | kCR0_NW);
        f.cpu.init();
        CHECK(f.s.cr0 == 0x10);
        CHECK(f.eip() == 0xFFF0);
        CHECK(f.s.x87.control == 0x37F);
        CHECK(f.s.msr.sysenter_cs == 8);
        CHECK(f.s.smbase == 0xA0000);
        f.cpu.reset(ResetKind::Hard);
        CHECK(f.s.x87.control == 0x40);
        CHECK(f.s.msr.sysenter_cs == 0);
        CHECK(f.s.smbase == 0x30000);
    }
}

TEST_CASE("CR0: illegal combinations and fixed bits") {
    CpuFixture f;
    f.protected_mode(0);
    CHECK(mov_to_cr(f, 0, kCR0_PG) == Fault::gp(0));
    CHECK(mov_to_cr(f, 0, kCR0_PE | kCR0_NW) == Fault::gp(0));
    REQUIRE(mov_to_cr(f, 0, 0x1FFEFFC0 | kCR0_PE) == Fault::none());
    CHECK(f.s.cr0 == (kCR0_PE | kCR0_ET | kCR0_AM)); // reserved bits are ignored, ET is one
    CHECK(mov_to_cr(f, 1, 0) == Fault::ud());
    CHECK(mov_to_cr(f, 5, 0) == Fault::ud());
    f.protected_mode(3);
    CHECK(mov_to_cr(f, 0, kCR0_PE) == Fault::gp(0));
    CHECK(f.execute(exec::clts) == Fault::gp(0));
}

TEST_CASE("LMSW sets PE but cannot clear it; SMSW works at any level") {
    CpuFixture f;
    f.real_mode();
    f.s.cr0 = 0x10 | kCR0_AM;
    const Insn ax = CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RAX, 2), 2);
    f.s.gpr[RAX] = 0xFFFF;
    f.standard_tables();
    REQUIRE(f.execute(exec::lmsw, ax) == Fault::none());
    CHECK(f.s.cr0 == (0x1F | kCR0_AM));
    f.s.gpr[RAX] = 0;
    REQUIRE(f.execute(exec::lmsw, ax) == Fault::none());
    CHECK(f.s.cr0 == (0x11 | kCR0_AM));
    f.protected_mode(3);
    f.s.gpr[RBX] = 0xFFFFFFFF;
    REQUIRE(f.execute(exec::smsw, CpuFixture::with(CpuFixture::operand(OperandKind::Gpr, RBX, 2), 2)) == Fault::none());
    CHECK(f.s.gpr[RBX] == (0xFFFF0000u | (f.s.cr0 & 0xFFFF)));
    CHECK(f.execute(exec::lmsw, ax) == Fault::gp(0));
}

TEST_CASE("CR4: bits of absent features are #GP") {
    CpuFixture f("pentium");
    f.protected_mode(0);
    CHECK(mov_to_cr(f, 4, kCR4_PSE | kCR4_VME | kCR4_DE) == Fault::none());
    CHECK(mov_to_cr(f, 4, kCR4_PAE) == Fault::gp(0));
    CHECK(mov_to_cr(f, 4, 1u << 13) == Fault::gp(0));
    CpuFixture old("486");
    old.protected_mode(0);
    CHECK(mov_to_cr(old, 4, 0) == Fault::ud());
}

TEST_CASE("PAE: PDPTEs are loaded with CR3 and checked") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke32(0x6000, 0x7001);
    f.poke32(0x6008, 0x7003); // reserved bit 1 set
    f.s.cr3 = 0x6000;
    REQUIRE(mov_to_cr(f, 4, kCR4_PAE) == Fault::none());
    CHECK(mov_to_cr(f, 0, kCR0_PE | kCR0_PG) == Fault::gp(0));
    CHECK(!(f.s.cr0 & kCR0_PG));
    f.poke32(0x6008, 0x7002);   // not present: nothing is reserved
    f.poke32(0x7000, 0x000083); // 2 MiB page, identity
    f.poke32(0x7008, 0x200083);
    REQUIRE(mov_to_cr(f, 0, kCR0_PE | kCR0_PG) == Fault::none());
    CHECK(f.s.pdpte[0] == 0x7001);
    f.poke32(0x6000, 0x7005); // changed in memory only: the loaded one counts
    CHECK(f.s.pdpte[0] == 0x7001);
    CHECK(mov_to_cr(f, 3, 0x6000) == Fault::gp(0));
    f.poke32(0x6000, 0x7009);
    REQUIRE(mov_to_cr(f, 3, 0x6000) == Fault::none());
    CHECK(f.s.pdpte[0] == 0x7009);
}

TEST_CASE("debug registers: aliases, fixed bits, general detect") {
    CpuFixture f;
    f.protected_mode(0);
    REQUIRE(mov_to_dr(f, 7, 0xFFFFFFFF & ~kDR7_GD) == Fault::none());
    CHECK(f.s.dr[7] == 0xFFFF07FF);
    REQUIRE(mov_to_dr(f, 6, 0xFFFFFFFF) == Fault::none());
    CHECK(f.s.dr[6] == 0xFFFFEFFF);
    REQUIRE(mov_to_dr(f, 5, 0x400) == Fault::none());
    CHECK(f.s.dr[7] == 0x400);
    f.s.cr4 |= kCR4_DE;
    CHECK(mov_to_dr(f, 5, 0) == Fault::ud());
    f.s.cr4 &= ~kCR4_DE;
    REQUIRE(mov_to_dr(f, 7, 0x400 | kDR7_GD) == Fault::none());
    Fault fault = mov_to_dr(f, 0, 1);
    CHECK(fault == Fault::plain(Vector::DB));
    CHECK((f.s.dr[6] & kDR6_BD));
    f.cpu.raise(fault);
    CHECK(f.eip() == CpuFixture::handler(1));
    CHECK(!(f.s.dr[7] & kDR7_GD));
    CHECK((f.stack32(2) & kRF));
    f.protected_mode(3);
    CHECK(mov_to_dr(f, 0, 1) == Fault::gp(0));
}

TEST_CASE("breakpoint matching, SDM Vol. 3, 17.2.5") {
    CpuFixture f;
    f.s.dr[0] = 0x1002;
    f.s.dr[7] = 0x400 | 1 | (3u << 16) | (3u << 18); // read/write, 4 bytes: 1000h-1003h
    CHECK(match_data_breakpoints(f.s, 0x1003, 1, false) == 1);
    CHECK(match_data_breakpoints(f.s, 0x1004, 1, false) == 0);
    CHECK(match_data_breakpoints(f.s, 0x0FFE, 4, false) == 1);
    CHECK(match_data_breakpoints(f.s, 0x0FFE, 2, true) == 0);
    f.s.dr[7] = 0x400 | 1 | (1u << 16); // writes, 1 byte
    CHECK(match_data_breakpoints(f.s, 0x1002, 1, false) == 0);
    CHECK(match_data_breakpoints(f.s, 0x1000, 4, true) == 1);
    f.s.dr[3] = 0x1234;
    f.s.dr[7] = 0x400 | 0x80; // G3, execute
    CHECK(match_instruction_breakpoint(f.s, 0x1234));
    CHECK(!match_instruction_breakpoint(f.s, 0x1235));
    f.s.dr[1] = 0x64;
    f.s.dr[7] = 0x400 | 4 | (2u << 20);
    CHECK(match_io_breakpoints(f.s, 0x64, 1) == 0);
    f.s.cr4 |= kCR4_DE;
    CHECK(match_io_breakpoints(f.s, 0x64, 1) == 2);
    CHECK(match_io_breakpoints(f.s, 0x61, 4) == 2);
    CHECK(match_io_breakpoints(f.s, 0x65, 1) == 0);
}

TEST_CASE("instruction and data breakpoints and single-step in a running program") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke_code(kCodeBase, {0x90, 0xA2, 0x00, 0x60, 0x00, 0x00, 0x90, 0x90}); // nop; mov [6000h], al; nop; nop
    SECTION("execute breakpoint is a fault, RF steps over it") {
        REQUIRE(mov_to_dr(f, 0, kCodeBase + 1) == Fault::none());
        REQUIRE(mov_to_dr(f, 7, 0x402) == Fault::none());
        f.s.rip = kCodeBase;
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == kCodeBase + 1);
        CHECK((f.s.dr[6] & 15) == 1);
        f.poke32(f.esp() + 8, f.stack32(2) | kRF);
        REQUIRE(f.execute(exec::iret) == Fault::none());
        f.step(1);
        CHECK(f.eip() == kCodeBase + 6);
        CHECK(!(f.s.eflags & kRF));
    }
    SECTION("data breakpoint is a trap") {
        REQUIRE(mov_to_dr(f, 2, 0x6000) == Fault::none());
        REQUIRE(mov_to_dr(f, 7, 0x400 | 0x20 | (1u << 24)) == Fault::none());
        f.s.rip = kCodeBase;
        f.step(3);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == kCodeBase + 6);
        CHECK((f.s.dr[6] & 15) == 4);
    }
    SECTION("TF") {
        f.s.eflags |= kTF;
        f.s.rip = kCodeBase;
        f.step(2);
        CHECK(f.eip() == CpuFixture::handler(1));
        CHECK(f.stack32(0) == kCodeBase + 1);
        CHECK((f.stack32(2) & kTF));
        CHECK((f.s.dr[6] & kDR6_BS));
    }
}

TEST_CASE("LGDT masks the base to 24 bits with a 16-bit operand size; SGDT stores all of it") {
    CpuFixture f;
    f.protected_mode(0);
    f.poke16(0x6000, 0x1234);
    f.poke32(0x6002, 0xAABBCCDD);
    const auto at = [](u32 address, u8 size) {
        return CpuFixture::memory_operand(CpuFixture::plain(size), 0, address);
    };
    REQUIRE(f.execute(exec::lidt, at(0x6000, 2)) == Fault::none());
    CHECK(f.s.idtr.base == 0xBBCCDD);
    REQUIRE(f.execute(exec::lidt, at(0x6000, 4)) == Fault::none());
    CHECK(f.s.idtr.base == 0xAABBCCDD);
    CHECK(f.s.idtr.limit == 0x1234);
    REQUIRE(f.execute(exec::sidt, at(0x6010, 2)) == Fault::none());
    CHECK(f.peek16(0x6010) == 0x1234);
    CHECK(f.peek32(0x6012) == 0xAABBCCDD);
    f.protected_mode(3);
    CHECK(f.execute(exec::lgdt, at(0x6000, 4)) == Fault::gp(0));
    CHECK(f.execute(exec::sgdt, at(0x6010, 4)) == Fault::none());
}

TEST_CASE("SYSENTER and SYSEXIT") {
    CpuFixture f("pentium4");
    f.protected_mode(3);
    CHECK(f.execute(exec::sysenter) == Fault::gp(0)); // SYSENTER_CS is null
    f.s.msr.sysenter_cs = 0x63;
    f.s.msr.sysenter_esp = 0x21000;
    f.s.msr.sysenter_eip = 0x42000;
    f.s.eflags |= kIF;
    REQUIRE(f.execute(exec::sysenter) == Fault::none());
    CHECK(f.cpu.cpl() == 0);
    CHECK(f.s.seg[CS].selector == 0x60);
    CHECK(f.s.seg[SS].selector == 0x68);
    CHECK(f.esp() == 0x21000);
    CHECK(f.eip() == 0x42000);
    CHECK(!(f.s.eflags & kIF));
    f.s.gpr[RCX] = 0x23000;
    f.s.gpr[RDX] = 0x43000;
    REQUIRE(f.execute(exec::sysexit) == Fault::none());
    CHECK(f.cpu.cpl() == 3);
    CHECK(f.s.seg[CS].selector == 0x73);
    CHECK(f.s.seg[SS].selector == 0x7B);
    CHECK(f.esp() == 0x23000);
    CHECK(f.eip() == 0x43000);
    CHECK(f.execute(exec::sysexit) == Fault::gp(0)); // CPL 3
    f.real_mode();
    f.s.cr0 &= ~kCR0_PE;
    f.cpu.update_mode();
    CHECK(f.execute(exec::sysenter) == Fault::gp(0));
    CHECK(f.execute(exec::syscall) == Fault::ud());
}

TEST_CASE("RDTSC counts nanoseconds and WRMSR moves it") {
    CpuFixture f;
    f.protected_mode(0);
    f.s.tick = 100;
    REQUIRE(f.execute(exec::rdtsc) == Fault::none());
    CHECK(f.s.gpr[RAX] == 1000); // 100 MIPS: ten nanoseconds a tick
    REQUIRE(wrmsr(f, 0x10, 5) == Fault::none());
    CHECK(f.cpu.time_stamp_counter() == 5);
    f.s.tick = 101;
    CHECK(f.cpu.time_stamp_counter() == 15);
    f.protected_mode(3);
    CHECK(f.execute(exec::rdtsc) == Fault::none());
    f.s.cr4 |= kCR4_TSD;
    CHECK(f.execute(exec::rdtsc) == Fault::gp(0));
    CHECK(f.execute(exec::rdpmc) == Fault::gp(0));
}

TEST_CASE("MSRs: what guests touch works, what is unknown is #GP") {
    CpuFixture f("pentium4");
    f.protected_mode(0);
    u64 value = 0;
    CHECK(rdmsr(f, 0x12345678, value) == Fault::gp(0));
    CHECK(wrmsr(f, 0x12345678, 0) == Fault::gp(0));
    // Microcode revision the way Windows and Linux read it.
    REQUIRE(wrmsr(f, 0x8B, 0) == Fault::none());
    f.s.gpr[RAX] = 1;
    REQUIRE(f.execute(exec::cpuid) == Fault::none());
    REQUIRE(rdmsr(f, 0x8B, value) == Fault::none());
    CHECK(value >> 32 != 0);
    // MTRRs and PAT: legal memory types only.
    REQUIRE(rdmsr(f, 0xFE, value) == Fault::none());
    CHECK((value & 0xFF) == 8);
    CHECK(wrmsr(f, 0xFE, 0) == Fault::gp(0));
    CHECK(wrmsr(f, 0x200, 0x80000006) == Fault::none());
    CHECK(wrmsr(f, 0x200, 0x80000002) == Fault::gp(0));
    CHECK(wrmsr(f, 0x201, 0xF8000800) == Fault::none());
    CHECK(wrmsr(f, 0x201, 0xF8000801) == Fault::gp(0));
    CHECK(wrmsr(f, 0x210, 0) == Fault::gp(0));
    CHECK(wrmsr(f, 0x268, 0x0606060606060606) == Fault::none());
    CHECK(wrmsr(f, 0x268, 0x0606060606060607) == Fault::gp(0));
    CHECK(wrmsr(f, 0x2FF, 0xC06) == Fault::none());
    CHECK(wrmsr(f, 0x2FF, 0xC16) == Fault::gp(0));
    CHECK(wrmsr(f, 0x277, 0x0007010600070106) == Fault::none());
    CHECK(wrmsr(f, 0x277, 0x0207010600070106) == Fault::gp(0));
    REQUIRE(rdmsr(f, 0x277, value) == Fault::none());
    CHECK(value == 0x0007010600070106);
    // Machine check: banks that never saw an error; status may only be cleared.
    REQUIRE(rdmsr(f, 0x179, value) == Fault::none());
    for (u32 bank = 0; bank < (value & 0xFF); ++bank) {
        u64 status = 1;
        REQUIRE(rdmsr(f, 0x401 + 4 * bank, status) == Fault::none());
        CHECK(status == 0);
        CHECK(wrmsr(f, 0x401 + 4 * bank, 1) == Fault::gp(0));
        for (const u64 control : {u64{0}, ~u64{0}}) { // they used to read as all ones whatever was written
            CHECK(wrmsr(f, 0x400 + 4 * bank, control) == Fault::none());
            u64 read = 1;
            REQUIRE(rdmsr(f, 0x400 + 4 * bank, read) == Fault::none());
            CHECK(read == control);
        }
    }
    CHECK(rdmsr(f, 0x1A0, value) == Fault::none());
    CHECK(rdmsr(f, 0xC0000080, value) == Fault::gp(0)); // no NX, no EFER
    CpuFixture max("max");
    max.protected_mode(0);
    CHECK(wrmsr(max, 0xC0000080, kEFER_NXE) == Fault::none());
    CHECK(wrmsr(max, 0xC0000080, kEFER_LME) == Fault::gp(0));
    f.protected_mode(3);
    CHECK(rdmsr(f, 0x10, value) == Fault::gp(0));
    CHECK(wrmsr(f, 0x10, 0) == Fault::gp(0));
    CpuFixture old("486");
    old.protected_mode(0);
    CHECK(rdmsr(old, 0x10, value) == Fault::ud());
}

TEST_CASE("privileged instructions at CPL 3") {
    CpuFixture f;
    f.protected_mode(3);
    const Insn none = CpuFixture::plain();
    for (Semantic semantic : {exec::hlt, exec::invd, exec::wbinvd, exec::clts, exec::rdmsr, exec::wrmsr})
        CHECK(f.execute(semantic, none) == Fault::gp(0));
    CHECK(f.execute(exec::invlpg, CpuFixture::memory_operand(none, 0, 0x1000)) == Fault::gp(0));
    f.protected_mode(0);
    REQUIRE(f.execute(exec::hlt) == Fault::none());
    CHECK(f.s.halted);
}

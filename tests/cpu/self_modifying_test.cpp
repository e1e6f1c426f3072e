/// Code that changes under the processor: SDM Vol. 3, 11.6 "Self-Modifying Code". A change is seen by the very next
/// instruction, whoever made it and under whatever address.
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

constexpr u8 kIncEax = 0x40, kIncEcx = 0x41, kNop = 0x90;

CpuFixture& prepare(CpuFixture& f, bool paging = true) {
    f.protected_mode(0);
    if (paging) f.enable_paging();
    for (unsigned i = 0; i < 4; ++i) f.s.gpr[i] = 0;
    return f;
}

void mov_byte(CpuFixture& f, u32 at, u32 address, u8 value) { // mov byte [address], value: 7 bytes
    f.poke_code(at, {0xC6, 0x05});
    f.poke32(at + 2, address);
    f.poke8(at + 6, value);
}

/// A port whose write changes memory: a DMA transfer that ends there.
class Writer final : public PortHandler {
public:
    Writer(PhysicalMemory& memory, u32 at, u8 value) : memory_(memory), at_(at), value_(value) {}
    u8 read8(u16) override { return 0; }
    void write8(u16, u8) override { memory_.write(PhysAddr{at_}, 1, value_); }

private:
    PhysicalMemory& memory_;
    u32 at_;
    u8 value_;
};

} // namespace

TEST_CASE("a store to the next instruction, one further on, and one of another block") {
    CpuFixture f;
    prepare(f);
    const u32 target = GENERATE(kCodeBase + 7, kCodeBase + 9, kCodeBase + 0x40);
    mov_byte(f, kCodeBase, target, kIncEcx);
    f.poke_code(kCodeBase + 7, {kNop, kNop, kIncEax, 0xEB, 0x34}); // jmp +34h: to kCodeBase + 40h
    f.poke_code(kCodeBase + 0x40, {kIncEax, 0xF4});
    if (target == kCodeBase + 9) f.poke8(kCodeBase + 7, kNop);
    f.step(20);
    CHECK(f.s.gpr[RCX] == 1);
    CHECK(f.s.gpr[RAX] == (target == kCodeBase + 7 ? 2 : 1));
}

TEST_CASE("an instruction that changes itself has run before it changes; the next round sees it") {
    CpuFixture f;
    prepare(f);
    // mov byte [itself + 6], 55h with 22h as its immediate; then the same again.
    mov_byte(f, kCodeBase, 0x60000, 0x22);
    f.poke_code(kCodeBase + 7, {0xC6, 0x05});
    f.poke32(kCodeBase + 9, kCodeBase + 6);
    f.poke8(kCodeBase + 13, 0x55);
    f.poke_code(kCodeBase + 14, {0xEB, 0xF0}); // jmp kCodeBase
    f.step(3);
    CHECK(f.peek8(0x60000) == 0x22);
    f.step(1);
    CHECK(f.peek8(0x60000) == 0x55);
    // An instruction whose own immediate is its destination.
    mov_byte(f, kCodeBase + 0x100, kCodeBase + 0x106, 0x77);
    f.s.rip = kCodeBase + 0x100;
    f.step(1);
    CHECK(f.peek8(kCodeBase + 0x106) == 0x77);
    CHECK(f.eip() == kCodeBase + 0x107);
}

TEST_CASE("through an alias: another linear address of the same page") {
    CpuFixture f;
    prepare(f);
    f.poke32(kPageTables + 0x1000 + 4 * 0x200, kCodeBase | 7); // linear 200000h is the code
    f.cpu.state_changed();
    f.poke_code(kCodeBase + 0x20, {kIncEax, 0xF4});
    f.poke_code(kCodeBase, {0xEB, 0x1E});
    f.step(3);
    CHECK(f.s.gpr[RAX] == 1);
    f.s.halted = false;
    mov_byte(f, kCodeBase + 0x10, 0x200020, kIncEcx);
    f.poke_code(kCodeBase + 0x17, {0xEB, 0x07});
    f.s.rip = kCodeBase + 0x10;
    f.step(4);
    CHECK(f.s.gpr[RCX] == 1);
    CHECK(f.s.gpr[RAX] == 1);
    // And the other way: code runs under the alias and is changed under its own address.
    f.s.halted = false;
    f.s.rip = 0x200020;
    f.step(2);
    CHECK(f.s.gpr[RCX] == 2);
    f.s.halted = false;
    mov_byte(f, kCodeBase + 0x10, kCodeBase + 0x20, kIncEax);
    f.s.rip = 0x200010;
    f.step(4);
    CHECK(f.s.gpr[RAX] == 2);
}

TEST_CASE("by a device, between runs and in the middle of a block") {
    CpuFixture f;
    prepare(f, false);
    Writer writer(f.memory, kCodeBase + 2, kIncEcx);
    f.io.map(0x80, 1, writer, "DMA");
    f.poke_code(kCodeBase, {0xE6, 0x80, kIncEax, kIncEax, 0xF4}); // out 80h, al
    f.step(4);
    CHECK(f.s.gpr[RCX] == 1);
    CHECK(f.s.gpr[RAX] == 1);
    f.s.halted = false;
    f.memory.write(PhysAddr{kCodeBase + 3}, 1, kIncEcx);
    f.s.rip = kCodeBase + 2;
    f.step(3);
    CHECK(f.s.gpr[RCX] == 3);
}

TEST_CASE("instructions that cross a page: either part is changed, or another page comes behind") {
    CpuFixture f;
    prepare(f);
    const u32 at = 0x61FFE; // mov eax, imm32 with three bytes in the second page
    f.poke_code(at, {0xB8, 0x11, 0x22, 0x33, 0x44, 0xF4});
    const auto run = [&] {
        f.s.halted = false;
        f.s.rip = at;
        f.step(2);
        return static_cast<u32>(f.s.gpr[RAX]);
    };
    CHECK(run() == 0x44332211);
    CHECK(run() == 0x44332211);
    f.poke8(at + 4, 0x55);
    CHECK(run() == 0x55332211);
    f.poke8(at + 1, 0x66);
    CHECK(run() == 0x55332266);
    f.poke_code(0x70000, {0x77, 0x88, 0x99, 0xF4});
    f.poke32(kPageTables + 0x1000 + 4 * 0x62, 0x70007);
    CHECK(run() == 0x99887766);
    f.poke32(kPageTables + 0x1000 + 4 * 0x62, 0);
    f.s.halted = false;
    f.s.rip = at;
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(14));
    CHECK(f.s.cr2 == 0x62000);
}

TEST_CASE("another page under the same address: by the entry, by the directory, by CR3") {
    CpuFixture f;
    prepare(f);
    f.poke_code(0x61000, {kIncEax, 0xF4});
    f.poke_code(0x70000, {kIncEcx, 0xF4});
    const auto run = [&] {
        f.s.halted = false;
        f.s.gpr[RAX] = f.s.gpr[RCX] = 0;
        f.s.rip = 0x61000;
        f.step(2);
        return f.s.gpr[RCX] == 1 && f.s.gpr[RAX] == 0;
    };
    CHECK(!run());
    f.poke32(kPageTables + 0x1000 + 4 * 0x61, 0x70007);
    CHECK(run());
    // A second table where 61000h is itself again.
    for (u32 i = 0; i < 1024; ++i) f.poke32(0x90000 + 4 * i, (i << 12) | 7);
    f.poke32(kPageTables, 0x90007);
    CHECK(!run());
    f.poke32(0x91000, (kPageTables + 0x1000) | 7);
    REQUIRE(f.cpu.write_cr3(0x91000) == Fault::none());
    CHECK(run());
    REQUIRE(f.cpu.write_cr3(kPageTables) == Fault::none());
    CHECK(!run());
}

TEST_CASE("a repeated store over itself and over what follows") {
    CpuFixture f;
    prepare(f);
    f.poke_code(kCodeBase, {0xF3, 0xAA, kIncEax, kIncEax, kIncEax, kIncEax, 0xF4});
    f.s.gpr[RDI] = kCodeBase + 2;
    f.s.gpr[RCX] = 3;
    f.s.gpr[RAX] = kNop;
    f.step(3 + 3 + 1);
    CHECK(f.s.gpr[RAX] == kNop + 1);
    CHECK(f.eip() == kCodeBase + 6);
}

TEST_CASE("A20: code below 1 MiB changes through its alias above") {
    CpuFixture f;
    prepare(f, false);
    f.cpu.set_a20(false);
    mov_byte(f, kCodeBase, 0x100000 + kCodeBase + 8, kIncEcx);
    f.poke_code(kCodeBase + 7, {kNop, kIncEax, 0xF4});
    f.step(4);
    CHECK(f.s.gpr[RCX] == 1);
    CHECK(f.s.gpr[RAX] == 0);
}

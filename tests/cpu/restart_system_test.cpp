/// Page faults in the middle of stack switches, returns and task switches: what is faulted on is found before anything
/// changes, and the transfer restarts once the page is there. SDM Vol. 3, 5.8.5, 6.12.1, 7.3 and 6.6.
#include "tests/cpu/cpu_fixture.h"
#include <algorithm>
#include <functional>
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

constexpr u32 kPage = 0x62000, kNext = kPage + 0x1000;
constexpr u16 kTss2Sel = CpuFixture::kTss2Selector;

struct Case {
    const char* name;
    u8 ring;
    std::function<void(CpuFixture&)> prepare; ///< at kCodeBase
    u32 end;                                  ///< EIP after it
    u32 faulty = kPage;
};

void inner_gate(CpuFixture& f, u32 stack) {
    f.poke32(kTss + 12, stack); // ESP1
    f.idt_gate(0x30, kInterruptGate32, 3, CpuFixture::code(1), 0x48000);
    f.call_gate(CpuFixture::kFree, kCallGate32, 3, CpuFixture::code(1), 0x48000, 3);
}

void second_task(CpuFixture& f, u32 tss) {
    f.descriptor(kTss2Sel, tss, 0x67, dpl_of(0x89, 3));
    f.poke32(tss + 0x1C, kPageTables);
    f.poke32(tss + 0x20, 0x48000);
    f.poke32(tss + 0x24, 2);
    for (unsigned i = 0; i < 8; ++i) f.poke32(tss + 0x28 + 4 * i, 0x1000 + i);
    f.poke32(tss + 0x28 + 16, 0x28000);
    const u16 selectors[] = {CpuFixture::data(0), CpuFixture::code(0), CpuFixture::data(0), CpuFixture::data(0), 0, 0};
    for (unsigned i = 0; i < 6; ++i) f.poke16(tss + 0x48 + 4 * i, selectors[i]);
    f.poke16(tss + 0x60, CpuFixture::kLdtSelector);
}

std::vector<Case> cases() {
    const auto frame = [](CpuFixture& f, u32 at, std::initializer_list<u32> items) {
        f.s.gpr[RSP] = at;
        for (const u32 item : items) f.poke32(at, item), at += 4;
    };
    return {
        {"INT to ring 1, its stack", 3,
         [](CpuFixture& f) {
             inner_gate(f, kNext + 8), f.poke_code(kCodeBase, {0xCD, 0x30});
         },
         0x48000},
        {"INT to ring 1, an item of its stack across", 3,
         [](CpuFixture& f) {
             inner_gate(f, kNext + 10), f.poke_code(kCodeBase, {0xCD, 0x30});
         },
         0x48000},
        {"call gate, the inner stack", 3,
         [](CpuFixture& f) {
             inner_gate(f, kNext + 12);
             f.poke_code(kCodeBase, {0x9A, 0, 0, 0, 0, CpuFixture::kFree | 3, 0});
         },
         0x48000},
        {"call gate, the parameters", 3,
         [frame](CpuFixture& f) {
             inner_gate(f, 0x60800);
             frame(f, kPage - 8, {0x11, 0x22, 0x33});
             f.poke_code(kCodeBase, {0x9A, 0, 0, 0, 0, CpuFixture::kFree | 3, 0});
         },
         0x48000},
        {"RETF to ring 3", 1,
         [frame](CpuFixture& f) {
             frame(f, kPage - 8, {0x48000, CpuFixture::code(3), 0x60800, CpuFixture::data(3)});
             f.poke_code(kCodeBase, {0xCB});
         },
         0x48000},
        {"IRET to ring 3", 1,
         [frame](CpuFixture& f) {
             frame(f, kPage - 16, {0x48000, CpuFixture::code(3), 2, 0x60800, CpuFixture::data(3)});
             f.poke_code(kCodeBase, {0xCF});
         },
         0x48000},
        {"JMP to a TSS across the border", 3,
         [](CpuFixture& f) {
             second_task(f, kPage - 0x30);
             f.poke_code(kCodeBase, {0xEA, 0, 0, 0, 0, kTss2Sel | 3, 0});
         },
         0x48000},
        {"CALL to a TSS across the border", 3,
         [](CpuFixture& f) {
             second_task(f, kPage - 0x62);
             f.poke_code(kCodeBase, {0x9A, 0, 0, 0, 0, kTss2Sel | 3, 0});
         },
         0x48000},
        {"INT through a task gate", 3,
         [](CpuFixture& f) {
             second_task(f, kPage);
             f.gate_at(kIdt + 0x31 * 8, kTaskGate, 3, kTss2Sel, 0);
             f.poke_code(kCodeBase, {0xCD, 0x31});
         },
         0x48000},
        {"IRET to the task before", 3,
         [](CpuFixture& f) {
             second_task(f, kPage - 0x40);
             f.descriptor(kTss2Sel, kPage - 0x40, 0x67, 0x8B);
             f.poke16(kTss, kTss2Sel);
             f.s.eflags |= kNT;
             f.poke_code(kCodeBase, {0xCF});
         },
         0x48000},
    };
}

std::vector<u64> registers(CpuFixture& f) {
    std::vector<u64> out(f.s.gpr.begin(), f.s.gpr.begin() + 8);
    for (const u64 value : {u64{f.s.rip}, u64{f.cpu.eflags()}, u64{f.cpu.cpl()}, u64{f.s.tr.selector}, u64{f.s.cr0}})
        out.push_back(value);
    for (const Segment& segment : f.s.seg) out.push_back(u64{segment.selector} << 16 | segment.attributes);
    return out;
}

/// Without the ring 0 stack.
std::vector<u8> memory(CpuFixture& f) {
    const auto ram = f.memory.ram();
    std::vector<u8> out(ram.begin(), ram.begin() + 0x80000);
    std::fill(out.begin() + kStacks, out.begin() + kStacks + 0x1000, u8{0});
    return out;
}

void prepare(CpuFixture& f, const Case& c) {
    f.protected_mode(c.ring);
    f.enable_paging();
    f.poke_code(CpuFixture::handler(14), {0x83, 0xC4, 0x04, 0xCF}); // add esp, 4; iret
    for (u32 i = 0; i < 0x4000; i += 4) f.poke32(0x60000 + i, i * 0x9E3779B9u);
    c.prepare(f);
    f.cpu.state_changed();
}

} // namespace

TEST_CASE("a page fault in the middle of a transfer between levels or tasks leaves both sides as they were") {
    for (const Case& c : cases())
        for (const u32 rights : {0u, 4u}) { // not present; supervisor may not write with WP
            INFO(c.name << (rights ? ", read-only" : ""));
            CpuFixture a, b;
            prepare(a, c);
            prepare(b, c);
            for (CpuFixture* f : {&a, &b}) {
                f->s.cr0 |= kCR0_WP;
                f->cpu.state_changed();
            }
            a.step(1);
            REQUIRE(a.eip() == c.end);
            const auto registers_before = registers(b);
            const auto memory_before = memory(b);
            b.page(c.faulty, rights ? rights | 1 : 0);
            b.step(1);
            if (!rights) REQUIRE(b.eip() == CpuFixture::handler(14));
            if (b.eip() == CpuFixture::handler(14)) {
                CHECK((b.s.cr2 & ~0xFFFu) == c.faulty);
                CHECK(b.stack32(1) == kCodeBase);
                CHECK(b.stack32(2) == registers_before[8 + 5 + CS] >> 16);
                CHECK((b.stack32(3) & ~kRF) == registers_before[9]);
                CHECK(b.stack32(4) == registers_before[RSP]);
                CHECK(b.s.tr.selector == CpuFixture::kTssSelector);
                CHECK((memory(b) == memory_before));
                b.page(c.faulty, 7);
                b.step(3);
            }
            CHECK(registers(b) == registers(a));
            CHECK((memory(b) == memory(a)));
        }
}

TEST_CASE("a page fault of a handler's stack at ring 0 is a double fault, through a task gate if need be") {
    CpuFixture f;
    f.protected_mode(3);
    f.enable_paging();
    second_task(f, kTss2);
    f.gate_at(kIdt + 8 * 8, kTaskGate, 0, kTss2Sel, 0);
    f.poke32(kTss + 4, kNext);
    f.page(kPage, 0);
    f.poke_code(kCodeBase, {0x0F, 0x0B}); // ud2: benign, so the page fault is delivered first, and fails as well
    f.step(1);
    CHECK(!f.s.shutdown);
    CHECK(f.s.tr.selector == kTss2Sel);
    CHECK(f.stack32(0) == 0);
    CHECK(f.s.cr2 == kNext - 4);
    CHECK(f.peek32(kTss + 0x20) == kCodeBase);
    CHECK(f.peek16(kTss + 0x4C) == CpuFixture::code(3));
}

TEST_CASE("a task switch that faults in the new task pushes on the new stack and may be restarted there") {
    CpuFixture f;
    f.protected_mode(0);
    f.enable_paging();
    second_task(f, kTss2);
    f.descriptor(0x88, 0, 0xFFFFF, 0x13, kBig | kGranular); // absent data
    f.poke16(kTss2 + 0x54, 0x88);                           // DS
    f.poke_code(kCodeBase, {0xEA, 0, 0, 0, 0, kTss2Sel, 0});
    f.poke_code(CpuFixture::handler(11), {0x83, 0xC4, 0x04, 0xCF});
    f.poke_code(0x48000, {0x8E, 0xD8, 0x90}); // mov ds, ax
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(11));
    CHECK(f.s.tr.selector == kTss2Sel);
    CHECK(f.stack32(0) == 0x88);
    CHECK(f.stack32(1) == 0x48000);
    CHECK(f.s.seg[DS].selector == 0x88);
    CHECK(f.s.seg[DS].null);
    f.step(2);
    CHECK(f.eip() == 0x48000);
    f.s.gpr[RAX] = CpuFixture::data(0);
    f.step(1);
    CHECK(f.eip() == 0x48002);
}

TEST_CASE("an inner stack or a frame that lies outside its limit: error codes with and without EXT") {
    CpuFixture f;
    const auto begin = [&](u8 access, u32 limit) {
        f.protected_mode(3);
        f.descriptor(0x88, 0, limit, access, kBig);
        f.poke16(kTss + 8, 0x88); // SS0
        f.poke32(kTss + 4, 0x1008);
        f.idt_gate(0x30, kInterruptGate32, 3, CpuFixture::code(0), 0x48000);
        // Faults go to ring 3's own level, so that they can be seen.
        for (unsigned v : {10u, 11u, 12u, 13u})
            f.idt_gate(static_cast<u8>(v), kInterruptGate32, 0, CpuFixture::code(3), CpuFixture::handler(v));
        f.poke_code(kCodeBase, {0xCD, 0x30});
        f.cpu.state_changed();
    };
    begin(kData0, 0x1000); // four bytes short
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(12));
    CHECK(f.stack32(0) == 0x88);
    begin(kData0 & 0x7F, 0x2000); // not present
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(12));
    CHECK(f.stack32(0) == 0x88);
    begin(0x91, 0x2000); // read-only
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(10));
    CHECK(f.stack32(0) == 0x88);
    // The same from outside: EXT.
    begin(0x91, 0x2000);
    f.s.eflags |= kIF;
    f.interrupt_vector = 0x30;
    f.cpu.set_intr(true);
    f.step(1);
    CHECK(f.eip() == CpuFixture::handler(10));
    CHECK(f.stack32(0) == 0x89);
    CHECK(f.stack32(1) == kCodeBase);
}

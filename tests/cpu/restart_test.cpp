/// Page faults in the middle of instructions: nothing is half done, and the instruction restarts (SDM Vol. 3, 6.6
/// "Program or Task Restart"). Each instruction runs at CPL 3 with one page missing or not writable that some of its
/// accesses touch, faults, gets its page, is restarted by IRET, and must then leave what it leaves where the page was
/// there from the start.
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <algorithm>
#include <functional>
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

constexpr u32 kPage = 0x62000, kNext = kPage + 0x1000;
constexpr u32 kPort = 0x80;

class Counter final : public PortHandler {
public:
    u8 read8(u16) override { return static_cast<u8>(++reads); }
    void write8(u16, u8) override { ++writes; }
    unsigned reads = 0, writes = 0;
};

struct Case {
    const char* name;
    std::vector<u8> code;
    std::function<void(CpuFixture&)> prepare;
    bool repeats = false; ///< what its iterations did before the fault stays done, and what POPA popped
    u32 faulty = kPage;   ///< the page that is missing
};

void push_frame(CpuFixture& f, u32 at, std::initializer_list<u32> items) {
    f.s.gpr[RSP] = at;
    for (const u32 item : items) {
        f.poke32(at, item);
        at += 4;
    }
}

/// x87 registers with something in them, a status and a control word.
void fill_x87(CpuFixture& f) {
    for (unsigned i = 0; i < 8; ++i) f.s.x87.st[i] = {0x8000000000000000u | i << 8, static_cast<u16>(0x3FFF + i)};
    f.s.x87.tag = 0;
    f.s.x87.control = 0x37F;
    f.s.x87.status = 0x1800;
}

void esp(CpuFixture& f, u32 value) { f.s.gpr[RSP] = value; }
void ebx(CpuFixture& f, u32 value) { f.s.gpr[RBX] = value; }

std::vector<Case> cases() {
    const auto at_ebx = [](u32 address) { return [=](CpuFixture& f) { fill_x87(f), ebx(f, address); }; };
    const auto at_esp = [](u32 address) { return [=](CpuFixture& f) { esp(f, address); }; };
    const auto strings = [](u32 source, u32 destination, bool down = false) {
        return [=](CpuFixture& f) {
            f.s.gpr[RSI] = source;
            f.s.gpr[RDI] = destination;
            f.s.gpr[RCX] = 7;
            if (down) f.s.eflags |= kDF;
        };
    };
    const auto local = [](u16 selector, u8 access) {
        return [=](CpuFixture& f) {
            f.descriptor(selector, 0, 0xFFFFF, access, kBig | kGranular);
            f.s.gpr[RAX] = selector;
        };
    };
    constexpr u32 kLocal = 0x17; // entry 2 of the LDT, RPL 3
    const u8 lo = kNext >> 8 & 0xFF, hi = kNext >> 16;
    return {
        // The stack, downwards into the page and across its lower border.
        {"pusha", {0x60}, at_esp(kNext + 12)},
        {"pusha, an item across", {0x60}, at_esp(kNext + 14)},
        {"pushaw", {0x66, 0x60}, at_esp(kNext + 6)},
        {"popa", {0x61}, at_esp(kPage - 12), true},
        {"popa, an item across", {0x61}, at_esp(kPage - 14), true},
        {"pushf", {0x9C}, at_esp(kNext + 2)},
        {"popf", {0x9D}, at_esp(kPage - 2)},
        {"push [ebx]", {0xFF, 0x33}, [](CpuFixture& f) { esp(f, kNext + 2), ebx(f, 0x60000); }},
        {"pop [ebx]", {0x8F, 0x03}, [](CpuFixture& f) { esp(f, 0x60000), ebx(f, kPage - 2); }},
        {"pop [esp]", {0x8F, 0x04, 0x24}, at_esp(kPage - 6)},
        {"enter 32, 0", {0xC8, 0x20, 0, 0}, at_esp(kNext + 2)},
        {"enter 4000, 0: the top alone", {0xC8, 0xA0, 0x0F, 0}, at_esp(kNext + 8)},
        {"enter 8, 4", {0xC8, 8, 0, 4}, [](CpuFixture& f) { esp(f, kNext + 12), f.s.gpr[RBP] = 0x60100; }},
        {"enter 8, 4: the old display",
         {0xC8, 8, 0, 4},
         [](CpuFixture& f) { esp(f, 0x60800), f.s.gpr[RBP] = kNext + 4; }},
        {"leave", {0xC9}, [](CpuFixture& f) { esp(f, 0x60800), f.s.gpr[RBP] = kPage - 2; }},
        {"call", {0xE8, 0x10, 0, 0, 0}, at_esp(kNext + 2)},
        {"call [ebx]",
         {0xFF, 0x13},
         [](CpuFixture& f) { esp(f, kNext + 2), ebx(f, 0x60000), f.poke32(0x60000, 0x40080); }},
        {"call [ebx]: the pointer",
         {0xFF, 0x13},
         [](CpuFixture& f) { esp(f, 0x60800), ebx(f, kPage - 2), f.poke32(kPage - 2, 0x40080); }},
        {"call far", {0x9A, 0x80, 0, 4, 0, CpuFixture::code(3), 0}, at_esp(kNext + 6)},
        {"call far [ebx]",
         {0xFF, 0x1B},
         [](CpuFixture& f) {
             esp(f, kNext + 2), ebx(f, kPage - 2);
             f.poke32(kPage - 2, 0x40080), f.poke16(kPage + 2, CpuFixture::code(3));
         }},
        {"ret", {0xC3}, [](CpuFixture& f) { push_frame(f, kPage - 2, {0x40080}); }},
        {"ret 8", {0xC2, 8, 0}, [](CpuFixture& f) { push_frame(f, kPage - 2, {0x40080}); }},
        {"retf",
         {0xCB},
         [](CpuFixture& f) {
             push_frame(f, kPage - 4, {0x40080, CpuFixture::code(3)});
         }},
        {"iret",
         {0xCF},
         [](CpuFixture& f) {
             push_frame(f, kPage - 8, {0x40080, CpuFixture::code(3), 0xA03});
         }},
        // Operands in memory.
        {"add [ebx], eax", {0x01, 0x03}, at_ebx(kPage - 2)},
        {"mov [ebx], eax", {0x89, 0x03}, at_ebx(kPage - 1)},
        {"mov eax, [ebx]", {0x8B, 0x03}, at_ebx(kPage - 1)},
        {"xchg", {0x87, 0x03}, at_ebx(kPage - 2)},
        {"xadd", {0x0F, 0xC1, 0x03}, at_ebx(kPage - 3)},
        {"cmpxchg", {0x0F, 0xB1, 0x03}, at_ebx(kPage - 2)},
        {"cmpxchg8b", {0x0F, 0xC7, 0x0B}, at_ebx(kPage - 4)},
        {"bts [ebx], ecx", {0x0F, 0xAB, 0x0B}, [](CpuFixture& f) { ebx(f, kPage - 0x100), f.s.gpr[RCX] = 0x800 + 3; }},
        {"shld", {0x0F, 0xA4, 0x03, 5}, at_ebx(kPage - 2)},
        {"rcl [ebx]", {0xD1, 0x13}, at_ebx(kPage - 2)},
        {"bound",
         {0x62, 0x03},
         [](CpuFixture& f) { ebx(f, kPage - 4), f.poke32(kPage - 4, 0x80000000), f.poke32(kPage, 0x7FFFFFFF); }},
        {"les",
         {0xC4, 0x03},
         [](CpuFixture& f) { ebx(f, kPage - 4), f.poke32(kPage - 4, 5), f.poke16(kPage, CpuFixture::data(3)); }},
        {"sgdt", {0x0F, 0x01, 0x03}, at_ebx(kPage - 2)},
        {"arpl", {0x63, 0x03}, [](CpuFixture& f) { ebx(f, kPage - 1), f.s.gpr[RAX] = 3; }},
        // x87, MMX and SSE images.
        {"fnsave", {0xDD, 0x33}, at_ebx(kPage - 60)},
        {"fnsave: the last byte", {0xDD, 0x33}, at_ebx(kPage - 107)},
        {"frstor", {0xDD, 0x23}, at_ebx(kPage - 60)},
        {"fnstenv", {0xD9, 0x33}, at_ebx(kPage - 14)},
        {"fldenv", {0xD9, 0x23}, at_ebx(kPage - 14)},
        {"fxsave", {0x0F, 0xAE, 0x03}, at_ebx(kPage - 256)},
        {"fxrstor", {0x0F, 0xAE, 0x0B}, [](CpuFixture& f) { ebx(f, kPage - 256), f.poke32(kPage - 256 + 24, 0x1F80); }},
        {"fstp m80", {0xDB, 0x3B}, at_ebx(kPage - 9)},
        {"fld m80", {0xDB, 0x2B}, [](CpuFixture& f) { ebx(f, kPage - 9), f.s.x87.tag = 0x5555 * 3; }},
        {"fbstp", {0xDF, 0x33}, at_ebx(kPage - 5)},
        {"fstp m64", {0xDD, 0x1B}, at_ebx(kPage - 4)},
        {"fistp m32", {0xDB, 0x1B}, at_ebx(kPage - 2)},
        {"movups [ebx], xmm1", {0x0F, 0x11, 0x0B}, at_ebx(kPage - 8)},
        {"movups xmm1, [ebx]", {0x0F, 0x10, 0x0B}, at_ebx(kPage - 8)},
        {"movq [ebx], mm1", {0x0F, 0x7F, 0x0B}, [](CpuFixture& f) { ebx(f, kPage - 4); }},
        // Strings.
        {"movsd: source", {0xA5}, strings(kPage - 2, 0x60000)},
        {"movsd: destination", {0xA5}, strings(0x60000, kPage - 2)},
        {"rep movsd", {0xF3, 0xA5}, strings(0x60000, kPage - 10), true},
        {"rep movsd: source", {0xF3, 0xA5}, strings(kPage - 10, 0x60000), true},
        {"rep movsb, down", {0xF3, 0xA4}, strings(0x60000, kNext + 2, true), true},
        {"rep stosw", {0x66, 0xF3, 0xAB}, strings(0, kPage - 5), true},
        {"rep lodsd", {0xF3, 0xAD}, strings(kPage - 9, 0), true},
        {"repne cmpsb", {0xF2, 0xA6}, strings(0x60001, kPage - 3), true},
        {"repne scasd", {0xF2, 0xAF}, strings(0, kPage - 10), true},
        {"insd", {0x6D}, strings(0, kPage - 2)},
        {"rep insb", {0xF3, 0x6C}, strings(0, kPage - 3), true},
        {"rep outsd", {0xF3, 0x6F}, strings(kPage - 6, 0), true},
        // Descriptors in a local table that is not there.
        {"mov ds, ax", {0x8E, 0xD8}, local(kLocal, kData3), false, kLdtTable},
        {"mov ds, ax: not accessed yet", {0x8E, 0xD8}, local(kLocal, kData3 & ~1), false, kLdtTable},
        {"mov ss, ax", {0x8E, 0xD0}, local(kLocal, kData3 & ~1), false, kLdtTable},
        {"pop es",
         {0x07},
         [=](CpuFixture& f) { local(kLocal, kData3)(f), push_frame(f, 0x60000, {kLocal}); },
         false,
         kLdtTable},
        {"jmp far", {0xEA, 0x80, 0, 4, 0, kLocal, 0}, local(kLocal, kCode3 & ~1), false, kLdtTable},
        {"call far, local", {0x9A, 0x80, 0, 4, 0, kLocal, 0}, local(kLocal, kCode3 & ~1), false, kLdtTable},
        {"retf, local",
         {0xCB},
         [=](CpuFixture& f) {
             local(kLocal, kCode3 & ~1)(f), push_frame(f, 0x60000, {0x40080, kLocal});
         },
         false,
         kLdtTable},
        {"lar", {0x0F, 0x02, 0xC8}, local(kLocal, kData3), false, kLdtTable},
        {"lsl", {0x0F, 0x03, 0xC8}, local(kLocal, kData3), false, kLdtTable},
        {"verw", {0x0F, 0x00, 0xE8}, local(kLocal, kData3), false, kLdtTable},
        // Code: an instruction that reaches into the page.
        {"fetch",
         {0x90},
         [](CpuFixture& f) {
             f.poke_code(kPage - 2, {0x05, 0x01, 0x00, 0x00, 0x00}); // add eax, 1
             f.s.rip = kPage - 2;
         }},
        {"mov eax, moffs",
         {0xA1, static_cast<u8>(0xFE), static_cast<u8>(lo - 1), hi, 0},
         [](CpuFixture& f) { f.page(kNext, 7); },
         false,
         kPage},
    };
}

struct Snapshot {
    std::vector<u64> registers;
    std::vector<u8> memory;
    std::vector<u64> floating;
    bool operator==(const Snapshot&) const = default;
};

/// Everything but the ring 0 stack and the page tables.
Snapshot snapshot(CpuFixture& f) {
    Snapshot out;
    for (unsigned i = 0; i < 8; ++i) out.registers.push_back(f.s.gpr[i]);
    out.registers.push_back(f.s.rip);
    out.registers.push_back(f.cpu.eflags());
    for (const Segment& segment : f.s.seg) {
        out.registers.push_back(segment.selector);
        out.registers.push_back(segment.attributes);
        out.registers.push_back(segment.base);
    }
    for (const Float80& st : f.s.x87.st) {
        out.floating.push_back(st.significand);
        out.floating.push_back(st.sign_exponent);
    }
    for (const u64 word : {u64{f.s.x87.control}, u64{f.s.x87.status}, u64{f.s.x87.tag}, u64{f.s.mxcsr}})
        out.floating.push_back(word);
    for (const VectorRegister& v : f.s.vector)
        for (unsigned i = 0; i < 16; ++i) out.floating.push_back(v.bytes[i]);
    const auto ram = f.memory.ram();
    out.memory.assign(ram.begin(), ram.begin() + 0x80000);
    std::fill(out.memory.begin() + kStacks, out.memory.begin() + kStacks + 0x1000, u8{0});
    return out;
}

void prepare(CpuFixture& f, const Case& c, unsigned max_block) {
    f.cpu.interpreter().set_settings({max_block, true});
    f.protected_mode(3);
    f.enable_paging();
    f.s.cr4 |= kCR4_OSFXSR;
    f.s.eflags |= kIOPL; // ports
    for (u32 i = 0; i < 0x4000; i += 4) f.poke32(0x60000 + i, i * 0x9E3779B9u);
    for (unsigned i = 0; i < 8; ++i) f.s.gpr[i] = 0x11111111u * i;
    f.s.gpr[RSP] = 0x60800;
    f.s.gpr[RAX] = 0x1234;
    f.s.gpr[RDX] = kPort;
    f.s.flags.set(kCF | kZF);
    f.poke_code(CpuFixture::handler(14), {0x83, 0xC4, 0x04, 0xCF}); // add esp, 4; iret
    u32 at = kCodeBase;
    for (const u8 byte : c.code) f.poke8(at++, byte);
    c.prepare(f);
    f.s.next_rip = f.s.rip;
    f.cpu.state_changed();
}

/// Until EIP leaves the instruction.
void finish(CpuFixture& f, u64 start) {
    for (unsigned i = 0; i < 40 && f.s.rip == start; ++i) f.step(1);
}

} // namespace

TEST_CASE("a page fault in the middle of an instruction leaves nothing half done, and it restarts") {
    for (const unsigned max_block : {32u, 0u}) {
        for (const Case& c : cases()) {
            for (const u32 rights : {0u, 5u}) { // not present; not writable
                INFO(c.name << (rights ? ", read-only" : "") << ", blocks of " << max_block);
                Counter port_a, port_b;
                CpuFixture a, b;
                a.io.map(kPort, 4, port_a, "counter");
                b.io.map(kPort, 4, port_b, "counter");
                prepare(a, c, max_block);
                prepare(b, c, max_block);
                const u64 start = a.s.rip;
                finish(a, start);
                const Snapshot before = snapshot(b);
                b.page(c.faulty, rights);
                finish(b, start);
                const bool faulted = b.eip() == CpuFixture::handler(14);
                if (rights == 0) CHECK(faulted);
                if (faulted) {
                    CHECK((b.s.cr2 & ~0xFFFu) == c.faulty);
                    CHECK((b.stack32(3) & kRF));
                    // What the handler sees is what was before the instruction.
                    Snapshot after = snapshot(b);
                    after.registers[RSP] = b.stack32(4);
                    after.registers[8] = b.stack32(1);
                    after.registers[9] = b.stack32(3) & ~kRF;
                    for (unsigned i = 10 + 3 * CS; i < 10 + 3 * SS + 3; ++i) after.registers[i] = before.registers[i];
                    if (!c.repeats) {
                        CHECK(after.registers == before.registers);
                        CHECK(after.floating == before.floating);
                        CHECK((after.memory == before.memory));
                    }
                    b.page(c.faulty, 7);
                    b.step(2);
                    finish(b, start);
                }
                const Snapshot expected = snapshot(a), actual = snapshot(b);
                CHECK(actual.registers == expected.registers);
                CHECK(actual.floating == expected.floating);
                CHECK((actual.memory == expected.memory));
                CHECK(port_a.reads == port_b.reads);
                CHECK(port_a.writes == port_b.writes);
            }
        }
    }
}

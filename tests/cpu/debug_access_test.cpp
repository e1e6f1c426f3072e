/// Data breakpoints and every kind of access: which instructions hit a breakpoint on the doubleword at EBX, and where
/// the trap comes. Measured on an Intel processor (Sapphire Rapids) with its debug registers, by a program under
/// ptrace.
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

enum Hits : u8 {
    kNothing,
    kReads,
    kWrites
}; ///< kReads: a read/write breakpoint alone; kWrites: a write breakpoint, too

struct Case {
    const char* name;
    std::vector<u8> code;
    Hits hits;
    u32 eip; ///< of the trap, from the first byte on; 0 and RF between two iterations
};

const std::vector<Case> kCases = {
    // clang-format off
    {"mov eax, [ebx]", {0x8B, 0x03}, kReads, 2},
    {"mov [ebx], eax", {0x89, 0x03}, kWrites, 2},
    {"test [ebx], eax", {0x85, 0x03}, kReads, 2},
    {"or dword [ebx], 0", {0x83, 0x0B, 0x00}, kWrites, 3},
    {"cmp [ebx], eax", {0x39, 0x03}, kReads, 2},
    {"shl dword [ebx], cl", {0xD3, 0x23}, kWrites, 2},
    {"shr dword [ebx], 0", {0xC1, 0x2B, 0x00}, kWrites, 3},
    {"shl dword [ebx], 32", {0xC1, 0x23, 0x20}, kWrites, 3},
    {"rcl dword [ebx], 32", {0xC1, 0x13, 0x20}, kWrites, 3},
    {"ror dword [ebx], cl", {0xD3, 0x0B}, kWrites, 2},
    {"shld [ebx], edx, 0", {0x0F, 0xA4, 0x13, 0x00}, kWrites, 4},
    {"cmovz eax, [ebx]", {0x0F, 0x44, 0x03}, kReads, 3},
    {"cmovnz eax, [ebx]", {0x0F, 0x45, 0x03}, kReads, 3},
    {"setz [ebx]", {0x0F, 0x94, 0x03}, kWrites, 3},
    {"bt [ebx], eax", {0x0F, 0xA3, 0x03}, kReads, 3},
    {"bts [ebx], eax", {0x0F, 0xAB, 0x03}, kWrites, 3},
    {"bts [ebx], edx", {0x0F, 0xAB, 0x13}, kWrites, 3},
    {"cmpxchg [ebx], edx: equal", {0x0F, 0xB1, 0x13}, kWrites, 3},
    {"cmpxchg [ebx], edx: unequal", {0xB8, 0x05, 0x00, 0x00, 0x00, 0x0F, 0xB1, 0x13}, kWrites, 8},
    {"cmpxchg8b [ebx]: unequal", {0x0F, 0xC7, 0x0B}, kWrites, 3},
    {"xchg [ebx], eax", {0x87, 0x03}, kWrites, 2},
    {"xadd [ebx], eax", {0x0F, 0xC1, 0x03}, kWrites, 3},
    {"xlat", {0xD7}, kReads, 1},
    {"movsb", {0xA4}, kWrites, 1},
    {"rep movsb", {0xF3, 0xA4}, kWrites, 0},
    {"rep movsd", {0xF3, 0xA5}, kWrites, 0},
    {"rep stosb", {0xF3, 0xAA}, kWrites, 0},
    {"rep stosd", {0xF3, 0xAB}, kWrites, 0},
    {"rep lodsb", {0xF3, 0xAC}, kReads, 0},
    {"repe scasb", {0xF3, 0xAE}, kReads, 0},
    {"repe cmpsb", {0xF3, 0xA6}, kReads, 0},
    {"repne scasb", {0xF2, 0xAE}, kReads, 2},
    {"cmpsd", {0xA7}, kReads, 1},
    {"verr [ebx]", {0x0F, 0x00, 0x23}, kReads, 3},
    {"lar eax, [ebx]", {0x0F, 0x02, 0x03}, kReads, 3},
    {"mov [ebx], ds", {0x8C, 0x1B}, kWrites, 2},
    {"mov es, [ebx]", {0x8E, 0x03}, kReads, 2},
    {"lfs edx, [ebx]", {0x0F, 0xB4, 0x13}, kReads, 3},
    {"fld dword [ebx]", {0xD9, 0x03}, kReads, 2},
    {"fld tword [ebx]", {0xDB, 0x2B}, kReads, 2},
    {"fstp dword [ebx]: of an empty register", {0xD9, 0x1B}, kWrites, 2},
    {"fld1; fstp dword [ebx]", {0xD9, 0xE8, 0xD9, 0x1B}, kWrites, 4},
    {"fld1; fstp tword [ebx]", {0xD9, 0xE8, 0xDB, 0x3B}, kWrites, 4},
    {"fnsave [ebx]", {0xDD, 0x33}, kWrites, 2},
    {"fnstenv [ebx]", {0xD9, 0x33}, kWrites, 2},
    {"fldenv [ebx]", {0xD9, 0x23}, kReads, 2},
    {"fxsave [ebx]", {0x0F, 0xAE, 0x03}, kWrites, 3},
    {"fxrstor [ebx]", {0x0F, 0xAE, 0x0B}, kReads, 3},
    {"fnstcw [ebx]", {0xD9, 0x3B}, kWrites, 2},
    {"fnstsw [ebx]", {0xDD, 0x3B}, kWrites, 2},
    {"movdqa xmm0, [ebx]", {0x66, 0x0F, 0x6F, 0x03}, kReads, 4},
    {"movdqa [ebx], xmm0", {0x66, 0x0F, 0x7F, 0x03}, kWrites, 4},
    {"movups xmm0, [ebx-8]", {0x0F, 0x10, 0x83, 0xF8, 0xFF, 0xFF, 0xFF}, kReads, 7},
    {"movdqa xmm0, [ebx-16]", {0x66, 0x0F, 0x6F, 0x43, 0xF0}, kNothing, 0},
    {"maskmovdqu xmm1, xmm0: nothing selected", {0x66, 0x0F, 0xF7, 0xC8}, kWrites, 4},
    {"maskmovq mm0, mm1: nothing selected", {0x0F, 0xF7, 0xC1}, kWrites, 3},
    {"movntq [ebx], mm0", {0x0F, 0xE7, 0x03}, kWrites, 3},
    {"prefetchnta [ebx]", {0x0F, 0x18, 0x03}, kNothing, 0},
    {"prefetchw [ebx]", {0x0F, 0x0D, 0x03}, kNothing, 0},
    {"clflush [ebx]", {0x0F, 0xAE, 0x3B}, kReads, 3},
    {"lea eax, [ebx]", {0x8D, 0x03}, kNothing, 0},
    {"nop [ebx]", {0x0F, 0x1F, 0x03}, kNothing, 0},
    {"push dword [ebx], to ebx", {0x8D, 0x63, 0x04, 0xFF, 0x33}, kWrites, 5},
    {"push eax, to ebx", {0x8D, 0x63, 0x04, 0x50}, kWrites, 4},
    {"pop ebx", {0x8D, 0x23, 0x5B}, kReads, 3},
    {"pop eax", {0x8D, 0x23, 0x58}, kReads, 3},
    {"call, return address at ebx", {0x8D, 0x63, 0x04, 0xE8, 0x00, 0x00, 0x00, 0x00}, kWrites, 8},
    {"call, return address across", {0x8D, 0x63, 0x06, 0xE8, 0x00, 0x00, 0x00, 0x00}, kWrites, 8},
    {"movnti [ebx], eax", {0x0F, 0xC3, 0x03}, kWrites, 3},
    {"movss xmm0, [ebx]", {0xF3, 0x0F, 0x10, 0x03}, kReads, 4},
    {"movsd xmm0, [ebx]", {0xF2, 0x0F, 0x10, 0x03}, kReads, 4},
    {"movss xmm0, [ebx-4]", {0xF3, 0x0F, 0x10, 0x43, 0xFC}, kNothing, 0},
    {"movlpd xmm0, [ebx-4]", {0x66, 0x0F, 0x12, 0x43, 0xFC}, kReads, 5},
    {"ldmxcsr [ebx]", {0x0F, 0xAE, 0x13}, kReads, 3},
    {"stmxcsr [ebx]", {0x0F, 0xAE, 0x1B}, kWrites, 3},
    {"popcnt eax, [ebx]", {0xF3, 0x0F, 0xB8, 0x03}, kReads, 4},
    {"movbe eax, [ebx]", {0x0F, 0x38, 0xF0, 0x03}, kReads, 4},
    {"fld qword [ebx]", {0xDD, 0x03}, kReads, 2},
    {"fld qword [ebx-4]", {0xDD, 0x43, 0xFC}, kReads, 3},
    {"fild qword [ebx]", {0xDF, 0x2B}, kReads, 2},
    {"fbstp [ebx]: of an empty register", {0xDF, 0x33}, kWrites, 2},
    {"fbld [ebx]", {0xDF, 0x23}, kReads, 2},
    {"lock inc dword [ebx]", {0xF0, 0xFF, 0x03}, kWrites, 3},
    {"dec byte [ebx]", {0xFE, 0x0B}, kWrites, 2},
    {"not byte [ebx]", {0xF6, 0x13}, kWrites, 2},
    {"mov al, [ebx-4]", {0x8A, 0x43, 0xFC}, kNothing, 0},
    {"mov al, [ebx+3]", {0x8A, 0x43, 0x03}, kReads, 3},
    {"mov eax, [ebx-3]", {0x8B, 0x43, 0xFD}, kReads, 3},
    {"mov eax, [ebx-4]", {0x8B, 0x43, 0xFC}, kNothing, 0},
    {"movzx eax, word [ebx]", {0x0F, 0xB7, 0x03}, kReads, 3},
    {"movsx eax, byte [ebx+3]", {0x0F, 0xBE, 0x43, 0x03}, kReads, 4},
    {"mov [ebx-2], ax", {0x66, 0x89, 0x43, 0xFE}, kNothing, 0},
    {"mov [ebx-1], ax", {0x66, 0x89, 0x43, 0xFF}, kWrites, 4},
    {"mov [ebx-1], al", {0x88, 0x43, 0xFF}, kNothing, 0},
    {"stosw", {0x66, 0xAB}, kWrites, 2},
    {"movsd", {0xA5}, kWrites, 1},
    {"lodsb", {0xAC}, kReads, 1},
    {"scasb", {0xAE}, kReads, 1},
    {"repne cmpsb", {0xF2, 0xA6}, kReads, 2},
    // clang-format on
};

} // namespace

TEST_CASE("data breakpoints see every access that an instruction makes, as on a real processor") {
    constexpr u32 kAt = 0x60800;
    for (const unsigned max_block : {32u, 1u, 0u})
        for (const Case& c : kCases)
            for (const u32 kind : {1u, 3u}) {
                INFO(c.name << ", blocks of " << max_block << (kind == 1 ? ", writes" : ", reads and writes"));
                CpuFixture f;
                f.cpu.interpreter().set_settings({max_block, true});
                f.protected_mode(0);
                f.s.cr4 |= kCR4_OSFXSR;
                f.cpu.update_mode();
                for (const unsigned reg : {RBX, RSI, RDI}) f.s.gpr[reg] = kAt;
                f.s.gpr[RAX] = 0;
                f.s.gpr[RCX] = 2;
                f.s.gpr[RDX] = 1;
                f.s.x87.control = 0x37F;
                f.s.x87.tag = 0xFFFF;
                u32 at = kCodeBase;
                for (const u8 byte : c.code) f.poke8(at++, byte);
                f.poke8(at, 0xF4);
                f.cpu.write_dr(0, kAt);
                f.cpu.write_dr(7, 0x400 | 2 | kind << 16 | 3u << 18);
                for (unsigned n = 0; n < 8 && f.eip() != CpuFixture::handler(1) && !f.s.halted; ++n) f.step(1);
                const bool hit = f.eip() == CpuFixture::handler(1);
                CHECK(hit == (c.hits == kWrites || (c.hits == kReads && kind == 3)));
                if (!hit) {
                    CHECK(f.eip() == at + 1); // nothing else came in between
                    continue;
                }
                CHECK((f.s.dr[6] & 0xE00F) == 1);
                const u32 esp = f.esp(); // the frame of the handler, on the program's own stack
                CHECK(f.peek32(esp) == kCodeBase + c.eip);
                CHECK(bool(f.peek32(esp + 8) & kRF) == (c.eip == 0));
            }
}

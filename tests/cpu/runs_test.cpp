/// Runs (cpu/interpreter/stack_run.cpp, access_run.cpp): random programs of PUSH, POP, RET and MOV through a base
/// register, around a page boundary where either page may be missing or read-only, and over their own code. Blocks and
/// semantic functions must come to the same state.
#include "tests/cpu/hot_machine.h"
#include "tests/random.h"
#include "tests/rounds.h"
#include <string>

using namespace r86;
using namespace r86::test;

namespace {

constexpr u32 kBoundary = 0x301000; // between the two pages

void mov(std::vector<u8>& code, Random& dice, unsigned base) {
    const bool store = dice.below(2);
    code.push_back(store ? 0x89 : 0x8B);
    const auto modrm = [&](unsigned mod, unsigned rm) {
        code.push_back(static_cast<u8>(mod << 6 | dice.below(8) << 3 | rm));
    };
    const u32 where = kBoundary - 16 + dice.below(32);
    switch (dice.below(8)) {
    case 0: // [disp32]
        modrm(0, 5);
        for (unsigned i = 0; i < 4; ++i) code.push_back(static_cast<u8>(where >> 8 * i));
        return;
    case 1: // [base + disp32], sometimes too far away for a run
        modrm(2, base);
        if (base == RSP) code.push_back(0x24);
        for (unsigned i = 0; i < 4; ++i) code.push_back(i == 1 ? static_cast<u8>(dice.below(4)) : 0);
        return;
    default:
        modrm(1, base);
        if (base == RSP) code.push_back(0x24);
        code.push_back(static_cast<u8>(dice.below(40) - 20));
    }
}

std::vector<u8> random_program(Random& dice) {
    constexpr unsigned kBases[] = {RSP, RBP, RBX, RSI};
    std::vector<u8> code;
    while (code.size() < 60) {
        const unsigned base = kBases[dice.below(4)];
        const unsigned length = 1 + dice.below(6);
        switch (dice.below(8)) {
        case 0:
        case 1:
            for (unsigned i = 0; i < length; ++i) code.push_back(static_cast<u8>(0x50 | dice.below(8)));
            break;
        case 2:
            for (unsigned i = 0; i < length; ++i) code.push_back(static_cast<u8>(0x58 | dice.below(8)));
            break;
        case 3:
            // The words there lead to a HLT.
            if (dice.below(6) == 0)
                code.insert(code.end(), {0x8B, static_cast<u8>(0x04 | dice.below(8) << 3), 0x24, 0xC3});
            if (dice.below(3) == 0) code.push_back(0xC3);
            break;
        case 4:
            code.insert(code.end(), {0x01, static_cast<u8>(0xC0 | dice.below(64))}); // ADD r32, r32
            code.insert(code.end(),
                        {0x0F, 0xA3, static_cast<u8>(dice.below(4) << 6 | dice.below(64))}); // BT r/m32, r32
            code.insert(code.end(), {static_cast<u8>(dice.below(40)), 0, 0, 0});             // or ADD
            code.insert(code.end(),
                        {0x0F, 0xBA, static_cast<u8>(0xE0 | dice.below(8)), static_cast<u8>(dice.below(256))});
            break;
        default:
            for (unsigned i = 0; i < length; ++i) mov(code, dice, base);
        }
    }
    code.push_back(0xF4);
    return code;
}

void prepare(HotMachine& machine, Random dice) {
    constexpr u32 kPageFlags[] = {7, 7, 7, 5, 0}; // writable, read-only, missing
    machine.enable_paging();
    machine.s.cr0 |= kCR0_WP;
    for (const u32 page : {kBoundary - 0x1000, kBoundary}) machine.page(page, kPageFlags[dice.below(5)]);
    for (u32 at = kBoundary - 256; at < kBoundary + 256; at += 4) machine.poke32(at, machine.handler(3));
    for (u64& reg : machine.s.gpr) reg = kBoundary - 32 + dice.below(64);
    if (dice.below(2)) machine.s.gpr[RSP] = machine.stack_top(0) - dice.below(64);
    if (dice.below(6) == 0) machine.s.gpr[RBX] = kCodeBase + dice.below(60);
    if (dice.below(6) == 0) machine.s.gpr[RSI] = 20 - dice.below(40); // around 4 GiB
    machine.cpu.state_changed();
}

/// Empty, or what differs.
std::string compare(HotMachine& a, HotMachine& b) {
    if (std::string what = compare_integer_state(a, b); !what.empty()) return what;
    if (a.s.cr2 != b.s.cr2) return "CR2";
    if (a.s.shutdown != b.s.shutdown || a.s.halted != b.s.halted) return "activity";
    for (u32 at = kBoundary - 2048; at < kBoundary + 2048; at += 4)
        if (a.peek32(at) != b.peek32(at)) return "memory";
    for (u32 page = kPageTables + 0x1000; page < kPageTables + 0x2000; page += 4)
        if (a.peek32(page) != b.peek32(page)) return "accessed and dirty bits";
    return {};
}

} // namespace

TEST_CASE("runs: random programs around a page boundary come to the same state with and without", "[interpreter]") {
    Random dice{1};
    for (unsigned i = 0; i < rounds(3000); ++i) {
        HotMachine hot(32), exact(0);
        const std::vector<u8> code = random_program(dice);
        const Random setting{dice.next()};
        prepare(hot, setting);
        prepare(exact, setting);
        // Twice: the second time the TLB knows what the first has touched.
        for (unsigned round = 0; round < 2; ++round) {
            const CpuState hot_start = hot.s, exact_start = exact.s;
            hot.run(hot_start, code, {});
            exact.run(exact_start, code, {});
            INFO("program " << i << " round " << round);
            REQUIRE(compare(hot, exact) == "");
            for (HotMachine* machine : {&hot, &exact}) {
                machine->s.halted = machine->s.shutdown = false;
                machine->s.rip = kCodeBase;
                machine->s.gpr = hot_start.gpr;
                machine->s.seg = hot_start.seg;
            }
        }
    }
}

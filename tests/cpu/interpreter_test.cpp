// Hot handlers against the semantic functions: random programs of what the interpreter specialises, run instruction by
// instruction in their generic form and then under every engine setting in slices of random length. State and memory
// must be the same, whatever blocks, fusions, links, stores to watched pages and budget ends fall where.
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <cstring>
#include <random>
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

constexpr u32 kData = 0x200000, kCounter = 0x40F00; // the counter shares a page with the code

class Generator {
public:
    explicit Generator(u32 seed) : random_(seed) {}

    /// A loop of five rounds over `count` random instructions.
    std::vector<u8> program(unsigned count) {
        pointers();
        const usize start = code_.size();
        for (unsigned i = 0; i < count; ++i) instruction();
        pointers();
        add({0xFF, 0x0D}); // dec dword [counter]; jnz start
        add32(kCounter);
        add({0x0F, 0x85});
        add32(static_cast<u32>(start) - static_cast<u32>(code_.size()) - 4);
        add({0xF4});
        return code_;
    }

private:
    u32 below(u32 n) { return static_cast<u32>(random_() % n); }
    void add(std::initializer_list<u32> bytes) {
        for (u32 byte : bytes) code_.push_back(static_cast<u8>(byte));
    }
    void add32(u32 value) { add({value & 0xFF, value >> 8 & 0xFF, value >> 16 & 0xFF, value >> 24}); }
    void pointers() { // EBX, ESI and EDI lead to data; nothing but strings changes them
        add({0xBB});
        add32(kData + 8 * below(64));
        add({0xBE});
        add32(kData + 0xFF0 + below(16)); // some accesses cross a page
        add({0xBF});
        add32(kData + 0x2000 + below(64));
    }
    u32 scratch() { return std::array<u32, 4>{0, 1, 2, 5}[below(4)]; } // EAX ECX EDX EBP
    /// ModRM and what follows: register field `reg`, register or memory operand.
    void operand(u32 reg, bool memory_only = false, bool byte = false) {
        if (!memory_only && below(2)) return add({0xC0 | reg << 3 | (byte ? below(3) : scratch())});
        const u32 base = std::array<u32, 3>{3, 6, 7}[below(3)];
        switch (below(4)) {
        case 0: return add({reg << 3 | base});
        case 1: return add({0x40 | reg << 3 | base, below(256)});
        case 2: // base alone in a SIB byte
            return add({0x44 | reg << 3, 0x20 | base, below(128)});
        default: add({reg << 3 | 5}); return add32(kData + below(0x2000));
        }
    }
    void branch() { // over one byte, or to where it would go anyway
        const u32 cc = below(16);
        if (below(2))
            add({0x70 | cc, 1, 0x40}); // inc eax
        else
            add({0x70 | cc, 0});
    }
    void instruction() {
        const u32 op = below(8) * 8;
        switch (below(24)) {
        case 0:
        case 1: add({op + 1}); return operand(scratch());
        case 2: add({op + 3}); return operand(scratch());
        case 3: add({op + 2 * below(2)}); return operand(below(3), false, true);
        case 4: add({0x66, op + 1 + 2 * below(2)}); return operand(scratch());
        case 5:
            add({0x83});
            operand(op / 8);
            return add({below(256)});
        case 6: add({0x81, 0xC0 | op | scratch()}); return add32(random_());
        case 7:
            add({0xC1, 0xC0 | std::array<u32, 5>{0, 1, 4, 5, 7}[below(5)] << 3 | scratch()});
            return add({below(40)});
        case 8: add({0xD3, 0xC0 | std::array<u32, 5>{0, 1, 4, 5, 7}[below(5)] << 3 | scratch()}); return;
        case 9: add({0x8D}); return operand(scratch(), true);
        case 10: add({0x0F, 0xAF}); return operand(scratch());
        case 11: add({0x6B, 0xC0 | scratch() << 3 | scratch(), below(256)}); return;
        case 12: add({0xF7, 0xC0 | std::array<u32, 4>{2, 3, 4, 5}[below(4)] << 3 | scratch()}); return;
        case 13: add({0x0F, std::array<u32, 4>{0xB6, 0xB7, 0xBE, 0xBF}[below(4)]}); return operand(scratch(), true);
        case 14: add({0x0F, 0x90 | below(16), 0xC0 | below(3)}); return;
        case 15: add({0x50 | scratch(), 0x58 | scratch()}); return;
        case 16: // compare or test, and the branch behind it
            add({std::array<u32, 4>{0x39, 0x3B, 0x85, 0x3B}[below(4)], 0xC0 | scratch() << 3 | scratch()});
            return branch();
        case 17: add({below(2) ? 0x83u : 0x80u, 0xF8 | below(3), below(256)}); return branch();
        case 18: add({0x48 | scratch()}); return branch();
        case 19: { // strings
            static constexpr u32 kOps[] = {0xA4, 0xA5, 0xAA, 0xAB, 0xAC, 0xA6, 0xA7, 0xAE, 0xAF};
            add({0xB9});
            add32(below(80));
            add({below(2) ? 0xF2u : 0xF3u, kOps[below(9)]});
            return pointers();
        }
        case 20: // code that is written while it runs: the immediate of a MOV, and data beside it
            if (below(3) == 0) {
                add({0xBA});
                patches_.push_back(static_cast<u32>(code_.size()));
                return add32(random_());
            }
            add({0xA3});
            return add32(patches_.empty() || below(2) ? kCounter + 64 + 4 * below(8)
                                                      : kCodeBase + patches_[below(static_cast<u32>(patches_.size()))]);
        case 21: add({0x0F, 0x40 | below(16)}); return operand(scratch()); // CMOVcc
        case 22: // time is the boundary's, wherever in a block it is asked for
            switch (below(3)) {
            case 0: return add({0x0F, 0x31});                          // RDTSC
            case 1: return add({0xF3, 0x90});                          // PAUSE
            default: return add({0x0F, 0xAE, 0xE8 | below(3) * 0x08}); // LFENCE, MFENCE, SFENCE
            }
        default: // a page-table entry of a data page gets the value that it has: OR [entry], 7
            add({0x83, 0x0D});
            add32(kPageTables + 0x1000 + 4 * ((kData >> 12) + below(3)));
            return add({7});
        }
    }

    std::mt19937 random_;
    std::vector<u8> code_;
    std::vector<u32> patches_;
};

struct Result {
    std::vector<u64> registers;
    std::vector<u8> memory;
    Tick tick = 0;
    bool operator==(const Result&) const = default;
};

Result run(const std::vector<u8>& program, const InterpreterSettings& settings, u32 slice_seed) {
    CpuFixture f;
    f.protected_mode(0);
    f.enable_paging();
    for (unsigned v = 0; v < 32; ++v) f.poke_code(CpuFixture::handler(v), {0xF4});
    for (usize i = 0; i < program.size(); ++i) f.poke8(kCodeBase + static_cast<u32>(i), program[i]);
    for (u32 i = 0; i < 0x3000; i += 4) f.poke32(kData + i, i * 0x9E3779B9u);
    f.poke32(kCounter, 5);
    f.cpu.interpreter().set_settings(settings);
    std::mt19937 random(slice_seed);
    Result result;
    while (f.s.tick < 20000) {
        const Tick target = f.s.tick + (slice_seed ? 1 + random() % 60 : 20000);
        const RunStop stop = f.cpu.run(target);
        if (stop != RunStop::Target && stop != RunStop::Request) break;
    }
    for (unsigned i = 0; i < 8; ++i) result.registers.push_back(f.s.gpr[i]);
    result.registers.push_back(f.s.rip);
    result.registers.push_back(f.cpu.eflags());
    result.registers.push_back(f.s.cr2);
    result.tick = f.s.tick;
    const auto ram = f.memory.ram();
    result.memory.assign(ram.begin() + 0x1000, ram.begin() + 0x210000);
    return result;
}

} // namespace

TEST_CASE("hot handlers and semantic functions agree on random programs in every setting and slice") {
    for (u32 seed = 1; seed <= 40; ++seed) {
        const std::vector<u8> program = Generator(seed).program(80);
        REQUIRE(program.size() < kCounter - kCodeBase);
        const Result expected = run(program, {0, false}, 0);
        CHECK(expected.tick > 20); // it ran
        u32 slices = seed * 100;
        for (const InterpreterSettings& settings :
             {InterpreterSettings{32, true}, {32, false}, {1, true}, {7, true}, {32, true, usize{64} << 10}}) {
            INFO("seed " << seed << ", blocks of " << settings.max_block << (settings.chain ? ", linked" : ""));
            const Result whole = run(program, settings, 0);
            CHECK(whole.registers == expected.registers);
            CHECK(whole.tick == expected.tick);
            CHECK((whole == expected));
            CHECK((run(program, settings, ++slices) == expected));
        }
    }
}

TEST_CASE("a block cache that is full is dropped as a whole, and code goes on") {
    Log log;
    PhysicalMemory memory{u64{4} << 20, log};
    BlockCache cache(memory, usize{4} << 10);
    const u64 generation = cache.generation();
    for (u64 i = 0; i < 100; ++i) {
        Block* block = cache.allocate(4, 0, {}, 4);
        block->physical = 0x1000 + i * 8;
        cache.insert(block);
        CHECK(cache.find(block->physical, 0) == block);
    }
    CHECK(cache.generation() > generation);
    CHECK(cache.counters.flushes >= 3);
    CHECK(cache.find(0x1000, 0) == nullptr);
}

// A handler that calls the next one instead of jumping to it leaves a frame behind.
TEST_CASE("millions of misses in one run take no stack", "[interpreter]") {
    CpuFixture f;
    f.protected_mode();
    // again: MOV [code + 800h], CL; REP STOSB of one byte beside it; LOOP again
    f.poke_code(kCodeBase, {0x88, 0x0D, 0x00, 0x08, 0x04, 0x00, 0x51, 0xB9, 0x01, 0x00, 0x00, 0x00, 0xF3, 0xAA, 0x4F,
                            0x59, 0xE2, 0xEE});
    f.s.gpr[RCX] = 1'000'000;
    f.s.gpr[RDI] = kCodeBase + 0x900;
    f.cpu.run(f.s.tick + 7'000'000);
    CHECK(f.s.gpr[RCX] == 0);
    CHECK(f.peek8(kCodeBase + 0x800) == 1);
}

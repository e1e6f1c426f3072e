// Blocks whose bytes are written to and come back, or come back with other immediates: cpu/block/block_cache.h. That a
// change is seen at all is the subject of self_modifying_test.cpp; here is what need not be lowered again.
#include "cpu/block/builder.h"
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <cstring>
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

using Bytes = std::vector<u8>;

/// Flat 32-bit code at kCodeBase.
struct Revival : CpuFixture {
    Revival() {
        protected_mode(0);
        s.cr4 |= kCR4_OSFXSR;
        cpu.update_mode();
    }
    const Block& block(const Bytes& code) {
        for (u32 i = 0; i < code.size(); ++i) poke8(kCodeBase + i, code[i]);
        s.rip = kCodeBase;
        const Block* result = cpu.interpreter().find_block();
        REQUIRE(result);
        return *result;
    }
    u64 built() { return cpu.interpreter().cache().counters.built; }
    u64 revived() { return cpu.interpreter().cache().counters.revived; }
};

bool same_operations(const Block& a, const Block& b) {
    return a.slots == b.slots && std::memcmp(a.ops(), b.ops(), a.slots * sizeof(Op)) == 0;
}

struct Patch {
    const char* what;
    Bytes before, after;
};

} // namespace

TEST_CASE("revival: a patched block has the operations that lowering it again would have", "[lowering]") {
    const Patch patches[] = {
        {"ADD EAX, imm32", {0x05, 1, 2, 3, 4, 0xF3, 0x90, 0xEB, 0}, {0x05, 9, 8, 7, 0xF6, 0xF3, 0x90, 0xEB, 0}},
        {"XOR CX, imm16", {0x66, 0x81, 0xF1, 1, 2, 0xC3}, {0x66, 0x81, 0xF1, 0xFF, 0xFE, 0xC3}},
        {"CMP DL, imm8", {0x80, 0xFA, 0x7F, 0xC3}, {0x80, 0xFA, 0x80, 0xC3}},
        {"SUB EBX, imm8", {0x83, 0xEB, 5, 0xC3}, {0x83, 0xEB, 0xFB, 0xC3}},
        {"MOV EDI, imm32; MOV AL, imm8", {0xBF, 1, 2, 3, 4, 0xB0, 1, 0xC3}, {0xBF, 1, 2, 3, 0x84, 0xB0, 0xFF, 0xC3}},
        {"MOV EAX, [disp32]", {0xA1, 0, 0, 3, 0, 0xC3}, {0xA1, 4, 0, 3, 0x80, 0xC3}},
        {"MOV [EBX + disp8], imm8", {0xC6, 0x43, 4, 9, 0xC3}, {0xC6, 0x43, 0xFC, 0xF9, 0xC3}},
        {"ADD [disp32], imm32", {0x81, 5, 0, 0, 3, 0, 1, 0, 0, 0, 0xC3}, {0x81, 5, 8, 0, 3, 0, 0, 0, 1, 0x80, 0xC3}},
        {"IMUL EAX, ECX, imm32", {0x69, 0xC1, 1, 0, 0, 0, 0xC3}, {0x69, 0xC1, 3, 0, 0, 0x80, 0xC3}},
        {"LEA EAX, [ECX + EDX * 4 + disp32]",
         {0x8D, 0x84, 0x91, 1, 2, 3, 4, 0xC3},
         {0x8D, 0x84, 0x91, 4, 3, 2, 1, 0xC3}},
        {"PUSH imm8; PUSH imm32", {0x6A, 1, 0x68, 1, 2, 3, 4, 0xC3}, {0x6A, 0xFF, 0x68, 1, 2, 3, 0xF4, 0xC3}},
        {"CMP EAX, imm32 with its JZ", {0x3D, 0, 1, 0, 0, 0x74, 4}, {0x3D, 0, 1, 0, 0x80, 0x74, 4}},
        {"TEST byte [EBX], imm8 with its JZ", {0xF6, 3, 1, 0x74, 4}, {0xF6, 3, 0x80, 0x74, 4}},
        {"MOV CX, [BX + disp16]", {0x67, 0x66, 0x8B, 0x8F, 4, 0, 0xC3}, {0x67, 0x66, 0x8B, 0x8F, 0xFC, 0xFF, 0xC3}},
        {"FLD qword [disp32]", {0xDD, 0x05, 0, 0, 3, 0, 0xC3}, {0xDD, 0x05, 8, 0, 3, 0, 0xC3}},
        {"MOVSS XMM1, [disp32]",
         {0xF3, 0x0F, 0x10, 0x0D, 0, 0, 3, 0, 0xC3},
         {0xF3, 0x0F, 0x10, 0x0D, 8, 0, 3, 0, 0xC3}},
    };
    for (const Patch& patch : patches) {
        INFO(patch.what);
        Revival patched, fresh;
        const Block& first = patched.block(patch.before);
        const Block& second = patched.block(patch.after);
        CHECK(&first == &second);
        CHECK(patched.built() == 1);
        CHECK(patched.revived() == 1);
        CHECK(same_operations(second, fresh.block(patch.after)));
        // What cold paths decode follows as well.
        CHECK(patched.cpu.interpreter().insn_at(second, {0, 0}).imm ==
              fresh.cpu.interpreter().insn_at(fresh.block(patch.after), {0, 0}).imm);
        const Block& third = patched.block(patch.before);
        CHECK(&third == &first);
        CHECK(patched.cpu.interpreter().insn_at(third, {0, 0}).mem.disp ==
              fresh.cpu.interpreter().insn_at(fresh.block(patch.before), {0, 0}).mem.disp);
    }
}

TEST_CASE("revival: another opcode, register, shift count or distance is another block, until the bytes come back",
          "[lowering]") {
    const Patch changes[] = {
        {"opcode", {0x05, 1, 2, 3, 4, 0xC3}, {0x2D, 1, 2, 3, 4, 0xC3}},
        {"register", {0xB8, 1, 2, 3, 4, 0xC3}, {0xB9, 1, 2, 3, 4, 0xC3}},
        {"shift count", {0xC1, 0xE0, 4, 0xC3}, {0xC1, 0xE0, 5, 0xC3}},
        {"distance", {0x90, 0x74, 4}, {0x90, 0x74, 6}},
        {"immediate of a semantic operation", {0xC8, 8, 0, 0, 0xC3}, {0xC8, 16, 0, 0, 0xC3}},
        {"small immediate beside a branch", {0x83, 0xF8, 4, 0x74, 4}, {0x83, 0xF8, 5, 0x74, 4}},
        {"length", {0x90, 0x90, 0xC3}, {0x90, 0xC3, 0xC3}},
        {"displacement in a run", {0x8B, 0x43, 4, 0x8B, 0x4B, 8, 0xC3}, {0x8B, 0x43, 4, 0x8B, 0x4B, 12, 0xC3}},
    };
    for (const Patch& change : changes) {
        INFO(change.what);
        Revival f, fresh;
        const Block& first = f.block(change.before);
        const Block& second = f.block(change.after);
        CHECK(&first != &second);
        CHECK(f.revived() == 0);
        CHECK(fresh.block(change.after).code_length == second.code_length);
        for (unsigned i = 0; i < 3; ++i) {
            CHECK(&f.block(change.before) == &first);
            CHECK(&f.block(change.after) == &second);
        }
        CHECK(f.built() == 2);
    }
}

TEST_CASE("revival: no more than a few blocks of one address are kept", "[lowering]") {
    Revival f;
    const auto round = [&](unsigned variants) {
        const u64 before = f.built();
        for (unsigned i = 0; i < variants; ++i) f.block({0xC1, 0xE0, static_cast<u8>(i + 1), 0xC3});
        return f.built() - before;
    };
    CHECK(round(3) == 3);
    CHECK(round(3) == 0);
    CHECK(round(12) == 9);
    CHECK(round(12) > 0);
}

TEST_CASE("revival: a function that is patched before each call is lowered once") {
    Revival f;
    // mov [patched + 1], ecx; call patched; add edx, eax; dec ecx; jnz back; hlt; patched: mov eax, imm32; ret
    f.poke_code(kCodeBase,
                {0x89, 0x0D, 0x21, 0x00, 0x04, 0x00, 0xE8, 0x15, 0, 0, 0, 0x01, 0xC2, 0x49, 0x75, 0xF0, 0xF4});
    f.poke_code(kCodeBase + 0x20, {0xB8, 0, 0, 0, 0, 0xC3});
    f.s.gpr[RCX] = 1000;
    f.s.gpr[RDX] = 0;
    f.s.gpr[RSP] = kStacks;
    const u64 before = f.built();
    f.step(7001);
    CHECK(f.s.halted);
    CHECK(f.s.gpr[RDX] == 500500);
    const auto& settings = f.cpu.interpreter().settings();
    if (settings.max_block > 1 && settings.chain && !f.drop_every) CHECK(f.built() - before < 20);
}

TEST_CASE("revival: under another address, by a device, and after everything was dropped") {
    Revival f;
    const Bytes one = {0xB8, 1, 0, 0, 0, 0xF4}, two = {0xB8, 2, 0, 0, 0, 0xF4};
    const auto run = [&](const Bytes& code) {
        for (u32 i = 0; i < code.size(); ++i) f.poke8(kCodeBase + i, code[i]);
        f.s.halted = false;
        f.s.rip = kCodeBase;
        f.step(2);
        return f.s.gpr[RAX];
    };
    CHECK(run(one) == 1);
    CHECK(run(two) == 2);
    f.cpu.interpreter().drop_blocks();
    CHECK(run(one) == 1);
    f.enable_paging();
    f.poke32(kPageTables + 0x1000 + 4 * 0x200, kCodeBase | 7); // linear 200000h is the code
    f.cpu.state_changed();
    CHECK(run(one) == 1);
    f.s.halted = false;
    f.s.rip = 0x200000;
    f.step(2);
    CHECK(run(two) == 2);
    f.s.gpr[RAX] = 0;
    f.s.halted = false;
    f.s.rip = 0x200000;
    f.step(2);
    CHECK(f.s.gpr[RAX] == 2);
}

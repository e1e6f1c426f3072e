// Random programs carry out every row of the instruction table that a user-mode program can, in every form.
#include "tests/catch.h"
#include "tests/differential/coverage.h"
#include "tests/differential/emulated.h"
#include "tests/differential/generator.h"
#include "tests/differential/wild.h"

using namespace r86;
using namespace r86::differential;

// [host]: once is enough, since programs are the same everywhere, and two million single steps are slow in an emulator.
TEST_CASE("random programs reach every opcode of the instruction table in every form", "[host]") {
    const Generator generator;
    Emulated emulated;
    Coverage coverage;
    emulated.observe([&](u32, const Insn& insn, bool completed) { coverage.add(insn, completed); });
    for (u64 seed = 1; seed <= 20'000; ++seed) {
        const Program program = generator.program(seed);
        const Layout layout = lay_out(program);
        emulated.run(program, layout, initial_memory(program, layout));
    }
    std::string missing;
    for (const std::string& line : coverage.unreached()) missing += line + "\n";
    CHECK(missing == "");
}

TEST_CASE("a jump into the middle of an instruction is found, and what it reaches there") {
    const auto program_of = [](std::vector<std::vector<u8>> pieces) {
        Program program = Generator().program(1);
        program.code16 = program.based_code = false;
        program.start.selector[CS] = selector_of(kCode32);
        program.start.eip = kCode;
        program.pieces.clear();
        for (auto& bytes : pieces) {
            Piece piece;
            piece.bytes = std::move(bytes);
            program.pieces.push_back(piece);
        }
        return program;
    };
    const std::vector<u8> mov = {0xB8, 0x0F, 0x31, 0xEB, 0x00}; // mov eax, imm32: rdtsc; jmp behind it
    CHECK(follow_wild_jumps(program_of({{0xEB, 0x00}, mov})).reason == "");
    CHECK(follow_wild_jumps(program_of({{0xEB, 0x01}, mov})).reason == "carries out rdtsc");
    // imul leaves SF undefined; a jump over its first byte does not carry it out.
    const std::vector<u8> js = {0xB8, 0x78, 0x00, 0x90, 0x90};
    CHECK(follow_wild_jumps(program_of({{0x0F, 0xAF, 0xC0}, {0xEB, 0x01}, js})).reason == "js reads undefined flags");
    CHECK(follow_wild_jumps(program_of({{0x39, 0xC0}, {0xEB, 0x01}, js})).reason == "");
}

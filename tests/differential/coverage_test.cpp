// Random programs carry out every row of the instruction table that a user-mode program can, in every form.
#include "tests/catch.h"
#include "tests/differential/coverage.h"
#include "tests/differential/emulated.h"
#include "tests/differential/generator.h"

using namespace r86;
using namespace r86::differential;

TEST_CASE("random programs reach every opcode of the instruction table in every form") {
    const Generator generator;
    Emulated emulated;
    Coverage coverage;
    emulated.observe([&](const Insn& insn, bool completed) { coverage.add(insn, completed); });
    for (u64 seed = 1; seed <= 20'000; ++seed) {
        const Program program = generator.program(seed);
        const Layout layout = lay_out(program);
        emulated.run(program, layout, initial_memory(program, layout));
    }
    std::string missing;
    for (const std::string& line : coverage.unreached()) missing += line + "\n";
    CHECK(missing == "");
}

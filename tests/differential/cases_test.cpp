// What native_differential found, for ever; the same programs and random ones under every interpreter setting; and
// their digest, which is the same on every host.
#include "core/sha256.h"
#include "tests/catch.h"
#include "tests/differential/case_file.h"
#include "tests/differential/emulated.h"
#include "tests/differential/generator.h"
#include <fstream>
#include <memory>

using namespace r86;
using namespace r86::differential;

namespace {

struct Setting {
    const char* name;
    InterpreterSettings settings;
    u32 drop_every = 0;
};
const Setting kSettings[] = {
    {"as shipped", {}, 0},
    {"no blocks", {.max_block = 0}, 0},
    {"blocks of one instruction", {.max_block = 1}, 0},
    {"blocks of one instruction, not chained", {.max_block = 1, .chain = false}, 0},
    {"long blocks, not chained", {.max_block = 32, .chain = false}, 0},
    {"blocks and translations dropped at random", {}, 23},
    {"blocks dropped at random, not chained", {.max_block = 8, .chain = false}, 7},
};

std::vector<Case> found_cases() {
    std::ifstream file(R86_DIFFERENTIAL_CASES);
    REQUIRE(file);
    return read_cases(file);
}

void add_number(Sha256& hash, u64 value) { hash.update_u64(value); }

/// Everything that a program can see at its end.
void add_outcome(Sha256& hash, const Outcome& o) {
    add_number(hash, static_cast<u64>(o.ending) | u64{o.vector} << 8 | u64{o.error} << 32);
    add_number(hash, o.fault_address);
    const Registers& r = o.registers;
    for (const u32 value : r.gpr) add_number(hash, value);
    for (const u16 value : r.selector) add_number(hash, value);
    add_number(hash, r.eip | u64{r.eflags} << 32);
    add_number(hash, r.fp.control | u64{r.fp.status} << 16 | u64{r.fp.tag} << 32);
    add_number(hash, r.fp.fip | u64{r.fp.mxcsr} << 32);
    for (const auto& value : r.fp.st) hash.update(value);
    for (const auto& value : r.fp.xmm) hash.update(value);
    hash.update(o.memory);
}

constexpr u64 kPrograms = 1500;
constexpr const char* kDigest = "ea852b4fc521c0eb36801b65237afa44c535fb5493792ccf53fff0f3b16a46b8";

} // namespace

TEST_CASE("differential cases: what a real processor did") {
    const std::vector<Case> cases = found_cases();
    REQUIRE(cases.size() >= 10);
    for (const Setting& setting : kSettings) {
        Emulated emulated(setting.settings, setting.drop_every);
        for (const Case& c : cases) {
            const Layout layout = lay_out(c.program);
            const Outcome ours = emulated.run(c.program, layout, initial_memory(c.program, layout));
            INFO(c.story << ", " << setting.name);
            CHECK(compare(c.host, ours, {c.undefined}) == "");
        }
    }
}

TEST_CASE("random programs: interpreter settings do not matter") {
    const Generator generator;
    std::vector<std::unique_ptr<Emulated>> benches;
    for (const Setting& setting : kSettings)
        benches.push_back(std::make_unique<Emulated>(setting.settings, setting.drop_every));
    for (u64 seed = 1; seed <= kPrograms / 3; ++seed) {
        const Program program = generator.program(seed);
        const Layout layout = lay_out(program);
        const std::vector<u8> memory = initial_memory(program, layout);
        const Outcome first = benches[0]->run(program, layout, memory);
        for (usize i = 1; i < benches.size(); ++i) {
            const Outcome other = benches[i]->run(program, layout, memory);
            INFO("seed " << seed << ", " << kSettings[i].name);
            CHECK(compare(first, other, {}) == "");
        }
    }
}

TEST_CASE("random programs: the same digest on every host") {
    // Integer, x87, MMX and SSE instructions. A change of this number is a change of what guests see.
    const Generator generator;
    Emulated emulated;
    Sha256 hash;
    for (u64 seed = 1; seed <= kPrograms; ++seed) {
        const Program program = generator.program(seed);
        const Layout layout = lay_out(program);
        add_outcome(hash, emulated.run(program, layout, initial_memory(program, layout)));
    }
    CHECK(Sha256::hex(hash.finish()) == kDigest);
}

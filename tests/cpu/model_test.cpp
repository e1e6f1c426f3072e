/// Processor models, feature edits, CPUID leaves.
#include "core/error.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

TEST_CASE("named models") {
    std::vector<std::string> names;
    for (const CpuModel& model : cpu_models()) names.push_back(model.name);
    CHECK(names == std::vector<std::string>{"486", "pentium", "pentium3", "pentium4", "max"});
    for (const CpuModel& model : cpu_models()) {
        CHECK(model.vendor.size() == 12);
        CHECK(model.brand.size() < 48);
        if (model.has(Feature::SEP)) {
            // Linux and NT ignore SEP on a family 6 processor before model 3, stepping 3.
            const u32 family = (model.signature >> 8) & 15;
            CHECK((family > 6 || (model.signature & 0xFF) >= 0x33));
        }
    }
    CHECK(((find_cpu_model("pentium4").signature >> 8) & 15) == 15);
    CHECK(!find_cpu_model("486").has(Feature::CPUID));
}

TEST_CASE("feature edits keep what they rest on") {
    CpuModel model = find_cpu_model("pentium,+SSE2,cpuid-limit=1");
    CHECK(model.has(Feature::SSE2));
    CHECK(model.has(Feature::SSE));
    CHECK(model.has(Feature::FXSR));
    model = find_cpu_model("max,-sse");
    CHECK(!model.has(Feature::SSE2));
    CHECK(!model.has(Feature::SSSE3));
    CHECK(model.has(Feature::MMX));
    CHECK(find_cpu_model("pentium4,cpuid-limit=1").max_leaf == 1);
    CHECK(find_cpu_model("486,+tsc").has(Feature::CPUID));
    CHECK(find_cpu_model("486,+tsc").max_leaf == 1);
}

TEST_CASE("bad model names and features say what there is") {
    CHECK_THROWS_AS(find_cpu_model("8086"), UserError);
    for (const char* bad : {"", "pentium5", "max,sse", "max,+avx", "max,", "max,cpuid-limit=x", "max,cpuid-limit="}) {
        CAPTURE(bad);
        CHECK_THROWS_AS(find_cpu_model(bad), UserError);
    }
    try {
        find_cpu_model("max,+avx");
    } catch (const UserError& error) {
        CHECK(std::string(error.what()).find("ssse3") != std::string::npos);
    }
}

TEST_CASE("CPUID leaves") {
    const CpuModel p4 = find_cpu_model("pentium4");
    auto leaf = cpuid(p4, 0, 0, 0);
    CHECK(leaf[0] == 2);
    CHECK(leaf[1] == 0x756E6547); // "Genu"
    CHECK(leaf[3] == 0x49656E69); // "ineI"
    CHECK(leaf[2] == 0x6C65746E); // "ntel"
    leaf = cpuid(p4, 1, 0, 0);
    CHECK(leaf[0] == p4.signature);
    CHECK(leaf[3] == static_cast<u32>(p4.features[0]));
    CHECK((leaf[1] >> 8 & 0xFF) == 8);
    CHECK((cpuid(p4, 2, 0, 0)[0] & 0xFF) == 1); // one call is enough
    CHECK(cpuid(p4, 0x80000000, 0, 0)[0] == 0x80000004);
    std::string brand;
    for (u32 n = 2; n <= 4; ++n)
        for (u32 word : cpuid(p4, 0x80000000 + n, 0, 0))
            for (unsigned i = 0; i < 4; ++i) brand += static_cast<char>(word >> (8 * i));
    CHECK(brand.c_str() == p4.brand);
    CHECK(cpuid(p4, 99, 0, 0) == cpuid(p4, 2, 0, 0)); // beyond the last: the highest basic leaf
    for (u32 none : {0x40000000u, 0x4FFFFFFFu}) CHECK(cpuid(p4, none, 0, 0) == std::array<u32, 4>{}); // no hypervisor
    const CpuModel max = find_cpu_model("max");
    CHECK(cpuid(max, 0x80000001, 0, 0)[3] == 1u << 20);
    CHECK((cpuid(max, 1, 0, 0)[2] >> 23 & 1) == 1);
    CHECK((cpuid(max, 4, 0, 0)[0] & 31) == 1);
    CHECK((cpuid(max, 4, 3, 0)[0] & 31) == 0);
}

TEST_CASE("the CPUID instruction") {
    CpuFixture f("pentium4");
    f.protected_mode(3);
    f.s.gpr[RAX] = 0;
    REQUIRE(f.execute(exec::cpuid) == Fault::none());
    CHECK(f.s.gpr[RBX] == 0x756E6547);
    CpuFixture old("486");
    old.protected_mode(0);
    CHECK(old.execute(exec::cpuid) == Fault::ud());
}

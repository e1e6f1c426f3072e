/// Which control, debug and test registers exist, at which level, and which instructions are for level 0 alone: every
/// encoding through the decoder, in every mode. SDM Vol. 2, MOV to and from control and debug registers; Vol. 3, 5.9
/// "Privileged Instructions".
#include "tests/cpu/cpu_fixture.h"
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

enum class Mode : u8 { Real, Ring0, Ring1, Ring3, V86 };
constexpr Mode kModes[] = {Mode::Real, Mode::Ring0, Mode::Ring1, Mode::Ring3, Mode::V86};

/// Runs one instruction; the vector of its exception or -1. Handlers of every mode are told apart by where they are.
int outcome(Mode mode, const std::vector<u8>& code, const char* model = "max", bool de = false) {
    CpuFixture f(model);
    u32 at = 0x40100;
    switch (mode) {
    case Mode::Real: f.real_mode(); break;
    case Mode::V86: f.v86_mode(3); break;
    default:
        f.protected_mode(mode == Mode::Ring0 ? 0 : mode == Mode::Ring1 ? 1 : 3);
        at = kCodeBase;
        break;
    }
    if (de) f.s.cr4 |= kCR4_DE;
    f.s.gpr[RAX] = f.s.cr0;
    f.cpu.state_changed();
    for (const u8 byte : code) f.poke8(at++, byte);
    f.step(1);
    if (mode == Mode::Real) return f.eip() >= 0x8000 ? static_cast<int>(f.eip() - 0x8000) / 16 : -1;
    for (unsigned v = 0; v < 32; ++v)
        if (f.eip() == CpuFixture::handler(v)) return static_cast<int>(v);
    return -1;
}

bool level0(Mode mode) { return mode == Mode::Real || mode == Mode::Ring0; }

} // namespace

TEST_CASE("MOV with control registers: CR0, CR2, CR3 and CR4 at level 0, the others not at all") {
    for (const Mode mode : kModes)
        for (u8 n = 0; n < 8; ++n)
            for (const u8 mod : {u8{0xC0}, u8{0x00}}) { // ModRM.mod is not looked at
                CAPTURE(int(mode), int(n), int(mod));
                const bool exists = n == 0 || (n >= 2 && n <= 4);
                const int expected = !exists ? 6 : level0(mode) ? -1 : 13;
                // EAX holds CR0, which is no CR4 value: reading comes first.
                CHECK(outcome(mode, {0x0F, 0x20, static_cast<u8>(mod | n << 3)}) == expected);
                const int writing = expected == -1 && n == 4 ? 13 : expected; // reserved bits
                CHECK(outcome(mode, {0x0F, 0x22, static_cast<u8>(mod | n << 3)}) == writing);
            }
    CHECK(outcome(Mode::Ring0, {0x0F, 0x20, 0xE0}, "486") == 6); // no CR4
}

TEST_CASE("MOV with debug registers: DR4 and DR5 are aliases unless CR4.DE") {
    for (const Mode mode : kModes)
        for (u8 n = 0; n < 8; ++n)
            for (const bool de : {false, true})
                for (const u8 opcode : {u8{0x21}, u8{0x23}}) {
                    CAPTURE(int(mode), int(n), de, int(opcode));
                    const bool exists = n < 4 || n > 5 || !de;
                    const int expected = !exists ? 6 : level0(mode) ? -1 : 13;
                    // Into a register; DR7 must not get what would trap this program.
                    CHECK(outcome(mode, {0x0F, opcode, static_cast<u8>(0xC1 | n << 3)}, "max", de) == expected);
                }
}

TEST_CASE("test registers: on a 486 at level 0, #UD since the Pentium") {
    for (u8 n = 0; n < 8; ++n)
        for (const u8 opcode : {u8{0x24}, u8{0x26}}) {
            CAPTURE(int(n), int(opcode));
            const std::vector<u8> code = {0x0F, opcode, static_cast<u8>(0xC0 | n << 3)};
            CHECK(outcome(Mode::Ring0, code, "486") == (n >= 3 ? -1 : 6));
            CHECK(outcome(Mode::Ring3, code, "486") == (n >= 3 ? 13 : 6));
            CHECK(outcome(Mode::Ring0, code, "pentium") == 6);
        }
}

TEST_CASE("privileged instructions and those of protected mode only, in every mode") {
    struct Case {
        std::vector<u8> code;
        bool protected_only; ///< #UD in real and virtual-8086 mode
        bool privileged;
    };
    // An operand at 5000:0 or 0: zero, a null selector or a table of limit 0 that is not used again.
    const Case cases[] = {
        {{0xF4}, false, true},              // hlt
        {{0x0F, 0x06}, false, true},        // clts
        {{0x0F, 0x08}, false, true},        // invd
        {{0x0F, 0x09}, false, true},        // wbinvd
        {{0x0F, 0x01, 0x38}, false, true},  // invlpg
        {{0x0F, 0x01, 0xF0}, false, true},  // lmsw ax
        {{0x0F, 0x01, 0xE0}, false, false}, // smsw eax
        {{0x0F, 0x00, 0xC1}, true, false},  // sldt ecx
        {{0x0F, 0x00, 0xC9}, true, false},  // str ecx
        {{0x0F, 0x00, 0xE3}, true, false},  // verr bx
        {{0x0F, 0x00, 0xEB}, true, false},  // verw bx
        {{0x0F, 0x02, 0xCB}, true, false},  // lar ecx, bx
        {{0x0F, 0x03, 0xCB}, true, false},  // lsl ecx, bx
        {{0x63, 0xCB}, true, false},        // arpl bx, cx
        {{0x0F, 0x00, 0xD3}, true, true},   // lldt bx: null
        {{0x0F, 0x01, 0xF8}, false, false}, // swapgs: #UD, see below
    };
    for (const Case& c : cases) {
        const bool undefined = c.code == std::vector<u8>{0x0F, 0x01, 0xF8};
        for (const Mode mode : kModes) {
            CAPTURE(int(mode), int(c.code[0]), int(c.code.back()));
            const bool real = mode == Mode::Real || mode == Mode::V86;
            const int expected = undefined || (c.protected_only && real) ? 6 : c.privileged && !level0(mode) ? 13 : -1;
            CHECK(outcome(mode, c.code) == expected);
        }
    }
}

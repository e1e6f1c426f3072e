// Which operations the block builder makes. Handlers that are never chosen compute nothing wrong, so that only a slower
// program would show it: what must be hot and what must be fused is said here.
#include "cpu/block/builder.h"
#include "cpu/interpreter/dispatch.h"
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <vector>

using namespace r86;
using namespace r86::test;

namespace {

constexpr unsigned kLinkSlots = sizeof(Link) / sizeof(Op);
constexpr unsigned kBranchSlots = 1 + 2 * kLinkSlots; // an exit with both of its links

/// Flat 32-bit code; each call decodes at an address of its own.
struct Lowering : CpuFixture {
    Lowering() { protected_mode(0); }
    const Block& block(const std::vector<u8>& code, u8 last) {
        s.rip = next_;
        for (u8 byte : code) poke8(next_++, byte);
        poke8(next_++, last);
        next_ = (next_ | 31) + 1;
        const Block* result = cpu.interpreter().find_block();
        REQUIRE(result);
        return *result;
    }
    /// A block of `code` that ends with HLT.
    const Block& block(const std::vector<u8>& code) { return block(code, 0xF4); }
    /// A block of `code` and Jcc +2.
    const Block& branch(std::vector<u8> code, unsigned cc) {
        code.push_back(static_cast<u8>(0x70 | cc));
        return block(code, 2);
    }

private:
    u32 next_ = kCodeBase;
};

constexpr unsigned kBelow = 2, kZero = 4, kNotZero = 5, kSign = 8, kParity = 10, kLess = 12;

} // namespace

TEST_CASE("lowering: a compare of registers and its branch are one operation", "[interpreter][lowering]") {
    Lowering lowering;
    const std::vector<u8> compares[] = {
        {0x39, 0xC8},       // CMP EAX, ECX
        {0x38, 0xC8},       // CMP AL, CL
        {0x66, 0x39, 0xC8}, // CMP AX, CX
        {0x83, 0xF8, 0x05}, // CMP EAX, 5
        {0x3C, 0x05},       // CMP AL, 5
        {0x85, 0xC0},       // TEST EAX, EAX
        {0x84, 0xC0},       // TEST AL, AL
        {0xA8, 0x01},       // TEST AL, 1
    };
    for (const auto& code : compares)
        for (unsigned cc : {kBelow, kZero, kNotZero, kLess}) {
            const Block& block = lowering.branch(code, cc);
            INFO("opcode " << unsigned{code[0]} << " condition " << cc);
            CHECK(block.instructions == 2);
            CHECK(block.slots == kBranchSlots);
        }
    for (const std::vector<u8>& code : {std::vector<u8>{0x48}, std::vector<u8>{0x40}}) { // DEC EAX, INC EAX
        CHECK(lowering.branch(code, kNotZero).slots == kBranchSlots);
    }
    // An immediate of 32 bits stands in a slot behind the links.
    CHECK(lowering.branch({0x3D, 0x78, 0x56, 0x34, 0x12}, kZero).slots == kBranchSlots + 1); // CMP EAX, 12345678h
    CHECK(lowering.branch({0xA9, 0x78, 0x56, 0x34, 0x12}, kZero).slots == kBranchSlots + 1); // TEST EAX, 12345678h
    // What is left to the flags stays two operations.
    CHECK(lowering.branch({0x39, 0xC8}, kParity).slots == 1 + kBranchSlots);
    CHECK(lowering.branch({0x39, 0xC8}, kSign).slots == 1 + kBranchSlots);
}

TEST_CASE("lowering: a compare with memory knows the branch behind it", "[interpreter][lowering]") {
    Lowering lowering;
    const std::vector<u8> compares[] = {
        {0x39, 0x0B},       // CMP [EBX], ECX
        {0x3B, 0x0B},       // CMP ECX, [EBX]
        {0x3A, 0x0B},       // CMP CL, [EBX]
        {0x83, 0x3B, 0x05}, // CMP DWORD [EBX], 5
        {0x80, 0x3B, 0x05}, // CMP BYTE [EBX], 5
        {0xF6, 0x03, 0x01}, // TEST BYTE [EBX], 1
    };
    for (const auto& code : compares) {
        INFO("opcode " << unsigned{code[0]});
        const Handler alone = lowering.block(code).ops()->handler;
        CHECK(lowering.branch(code, kZero).ops()->handler != alone);
        CHECK(lowering.branch(code, kParity).ops()->handler == alone);
    }
}

TEST_CASE("lowering: what kernels spend their time in calls no semantic function", "[interpreter][lowering]") {
    Lowering lowering;
    const std::vector<u8> instructions[] = {
        {0x0F, 0x43, 0x03}, // CMOVAE EAX, [EBX]
        {0x0F, 0x44, 0xC1}, // CMOVE EAX, ECX
        {0x0F, 0x31},       // RDTSC
        {0xF3, 0x90},       // PAUSE
        {0x0F, 0xAE, 0xE8}, // LFENCE
        {0x0F, 0xAE, 0xF0}, // MFENCE
        {0x0F, 0xAE, 0xF8}, // SFENCE
        {0xD3, 0xE0},       // SHL EAX, CL
        {0x0F, 0xA3, 0xC8}, // BT EAX, ECX
        {0x0F, 0xA3, 0x0B}, // BT [EBX], ECX
    };
    for (const auto& code : instructions) {
        const Block& block = lowering.block(code);
        INFO("opcode " << unsigned{code[0]} << " " << unsigned{code[1]});
        CHECK(block.ops()->handler != Handler{&run_semantic<false>});
        CHECK(block.slots == 1 + kSemanticSlots); // and HLT
    }
    // CPUID has no handler of its own: the check can tell.
    CHECK(lowering.block({0x0F, 0xA2}).ops()->handler == Handler{&run_semantic<false>});
    // Flags that ADD overwrites are not computed.
    const Handler kept = lowering.block({0xD3, 0xE0}).ops()->handler;
    CHECK(lowering.block({0xD3, 0xE0, 0x01, 0xC8}).ops()->handler != kept);
}

TEST_CASE("lowering: an operation in front of a run does all of it", "[interpreter][lowering]") {
    struct Run {
        const char* what;
        std::vector<u8> code;
        unsigned operations, front; ///< slots of the instructions, and of what stands in front of them
    };
    const Run runs[] = {
        {"PUSH EBP, EDI", {0x55, 0x57}, 2, 1},
        {"PUSH EAX", {0x50}, 1, 0},
        {"five PUSHes: four and one", {0x50, 0x51, 0x52, 0x53, 0x55}, 5, 1},
        {"six PUSHes: four and two", {0x50, 0x51, 0x52, 0x53, 0x55, 0x56}, 6, 2},
        {"PUSH ESP is none", {0x50, 0x54}, 2, 0},
        {"PUSH AX", {0x66, 0x50, 0x66, 0x51}, 2, 0},
        {"POP EBX, ESI, EDI", {0x5B, 0x5E, 0x5F}, 3, 1},
        {"POP ESP ends it", {0x5B, 0x5E, 0x5C, 0x5F}, 4, 1},
        {"MOV EAX, [EBX + 4]; MOV [EBX - 8], ECX", {0x8B, 0x43, 0x04, 0x89, 0x4B, 0xF8}, 2, 2},
        {"MOV with two bases", {0x8B, 0x43, 0x04, 0x8B, 0x4E, 0x04}, 2, 0},
        {"MOV EBX, [EBX]; MOV EAX, [EBX]", {0x8B, 0x1B, 0x8B, 0x03}, 2, 0},
        {"MOV EAX, [EBX]; MOV EBX, [EBX + 4]; MOV ECX, [EBX]", {0x8B, 0x03, 0x8B, 0x5B, 0x04, 0x8B, 0x0B}, 3, 2},
        {"MOV EAX, [300000h]; MOV [300004h], EDX", {0xA1, 0, 0, 0x30, 0, 0x89, 0x15, 4, 0, 0x30, 0}, 2, 2},
        {"too far apart", {0x8B, 0x03, 0x8B, 0x8B, 0, 2, 0, 0}, 2, 0},
        {"MOV AX", {0x66, 0x8B, 0x03, 0x66, 0x8B, 0x4B, 0x04}, 2, 0},
        {"MOV with an index", {0x8B, 0x04, 0x13, 0x8B, 0x4C, 0x13, 0x04}, 2, 0},
    };
    Lowering lowering;
    for (const Run& run : runs) {
        INFO(run.what);
        CHECK(lowering.block(run.code).slots == run.front + run.operations + kSemanticSlots); // and HLT
    }
    CHECK(lowering.block({0x5B}, 0xC3).slots == 3); // POP EBX; RET
    CHECK(lowering.block({0x90}, 0xC3).slots == 2);
}

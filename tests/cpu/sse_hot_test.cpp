/// Random MMX and SSE programs through the hot handlers (and so, on x86 hosts, the host's own floating point) and
/// through the semantic functions one by one: all of the state must be the same after each program, MXCSR's flags
/// included.
#include "cpu/fpu/x87.h"
#include "tests/cpu/hot_machine.h"
#include "tests/cpu/sse_random.h"
#include <string>

using namespace r86;
using namespace r86::sse_test;
using test::HotMachine;

namespace {

constexpr u32 kData = test::HotMachine::kData, kImage = 0x301000, kHandlerStack = 0x20F00;

/// Empty, or what differs.
std::string compare(HotMachine& a, HotMachine& b) {
    if (std::string what = compare_integer_state(a, b); !what.empty()) return what;
    if (a.s.mxcsr != b.s.mxcsr) return "MXCSR";
    for (unsigned i = 0; i < 8; ++i)
        if (a.s.vector[i].bytes != b.s.vector[i].bytes) return "XMM" + std::to_string(i);
    if (a.s.x87.st != b.s.x87.st || a.s.x87.status != b.s.x87.status || a.s.x87.tag != b.s.x87.tag) return "x87";
    for (unsigned i = 0; i < 64; i += 8)
        if (a.memory.read(PhysAddr{kData + i}, 8) != b.memory.read(PhysAddr{kData + i}, 8)) return "memory";
    for (unsigned i = 0; i < 288; i += 8)
        if (a.memory.read(PhysAddr{kImage + i}, 8) != b.memory.read(PhysAddr{kImage + i}, 8)) return "FXSAVE image";
    return {};
}

struct Program {
    std::vector<u8> code;
    std::string text;
    void add(std::initializer_list<u8> bytes) { code.insert(code.end(), bytes); }
};

Program random_program(Random& random, const std::vector<const OpcodeRow*>& rows) {
    Program program;
    for (unsigned n = 0; n < 24; ++n) {
        const OpcodeRow& what = *rows[random.below(static_cast<u32>(rows.size()))];
        const bool can_memory = what.form.modrm && what.form.mod != OpcodeForm::Register;
        const bool memory = can_memory && (what.form.mod == OpcodeForm::Memory || random.below(2));
        // Three address forms: flat, segmented (FS has a base), an unaligned place.
        const unsigned place = memory ? random.below(8) : 0;
        if (place == 1) program.add({0x64});
        Encoding e = encode(what, memory, random, place == 2);
        if (place == 2) {
            const bool immediate = what.operands[2] == OperandCode::Ib;
            const usize at = e.bytes.size() - (immediate ? 2 : 1);
            e.bytes[at] = static_cast<u8>(may_be_unaligned(what) ? random.below(24) : 16);
        }
        program.code.insert(program.code.end(), e.bytes.begin(), e.bytes.end());
        program.text += std::string(" ") + what.text;
        if (random.below(4) == 0) { // MOVAPS between two registers: fuses with what follows
            program.add({0x0F, 0x28, static_cast<u8>(0xC0 | random.below(64))});
            program.text += " movaps";
        }
        switch (random.below(24)) {
        case 0: program.add({0x0F, 0xAE, 0x5F, 0x30}); break; // STMXCSR [EDI + 30h]
        case 1: program.add({0x0F, 0xAE, 0x57, 0x38}); break; // LDMXCSR [EDI + 38h]
        case 2: program.add({0x0F, 0xAE, 0x06}); break;       // FXSAVE [ESI]
        case 3: program.add({0x74, 0x00}); break;             // JZ +0: a new block
        default: break;
        }
    }
    program.add({0xF4});
    return program;
}

} // namespace

TEST_CASE("sse: hot handlers and semantic functions agree on random programs", "[sse][interpreter]") {
    std::vector<const OpcodeRow*> rows;
    for (const OpcodeRow& what : all_rows())
        if (what.has(kSimd) && what.mnemonic != Mnemonic::fxsave && what.mnemonic != Mnemonic::fxrstor &&
            what.mnemonic != Mnemonic::ldmxcsr && what.mnemonic != Mnemonic::stmxcsr)
            rows.push_back(&what);
    REQUIRE(rows.size() > 300);
    HotMachine hot(32), single(0);
    Random random{0x407};
    unsigned halted_at_end = 0;
    for (unsigned n = 0; n < 4000; ++n) {
        const Program program = random_program(random, rows);
        CpuState state = single.s;
        state.halted = state.shutdown = false;
        state.debug_pending = 0;
        state.cr0 = (state.cr0 & ~(kCR0_EM | kCR0_TS)) | kCR0_NE;
        state.cr4 = kCR4_OSFXSR | kCR4_OSXMMEXCPT;
        state.eflags = 2;
        state.flags.set(static_cast<u32>(random.next()));
        state.seg[CS] = single.loaded(single.code(0));
        state.seg[FS] = single.loaded(single.data(0));
        state.seg[FS].base = 0x20;
        state.seg[FS].limit = kData + 0x1F; // half of the accesses run over the limit
        if (n & 1) state.seg[FS].limit = 0xFFFFFFF;
        state.rip = state.next_rip = test::kCodeBase;
        state.gpr[RSP] = kHandlerStack;
        state.gpr[RDI] = kData;
        state.gpr[RSI] = kImage;
        state.mxcsr = (random.below(4) ? 0x1F80 : random.below(64) << 7) | random.below(4) << 13 |
                      (random.below(4) ? 0 : 0x8000) | (random.below(4) ? 0 : 0x40);
        for (auto& reg : state.vector)
            for (unsigned i = 0; i < 16; i += 8) {
                const u64 value = random_quad(random);
                std::memcpy(reg.bytes.data() + i, &value, 8);
            }
        for (auto& reg : state.x87.st) reg = {random_quad(random), static_cast<u16>(random.next())};
        fpu::initialize(state.x87);
        if (random.below(20) == 0) { // a pending x87 exception: the first MMX instruction is #MF
            state.x87.control &= static_cast<u16>(~1u);
            state.x87.status = 0x8081;
        }
        std::vector<u64> data;
        for (unsigned i = 0; i < 6; ++i) data.push_back(random_quad(random));
        data.push_back(random.next());
        data.push_back((random.below(3) ? 0x1F80 : random.below(64) << 7) | random.below(4) << 13 | random.below(64));
        hot.run(state, program.code, data);
        single.run(state, program.code, data);
        halted_at_end += hot.s.rip == test::kCodeBase + program.code.size();
        const std::string difference = compare(hot, single);
        if (!difference.empty()) {
            INFO("program " << n << ":" << program.text);
            INFO(std::hex << "mxcsr " << state.mxcsr << " -> " << hot.s.mxcsr << " / " << single.s.mxcsr << " eip "
                          << hot.s.rip);
            FAIL(difference);
        }
    }
    CHECK(halted_at_end > 500);
}

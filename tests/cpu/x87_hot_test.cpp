/// Random x87 programs through the hot handlers and through the semantic functions one by one: the same state after
/// each, status word, tags and last-instruction pointers included.
#include "cpu/fpu/x87.h"
#include "tests/cpu/fpu_host.h"
#include "tests/cpu/hot_machine.h"
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

using namespace r86;
using test::HotMachine;
using test::Random;

namespace {

constexpr u32 kData = test::HotMachine::kData;

/// Mostly what the hot handlers take, the rest anything of the x87: D8 to DF, registers or [EDI + 8n].
std::vector<u8> random_program(Random& random) {
    std::vector<u8> code;
    for (unsigned n = 0; n < 28; ++n) {
        const u32 what = random.below(19);
        if (what >= 16) { // FST, FSTP m32, m64; FILD m16, m32, m64
            static constexpr u8 forms[][2] = {{0xD9, 0x57}, {0xD9, 0x5F}, {0xDD, 0x57}, {0xDD, 0x5F},
                                              {0xDF, 0x47}, {0xDB, 0x47}, {0xDF, 0x6F}};
            const auto& form = forms[random.below(std::size(forms))];
            code.insert(code.end(), {form[0], form[1], static_cast<u8>(8 * random.below(12))});
        } else if (what < 3) { // FLD m32, m64
            code.insert(code.end(),
                        {static_cast<u8>(random.below(2) ? 0xD9 : 0xDD), 0x47, static_cast<u8>(8 * random.below(8))});
        } else if (what < 5) { // D8, DC with memory
            code.insert(code.end(),
                        {static_cast<u8>(random.below(2) ? 0xD8 : 0xDC), static_cast<u8>(0x47 | random.below(8) << 3),
                         static_cast<u8>(8 * random.below(8))});
        } else if (what < 15) { // a register form near the top of the stack
            const u8 i = static_cast<u8>(random.below(random.below(4) ? 3 : 8));
            static constexpr u8 forms[][2] = {{0xD9, 0xC0}, {0xD9, 0xC0}, {0xD9, 0xC8}, {0xD9, 0xC8}, {0xDD, 0xD0},
                                              {0xDD, 0xD8}, {0xDD, 0xD8}, {0xDB, 0xE8}, {0xDB, 0xF0}, {0xDF, 0xE8},
                                              {0xDF, 0xF0}, {0xDA, 0xC8}, {0xDD, 0xC0}, {0xDD, 0xE0}};
            static constexpr u8 alone[] = {0xE0, 0xE1, 0xE4, 0xE5, 0xE8, 0xEE, 0xEB, 0xF6, 0xF7, 0xFA, 0xFC};
            u8 opcode, modrm;
            switch (random.below(4)) {
            case 0: // FCHS, FLD1, FSQRT ...
                opcode = 0xD9;
                modrm = alone[random.below(std::size(alone))];
                break;
            case 1: { // moves and compares
                const auto& form = forms[random.below(std::size(forms))];
                opcode = form[0];
                modrm = form[1] | i;
                break;
            }
            default: // arithmetic
                opcode = static_cast<u8>(random.below(3) == 0 ? 0xD8 : random.below(2) ? 0xDC : 0xDE);
                modrm = static_cast<u8>(0xC0 | random.below(8) << 3 | i);
                if (opcode == 0xDE && (modrm & 0x38) == 0x18) modrm = 0xD9; // FCOMPP
                break;
            }
            code.insert(code.end(), {opcode, modrm});
        } else {
            code.insert(code.end(), {0x74, 0x00}); // JZ +0: a new block, and EFLAGS are read
        }
    }
    code.push_back(0xF4);
    return code;
}

u64 random_memory(Random& random) {
    switch (random.below(6)) {
    case 0: return 0;
    case 1: return random.next();
    case 2: return (random.next() & 0x800FFFFFFFFFFFFF) | 0x3FF0000000000000;
    default: return (random.next() & 0x807FFFFF807FFFFF) | 0x4010000040000000;
    }
}

} // namespace

TEST_CASE("x87: hot handlers and semantic functions agree on random programs", "[fpu][x87][interpreter]") {
    HotMachine hot(32), single(0);
    Random random{0x87};
    unsigned finished = 0;
    for (unsigned n = 0; n < 6000; ++n) {
        const std::vector<u8> code = random_program(random);
        CpuState state = single.s;
        state.halted = state.shutdown = false;
        state.debug_pending = 0;
        state.cr0 |= kCR0_NE;
        state.eflags = 2;
        state.flags.set(static_cast<u32>(random.next()));
        state.seg[CS] = single.loaded(single.code(0));
        state.rip = state.next_rip = test::kCodeBase;
        state.gpr[RSP] = 0x20F00;
        state.gpr[RDI] = kData;
        fpu::initialize(state.x87);
        state.x87.control = random.below(4) ? (random.below(2) ? 0x037F : 0x027F)
                                            : static_cast<u16>(fpu_test::random_control(random) | 0x40);
        state.x87.status = static_cast<u16>(random.below(8) << 11 | (random.below(2) ? 0x4700 & random.next() : 0));
        for (unsigned i = 0; i < 8; ++i) {
            Float80 value = fpu_test::random_float80(random);
            if (random.below(2))
                value.sign_exponent = static_cast<u16>((random.next() & 0x8000) | (0x3FFA + random.below(12)));
            if (value.significand) value.significand |= fpu::kIntegerBit;
            state.x87.st[i] = value;
        }
        fpu::set_abridged_tag(state.x87, static_cast<u8>(random.below(4) ? 0x3F : random.next()));
        std::vector<u64> data;
        for (unsigned i = 0; i < 8; ++i) data.push_back(random_memory(random));
        hot.run(state, code, data);
        single.run(state, code, data);
        finished += hot.s.rip == test::kCodeBase + code.size();
        const X87State &a = hot.s.x87, &b = single.s.x87;
        const bool equal = hot.s.tick == single.s.tick && hot.s.rip == single.s.rip && hot.s.gpr == single.s.gpr &&
                           hot.cpu.eflags() == single.cpu.eflags() && a.st == b.st && a.control == b.control &&
                           a.status == b.status && a.tag == b.tag && a.opcode == b.opcode &&
                           a.instruction_offset == b.instruction_offset && a.operand_offset == b.operand_offset &&
                           a.instruction_selector == b.instruction_selector && a.operand_selector == b.operand_selector;
        bool memory_equal = true;
        for (unsigned i = 0; i < 96; i += 8)
            memory_equal &= hot.memory.read(PhysAddr{kData + i}, 8) == single.memory.read(PhysAddr{kData + i}, 8);
        if (!equal || !memory_equal) {
            std::string text;
            char byte[4];
            for (u8 value : code) text += (std::snprintf(byte, sizeof byte, "%02X ", value), byte);
            INFO("program " << n << ": " << text);
            INFO(std::hex << "status " << a.status << " / " << b.status << " tag " << a.tag << " / " << b.tag << " eip "
                          << hot.s.rip << " / " << single.s.rip << " control " << a.control << " / " << b.control);
            FAIL("states differ");
        }
    }
    CHECK(finished > 2000);
}

/// Segment limits, address wrap-around and instruction length in running programs: SDM Vol. 3, 5.3 "Limit Checking",
/// 22.36 "Wraparound"; Vol. 2, 2.3.11 "Instruction Length Limit" (15 bytes). With decoded blocks and without.
#include "cpu/decoder/decoder.h"
#include "cpu/decoder/table.h"
#include "cpu/interpreter/interpreter.h"
#include "tests/cpu/cpu_fixture.h"
#include <array>

using namespace r86;
using namespace r86::test;

namespace {

constexpr u16 kSel = CpuFixture::kFree;

/// What one instruction at CS:rip does: the vector of its fault, or -1.
int outcome(CpuFixture& f) {
    f.step(1);
    for (unsigned v = 0; v < 32; ++v)
        if (f.eip() == CpuFixture::handler(v)) return static_cast<int>(v);
    return -1;
}

} // namespace

TEST_CASE("every edge of data segments: both directions, both sizes, bytes to doublewords") {
    struct Kind {
        u8 access, flags;
        u32 limit;
    };
    // Expand-up; expand-down with a 64 KiB and a 4 GiB top; page granularity; the whole space.
    const Kind kinds[] = {{0x93, kBig, 0x2FFF}, {0x97, 0, 0x2FFF},     {0x97, kBig, 0x2FFF},
                          {0x93, 8 | kBig, 2},  {0x97, 8 | kBig, 2},   {0x93, 0, 0xFFFF},
                          {0x91, kBig, 0x2FFF}, {0x97, kBig, 0xFFFFF}, {0x93, 8 | kBig, 0xFFFFF}};
    for (const unsigned max_block : {32u, 0u})
        for (const Kind& kind : kinds) {
            CpuFixture f;
            f.cpu.interpreter().set_settings({max_block, true});
            f.protected_mode(0);
            f.descriptor(kSel, 0x100000, kind.limit, kind.access, kind.flags);
            REQUIRE(f.load_sreg(ES, kSel) == Fault::none());
            const u64 limit = kind.flags & 8 ? kind.limit * u64{0x1000} + 0xFFF : kind.limit;
            const bool down = (kind.access & 0xC) == 4;
            const u64 top = kind.flags & kBig ? 0xFFFFFFFF : 0xFFFF;
            for (const u32 edge : {0u, 0x2FFFu, 0x3000u, 0xFFFFu, 0x10000u, 0xFFFFFu, 0x100000u, 0xFFFFFFFFu})
                for (int delta = -4; delta <= 4; ++delta)
                    for (const unsigned size : {1u, 2u, 4u})
                        for (const bool write : {false, true}) {
                            const u32 offset = edge + static_cast<u32>(delta);
                            const u64 last = u64{offset} + size - 1;
                            const bool inside = down ? offset > limit && last <= top : last <= limit;
                            const bool legal = inside && (!write || (kind.access & 2));
                            // Beyond the fixture's memory nothing answers, which is no fault.
                            CAPTURE(max_block, unsigned{kind.access}, kind.limit, offset, size, write);
                            f.protected_mode(0);
                            f.descriptor(kSel, 0x100000, kind.limit, kind.access, kind.flags);
                            REQUIRE(f.load_sreg(ES, kSel) == Fault::none());
                            f.s.rip = kCodeBase;
                            const u8 opcode = static_cast<u8>((write ? 0x88 : 0x8A) | (size == 1 ? 0 : 1));
                            if (size == 2)
                                f.poke_code(kCodeBase, {0x26, 0x66, opcode, 0x03, 0x90});
                            else
                                f.poke_code(kCodeBase, {0x26, opcode, 0x03, 0x90, 0x90});
                            f.s.gpr[RBX] = offset;
                            REQUIRE(outcome(f) == (legal ? -1 : 13));
                            if (!legal) REQUIRE(f.stack32(0) == 0);
                        }
        }
}

TEST_CASE("the end of 4 GiB: an access wraps in a segment that begins at 0, and faults in another") {
    for (const unsigned max_block : {32u, 0u})
        for (const u32 base : {0u, 0x100000u})
            for (const bool long_access : {false, true}) {
                CpuFixture f;
                f.cpu.interpreter().set_settings({max_block, true});
                f.protected_mode(0);
                f.descriptor(kSel, base, 0xFFFFF, 0x93, 8 | kBig);
                REQUIRE(f.load_sreg(ES, kSel) == Fault::none());
                f.s.rip = kCodeBase;
                f.s.gpr[RBX] = 0xFFFFFFFD;
                if (long_access)
                    f.poke_code(kCodeBase, {0x26, 0x0F, 0xC7, 0x0B, 0x90}); // CMPXCHG8B ES:[EBX]
                else
                    f.poke_code(kCodeBase, {0x26, 0x8B, 0x03, 0x90}); // MOV EAX, ES:[EBX]
                CAPTURE(max_block, base, long_access);
                CHECK(outcome(f) == (base ? 13 : -1));
            }
}

TEST_CASE("16-bit code: an operand at FFFF faults, addresses and stack pointers wrap, IP must stay inside") {
    const unsigned max_block = GENERATE(32u, 1u, 0u);
    CAPTURE(max_block);
    CpuFixture f;
    f.cpu.interpreter().set_settings({max_block, true});
    f.real_mode();
    const auto handler = [&] { // of the real-mode table: 4000:8000h + vector * 10h
        f.step(1);
        return f.eip() >= 0x8000 && f.s.seg[CS].selector == 0x4000 ? static_cast<int>((f.eip() - 0x8000) / 16) : -1;
    };
    SECTION("word at FFFF: #GP in DS, #SS in SS") {
        f.poke_code(0x40100, {0xA1, 0xFF, 0xFF}); // mov ax, [FFFFh]
        CHECK(handler() == 13);
        f.real_mode();
        f.poke_code(0x40100, {0x36, 0xA1, 0xFF, 0xFF});
        CHECK(handler() == 12);
        CHECK(f.stack16(0) == 0x100);
    }
    SECTION("base and displacement wrap") {
        f.poke_code(0x40100, {0x8B, 0x87, 0x10, 0x00}); // mov ax, [bx+10h]
        f.s.gpr[RBX] = 0xFFF8;
        f.poke16(0x50008, 0x1234);
        CHECK(handler() == -1);
        CHECK((f.s.gpr[RAX] & 0xFFFF) == 0x1234);
    }
    SECTION("PUSH at SP = 0 goes to FFFE, at SP = 1 it is #SS") {
        f.poke_code(0x40100, {0x50});
        f.s.gpr[RSP] = 0xABCD0000;
        f.s.gpr[RAX] = 0x5678;
        CHECK(handler() == -1);
        CHECK(f.s.gpr[RSP] == 0xABCDFFFE);
        CHECK(f.peek16(0x3FFFE) == 0x5678);
        f.real_mode();
        f.poke_code(0x40100, {0x50});
        f.s.gpr[RSP] = 1;
        f.step(1); // and neither #SS nor #DF can be pushed: shutdown
        CHECK(f.s.shutdown);
    }
    SECTION("POP at SP = FFFE leaves 0, at FFFF it is #SS") {
        f.poke_code(0x40100, {0x58});
        f.s.gpr[RSP] = 0xFFFE;
        f.poke16(0x3FFFE, 0x4321);
        CHECK(handler() == -1);
        CHECK(f.s.gpr[RSP] == 0);
        CHECK((f.s.gpr[RAX] & 0xFFFF) == 0x4321);
        f.real_mode();
        f.poke_code(0x40100, {0x58});
        f.s.gpr[RSP] = 0xFFFF;
        f.step(1);
        CHECK(f.eip() == 0x8000 + 12 * 16); // pushed at FFFD, FFFB and FFF9: all inside
        CHECK(f.s.gpr[RSP] == 0xFFF9);
    }
    SECTION("IP: the last byte runs, the next fetch is #GP; a 32-bit jump beyond is #GP") {
        f.poke_code(0x4FFFF, {0x90});
        f.s.rip = 0xFFFF;
        f.step(1);
        CHECK(f.eip() == 0x10000);
        CHECK(handler() == 13);
        CHECK(f.stack16(0) == 0); // IP of the image is cut
        f.real_mode();
        f.poke_code(0x40100, {0x66, 0xE9, 0x00, 0x00, 0x01, 0x00});
        CHECK(handler() == 13);
        CHECK(f.stack16(0) == 0x100);
        f.real_mode();
        f.poke_code(0x40100, {0xE9, 0x00, 0xFF}); // jmp 3: wraps
        CHECK(handler() == -1);
        CHECK(f.eip() == 3);
    }
    SECTION("an instruction that runs over the end of the segment") {
        f.poke_code(0x4FFFE, {0xB8, 0x34});
        f.s.rip = 0xFFFE;
        CHECK(handler() == 13);
        CHECK(f.stack16(0) == 0xFFFE);
    }
    SECTION("strings wrap their index") {
        f.poke_code(0x40100, {0xAA, 0xAC}); // stosb; lodsb
        f.s.gpr[RDI] = 0x7777FFFF;
        f.s.gpr[RSI] = 0x6666FFFF;
        f.step(2);
        CHECK(f.s.gpr[RDI] == 0x77770000);
        CHECK(f.s.gpr[RSI] == 0x66660000);
    }
}

TEST_CASE("far pointers and frames reach over the end of a 64 KiB segment with #GP or #SS") {
    CpuFixture f;
    f.real_mode();
    f.poke_code(0x40100, {0xC4, 0x07}); // les ax, [bx]
    f.s.gpr[RBX] = 0xFFFD;
    f.step(1);
    CHECK(f.eip() == 0x8000 + 13 * 16);
    f.real_mode();
    f.poke_code(0x40100, {0xCB}); // retf with SP = FFFE: offset at FFFE, selector at 0
    f.s.gpr[RSP] = 0xFFFE;
    f.poke16(0x3FFFE, 0x222);
    f.poke16(0x30000, 0x4000);
    f.step(1);
    CHECK(f.s.seg[CS].selector == 0x4000);
    CHECK(f.eip() == 0x222);
    CHECK(f.s.gpr[RSP] == 2);
}

TEST_CASE("protected mode: a 16-bit stack of 64 KiB wraps, a smaller one is #SS") {
    for (const unsigned max_block : {32u, 0u}) {
        CpuFixture f;
        f.cpu.interpreter().set_settings({max_block, true});
        f.protected_mode(3);
        f.descriptor(kSel, 0x60000, 0xFFFF, dpl_of(kData0, 3));
        REQUIRE(f.load_sreg(SS, kSel | 3) == Fault::none());
        f.s.shadow = 0;
        f.s.rip = kCodeBase;
        f.s.gpr[RSP] = 0x12340000;
        f.s.gpr[RAX] = 0xAABBCCDD;
        f.poke_code(kCodeBase, {0x50, 0x59, 0x50, 0x90});
        f.step(1);
        CHECK(f.s.gpr[RSP] == 0x1234FFFC);
        CHECK(f.peek32(0x6FFFC) == 0xAABBCCDD);
        f.step(1);
        CHECK(f.s.gpr[RSP] == 0x12340000);
        CHECK(f.s.gpr[RCX] == 0xAABBCCDD);
        f.s.gpr[RSP] = 0x12340002; // FFFE-10001
        f.step(1);
        CHECK(f.eip() == CpuFixture::handler(12));
        CHECK(f.stack32(0) == 0);
        CHECK(f.stack32(4) == 0x12340002);
    }
}

TEST_CASE("code segments: the limit holds inside decoded blocks too") {
    for (const unsigned max_block : {32u, 1u, 0u}) {
        CpuFixture f;
        f.cpu.interpreter().set_settings({max_block, true});
        f.protected_mode(0);
        for (u32 i = 0; i < 16; ++i) f.poke8(kCodeBase + i, 0x40); // inc eax
        f.descriptor(kSel, kCodeBase, 6, kCode0, kBig);
        f.s.gpr[RAX] = 0;
        f.s.seg[CS] = f.loaded(kSel);
        f.s.rip = 0;
        f.cpu.state_changed();
        f.step(8);
        CHECK(f.s.gpr[RAX] == 7);
        CHECK(f.eip() == CpuFixture::handler(13));
        CHECK(f.stack32(1) == 7);
    }
}

TEST_CASE("fifteen bytes are an instruction, sixteen are #GP(0), whatever they are") {
    for (const unsigned prefixes : {13u, 14u, 15u, 20u})
        for (const unsigned max_block : {32u, 0u}) {
            CpuFixture f;
            f.cpu.interpreter().set_settings({max_block, true});
            f.protected_mode(0);
            for (u32 i = 0; i < prefixes; ++i) f.poke8(kCodeBase + i, i & 1 ? 0x66 : 0x2E);
            f.poke8(kCodeBase + prefixes, 0x90);
            f.poke8(kCodeBase + prefixes + 1, 0xF4);
            f.step(1);
            CHECK((f.eip() == CpuFixture::handler(13)) == (prefixes > 14));
            if (prefixes > 14) {
                CHECK(f.stack32(0) == 0);
                CHECK(f.stack32(1) == kCodeBase);
            }
            // ModRM, SIB, displacement and immediate count as well: add dword [eax*2+d], imm32 has 11 bytes.
            f.protected_mode(0);
            for (u32 i = 0; i < 5; ++i) f.poke8(kCodeBase + i, 0x3E);
            const u32 at = kCodeBase + (prefixes == 13 ? 4 : 5);
            f.poke_code(at, {0x81, 0x04, 0x45, 0x00, 0x00, 0x06, 0x00, 1, 0, 0, 0});
            f.s.gpr[RAX] = 0;
            f.s.rip = kCodeBase;
            f.step(1);
            CHECK((f.eip() == CpuFixture::handler(13)) == (prefixes != 13));
        }
}

TEST_CASE("A20: real mode wraps at 1 MiB, page tables and pages lose bit 20") {
    CpuFixture f;
    f.real_mode();
    for (Seg seg : {DS, ES}) f.cpu.load_segment_real(seg, 0xFFFF);
    f.poke8(0x500, 0x11);
    f.poke8(0x100500, 0x22);
    f.poke_code(0x40100, {0xA0, 0x10, 0x05, 0xA0, 0x10, 0x05, 0xA0, 0x10, 0x05}); // mov al, [510h]
    f.step(1);
    CHECK((f.s.gpr[RAX] & 0xFF) == 0x22);
    f.cpu.set_a20(false);
    f.step(1);
    CHECK((f.s.gpr[RAX] & 0xFF) == 0x11);
    f.cpu.set_a20(true);
    f.step(1);
    CHECK((f.s.gpr[RAX] & 0xFF) == 0x22);

    CpuFixture p;
    p.protected_mode(0);
    p.enable_paging();
    p.cpu.set_a20(false);
    p.poke32(0x61000, 0x33333333);
    p.page(0x60000, 7);
    p.poke32(kPageTables + 0x1000 + 4 * 0x60, 0x161007); // bit 20 set
    p.cpu.state_changed();
    u32 value = 0;
    CHECK(p.cpu.read<u32>(DS, 0x60000, value) == Fault::none());
    CHECK(value == 0x33333333);
    p.poke32(kPageTables, (0x100000 + kPageTables + 0x1000) | 7); // the table, too
    CHECK(p.cpu.read<u32>(DS, 0x60000, value) == Fault::none());
    CHECK(value == 0x33333333);
}

TEST_CASE("LOCK: #UD but before the listed instructions with a memory destination, in every form of every opcode") {
    // SDM Vol. 2, LOCK: ADD, ADC, AND, BTC, BTR, BTS, CMPXCHG, CMPXCHG8B, DEC, INC, NEG, NOT, OR, SBB, SUB, XOR, XADD,
    // XCHG. The list is spelled out by opcode here, apart from the decoder's own table.
    const auto lockable = [](bool two_byte, u8 opcode, u8 reg) {
        if (!two_byte) {
            if (opcode < 0x38) return (opcode & 7) < 2; // to memory; CMP is 38h
            switch (opcode) {
            case 0x80:
            case 0x81:
            case 0x82:
            case 0x83: return reg != 7;
            case 0x86:
            case 0x87: return true;
            case 0xF6:
            case 0xF7: return reg == 2 || reg == 3;
            case 0xFE:
            case 0xFF: return reg < 2;
            default: return false;
            }
        }
        switch (opcode) {
        case 0xAB:
        case 0xB0:
        case 0xB1:
        case 0xB3:
        case 0xBB:
        case 0xC0:
        case 0xC1: return true;
        case 0xBA: return reg >= 5;
        case 0xC7: return reg == 1;
        default: return false;
        }
    };
    const CpuModel model = find_cpu_model("max");
    const Decoder decoder(model);
    unsigned allowed = 0;
    for (const bool two_byte : {false, true})
        for (unsigned opcode = 0; opcode < 256; ++opcode)
            for (unsigned modrm = 0; modrm < 256; ++modrm) {
                if (!two_byte && (opcode == 0x0F || (opcode & 0xE7) == 0x26 || (opcode >= 0x64 && opcode <= 0x67) ||
                                  opcode == 0xF0 || opcode == 0xF2 || opcode == 0xF3))
                    continue;
                if (two_byte && (opcode == 0x38 || opcode == 0x3A)) continue;
                std::array<u8, 16> bytes{0xF0};
                unsigned n = 1;
                if (two_byte) bytes[n++] = 0x0F;
                bytes[n++] = static_cast<u8>(opcode);
                bytes[n++] = static_cast<u8>(modrm);
                Insn insn;
                const DecodeResult result = decoder.decode(bytes, CodeSize::Bits32, insn);
                // A row for #UD is as good as no row.
                const bool runs = result == DecodeResult::Ok && row(insn.row).semantic != exec::ud;
                const bool wanted = (modrm >> 6) != 3 && lockable(two_byte, static_cast<u8>(opcode), modrm >> 3 & 7);
                CAPTURE(two_byte, opcode, modrm);
                REQUIRE(runs == wanted);
                allowed += runs;
            }
    CHECK(allowed > 1000);
}

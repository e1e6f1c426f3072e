/// FXSAVE, FXRSTOR, MXCSR, and what comes before any MMX or SSE instruction: #UD, #NM, #MF, alignment, no commit before
/// a fault.
#include "cpu/fpu/x87.h"
#include "cpu/sse/operands.h"
#include "tests/cpu/cpu_fixture.h"
#include "tests/cpu/integer_fixture.h"

using namespace r86;

namespace {

constexpr u32 kImage = 0x2000;

struct SseFixture : IntegerFixture {
    SseFixture() {
        s.cr4 |= kCR4_OSFXSR | kCR4_OSXMMEXCPT;
        s.x87.tag = 0xFFFF;
        cpu.state_changed();
    }
    void set_xmm(unsigned reg, u64 low, u64 high) { sse::set_xmm(s, reg, sse::pack(std::array<u64, 2>{low, high})); }
    u64 low(unsigned reg) { return sse::lane<u64>(sse::xmm(s, reg), 0); }
    u64 high(unsigned reg) { return sse::lane<u64>(sse::xmm(s, reg), 1); }
    u64 quad(u32 address) { return memory.read(PhysAddr{address}, 8); }
    void set_quad(u32 address, u64 value) { memory.write(PhysAddr{address}, 8, value); }
};

// Instructions at [ESI] unless said otherwise.
const std::initializer_list<u8> kFxsave = {0x0F, 0xAE, 0x06}, kFxrstor = {0x0F, 0xAE, 0x0E},
                                kLdmxcsr = {0x0F, 0xAE, 0x16}, kStmxcsr = {0x0F, 0xAE, 0x1E},
                                kMovapsLoad = {0x0F, 0x28, 0x06}, kMovapsStore = {0x0F, 0x29, 0x06},
                                kMovupsLoad = {0x0F, 0x10, 0x06}, kMovupsStore = {0x0F, 0x11, 0x06},
                                kAddpsMem = {0x0F, 0x58, 0x06}, kAddps = {0x0F, 0x58, 0xC1},
                                kPaddbMmx = {0x0F, 0xFC, 0xC1}, kPaddbXmm = {0x66, 0x0F, 0xFC, 0xC1},
                                kEmms = {0x0F, 0x77}, kDivps = {0x0F, 0x5E, 0xC1};

} // namespace

TEST_CASE("sse: CR0 and CR4 decide before anything else", "[sse]") {
    SseFixture f;
    const auto expect = [&](std::initializer_list<u8> code, Fault wanted) { CHECK(f.execute(code) == wanted); };
    SECTION("CR4.OSFXSR clear: XMM registers are #UD, MMX registers are not") {
        f.s.cr4 &= ~kCR4_OSFXSR;
        expect(kAddps, Fault::ud());
        expect(kPaddbXmm, Fault::ud());
        expect(kLdmxcsr, Fault::ud());
        expect({0x0F, 0x2A, 0xC1}, Fault::ud()); // CVTPI2PS
        expect(kPaddbMmx, Fault::none());
        expect({0x0F, 0x70, 0xC1, 0}, Fault::none()); // PSHUFW: SSE, but MMX registers
    }
    SECTION("CR0.EM: #UD for both") {
        f.s.cr0 |= kCR0_EM | kCR0_TS;
        expect(kAddps, Fault::ud());
        expect(kPaddbMmx, Fault::ud());
        expect(kEmms, Fault::ud());
        f.s.gpr[RSI] = kImage;
        expect(kFxsave, Fault::nm());
    }
    SECTION("CR0.TS: #NM for both") {
        f.s.cr0 |= kCR0_TS;
        expect(kAddps, Fault::nm());
        expect(kPaddbMmx, Fault::nm());
        expect(kEmms, Fault::nm());
        expect(kLdmxcsr, Fault::nm());
        f.s.gpr[RSI] = kImage;
        expect(kFxsave, Fault::nm());
        expect(kFxrstor, Fault::nm());
        expect({0x0F, 0xC3, 0x06}, Fault::none()); // MOVNTI
        expect({0x0F, 0xAE, 0xF0}, Fault::none()); // MFENCE
        expect({0x0F, 0x18, 0x06}, Fault::none()); // PREFETCHNTA
        expect({0xF3, 0x90}, Fault::none());       // PAUSE
    }
    SECTION("a pending x87 exception stops MMX, not SSE") {
        f.s.cr0 |= kCR0_NE;
        fpu::initialize(f.s.x87);
        f.s.x87.control &= ~u16{1};
        fpu::set_status(f.cpu, 0x0801); // IE, TOP 1
        expect(kPaddbMmx, Fault::mf());
        expect(kEmms, Fault::mf());
        expect({0xF2, 0x0F, 0xD6, 0xC1}, Fault::mf()); // MOVDQ2Q
        CHECK(fpu::top(f.s.x87) == 1);
        expect(kAddps, Fault::none());
        f.s.gpr[RSI] = kImage;
        expect(kFxsave, Fault::none());
    }
}

TEST_CASE("sse: MMX instructions claim the x87 registers, EMMS gives them back", "[sse]") {
    SseFixture f;
    fpu::set_top(f.s.x87, 5);
    f.s.x87.st[1] = {0x1122334455667788, 0x1234};
    f.s.x87.st[0] = {0x0101010101010101, 0x4321};
    f.run(kPaddbMmx);
    CHECK(f.s.x87.st[0] == Float80{0x1223344556677889, 0xFFFF});
    CHECK(f.s.x87.st[1] == Float80{0x1122334455667788, 0x1234});
    CHECK(fpu::top(f.s.x87) == 0);
    CHECK(fpu::abridged_tag(f.s.x87) == 0xFF);
    fpu::set_top(f.s.x87, 5);
    f.run(kEmms);
    CHECK(fpu::top(f.s.x87) == 0);
    CHECK(f.s.x87.tag == 0xFFFF);
    CHECK(f.s.x87.st[0] == Float80{0x1223344556677889, 0xFFFF});
    // A read alone, MOVD EAX, MM1, claims them too.
    f.run({0x0F, 0x7E, 0xC8});
    CHECK(f.s.gpr[RAX] == 0x55667788);
    CHECK(fpu::abridged_tag(f.s.x87) == 0xFF);
}

TEST_CASE("sse: a 16-byte operand off its boundary is #GP(0)", "[sse]") {
    SseFixture f;
    f.s.gpr[RSI] = kImage + 8;
    for (const auto& code : {kMovapsLoad, kMovapsStore, kAddpsMem, kFxsave, kFxrstor})
        CHECK(f.execute(code) == Fault::gp(0));
    for (const auto& code : {kMovupsLoad, kMovupsStore}) CHECK(f.execute(code) == Fault::none());
    CHECK(f.execute({0x66, 0x0F, 0xE7, 0x06}) == Fault::gp(0)); // MOVNTDQ
    CHECK(f.execute({0x0F, 0x12, 0x06}) == Fault::none());      // MOVLPS
    f.s.gpr[RSI] = kImage + 1;
    CHECK(f.execute({0xF3, 0x0F, 0x58, 0x06}) == Fault::none()); // ADDSS
    f.s.gpr[RSI] = kImage;
    for (const auto& code : {kMovapsLoad, kMovapsStore, kAddpsMem}) CHECK(f.execute(code) == Fault::none());
}

TEST_CASE("sse: the linear address counts for alignment", "[sse]") {
    SseFixture f;
    f.s.seg[DS].base = 8;
    f.cpu.state_changed();
    f.s.gpr[RSI] = kImage + 8;
    CHECK(f.execute(kMovapsLoad) == Fault::none());
    f.s.gpr[RSI] = kImage;
    CHECK(f.execute(kMovapsLoad) == Fault::gp(0));
}

TEST_CASE("sse: the segment limit covers all 16 bytes", "[sse]") {
    SseFixture f;
    f.s.seg[DS].limit = 0x200E;
    f.cpu.state_changed();
    f.s.gpr[RSI] = 0x2000;
    CHECK(f.execute(kMovapsLoad) == Fault::gp(0));
    CHECK(f.execute(kMovapsStore) == Fault::gp(0));
    f.s.seg[SS].limit = 0x200E;
    f.cpu.state_changed();
    f.s.gpr[RBP] = 0x2000;
    CHECK(f.execute({0x0F, 0x28, 0x45, 0x00}) == Fault::ss(0));
}

TEST_CASE("sse: nothing is written when the second page of a store faults", "[sse]") {
    test::CpuFixture f;
    f.protected_mode(0);
    f.enable_paging();
    f.s.cr4 |= kCR4_OSFXSR;
    f.page(0x301000, 0); // not present
    f.cpu.state_changed();
    for (unsigned i = 0; i < 16; ++i) f.poke8(0x300FF8 + i, 0xAA);
    sse::set_xmm(f.s, 0, {});
    Insn insn = f.with(f.operand(OperandKind::Mem, 0, 16), f.operand(OperandKind::Xmm, 0, 16));
    insn.mem.disp = 0x300FF8;
    CHECK(exec::movups(f.cpu, insn) == Fault::pf(2));
    CHECK(f.cpu.page_fault_address == 0x301000);
    CHECK(f.peek32(0x300FF8) == 0xAAAAAAAA);
    CHECK(f.peek32(0x300FFC) == 0xAAAAAAAA);
    f.page(0x301000, 3);
    CHECK(exec::movups(f.cpu, insn) == Fault::none());
    CHECK(f.peek32(0x300FF8) == 0);
    CHECK(f.peek32(0x301004) == 0);
}

TEST_CASE("sse: MASKMOVQ writes selected bytes alone, and faults on all", "[sse]") {
    test::CpuFixture f;
    f.protected_mode(0);
    f.enable_paging();
    f.page(0x301000, 0);
    f.cpu.state_changed();
    Insn insn = f.with(f.operand(OperandKind::Mmx, 0, 8), f.operand(OperandKind::Mmx, 1, 8));
    f.s.gpr[RDI] = 0x300FFC;
    sse::set_mm(f.s, 0, std::bit_cast<sse::Mm>(u64{0x8877665544332211}));
    f.s.x87.tag = 0xFFFF;
    SECTION("both pages are there") {
        f.page(0x301000, 7);
        f.cpu.state_changed();
        sse::set_mm(f.s, 1, std::bit_cast<sse::Mm>(u64{0x7F7F7F7F80008000}));
        CHECK(exec::maskmovq(f.cpu, insn) == Fault::none());
        CHECK(f.peek32(0x300FFC) == 0x44002200);
        CHECK(f.peek32(0x301000) == 0);
        CHECK(fpu::abridged_tag(f.s.x87) == 0xFF);
    }
    SECTION("the second page is absent and not selected") { // as measured: tests/differential/cases
        sse::set_mm(f.s, 1, std::bit_cast<sse::Mm>(u64{0x7F7F7F7F80008000}));
        CHECK(exec::maskmovq(f.cpu, insn) == Fault::pf(2));
        CHECK(f.peek32(0x300FFC) == 0);
    }
    SECTION("the second page is selected: nothing is written") {
        sse::set_mm(f.s, 1, std::bit_cast<sse::Mm>(~u64{0}));
        CHECK(exec::maskmovq(f.cpu, insn) == Fault::pf(2));
        CHECK(f.peek32(0x300FFC) == 0);
        CHECK(f.s.x87.tag == 0xFFFF);
    }
}

TEST_CASE("sse: LDMXCSR refuses reserved bits, STMXCSR stores all", "[sse]") {
    SseFixture f;
    f.s.gpr[RSI] = kImage;
    f.set_dword(kImage, 0x0000FFFF);
    f.run(kLdmxcsr);
    CHECK(f.s.mxcsr == 0xFFFF);
    f.set_dword(kImage, 0x00011F80);
    CHECK(f.execute(kLdmxcsr) == Fault::gp(0));
    CHECK(f.s.mxcsr == 0xFFFF);
    f.run(kStmxcsr);
    CHECK(f.dword(kImage) == 0xFFFF);
}

TEST_CASE("sse: DAZ is a reserved bit where MXCSR_MASK says so", "[sse]") {
    test::CpuFixture f("pentium3");
    f.protected_mode(0);
    f.s.cr4 |= kCR4_OSFXSR;
    Insn insn = f.with(f.operand(OperandKind::Mem, 0, 4));
    insn.mem.disp = 0x300000;
    f.poke32(0x300000, 0x1FC0);
    CHECK(exec::ldmxcsr(f.cpu, insn) == Fault::gp(0));
    f.poke32(0x300000, 0x1F80);
    CHECK(exec::ldmxcsr(f.cpu, insn) == Fault::none());
    insn = f.with(f.operand(OperandKind::Mem, 0, 0));
    insn.mem.disp = 0x300000;
    CHECK(exec::fxsave(f.cpu, insn) == Fault::none());
    CHECK(f.peek32(0x30001C) == 0xFFBF);
}

TEST_CASE("sse: #XM leaves the destination, sets the flags; without OSXMMEXCPT it is #UD", "[sse]") {
    SseFixture f;
    f.s.mxcsr = 0x1F80 & ~(4u << 7);                      // ZE unmasked
    f.set_xmm(0, 0x3F8000003F800000, 0x3F8000007F800001); // 1, 1, SNaN, 1
    f.set_xmm(1, 0x404000003F800000, 0x000000003F800000); // 1, 3 (inexact), 1, 0
    CHECK(f.execute(kDivps) == Fault::xm());
    CHECK(f.low(0) == 0x3F8000003F800000);
    CHECK(f.high(0) == 0x3F8000007F800001);
    // IE and ZE were found before anything was rounded, so PE of lane 1 does not show.
    CHECK((f.s.mxcsr & 0x3F) == 0x05);
    f.s.cr4 &= ~kCR4_OSXMMEXCPT;
    CHECK(f.execute(kDivps) == Fault::ud());
    f.s.mxcsr = 0x1F80;
    f.run(kDivps);
    CHECK((f.s.mxcsr & 0x3F) == 0x25);
    CHECK(f.low(0) == 0x3EAAAAAB3F800000);
    CHECK(f.high(0) == 0x7F8000007FC00001);
}

TEST_CASE("sse: an unmasked exception of COMISS leaves EFLAGS alone", "[sse]") {
    SseFixture f;
    f.s.mxcsr = 0x1F80 & ~(1u << 7);
    f.s.flags.set(kSF | kCF);
    f.set_xmm(0, 0x7FC00000, 0);
    CHECK(f.execute({0x0F, 0x2F, 0xC1}) == Fault::xm());
    CHECK(f.s.flags.get() == (kSF | kCF));
    CHECK(f.execute({0x0F, 0x2E, 0xC1}) == Fault::none()); // UCOMISS: quiet
    CHECK(f.s.flags.get() == (kZF | kPF | kCF));
}

TEST_CASE("sse: FXSAVE and FXRSTOR by the picture in the manual", "[sse]") {
    SseFixture f;
    X87State& x = f.s.x87;
    fpu::initialize(x);
    x.control = 0x027F;
    x.opcode = 0x123;
    x.instruction_offset = 0x11223344;
    x.instruction_selector = 0x08;
    x.operand_offset = 0x55667788;
    x.operand_selector = 0x10;
    fpu::set_top(x, 6);
    fpu::set_st(x, 0, {0xC000000000000000, 0x4000}); // R6 = 3
    fpu::set_st(x, 1, {0, 0});                       // R7 = 0
    for (unsigned i = 0; i < 8; ++i) f.set_xmm(i, 0x1000 + i, 0x2000 + i);
    f.s.mxcsr = 0x3FA5;
    for (unsigned i = 0; i < 512; i += 8) f.set_quad(kImage + i, 0xEEEEEEEEEEEEEEEE);
    f.s.gpr[RSI] = kImage;
    f.run(kFxsave);
    CHECK(f.dword(kImage) == 0x3000027F);
    CHECK(f.dword(kImage + 4) == 0x012300C0);
    CHECK(f.dword(kImage + 8) == 0x11223344);
    CHECK(f.word(kImage + 12) == 0x08);
    CHECK(f.dword(kImage + 16) == 0x55667788);
    CHECK(f.word(kImage + 20) == 0x10);
    CHECK(f.dword(kImage + 24) == 0x3FA5);
    CHECK(f.dword(kImage + 28) == f.model.mxcsr_mask);
    CHECK(f.quad(kImage + 32) == 0xC000000000000000); // ST(0)
    CHECK(f.word(kImage + 40) == 0x4000);
    CHECK(f.quad(kImage + 48) == 0); // ST(1)
    for (unsigned i = 0; i < 8; ++i) {
        CHECK(f.quad(kImage + 160 + 16 * i) == 0x1000 + i);
        CHECK(f.quad(kImage + 168 + 16 * i) == 0x2000 + i);
    }
    for (unsigned i = 288; i < 512; i += 8) CHECK(f.quad(kImage + i) == 0xEEEEEEEEEEEEEEEE);

    const CpuState before = f.s;
    x = X87State{};
    for (auto& reg : f.s.vector) reg = {};
    f.s.mxcsr = 0x1F80;
    f.run(kFxrstor);
    CHECK(x.control == before.x87.control);
    CHECK(x.status == before.x87.status);
    CHECK(fpu::tag_word(x) == fpu::tag_word(before.x87));
    CHECK(x.st == before.x87.st);
    CHECK(x.opcode == 0x123);
    CHECK(x.operand_selector == 0x10);
    CHECK(f.s.mxcsr == 0x3FA5);
    for (unsigned i = 0; i < 8; ++i) CHECK(f.s.vector[i].bytes == before.vector[i].bytes);

    SECTION("a reserved bit of MXCSR: #GP(0), nothing restored") {
        f.set_dword(kImage + 24, 0x10000);
        f.set_quad(kImage + 32, 1);
        CHECK(f.execute(kFxrstor) == Fault::gp(0));
        CHECK(x.st == before.x87.st);
        CHECK(f.s.mxcsr == 0x3FA5);
    }
    SECTION("ES follows from flags and masks") {
        f.set_dword(kImage, 0x0001037E); // IE, IM clear
        f.run(kFxrstor);
        CHECK((x.status & 0x8081) == 0x8081);
    }
    SECTION("without OSFXSR the XMM registers stay out") {
        f.s.cr4 &= ~kCR4_OSFXSR;
        f.set_quad(kImage + 160, 0xAAAA);
        f.run(kFxrstor);
        CHECK(f.low(0) == 0x1000);
        f.run(kFxsave);
        CHECK(f.quad(kImage + 160) == 0xAAAA);
    }
}

TEST_CASE("sse: FXSAVE faults on any byte of its 512 before it writes one", "[sse]") {
    test::CpuFixture f;
    f.protected_mode(0);
    f.enable_paging();
    f.page(0x301000, 0);
    f.cpu.state_changed();
    Insn insn = f.with(f.operand(OperandKind::Mem, 0, 0));
    insn.mem.disp = 0x300F00; // what is written ends at 0x301020 at the latest
    f.poke32(0x300F00, 0xAAAAAAAA);
    CHECK(exec::fxsave(f.cpu, insn) == Fault::pf(2));
    CHECK(exec::fxrstor(f.cpu, insn) == Fault::pf(0));
    CHECK(f.peek32(0x300F00) == 0xAAAAAAAA);
    insn.mem.disp = 0x300E10; // the last byte only
    CHECK(exec::fxsave(f.cpu, insn) == Fault::pf(2));
}

/// Every MMX and SSE row of the instruction table, register and memory form, against the host's own unit: registers,
/// memory, MXCSR flags, EFLAGS, TOP and tags, and whether #XM comes. x86-64 Linux hosts only.
#include "tests/cpu/sse_host.h"
#if defined(__x86_64__) && defined(__linux__)
#include "cpu/decoder/decoder.h"
#include "cpu/decoder/table.h"
#include "cpu/fpu/x87.h"
#include "cpu/sse/operands.h"
#include "tests/cpu/integer_fixture.h"
#include "tests/cpu/sse_random.h"
#include <cstdio>
#include <string>

using namespace r86;
using namespace r86::sse_test;

namespace {

constexpr u32 kMemory = 0x2000;

bool tested(const OpcodeRow& what) {
    switch (what.mnemonic) {
    case Mnemonic::fxsave:
    case Mnemonic::fxrstor:
    case Mnemonic::ldmxcsr:
    case Mnemonic::stmxcsr: return false; // sse_state_test.cpp
    case Mnemonic::rcpps:
    case Mnemonic::rcpss:
    case Mnemonic::rsqrtps:
    case Mnemonic::rsqrtss: return __builtin_cpu_is("intel"); // others approximate in their own way
    default: return what.has(kSimd);
    }
}

struct Bench : IntegerFixture {
    HostUnit host;
    Random random{0x55E};

    Bench() {
        s.cr4 |= kCR4_OSFXSR | kCR4_OSXMMEXCPT;
        cpu.state_changed();
    }

    void load_state(const FxImage& image) {
        s.mxcsr = image.mxcsr;
        s.x87.control = image.fcw;
        s.x87.status = image.fsw;
        for (unsigned i = 0; i < 8; ++i) {
            fpu::st(s.x87, i) = {image.st[i].low, static_cast<u16>(image.st[i].high)};
            std::memcpy(s.vector[i].bytes.data(), &image.xmm[i], 16);
        }
        fpu::set_abridged_tag(s.x87, image.ftw);
    }

    /// Empty: all is equal; else what differs.
    std::string compare_once(const OpcodeRow& what, const Encoding& e, unsigned misaligned) {
        FxImage image;
        image.mxcsr = (random.below(2) ? 0x1F80 : random.below(64) << 7) | random.below(4) << 13 |
                      (random.below(4) ? 0 : 0x8000) | (random.below(4) ? 0 : 0x40) |
                      (random.below(2) ? 0 : random.below(64));
        image.fsw = static_cast<u16>(random.below(8) << 11);
        image.ftw = static_cast<u8>(random.next());
        for (auto& reg : image.st) reg = {random_quad(random), random.next() & 0xFFFF};
        for (unsigned i = 0; i < 8; ++i) image.xmm[i] = {random_quad(random), random_quad(random)};
        alignas(16) std::array<u8, 32> buffer{};
        for (unsigned i = 0; i < 32; i += 8) {
            const u64 value = random_quad(random);
            std::memcpy(buffer.data() + i, &value, 8);
        }
        u32 eax = static_cast<u32>(random.next()), host_eax = eax, host_flags = 0;
        load_state(image);
        s.gpr[RAX] = eax;
        s.gpr[RDI] = kMemory + misaligned;
        for (unsigned i = 0; i < 32; ++i) memory.write(PhysAddr{kMemory + i}, 1, buffer[i]);
        const u32 flags = static_cast<u32>(random.next()) & kStatusFlags;
        s.flags.set(flags);

        FxImage host_image = image;
        const bool trapped = host.run(e.bytes, host_image, host_eax, host_flags, buffer.data() + misaligned);
        s.next_rip = s.rip + insn.length;
        const Fault fault = row(insn.row).semantic(cpu, insn);

        char text[160];
        const auto say = [&](const char* where, u64 ours, u64 hosts) {
            std::snprintf(text, sizeof text, "%s: %llx, host %llx, mxcsr before %x", where,
                          static_cast<unsigned long long>(ours), static_cast<unsigned long long>(hosts), image.mxcsr);
            return std::string(text);
        };
        if (fault.valid != trapped || (trapped && !fault.is(Vector::XM))) return say("fault", fault.vector, trapped);
        if (s.mxcsr != host_image.mxcsr) return say("MXCSR", s.mxcsr, host_image.mxcsr);
        for (unsigned i = 0; i < 8; ++i) {
            const auto ours = sse::lanes<u64>(sse::xmm(s, i));
            if (ours[0] != host_image.xmm[i].low) return say("XMM low", ours[0], host_image.xmm[i].low);
            if (ours[1] != host_image.xmm[i].high) return say("XMM high", ours[1], host_image.xmm[i].high);
        }
        if (fpu::top(s.x87) != ((host_image.fsw >> 11) & 7)) return say("TOP", s.x87.status, host_image.fsw);
        if (fpu::abridged_tag(s.x87) != host_image.ftw) return say("tags", fpu::abridged_tag(s.x87), host_image.ftw);
        for (unsigned i = 0; i < 8; ++i) {
            const Float80 ours = fpu::st(s.x87, i);
            if (ours.significand != host_image.st[i].low) return say("MM", ours.significand, host_image.st[i].low);
            if (ours.sign_exponent != static_cast<u16>(host_image.st[i].high))
                return say("MM exponent", ours.sign_exponent, host_image.st[i].high);
        }
        if (s.gpr[RAX] != host_eax) return say("EAX", s.gpr[RAX], host_eax);
        const u32 wanted = what.flags_written && !trapped ? host_flags & kStatusFlags : flags;
        if (s.flags.get() != wanted) return say("EFLAGS", s.flags.get(), wanted);
        for (unsigned i = 0; i < 32; ++i)
            if (memory.read(PhysAddr{kMemory + i}, 1) != buffer[i])
                return say("memory", memory.read(PhysAddr{kMemory + i}, 1), buffer[i]);
        return {};
    }
};

} // namespace

TEST_CASE("sse: every row against the host's unit", "[sse][host]") {
    Bench bench;
    REQUIRE(bench.host.available());
    unsigned rows = 0;
    for (const OpcodeRow& what : all_rows()) {
        if (!tested(what)) continue;
        ++rows;
        for (const bool memory : {false, true}) {
            if (memory ? !what.form.modrm || what.form.mod == OpcodeForm::Register
                       : what.form.mod == OpcodeForm::Memory)
                continue;
            const unsigned rounds = 2000;
            for (unsigned n = 0; n < rounds; ++n) {
                const Encoding e = encode(what, memory, bench.random);
                std::vector<u8> bytes = e.bytes;
                bytes.resize(16, 0x90);
                const bool decoded = bench.decoder.decode(bytes, CodeSize::Bits32, bench.insn) == DecodeResult::Ok;
                if (!decoded || bench.insn.length != e.bytes.size() || &row(bench.insn.row) != &what)
                    FAIL("decoder: " << what.text << " " << what.operand_text);
                const unsigned misaligned = may_be_unaligned(what) ? bench.random.below(16) : 0;
                const std::string difference = bench.compare_once(what, e, misaligned);
                if (!difference.empty()) {
                    INFO(what.text << " " << what.operand_text << (memory ? " memory" : " register"));
                    INFO("imm " << bench.insn.imm);
                    FAIL_CHECK(difference);
                    break;
                }
            }
        }
    }
    CHECK(rows > 300);
}
#endif

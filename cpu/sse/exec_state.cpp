/// EMMS, FXSAVE, FXRSTOR, MXCSR, and what only orders or hints. SDM Vol. 2, by name.
/// NOT IMPLEMENTED: the 64-bit FXSAVE image (REX.W); caches, so fences, PREFETCHh, and CLFLUSH have no effect
/// beyond their faults.
#include "cpu/interrupts/debug.h"
#include "cpu/sse/host_float.h"
#include "cpu/sse/operands.h"

namespace r86::exec {

using namespace sse;

namespace {

/// The image of FXSAVE outside 64-bit mode: SDM Vol. 2, FXSAVE, table 3-43 "Non-64-Bit-Mode Layout".
constexpr unsigned kImageSize = 512;
constexpr unsigned kFcw = 0, kFsw = 2, kFtw = 4, kFop = 6, kFip = 8, kFcs = 12, kFdp = 16, kFds = 20, kMxcsr = 24,
                   kMxcsrMask = 28, kSt = 32, kXmm = 160;
constexpr unsigned kRegisters = 8; // XMM8-15 are there in 64-bit mode only

struct FxImage {
    std::array<u8, kXmm + 16 * kRegisters> bytes{};

    template <class T>
    void put(unsigned at, T value) {
        std::memcpy(&bytes[at], &value, sizeof value);
    }
    template <class T>
    T get(unsigned at) const {
        T value;
        std::memcpy(&value, &bytes[at], sizeof value);
        return value;
    }
};

/// #NM, segment, alignment and page checks of the whole image; `offset` is its place.
Fault check_image(Cpu& cpu, const Insn& insn, Access access, u64& offset) {
    if (cpu.s.cr0 & (kCR0_EM | kCR0_TS)) return Fault::nm();
    offset = cpu.effective_address(insn);
    LinearAddr linear;
    if (Fault fault = cpu.segment_check(insn.mem.seg, offset, kImageSize, access, linear)) return fault;
    if (linear.value & 15) return Fault::gp(0);
    const bool user = cpu.cpl() == 3;
    // A processor that saves looks at the last byte first: that is the address of its page fault.
    if (access == Access::Write)
        if (Fault fault = cpu.probe_linear({linear.value + kImageSize - 1}, 1, access, user)) return fault;
    return cpu.probe_linear(linear, kImageSize, access, user);
}

/// MXCSR can hold these bits.
bool legal_mxcsr(const Cpu& cpu, u32 value) { return !(value & ~cpu.model.mxcsr_mask); }

/// Without CR4.OSFXSR the XMM registers stay out of both directions: "implementation dependent" in the manual.
bool with_xmm(const Cpu& cpu) { return cpu.model.has(Feature::SSE) && (cpu.s.cr4 & kCR4_OSFXSR); }

} // namespace

Fault emms(Cpu& cpu, const Insn&) {
    Fault fault;
    if (!begin_mmx(cpu, fault)) return fault;
    fpu::set_top(cpu.s.x87, 0);
    cpu.s.x87.tag = 0xFFFF;
    return fault;
}

Fault fxsave(Cpu& cpu, const Insn& insn) {
    u64 offset = 0;
    if (Fault fault = check_image(cpu, insn, Access::Write, offset)) return fault;
    host_float_collect(cpu);
    X87State& x = cpu.s.x87;
    FxImage image;
    image.put<u16>(kFcw, x.control);
    image.put<u16>(kFsw, x.status);
    image.put<u8>(kFtw, fpu::abridged_tag(x));
    image.put<u16>(kFop, x.opcode);
    image.put<u32>(kFip, x.instruction_offset);
    image.put<u16>(kFcs, x.instruction_selector);
    image.put<u32>(kFdp, x.operand_offset);
    image.put<u16>(kFds, x.operand_selector);
    if (cpu.model.has(Feature::SSE)) {
        image.put<u32>(kMxcsr, cpu.s.mxcsr);
        image.put<u32>(kMxcsrMask, cpu.model.mxcsr_mask);
    }
    for (unsigned i = 0; i < 8; ++i) {
        const Float80 value = fpu::st(x, i);
        image.put(kSt + 16 * i, value.significand);
        image.put(kSt + 16 * i + 8, value.sign_exponent);
    }
    for (unsigned i = 0; i < kRegisters; ++i) image.put(kXmm + 16 * i, xmm(cpu.s, i));
    return cpu.write_bytes(insn.mem.seg, offset, image.bytes.data(), with_xmm(cpu) ? image.bytes.size() : kXmm);
}

Fault fxrstor(Cpu& cpu, const Insn& insn) {
    u64 offset = 0;
    if (Fault fault = check_image(cpu, insn, Access::Read, offset)) return fault;
    FxImage image;
    if (Fault fault = cpu.read_bytes(insn.mem.seg, offset, image.bytes.data(), image.bytes.size())) return fault;
    const u32 mxcsr = image.get<u32>(kMxcsr);
    if (with_xmm(cpu) && !legal_mxcsr(cpu, mxcsr)) return Fault::gp(0);

    X87State& x = cpu.s.x87;
    x.control = (image.get<u16>(kFcw) & fpu::kControlWritable) | fpu::kControlOnes;
    x.status = image.get<u16>(kFsw);
    x.opcode = image.get<u16>(kFop) & 0x7FF;
    x.instruction_offset = image.get<u32>(kFip);
    x.instruction_selector = image.get<u16>(kFcs);
    x.operand_offset = image.get<u32>(kFdp);
    x.operand_selector = image.get<u16>(kFds);
    for (unsigned i = 0; i < 8; ++i) fpu::st(x, i) = {image.get<u64>(kSt + 16 * i), image.get<u16>(kSt + 16 * i + 8)};
    fpu::set_abridged_tag(x, image.get<u8>(kFtw));
    fpu::update_summary(cpu);
    if (with_xmm(cpu)) {
        cpu.s.mxcsr = mxcsr;
        cpu.mxcsr_changed();
        for (unsigned i = 0; i < kRegisters; ++i) set_xmm(cpu.s, i, image.get<Xmm>(kXmm + 16 * i));
    }
    return Fault::none();
}

Fault ldmxcsr(Cpu& cpu, const Insn& insn) {
    if (Fault fault = check_sse(cpu)) return fault;
    u32 value = 0;
    if (Fault fault = cpu.load<u32>(insn, 0, value)) return fault;
    if (!legal_mxcsr(cpu, value)) return Fault::gp(0);
    cpu.s.mxcsr = value;
    cpu.mxcsr_changed();
    return Fault::none();
}

Fault stmxcsr(Cpu& cpu, const Insn& insn) {
    if (Fault fault = check_sse(cpu)) return fault;
    host_float_collect(cpu);
    return cpu.store<u32>(insn, 0, cpu.s.mxcsr);
}

Fault lfence(Cpu&, const Insn&) { return Fault::none(); }
Fault mfence(Cpu&, const Insn&) { return Fault::none(); }
Fault sfence(Cpu&, const Insn&) { return Fault::none(); }
Fault pause(Cpu& cpu, const Insn&) {
    if (cpu.model.pause_ticks == 0) return Fault::none();
    cpu.s.pause_end = cpu.s.tick + 1 + cpu.model.pause_ticks;
    cpu.run_state.leave = true; // events may end the wait
    return Fault::none();
}
/// A hint: never faults.
Fault prefetch(Cpu&, const Insn&) { return Fault::none(); }

/// Faults and hits data breakpoints as a load of one byte would (the latter measured), without one.
Fault clflush(Cpu& cpu, const Insn& insn) {
    const u64 offset = cpu.effective_address(insn);
    if (Fault fault = cpu.probe_read(insn.mem.seg, offset, 1)) return fault;
    const u64 linear = (cpu.s.seg[insn.mem.seg].base + offset) & 0xFFFFFFFF;
    if (cpu.s.dr[7] & 0xFF) cpu.note_debug_trap(match_data_breakpoints(cpu.s, linear, 1, false));
    return Fault::none();
}

} // namespace r86::exec

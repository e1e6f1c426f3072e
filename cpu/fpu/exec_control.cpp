/// x87 instructions that control: sign, stack pointer, control and status words, environment and whole state.
/// SDM Vol. 2, by name; Vol. 1, 8.1.10 "Saving the x87 FPU's State with FSTENV/FNSTENV and FSAVE/FNSAVE" for the
/// images.
#include "cpu/fpu/x87.h"
#include "cpu/semantics.h"

namespace r86::exec {

using namespace fpu;

namespace {

/// Control instructions without a wait look at CR0 alone.
bool begin_no_wait(Cpu& cpu, Fault& fault) {
    if (cpu.s.cr0 & (kCR0_EM | kCR0_TS)) {
        fault = Fault::nm();
        return false;
    }
    return true;
}

/// FCHS and FABS: no exception but an empty register.
template <class Change>
Fault change_sign(Cpu& cpu, const Insn& insn, Change change) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    clear_c1(x);
    if (empty(x, 0)) {
        if (stack_fault(cpu, false)) set_st(x, 0, kIndefinite);
        return fault;
    }
    st(x, 0).sign_exponent = change(st(x, 0).sign_exponent);
    return fault;
}

constexpr unsigned kEnvironment32 = 28, kEnvironment16 = 14;

struct Image {
    std::array<u8, kEnvironment32 + 80> bytes{};
    unsigned size = 0;

    void put(u32 value, unsigned width) {
        for (unsigned i = 0; i < width; ++i) bytes[size++] = static_cast<u8>(value >> (8 * i));
    }
    u32 get(unsigned at, unsigned width) const {
        u32 value = 0;
        for (unsigned i = 0; i < width; ++i) value |= static_cast<u32>(bytes[at + i]) << (8 * i);
        return value;
    }
};

/// The four layouts of SDM Vol. 1, figures 8-9 to 8-12.
void put_environment(const Cpu& cpu, const Insn& insn, Image& image) {
    const X87State& x = cpu.s.x87;
    const bool real = cpu.real_or_v86();
    const u32 ip = real ? (u32{x.instruction_selector} << 4) + x.instruction_offset : x.instruction_offset;
    const u32 dp = real ? (u32{x.operand_selector} << 4) + x.operand_offset : x.operand_offset;
    if (insn.operand_size == 2) {
        for (const u16 word : {x.control, x.status, tag_word(x)}) image.put(word, 2);
        image.put(ip & 0xFFFF, 2);
        image.put(real ? (ip >> 16 & 15) << 12 | x.opcode : x.instruction_selector, 2);
        image.put(dp & 0xFFFF, 2);
        image.put(real ? (dp >> 16 & 15) << 12 : x.operand_selector, 2);
        return;
    }
    for (const u16 word : {x.control, x.status, tag_word(x)}) image.put(0xFFFF0000 | word, 4);
    if (real) {
        image.put(0xFFFF0000 | (ip & 0xFFFF), 4);
        image.put((ip >> 16) << 12 | x.opcode, 4);
        image.put(0xFFFF0000 | (dp & 0xFFFF), 4);
        image.put((dp >> 16) << 12, 4);
    } else {
        image.put(ip, 4);
        image.put(u32{x.opcode} << 16 | x.instruction_selector, 4);
        image.put(dp, 4);
        image.put(0xFFFF0000 | x.operand_selector, 4);
    }
}

/// All but the tags, which depend on the registers: those are returned.
u16 get_environment(Cpu& cpu, const Insn& insn, const Image& image) {
    X87State& x = cpu.s.x87;
    const bool real = cpu.real_or_v86();
    const unsigned step = insn.operand_size == 2 ? 2 : 4;
    const auto word = [&](unsigned n) { return static_cast<u16>(image.get(n * step, 2)); };
    if (real) {
        // Linear addresses: the selectors are gone.
        x.instruction_selector = x.operand_selector = 0;
        x.opcode = word(4) & 0x7FF;
        if (step == 2) {
            x.instruction_offset = word(3) | (u32{word(4)} >> 12) << 16;
            x.operand_offset = word(5) | (u32{word(6)} >> 12) << 16;
        } else {
            x.instruction_offset = word(3) | (image.get(16, 4) >> 12 & 0xFFFF) << 16;
            x.operand_offset = word(5) | (image.get(24, 4) >> 12 & 0xFFFF) << 16;
        }
    } else if (step == 2) {
        x.opcode = 0;
        x.instruction_offset = word(3);
        x.instruction_selector = word(4);
        x.operand_offset = word(5);
        x.operand_selector = word(6);
    } else {
        x.instruction_offset = image.get(12, 4);
        x.instruction_selector = word(4);
        x.opcode = static_cast<u16>(image.get(18, 2) & 0x7FF);
        x.operand_offset = image.get(20, 4);
        x.operand_selector = word(6);
    }
    x.control = (word(0) & kControlWritable) | kControlOnes;
    x.status = word(1);
    return word(2);
}

} // namespace

Fault fchs(Cpu& cpu, const Insn& insn) {
    return change_sign(cpu, insn, [](u16 v) { return static_cast<u16>(v ^ 0x8000); });
}
Fault fabs(Cpu& cpu, const Insn& insn) {
    return change_sign(cpu, insn, [](u16 v) { return static_cast<u16>(v & 0x7FFF); });
}

Fault fdecstp(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    clear_c1(cpu.s.x87);
    set_top(cpu.s.x87, top(cpu.s.x87) - 1);
    return fault;
}

Fault fincstp(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    clear_c1(cpu.s.x87);
    set_top(cpu.s.x87, top(cpu.s.x87) + 1);
    return fault;
}

Fault ffree(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    clear_c1(x);
    set_empty(x, physical(x, insn.modrm & 7));
    return fault;
}

/// DF C0+i: FFREE, then the stack is popped.
Fault ffreep(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    X87State& x = cpu.s.x87;
    clear_c1(x);
    set_empty(x, physical(x, insn.modrm & 7));
    pop_st(x);
    return fault;
}

Fault fnop(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    note_instruction(cpu, insn);
    return fault;
}

/// FNENI, FNDISI and FNSETPM of the 8087 and 80287.
Fault fnop_legacy(Cpu& cpu, const Insn&) {
    Fault fault;
    begin_no_wait(cpu, fault);
    return fault;
}

Fault fninit(Cpu& cpu, const Insn&) {
    Fault fault;
    if (!begin_no_wait(cpu, fault)) return fault;
    initialize(cpu.s.x87);
    update_summary(cpu);
    return fault;
}

Fault fnclex(Cpu& cpu, const Insn&) {
    Fault fault;
    if (!begin_no_wait(cpu, fault)) return fault;
    cpu.s.x87.status &= static_cast<u16>(~(0x3F | kStackFault | kES | kBusy));
    update_summary(cpu);
    return fault;
}

Fault fldcw(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    u16 value = 0;
    if (fault = cpu.read<u16>(insn.mem.seg, cpu.effective_address(insn), value); fault) return fault;
    set_control(cpu, value);
    return fault;
}

Fault fnstcw(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_no_wait(cpu, fault)) return fault;
    return cpu.write<u16>(insn.mem.seg, cpu.effective_address(insn), cpu.s.x87.control);
}

/// DD /7 to memory, DF E0 to AX.
Fault fnstsw(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_no_wait(cpu, fault)) return fault;
    const u16 status = cpu.s.x87.status;
    if (is_memory(insn)) return cpu.write<u16>(insn.mem.seg, cpu.effective_address(insn), status);
    cpu.set_gpr<u16>(RAX, status);
    return fault;
}

Fault fnstenv(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_no_wait(cpu, fault)) return fault;
    Image image;
    put_environment(cpu, insn, image);
    if (fault = cpu.write_bytes(insn.mem.seg, cpu.effective_address(insn), image.bytes.data(), image.size); fault)
        return fault;
    cpu.s.x87.control |= 0x3F; // all masked from here on
    update_summary(cpu);
    return fault;
}

Fault fldenv(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    Image image;
    const unsigned size = insn.operand_size == 2 ? kEnvironment16 : kEnvironment32;
    if (fault = cpu.read_bytes(insn.mem.seg, cpu.effective_address(insn), image.bytes.data(), size); fault)
        return fault;
    set_tag_word(cpu.s.x87, get_environment(cpu, insn, image));
    update_summary(cpu);
    return fault;
}

Fault fnsave(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_no_wait(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    Image image;
    put_environment(cpu, insn, image);
    for (unsigned i = 0; i < 8; ++i) {
        const Float80 value = st(x, i);
        image.put(static_cast<u32>(value.significand), 4);
        image.put(static_cast<u32>(value.significand >> 32), 4);
        image.put(value.sign_exponent, 2);
    }
    if (fault = cpu.write_bytes(insn.mem.seg, cpu.effective_address(insn), image.bytes.data(), image.size); fault)
        return fault;
    initialize(x);
    update_summary(cpu);
    return fault;
}

Fault frstor(Cpu& cpu, const Insn& insn) {
    Fault fault;
    if (!begin_waiting(cpu, fault)) return fault;
    X87State& x = cpu.s.x87;
    Image image;
    const unsigned environment = insn.operand_size == 2 ? kEnvironment16 : kEnvironment32;
    if (fault = cpu.read_bytes(insn.mem.seg, cpu.effective_address(insn), image.bytes.data(), environment + 80); fault)
        return fault;
    const u16 tags = get_environment(cpu, insn, image);
    for (unsigned i = 0; i < 8; ++i) {
        const unsigned at = environment + 10 * i;
        st(x, i) = {image.get(at, 4) | static_cast<u64>(image.get(at + 4, 4)) << 32,
                    static_cast<u16>(image.get(at + 8, 2))};
    }
    set_tag_word(x, tags);
    update_summary(cpu);
    return fault;
}

/// 9B: #NM only with both MP and TS.
Fault fwait(Cpu& cpu, const Insn&) {
    Fault fault;
    if ((cpu.s.cr0 & (kCR0_MP | kCR0_TS)) == (kCR0_MP | kCR0_TS)) return Fault::nm();
    if (cpu.s.x87.status & kES) pending(cpu, fault);
    return fault;
}

} // namespace r86::exec

#pragma once
/// A processor over plain RAM and an empty port bus, with descriptor tables at known places: the bench of the unit
/// tests in this folder. Semantic functions are called directly (`execute`) or whole programs are run (`step`).
#include "cpu/cpu.h"
#include "cpu/interpreter/interpreter.h"
#include "cpu/mmu/mmu.h"
#include "cpu/segmentation/segmentation.h"
#include "cpu/semantics.h"
#include "tests/catch.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <ostream>
#include <stdexcept>

namespace r86 {

inline bool operator==(const Fault& a, const Fault& b) {
    return a.valid == b.valid && a.vector == b.vector && a.has_error == b.has_error && a.error == b.error;
}
inline std::ostream& operator<<(std::ostream& out, const Fault& fault) {
    if (!fault) return out << "no fault";
    out << "vector " << unsigned{fault.vector};
    if (fault.has_error) out << " error " << std::hex << fault.error << std::dec;
    return out;
}

namespace test {

// Where the fixture puts things. Everything else is free.
inline constexpr u32 kGdt = 0x1000, kLdtTable = 0x2000, kIdt = 0x3000, kTss = 0x4000, kTss2 = 0x5000, kStacks = 0x20000,
                     kCodeBase = 0x40000, kPageTables = 0x80000;

// Access bytes.
inline constexpr u8 kCode0 = 0x9B, kCode3 = 0xFB, kConforming0 = 0x9F, kData0 = 0x93, kData3 = 0xF3;
inline constexpr u8 dpl_of(u8 access, u8 dpl) { return static_cast<u8>((access & ~0x60) | dpl << 5); }
inline constexpr u8 kBig = 0x4, kGranular = 0x8; // flags nibble: D/B, G

class CpuFixture {
public:
    explicit CpuFixture(const char* model_name = "max") : model(find_cpu_model(model_name)) {
        cpu.hooks.acknowledge_interrupt = [this] { return interrupt_vector; };
        // How ctest runs every test in every setting of the interpreter: "MAX_BLOCK CHAIN DROP_EVERY".
        if (const char* settings = std::getenv("R86_TEST_INTERPRETER")) {
            unsigned max_block = 0, chain = 0;
            if (std::sscanf(settings, "%u %u %u", &max_block, &chain, &drop_every) != 3)
                throw std::runtime_error("R86_TEST_INTERPRETER");
            cpu.interpreter().set_settings({max_block, chain != 0});
        }
    }

    Log log;
    PhysicalMemory memory{u64{4} << 20, log};
    IoBus io{log};
    VirtualClock clock{100};
    CpuModel model;
    Cpu cpu{model, memory, io, clock, log};
    CpuState& s = cpu.s;
    u8 interrupt_vector = 0x20;
    unsigned drop_every = 0; ///< ticks between moments at which decoded blocks and translations are dropped; 0: never
    u32 random = 1;

    // ---- memory -------------------------------------------------------------------------------------------------
    u8 peek8(u32 at) { return static_cast<u8>(memory.read(PhysAddr{at}, 1)); }
    u16 peek16(u32 at) { return static_cast<u16>(memory.read(PhysAddr{at}, 2)); }
    u32 peek32(u32 at) { return static_cast<u32>(memory.read(PhysAddr{at}, 4)); }
    void poke8(u32 at, u8 value) { memory.write(PhysAddr{at}, 1, value); }
    void poke16(u32 at, u16 value) { memory.write(PhysAddr{at}, 2, value); }
    void poke32(u32 at, u32 value) { memory.write(PhysAddr{at}, 4, value); }
    void poke_code(u32 at, std::initializer_list<u8> bytes) {
        for (u8 byte : bytes) poke8(at++, byte);
    }

    // ---- descriptors --------------------------------------------------------------------------------------------
    /// In the GDT or, for a selector with TI set, in the LDT.
    void descriptor(u16 selector, u32 base, u32 limit, u8 access, u8 flags = 0) {
        const u32 at = (selector & 4 ? kLdtTable : kGdt) + (selector & 0xFFF8u);
        poke32(at, (limit & 0xFFFF) | base << 16);
        poke32(at + 4,
               (base >> 16 & 0xFF) | u32{access} << 8 | (limit & 0xF0000) | u32{flags} << 20 | (base & 0xFF000000));
    }
    void gate_at(u32 at, u8 type, u8 dpl, u16 selector, u32 offset, u8 parameters = 0, bool present = true) {
        poke32(at, (offset & 0xFFFF) | u32{selector} << 16);
        poke32(at + 4, (offset & 0xFFFF0000) | (present ? 0x8000u : 0) | u32{dpl} << 13 | u32{type} << 8 | parameters);
    }
    void call_gate(u16 at, u8 type, u8 dpl, u16 selector, u32 offset, u8 parameters = 0, bool present = true) {
        gate_at(kGdt + (at & 0xFFF8u), type, dpl, selector, offset, parameters, present);
    }
    void idt_gate(u8 vector, u8 type, u8 dpl, u16 selector, u32 offset, bool present = true) {
        gate_at(kIdt + vector * 8u, type, dpl, selector, offset, 0, present);
    }
    u8 access_byte(u16 selector) { return peek8((selector & 4 ? kLdtTable : kGdt) + (selector & 0xFFF8u) + 5); }

    // ---- modes --------------------------------------------------------------------------------------------------
    // Selectors of the standard GDT. Code and data of each ring are flat, 32-bit; ring n is at 08h + 10h * n.
    static constexpr u16 code(u8 ring) { return static_cast<u16>((0x08 + 0x10 * ring) | ring); }
    static constexpr u16 data(u8 ring) { return static_cast<u16>((0x10 + 0x10 * ring) | ring); }
    static constexpr u16 kTssSelector = 0x48, kTss2Selector = 0x50, kLdtSelector = 0x58;
    static constexpr u16 kFree = 0x80; // 80h and up: a test's own
    static u32 stack_top(u8 ring) { return kStacks + 0x1000u * (ring + 1u); }

    void standard_tables() {
        for (u8 ring = 0; ring < 4; ++ring) {
            descriptor(code(ring), 0, 0xFFFFF, dpl_of(kCode0, ring), kBig | kGranular);
            descriptor(data(ring), 0, 0xFFFFF, dpl_of(kData0, ring), kBig | kGranular);
        }
        descriptor(kTssSelector, kTss, 0x2FFF - 0x2000, 0x8B);
        descriptor(kTss2Selector, kTss2, 0x67, 0x89);
        descriptor(kLdtSelector, kLdtTable, 0xFFF, 0x82);
        s.gdtr = {kGdt, 0xFFF};
        s.idtr = {kIdt, 0x7FF};
        for (u8 ring = 0; ring < 3; ++ring) {
            poke32(kTss + 4 + 8u * ring, stack_top(ring));
            poke16(kTss + 8 + 8u * ring, data(ring));
        }
        poke16(kTss + 0x60, kLdtSelector);
        poke16(kTss + 0x66, 0x200); // I/O map; the redirection bitmap lies below it
        poke8(kTss + 0x200 + 0x2000 / 8 - 1, 0xFF);
        for (unsigned v = 0; v < 32; ++v) idt_gate(static_cast<u8>(v), kInterruptGate32, 0, code(0), handler(v));
    }
    /// Where the standard IDT's handler of a vector is.
    static u32 handler(unsigned vector) { return kCodeBase + 0x8000 + vector * 16; }

    Segment loaded(u16 selector) {
        const u32 at = (selector & 4 ? kLdtTable : kGdt) + (selector & 0xFFF8u);
        return Descriptor{peek32(at), peek32(at + 4)}.segment(selector);
    }
    /// Protected mode without paging at the given ring, flat, EIP at kCodeBase, ESP at the top of the ring's stack.
    void protected_mode(u8 ring = 0) {
        standard_tables();
        s.cr0 |= kCR0_PE;
        s.eflags = 2;
        s.seg[CS] = loaded(code(ring));
        for (Seg seg : {SS, DS, ES}) s.seg[seg] = loaded(data(ring));
        for (Seg seg : {FS, GS}) make_null(s.seg[seg]);
        s.tr = loaded(kTssSelector);
        s.ldtr = loaded(kLdtSelector);
        s.gpr[RSP] = stack_top(ring);
        s.rip = s.next_rip = kCodeBase;
        cpu.state_changed();
    }
    /// Virtual-8086 mode with CS:IP = 4000:0100, SS:SP = 3000:1000, data at 5000.
    void v86_mode(u8 iopl = 0, u32 more_flags = 0) {
        protected_mode(0);
        s.eflags = 2u | kVM | u32{iopl} << 12 | more_flags;
        for (Segment& segment : s.seg) segment = v86_segment(0x5000);
        s.seg[CS] = v86_segment(0x4000);
        s.seg[SS] = v86_segment(0x3000);
        s.rip = s.next_rip = 0x100;
        s.gpr[RSP] = 0x1000;
        cpu.state_changed();
    }
    /// Real mode with CS:IP = 4000:0100, SS:SP = 3000:1000, data at 5000, IVT at 0 with 4000:vector*10h + 8000h.
    void real_mode() {
        for (Segment& segment : s.seg) cpu.load_segment_real(static_cast<Seg>(&segment - s.seg.data()), 0x5000);
        cpu.load_segment_real(CS, 0x4000);
        cpu.load_segment_real(SS, 0x3000);
        s.idtr = {0, 0x3FF};
        for (unsigned v = 0; v < 256; ++v) poke32(v * 4, 0x40000000u | (0x8000 + v * 16));
        s.rip = s.next_rip = 0x100;
        s.gpr[RSP] = 0x1000;
        cpu.state_changed();
    }
    /// Identity paging of the first 4 MiB with one page table; `page` flags can be changed by the test afterwards.
    void enable_paging() {
        poke32(kPageTables, (kPageTables + 0x1000) | 7);
        for (u32 i = 0; i < 1024; ++i) poke32(kPageTables + 0x1000 + 4 * i, (i << 12) | 7);
        s.cr3 = kPageTables;
        s.cr0 |= kCR0_PG;
        cpu.state_changed();
    }
    void page(u32 linear, u32 flags) { poke32(kPageTables + 0x1000 + 4 * (linear >> 12), (linear & ~0xFFFu) | flags); }

    // ---- instructions -------------------------------------------------------------------------------------------
    static Insn plain(u8 operand_size = 4) {
        Insn insn;
        insn.length = 2;
        insn.operand_size = operand_size;
        insn.address_size = 4;
        return insn;
    }
    static Operand operand(OperandKind kind, unsigned reg = 0, u8 width = 0) {
        return {kind, static_cast<u8>(reg), width};
    }
    static Insn with(Operand first, u8 operand_size = 4) {
        Insn insn = plain(operand_size);
        insn.op[0] = first;
        insn.operand_count = 1;
        return insn;
    }
    static Insn with(Operand first, Operand second, u8 operand_size = 4) {
        Insn insn = with(first, operand_size);
        insn.op[1] = second;
        insn.operand_count = 2;
        return insn;
    }
    static Insn far_ptr(u16 selector, u32 offset, u8 operand_size = 4) {
        Insn insn = with(operand(OperandKind::FarPtr), operand_size);
        insn.imm = offset;
        insn.imm2 = selector;
        return insn;
    }
    static Insn immediate(u32 value, u8 operand_size = 4) {
        Insn insn = with(operand(OperandKind::Imm, 0, 1), operand_size);
        insn.imm = value;
        return insn;
    }
    /// An absolute memory operand in position `n` of `insn`.
    static Insn memory_operand(Insn insn, unsigned n, u32 address, Seg seg = DS) {
        insn.op[n] = operand(OperandKind::Mem, 0, insn.operand_size);
        insn.mem = MemOperand{};
        insn.mem.seg = seg;
        insn.mem.disp = address;
        return insn;
    }

    /// Carries out one instruction at s.rip; on success s.rip moves on. A fault is returned, not delivered.
    Fault execute(Semantic semantic, const Insn& insn = plain()) {
        s.next_rip = s.rip + insn.length;
        Fault fault = semantic(cpu, insn);
        if (!fault) s.rip = s.next_rip;
        return fault;
    }
    Fault load_sreg(Seg seg, u16 selector) {
        s.gpr[RAX] = selector;
        return execute(exec::mov_sreg, with(operand(OperandKind::Segment, seg), operand(OperandKind::Gpr, RAX, 2)));
    }
    /// Runs the program in memory for `ticks` ticks.
    RunStop step(Tick ticks = 1) {
        if (!drop_every) return cpu.run(s.tick + ticks);
        const Tick end = s.tick + ticks;
        RunStop stop = RunStop::Target;
        while (stop == RunStop::Target && s.tick < end) {
            random = random * 1664525 + 1013904223;
            stop = cpu.run(std::min(end, s.tick + 1 + (random >> 16) % drop_every));
            if (random & 0x80000000) cpu.interpreter().drop_blocks();
            if (random & 0x40000000) cpu.mmu().flush_all();
        }
        return stop;
    }

    u32 esp() const { return static_cast<u32>(s.gpr[RSP]); }
    u32 eip() const { return static_cast<u32>(s.rip); }
    /// The nth 32-bit item on the current stack, 0 the last pushed.
    u32 stack32(unsigned n) { return peek32(static_cast<u32>(s.seg[SS].base) + cpu.stack_pointer() + 4 * n); }
    u16 stack16(unsigned n) { return peek16(static_cast<u32>(s.seg[SS].base) + cpu.stack_pointer() + 2 * n); }
    void push32(std::initializer_list<u32> values) {
        for (u32 value : values) {
            cpu.set_stack_pointer(cpu.stack_pointer() - 4);
            poke32(static_cast<u32>(s.seg[SS].base) + cpu.stack_pointer(), value);
        }
    }
    void push16(std::initializer_list<u16> values) {
        for (u16 value : values) {
            cpu.set_stack_pointer(cpu.stack_pointer() - 2);
            poke16(static_cast<u32>(s.seg[SS].base) + cpu.stack_pointer(), value);
        }
    }
};

} // namespace test
} // namespace r86

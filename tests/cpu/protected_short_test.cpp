/// The short ways of segment loads, privilege transitions and returns (cpu/segmentation/descriptor_memo.h) against the
/// semantics alone: the same events on two processors with filled TLBs, one of which has its short ways closed; and
/// random programs of such instructions, in blocks and without.
#include "cpu/interpreter/interpreter.h"
#include "cpu/segmentation/descriptor_memo.h"
#include "tests/cpu/cpu_fixture.h"
#include "tests/rounds.h"
#include <random>

using namespace r86;
using namespace r86::test;

namespace {

using Random = std::mt19937;
u32 below(Random& random, u32 n) { return static_cast<u32>(random() % n); }
bool one_in(Random& random, u32 n) { return below(random, n) == 0; }

constexpr u32 kCustom = 24; // descriptors of the test's own, from CpuFixture::kFree on

u16 some_selector(Random& random) {
    if (one_in(random, 24)) return static_cast<u16>(random());
    if (one_in(random, 12)) return static_cast<u16>(below(random, 4));
    const u32 index = one_in(random, 2) ? 1 + below(random, 8) : CpuFixture::kFree / 8 + below(random, kCustom);
    const u32 level = one_in(random, 3) ? below(random, 4) : (index - 1) / 2 % 4;
    return static_cast<u16>(index << 3 | (one_in(random, 8) ? 4 : 0) | level);
}

/// Code and data of every kind, mostly present, accessed and flat; now and then a gate or anything.
void some_descriptor(CpuFixture& f, Random& random, u16 selector) {
    const u32 kind = below(random, 16);
    u32 access = kind | 0x10 | (one_in(random, 4) ? 0 : 1) | below(random, 4) << 5;
    if (!one_in(random, 10)) access |= 0x80;
    const bool flat = !one_in(random, 3);
    const u32 base = flat ? 0 : below(random, 0x8000), limit = flat ? 0xFFFFF : below(random, 0x100000);
    const u32 flags = one_in(random, 5) ? below(random, 16) : kBig | kGranular;
    if (one_in(random, 12)) access &= ~0x10u;
    f.descriptor(selector, base, limit, static_cast<u8>(access), static_cast<u8>(flags));
}

void prepare(CpuFixture& f, Random& random) {
    if (one_in(random, 8))
        f.v86_mode(static_cast<u8>(below(random, 4)));
    else
        f.protected_mode(static_cast<u8>(below(random, 4)));
    f.s.eflags |= below(random, 4) << 12 | (one_in(random, 2) ? kIF : 0);
    for (u32 i = 0; i < kCustom; ++i) {
        some_descriptor(f, random, static_cast<u16>(CpuFixture::kFree + 8 * i));
        some_descriptor(f, random, static_cast<u16>((CpuFixture::kFree + 8 * i) | 4));
    }
    for (u32 v = 0x20; v < 0x40; ++v)
        f.idt_gate(static_cast<u8>(v), static_cast<u8>(one_in(random, 4) ? below(random, 16) : 14 + below(random, 2)),
                   static_cast<u8>(below(random, 4)), some_selector(random), below(random, 0x60000),
                   !one_in(random, 9));
    if (one_in(random, 3)) {
        f.enable_paging();
        if (one_in(random, 3)) f.page(below(random, 0x30) << 12, below(random, 8));
    }
    f.cpu.state_changed();
}

/// Everything that a short way needs is in the TLB.
void warm(CpuFixture& f) {
    for (const bool user : {false, true})
        for (u32 at = 0; at < 0x60000; at += kPageSize)
            for (const Access access : {Access::Write, Access::Read})
                if (f.cpu.probe_linear({at}, 1, access, user)) continue;
}

void some_frame(CpuFixture& f, Random& random) {
    const u32 at = (static_cast<u32>(f.s.seg[SS].base) + f.cpu.stack_pointer()) & 0xFFFFF;
    const u32 frame[] = {below(random, 0x30000),          some_selector(random), static_cast<u32>(random()) & 0x3FFFFF,
                         kStacks + below(random, 0x4000), some_selector(random), some_selector(random)};
    for (u32 i = 0; i < 6; ++i) f.poke32(at + 4 * i, i == 2 && !one_in(random, 6) ? frame[i] & ~(kVM | kNT) : frame[i]);
}

Fault act(CpuFixture& f, Random& random) {
    const u8 size = one_in(random, 4) ? 2 : 4;
    const u16 selector = some_selector(random);
    const u32 offset = below(random, 0x20000), which = below(random, 12);
    some_frame(f, random);
    const u8 vector = static_cast<u8>(0x20 + below(random, 0x20));
    switch (which) {
    case 0: return f.execute(exec::jmp_far, CpuFixture::far_ptr(selector, offset, size));
    case 1: return f.execute(exec::call_far, CpuFixture::far_ptr(selector, offset, size));
    case 2: return f.execute(exec::ret_far, CpuFixture::immediate(below(random, 16), size));
    case 3:
    case 4: return f.execute(exec::iret, CpuFixture::plain(size));
    case 5: return f.execute(exec::int_, CpuFixture::immediate(vector));
    case 6: return f.cpu.deliver(vector, EventKind::External);
    case 7: f.cpu.raise(Fault::gp(selector)); return Fault::none();
    case 8: {
        const unsigned seg = std::array{ES, DS, FS, GS, SS}[below(random, 5)];
        return f.execute(exec::pop_sreg, CpuFixture::with(CpuFixture::operand(OperandKind::Segment, seg), size));
    }
    default: return f.load_sreg(std::array{ES, DS, FS, GS, SS}[below(random, 5)], selector);
    }
}

bool same(CpuFixture& a, CpuFixture& b) {
    for (unsigned i = 0; i < kSegments; ++i) {
        const Segment &x = a.s.seg[i], &y = b.s.seg[i];
        if (x.selector != y.selector || x.attributes != y.attributes || x.limit != y.limit || x.base != y.base ||
            x.null != y.null)
            return false;
    }
    return a.s.gpr == b.s.gpr && a.cpu.eflags() == b.cpu.eflags() && a.s.rip == b.s.rip && a.s.cr2 == b.s.cr2 &&
           a.s.tr.selector == b.s.tr.selector && a.cpu.cpl() == b.cpu.cpl() && a.s.shutdown == b.s.shutdown &&
           a.cpu.interpreter().mode() == b.cpu.interpreter().mode() &&
           (a.cpu.run_state.space & 0xFFFF) == (b.cpu.run_state.space & 0xFFFF) &&
           a.cpu.run_state.read_end == b.cpu.run_state.read_end &&
           a.cpu.run_state.write_end == b.cpu.run_state.write_end;
}

} // namespace

TEST_CASE("short ways end where the semantics end") {
    CpuFixture with, without;
    without.cpu.run_state.short_ways = false;
    unsigned good = 0, faults = 0, reached = 0;
    for (u32 round = 0; round < rounds(6000); ++round) {
        Random one(round), two(round);
        prepare(with, one);
        prepare(without, two);
        warm(with);
        warm(without); // page tables may be anything by now: accessed and dirty bits are to be the same
        for (unsigned step = 0; step < 6; ++step) {
            const Fault a = act(with, one), b = act(without, two);
            INFO("round " << round << ", step " << step);
            REQUIRE(a == b);
            REQUIRE(same(with, without));
            ++(a ? faults : good);
            reached += reach_descriptor(with.cpu, CpuFixture::code(0)) != nullptr;
            if (a) {
                with.cpu.raise(a);
                without.cpu.raise(b);
                REQUIRE(same(with, without));
            }
            with.s.shutdown = without.s.shutdown = false;
        }
        REQUIRE(std::memcmp(with.memory.ram().data(), without.memory.ram().data(), 0x60000) == 0);
    }
    CHECK(good > rounds(8000));
    CHECK(faults > rounds(5000));
    CHECK(reached > rounds(20000));
}

// ---- programs -------------------------------------------------------------------------------------------------------

namespace {

constexpr u32 kSlots = 160, kSlotBytes = 16, kData = 0x50000, kPageTable = kPageTables + 0x1000, kWindow = 0x100000;

/// One instruction (or a few) in a slot that is filled with NOPs; #GP goes on at the next slot.
class Slot {
public:
    Slot& operator<<(u32 byte) {
        bytes_.push_back(static_cast<u8>(byte));
        return *this;
    }
    Slot& word(u32 value) { return *this << value << (value >> 8); }
    Slot& dword(u32 value) { return word(value).word(value >> 16); }
    void write(CpuFixture& f, u32 at) const {
        REQUIRE(bytes_.size() <= kSlotBytes);
        for (u32 i = 0; i < kSlotBytes; ++i) f.poke8(at + i, i < bytes_.size() ? bytes_[i] : 0x90);
    }

private:
    std::vector<u8> bytes_;
};

Slot some_slot(Random& random) {
    Slot s;
    const u32 seg = std::array<u32, 4>{ES, DS, FS, GS}[below(random, 4)], reg = below(random, 4);
    const u32 data = kData + 8 * below(random, 32), page = below(random, 8), pte = kPageTable + 4 * (kWindow >> 12);
    const u32 narrow = one_in(random, 5) ? 0x66 : 0x90; // an operand size or a NOP
    switch (below(random, 18)) {
    case 0: // mov reg, selector; mov sreg, reg
    case 1: return s << 0xB8 + reg, s.dword(some_selector(random)), s << 0x8E << (0xC0 | seg << 3 | reg);
    case 2: return s << 0x2E << 0x8E << (0x05 | seg << 3), s.dword(data);         // mov sreg, [cs:data]
    case 3: return s << narrow << 0x8C << (0xC0 | seg << 3 | reg);                // mov reg, sreg
    case 4: return s << 0x36 << 0x8C << (0x05 | seg << 3), s.dword(data + 0x400); // mov [ss:data], sreg
    case 5: return s << narrow << (seg == ES ? 0x06 : 0x1E);                      // push es, ds
    case 6: return s << narrow << 0x0F << (seg & 1 ? 0xA8 : 0xA0);                // push gs, fs
    case 7: return s << 0x1E << 0x07 << 0x0F << 0xA0 << 0x0F << 0xA9;             // push ds; pop es; push fs; pop gs
    case 8: return s << 0x36 << narrow << (seg == ES ? 0xC4 : 0xC5) << (0x05 | reg << 3), s.dword(data); // les, lds
    case 9: return s << 0x36 << 0x0F << (seg & 1 ? 0xB5 : 0xB4) << (0x05 | reg << 3), s.dword(data);     // lgs, lfs
    case 10: return s << narrow << 0x60 << 0x40 << narrow << 0x61;                   // pusha; inc eax; popa
    case 11: return s << 0xCD << 0x30 + below(random, 4);                            // int
    case 12: return s << 0xE4 << 0x60 << 0xE6 << 0x61 << 0x66 << 0xED << 0xEE;       // in, out
    case 13: return s << 0x36 << 0x80 << 0x25, s.dword(pte + 4 * page) << 0xFE;      // and byte [pte], not present
    case 14: return s << 0x36 << 0xA3, s.dword(kWindow + (page << 12) + 16);         // mov [window], eax
    case 15: return s << 0x36 << 0x03 << 0x05, s.dword(kWindow + (page << 12) + 16); // add eax, [window]
    case 16: return s << 0xA1, s.dword(kData);                                       // mov eax, [ds:data]
    default: return s << 0x9C << 0x58 << 0x41 << 0x39 << 0xC8;                       // pushf; pop; inc; cmp
    }
}

void load(CpuFixture& f, u32 seed) {
    Random random(seed);
    prepare(f, random);
    f.protected_mode(static_cast<u8>(one_in(random, 2) ? 0 : 3));
    f.enable_paging();
    if (one_in(random, 2)) f.s.eflags |= kIOPL;
    for (u32 n = 0; n < 4; ++n)
        f.idt_gate(static_cast<u8>(0x30 + n), 14 + n % 2, 3, CpuFixture::code(0), 0x49000 + 16 * n);
    f.poke_code(0x49000, {0xCF});                                     // iretd
    f.poke_code(0x49010, {0x1E, 0x0F, 0xA0, 0x0F, 0xA1, 0x1F, 0xCF}); // push ds; push fs; pop fs; pop ds; iretd
    f.poke_code(0x49020, {0x60, 0x61, 0xFB, 0xCF});                   // pusha; popa; sti; iretd
    f.poke_code(0x49030, {0x66, 0x9C, 0x66, 0x9D, 0xCF});             // pushf; popf; iretd
    for (u32 v : {10u, 11u, 12u, 13u, 17u}) // add esp, 4; and dword [esp], -16; add dword [esp], 16; iretd
        f.poke_code(CpuFixture::handler(v), {0x83, 0xC4, 0x04, 0x83, 0x24, 0x24, 0xF0, 0x83, 0x04, 0x24, 0x10, 0xCF});
    f.idt_gate(14, kInterruptGate32, 0, CpuFixture::code(0), 0x49100);
    // push eax; mov eax, cr2; shr eax, 12; or byte [ss: eax * 4 + table], 1; pop eax; add esp, 4; iretd
    f.poke_code(0x49100, {0x50, 0x0F, 0x20, 0xD0, 0xC1, 0xE8, 0x0C, 0x36, 0x80, 0x0C, 0x85});
    f.poke32(0x4910B, kPageTable);
    f.poke_code(0x4910F, {0x01, 0x58, 0x83, 0xC4, 0x04, 0xCF});
    for (u32 i = 0; i < 64; ++i) {
        f.poke32(kData + 8 * i, below(random, 2) ? some_selector(random) : static_cast<u32>(random()));
        f.poke32(kData + 8 * i + 4, some_selector(random));
    }
    for (u32 i = 0; i < kSlots; ++i) some_slot(random).write(f, kCodeBase + i * kSlotBytes);
    f.poke_code(kCodeBase + kSlots * kSlotBytes, {0xE9}); // round again
    f.poke32(kCodeBase + kSlots * kSlotBytes + 1, 0u - kSlots * kSlotBytes - 5);
    f.s.gpr[RSP] = 0x80000 - 0x4000;
    f.cpu.state_changed();
}

} // namespace

TEST_CASE("programs of segment loads, interrupts and page faults: the same in blocks and without") {
    constexpr InterpreterSettings kSettings[] = {
        {.max_block = 0}, {.max_block = 1}, {.max_block = 3}, {.max_block = 32}, {.max_block = 32, .chain = false}};
    unsigned deliveries = 0;
    for (u32 seed = 0; seed < 50; ++seed) {
        std::vector<std::unique_ptr<CpuFixture>> machines;
        for (const InterpreterSettings& settings : kSettings) {
            machines.push_back(std::make_unique<CpuFixture>());
            machines.back()->cpu.interpreter().set_settings(settings);
            load(*machines.back(), seed);
        }
        Random random(seed);
        for (unsigned chunk = 0; chunk < 240; ++chunk) {
            const Tick ticks = 1 + below(random, chunk % 3 ? 7 : 150);
            for (auto& machine : machines) machine->step(ticks);
            CpuFixture& reference = *machines[0];
            for (usize i = 1; i < machines.size(); ++i) {
                INFO("seed " << seed << ", chunk " << chunk << ", settings " << i << ", tick " << reference.s.tick);
                REQUIRE(machines[i]->s.tick == reference.s.tick);
                REQUIRE(machines[i]->s.unretired == reference.s.unretired);
                REQUIRE(same(*machines[i], reference));
            }
        }
        for (usize i = 1; i < machines.size(); ++i)
            REQUIRE(std::memcmp(machines[0]->memory.ram().data(), machines[i]->memory.ram().data(), 0x200000) == 0);
        deliveries += static_cast<unsigned>(machines[0]->s.unretired);
    }
    CHECK(deliveries > 5000);
}

/// Random descriptor tables, selectors and stacks: nothing crashes or hangs, and whatever faults before a commit point
/// leaves the registers as they were.
#include "tests/cpu/cpu_fixture.h"
#include "tests/rounds.h"

using namespace r86;
using namespace r86::test;

namespace {

class Random {
public:
    explicit Random(u64 seed) : state_(seed) {}
    u64 next() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }
    u32 below(u32 n) { return static_cast<u32>((next() >> 20) % n); }
    bool one_in(u32 n) { return below(n) == 0; }

private:
    u64 state_;
};

u16 random_selector(Random& random) {
    if (random.one_in(16)) return static_cast<u16>(random.next());
    return static_cast<u16>(random.below(64) * 8 + (random.one_in(6) ? 4 : 0) + random.below(4));
}

/// Mostly sensible descriptors with single mistakes; otherwise anything.
void random_descriptor(CpuFixture& f, Random& random, u32 at) {
    const u32 base = random.one_in(4) ? random.below(0x100000) : 0;
    const u32 limit = random.one_in(4) ? random.below(0x100000) : 0xFFFFF;
    u32 access = random.below(0x80) | (random.one_in(8) ? 0 : 0x80);
    if (random.one_in(3)) access |= 0x10;
    f.poke32(at, (limit & 0xFFFF) | base << 16);
    f.poke32(at + 4, (base >> 16 & 0xFF) | access << 8 | (limit & 0xF0000) | random.below(16) << 20);
    const u32 type = access & 0x1F;
    if (type < 0x10 && (type & 4)) { // a gate
        f.poke32(at, u32{random_selector(random)} << 16 | random.below(0x10000));
        f.poke32(at + 4, access << 8 | random.below(32) | (random.one_in(8) ? 0x10000 : 0));
    }
}

struct Registers {
    std::array<u64, 16> gpr;
    std::array<Segment, kSegments> seg;
    u16 tr;
    u32 eflags;
    u64 rip;
};

Registers registers(const CpuFixture& f) { return {f.s.gpr, f.s.seg, f.s.tr.selector, f.cpu.eflags(), f.s.rip}; }

bool same(const Registers& a, const Registers& b) {
    if (a.gpr != b.gpr || a.eflags != b.eflags || a.rip != b.rip || a.tr != b.tr) return false;
    for (unsigned i = 0; i < kSegments; ++i)
        if (a.seg[i].selector != b.seg[i].selector || a.seg[i].base != b.seg[i].base ||
            a.seg[i].limit != b.seg[i].limit || a.seg[i].null != b.seg[i].null)
            return false;
    return true;
}

} // namespace

TEST_CASE("random descriptor tables: faults restart, nothing crashes") {
    CpuFixture f;
    Random random(0x9E3779B97F4A7C15);
    unsigned done = 0, faults = 0, switches = 0;
    for (unsigned round = 0; round < rounds(30000); ++round) {
        if (round % 16 == 0) {
            for (u32 i = 0; i < 64; ++i) {
                random_descriptor(f, random, kGdt + 8 * i);
                random_descriptor(f, random, kLdtTable + 8 * i);
                random_descriptor(f, random, kIdt + 8 * i);
            }
            for (u32 i = 0; i < 0x100; i += 2) {
                f.poke16(kTss + i, random.one_in(2) ? random_selector(random) : static_cast<u16>(random.next()));
                f.poke16(kTss2 + i, random.one_in(2) ? random_selector(random) : static_cast<u16>(random.next()));
            }
        }
        const u8 ring = static_cast<u8>(random.below(4));
        if (random.one_in(5)) {
            f.v86_mode(static_cast<u8>(random.below(4)), random.one_in(2) ? kVIF : 0);
        } else {
            f.protected_mode(ring);
            if (random.one_in(4)) f.s.eflags |= kNT;
        }
        for (unsigned i = 0; i < 6; ++i) // after the standard tables, single descriptors go bad again
            random_descriptor(f, random, kGdt + 8 * (1 + random.below(63)));
        f.descriptor(CpuFixture::kTss2Selector, kTss2, random.one_in(8) ? 0x30 : 0x67,
                     static_cast<u8>(random.one_in(3) ? 0xEB : 0xE9));
        f.s.cr4 = random.one_in(2) ? kCR4_VME | kCR4_PVI : 0;
        if (random.one_in(4)) {
            f.enable_paging();
            f.page(random.one_in(2) ? kGdt : random.below(0x60) << 12, random.below(8));
        } else {
            f.s.cr0 &= ~kCR0_PG;
        }
        f.cpu.state_changed();
        for (u32 i = 0; i < 48; i += 4)
            f.poke32(static_cast<u32>(f.s.seg[SS].base) + f.cpu.stack_pointer() + i,
                     random.one_in(3) ? static_cast<u32>(random.next()) : random_selector(random));
        const u8 size = random.one_in(3) ? 2 : 4;
        const u16 selector = random.one_in(4) ? CpuFixture::kTss2Selector : random_selector(random);
        const u32 offset = random.below(0x20000);
        const Registers before = registers(f);
        Fault fault;
        switch (random.below(9)) {
        case 0: fault = f.execute(exec::jmp_far, CpuFixture::far_ptr(selector, offset, size)); break;
        case 1: fault = f.execute(exec::call_far, CpuFixture::far_ptr(selector, offset, size)); break;
        case 2: fault = f.execute(exec::ret_far, CpuFixture::immediate(random.below(64), size)); break;
        case 3: fault = f.execute(exec::iret, CpuFixture::plain(size)); break;
        case 4: fault = f.execute(exec::int_, CpuFixture::immediate(random.below(64))); break;
        case 5: fault = f.cpu.deliver(static_cast<u8>(random.below(64)), EventKind::External); break;
        case 6: {
            const unsigned seg = random.one_in(3) ? unsigned{SS} : DS + random.below(3); // POP CS does not exist
            fault = f.execute(exec::pop_sreg, CpuFixture::with(CpuFixture::operand(OperandKind::Segment, seg), size));
            break;
        }
        case 7: fault = f.execute(exec::popf, CpuFixture::plain(size)); break;
        default: f.cpu.raise(Fault::gp(selector)); break;
        }
        ++done;
        if (f.s.tr.selector != before.tr) {
            ++switches; // the fault, if any, belongs to the new task
        } else if (fault) {
            ++faults;
            const Registers after = registers(f);
            if (!same(before, after)) {
                CAPTURE(round, fault, selector);
                REQUIRE(same(before, after));
            }
        }
        if (fault) f.cpu.raise(fault);
        f.s.shutdown = false;
        CHECK(f.s.external_event == 0);
        CHECK(f.cpu.cpl() == (f.cpu.v86() ? 3 : f.s.seg[SS].dpl()));
    }
    CHECK(done == rounds(30000));
    CHECK(faults > rounds(5000));
    CHECK(switches > rounds(300));
}

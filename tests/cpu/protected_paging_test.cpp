/// Paging in its formats: 32-bit with 4 KiB and 4 MiB pages, PAE with 4 KiB and 2 MiB pages. Every combination of
/// rights, presence, reserved bits and NX against the rules of SDM Vol. 3, 4.6 to 4.8, spelled out here once more.
#include "cpu/mmu/mmu.h"
#include "tests/cpu/cpu_fixture.h"

using namespace r86;
using namespace r86::test;

namespace {

constexpr u64 kP = 1, kRw = 2, kUs = 4, kA = 0x20, kD = 0x40, kPs = 0x80, kNx = u64{1} << 63;
constexpr u32 kDirectory = 0x90000, kTable = 0x91000, kFrame = 0x60000;
constexpr u32 kLinear = 0x00C05123; // not in the identity map

struct Format {
    const char* name;
    bool pae, large;
};

struct Entries {
    u64 directory = 0, table = 0; ///< flags alone
};

class PagingFixture : public CpuFixture {
public:
    PagingFixture(const Format& format, bool wp, bool nxe) : format_(format), wp_(wp), nxe_(nxe) {
        protected_mode(0);
        if (nxe) s.msr.efer |= kEFER_NXE;
        s.cr4 |= kCR4_PSE | (format.pae ? kCR4_PAE : 0);
        s.cr3 = format.pae ? 0x8F000 : kDirectory;
        for (u32 i = 0; i < 4; ++i) s.pdpte[i] = kDirectory | kP;
        s.cr0 |= kCR0_PG | (wp ? kCR0_WP : 0);
    }

    u32 directory_at() const { return kDirectory + (format_.pae ? (kLinear >> 21 & 511) * 8 : (kLinear >> 22) * 4); }
    u32 table_at() const { return kTable + (kLinear >> 12 & (format_.pae ? 511 : 1023)) * (format_.pae ? 8 : 4); }
    u64 entry(u32 at) { return memory.read(PhysAddr{at}, format_.pae ? 8 : 4); }

    void set(const Entries& e) {
        const unsigned size = format_.pae ? 8 : 4;
        const u64 to = format_.large ? 0 : kTable; // a large page at 0
        memory.write(PhysAddr{directory_at()}, size, to | e.directory | (format_.large ? kPs : 0));
        memory.write(PhysAddr{table_at()}, size, kFrame | e.table);
    }

    /// The error code that the rules give; -1: none.
    int expected(const Entries& e, Access access, bool user) const {
        const int what = (access == Access::Write ? 2 : 0) | (user ? 4 : 0) |
                         (access == Access::Execute && format_.pae && nxe_ ? 16 : 0);
        const u64 all = format_.large ? e.directory : e.directory & e.table;
        const u64 any = format_.large ? e.directory : e.directory | e.table;
        const bool reserved_directory = reserved(e.directory, format_.large);
        if (!(e.directory & kP)) return what;
        if (reserved_directory) return what | 9;
        if (!format_.large) {
            if (!(e.table & kP)) return what;
            if (reserved(e.table, false)) return what | 9;
        }
        if (user && !(all & kUs)) return what | 1;
        if (access == Access::Write && !(all & kRw) && (user || wp_)) return what | 1;
        if (access == Access::Execute && (any & kNx)) return what | 1;
        return -1;
    }

private:
    bool reserved(u64 entry, bool large) const {
        if (!format_.pae) return large && (entry & 0x003FE000 & ~0x1E000u); // PSE-36: 13-16 are address bits
        if ((entry & kNx) && !nxe_) return true;
        return (entry & (u64{0x7FFFFFF} << 36)) || (large && (entry & 0x1FE000));
    }

    Format format_;
    bool wp_, nxe_;
};

constexpr Format kFormats[] = {
    {"4 KiB", false, false}, {"4 MiB", false, true}, {"PAE, 4 KiB", true, false}, {"PAE, 2 MiB", true, true}};

} // namespace

TEST_CASE("paging: every combination of rights, presence, NX and reserved bits, for every access at both levels") {
    unsigned faults = 0, successes = 0;
    for (const Format& format : kFormats)
        for (const bool wp : {false, true})
            for (const bool nxe : {false, true}) {
                PagingFixture f(format, wp, nxe);
                REQUIRE(f.model.physical_bits == 36);
                for (unsigned bits = 0; bits < 1024; ++bits) {
                    Entries e{bits & 7, bits >> 3 & 7};
                    if (format.pae) {
                        if (bits & 64) e.directory |= kNx;
                        if (bits & 128) e.table |= kNx;
                    } else if (bits & 192) {
                        continue;
                    }
                    if (bits & 256) e.directory |= format.pae ? u64{1} << 36 : format.large ? 0x20000 : 0;
                    if (bits & 512) e.table |= format.pae ? u64{1} << 50 : 0;
                    if (format.large && format.pae && (bits & 512)) e.directory |= 0x2000;
                    for (const Access access : {Access::Read, Access::Write, Access::Execute})
                        for (const bool user : {false, true}) {
                            f.set(e);
                            f.cpu.state_changed();
                            const u64 directory = f.entry(f.directory_at()), table = f.entry(f.table_at());
                            INFO(format.name << (wp ? ", WP" : "") << (nxe ? ", NXE" : "") << " entries " << std::hex
                                             << e.directory << " " << e.table << " access " << int(access) << " user "
                                             << user);
                            const int wanted = f.expected(e, access, user);
                            PhysAddr physical;
                            const Fault fault = f.cpu.mmu().translate(kLinear, access, user, physical);
                            if (wanted >= 0) {
                                ++faults;
                                REQUIRE(fault == Fault::pf(static_cast<u32>(wanted)));
                                REQUIRE(f.cpu.page_fault_address == kLinear);
                                REQUIRE(f.entry(f.table_at()) == table);
                                REQUIRE((f.entry(f.directory_at()) & ~kA) == directory);
                                continue;
                            }
                            ++successes;
                            REQUIRE(fault == Fault::none());
                            const u64 in_large = kLinear & (format.pae ? 0x1FFFFF : 0x3FFFFF);
                            REQUIRE(physical.value == (format.large ? in_large : kFrame + 0x123));
                            const u64 dirty = access == Access::Write ? kA | kD : kA;
                            REQUIRE(f.entry(f.directory_at()) == (directory | (format.large ? dirty : kA)));
                            if (!format.large) REQUIRE(f.entry(f.table_at()) == (table | dirty));
                            // What is remembered gives the same; a write later sets D.
                            REQUIRE(f.cpu.mmu().translate(kLinear, access, user, physical) == Fault::none());
                            const int write = f.expected(e, Access::Write, user);
                            const Fault later = f.cpu.mmu().translate(kLinear, Access::Write, user, physical);
                            REQUIRE(later == (write < 0 ? Fault::none() : Fault::pf(static_cast<u32>(write))));
                            const u64 leaf = f.entry(format.large ? f.directory_at() : f.table_at());
                            REQUIRE(((leaf & kD) != 0) == (write < 0 || access == Access::Write));
                        }
                }
            }
    CHECK(faults > 10000);
    CHECK(successes > 1000);
}

TEST_CASE("paging: A and D that a program clears are set again by the next access") {
    for (const Format& format : kFormats) {
        INFO(format.name);
        PagingFixture f(format, true, true);
        f.set({kP | kRw | kUs, kP | kRw | kUs});
        f.cpu.state_changed();
        const u32 leaf = format.large ? f.directory_at() : f.table_at();
        for (int round = 0; round < 3; ++round) {
            u32 value = 0;
            REQUIRE(f.cpu.read<u32>(DS, kLinear, value) == Fault::none());
            CHECK((f.entry(leaf) & (kA | kD)) == kA);
            REQUIRE(f.cpu.write<u32>(DS, kLinear, value) == Fault::none());
            CHECK((f.entry(leaf) & (kA | kD)) == (kA | kD));
            f.memory.write(PhysAddr{leaf}, 1, (f.entry(leaf) & ~(kA | kD)) & 0xFF);
        }
    }
}

TEST_CASE("paging: no translation outlives its entry, without INVLPG, for any entry on the way") {
    for (const Format& format : kFormats) {
        INFO(format.name);
        PagingFixture f(format, true, true);
        const u64 all = kP | kRw | kUs;
        const auto outcome = [&](const Entries& e, u8 cpl) {
            f.set(e);
            f.s.seg[SS].attributes = static_cast<u16>((f.s.seg[SS].attributes & ~0x60) | cpl << 5);
            f.cpu.update_mode();
            return f.cpu.write<u8>(DS, kLinear, 1);
        };
        f.cpu.state_changed();
        CHECK(outcome({all, all}, 0) == Fault::none());
        CHECK(outcome({all, all}, 3) == Fault::none());
        CHECK(outcome({kP | kUs, kP | kUs}, 3) == Fault::pf(7));
        CHECK(outcome({kP | kUs, kP | kUs}, 0) == Fault::pf(3));
        CHECK(outcome({all, all}, 0) == Fault::none());
        CHECK(outcome({kP | kRw, kP | kRw}, 0) == Fault::none());
        CHECK(outcome({kP | kRw, kP | kRw}, 3) == Fault::pf(7));
        CHECK(outcome({all, all}, 3) == Fault::none());
        CHECK(outcome({0, all}, 3) == Fault::pf(6));
        if (!format.large) CHECK(outcome({all, 0}, 0) == Fault::pf(2));
        // WP is looked at for supervisors alone.
        CHECK(outcome({kP | kUs, kP | kUs}, 0) == Fault::pf(3));
        REQUIRE(f.cpu.write_cr0(f.s.cr0 & ~kCR0_WP) == Fault::none());
        CHECK(outcome({kP | kUs, kP | kUs}, 0) == Fault::none());
        CHECK(outcome({kP | kUs, kP | kUs}, 3) == Fault::pf(7));
    }
}

TEST_CASE("paging: an operand across two pages reports the page that is missing and writes neither") {
    CpuFixture f;
    f.protected_mode(3);
    f.enable_paging();
    f.poke32(0x61FFC, 0x11111111);
    f.poke32(0x62000, 0x22222222);
    for (const u32 missing : {0x61000u, 0x62000u}) {
        f.page(0x61000, 7);
        f.page(0x62000, 7);
        f.page(missing, 0);
        for (u32 offset = 0x61FFD; offset < 0x62000; ++offset) {
            CHECK(f.cpu.write<u32>(DS, offset, 0xFFFFFFFF) == Fault::pf(6));
            CHECK(f.cpu.page_fault_address == (missing == 0x61000 ? offset : missing));
            CHECK(f.peek32(0x61FFC) == 0x11111111);
            CHECK(f.peek32(0x62000) == 0x22222222);
        }
    }
}

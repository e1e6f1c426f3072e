/// Page walks: SDM Vol. 3, 4.3 "32-bit Paging", 4.4 "PAE Paging", 4.6 "Access Rights", 4.7 "Page-Fault Exceptions",
/// 4.8 "Accessed and Dirty Flags".
#include "cpu/cpu.h"
#include "cpu/mmu/mmu.h"
#include <cstring>

namespace r86 {

namespace {

constexpr u64 kPresent = 1, kWritable = 2, kUser = 4, kAccessed = 0x20, kDirty = 0x40, kLarge = 0x80;
constexpr u64 kNoExecute = u64{1} << 63;

// Error code bits, SDM Vol. 3, figure 4-12.
constexpr u32 kErrorPresent = 1, kErrorWrite = 2, kErrorUser = 4, kErrorReserved = 8, kErrorFetch = 16;

} // namespace

u64 Mmu::a20(u64 physical) const { return cpu_.s.a20 ? physical : physical & ~(u64{1} << 20); }

Fault Mmu::page_fault(u64 linear, Access access, bool user, bool present, bool reserved) {
    cpu_.page_fault_address = linear;
    u32 error = (present ? kErrorPresent : 0) | (access == Access::Write ? kErrorWrite : 0) | (user ? kErrorUser : 0) |
                (reserved ? kErrorReserved : 0);
    // The fetch bit is defined only where NX exists and is enabled (PAE and EFER.NXE).
    if (access == Access::Execute && (cpu_.s.cr4 & kCR4_PAE) && (cpu_.s.msr.efer & kEFER_NXE)) error |= kErrorFetch;
    return Fault::pf(error);
}

u32 Mmu::read_entry(u64 physical) {
    if (cpu_.memory.exists({physical})) {
        if (const u8* page = cpu_.memory.page({physical}).read) {
            u32 entry;
            std::memcpy(&entry, page + (physical & kPageMask), sizeof entry);
            return entry;
        }
    }
    return static_cast<u32>(cpu_.memory.read({physical}, 4));
}

/// Accessed and dirty bits. What was derived from an entry holds with more of them set, so nothing has to be dropped.
static void write_entry(PhysicalMemory& memory, u64 physical, unsigned size, u64 value) {
    if (memory.exists({physical})) {
        const Page& page = memory.page({physical});
        if (page.write && !(page.watch & static_cast<u8>(~kWatchPageTable))) {
            if (size == 8)
                std::memcpy(page.write + (physical & kPageMask), &value, 8);
            else
                std::memcpy(page.write + (physical & kPageMask), &value, 4);
            return;
        }
    }
    memory.write({physical}, size, value);
}

u64 Mmu::read_wide_entry(u64 physical) { return read_entry(physical) | u64{read_entry(physical + 4)} << 32; }

Fault Mmu::walk(u64 linear, Access access, bool user, Walk& out) {
    ++counters.walks;
    if (!(cpu_.s.cr0 & kCR0_PG)) {
        out.physical = linear;
        out.writable = out.user = out.dirty = true;
        return Fault::none();
    }
    return cpu_.s.cr4 & kCR4_PAE ? walk_pae(linear, access, user, out) : walk_legacy(linear, access, user, out);
}

/// Shared by both formats: rights of the combined entry, then A and D of the leaf.
static bool allowed(const CpuState& s, Access access, bool user, bool writable, bool user_page, bool executable) {
    if (user && !user_page) return false;
    if (access == Access::Write && !writable && (user || (s.cr0 & kCR0_WP))) return false;
    return access != Access::Execute || executable;
}

Fault Mmu::walk_legacy(u64 linear, Access access, bool user, Walk& out) {
    PhysicalMemory& memory = cpu_.memory;
    const u64 pde_at = a20((cpu_.s.cr3 & 0xFFFFF000) + ((linear >> 22) & 0x3FF) * 4);
    const u32 pde = read_entry(pde_at);
    if (!(pde & kPresent)) return page_fault(linear, access, user, false, false);
    out.entry_page[0] = pde_at & ~kPageMask;
    const bool large = (pde & kLarge) && (cpu_.s.cr4 & kCR4_PSE);
    u64 leaf_at = pde_at;
    u32 leaf = pde;
    u64 rights = pde;
    if (large) {
        // PSE-36: bits 13 and up are address bits 32 and up, as many as the model has; the rest up to bit 21 is
        // reserved (SDM Vol. 3, table 4-4).
        const unsigned more = cpu_.model.has(Feature::PSE36) ? cpu_.model.physical_bits - 32u : 0;
        const u32 high_bits = ((u32{1} << more) - 1) << 13;
        if (pde & 0x003FE000 & ~high_bits) return page_fault(linear, access, user, true, true);
        out.large = true;
        out.physical = u64{pde & high_bits} << 19 | (pde & 0xFFC00000u) | (linear & 0x3FFFFF);
    } else {
        leaf_at = a20((pde & 0xFFFFF000u) + ((linear >> 12) & 0x3FF) * 4);
        leaf = read_entry(leaf_at);
        if (!(leaf & kPresent)) return page_fault(linear, access, user, false, false);
        out.entry_page[1] = leaf_at & ~kPageMask;
        rights &= leaf;
        out.physical = (leaf & 0xFFFFF000u) | (linear & 0xFFF);
    }
    out.writable = rights & kWritable;
    out.user = rights & kUser;
    if (!allowed(cpu_.s, access, user, out.writable, out.user, true))
        return page_fault(linear, access, user, true, false);
    if (!large && !(pde & kAccessed)) write_entry(memory, pde_at, 4, pde | kAccessed);
    const u32 wanted = leaf | kAccessed | (access == Access::Write ? kDirty : 0);
    if (wanted != leaf) write_entry(memory, leaf_at, 4, wanted);
    out.dirty = wanted & kDirty;
    return Fault::none();
}

Fault Mmu::walk_pae(u64 linear, Access access, bool user, Walk& out) {
    PhysicalMemory& memory = cpu_.memory;
    const bool nx = cpu_.s.msr.efer & kEFER_NXE;
    const u64 reserved = (u64{0x7FFFFFF} << 36) | (nx ? 0 : kNoExecute) |
                         (((u64{1} << 36) - 1) & ~((u64{1} << cpu_.model.physical_bits) - 1));
    const u64 pdpte = cpu_.s.pdpte[(linear >> 30) & 3];
    if (!(pdpte & kPresent)) return page_fault(linear, access, user, false, false);
    const u64 pde_at = a20((pdpte & 0xFFFFFF000) + ((linear >> 21) & 0x1FF) * 8);
    const u64 pde = read_wide_entry(pde_at);
    if (!(pde & kPresent)) return page_fault(linear, access, user, false, false);
    out.entry_page[0] = pde_at & ~kPageMask;
    if (pde & reserved) return page_fault(linear, access, user, true, true);
    const bool large = pde & kLarge;
    u64 leaf_at = pde_at;
    u64 leaf = pde;
    u64 rights = pde;
    bool executable = !(pde & kNoExecute);
    if (large) {
        if (pde & 0x1FE000) return page_fault(linear, access, user, true, true);
        out.large = true;
        out.physical = (pde & 0xFFFE00000) | (linear & 0x1FFFFF);
    } else {
        leaf_at = a20((pde & 0xFFFFFF000) + ((linear >> 12) & 0x1FF) * 8);
        leaf = read_wide_entry(leaf_at);
        if (!(leaf & kPresent)) return page_fault(linear, access, user, false, false);
        out.entry_page[1] = leaf_at & ~kPageMask;
        if (leaf & reserved) return page_fault(linear, access, user, true, true);
        rights &= leaf;
        executable = executable && !(leaf & kNoExecute);
        out.physical = (leaf & 0xFFFFFF000) | (linear & 0xFFF);
    }
    out.writable = rights & kWritable;
    out.user = rights & kUser;
    out.executable = executable || !nx;
    if (!allowed(cpu_.s, access, user, out.writable, out.user, out.executable))
        return page_fault(linear, access, user, true, false);
    if (!large && !(pde & kAccessed)) write_entry(memory, pde_at, 8, pde | kAccessed);
    const u64 wanted = leaf | kAccessed | (access == Access::Write ? kDirty : 0);
    if (wanted != leaf) write_entry(memory, leaf_at, 8, wanted);
    out.dirty = wanted & kDirty;
    return Fault::none();
}

} // namespace r86

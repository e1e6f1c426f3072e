#pragma once
/// Translation caches. They are pure caches: every entry is dropped in the instant in which the page-table entry that
/// it came from is written, so behaviour is as if every access walked the tables.
#include "core/address.h"
#include "core/types.h"
#include <array>
#include <bit>
#include <vector>

namespace r86 {

/// A hit means: the page is plain memory, the access is allowed at this privilege, accessed and dirty bits are set and
/// nobody wants to notice the access. `tag` is the linear page address; low bits set make the hot compare fail.
struct TlbEntry {
    u64 tag = kInvalid;
    i64 addend = 0; ///< host address = linear address + addend

    static constexpr u64 kInvalid = ~u64{0};
    /// The entry is right but the page holds decoded code or page tables: only the slow store may use it.
    static constexpr u64 kSlow = 1;
};

inline constexpr unsigned kTlbBits = 12;
inline constexpr u64 kTlbSize = u64{1} << kTlbBits;

/// One address space as seen from one privilege (supervisor or CPL 3).
struct TlbTable {
    std::array<TlbEntry, kTlbSize> read;
    std::array<TlbEntry, kTlbSize> write;
};

/// The hot compare: `last` is the address of the access's last byte, so an access that leaves the page misses as well
/// (the next page lives in the next slot).
inline u64 tlb_index(u64 linear) { return (linear >> kPageShift) & (kTlbSize - 1); }
/// The entry for `linear`, found by its distance in bytes: one shift less than by its number.
inline const TlbEntry& tlb_entry(const std::array<TlbEntry, kTlbSize>& entries, u64 linear) {
    constexpr unsigned entry_bits = std::bit_width(sizeof(TlbEntry)) - 1;
    static_assert(sizeof(TlbEntry) == usize{1} << entry_bits);
    const u64 distance = (linear >> (kPageShift - entry_bits)) & ((kTlbSize - 1) << entry_bits);
    return *reinterpret_cast<const TlbEntry*>(reinterpret_cast<const u8*>(entries.data()) + distance);
}
inline u64 tlb_page(u64 last) { return last & ~kPageMask; }

} // namespace r86

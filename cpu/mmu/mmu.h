#pragma once
/// Linear to physical: page walks (SDM Vol. 3, chapter 4), address-space contexts and the watch on page tables.
///
/// A context is everything cached for one set of page tables. Writing CR3 only switches contexts, so translations
/// survive in as many address spaces as fit. Pages from which translations were derived carry kWatchPageTable; a store
/// to one drops exactly what was derived from the entries that change (entries that were not present derived nothing).
#include "core/memory.h"
#include "cpu/fault.h"
#include "cpu/mmu/tlb.h"
#include "cpu/state.h"
#include <memory>
#include <vector>

namespace r86 {

class Cpu;
enum class Access : u8;

class Mmu {
public:
    explicit Mmu(Cpu& cpu);
    ~Mmu();

    /// The table that the current mode and privilege use; handlers keep it in a register. Points to an empty table
    /// while every access must be looked at (alignment checks).
    TlbTable* table = nullptr;
    /// The table of a privilege in the current context, nullptr if it is not there yet or must not be used.
    const TlbTable* table_for(bool user) const { return hot_tables_[user]; }
    TlbTable* table_for(bool user) { return hot_tables_[user]; }
    /// Names what instruction fetches see: changes whenever a linear address may lead to other code.
    u64 code_space() const;

    /// After CR0, CR3, CR4, EFER, A20, SMM or CPL changed: chooses the context and the table.
    void select();
    /// The same where CPL alone changed.
    void select_privilege(bool user);
    /// Page walk with accessed/dirty updates; the result is cached where it may be.
    Fault translate(u64 linear, Access access, bool user, PhysAddr& out);
    /// As translate at the current privilege; true if the hot entry is now there, so that a retry will hit.
    bool fill(u64 linear, Access access);
    /// The page that a store of the current privilege at `linear` goes to, if it was translated before and is watched
    /// for its code or its page tables and for nothing else; `out` is where. nullptr says nothing.
    Page* known_watched(u64 linear, PhysAddr& out) const;
    /// May a store through this translation go to the page once those who watch its code or its page tables know?
    bool may_open(u64 linear, PhysAddr physical) const;

    /// Drops every translation of every context.
    void flush_all();
    /// Drops hot write entries that lead to this page: somebody has begun to watch it.
    void drop_writers(PhysAddr page);
    /// Drops all hot write entries: pages have become clean, and the next write to each must be noticed.
    void drop_all_writers();
    /// Before bytes of a page that was used as a page table change.
    void page_table_write(PhysAddr address, unsigned length);
    void mapping_changed(PhysAddr first, PhysAddr last);
    /// Data breakpoints changed: pages under watch must not be cached.
    void breakpoints_changed();

    struct Counters {
        u64 walks = 0;
        u64 context_switches = 0;
        u64 contexts_made = 0;
        u64 page_table_stores = 0;
        u64 dropped = 0;
    } counters;

private:
    struct Key {
        u32 mode = 0;
        u64 cr3 = 0;
        std::array<u64, 4> pdpte{};
        bool operator==(const Key&) const = default;
    };
    /// A translation with all checks and accessed/dirty updates done, for slow accesses: fetches, MMIO, watched pages.
    struct Checked {
        u64 tag = TlbEntry::kInvalid;
        u64 physical = 0;
    };
    static constexpr usize kCheckedSize = 256;
    static usize checked_slot(u64 linear) { return (linear >> kPageShift) % kCheckedSize; }
    struct Side { // one privilege of a context
        TlbTable* tables = nullptr;
        std::vector<u32> used; ///< index, bit 31 set for the write table; overflows into a whole clear
        std::array<std::array<Checked, kCheckedSize>, 3> checked; ///< by Access
        bool overflow = false;
    };
    struct Context {
        Key key;
        bool live = false;
        u64 last_use = 0;
        u64 code_version = 0;
        u32 stray_stores = 0; ///< stores to its tables while it was not the current one
        bool maps_vga_window = false;
        std::array<Side, 2> side;         ///< supervisor, user
        std::vector<u32> table_of_region; ///< page frame + 1 of the registered table of each 4 MiB (PAE: 2 MiB)
        std::vector<u32> table_pages;     ///< frames with a use by this context
    };
    /// A table page as one context uses it: entry i translates base + i * span.
    struct Use {
        u8 context;
        u8 level; ///< 1: page table, 2: page directory, 3: PAE directory is level 2 as well
        u64 base; ///< first linear address that it translates
    };
    struct TableInfo {
        std::vector<Use> uses;
    };
    struct Walk {
        u64 physical = 0;
        u64 entry_page[2]{}; ///< physical page of the directory and of the table
        bool large = false;
        bool writable = false;
        bool user = false;
        bool executable = true;
        bool dirty = false;
    };

    static constexpr usize kContexts = 24;

    Fault walk(u64 linear, Access access, bool user, Walk& out);
    Fault walk_legacy(u64 linear, Access access, bool user, Walk& out);
    Fault walk_pae(u64 linear, Access access, bool user, Walk& out);
    Fault page_fault(u64 linear, Access access, bool user, bool present, bool reserved);
    u64 a20(u64 physical) const;
    void install(u64 linear, Access access, bool user, const Walk& walk);
    /// The hot entry, if plain memory stands there and nobody watches it.
    void install_hot(u64 linear, Access access, bool user, u64 physical);
    u32 read_entry(u64 physical);
    u64 read_wide_entry(u64 physical);
    void set_entry(unsigned side, bool write, u64 linear, u64 tag_flags, const u8* host);
    void register_use(u64 table_page, u8 level, u64 base);
    /// `code`: blocks were decoded from the page that it led to.
    void drop_page(Context& context, u64 linear, bool code);
    bool leads_to_code(const u8* entry, unsigned size) const;
    void new_code_version(Context& context);
    void drop_region(Context& context, u64 base, u64 size);
    void forget_table(Context& context, u64 region);
    void clear(Context& context);
    void clear_side(Side& side);
    void release(Context& context);
    Context& find_context(const Key& key);
    bool under_breakpoint(u64 page) const;
    static void make_table(Side& side);
    void select_side(bool user);

    Cpu& cpu_;
    std::vector<std::unique_ptr<Context>> contexts_;
    Context* current_ = nullptr;
    unsigned current_index_ = 0;
    TlbTable* empty_ = nullptr;
    std::array<TlbTable*, 2> hot_tables_{};
    /// What `select` decides by; nothing to do while it stays.
    struct Inputs {
        u32 cr0 = 0, cr4 = 0;
        u64 cr3 = ~u64{0};
        u32 flags = 0; ///< SMM, A20, user, EFLAGS.AC, NXE in bits 0-4
        bool operator==(const Inputs&) const = default;
        /// Equal but for the privilege and its alignment checks.
        bool space_equals(const Inputs& other) const {
            return cr0 == other.cr0 && cr4 == other.cr4 && cr3 == other.cr3 && ((flags ^ other.flags) & ~12u) == 0;
        }
    } inputs_;
    u64 use_clock_ = 0;
    u64 version_clock_ = 0;
    bool breakpoints_armed_ = false;
    std::vector<TableInfo> tables_; ///< [0] unused
    std::vector<u32> free_tables_;
    u32* table_of_frame_ = nullptr; ///< page frame -> index into tables_
    /// For each frame, where its one hot write entry is: 0 none, kMany, or context, side and slot.
    u32* writer_of_frame_ = nullptr;
};

} // namespace r86

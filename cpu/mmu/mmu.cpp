#include "cpu/mmu/mmu.h"
#include "core/host_memory.h"
#include "cpu/block/block_cache.h"
#include "cpu/cpu.h"
#include "cpu/interpreter/interpreter.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {
constexpr u64 kFrames = PhysicalMemory::kAddressSpace >> kPageShift;
constexpr u32 kMany = ~u32{0};
constexpr usize kUsedLimit = 1024; // beyond it clearing the whole table is cheaper than the list
constexpr u32 kWriteMark = u32{1} << 31;

// Bits of Key::mode beside the paging bits of CR0 and CR4.
constexpr u32 kSpaceSmm = 1, kSpaceA20 = 2, kSpacePaging = 4, kSpaceWp = 8, kSpacePae = 16, kSpacePse = 32,
              kSpaceNx = 64;

u32 encode_writer(unsigned context, unsigned side, u64 slot) {
    return 1 + static_cast<u32>((context * 2 + side) << kTlbBits | slot);
}
} // namespace

Mmu::Mmu(Cpu& cpu) : cpu_(cpu) {
    empty_ = static_cast<TlbTable*>(host_allocate(sizeof(TlbTable)));
    *empty_ = TlbTable{};
    table_of_frame_ = static_cast<u32*>(host_allocate(kFrames * sizeof(u32)));
    writer_of_frame_ = static_cast<u32*>(host_allocate(kFrames * sizeof(u32)));
    tables_.resize(1);
    table = empty_;
}

Mmu::~Mmu() {
    for (auto& context : contexts_)
        for (Side& side : context->side)
            if (side.tables) host_release(side.tables, sizeof(TlbTable));
    host_release(empty_, sizeof(TlbTable));
    host_release(table_of_frame_, kFrames * sizeof(u32));
    host_release(writer_of_frame_, kFrames * sizeof(u32));
}

u64 Mmu::code_space() const { return current_->code_version; }

void Mmu::select() {
    const CpuState& s = cpu_.s;
    const bool user = cpu_.cpl() == 3;
    const Inputs inputs{s.cr0, s.cr4, s.cr3,
                        (s.smm ? 1u : 0u) | (s.a20 ? 2u : 0u) | (user ? 4u : 0u) | (s.eflags & kAC ? 8u : 0u) |
                            (s.msr.efer & kEFER_NXE ? 16u : 0u)};
    // In PAE mode the PDPTEs are loaded with CR3 and may differ although CR3 does not.
    const bool same_pdptes = !(s.cr4 & kCR4_PAE) || (current_ && current_->key.pdpte == s.pdpte);
    if (current_ && inputs == inputs_ && same_pdptes) return;
    const bool same_tables = current_ && same_pdptes && inputs.space_equals(inputs_);
    inputs_ = inputs;
    if (same_tables) return select_side(user);
    Key key;
    key.mode = (s.smm ? kSpaceSmm : 0) | (s.a20 ? kSpaceA20 : 0);
    if (s.cr0 & kCR0_PG) {
        key.mode |= kSpacePaging | (s.cr0 & kCR0_WP ? kSpaceWp : 0);
        if (s.cr4 & kCR4_PAE) {
            key.mode |= kSpacePae | (s.msr.efer & kEFER_NXE ? kSpaceNx : 0);
            key.pdpte = s.pdpte;
        } else {
            key.mode |= s.cr4 & kCR4_PSE ? kSpacePse : 0;
            key.cr3 = s.cr3 & 0xFFFFF000;
        }
    }
    if (!current_ || !(current_->key == key)) {
        current_ = &find_context(key);
        ++counters.context_switches;
    }
    current_->last_use = ++use_clock_;
    select_side(user);
}

void Mmu::select_privilege(bool user) {
    inputs_.flags = (inputs_.flags & ~12u) | (user ? 4u : 0u) | (cpu_.s.eflags & kAC ? 8u : 0u);
    select_side(user);
}

void Mmu::select_side(bool user) {
    const CpuState& s = cpu_.s;
    make_table(current_->side[user]);
    const bool alignment_checked = user && (s.cr0 & kCR0_AM) && (s.eflags & kAC);
    table = alignment_checked ? empty_ : current_->side[user].tables;
    hot_tables_ = {current_->side[0].tables, alignment_checked ? nullptr : current_->side[1].tables};
}

void Mmu::make_table(Side& side) {
    if (side.tables) return;
    side.tables = static_cast<TlbTable*>(host_allocate(sizeof(TlbTable)));
    *side.tables = TlbTable{};
}

Mmu::Context& Mmu::find_context(const Key& key) {
    usize oldest = 0;
    for (usize i = 0; i < contexts_.size(); ++i) {
        Context& context = *contexts_[i];
        if (context.live && context.key == key) {
            current_index_ = static_cast<unsigned>(i);
            context.stray_stores = 0;
            return context;
        }
        if (context.last_use < contexts_[oldest]->last_use) oldest = i;
    }
    usize index = oldest;
    if (contexts_.size() < kContexts) {
        index = contexts_.size();
        contexts_.push_back(std::make_unique<Context>());
    } else {
        release(*contexts_[index]);
    }
    ++counters.contexts_made;
    Context& context = *contexts_[index];
    context.key = key;
    context.live = true;
    context.stray_stores = 0;
    context.code_version = ++version_clock_;
    current_index_ = static_cast<unsigned>(index);
    return context;
}

bool Mmu::under_breakpoint(u64 page) const {
    // DR7: L/G enable pairs in bits 0-7, R/W and LEN from bit 16 (SDM Vol. 3, 17.2.4).
    for (unsigned n = 0; n < 4; ++n) {
        if (!((cpu_.s.dr[7] >> (2 * n)) & 3)) continue;
        const unsigned kind = (cpu_.s.dr[7] >> (16 + 4 * n)) & 3;
        if (kind != 1 && kind != 3) continue;
        const u64 first = cpu_.s.dr[n] & ~u64{7};
        if ((first & ~kPageMask) == page) return true;
    }
    return false;
}

void Mmu::set_entry(unsigned side_index, bool write, u64 linear, u64 tag_flags, const u8* host) {
    Side& side = current_->side[side_index];
    make_table(side);
    hot_tables_[side_index] = table == empty_ && side_index ? nullptr : side.tables;
    const u64 slot = tlb_index(linear);
    const u64 page = linear & ~kPageMask;
    TlbEntry& entry = write ? side.tables->write[slot] : side.tables->read[slot];
    if (entry.tag == TlbEntry::kInvalid && !side.overflow) {
        if (side.used.size() < kUsedLimit)
            side.used.push_back(static_cast<u32>(slot) | (write ? kWriteMark : 0));
        else
            side.overflow = true;
    }
    entry.tag = page | tag_flags;
    entry.addend = static_cast<i64>(reinterpret_cast<std::intptr_t>(host)) - static_cast<i64>(page);
}

[[gnu::flatten]] void Mmu::install(u64 linear, Access access, bool user, const Walk& walk) {
    const u64 physical = a20(walk.physical);
    if (physical >= PhysicalMemory::kAddressSpace) return;
    const u64 page_linear = linear & ~kPageMask;
    // Whatever is cached must be dropped when a table changes, so the tables come under watch first.
    if (walk.entry_page[0]) {
        const bool pae = current_->key.mode & kSpacePae;
        const u64 directory_span = pae ? u64{1} << 30 : u64{1} << 32;
        register_use(walk.entry_page[0], 2, pae ? page_linear & ~(directory_span - 1) : 0);
        if (walk.entry_page[1])
            register_use(walk.entry_page[1], 1, page_linear & ~(pae ? u64{0x1FFFFF} : u64{0x3FFFFF}));
    }
    if (physical >= 0xA0000 && physical < 0xC0000) current_->maps_vga_window = true;
    current_->side[user].checked[static_cast<usize>(access)][checked_slot(linear)] = {page_linear,
                                                                                      physical & ~kPageMask};
    if (access == Access::Write) { // what was pushed will be popped
        current_->side[user].checked[static_cast<usize>(Access::Read)][checked_slot(linear)] = {page_linear,
                                                                                                physical & ~kPageMask};
        install_hot(linear, Access::Read, user, physical);
    }
    install_hot(linear, access, user, physical);
}

void Mmu::install_hot(u64 linear, Access access, bool user, u64 physical) {
    if (access == Access::Execute) return;
    if (breakpoints_armed_ && under_breakpoint(linear & ~kPageMask)) return;
    Page& page = cpu_.memory.page({physical});
    if (access == Access::Read) {
        if (page.read && !(page.watch & kWatchRead)) set_entry(user, false, linear, 0, page.read);
        return;
    }
    if (!page.write) return;
    // Whoever asks for a hot write entry is about to write.
    if (page.watch & kWatchTouch) cpu_.memory.touch(page);
    if (page.watch & static_cast<u8>(~(kWatchCode | kWatchPageTable))) return;
    if (page.watch) {
        set_entry(user, true, linear, TlbEntry::kSlow, page.write);
        return;
    }
    set_entry(user, true, linear, 0, page.write);
    u32& writer = writer_of_frame_[physical >> kPageShift];
    const u32 here = encode_writer(current_index_, user, tlb_index(linear));
    writer = writer == 0 || writer == here ? here : kMany;
}

Fault Mmu::translate(u64 linear, Access access, bool user, PhysAddr& out) {
    const Checked& known = current_->side[user].checked[static_cast<usize>(access)][checked_slot(linear)];
    if (known.tag == (linear & ~kPageMask)) {
        out = {known.physical | (linear & kPageMask)};
        if (known.physical < PhysicalMemory::kAddressSpace) install_hot(linear, access, user, known.physical);
        return Fault::none();
    }
    Walk result;
    if (Fault fault = walk(linear, access, user, result)) return fault;
    out = {a20(result.physical)};
    install(linear, access, user, result);
    return Fault::none();
}

bool Mmu::fill(u64 linear, Access access) {
    PhysAddr ignored;
    const bool user = cpu_.cpl() == 3;
    if (table == empty_) return false;
    if (translate(linear, access, user, ignored)) return false;
    const TlbEntry& entry = access == Access::Write ? table->write[tlb_index(linear)] : table->read[tlb_index(linear)];
    return entry.tag == (linear & ~kPageMask);
}

Page* Mmu::known_watched(u64 linear, PhysAddr& out) const {
    const TlbEntry& entry = table->write[tlb_index(linear)];
    if (entry.tag != ((linear & ~kPageMask) | TlbEntry::kSlow) || breakpoints_armed_) return nullptr;
    // The entry knows the host address, and RAM stands at its own address: no other table is asked.
    const std::span<u8> ram = cpu_.memory.ram();
    const u64 offset = linear + static_cast<u64>(entry.addend) - reinterpret_cast<std::uintptr_t>(ram.data());
    if (offset >= ram.size()) return nullptr;
    out = {offset};
    Page& page = cpu_.memory.page(out);
    constexpr u8 kOurs = kWatchCode | kWatchPageTable;
    return (page.watch & kOurs) && !(page.watch & static_cast<u8>(~kOurs)) ? &page : nullptr;
}

bool Mmu::may_open(u64 linear, PhysAddr physical) const {
    if (table == empty_ || physical.value >= PhysicalMemory::kAddressSpace) return false;
    if (breakpoints_armed_ && under_breakpoint(linear & ~kPageMask)) return false;
    const Page& page = cpu_.memory.page(physical);
    return page.write && !(page.watch & static_cast<u8>(~(kWatchCode | kWatchPageTable)));
}

// ---- the watch on page tables
// ------------------------------------------------------------------------------------------

void Mmu::register_use(u64 table_page, u8 level, u64 base) {
    const u64 frame = table_page >> kPageShift;
    if (frame >= kFrames) return;
    const bool pae = current_->key.mode & kSpacePae;
    if (level == 1) {
        const usize region = static_cast<usize>(base >> (pae ? 21 : 22));
        if (current_->table_of_region.empty()) current_->table_of_region.resize(pae ? 2048 : 1024);
        u32& known = current_->table_of_region[region];
        if (known == frame + 1) return;
        if (known) forget_table(*current_, base);
        current_->table_of_region[region] = static_cast<u32>(frame + 1);
    } else if (table_of_frame_[frame]) {
        for (const Use& use : tables_[table_of_frame_[frame]].uses)
            if (use.context == current_index_ && use.level == 2 && use.base == base) return;
    }
    u32& index = table_of_frame_[frame];
    if (!index) {
        if (free_tables_.empty()) {
            tables_.emplace_back();
            index = static_cast<u32>(tables_.size() - 1);
        } else {
            index = free_tables_.back();
            free_tables_.pop_back();
        }
        cpu_.memory.watch({table_page}, kWatchPageTable);
        drop_writers({table_page});
    }
    tables_[index].uses.push_back({static_cast<u8>(current_index_), level, base});
    current_->table_pages.push_back(static_cast<u32>(frame));
}

void Mmu::forget_table(Context& context, u64 region_base) {
    const bool pae = context.key.mode & kSpacePae;
    const usize region = static_cast<usize>(region_base >> (pae ? 21 : 22));
    if (context.table_of_region.empty() || !context.table_of_region[region]) return;
    const u64 frame = context.table_of_region[region] - 1;
    context.table_of_region[region] = 0;
    const u32 index = table_of_frame_[frame];
    const auto which = static_cast<u8>(&context == current_ ? current_index_ : 0xFF);
    u8 number = which;
    if (number == 0xFF)
        for (usize i = 0; i < contexts_.size(); ++i)
            if (contexts_[i].get() == &context) number = static_cast<u8>(i);
    auto& uses = tables_[index].uses;
    const auto same = [&](const Use& use) {
        return use.context == number && use.level == 1 && use.base == region_base;
    };
    uses.erase(std::remove_if(uses.begin(), uses.end(), same), uses.end());
    const auto listed = std::find(context.table_pages.begin(), context.table_pages.end(), static_cast<u32>(frame));
    if (listed != context.table_pages.end()) context.table_pages.erase(listed);
    if (uses.empty()) {
        cpu_.memory.unwatch({frame << kPageShift}, kWatchPageTable);
        table_of_frame_[frame] = 0;
        free_tables_.push_back(index);
    }
}

void Mmu::page_table_write(PhysAddr address, unsigned length) {
    ++counters.page_table_stores;
    const u64 frame = address.value >> kPageShift;
    const u32 index = table_of_frame_[frame];
    if (!index) return;
    const u8* host = cpu_.memory.page(address).read;
    if (!host) return;
    const u64 in_page = address.value & kPageMask, in_last = in_page + length - 1;
    // Entries that were not present derived nothing, whichever format they have.
    const u32 present =
        host[in_page & ~u64{7}] | host[in_page & ~u64{3}] | host[in_last & ~u64{7}] | host[in_last & ~u64{3}];
    if (length <= 4 && !(present & 1)) return;
    // Dropping a region or releasing a context takes uses out of the list, so it is walked from its end by copies.
    for (usize n = tables_[index].uses.size(); n-- > 0;) {
        if (n >= tables_[index].uses.size()) continue;
        const Use use = tables_[index].uses[n];
        Context& context = *contexts_[use.context];
        const bool pae = context.key.mode & kSpacePae;
        const unsigned shift = pae ? 3 : 2;
        const u64 first = in_page >> shift;
        const u64 last = in_last >> shift;
        const u64 span = use.level == 1 ? kPageSize : pae ? u64{1} << 21 : u64{1} << 22;
        bool derived = false;
        for (u64 i = first; i <= last; ++i) {
            const u8* entry = host + (i << shift);
            if (!(*entry & 1)) continue; // not present: nothing was derived from it
            derived = true;
            const u64 linear = use.base + i * span;
            if (use.level == 1)
                drop_page(context, linear, leads_to_code(entry, 1u << shift));
            else
                drop_region(context, linear, span);
        }
        // Tables of a process that is gone become ordinary memory: do not watch them for ever.
        if (derived && &context != current_ && ++context.stray_stores > 64) release(context);
    }
}

bool Mmu::leads_to_code(const u8* entry, unsigned size) const {
    // In its own width: a copy in pieces would wait for the store buffer.
    u64 value = 0;
    if (size == 8) {
        std::memcpy(&value, entry, 8);
    } else {
        u32 narrow;
        std::memcpy(&narrow, entry, 4);
        value = narrow;
    }
    const u64 physical = a20(value & 0xFFFFFF000);
    return physical < PhysicalMemory::kAddressSpace && (cpu_.memory.page({physical}).watch & kWatchCode);
}

void Mmu::drop_page(Context& context, u64 linear, bool code) {
    ++counters.dropped;
    const u64 page = linear & ~kPageMask;
    const u64 slot = tlb_index(page);
    for (Side& side : context.side) {
        if (side.tables) {
            TlbEntry& read = side.tables->read[slot];
            TlbEntry& write = side.tables->write[slot];
            if ((read.tag & ~kPageMask) == page) read.tag = TlbEntry::kInvalid;
            if ((write.tag & ~kPageMask) == page) write.tag = TlbEntry::kInvalid;
        }
        for (auto& by_access : side.checked) {
            Checked& checked = by_access[checked_slot(page)];
            if (checked.tag == page) checked.tag = TlbEntry::kInvalid;
        }
    }
    if (code) new_code_version(context);
}

void Mmu::new_code_version(Context& context) {
    context.code_version = ++version_clock_;
    if (&context == current_) cpu_.interpreter().code_space_changed();
}

void Mmu::drop_region(Context& context, u64 base, u64 size) {
    forget_table(context, base);
    for (Side& side : context.side) {
        if (side.tables) {
            const u64 pages = std::min<u64>(size >> kPageShift, kTlbSize);
            for (u64 i = 0; i < pages; ++i) {
                const u64 slot = (tlb_index(base) + i) & (kTlbSize - 1);
                TlbEntry& read = side.tables->read[slot];
                TlbEntry& write = side.tables->write[slot];
                if (read.tag - base < size) read.tag = TlbEntry::kInvalid;
                if (write.tag - base < size) write.tag = TlbEntry::kInvalid;
            }
        }
        for (auto& by_access : side.checked)
            for (Checked& checked : by_access)
                if (checked.tag - base < size) checked.tag = TlbEntry::kInvalid;
    }
    ++counters.dropped;
    new_code_version(context);
}

void Mmu::clear_side(Side& side) {
    if (side.tables) {
        if (side.overflow) {
            *side.tables = TlbTable{};
        } else {
            for (u32 used : side.used) {
                const u64 slot = used & ~kWriteMark;
                if (used & kWriteMark)
                    side.tables->write[slot].tag = TlbEntry::kInvalid;
                else
                    side.tables->read[slot].tag = TlbEntry::kInvalid;
            }
        }
    }
    side.used.clear();
    side.overflow = false;
    for (auto& by_access : side.checked) by_access.fill({});
}

void Mmu::clear(Context& context) {
    for (Side& side : context.side) clear_side(side);
    context.maps_vga_window = false;
    new_code_version(context);
}

void Mmu::release(Context& context) {
    clear(context);
    u8 number = 0;
    for (usize i = 0; i < contexts_.size(); ++i)
        if (contexts_[i].get() == &context) number = static_cast<u8>(i);
    for (u32 frame : context.table_pages) {
        const u32 index = table_of_frame_[frame];
        if (!index) continue;
        auto& uses = tables_[index].uses;
        uses.erase(std::remove_if(uses.begin(), uses.end(), [&](const Use& use) { return use.context == number; }),
                   uses.end());
        if (uses.empty()) {
            cpu_.memory.unwatch({u64{frame} << kPageShift}, kWatchPageTable);
            table_of_frame_[frame] = 0;
            free_tables_.push_back(index);
        }
    }
    context.table_pages.clear();
    context.table_of_region.clear();
    context.stray_stores = 0;
    if (&context != current_) {
        context.live = false;
        context.last_use = 0;
    }
}

void Mmu::flush_all() {
    for (auto& context : contexts_) release(*context);
}

void Mmu::drop_writers(PhysAddr page) {
    u32& writer = writer_of_frame_[page.value >> kPageShift];
    if (writer == 0) return;
    const u8* host = cpu_.memory.page(page).write;
    const auto drop = [&](TlbEntry& entry) {
        const u64 target = static_cast<u64>(static_cast<i64>(entry.tag & ~kPageMask) + entry.addend);
        if (entry.tag != TlbEntry::kInvalid && target == reinterpret_cast<std::uintptr_t>(host))
            entry.tag = TlbEntry::kInvalid;
    };
    if (writer != kMany) {
        const u32 code = writer - 1;
        Side& side = contexts_[(code >> kTlbBits) / 2]->side[(code >> kTlbBits) & 1];
        if (side.tables) drop(side.tables->write[code & (kTlbSize - 1)]);
    } else {
        for (auto& context : contexts_)
            for (Side& side : context->side) {
                if (!side.tables) continue;
                if (side.overflow) {
                    for (TlbEntry& entry : side.tables->write) drop(entry);
                } else {
                    for (u32 used : side.used)
                        if (used & kWriteMark) drop(side.tables->write[used & ~kWriteMark]);
                }
            }
    }
    writer = 0;
}

void Mmu::drop_all_writers() {
    const auto ram = reinterpret_cast<std::uintptr_t>(cpu_.memory.ram().data());
    const auto drop = [&](TlbEntry& entry) {
        if (entry.tag == TlbEntry::kInvalid) return;
        const u64 host = static_cast<u64>(static_cast<i64>(entry.tag & ~kPageMask) + entry.addend);
        if (host - ram < cpu_.memory.ram_size()) writer_of_frame_[(host - ram) >> kPageShift] = 0;
        entry.tag = TlbEntry::kInvalid;
    };
    for (auto& context : contexts_)
        for (Side& side : context->side) {
            if (!side.tables) continue;
            if (side.overflow) {
                for (TlbEntry& entry : side.tables->write) drop(entry);
                continue;
            }
            const auto dropped = [&](u32 used) {
                if (!(used & kWriteMark)) return false;
                drop(side.tables->write[used & ~kWriteMark]);
                return true;
            };
            side.used.erase(std::remove_if(side.used.begin(), side.used.end(), dropped), side.used.end());
        }
}

void Mmu::mapping_changed(PhysAddr first, PhysAddr last) {
    // SMRAM appears and vanishes inside the legacy video window on every SMI; only contexts that cached something of it
    // care. MMIO is never cached, so outside SMM that is nobody.
    const bool only_window = first.value >= 0xA0000 && last.value < 0xC0000;
    for (auto& context : contexts_)
        if (context->live && (!only_window || context->maps_vga_window)) clear(*context);
}

void Mmu::breakpoints_changed() {
    bool armed = false;
    for (unsigned n = 0; n < 4; ++n) {
        const unsigned kind = (cpu_.s.dr[7] >> (16 + 4 * n)) & 3;
        if (((cpu_.s.dr[7] >> (2 * n)) & 3) && (kind == 1 || kind == 3)) armed = true;
    }
    if (!armed && !breakpoints_armed_) return;
    breakpoints_armed_ = armed;
    for (auto& context : contexts_) clear(*context);
}

} // namespace r86

#include "cpu/block/block_cache.h"
#include "core/bits.h"
#include "core/error.h"
#include "core/host_memory.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {
constexpr u64 kFrames = PhysicalMemory::kAddressSpace >> kPageShift;
}

Block* unresolved_block() {
    static Block block = [] {
        Block never{};
        never.cost = i64{1} << 62;
        return never;
    }();
    return &block;
}

BlockCache::BlockCache(PhysicalMemory& memory, usize capacity_bytes) : memory_(memory), capacity_(capacity_bytes) {
    arena_ = static_cast<u8*>(host_allocate(capacity_));
    pages_ = static_cast<CodePage**>(host_allocate(kFrames * sizeof(CodePage*)));
}

BlockCache::~BlockCache() {
    host_release(arena_, capacity_);
    host_release(pages_, kFrames * sizeof(CodePage*));
}

u8* BlockCache::take(usize bytes) {
    bytes = align_up(bytes, 16);
    if (used_ + bytes > capacity_) return nullptr;
    u8* memory = arena_ + used_;
    used_ += bytes;
    return memory;
}

Insn* BlockCache::insns_behind(Block* block) {
    const usize before = sizeof(Block) + block->slots * (sizeof(Op) + sizeof(OpPlace));
    return reinterpret_cast<Insn*>(reinterpret_cast<u8*>(block) + align_up(before, alignof(Insn)));
}

Block* BlockCache::allocate(usize slots, usize insns, std::span<const CodeField> fields, usize code_length) {
    const usize before_fields =
        align_up(sizeof(Block) + slots * (sizeof(Op) + sizeof(OpPlace)), alignof(Insn)) + insns * sizeof(Insn);
    const usize bytes = before_fields + fields.size_bytes() + code_length;
    u8* memory = take(bytes);
    if (!memory) {
        drop_all();
        memory = take(bytes);
        R86_ASSERT(memory);
    }
    auto* block = new (memory) Block{};
    block->slots = static_cast<u16>(slots);
    block->second_page = Block::kNoPage;
    block->places = reinterpret_cast<OpPlace*>(memory + sizeof(Block) + slots * sizeof(Op));
    block->fields = reinterpret_cast<CodeField*>(memory + before_fields);
    block->field_count = static_cast<u8>(fields.size());
    std::copy(fields.begin(), fields.end(), block->fields);
    block->code_length = static_cast<u16>(code_length);
    return block;
}

Insn* BlockCache::allocate_insns(usize count) {
    // Asked for while a block runs: never drops anything. Without room the caller decodes again each time.
    u8* memory = take(count * sizeof(Insn));
    if (!memory) return nullptr;
    return new (memory) Insn[count];
}

BlockCache::Part BlockCache::part(const Block& block, unsigned which) {
    const auto offset = static_cast<unsigned>(block.physical & kPageMask);
    const unsigned in_first = std::min<unsigned>(block.code_length, static_cast<unsigned>(kPageSize) - offset);
    if (which == 0) return {block.physical >> kPageShift, offset, in_first};
    if (block.second_page == Block::kNoPage) return {0, 0, 0};
    return {block.second_page >> kPageShift, 0, block.code_length - in_first};
}

BlockCache::CodePage& BlockCache::code_page(u64 frame, bool& fresh) {
    CodePage*& page = pages_[frame];
    if (!page) {
        if (free_pages_.empty()) {
            page_pool_.push_back(std::make_unique<CodePage>());
            page = page_pool_.back().get();
        } else {
            page = free_pages_.back();
            free_pages_.pop_back();
            *page = CodePage{};
        }
        code_frames_.push_back(static_cast<u32>(frame));
        memory_.watch({frame << kPageShift}, kWatchCode);
        fresh = true;
    }
    return *page;
}

void BlockCache::enter(Block* block, unsigned which, bool& fresh) {
    const Part where = part(*block, which);
    if (where.length == 0) return;
    CodePage& page = code_page(where.frame, fresh);
    Block*& first = page.starts[where.start >> 6];
    const unsigned last = (where.start + where.length - 1) >> 6;
    u8& reach = page.reach[where.start >> 6];
    reach = first ? std::max(reach, static_cast<u8>(last)) : static_cast<u8>(last);
    block->page_next[which] = first;
    first = block;
    for (unsigned i = where.start >> 6; i <= last; ++i) {
        ++page.holders[i];
        page.granules |= u64{1} << i;
    }
}

void BlockCache::remove(Block* block, unsigned which) {
    const Part where = part(*block, which);
    if (where.length == 0) return;
    CodePage& page = *pages_[where.frame];
    Block** at = &page.starts[where.start >> 6];
    while (*at != block) {
        // A block that crosses pages stands in two lists: follow the link that belongs to this page.
        const unsigned link = ((*at)->physical >> kPageShift) == where.frame ? 0 : 1;
        at = &(*at)->page_next[link];
    }
    *at = block->page_next[which];
    for (unsigned i = where.start >> 6; i <= (where.start + where.length - 1) >> 6; ++i)
        if (--page.holders[i] == 0) page.granules &= ~(u64{1} << i);
}

bool BlockCache::insert(Block* block) {
    ++counters.built;
    counters.code_bytes += block->code_length;
    counters.op_bytes += block->slots * sizeof(Op);
    supersede(block->physical, block->mode);
    Block*& bucket = hash_[hash(block->physical, block->mode)];
    block->hash_next = bucket;
    bucket = block;
    bool fresh = false;
    enter(block, 0, fresh);
    enter(block, 1, fresh);
    return fresh;
}

void BlockCache::link(Link* link, Block* target, u64 space) {
    if (link->target != unresolved_block()) { // from another code space: leave the old target's list
        *link->previous = link->next;
        if (link->next) link->next->previous = link->previous;
    }
    link->target = target;
    link->space = space;
    link->next = target->incoming;
    link->previous = &target->incoming;
    if (link->next) link->next->previous = &link->next;
    target->incoming = link;
}

void BlockCache::kill(Block* block) {
    ++counters.killed;
    remove(block, 0);
    remove(block, 1);
    // Its memory stays until everything is dropped: it may be running right now.
    block->dead = true;
    block->cost = 0;
    block->first_handler = block->ops()[0].handler;
    block->ops()[0].handler = dead_handler_;
    if (block->second_page != Block::kNoPage) leave_index(block);
}

void BlockCache::leave_index(Block* block) {
    Block** at = &hash_[hash(block->physical, block->mode)];
    while (*at != block) at = &(*at)->hash_next;
    *at = block->hash_next;
    block->forgotten = true;
    cut_links(block);
}

void BlockCache::supersede(u64 physical, u32 mode) {
    unsigned kept = 0;
    for (Block* block = hash_[hash(physical, mode)]; block;) {
        Block* next = block->hash_next;
        if (block->physical == physical && block->mode == mode && block->dead) {
            if (++kept < kMaxDead)
                cut_links(block);
            else
                leave_index(block);
        }
        block = next;
    }
}

BlockCache::Revival BlockCache::revive(Block* block) {
    if (block->forgotten) return Revival::Failed;
    const u8* page = memory_.page({block->physical}).read;
    if (!page) return Revival::Failed;
    const u8* now = page + (block->physical & kPageMask);
    u8* before = block->code();
    Revival result = Revival::Same;
    if (std::memcmp(now, before, block->code_length) != 0) {
        const std::span<const CodeField> fields(block->fields, block->field_count);
        unsigned at = 0;
        for (const CodeField& field : fields) {
            if (std::memcmp(now + at, before + at, field.at - at) != 0) return Revival::Failed;
            at = field.at + field.size;
        }
        if (std::memcmp(now + at, before + at, block->code_length - at) != 0) return Revival::Failed;
        for (const CodeField& field : fields) {
            u32 value = 0;
            std::memcpy(&value, now + field.at, field.size);
            const unsigned unused = 32 - 8 * field.size;
            block->ops()[field.slot].imm = static_cast<i32>(value << unused) >> unused;
        }
        std::memcpy(before, now, block->code_length);
        result = Revival::Patched;
    }
    ++counters.revived;
    block->dead = false;
    block->cost = block->instructions;
    block->ops()[0].handler = block->first_handler;
    bool fresh = false; // a page once under watch stays so as long as blocks are kept
    enter(block, 0, fresh);
    return result;
}

void BlockCache::cut_links(Block* block) {
    for (Link* link = block->incoming; link;) {
        Link* next = link->next;
        link->target = unresolved_block();
        link->next = nullptr;
        link->previous = nullptr;
        link = next;
    }
    block->incoming = nullptr;
}

void BlockCache::code_written(PhysAddr address, unsigned length) {
    if (!overlaps_code(address, length)) return;
    const u64 frame = address.value >> kPageShift;
    CodePage& page = *pages_[frame];
    const auto first = static_cast<unsigned>(address.value & kPageMask);
    const unsigned last = first + length - 1;
    // A block is at most 255 bytes long, so it begins at most four pieces before the first byte.
    const unsigned from = (first >> 6) < 4 ? 0 : (first >> 6) - 4;
    for (unsigned i = from; i <= last >> 6; ++i) {
        if (page.reach[i] < first >> 6) continue;
        for (Block* block = page.starts[i]; block;) {
            const unsigned which = (block->physical >> kPageShift) == frame ? 0 : 1;
            Block* next = block->page_next[which];
            const Part where = part(*block, which);
            if (where.start <= last && first < where.start + where.length) kill(block);
            block = next;
        }
    }
}

void BlockCache::drop_all() {
    ++counters.flushes;
    ++generation_;
    hash_.fill(nullptr);
    for (u32 frame : code_frames_) {
        memory_.unwatch({u64{frame} << kPageShift}, kWatchCode);
        free_pages_.push_back(pages_[frame]);
        pages_[frame] = nullptr;
    }
    code_frames_.clear();
    used_ = 0;
}

void BlockCache::drop_range(u64 first, u64 last) {
    for (u32 frame : code_frames_) {
        const u64 address = u64{frame} << kPageShift;
        if (address > last || address + kPageMask < first) continue;
        code_written({address}, kPageSize);
    }
}

} // namespace r86

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

Block* BlockCache::allocate(usize slots) {
    const usize bytes = sizeof(Block) + slots * (sizeof(Op) + sizeof(OpPlace));
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
    return block;
}

Insn* BlockCache::allocate_insns(usize count) {
    // Asked for while a block runs: never drops anything. Without room the caller decodes again each time.
    u8* memory = take(count * sizeof(Insn));
    if (!memory) return nullptr;
    return new (memory) Insn[count];
}

bool BlockCache::insert(Block* block) {
    ++counters.built;
    counters.code_bytes += block->code_length;
    counters.op_bytes += block->slots * sizeof(Op);
    Block*& bucket = hash_[hash(block->physical, block->mode)];
    block->hash_next = bucket;
    bucket = block;
    bool fresh = false;
    const auto enter = [&](u64 address, unsigned length, unsigned which) {
        const u64 frame = address >> kPageShift;
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
            memory_.watch({address}, kWatchCode);
            fresh = true;
        }
        block->page_next[which] = page->blocks;
        page->blocks = block;
        const u64 first = (address & kPageMask) >> 6;
        const u64 last = ((address & kPageMask) + length - 1) >> 6;
        for (u64 i = first; i <= last; ++i) page->granules |= u64{1} << i;
    };
    const auto in_first =
        static_cast<unsigned>(std::min<u64>(block->code_length, kPageSize - (block->physical & kPageMask)));
    enter(block->physical, in_first, 0);
    if (block->second_page != Block::kNoPage) enter(block->second_page, block->code_length - in_first, 1);
    return fresh;
}

void BlockCache::link(Link* link, Block* target, u64 space) {
    if (link->target) { // from another code space: leave the old target's list
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

void BlockCache::unlink_from_page(Block* block, unsigned which) {
    const u64 address = which == 0 ? block->physical : block->second_page;
    CodePage* page = pages_[address >> kPageShift];
    Block** at = &page->blocks;
    while (*at != block) {
        Block* other = *at;
        // A block that crosses pages stands in two lists: follow the link that belongs to this page.
        const unsigned link = (other->physical >> kPageShift) == (address >> kPageShift) ? 0 : 1;
        at = &other->page_next[link];
    }
    *at = block->page_next[which];
}

void BlockCache::kill(Block* block) {
    ++counters.killed;
    Block** at = &hash_[hash(block->physical, block->mode)];
    while (*at != block) at = &(*at)->hash_next;
    *at = block->hash_next;
    unlink_from_page(block, 0);
    if (block->second_page != Block::kNoPage) unlink_from_page(block, 1);
    for (Link* link = block->incoming; link;) {
        Link* next = link->next;
        link->target = nullptr;
        link->next = nullptr;
        link->previous = nullptr;
        link = next;
    }
    block->incoming = nullptr;
    // Its memory stays until everything is dropped: it may be running right now, and the jump cache may know it.
    block->dead = true;
    block->cost = 0;
    block->ops()[0].handler = dead_handler_;
}

void BlockCache::recompute_granules(u64 frame) {
    CodePage* page = pages_[frame];
    page->granules = 0;
    for (Block* block = page->blocks; block;) {
        const bool first_page = (block->physical >> kPageShift) == frame;
        const u64 start = first_page ? block->physical & kPageMask : 0;
        const u64 in_first = std::min<u64>(block->code_length, kPageSize - (block->physical & kPageMask));
        const u64 length = first_page ? in_first : block->code_length - in_first;
        for (u64 i = start >> 6; i <= (start + length - 1) >> 6; ++i) page->granules |= u64{1} << i;
        block = block->page_next[first_page ? 0 : 1];
    }
}

void BlockCache::code_written(PhysAddr address, unsigned length) {
    if (!overlaps_code(address, length)) return;
    const u64 frame = address.value >> kPageShift;
    const u64 first = address.value & kPageMask;
    const u64 last = first + length - 1;
    bool killed = false;
    for (Block* block = pages_[frame]->blocks; block;) {
        const bool first_page = (block->physical >> kPageShift) == frame;
        Block* next = block->page_next[first_page ? 0 : 1];
        const u64 in_first = std::min<u64>(block->code_length, kPageSize - (block->physical & kPageMask));
        const u64 start = first_page ? block->physical & kPageMask : 0;
        const u64 end = first_page ? start + in_first : block->code_length - in_first;
        if (start <= last && first < end) {
            kill(block);
            killed = true;
        }
        block = next;
    }
    if (killed) recompute_granules(frame);
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

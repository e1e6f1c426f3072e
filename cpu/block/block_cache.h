#pragma once
/// All decoded blocks, found by physical address and mode. Bounded: when its memory is used up everything is dropped.
///
/// A store to a block's bytes kills it: it costs nothing, and its first operation is the dead handler, so that whatever
/// leads to it may stay. It is kept, and comes back to life when its bytes have come back, or differ from those that it
/// was made from in immediates and displacements only, which then are taken over: code that patches itself, jump labels
/// of a kernel, a compiler that fills the same buffer again.
#include "core/memory.h"
#include "cpu/block/op.h"
#include <array>
#include <memory>
#include <span>
#include <vector>

namespace r86 {

class BlockCache {
public:
    BlockCache(PhysicalMemory& memory, usize capacity_bytes = usize{12} << 20);
    ~BlockCache();

    Block* find(u64 physical, u32 mode) const {
        for (Block* block = hash_[hash(physical, mode)]; block; block = block->hash_next)
            if (block->physical == physical && block->mode == mode && !block->dead) return block;
        return nullptr;
    }
    /// What has become of a dead block's bytes.
    enum class Revival : u8 { Failed, Same, Patched };
    /// Makes a dead block what its bytes are now, if that needs no new lowering.
    Revival revive(Block* block);
    /// The first dead block with that key that `try_one` brings back to life.
    template <class Try>
    Block* find_dead(u64 physical, u32 mode, Try&& try_one) {
        for (Block* block = hash_[hash(physical, mode)]; block; block = block->hash_next)
            if (block->physical == physical && block->mode == mode && block->dead && try_one(block)) return block;
        return nullptr;
    }
    /// Memory for a block with that many slots, places for as many, `insns` decoded instructions and its fields and
    /// code bytes behind it; drops everything first if there is no room, so no pointer to a block may be held across
    /// it.
    Block* allocate(usize slots, usize insns, std::span<const CodeField> fields, usize code_length);
    static Insn* insns_behind(Block* block);
    /// Enters a finished block in place of the dead ones with its key: it can be found, and stores to its bytes will
    /// kill it. True if the page had not been under watch before (writers' TLB entries must be dropped).
    bool insert(Block* block);
    /// Lazily made array for Block::insns.
    Insn* allocate_insns(usize count);

    void link(Link* link, Block* target, u64 space);
    /// Links that lead to the block become unresolved.
    static void cut_links(Block* block);

    /// May the bytes be code? The quick test of a store to a page with code.
    bool overlaps_code(PhysAddr address, unsigned length) const {
        const CodePage* page = pages_[address.value >> kPageShift];
        if (!page) return false;
        const unsigned first = static_cast<unsigned>((address.value & kPageMask) >> 6);
        const unsigned last = static_cast<unsigned>(((address.value & kPageMask) + length - 1) >> 6);
        const u64 upto = last == 63 ? ~u64{0} : (u64{2} << last) - 1;
        return page->granules & upto & ~((u64{1} << first) - 1);
    }
    /// Kills every block that overlaps the range (which stays in one page).
    void code_written(PhysAddr address, unsigned length);
    void drop_all();
    /// Physical range got another meaning.
    void drop_range(u64 first, u64 last);

    /// What a dead block's first operation becomes.
    void set_dead_handler(Handler handler) { dead_handler_ = handler; }
    u64 generation() const { return generation_; } ///< changes when everything was dropped

    struct Counters {
        u64 built = 0;
        u64 killed = 0;
        u64 revived = 0;
        u64 flushes = 0;
        u64 code_bytes = 0;
        u64 op_bytes = 0;
    } counters;

private:
    struct CodePage {
        u64 granules = 0;                ///< 64-byte pieces that hold decoded bytes
        std::array<u16, 64> holders{};   ///< blocks with bytes in each piece
        std::array<Block*, 64> starts{}; ///< blocks by the piece that their part of this page begins in
        std::array<u8, 64> reach{};      ///< the last piece that any of those holds bytes of, or a later one
    };
    /// What a block occupies of one of its pages.
    struct Part {
        u64 frame;
        unsigned start;  ///< offset in the page
        unsigned length; ///< 0: the block has no bytes there
    };
    static Part part(const Block& block, unsigned which);
    static constexpr usize kHashSize = 1u << 15;
    static constexpr unsigned kMaxDead = 4; ///< kept of one key
    static usize hash(u64 physical, u32 mode) {
        const u64 mixed = (physical ^ (u64{mode} << 20)) * 0x9E3779B97F4A7C15u;
        return mixed >> 49;
    }
    void kill(Block* block);
    void leave_index(Block* block);
    void supersede(u64 physical, u32 mode);
    CodePage& code_page(u64 frame, bool& fresh);
    void enter(Block* block, unsigned which, bool& fresh);
    void remove(Block* block, unsigned which);
    u8* take(usize bytes);

    PhysicalMemory& memory_;
    usize capacity_;
    u8* arena_;
    usize used_ = 0;
    Handler dead_handler_ = nullptr;
    u64 generation_ = 0;
    std::array<Block*, kHashSize> hash_{};
    CodePage** pages_; ///< by page frame
    std::vector<u32> code_frames_;
    std::vector<std::unique_ptr<CodePage>> page_pool_;
    std::vector<CodePage*> free_pages_;
};

} // namespace r86

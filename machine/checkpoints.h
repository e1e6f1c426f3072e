#pragma once
/// Checkpoints of a machine and the way from where it stands to any of them.
///
/// A checkpoint is the state of processor and chips, and a list of the pages (RAM, video memory) and disk clusters that
/// changed since its parent. Taking one copies no memory: all pages are marked clean, and the first write to a page
/// saves its old content. Checkpoints form a tree; a branch is a path from the root to a leaf. Going to a checkpoint
/// rewrites only what differs on the path between the two, forwards and to other branches as well as backwards, because
/// a content that is about to be overwritten by going is saved in the same way.
#include "machine/content_store.h"
#include "machine/machine.h"
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace r86 {

struct Checkpoint {
    /// A page or cluster with other content than at the parent.
    struct Change {
        u64 key = 0;
        VersionRef now;
        VersionRef before; ///< at the parent
    };
    Tick tick = 0;
    u64 work = 0; ///< retired instructions: what replaying costs, unlike ticks of halts
    Checkpoint* parent = nullptr;
    std::vector<Checkpoint*> children;
    VersionRef chips;
    std::vector<Change> changes; ///< ascending by key
    bool temporary = false;      ///< laid by a search; the first to go
    u64 age = 0;                 ///< order of creation
    usize inputs = 0;            ///< how many of its branch's inputs have acted
};

class Checkpoints {
public:
    /// Takes the root checkpoint at once. The machine must outlive this.
    explicit Checkpoints(Machine& machine);
    ~Checkpoints();
    Checkpoints(const Checkpoints&) = delete;
    Checkpoints& operator=(const Checkpoints&) = delete;

    Checkpoint* root() const { return all_.front().get(); }
    /// The checkpoint from which the machine came to where it is.
    Checkpoint* base() const { return base_; }
    usize count() const { return all_.size(); }
    const std::vector<std::unique_ptr<Checkpoint>>& all() const { return all_; }

    /// A checkpoint of the present state. `next`: the checkpoint of the same branch that follows, nullptr at its end.
    Checkpoint* take(Checkpoint* next, usize inputs, bool temporary);
    /// The machine has run, from the base, over exactly what led to `next`, its child: from here on that is the base.
    void arrive(Checkpoint* next);
    /// Puts the machine into the state of a checkpoint. Throws UserError if a disk image cannot be written.
    void go_to(Checkpoint* target);
    /// Puts the machine into the state of another one of the same configuration; all that differs counts as changed
    /// since the base. Throws UserError if a disk image cannot be written.
    void become(Machine& other);
    /// Joins a checkpoint with its children; neither the root nor the base.
    void remove(Checkpoint* checkpoint);

    /// Could this range of physical RAM have changed between a checkpoint and its parent? Never false wrongly.
    bool may_have_changed(const Checkpoint& checkpoint, u64 physical, u64 length) const;
    /// Pages of video memory among the changes?
    bool video_changed(const Checkpoint& checkpoint) const;
    /// Since the base.
    bool video_changed_now() const;
    bool changed_now(u64 physical, u64 length) const;

    /// Memory in use, about.
    u64 bytes() const { return store_.bytes() + changes_ * sizeof(Checkpoint::Change); }
    ContentStore& store() { return store_; }
    usize dirty_pages() const { return dirty_.size(); }

    /// Media may have come: watches their writes as well.
    void watch_media();
    /// Of every cluster that has changed since the root, unless it had changed before already.
    std::vector<FirstContent> first_contents();
    /// Called with the old content of a cluster before it changes for the first time since the machine was made.
    void on_first_change(std::function<void(u32 image, u64 cluster, std::span<const u8>)> hook) {
        first_change_ = std::move(hook);
    }

    RamHash memory_hash();
    RamHash media_hash();

private:
    struct Slot {
        VersionRef version;                 ///< at the base; empty: unchanged since the root
        const VersionRef* target = nullptr; ///< while going
        u32 mark = 0;
        bool dirty = false; ///< changed since the base
    };
    struct Cluster {
        Slot slot;
        bool hashed = false; ///< `hash` is of the content that stands there now
        RamHash hash;
    };
    static constexpr u64 kClusterKey = u64{1} << 63;
    static u64 cluster_key(u32 image, u64 cluster) { return kClusterKey | u64{image} << 40 | cluster; }

    u8* page_bytes(u64 key);
    u64 page_number(u64 key) const { return key < ram_pages_ ? key : kVideoPages + (key - ram_pages_); }
    Slot& slot(u64 key);
    BlockImage* image(u64 key);
    void touch_page(u64 key);
    void touch_cluster(u32 image, u64 cluster);
    void keep(u64 key, Slot& slot);
    void mark_all_clean();
    void mark(u64 key, const VersionRef* target);
    void become(u32 number, BlockImage& ours, BlockImage& wanted);
    void rewrite(u64 key, Slot& slot);
    void read_cluster(u64 key, std::vector<u8>& out);
    void start_hashing();
    void rehash(u64 key);
    RamHash hash_now(u64 key);

    Machine& machine_;
    ContentStore store_;
    u64 ram_pages_;
    u64 pages_; // with video memory
    std::vector<Slot> slots_;
    std::map<u64, Cluster> clusters_;
    std::vector<u64> dirty_;
    std::vector<u64> marked_;
    u32 mark_clock_ = 0;
    std::vector<std::unique_ptr<Checkpoint>> all_;
    Checkpoint* base_ = nullptr;
    u64 age_clock_ = 0;
    u64 changes_ = 0; // in all checkpoints
    std::vector<u8> buffer_;
    std::vector<std::pair<u32, BlockImage*>> images_;
    std::function<void(u32, u64, std::span<const u8>)> first_change_;
    // Hashes of pages as they are at the base; empty until somebody asks for a digest.
    std::vector<RamHash> hashes_;
    RamHash hash_sum_;
};

} // namespace r86

#pragma once
/// How often each cluster of a qcow2 file is used, in memory and in the file's refcount blocks, and the allocator.
///
/// Crash safety: clusters are marked used in batches, and a batch reaches the medium before any of its clusters is
/// handed out. So whatever the file refers to is counted there at any moment; a crash leaves at most a batch of leaks.
#include "devices/qcow2_header.h"
#include <deque>
#include <map>

namespace r86 {

class Qcow2Refcounts {
public:
    /// Both outlive this object; growing the table changes the header, in the file as well.
    Qcow2Refcounts(HostFile& file, Qcow2Header& header) : file_(file), header_(header) {}

    /// Reads all counts. An empty string, or what is wrong with them; throws UserError if the host cannot read.
    std::string load();

    u64 clusters() const { return counts_.size(); }
    u32 get(u64 cluster) const { return cluster < counts_.size() ? counts_[cluster] : 0; }
    /// The cluster is one of `clusters()` and covered by a block. Nothing reaches the file before `write_dirty`.
    void set(u64 cluster, u32 count);
    /// Where the refcount blocks lie, by index; 0 = none.
    const std::vector<u64>& blocks() const { return blocks_; }

    struct Cluster {
        u64 number = 0;
        bool fresh = false; ///< beyond everything before: reads as zeros, also after a power cut
    };
    /// A cluster with a count of one that is on the medium. False: a host error.
    [[nodiscard]] bool allocate(Cluster& out);
    /// Takes back what was allocated and is not referred to.
    void give_back(Cluster cluster) { reserve_.push_front(cluster); }
    /// Lowers the count of a cluster to which no entry on the medium leads any more.
    void release(u64 cluster);

    /// Makes sure that counts of these clusters can be stored. False: a host error.
    [[nodiscard]] bool cover(u64 first, u64 last);
    [[nodiscard]] bool write_dirty();
    /// Before closing: frees what was reserved and cuts off free clusters at the end.
    [[nodiscard]] bool close();

    /// For a rebuild: forgets all counts (the blocks stay where they are, but `blocks_lost` forgets them too).
    void restart(u64 clusters, bool blocks_lost);

private:
    [[nodiscard]] bool reserve();
    [[nodiscard]] bool write_block_range(u64 block, u64 first, u64 last);
    [[nodiscard]] bool switch_table(const std::vector<u64>& blocks, u64 cluster, u64 table_clusters);
    bool stored(u64 block) const { return block < blocks_.size() && blocks_[block]; }
    u64 block_of(u64 cluster) const { return cluster / header_.refcounts_in_block(); }

    struct Range {
        u64 first, last;
    };
    HostFile& file_;
    Qcow2Header& header_;
    std::vector<u32> counts_;    // by cluster
    std::vector<u64> blocks_;    // the refcount table: offsets of blocks
    std::map<u64, Range> dirty_; // by block: clusters whose count differs from the file
    std::deque<Cluster> reserve_;
    u64 batch_ = 16;
    u64 hole_hint_ = 0; // no free cluster lies before it
};

} // namespace r86

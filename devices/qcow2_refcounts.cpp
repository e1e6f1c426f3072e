#include "devices/qcow2_refcounts.h"
#include "core/byte_order.h"
#include "core/error.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u64 kLargestBatch = 256;

/// Entry `index` of a refcount block with entries of 2^order bits. Below a byte, the lowest bits come first.
u64 entry_in(const u8* block, u64 index, u32 order) {
    switch (order) {
    case 3: return block[index];
    case 4: return load_be<u16>(block + 2 * index);
    case 5: return load_be<u32>(block + 4 * index);
    case 6: return load_be<u64>(block + 8 * index);
    default: {
        const u64 at = index << order;
        return block[at / 8] >> at % 8 & ((1u << (1u << order)) - 1);
    }
    }
}

void put_entry(u8* block, u64 index, u32 order, u32 value) {
    switch (order) {
    case 3: block[index] = static_cast<u8>(value); break;
    case 4: store_be<u16>(block + 2 * index, static_cast<u16>(value)); break;
    case 5: store_be<u32>(block + 4 * index, value); break;
    case 6: store_be<u64>(block + 8 * index, value); break;
    default: {
        const u64 at = index << order;
        const u32 mask = ((1u << (1u << order)) - 1) << at % 8;
        block[at / 8] = static_cast<u8>((block[at / 8] & ~mask) | (value << at % 8 & mask));
    }
    }
}

} // namespace

std::string Qcow2Refcounts::load() {
    const u64 cluster = header_.cluster_bytes();
    const u64 in_file = file_.size() / cluster + (file_.size() % cluster != 0);
    std::vector<u8> table(u64{header_.refcount_table_clusters} * cluster);
    if (!file_.read(header_.refcount_table_offset, table)) throw UserError("image " + file_.error());
    blocks_.resize(table.size() / 8);
    for (usize i = 0; i < blocks_.size(); ++i) blocks_[i] = load_be<u64>(&table[i * 8]);
    counts_.assign(in_file, 0);
    std::vector<u8> block(cluster);
    for (usize i = 0; i < blocks_.size(); ++i) {
        if (blocks_[i] == 0) continue;
        if (blocks_[i] % cluster || blocks_[i] >= in_file * cluster) {
            blocks_[i] = 0;
            return "a refcount block lies outside the file";
        }
        const u64 first = i * header_.refcounts_in_block();
        if (first >= in_file) continue;
        if (!file_.read_padded(blocks_[i], block)) throw UserError("image " + file_.error());
        for (u64 n = 0; n < header_.refcounts_in_block() && first + n < in_file; ++n) {
            const u64 count = entry_in(block.data(), n, header_.refcount_order);
            if (count > ~u32{0}) return "a refcount is beyond all reason";
            counts_[first + n] = static_cast<u32>(count);
        }
    }
    return "";
}

void Qcow2Refcounts::set(u64 cluster, u32 count) {
    if (counts_[cluster] == count) return;
    counts_[cluster] = count;
    if (count == 0) hole_hint_ = std::min(hole_hint_, cluster);
    const auto [at, added] = dirty_.try_emplace(block_of(cluster), Range{cluster, cluster});
    if (added) return;
    at->second.first = std::min(at->second.first, cluster);
    at->second.last = std::max(at->second.last, cluster);
}

void Qcow2Refcounts::release(u64 cluster) {
    if (const u32 count = get(cluster)) set(cluster, count - 1);
}

void Qcow2Refcounts::restart(u64 clusters, bool blocks_lost) {
    counts_.assign(clusters, 0);
    dirty_.clear();
    reserve_.clear();
    hole_hint_ = 0;
    if (blocks_lost) std::fill(blocks_.begin(), blocks_.end(), u64{0});
    for (u64 i = 0; i < blocks_.size(); ++i) { // every stored count is to be written again
        const u64 first = i * header_.refcounts_in_block();
        if (blocks_[i] && first < clusters)
            dirty_[i] = {first, std::min(first + header_.refcounts_in_block(), clusters) - 1};
    }
}

bool Qcow2Refcounts::write_block_range(u64 block, u64 first, u64 last) {
    const u64 base = block * header_.refcounts_in_block();
    const u32 order = header_.refcount_order;
    // Whole bytes, and the last byte's other entries as they are.
    const u64 from = (first - base) & ~u64{7}, to = std::min((last - base) | 7, header_.refcounts_in_block() - 1);
    std::vector<u8> bytes(((to - from + 1) << order) / 8);
    for (u64 n = from; n <= to; ++n) put_entry(bytes.data(), n - from, order, get(base + n));
    return file_.write(blocks_[block] + ((from << order) / 8), bytes);
}

bool Qcow2Refcounts::write_dirty() {
    for (auto at = dirty_.begin(); at != dirty_.end();) {
        const auto& [block, range] = *at;
        if (!stored(block)) { // only while rebuilding: its block is yet to come
            ++at;
            continue;
        }
        if (!write_block_range(block, range.first, range.last)) return false;
        at = dirty_.erase(at);
    }
    return true;
}

bool Qcow2Refcounts::cover(u64 first, u64 last) {
    const u64 cluster = header_.cluster_bytes();
    // New blocks, and a larger table if they need one, lie behind everything. They take clusters of their own, whose
    // counts may need one more block; so count until the numbers fit each other.
    const u64 start = std::max<u64>(counts_.size(), last + 1);
    u64 new_blocks = 0, table_clusters = 0;
    std::vector<u64> wanted;
    for (;;) {
        wanted.clear();
        const u64 end = start + new_blocks + table_clusters;
        for (u64 b = block_of(first); b <= block_of(last); ++b)
            if (!stored(b)) wanted.push_back(b);
        for (u64 b = block_of(start); new_blocks && b <= block_of(end - 1); ++b)
            if (!stored(b) && (wanted.empty() || wanted.back() < b)) wanted.push_back(b);
        const u64 highest = wanted.empty() ? 0 : wanted.back();
        u64 table = 0;
        if (highest >= blocks_.size()) {
            table = std::max<u64>(u64{header_.refcount_table_clusters} * 2, highest * 8 / cluster + 1);
        }
        if (wanted.size() == new_blocks && table == table_clusters) break;
        new_blocks = wanted.size();
        table_clusters = std::max(table, table_clusters);
    }
    if (wanted.empty()) return true;

    const usize old_clusters = counts_.size();
    const std::vector<u64> old_blocks = blocks_;
    const u64 end = start + new_blocks + table_clusters;
    counts_.resize(end, 0);
    if (table_clusters) blocks_.resize(table_clusters * cluster / 8, 0);
    for (usize i = 0; i < wanted.size(); ++i) blocks_[wanted[i]] = (start + i) * cluster;
    for (u64 n = start; n < end; ++n) set(n, 1);
    const auto undo = [&] {
        for (u64 n = start; n < end; ++n) set(n, 0);
        counts_.resize(old_clusters);
        blocks_ = old_blocks;
        for (u64 b : wanted) dirty_.erase(b);
        for (auto& [block, range] : dirty_) range.last = std::min<u64>(range.last, old_clusters ? old_clusters - 1 : 0);
        std::erase_if(dirty_, [](const auto& one) { return one.second.first > one.second.last; });
        return false;
    };
    // The blocks whole: their clusters may hold anything.
    for (u64 b : wanted) {
        const u64 base = b * header_.refcounts_in_block();
        if (!write_block_range(b, base, base + header_.refcounts_in_block() - 1)) return undo();
        dirty_.erase(b);
    }
    if (!write_dirty() || !file_.flush()) return undo();
    if (table_clusters) return switch_table(blocks_, start + new_blocks, table_clusters) || undo();
    for (u64 b : wanted) {
        u8 entry[8];
        store_be<u64>(entry, blocks_[b]);
        if (!file_.write(header_.refcount_table_offset + b * 8, entry)) return undo();
    }
    return true;
}

/// Writes a larger refcount table and lets the header name it; the old one becomes free.
bool Qcow2Refcounts::switch_table(const std::vector<u64>& blocks, u64 cluster, u64 table_clusters) {
    std::vector<u8> table(table_clusters * header_.cluster_bytes());
    for (usize i = 0; i < blocks.size(); ++i) store_be<u64>(&table[i * 8], blocks[i]);
    const u64 offset = cluster * header_.cluster_bytes();
    u8 fields[12]; // refcount_table_offset and refcount_table_clusters stand side by side
    store_be<u64>(fields, offset);
    store_be<u32>(fields + 8, static_cast<u32>(table_clusters));
    if (!file_.write(offset, table) || !file_.flush() || !file_.write(48, fields)) return false;
    const u64 old = header_.refcount_table_offset / header_.cluster_bytes();
    for (u64 n = 0; n < header_.refcount_table_clusters; ++n) release(old + n);
    header_.refcount_table_offset = offset;
    header_.refcount_table_clusters = static_cast<u32>(table_clusters);
    return file_.flush(); // before the old table's place can be used
}

bool Qcow2Refcounts::reserve() {
    std::vector<Cluster> batch;
    u64 n = hole_hint_;
    for (; n < counts_.size() && batch.size() < batch_; ++n)
        if (counts_[n] == 0 && stored(block_of(n))) batch.push_back({n, false});
    const u64 rest = batch_ - batch.size();
    hole_hint_ = n;
    if (rest) {
        const u64 first = counts_.size(); // `cover` puts its own behind them
        if (!cover(first, first + rest - 1)) return false;
        counts_.resize(std::max<u64>(counts_.size(), first + rest), 0);
        for (u64 i = 0; i < rest; ++i) batch.push_back({first + i, true});
    }
    for (const Cluster& one : batch) set(one.number, 1);
    const u64 bytes = counts_.size() * header_.cluster_bytes();
    if (!write_dirty() || (file_.size() < bytes && !file_.resize(bytes)) || !file_.flush()) {
        for (const Cluster& one : batch) set(one.number, 0);
        return false;
    }
    reserve_.insert(reserve_.end(), batch.begin(), batch.end());
    batch_ = std::min(batch_ * 2, kLargestBatch);
    return true;
}

bool Qcow2Refcounts::allocate(Cluster& out) {
    if (reserve_.empty() && !reserve()) return false;
    out = reserve_.front();
    reserve_.pop_front();
    return true;
}

bool Qcow2Refcounts::close() {
    for (const Cluster& one : reserve_) set(one.number, 0);
    reserve_.clear();
    if (!write_dirty() || !file_.flush()) return false;
    u64 used = counts_.size();
    while (used && counts_[used - 1] == 0) --used;
    const u64 bytes = used * header_.cluster_bytes();
    return bytes >= file_.size() || file_.resize(bytes);
}

} // namespace r86

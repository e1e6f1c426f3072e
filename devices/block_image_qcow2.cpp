/// qcow2: the image format of QEMU, versions 2 and 3, read and written.
/// Format: QEMU, docs/interop/qcow2.txt.
///
/// How a write stays safe. The refcount of a cluster is on the medium before the cluster is handed out
/// (qcow2_refcounts.h). Data goes to a fresh cluster, then the L2 entry that leads to it is written:
/// - at once, where the disk read as zeros before and the cluster reads as zeros from the file: if a power cut keeps
/// the
///   entry but loses the data, the disk still reads as before;
/// - through OrderedWrites otherwise (copy on write from a parent, a snapshot or a compressed cluster; a reused
/// cluster):
///   the entry reaches the file after a flush of the data. Until then the file shows the old content, whole.
/// Clusters that an entry let go are released after that. So a killed process leaves leaks at most; opening for
/// writing walks the file, frees them, and refuses a file that is damaged.
///
/// NOT IMPLEMENTED: writing compressed clusters; keeping persistent bitmaps valid (a writer drops them, as the format
/// demands); taking and applying internal snapshots (they are preserved).
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/decompress.h"
#include "devices/image_create.h"
#include "devices/image_formats.h"
#include "devices/qcow2_check.h"
#include <algorithm>
#include <bit>
#include <cstring>

namespace r86 {

namespace {

constexpr usize kMostWaiting = 64;                   // entries that wait for a flush before we ask for one
constexpr usize kTableCacheBytes = 32 << 20;         // L2 tables in memory
constexpr usize kFeaturesAt = 72, kAutoclearAt = 88; // header fields

class Qcow2Image final : public BlockImage {
public:
    Qcow2Image(std::unique_ptr<HostFile> file, Qcow2Header header, bool writable)
        : file_(std::move(file)), header_(std::move(header)), writable_(writable), refcounts_(*file_, header_) {
        read_l1();
    }
    ~Qcow2Image() override {
        if (!writable_) return;
        if (!do_flush() || !refcounts_.close()) report("image " + file_->error());
    }

    u64 size() const override { return header_.size; }
    bool read_only() const override { return !writable_; }
    const std::string& name() const override { return file_->path(); }
    void describe(ImageFacts& facts) const override;
    bool holds(u64 offset, u64 bytes) override;
    BlockImage* parent() override { return parent_.get(); }

    void prepare_for_writing();
    void set_parent(std::unique_ptr<BlockImage> parent) {
        parent_ = std::move(parent);
        parent_->on_error([this](const std::string& sentence) { report(sentence); });
    }

protected:
    bool do_read(u64 offset, std::span<u8> out) override;
    bool do_write(u64 offset, std::span<const u8> in) override;
    bool do_flush() override;
    bool do_revert(u64) override { return false; }

private:
    using Table = std::vector<u64>;
    bool host_error() { return report("image " + file_->error()); }
    bool damaged(const char* what) {
        return report("image '" + name() + "' is damaged: " + what + "; look at it with: rewind86 image check");
    }
    void read_l1();
    /// The L2 table that covers a cluster of the disk. `out` is null where there is none. False: reported.
    bool find_table(u64 cluster, Table*& out);
    bool find_own_table(u64 cluster, Table*& out);
    bool read_cluster_part(u64 cluster, usize inside, std::span<u8> out);
    bool read_compressed(u64 cluster, Qcow2Entry entry);
    bool write_cluster_part(u64 cluster, usize inside, std::span<const u8> in);
    bool parent_reaches(u64 cluster) const { return parent_ && cluster << header_.cluster_bits < parent_->size(); }
    bool set_entry(u64 cluster, Table& table, Qcow2Refcounts::Cluster target, bool wait);
    void let_go(Qcow2Entry entry);
    bool settle();

    std::unique_ptr<HostFile> file_;
    Qcow2Header header_;
    bool writable_;
    Qcow2Refcounts refcounts_;
    std::unique_ptr<BlockImage> parent_;
    std::vector<u64> l1_;
    std::map<u64, Table> tables_; // by L1 index
    OrderedWrites waiting_;
    std::vector<u64> released_; // clusters that `waiting_` lets go
    std::vector<u8> unpacked_;  // the compressed cluster that was read last
    u64 unpacked_cluster_ = ~u64{0};
};

void Qcow2Image::read_l1() {
    std::vector<u8> raw(u64{header_.l1_entries} * 8);
    if (!file_->read(header_.l1_offset, raw)) throw UserError("image " + file_->error());
    l1_.resize(header_.l1_entries);
    for (usize i = 0; i < l1_.size(); ++i) l1_[i] = load_be<u64>(&raw[i * 8]);
}

/// Checks the file, frees the leaks of a writer that was killed, rebuilds the refcounts of a lazy one.
void Qcow2Image::prepare_for_writing() {
    const auto must = [&](bool done) {
        if (!done) throw UserError("image " + file_->error());
    };
    try {
        if (header_.incompatible & Qcow2Header::kCorrupt)
            throw UserError("image '" + name() +
                            "' is marked as damaged; repair it with: rewind86 image check --repair, or use --snapshot");
        if (header_.autoclear) { // features that a writer who does not know them must switch off
            header_.autoclear = 0;
            must(file_->write(kAutoclearAt, std::vector<u8>(8)));
        }
        const bool dirty = header_.incompatible & Qcow2Header::kDirty;
        const std::string problem = refcounts_.load();
        Qcow2Checker checker(*file_, header_, refcounts_);
        const Qcow2CheckResult result = checker.check(problem);
        if (result.corruptions && !(dirty && result.repairable))
            throw UserError("image '" + name() + "' is damaged: " + result.first_problem +
                            (result.repairable ? "; repair it with: rewind86 image check --repair, or use --snapshot"
                                               : "; it can be read with --snapshot"));
        if (result.corruptions)
            must(checker.rebuild());
        else if (result.leaks)
            must(checker.free_leaks());
        if (dirty) {
            header_.incompatible &= ~Qcow2Header::kDirty;
            u8 field[8];
            store_be<u64>(field, header_.incompatible);
            must(file_->flush() && file_->write(kFeaturesAt, field) && file_->flush());
        }
        read_l1(); // the repair may have changed flags
    } catch (...) {
        writable_ = false; // the destructor leaves the file alone
        throw;
    }
}

bool Qcow2Image::find_table(u64 cluster, Table*& out) {
    const u64 index = cluster / header_.l2_entries();
    out = nullptr;
    const u64 offset = Qcow2Entry{l1_[index]}.offset();
    if (!offset) return true;
    const auto known = tables_.find(index);
    if (known != tables_.end()) {
        out = &known->second;
        return true;
    }
    if (offset % header_.cluster_bytes() || offset >= file_->size())
        return damaged("an L2 table lies outside the file");
    if (waiting_.empty() && tables_.size() * header_.cluster_bytes() > kTableCacheBytes) tables_.clear();
    std::vector<u8> raw(header_.cluster_bytes());
    if (!file_->read_padded(offset, raw)) return host_error();
    Table table(header_.l2_entries());
    for (usize i = 0; i < table.size(); ++i) table[i] = load_be<u64>(&raw[i * 8]);
    out = &(tables_[index] = std::move(table));
    return true;
}

/// The L2 table for changing it: a new one where there is none, a copy where a snapshot shares it.
bool Qcow2Image::find_own_table(u64 cluster, Table*& out) {
    const u64 index = cluster / header_.l2_entries();
    const Qcow2Entry old{l1_[index]};
    if (!find_table(cluster, out)) return false;
    if (old.offset() && old.copied()) return true;
    Qcow2Refcounts::Cluster target;
    if (!refcounts_.allocate(target)) return host_error();
    std::vector<u8> raw(header_.cluster_bytes());
    if (out)
        for (usize i = 0; i < out->size(); ++i) {
            // The copy's clusters are as shared as before, so no entry may claim its cluster for itself.
            (*out)[i] &= ~Qcow2Entry::kCopied;
            store_be<u64>(&raw[i * 8], (*out)[i]);
        }
    const u64 offset = target.number << header_.cluster_bits;
    u8 entry[8];
    store_be<u64>(entry, offset | Qcow2Entry::kCopied);
    if (!file_->write(offset, raw) || !file_->flush()) {
        refcounts_.give_back({target.number, false});
        return host_error();
    }
    // From here on the new table counts even if the host fails: it says the same as the old one.
    l1_[index] = offset | Qcow2Entry::kCopied;
    if (!out) out = &(tables_[index] = Table(header_.l2_entries()));
    if (old.offset()) released_.push_back(old.offset() >> header_.cluster_bits);
    waiting_.add(header_.l1_offset + index * 8, entry);
    return settle();
}

bool Qcow2Image::do_read(u64 offset, std::span<u8> out) {
    while (!out.empty()) {
        const usize inside = offset & (header_.cluster_bytes() - 1);
        const usize length = std::min<usize>(out.size(), header_.cluster_bytes() - inside);
        if (!read_cluster_part(offset >> header_.cluster_bits, inside, out.first(length))) return false;
        out = out.subspan(length);
        offset += length;
    }
    return true;
}

bool Qcow2Image::read_cluster_part(u64 cluster, usize inside, std::span<u8> out) {
    Table* table = nullptr;
    if (!find_table(cluster, table)) return false;
    const Qcow2Entry entry{table ? (*table)[cluster % header_.l2_entries()] : 0};
    if (entry.compressed()) {
        if (unpacked_cluster_ != cluster && !read_compressed(cluster, entry)) return false;
        std::memcpy(out.data(), unpacked_.data() + inside, out.size());
        return true;
    }
    if (!entry.zero() && entry.offset()) {
        if (entry.offset() % header_.cluster_bytes() || entry.offset() >= file_->size())
            return damaged("a cluster lies outside the file");
        return file_->read_padded(entry.offset() + inside, out) || host_error();
    }
    const u64 start = (cluster << header_.cluster_bits) + inside;
    return read_below(entry.zero() ? nullptr : parent_.get(), start, out);
}

bool Qcow2Image::read_compressed(u64 cluster, Qcow2Entry entry) {
    const bool zstd = header_.compression == 1;
    if (zstd ? !has_zstd() : !has_inflate())
        return report("image '" + name() + "' has compressed clusters, which this build cannot read; convert it");
    const u64 offset = entry.compressed_offset(header_.cluster_bits);
    std::vector<u8> packed(entry.compressed_bytes(header_.cluster_bits));
    if (offset >= file_->size()) return damaged("a compressed cluster lies outside the file");
    if (!file_->read_padded(offset, packed)) return host_error();
    unpacked_cluster_ = ~u64{0};
    unpacked_.resize(header_.cluster_bytes());
    if (!(zstd ? decompress_zstd(packed, unpacked_) : inflate_raw(packed, unpacked_)))
        return damaged("a compressed cluster cannot be unpacked");
    unpacked_cluster_ = cluster;
    return true;
}

bool Qcow2Image::do_write(u64 offset, std::span<const u8> in) {
    if (!writable_) return false;
    while (!in.empty()) {
        const usize inside = offset & (header_.cluster_bytes() - 1);
        const usize length = std::min<usize>(in.size(), header_.cluster_bytes() - inside);
        if (!write_cluster_part(offset >> header_.cluster_bits, inside, in.first(length))) return false;
        in = in.subspan(length);
        offset += length;
    }
    return true;
}

bool Qcow2Image::write_cluster_part(u64 cluster, usize inside, std::span<const u8> in) {
    Table* table = nullptr;
    if (!find_own_table(cluster, table)) return false;
    const Qcow2Entry old{(*table)[cluster % header_.l2_entries()]};
    if (!old.compressed() && !old.zero() && old.offset() && old.copied())
        return file_->write(old.offset() + inside, in) || host_error();

    const bool was_empty = !old.compressed() && old.offset() == 0 && (old.zero() || !parent_reaches(cluster));
    Qcow2Refcounts::Cluster target;
    if (!refcounts_.allocate(target)) return host_error();
    const u64 offset = target.number << header_.cluster_bits;
    const bool at_once = was_empty && target.fresh;
    bool written;
    if (at_once) { // the rest of the cluster is zeros already
        written = file_->write(offset + inside, in) || host_error();
    } else {
        std::vector<u8> whole(header_.cluster_bytes());
        written = in.size() == whole.size() || read_cluster_part(cluster, 0, whole);
        std::copy(in.begin(), in.end(), whole.begin() + static_cast<std::ptrdiff_t>(inside));
        written = written && (file_->write(offset, whole) || host_error());
    }
    if (!written) {
        refcounts_.give_back({target.number, false});
        return false;
    }
    return set_entry(cluster, *table, target, !at_once);
}

bool Qcow2Image::set_entry(u64 cluster, Table& table, Qcow2Refcounts::Cluster target, bool wait) {
    u64& entry = table[cluster % header_.l2_entries()];
    let_go({entry});
    if (unpacked_cluster_ == cluster) unpacked_cluster_ = ~u64{0};
    entry = target.number << header_.cluster_bits | Qcow2Entry::kCopied;
    const u64 at = Qcow2Entry{l1_[cluster / header_.l2_entries()]}.offset() + cluster % header_.l2_entries() * 8;
    u8 raw[8];
    store_be<u64>(raw, entry);
    if (!wait) {
        if (file_->write(at, raw)) return true;
        waiting_.add(at, raw); // the next flush tries again
        return host_error();
    }
    waiting_.add(at, raw);
    return waiting_.count() < kMostWaiting || settle();
}

/// Clusters that no entry will lead to once what waits is written.
void Qcow2Image::let_go(Qcow2Entry entry) {
    if (entry.compressed()) {
        const u64 start = entry.compressed_offset(header_.cluster_bits);
        const u64 end = std::min(start + entry.compressed_bytes(header_.cluster_bits), refcounts_.clusters()
                                                                                           << header_.cluster_bits);
        for (u64 n = start >> header_.cluster_bits; n << header_.cluster_bits < end; ++n) released_.push_back(n);
    } else if (entry.offset()) {
        released_.push_back(entry.offset() >> header_.cluster_bits);
    }
}

bool Qcow2Image::settle() {
    if (waiting_.empty()) return true;
    if (!waiting_.settle(*file_) || !file_->flush()) return host_error();
    for (const u64 cluster : released_) refcounts_.release(cluster);
    released_.clear();
    return refcounts_.write_dirty() || host_error();
}

bool Qcow2Image::do_flush() {
    if (!writable_) return true;
    return waiting_.empty() ? file_->flush() || host_error() : settle();
}

bool Qcow2Image::holds(u64 offset, u64 bytes) {
    for (u64 cluster = offset >> header_.cluster_bits; bytes && cluster << header_.cluster_bits < offset + bytes;
         ++cluster) {
        Table* table = nullptr;
        if (!find_table(cluster, table)) return true;
        if (table && (*table)[cluster % header_.l2_entries()]) return true;
    }
    return false;
}

void Qcow2Image::describe(ImageFacts& facts) const {
    facts.format = "qcow2";
    facts.file_bytes = file_->size();
    facts.cluster_bytes = facts.holds_unit = header_.cluster_bytes();
    facts.parent = header_.backing_file;
    facts.parent_format = header_.backing_format;
    facts.snapshots = header_.snapshots;
    facts.details.push_back({"version", std::to_string(header_.version)});
    facts.details.push_back({"compression", header_.compression ? "zstd" : "zlib"});
    facts.details.push_back({"refcount bits", std::to_string(1u << header_.refcount_order)});
    if (header_.incompatible & Qcow2Header::kDirty) facts.details.push_back({"dirty", "yes"});
    if (header_.incompatible & Qcow2Header::kCorrupt) facts.details.push_back({"corrupt", "yes"});
}

} // namespace

std::unique_ptr<BlockImage> open_qcow2(std::unique_ptr<HostFile> file, bool writable, ImageNeighbours& neighbours) {
    Qcow2Header header = Qcow2Header::read(*file);
    const std::string path = file->path(), parent = header.backing_file, format = header.backing_format;
    auto image = std::make_unique<Qcow2Image>(std::move(file), std::move(header), writable);
    if (writable) image->prepare_for_writing();
    if (!parent.empty()) image->set_parent(neighbours.open_parent(path, parent, format));
    return image;
}

void create_qcow2(HostFile& file, const ImageRecipe& recipe) {
    Qcow2Header h;
    h.version = recipe.old_version ? 2 : 3;
    h.size = recipe.size;
    h.backing_file = recipe.parent;
    h.backing_format = recipe.parent_format == "vhd" ? "vpc" : recipe.parent_format; // QEMU's name
    if (recipe.cluster_bytes) h.cluster_bits = static_cast<u32>(std::countr_zero(recipe.cluster_bytes));
    const u64 cluster = h.cluster_bytes();
    const u64 covered = cluster * h.l2_entries();
    h.l1_entries = static_cast<u32>(std::max<u64>(1, (h.size + covered - 1) / covered));
    if (u64{h.l1_entries} * 8 > (32u << 20))
        throw UserError("the disk is too large for clusters of that size; take larger ones");
    // Header, refcount table, one refcount block, L1 table.
    const u64 l1_clusters = (u64{h.l1_entries} * 8 + cluster - 1) / cluster;
    h.refcount_table_offset = cluster;
    h.refcount_table_clusters = 1;
    h.l1_offset = 3 * cluster;
    const u64 used = 3 + l1_clusters;
    const u64 blocks = (used + h.refcounts_in_block() - 1) / h.refcounts_in_block();
    // A large L1 table needs more refcount blocks; they follow it.
    std::vector<u8> table(cluster), counts(cluster * blocks);
    if (blocks > cluster / 8) throw UserError("the disk is too large for clusters of that size; take larger ones");
    const u64 total = used + blocks - 1;
    if (total > blocks * h.refcounts_in_block())
        throw UserError("the disk is too large for clusters of that size; take larger ones");
    for (u64 n = 0; n < total; ++n) store_be<u16>(&counts[2 * n], 1);
    for (u64 b = 0; b < blocks; ++b) store_be<u64>(&table[8 * b], (b == 0 ? 2 : used + b - 1) * cluster);
    bool good = file.resize(total * cluster) && file.write(0, h.encode()) && file.write(cluster, table) &&
                file.write(2 * cluster, std::span(counts).first(cluster));
    for (u64 b = 1; good && b < blocks; ++b)
        good = file.write((used + b - 1) * cluster, std::span(counts).subspan(b * cluster, cluster));
    if (!good || !file.flush()) throw UserError("image " + file.error());
}

} // namespace r86

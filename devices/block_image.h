#pragma once
/// A disk, CD or floppy as bytes at offsets, whatever file format holds them.
///
/// Opening throws UserError with one sentence. Once open nothing throws: a host error is a false result, which a drive
/// turns into a device error, and a sentence for the user through `on_error`.
///
/// Determinism and time travel see an image as clusters of 64 KiB. The base class keeps the set of clusters that were
/// written since the start (the disk part of a digest or of a saved state) and calls `on_before_write` while the old
/// content can still be read, so that a timeline can keep it.
#include "core/state_visitor.h"
#include "core/types.h"
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace r86 {

class CdDisc;

/// What an image file says about itself, for people.
struct ImageFacts {
    std::string format = "raw";
    u64 file_bytes = 0;
    u64 cluster_bytes = 0; ///< the pieces in which the file is allocated; 0 = none
    u64 holds_unit = 512;  ///< the pieces for which `holds` is exact
    std::string parent{};  ///< as it stands in the file
    std::string parent_format{};
    u32 snapshots = 0;
    std::vector<u8> id{};        ///< what an image on top of this one remembers of it
    std::vector<u8> parent_id{}; ///< what this one remembers of its parent
    std::vector<std::pair<std::string, std::string>> details{};
};

class BlockImage {
public:
    static constexpr u64 kClusterBytes = 64 * 1024;

    virtual ~BlockImage() = default;
    virtual u64 size() const = 0;
    virtual bool read_only() const = 0;
    /// How the user named it, for messages.
    virtual const std::string& name() const = 0;

    /// False: outside the image, or a host error. `out` is then undefined.
    [[nodiscard]] bool read(u64 offset, std::span<u8> out);
    /// False: outside the image, read-only, refused, or a host error; nothing that was flushed is lost.
    [[nodiscard]] bool write(u64 offset, std::span<const u8> in);
    /// Returns true when all writes so far are on the host's medium.
    [[nodiscard]] bool flush();

    using ClusterHook = std::function<void(u64 cluster)>;
    /// Called before each cluster of a write changes; it may read the image.
    void on_before_write(ClusterHook hook) { before_write_ = std::move(hook); }
    /// Called before the first read of each cluster that still has the start's content; it may read the image.
    void on_first_read(ClusterHook hook) { first_read_ = std::move(hook); }
    void on_error(std::function<void(const std::string& sentence)> hook) { error_hook_ = std::move(hook); }

    virtual void describe(ImageFacts&) const {}
    /// Whether this layer itself, not the image under it, says what any of these bytes are. True where unknown.
    virtual bool holds(u64 /*offset*/, u64 /*bytes*/) { return true; }
    /// The image under this one; nullptr: none.
    virtual BlockImage* parent() { return nullptr; }
    /// The tracks and whole sectors of a CD; nullptr: it is one data track of 2048 bytes a sector.
    virtual CdDisc* disc() { return nullptr; }
    /// Whether `restore_cluster` can put any cluster back to the start's content without being told it.
    virtual bool remembers_start() const { return false; }

    /// Clusters written since the start, ascending.
    const std::set<u64>& changed_clusters() const { return changed_; }
    /// Bytes of a cluster: the last one of an image may be short.
    usize cluster_bytes(u64 cluster) const;
    [[nodiscard]] bool read_cluster(u64 cluster, std::vector<u8>& out);
    /// Puts a cluster back as it was at another time (no hook, read-only does not matter to an overlay).
    /// `changed` says whether it differed from the start's content then.
    [[nodiscard]] bool restore_cluster(u64 cluster, std::span<const u8> content, bool changed);

    /// The changed clusters with their content. Loading puts them into the image; clusters that changed here but not in
    /// the state are reverted where the image still knows the start's content (an overlay), otherwise the loader must
    /// have put them back with `restore_cluster` before. Throws UserError if the host refuses.
    void visit(StateVisitor& visitor);

protected:
    virtual bool do_read(u64 offset, std::span<u8> out) = 0;
    virtual bool do_write(u64 offset, std::span<const u8> in) = 0;
    virtual bool do_flush() = 0;
    /// Makes a cluster read as at the start; false if that is not known any more.
    virtual bool do_revert(u64 cluster) = 0;
    bool report(const std::string& sentence);

private:
    void announce_read(u64 offset, usize length);
    ClusterHook before_write_;
    ClusterHook first_read_;
    std::vector<bool> announced_;
    std::function<void(const std::string&)> error_hook_;
    std::set<u64> changed_;
};

/// A medium that nobody writes.
class ReadOnlyImage : public BlockImage {
public:
    bool read_only() const override { return true; }

protected:
    bool do_write(u64, std::span<const u8>) override { return false; }
    bool do_flush() override { return true; }
    bool do_revert(u64) override { return false; }
};

/// Writes stay in memory by cluster; the base is only read (`--snapshot`).
class SnapshotOverlay final : public BlockImage {
public:
    explicit SnapshotOverlay(std::unique_ptr<BlockImage> base) : base_(std::move(base)) {
        base_->on_error([this](const std::string& sentence) { report(sentence); });
    }
    u64 size() const override { return base_->size(); }
    bool read_only() const override { return false; }
    const std::string& name() const override { return base_->name(); }
    bool remembers_start() const override { return true; }

protected:
    bool do_read(u64 offset, std::span<u8> out) override;
    bool do_write(u64 offset, std::span<const u8> in) override;
    bool do_flush() override { return true; }
    bool do_revert(u64 cluster) override;

private:
    std::vector<u8>* find(u64 cluster);
    std::unique_ptr<BlockImage> base_;
    std::vector<std::unique_ptr<std::vector<u8>>> clusters_; // by number; empty where the base answers
};

enum class MediaKind : u8 { Floppy, Cd, Disk };

/// By content and size: an ISO 9660 volume is a CD, what fits a floppy and holds no partition table is a floppy,
/// everything else a disk. Throws UserError if the file cannot be read.
MediaKind probe_media(const std::string& path);

struct ImageOptions {
    std::string format{}; ///< "raw", "qcow2", "vhd", "vmdk"; empty: probed from the content once
    /// Files outside the image's directory that it may stand on: an image file names its parent, and a name in a file
    /// that came from elsewhere must not reach every file of the host.
    std::vector<std::string> parents{};
    bool snapshot = false;  ///< never write the file
    bool read_only = false; ///< show the medium as write-protected
};

/// Opens an image for a drive of that kind: a floppy is padded to its geometry, a CD is read-only.
std::unique_ptr<BlockImage> open_image(const std::string& path, MediaKind kind, const ImageOptions& options = {});

/// A directory of the host as a read-only medium: a CD is ISO 9660 with Joliet and Rock Ridge, floppies and disks are
/// FAT. The layout follows from names, sizes and dates; contents are read from the host's files when they are asked
/// for.
std::unique_ptr<BlockImage> open_directory_image(const std::string& path, MediaKind kind);

/// Memory as an image, for tests and for media made on the fly.
std::unique_ptr<BlockImage> make_memory_image(std::vector<u8> content, bool read_only, std::string name);

} // namespace r86

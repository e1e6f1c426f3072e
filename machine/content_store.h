#pragma once
/// Contents that pages, clusters and chips had at earlier times. New ones are kept as they are; the oldest that are
/// still wanted are packed on a worker thread. No result depends on when it does so.
#include "core/types.h"
#include <memory>
#include <span>
#include <vector>

namespace r86 {

class ContentStore;

/// One content. It is made while the content still stands in the machine ("live") and gets its bytes when somebody is
/// about to change it there.
class Version {
public:
    explicit Version(ContentStore& store) : store_(store) {}
    ~Version();
    Version(const Version&) = delete;
    Version& operator=(const Version&) = delete;

    bool live() const { return form_ == Form::Live; }
    usize size() const { return size_; }

private:
    friend class ContentStore;
    enum class Form : u8 { Live, Zero, Raw, Packed };
    ContentStore& store_;
    Form form_ = Form::Live;
    u32 size_ = 0;
    std::vector<u8> bytes_;
};

using VersionRef = std::shared_ptr<Version>;

class ContentStore {
public:
    ContentStore();
    ~ContentStore();
    ContentStore(const ContentStore&) = delete;
    ContentStore& operator=(const ContentStore&) = delete;

    VersionRef make() { return std::make_shared<Version>(*this); }
    /// Gives a live version its bytes.
    void keep(const VersionRef& version, std::span<const u8> content);
    /// `out` has the version's size.
    void read(const Version& version, std::span<u8> out) const;
    std::vector<u8> read(const Version& version) const;

    /// Memory in use by contents, unpacked ones apart.
    u64 bytes() const;
    u64 raw_bytes() const;
    /// Has the worker pack the oldest contents until about `raw_limit` bytes are unpacked.
    void pack_down_to(u64 raw_limit);
    /// Waits until the worker has nothing to do.
    void settle();

private:
    friend class Version;
    struct Worker;
    std::unique_ptr<Worker> worker_;
};

} // namespace r86

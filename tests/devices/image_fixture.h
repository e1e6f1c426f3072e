#pragma once
/// What the tests of image formats share: host files in memory that fail or lose power when told, a scratch directory,
/// and QEMU's qemu-img as a second opinion where the host has it.
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/image_create.h"
#include "devices/image_formats.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace r86 {

/// A directory that goes away with the test.
struct ScratchDirectory {
    std::filesystem::path path;
    ScratchDirectory() {
        std::random_device random;
        path = std::filesystem::temp_directory_path() / ("r86-image-" + std::to_string(random()));
        std::filesystem::create_directories(path);
    }
    ~ScratchDirectory() { std::filesystem::remove_all(path); }
    ScratchDirectory(const ScratchDirectory&) = delete;
    std::string operator/(const std::string& name) const { return (path / name).string(); }
    std::string file(const std::string& name, const std::vector<u8>& content) const {
        std::filesystem::create_directories((path / name).parent_path());
        std::ofstream(path / name, std::ios::binary)
            .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
        return (path / name).string();
    }
};

inline std::vector<u8> bytes_of_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// What stands on the disk of a simulated host, and how it came there.
struct MemoryDisk {
    std::vector<u8> content;
    /// One change: bytes at an offset, or (empty) a new size.
    struct Change {
        u64 offset;
        std::vector<u8> bytes;
    };
    std::vector<Change> since_flush; ///< kept only with `journal`
    std::vector<u8> flushed;
    bool journal = false;
    u64 changes = 0;          ///< writes, resizes and flushes so far
    u64 fail_at = ~u64{0};    ///< the change with this number and all later ones fail
    u64 fail_until = ~u64{0}; ///< from here on they succeed again
    bool fail_reads = false;

    static void apply(std::vector<u8>& to, const Change& change) {
        if (change.bytes.empty()) return to.resize(change.offset);
        if (to.size() < change.offset + change.bytes.size()) to.resize(change.offset + change.bytes.size());
        std::copy(change.bytes.begin(), change.bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(change.offset));
    }
};

class MemoryFile final : public HostFile {
public:
    explicit MemoryFile(std::shared_ptr<MemoryDisk> disk, std::string name = "memory") : disk_(std::move(disk)) {
        path_ = std::move(name);
        size_ = disk_->content.size();
    }
    bool read(u64 offset, std::span<u8> out) override {
        if (disk_->fail_reads || offset > size_ || out.size() > size_ - offset) {
            error_ = "'" + path_ + "' cannot be read: injected";
            return false;
        }
        if (!out.empty()) std::memcpy(out.data(), disk_->content.data() + offset, out.size());
        return true;
    }
    bool write(u64 offset, std::span<const u8> in) override {
        if (in.empty()) return true;
        return change({offset, {in.begin(), in.end()}});
    }
    bool resize(u64 bytes) override { return change({bytes, {}}); }

protected:
    bool do_flush() override {
        if (fails()) return false;
        disk_->since_flush.clear();
        if (disk_->journal) disk_->flushed = disk_->content;
        return true;
    }

private:
    bool fails() {
        const u64 number = disk_->changes++;
        if (number < disk_->fail_at || number >= disk_->fail_until) return false;
        error_ = "'" + path_ + "' cannot be written: No space left on device";
        return true;
    }
    bool change(MemoryDisk::Change one) {
        if (fails()) return false;
        constexpr u64 kMost = u64{1} << 30;
        if (one.offset > kMost || one.bytes.size() > kMost - one.offset) return false;
        MemoryDisk::apply(disk_->content, one);
        size_ = disk_->content.size();
        if (disk_->journal) disk_->since_flush.push_back(std::move(one));
        return true;
    }
    std::shared_ptr<MemoryDisk> disk_;
};

inline std::unique_ptr<HostFile> memory_file(const std::shared_ptr<MemoryDisk>& disk) {
    return std::make_unique<MemoryFile>(disk);
}

/// Parents and extents that stand in memory.
struct MemoryNeighbours final : ImageNeighbours {
    std::function<std::unique_ptr<BlockImage>()> parent;
    std::map<std::string, std::shared_ptr<MemoryDisk>> extents;
    std::unique_ptr<BlockImage> open_parent(const std::string&, const std::string& name, const std::string&) override {
        if (!parent) throw UserError("no parent '" + name + "'");
        return parent();
    }
    std::unique_ptr<HostFile> open_extent(const std::string&, const std::string& name, bool) override {
        if (!extents.count(name)) throw UserError("no extent '" + name + "'");
        return std::make_unique<MemoryFile>(extents[name], name);
    }
};

inline bool has_qemu_img() {
    static const bool there = std::system("qemu-img --version >/dev/null 2>&1") == 0;
    return there;
}
/// The exit status of `qemu-img ARGUMENTS`.
inline int qemu_img(const std::string& arguments) {
    const int status = std::system(("qemu-img " + arguments + " >/dev/null 2>&1").c_str());
    return status < 0 ? status : status >> 8 & 0xFF;
}

inline constexpr usize kSector = 512;

inline void number_sector(u8* sector, u32 number) {
    store_le<u32>(sector, number);
    for (usize done = 4; done < kSector; done *= 2) std::memcpy(sector + done, sector, done);
}
/// The number is that of the first word.
inline bool is_numbered(const u8* sector) { return std::memcmp(sector, sector + 4, kSector - 4) == 0; }

/// A guest that writes numbered sectors at random places, and what its disk may show after a crash.
struct Guest {
    std::mt19937 random;
    u64 sectors;
    std::vector<u32> now, flushed;
    std::map<u64, std::vector<u32>> since; // by sector: written after the last flush
    u32 next = 1'000'000;

    Guest(unsigned seed, u64 sectors_) : random(seed), sectors(sectors_), now(sectors_), flushed(sectors_) {}
    bool write(BlockImage& image) {
        const u64 first = random() % sectors;
        const u64 count = std::min<u64>(1 + random() % 24, sectors - first);
        std::vector<u8> data(count * kSector);
        for (u64 s = first; s < first + count; ++s) {
            number_sector(&data[(s - first) * kSector], next);
            since[s].push_back(next);
            now[s] = next++;
        }
        return image.write(first * kSector, data);
    }
    bool flush(BlockImage& image) {
        if (!image.flush()) return false;
        since.clear();
        flushed = now;
        return true;
    }
    /// Empty, or how the disk differs from what a crash may leave.
    std::string compare(BlockImage& image, bool exact) const {
        constexpr u64 kAtOnce = 61; // prime: over the borders of clusters, blocks and grains
        std::vector<u8> several(kAtOnce * kSector);
        for (u64 s = 0; s < sectors; ++s) {
            if (s % kAtOnce == 0) {
                several.resize(std::min(kAtOnce, sectors - s) * kSector);
                if (!image.read(s * kSector, several)) return "sector " + std::to_string(s) + " cannot be read";
            }
            const u8* sector = &several[s % kAtOnce * kSector];
            const u32 number = load_le<u32>(sector);
            if (!is_numbered(sector)) return "sector " + std::to_string(s) + " is torn";
            if (number == now[s]) continue;
            if (exact) return "sector " + std::to_string(s) + " is old";
            const auto at = since.find(s);
            if (number == flushed[s]) continue;
            if (at == since.end() || std::find(at->second.begin(), at->second.end(), number) == at->second.end())
                return "sector " + std::to_string(s) + " lost what was flushed";
        }
        return "";
    }
};

/// A disk whose sectors are numbered from 1.
inline std::vector<u8> numbered_disk(u64 sectors) {
    std::vector<u8> out(sectors * kSector);
    for (u32 s = 0; s < sectors; ++s) number_sector(&out[s * kSector], s + 1);
    return out;
}

} // namespace r86

/// The raw format: the file's bytes are the disk's.
#include "devices/image_formats.h"
#include <algorithm>
#include <array>
#include <cstring>

namespace r86 {

namespace {

/// An image whose bytes are the file's bytes. `size` beyond the file's end reads as zeros; writing there grows the
/// file.
class RawImage final : public BlockImage {
public:
    RawImage(std::unique_ptr<HostFile> file, u64 size, bool read_only, bool probed)
        : file_(std::move(file)), size_(size), read_only_(read_only), probed_(probed) {}
    u64 size() const override { return size_; }
    bool read_only() const override { return read_only_; }
    const std::string& name() const override { return file_->path(); }
    void describe(ImageFacts& facts) const override { facts.file_bytes = file_->size(); }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        return file_->read_padded(offset, out) || report("image " + file_->error());
    }
    bool do_write(u64 offset, std::span<const u8> in) override {
        if (read_only_) return false; // a state or a timeline must not change it either
        if (probed_ && !stays_raw(offset, in))
            return report("the guest's write to image '" + name() +
                          "' was refused: it would look like another image format at the next start; give format=raw");
        return file_->write(offset, in) || report("image " + file_->error());
    }
    bool do_flush() override { return file_->flush() || report("image " + file_->error()); }
    bool do_revert(u64) override { return false; }

private:
    /// Probing trusts the first and the last sector, so a guest must not write there what names a file of the host.
    bool stays_raw(u64 offset, std::span<const u8> in) {
        const u64 last = size_ > kProbedBytes ? size_ - kProbedBytes : 0;
        for (const u64 sector : {u64{0}, last}) {
            if (offset >= sector + kProbedBytes || offset + in.size() <= sector) continue;
            std::array<u8, kProbedBytes> bytes{};
            if (!do_read(sector, std::span(bytes).first(std::min<u64>(kProbedBytes, size_ - sector)))) return false;
            const u64 from = std::max(offset, sector), to = std::min<u64>(offset + in.size(), sector + kProbedBytes);
            std::memcpy(bytes.data() + (from - sector), in.data() + (from - offset), to - from);
            if (std::string_view(format_of_header(bytes)) != "raw") return false;
        }
        return true;
    }

    std::unique_ptr<HostFile> file_;
    u64 size_;
    bool read_only_;
    bool probed_;
};

} // namespace

std::unique_ptr<BlockImage> open_raw(std::unique_ptr<HostFile> file, u64 size, bool writable, bool guarded) {
    return std::make_unique<RawImage>(std::move(file), size, !writable, guarded);
}

} // namespace r86

/// A CD as whole sectors of 2352 bytes (".bin"), of which drives see the user data: ECMA-130, 14 "Digital sectors".
/// NOT IMPLEMENTED: cue sheets; tracks behind the first one, audio for instance, are sectors like its own.
#include "devices/cd_sector.h"
#include "devices/image_formats.h"
#include <algorithm>
#include <array>

namespace r86 {

namespace {

constexpr usize kDataBytes = 2048, kModeAt = 15;
constexpr usize kMode2Data = 24; ///< behind sync and header, and the subheader of CD-ROM XA

class RawCdImage final : public ReadOnlyImage {
public:
    RawCdImage(std::unique_ptr<HostFile> file, usize data_at)
        : file_(std::move(file)), size_(file_->size() / kRawSectorBytes * kDataBytes), data_at_(data_at) {}
    u64 size() const override { return size_; }
    const std::string& name() const override { return file_->path(); }
    void describe(ImageFacts& facts) const override {
        facts.format = "raw sectors";
        facts.file_bytes = file_->size();
    }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        while (!out.empty()) {
            const u64 sector = offset / kDataBytes, in_sector = offset % kDataBytes;
            const usize length = std::min<u64>(out.size(), kDataBytes - in_sector);
            if (!file_->read(sector * kRawSectorBytes + data_at_ + in_sector, out.first(length)))
                return report("image " + file_->error());
            out = out.subspan(length);
            offset += length;
        }
        return true;
    }

private:
    std::unique_ptr<HostFile> file_;
    u64 size_;
    usize data_at_;
};

} // namespace

usize raw_cd_data_at(std::span<const u8> header, u64 file_bytes) {
    constexpr std::array<u8, 12> kSync = {0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    if (header.size() <= kModeAt || file_bytes < kRawSectorBytes || file_bytes % kRawSectorBytes) return 0;
    if (!std::equal(kSync.begin(), kSync.end(), header.begin())) return 0;
    return header[kModeAt] == 1 ? kRawUserData : header[kModeAt] == 2 ? kMode2Data : 0;
}

std::unique_ptr<BlockImage> open_raw_cd(std::unique_ptr<HostFile> file, usize data_at) {
    return std::make_unique<RawCdImage>(std::move(file), data_at);
}

} // namespace r86

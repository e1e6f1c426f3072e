/// The raw format, what an image file is for, and the place where other formats plug in.
#include "core/error.h"
#include "devices/block_image.h"
#include "devices/floppy_geometry.h"
#include "devices/host_file.h"
#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace r86 {

namespace {

constexpr usize kHeaderBytes = 512;
using Header = std::array<u8, kHeaderBytes>;

bool starts_with(std::span<const u8> header, std::string_view magic) {
    return header.size() >= magic.size() && std::memcmp(header.data(), magic.data(), magic.size()) == 0;
}

/// The format that the first bytes of a file claim; "raw" if none.
const char* format_of(std::span<const u8> header) {
    if (starts_with(header, "QFI\xFB")) return "qcow2";
    if (starts_with(header, "conectix") || starts_with(header, "vhdxfile")) return "vhd";
    if (starts_with(header, "KDMV") || starts_with(header, "COWD") || starts_with(header, "# Disk DescriptorFile"))
        return "vmdk";
    return "raw";
}

const char* kind_name(MediaKind kind) {
    switch (kind) {
    case MediaKind::Floppy: return "floppy image";
    case MediaKind::Cd: return "CD image";
    case MediaKind::Disk: break;
    }
    return "disk image";
}

/// An image whose bytes are the file's bytes. `size` beyond the file's end reads as zeros; writing there grows the
/// file.
class RawImage final : public BlockImage {
public:
    RawImage(std::unique_ptr<HostFile> file, u64 size, bool read_only, bool probed)
        : file_(std::move(file)), size_(size), read_only_(read_only), probed_(probed) {}
    u64 size() const override { return size_; }
    bool read_only() const override { return read_only_; }
    const std::string& name() const override { return file_->path(); }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        const u64 in_file = offset < file_->size() ? std::min<u64>(out.size(), file_->size() - offset) : 0;
        if (in_file && !file_->read(offset, out.first(in_file))) return report("image " + file_->error());
        std::fill(out.begin() + static_cast<std::ptrdiff_t>(in_file), out.end(), u8{0});
        return true;
    }
    bool do_write(u64 offset, std::span<const u8> in) override {
        if (read_only_) return false; // a state or a timeline must not change it either
        if (probed_ && offset < kHeaderBytes && !header_allowed(offset, in))
            return report("the guest's write to the start of image '" + name() +
                          "' was refused: it would look like another image format at the next start; give format=raw");
        return file_->write(offset, in) || report("image " + file_->error());
    }
    bool do_flush() override { return file_->flush() || report("image " + file_->error()); }
    bool do_revert(u64) override { return false; }

private:
    /// Probing trusts the content, so a guest must not write a header that names a file of the host.
    bool header_allowed(u64 offset, std::span<const u8> in) {
        Header header{};
        if (!do_read(0, std::span(header).first(std::min<u64>(kHeaderBytes, size_)))) return false;
        std::memcpy(header.data() + offset, in.data(), std::min<u64>(in.size(), kHeaderBytes - offset));
        return std::string_view(format_of(header)) == "raw";
    }

    std::unique_ptr<HostFile> file_;
    u64 size_;
    bool read_only_;
    bool probed_;
};

bool has_suffix(const std::string& path, std::string_view suffix) {
    if (path.size() < suffix.size()) return false;
    return std::equal(suffix.begin(), suffix.end(), path.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                      [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

std::unique_ptr<HostFile> open_and_check(const std::string& path, HostFile::Access access, const char* what) {
    auto file = HostFile::open(path, access, what);
    if (file->size() == 0) throw UserError(std::string(what) + " '" + path + "' is empty");
    return file;
}

Header read_header(HostFile& file) {
    Header header{};
    if (!file.read(0, std::span(header).first(std::min<u64>(kHeaderBytes, file.size()))))
        throw UserError("image " + file.error());
    return header;
}

/// A boot sector with at least one plausible partition entry and no impossible one.
bool has_partition_table(const Header& sector) {
    if (sector[510] != 0x55 || sector[511] != 0xAA) return false;
    bool any = false;
    for (usize entry = 446; entry < 510; entry += 16) {
        const u8 status = sector[entry];
        const u8 type = sector[entry + 4];
        u32 first = 0, count = 0;
        for (unsigned i = 0; i < 4; ++i) {
            first |= static_cast<u32>(sector[entry + 8 + i]) << (8 * i);
            count |= static_cast<u32>(sector[entry + 12 + i]) << (8 * i);
        }
        if (status != 0x00 && status != 0x80) return false;
        if (type && first && count) any = true;
    }
    return any;
}

u64 checked_size(const HostFile& file, MediaKind kind, const char* what) {
    const u64 size = file.size();
    const std::string subject = std::string(what) + " '" + file.path() + "' ";
    switch (kind) {
    case MediaKind::Floppy: {
        if (size < kSmallestFloppy) throw UserError(subject + "is smaller than one sector of 512 bytes");
        const FloppyGeometry* geometry = floppy_geometry(size);
        if (!geometry) throw UserError(subject + "is larger than 2.88 MB, the largest floppy; use --disk for it");
        return geometry->bytes();
    }
    case MediaKind::Cd:
        if (size % 2048)
            throw UserError(subject + "is cut inside a sector: its size is not a multiple of 2048; fetch it again");
        break;
    case MediaKind::Disk:
        if (size % 512)
            throw UserError(subject + "is cut inside a sector: its size is not a multiple of 512; pad it with zeros");
        break;
    }
    return size;
}

} // namespace

MediaKind probe_media(const std::string& path) {
    auto file = open_and_check(path, HostFile::Access::Read, "image");
    std::array<u8, 5> volume{};
    // ECMA-119 8.1: the volume descriptors start at sector 16; "CD001" stands at byte 1 of each.
    constexpr u64 kStandardIdentifier = 16 * 2048 + 1;
    if (file->size() >= kStandardIdentifier + volume.size()) {
        if (!file->read(kStandardIdentifier, volume)) throw UserError("image " + file->error());
        if (starts_with(volume, "CD001")) return MediaKind::Cd;
    }
    if (has_suffix(path, ".iso")) return MediaKind::Cd;
    const Header header = read_header(*file);
    if (file->size() > kLargestFloppy || std::string_view(format_of(header)) != "raw") return MediaKind::Disk;
    const FloppyGeometry* geometry = floppy_geometry(file->size());
    if (geometry->bytes() == file->size()) return MediaKind::Floppy;
    return has_partition_table(header) ? MediaKind::Disk : MediaKind::Floppy;
}

std::unique_ptr<BlockImage> open_image(const std::string& path, MediaKind kind, const ImageOptions& options) {
    const char* what = kind_name(kind);
    const bool protect = options.read_only || kind == MediaKind::Cd;
    auto file = open_and_check(
        path, protect || options.snapshot ? HostFile::Access::Read : HostFile::Access::PreferWrite, what);
    const bool probed = options.format.empty();
    const std::string format = probed ? format_of(read_header(*file)) : options.format;
    if (format == "qcow2" || format == "vhd" || format == "vmdk")
        throw UserError(std::string(what) + " '" + path + "': the format " + format +
                        " is not available yet; convert it to raw");
    if (format != "raw") throw UserError("unknown image format '" + format + "'; use raw, qcow2, vhd or vmdk");
    const u64 size = checked_size(*file, kind, what);
    const bool write_protected = protect || (!options.snapshot && file->read_only());
    auto image =
        std::make_unique<RawImage>(std::move(file), size, protect || options.snapshot || write_protected, probed);
    if (!options.snapshot || protect) return image;
    return std::make_unique<SnapshotOverlay>(std::move(image));
}

} // namespace r86

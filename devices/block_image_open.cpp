/// What an image file is for, which format it has, and what it stands on.
#include "core/error.h"
#include "devices/floppy_geometry.h"
#include "devices/image_formats.h"
#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <filesystem>

namespace r86 {

namespace {

using Header = std::array<u8, kProbedBytes>;
constexpr usize kDeepestChain = 16;

bool starts_with(std::span<const u8> header, std::string_view magic) {
    return header.size() >= magic.size() && std::memcmp(header.data(), magic.data(), magic.size()) == 0;
}

struct Signature {
    const char* name;
    usize offset;
    std::string_view magic;
};

/// Formats of other programs: to take them for raw would show the guest their tables, and let it write over them.
constexpr Signature kForeign[] = {
    {"VHDX", 0, "vhdxfile"},
    {"VDI (VirtualBox)", 0x40, "\x7F\x10\xDA\xBE"},
    {"QED", 0, std::string_view("QED\0", 4)},
    {"Parallels", 0, "WithoutFreeSpace"},
    {"Parallels", 0, "WithouFreSpacExt"},
    {"Bochs", 0, "Bochs Virtual HD Image"},
};

/// Images are often handed out packed.
constexpr Signature kPacked[] = {
    {"gzip", 0, "\x1F\x8B\x08"}, {"xz", 0, "\3757zXZ"}, {"zstd", 0, "\x28\xB5\x2F\xFD"},
    {"bzip2", 0, "BZh"},         {"zip", 0, "PK\3\4"},  {"7-Zip", 0, "7z\xBC\xAF\x27\x1C"},
};

const Signature* find_signature(std::span<const u8> header, std::span<const Signature> all) {
    for (const Signature& one : all)
        if (header.size() >= one.offset && starts_with(header.subspan(one.offset), one.magic)) return &one;
    return nullptr;
}

const char* kind_name(MediaKind kind) {
    switch (kind) {
    case MediaKind::Floppy: return "floppy image";
    case MediaKind::Cd: return "CD image";
    case MediaKind::Disk: break;
    }
    return "disk image";
}

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
    if (!file.read(0, std::span(header).first(std::min<u64>(kProbedBytes, file.size()))))
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

/// The size of the medium: of a floppy, the geometry that holds the image.
u64 checked_size(u64 size, const std::string& subject, MediaKind kind) {
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

std::unique_ptr<BlockImage> open_format(std::unique_ptr<HostFile> file, const std::string& format, bool writable,
                                        ImageNeighbours& neighbours) {
    if (format == "qcow2") return open_qcow2(std::move(file), writable, neighbours);
    if (format == "vhd") return open_vhd(std::move(file), writable, neighbours);
    if (format == "vmdk") return open_vmdk(std::move(file), writable, neighbours);
    for (const Signature& foreign : kForeign)
        if (format == foreign.name)
            throw UserError("image '" + file->path() + "' is in the format " + format +
                            ", which is not supported; convert it with qemu-img convert -O qcow2");
    throw UserError("unknown image format '" + format + "'; use raw, qcow2, vhd or vmdk");
}

/// Opens what image files name, under the rule for names that came with a file.
class HostNeighbours final : public ImageNeighbours {
public:
    HostNeighbours(const std::string& image, const std::vector<std::string>& allowed) : allowed_(allowed) {
        chain_.push_back(image);
    }

    std::unique_ptr<BlockImage> open_parent(const std::string& child, const std::string& name,
                                            const std::string& format) override {
        const std::string path = permitted(child, name, "backing file");
        for (const std::string& below : chain_)
            if (same_host_file(below, path))
                throw UserError("image '" + child + "' stands on '" + path + "', which stands on itself");
        if (chain_.size() >= kDeepestChain)
            throw UserError("image '" + chain_.front() + "' stands on more than " + std::to_string(kDeepestChain) +
                            " others; commit some of them");
        chain_.push_back(path);
        auto file = open_and_check(path, HostFile::Access::Read, "backing file");
        const std::string known = format.empty() ? probe_format(*file) : format;
        const u64 size = file->size();
        auto image = known == "raw" ? open_raw(std::move(file), size, false, false)
                                    : open_format(std::move(file), known == "vpc" ? "vhd" : known, false, *this);
        chain_.pop_back();
        return image;
    }
    std::unique_ptr<HostFile> open_extent(const std::string& image, const std::string& name, bool writable) override {
        return HostFile::open(permitted(image, name, "file"),
                              writable ? HostFile::Access::PreferWrite : HostFile::Access::Read, "image part");
    }

    std::string spelling(const std::string& image, const std::string& name) override {
        std::error_code trouble;
        if (std::filesystem::exists(path_beside(image, name), trouble)) return name;
        const auto same = [](char a, char b) {
            return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
        };
        std::filesystem::path folder = std::filesystem::path(image).parent_path();
        if (folder.empty()) folder = ".";
        for (std::filesystem::directory_iterator entry(folder, trouble), end; !trouble && entry != end;
             entry.increment(trouble)) {
            const std::string here = entry->path().filename().string();
            if (std::equal(here.begin(), here.end(), name.begin(), name.end(), same)) return here;
        }
        return name;
    }

private:
    std::string permitted(const std::string& image, const std::string& name, const char* role) const {
        const std::string path = path_beside(image, name);
        if (names_a_neighbour(image, name)) return path;
        for (const std::string& one : allowed_)
            if (same_host_file(one, path)) return path;
        throw UserError("image '" + image + "' names the " + role + " '" + name +
                        "', which is not in its directory; allow it with ,backing=FILE behind the image's name");
    }
    std::vector<std::string> chain_;
    const std::vector<std::string>& allowed_;
};

/// A medium in an image of another format: a floppy gets its geometry's size, and any medium may be write-protected.
class SizedImage final : public BlockImage {
public:
    SizedImage(std::unique_ptr<BlockImage> image, u64 size) : image_(std::move(image)), size_(size) {
        image_->on_error([this](const std::string& sentence) { report(sentence); });
    }
    u64 size() const override { return size_; }
    bool read_only() const override { return image_->read_only(); }
    const std::string& name() const override { return image_->name(); }
    void describe(ImageFacts& facts) const override { image_->describe(facts); }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        const usize there = offset < image_->size() ? std::min<u64>(out.size(), image_->size() - offset) : 0;
        std::fill(out.begin() + static_cast<std::ptrdiff_t>(there), out.end(), u8{0});
        return image_->read(offset, out.first(there));
    }
    bool do_write(u64 offset, std::span<const u8> in) override { return image_->write(offset, in); }
    bool do_flush() override { return image_->flush(); }
    bool do_revert(u64) override { return false; }

private:
    std::unique_ptr<BlockImage> image_;
    u64 size_;
};

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
    if (has_suffix(path, ".iso") || has_suffix(path, ".cue")) return MediaKind::Cd;
    const Header header = read_header(*file);
    if (raw_cd_mode(header, file->size())) return MediaKind::Cd;
    if (file->size() > kLargestFloppy || probe_format(*file) != "raw") return MediaKind::Disk;
    const FloppyGeometry* geometry = floppy_geometry(file->size());
    if (geometry->bytes() == file->size()) return MediaKind::Floppy;
    return has_partition_table(header) ? MediaKind::Disk : MediaKind::Floppy;
}

const char* format_of_header(std::span<const u8> header) {
    if (starts_with(header, "QFI\xFB")) return "qcow2";
    if (starts_with(header, "conectix")) return "vhd";
    if (starts_with(header, "KDMV") || starts_with(header, "COWD") || starts_with(header, "# Disk DescriptorFile"))
        return "vmdk";
    const Signature* foreign = find_signature(header, kForeign);
    return foreign ? foreign->name : "raw";
}

std::string probe_format(HostFile& file) {
    const Header header = read_header(file);
    const std::string format = format_of_header(header);
    if (const Signature* packed = format == "raw" ? find_signature(header, kPacked) : nullptr)
        throw UserError("image '" + file.path() + "' is packed with " + packed->name + "; unpack it first");
    if (format != "raw" || file.size() < 2 * kProbedBytes) return format;
    Header last{}; // a fixed VHD has nothing but a footer
    if (!file.read(file.size() - kProbedBytes, last)) throw UserError("image " + file.error());
    return starts_with(last, "conectix") ? "vhd" : "raw";
}

std::unique_ptr<BlockImage> open_image(const std::string& path, MediaKind kind, const ImageOptions& options) {
    const char* what = kind_name(kind);
    const bool protect = options.read_only || kind == MediaKind::Cd;
    auto file = open_and_check(
        path, protect || options.snapshot ? HostFile::Access::Read : HostFile::Access::PreferWrite, what);
    const bool probed = options.format.empty();
    const std::string format = probed ? probe_format(*file) : options.format;
    const std::string subject = std::string(what) + " '" + path + "' ";
    const bool writable = !protect && !options.snapshot && !file->read_only();
    std::unique_ptr<BlockImage> image;
    const bool raw_cd = format == "raw" && kind == MediaKind::Cd;
    if (const u8 mode = raw_cd ? raw_cd_mode(read_header(*file), file->size()) : u8{0}) {
        image = open_raw_cd(std::move(file), mode);
    } else if (format == "raw" && kind == MediaKind::Cd && has_suffix(path, ".cue")) {
        HostNeighbours neighbours(path, options.parents);
        image = open_cue_sheet(std::move(file), neighbours);
    } else if (format == "raw") {
        const u64 size = checked_size(file->size(), subject, kind);
        image = open_raw(std::move(file), size, writable, probed);
    } else {
        HostNeighbours neighbours(path, options.parents);
        image = open_format(std::move(file), format, writable, neighbours);
        const u64 size = checked_size(image->size(), subject, kind);
        if (size != image->size()) image = std::make_unique<SizedImage>(std::move(image), size);
    }
    if (!options.snapshot || protect) return image;
    return std::make_unique<SnapshotOverlay>(std::move(image));
}

} // namespace r86

/// Creating, checking, copying and committing image files.
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/image_create.h"
#include "devices/image_formats.h"
#include "devices/qcow2_check.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr usize kCopyBytes = 1 << 20;

bool all_zero(std::span<const u8> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](u8 byte) { return byte == 0; });
}

/// For looking at one file alone: what it stands on is left out, or remembered.
class NoNeighbours final : public ImageNeighbours {
public:
    std::string parent, format;
    std::unique_ptr<BlockImage> open_parent(const std::string&, const std::string& name,
                                            const std::string& told) override {
        parent = name;
        format = told == "vpc" ? "vhd" : told;
        return make_memory_image({}, true, name);
    }
    std::unique_ptr<HostFile> open_extent(const std::string& image, const std::string& name, bool) override {
        return HostFile::open(path_beside(image, name), HostFile::Access::Read, "image part");
    }
};

ImageCheck check_qcow2(std::unique_ptr<HostFile> file, bool repair) {
    const auto must = [&](bool done) {
        if (!done) throw UserError("image " + file->error());
    };
    Qcow2Header header = Qcow2Header::read(*file);
    Qcow2Refcounts refcounts(*file, header);
    const std::string problem = refcounts.load();
    Qcow2Checker checker(*file, header, refcounts);
    Qcow2CheckResult result = checker.check(problem);
    ImageCheck out{.format = "qcow2"};
    if (repair && (result.corruptions || result.leaks)) {
        if (result.corruptions && !result.repairable)
            throw UserError("image '" + file->path() + "' cannot be repaired: " + result.first_problem +
                            "; copy what can be read with: rewind86 image convert");
        out.fixed = result.corruptions + result.leaks;
        out.first_problem = result.first_problem;
        must(result.corruptions ? checker.rebuild() : checker.free_leaks());
        result = checker.check();
    }
    const u64 trouble = header.incompatible & (Qcow2Header::kDirty | Qcow2Header::kCorrupt);
    if (repair && trouble && !result.corruptions) {
        u8 field[8];
        store_be<u64>(field, header.incompatible & ~trouble);
        must(file->flush() && file->write(72, field) && file->flush());
    }
    out.corruptions = result.corruptions;
    out.leaks = result.leaks;
    out.allocated = result.allocated;
    out.compressed = result.compressed;
    out.clusters = (header.size + header.cluster_bytes() - 1) / header.cluster_bytes();
    if (!out.fixed) out.first_problem = result.first_problem;
    return out;
}

} // namespace

void create_image(const std::string& path, ImageRecipe recipe) {
    if (!recipe.parent.empty()) {
        if (recipe.format == "raw") throw UserError("a raw image cannot have a backing file");
        ImageOptions below;
        below.format = recipe.parent_format;
        below.read_only = true;
        const std::string parent = path_beside(path, recipe.parent);
        below.parents = recipe.allowed_parents;
        auto base = open_image(parent, MediaKind::Disk, below);
        ImageFacts facts;
        base->describe(facts);
        if (recipe.size == 0) recipe.size = base->size();
        if (recipe.parent_format.empty()) recipe.parent_format = facts.format;
        if (recipe.format != "qcow2" && recipe.format != facts.format)
            throw UserError("a " + recipe.format + " image stands on images of its own format only; '" + parent +
                            "' is " + facts.format);
        std::copy_n(facts.id.begin(), std::min(facts.id.size(), recipe.parent_id.size()), recipe.parent_id.begin());
    }
    if (recipe.size == 0) throw UserError("a disk needs a size");
    if (recipe.size % 512) throw UserError("the size of a disk must be a multiple of 512 bytes");
    if (recipe.cluster_bytes && recipe.format == "qcow2" &&
        ((recipe.cluster_bytes & (recipe.cluster_bytes - 1)) || recipe.cluster_bytes < 512 ||
         recipe.cluster_bytes > (2u << 20)))
        throw UserError("the cluster size must be a power of two from 512 to 2M");
    const bool known = recipe.format == "qcow2" || recipe.format == "vhd" || recipe.format == "vmdk";
    if (!known && recipe.format != "raw")
        throw UserError("unknown image format '" + recipe.format + "'; use raw, qcow2, vhd or vmdk");
    auto file = HostFile::open(path, HostFile::Access::Create, "new image");
    try {
        if (recipe.format == "qcow2") return create_qcow2(*file, recipe);
        if (recipe.format == "vhd") return create_vhd(*file, recipe);
        if (recipe.format == "vmdk") return create_vmdk(*file, recipe);
        if (!file->resize(recipe.size) || !file->flush()) throw UserError("image " + file->error());
    } catch (const UserError&) {
        file.reset();
        HostFile::remove(path); // a torso would only be in the way of the next try
        throw;
    }
}

ImageCheck check_image(const std::string& path, const std::string& format, bool repair) {
    auto file = HostFile::open(path, repair ? HostFile::Access::Write : HostFile::Access::Read, "image");
    if (file->size() == 0) throw UserError("image '" + path + "' is empty");
    const std::string known = format.empty() ? probe_format(*file) : format;
    if (known == "qcow2") return check_qcow2(std::move(file), repair);
    // The other formats have tables that opening checks whole.
    NoNeighbours alone;
    if (known == "vhd")
        open_vhd(std::move(file), repair, alone);
    else if (known == "vmdk")
        open_vmdk(std::move(file), repair, alone);
    else if (known != "raw")
        throw UserError("images of the format '" + known + "' cannot be checked");
    return {.format = known};
}

void copy_image(BlockImage& source, BlockImage& target, const ImageProgress& progress) {
    std::string trouble;
    source.on_error([&](const std::string& sentence) { trouble = sentence; });
    target.on_error([&](const std::string& sentence) { trouble = sentence; });
    const auto must = [&](bool done) {
        if (!done) throw UserError(trouble.empty() ? "image '" + source.name() + "' cannot be copied" : trouble);
    };
    std::vector<u8> buffer(kCopyBytes);
    for (u64 at = 0; at < source.size(); at += kCopyBytes) {
        const std::span<u8> piece = std::span(buffer).first(std::min<u64>(kCopyBytes, source.size() - at));
        if (progress) progress(at, source.size());
        if (!source.parent() && !source.holds(at, piece.size())) continue;
        must(source.read(at, piece));
        for (usize part = 0; part < piece.size(); part += BlockImage::kClusterBytes) {
            const auto bytes = piece.subspan(part, std::min<usize>(BlockImage::kClusterBytes, piece.size() - part));
            if (!all_zero(bytes)) must(target.write(at + part, bytes));
        }
    }
    must(target.flush());
    if (progress) progress(source.size(), source.size());
    source.on_error({});
    target.on_error({});
}

std::string commit_image(const std::string& path, const ImageOptions& options, const ImageProgress& progress) {
    auto file = HostFile::open(path, HostFile::Access::Read, "image");
    if (file->size() == 0) throw UserError("image '" + path + "' is empty");
    const std::string format = options.format.empty() ? probe_format(*file) : options.format;
    NoNeighbours alone;
    std::unique_ptr<BlockImage> top;
    if (format == "qcow2")
        top = open_qcow2(std::move(file), false, alone);
    else if (format == "vhd")
        top = open_vhd(std::move(file), false, alone);
    else if (format == "vmdk")
        top = open_vmdk(std::move(file), false, alone);
    if (!top || alone.parent.empty()) throw UserError("image '" + path + "' stands on no other image");
    const std::string parent = path_beside(path, alone.parent);
    bool permitted = names_a_neighbour(path, alone.parent);
    for (const std::string& one : options.parents) permitted |= same_host_file(one, parent);
    if (!permitted)
        throw UserError("image '" + path + "' stands on '" + alone.parent +
                        "', which is not in its directory; allow it with --backing FILE");
    ImageOptions below;
    below.format = alone.format;
    below.parents = options.parents;
    auto base = open_image(parent, MediaKind::Disk, below);
    if (base->read_only()) throw UserError("image '" + parent + "' may not be written; check its permissions");
    if (base->size() < top->size())
        throw UserError("image '" + parent + "' is smaller than '" + path + "'; make it as large first");
    std::string trouble;
    top->on_error([&](const std::string& sentence) { trouble = sentence; });
    base->on_error([&](const std::string& sentence) { trouble = sentence; });
    ImageFacts facts;
    top->describe(facts);
    std::vector<u8> buffer(facts.holds_unit);
    for (u64 at = 0; at < top->size(); at += buffer.size()) {
        if (progress && at % kCopyBytes == 0) progress(at, top->size());
        const auto piece = std::span(buffer).first(std::min<u64>(buffer.size(), top->size() - at));
        if (!top->holds(at, piece.size())) continue;
        if (!top->read(at, piece) || !base->write(at, piece))
            throw UserError(trouble.empty() ? "image '" + path + "' cannot be committed" : trouble);
    }
    if (!base->flush()) throw UserError(trouble);
    if (progress) progress(top->size(), top->size());
    base->on_error({});
    return parent;
}

} // namespace r86

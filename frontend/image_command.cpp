#include "frontend/image_command.h"
#include "core/bits.h"
#include "core/error.h"
#include "devices/image_create.h"
#include "frontend/cli/options.h"
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace r86 {

namespace {

constexpr i64 kUnixSecondsOf2000 = 946'684'800;

bool stderr_is_a_terminal() {
#ifdef _WIN32
    return _isatty(2);
#else
    return isatty(2);
#endif
}

/// Disks consist of whole sectors.
u64 disk_size(const std::string& text) { return align_up(parse_size(text), 512); }

std::string human_size(u64 bytes) {
    static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double value = static_cast<double>(bytes);
    usize unit = 0;
    while (value >= 1024 && unit + 1 < std::size(kUnits)) {
        value /= 1024;
        ++unit;
    }
    char text[64];
    std::snprintf(text, sizeof text, unit ? "%.3g %s" : "%.0f %s", value, kUnits[unit]);
    return unit ? std::string(text) + " (" + std::to_string(bytes) + " bytes)" : text;
}

/// The format that a file's name asks for.
std::string format_by_name(const std::string& path) {
    std::string suffix = std::filesystem::path(path).extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char c) { return std::tolower(c); });
    if (suffix == ".vhd" || suffix == ".vpc") return "vhd";
    if (suffix == ".vmdk") return "vmdk";
    if (suffix == ".img" || suffix == ".raw" || suffix == ".ima" || suffix == ".dsk" || suffix == ".iso") return "raw";
    return "qcow2";
}

ImageProgress progress_of(const char* doing) {
    if (!stderr_is_a_terminal()) return {};
    return [doing, shown = 101u](u64 done, u64 total) mutable {
        const unsigned percent =
            total ? static_cast<unsigned>(static_cast<double>(done) * 100 / static_cast<double>(total)) : 100;
        if (percent == shown) return;
        shown = percent;
        std::fprintf(stderr, "\r%s: %3u %%%s", doing, percent, done == total ? "\n" : "");
        std::fflush(stderr);
    };
}

void identify(ImageRecipe& recipe) {
    std::random_device random;
    for (u8& byte : recipe.id) byte = static_cast<u8>(random());
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    recipe.seconds_since_2000 =
        static_cast<u32>(std::chrono::duration_cast<std::chrono::seconds>(now).count() - kUnixSecondsOf2000);
}

/// What the command line says; each subcommand uses some of it.
struct Arguments {
    std::string file, target, size, format, target_format, backing, backing_format, cluster;
    std::vector<std::string> allowed;
    bool fixed = false, repair = false, old_version = false;

    ImageOptions options() const {
        ImageOptions out;
        out.format = format;
        out.parents = allowed;
        return out;
    }
};

/// As a disk, or what only a CD drive understands: whole sectors, a cue sheet.
std::unique_ptr<BlockImage> open_to_look(const Arguments& a) {
    ImageOptions options = a.options();
    options.read_only = true;
    const bool cd = a.format.empty() && probe_media(a.file) == MediaKind::Cd;
    return open_image(a.file, cd ? MediaKind::Cd : MediaKind::Disk, options);
}

int create(const Arguments& a) {
    ImageRecipe recipe;
    recipe.format = a.format.empty() ? format_by_name(a.file) : a.format;
    if (!a.size.empty()) recipe.size = disk_size(a.size);
    if (!a.cluster.empty()) recipe.cluster_bytes = parse_size(a.cluster);
    recipe.parent = a.backing;
    recipe.parent_format = a.backing_format;
    recipe.allowed_parents = a.allowed;
    // The user names the backing file here and now, so it may be anywhere. What the file stores counts from its
    // directory.
    if (!a.backing.empty())
        recipe.allowed_parents.push_back(
            (std::filesystem::path(a.file).parent_path() / a.backing).lexically_normal().string());
    recipe.fixed = a.fixed;
    recipe.old_version = a.old_version;
    identify(recipe);
    create_image(a.file, recipe);
    return 0;
}

int info(const Arguments& a) {
    const auto image = open_to_look(a);
    ImageFacts facts;
    image->describe(facts);
    std::printf("image: %s\nformat: %s\nsize of the disk: %s\n", a.file.c_str(), facts.format.c_str(),
                human_size(image->size()).c_str());
    std::printf("size of the file: %s\n", human_size(facts.file_bytes).c_str());
    if (facts.cluster_bytes) std::printf("cluster size: %s\n", human_size(facts.cluster_bytes).c_str());
    if (!facts.parent.empty()) {
        std::printf("stands on: %s\n", facts.parent.c_str());
        if (!facts.parent_format.empty()) std::printf("format of that: %s\n", facts.parent_format.c_str());
    }
    if (facts.snapshots) std::printf("snapshots inside: %u\n", facts.snapshots);
    for (const auto& [name, value] : facts.details) std::printf("%s: %s\n", name.c_str(), value.c_str());
    return 0;
}

int convert(const Arguments& a) {
    const auto source = open_to_look(a);
    ImageRecipe recipe;
    recipe.format = a.target_format.empty() ? format_by_name(a.target) : a.target_format;
    recipe.size = source->size();
    recipe.fixed = a.fixed;
    recipe.old_version = a.old_version;
    if (!a.cluster.empty()) recipe.cluster_bytes = parse_size(a.cluster);
    identify(recipe);
    create_image(a.target, recipe);
    try {
        ImageOptions to;
        to.format = recipe.format;
        const auto target = open_image(a.target, MediaKind::Disk, to);
        copy_image(*source, *target, progress_of("converting"));
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove(a.target, ignored); // half a disk is worse than none
        throw;
    }
    return 0;
}

int check(const Arguments& a) {
    const ImageCheck result = check_image(a.file, a.format, a.repair);
    if (result.fixed)
        std::printf("repaired: %llu problems%s%s\n", static_cast<unsigned long long>(result.fixed),
                    result.first_problem.empty() ? "" : "; the first was: ", result.first_problem.c_str());
    if (result.clusters)
        std::printf("%llu of %llu clusters are allocated (%.1f %%), %llu of them compressed\n",
                    static_cast<unsigned long long>(result.allocated), static_cast<unsigned long long>(result.clusters),
                    100.0 * static_cast<double>(result.allocated) / static_cast<double>(result.clusters),
                    static_cast<unsigned long long>(result.compressed));
    if (result.corruptions) {
        std::printf("%s is damaged: %llu problems; the first: %s\n", a.file.c_str(),
                    static_cast<unsigned long long>(result.corruptions), result.first_problem.c_str());
        return 2;
    }
    if (result.leaks) {
        std::printf("%llu clusters are leaked: space is lost, data is not; --repair frees them\n",
                    static_cast<unsigned long long>(result.leaks));
        return 3;
    }
    std::printf("no problem found\n");
    return 0;
}

int commit(const Arguments& a) {
    const std::string parent = commit_image(a.file, a.options(), progress_of("committing"));
    std::printf("%s now holds everything that %s does; the latter may be deleted\n", parent.c_str(), a.file.c_str());
    return 0;
}

} // namespace

int image_command(int argc, char** argv) {
    CLI::App app{"Work on disk images. Formats: raw, qcow2, vhd, vmdk.", "rewind86 image"};
    app.require_subcommand(1);
    Arguments a;
    int status = 0;
    const auto add = [&](const char* name, const char* what, int (*work)(const Arguments&)) {
        CLI::App* sub = app.add_subcommand(name, what);
        sub->add_option("FILE", a.file, "The image file")->required();
        sub->add_option("-f,--format", a.format, "Its format; default: by content, or for a new file by its name");
        sub->callback([&a, &status, work] { status = work(a); });
        return sub;
    };
    const auto allow = [&](CLI::App* sub) {
        sub->add_option("--allow-backing", a.allowed,
                        "A backing file that may be used though it is not in the image's directory; repeatable");
    };
    const auto shape = [&](CLI::App* sub) {
        sub->add_flag("--fixed", a.fixed, "vhd, vmdk: take all space at once");
        sub->add_flag("--qcow2-v2", a.old_version, "qcow2: version 2, for programs from before 2012");
        sub->add_option("--cluster", a.cluster, "qcow2: cluster size, 512 to 2M; default 64K");
    };

    CLI::App* sub = add("create", "Make a new, empty image", create);
    sub->add_option("SIZE", a.size, "Size of the disk, e.g. 500M or 8G; with --backing, default the backing file's");
    sub->add_option("-b,--backing", a.backing,
                    "Stand on this image: it is read, changes go to the new file. A relative "
                    "path counts from the new file's directory");
    sub->add_option("-F,--backing-format", a.backing_format, "The backing file's format; default: by content");
    shape(sub);
    sub = add("info", "Show what an image file is", info);
    allow(sub);
    sub = add("convert", "Copy an image into a new one of another format", convert);
    sub->add_option("TARGET", a.target, "The new file")->required();
    sub->add_option("-O,--target-format", a.target_format, "The new file's format; default: by its name");
    shape(sub);
    allow(sub);
    sub = add("check", "Look for damage (exit status 2) and leaked space (3)", check);
    sub->add_flag("-r,--repair", a.repair, "Free leaked space and correct reference counts");
    sub = add("commit", "Write an image's changes into the image that it stands on", commit);
    allow(sub);

    try {
        app.parse(argc, argv);
        return status;
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "rewind86 image: %s\n", error.what());
        return 1;
    }
}

} // namespace r86

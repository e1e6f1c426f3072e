#include "devices/host_directory.h"
#include "core/error.h"
#include <algorithm>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>

namespace r86 {

namespace fs = std::filesystem;

namespace {

constexpr usize kMostNodes = 200'000;
constexpr usize kDeepest = 64;

i64 changed_at(const fs::path& path) {
#ifdef _WIN32
    struct _stat64 info {};
    return _stat64(path.string().c_str(), &info) == 0 ? static_cast<i64>(info.st_mtime) : 0;
#else
    struct stat info {};
    return stat(path.c_str(), &info) == 0 ? static_cast<i64>(info.st_mtime) : 0;
#endif
}

void read_into(DirectoryTree& tree, u32 parent, const fs::path& path, usize depth, const std::string& top) {
    if (depth > kDeepest) throw UserError("directory '" + top + "' is nested too deeply");
    std::error_code error;
    std::vector<DirectoryTree::Node> found;
    for (auto at = fs::directory_iterator(path, error); !error && at != fs::directory_iterator(); at.increment(error)) {
        std::error_code ignored;
        DirectoryTree::Node node;
        node.name = at->path().filename().string();
        node.host_path = at->path().string();
        node.directory = at->is_directory(ignored);
        if (node.directory ? at->is_symlink(ignored) : !at->is_regular_file(ignored)) continue;
        if (!node.directory) node.size = at->file_size(ignored);
        if (ignored) continue;
        node.seconds = changed_at(at->path());
        node.parent = parent;
        found.push_back(std::move(node));
        if (tree.nodes.size() + found.size() > kMostNodes)
            throw UserError("directory '" + top + "' holds more than " + std::to_string(kMostNodes) + " files");
    }
    if (error) throw UserError("directory '" + path.string() + "' cannot be read: " + error.message());
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    for (auto& node : found) {
        tree.nodes[parent].children.push_back(static_cast<u32>(tree.nodes.size()));
        tree.nodes.push_back(std::move(node));
    }
    const std::vector<u32> children = tree.nodes[parent].children;
    for (const u32 child : children)
        if (tree.nodes[child].directory) read_into(tree, child, tree.nodes[child].host_path, depth + 1, top);
}

} // namespace

DirectoryTree DirectoryTree::read(const std::string& path) {
    std::error_code error;
    if (!fs::exists(path, error)) throw UserError("directory '" + path + "' does not exist; check the name");
    if (!fs::is_directory(path, error))
        throw UserError("'" + path + "' is no directory; name one, or use it as an image");
    DirectoryTree tree;
    tree.nodes.push_back({.host_path = path, .directory = true, .seconds = changed_at(path)});
    read_into(tree, 0, path, 0, path);
    return tree;
}

DateTime date_of(i64 seconds) {
    const i64 days = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400;
    const u32 in_day = static_cast<u32>(seconds - days * 86400);
    // Years start in March here, so that a leap day is a year's last.
    const i64 shifted = days + 719468;
    const i64 era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const u32 of_era = static_cast<u32>(shifted - era * 146097);
    const u32 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const u32 of_year = of_era - (365 * year + year / 4 - year / 100);
    const u32 month = (5 * of_year + 2) / 153;
    DateTime out{};
    out.day = of_year - (153 * month + 2) / 5 + 1;
    out.month = month < 10 ? month + 3 : month - 9;
    out.year = static_cast<u32>(year + era * 400) + (out.month <= 2 ? 1 : 0);
    out.hour = in_day / 3600;
    out.minute = in_day / 60 % 60;
    out.second = in_day % 60;
    return out;
}

} // namespace r86

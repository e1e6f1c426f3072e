#include "frontend/window/media.h"
#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <system_error>

namespace r86 {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kLargestFloppy = 2880 * 1024;

/// A cue sheet, or a volume descriptor of ISO 9660 in sector 16, of 2048 bytes or raw ones of 2352.
bool looks_like_cd(const fs::path& file) {
    const std::string suffix = file.extension().string();
    if (suffix == ".cue" || suffix == ".CUE") return true;
    std::ifstream in(file, std::ios::binary);
    for (const std::streamoff at : {16 * 2048 + 1, 16 * 2352 + 16 + 1}) {
        std::array<char, 5> id{};
        in.clear();
        if (in.seekg(at) && in.read(id.data(), id.size()) && std::string_view(id.data(), id.size()) == "CD001")
            return true;
    }
    return false;
}

std::string size_text(std::uintmax_t bytes) {
    if (bytes < 10 * 1024 * 1024) return std::to_string((bytes + 1023) / 1024) + " KB";
    return std::to_string(bytes / (1024 * 1024)) + " MB";
}

bool fits(const fs::directory_entry& entry, const std::string& drive, std::uintmax_t size) {
    if (size == 0) return false;
    if (drive.starts_with("floppy")) return size <= kLargestFloppy;
    return size > kLargestFloppy || looks_like_cd(entry.path());
}

} // namespace

std::optional<std::string> drive_for_file(const fs::path& file, const std::vector<SessionStatus::Drive>& drives) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) return std::nullopt;
    const std::uintmax_t size = fs::file_size(file, error);
    if (error || size == 0) return std::nullopt;
    const char* kind = looks_like_cd(file) ? "cdrom" : size <= kLargestFloppy ? "floppy" : "cdrom";
    for (const SessionStatus::Drive& drive : drives)
        if (drive.removable && drive.name.starts_with(kind)) return drive.name;
    return std::nullopt;
}

std::vector<FolderEntry> folder_entries(const fs::path& folder, const std::string& drive) {
    std::vector<FolderEntry> folders;
    std::vector<FolderEntry> files;
    std::error_code error;
    for (fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error), end;
         !error && it != end; it.increment(error)) {
        std::error_code ignored;
        const std::string name = it->path().filename().string();
        if (name.starts_with(".")) continue;
        if (it->is_directory(ignored)) {
            folders.push_back({it->path(), name + "/", true});
        } else if (it->is_regular_file(ignored)) {
            const std::uintmax_t size = it->file_size(ignored);
            if (!ignored && fits(*it, drive, size)) files.push_back({it->path(), name + "  " + size_text(size), false});
        }
    }
    const auto by_text = [](const FolderEntry& a, const FolderEntry& b) { return a.text < b.text; };
    std::sort(folders.begin(), folders.end(), by_text);
    std::sort(files.begin(), files.end(), by_text);
    std::vector<FolderEntry> all;
    if (folder.has_parent_path() && folder != folder.root_path()) all.push_back({folder.parent_path(), "../", true});
    std::move(files.begin(), files.end(), std::back_inserter(all));
    std::move(folders.begin(), folders.end(), std::back_inserter(all));
    return all;
}

std::string drive_title(const std::string& drive) {
    if (drive == "floppy0") return "Floppy drive A:";
    if (drive == "floppy1") return "Floppy drive B:";
    if (drive == "cdrom0") return "CD drive";
    return drive;
}

} // namespace r86

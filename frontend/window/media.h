#pragma once
/// Files that can go into a drive: what a dropped file is, and what a folder offers.
#include "frontend/emulation_port.h"
#include <filesystem>
#include <optional>

namespace r86 {

/// The removable drive that takes the file, by content and size: a CD image goes into the first CD drive, anything up
/// to 2.88 MB into the first floppy drive. Nothing if the file cannot be read or no drive takes it.
std::optional<std::string> drive_for_file(const std::filesystem::path& file,
                                          const std::vector<SessionStatus::Drive>& drives);

struct FolderEntry {
    std::filesystem::path path;
    std::string text; ///< for a list
    bool folder = false;
};
/// The folder above, files that the drive may take, then folders, each by name; hidden ones are left out.
std::vector<FolderEntry> folder_entries(const std::filesystem::path& folder, const std::string& drive);

/// "floppy0" as people call it.
std::string drive_title(const std::string& drive);

} // namespace r86

/// Which drive takes a file, and what a folder offers.
#include "frontend/window/media.h"
#include "tests/catch.h"
#include <algorithm>
#include <fstream>
#include <unistd.h>

using namespace r86;
namespace fs = std::filesystem;

namespace {

class Folder {
public:
    Folder() : path_(fs::temp_directory_path() / ("rewind86-media-" + std::to_string(getpid()))) {
        fs::create_directories(path_);
    }
    ~Folder() { fs::remove_all(path_); }
    fs::path file(const std::string& name, std::uintmax_t size, std::streamoff cd_mark = 0) const {
        std::ofstream out(path_ / name, std::ios::binary);
        if (cd_mark) out.seekp(cd_mark) << "CD001";
        out.close();
        fs::resize_file(path_ / name, size);
        return path_ / name;
    }
    const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

const std::vector<SessionStatus::Drive> kDrives = {
    {"disk0", "c.img", false}, {"floppy0", "", true}, {"floppy1", "", true}, {"cdrom0", "", true}};

} // namespace

TEST_CASE("window: a dropped file goes where it fits") {
    const Folder folder;
    CHECK(drive_for_file(folder.file("dos.img", 1440 * 1024), kDrives) == "floppy0");
    CHECK(drive_for_file(folder.file("big.img", 2880 * 1024), kDrives) == "floppy0");
    CHECK(drive_for_file(folder.file("os.iso", 40 << 20, 32769), kDrives) == "cdrom0");
    CHECK(drive_for_file(folder.file("raw.bin", 40 << 20, 16 * 2352 + 17), kDrives) == "cdrom0");
    CHECK(drive_for_file(folder.file("game.cue", 200), kDrives) == "cdrom0");
    CHECK(drive_for_file(folder.file("small.iso", 400 * 1024, 32769), kDrives) == "cdrom0"); // by content, not by size
    CHECK(drive_for_file(folder.file("empty", 0), kDrives) == std::nullopt);
    CHECK(drive_for_file(folder.path(), kDrives) == std::nullopt);
    CHECK(drive_for_file(folder.path() / "missing", kDrives) == std::nullopt);
    CHECK(drive_for_file(folder.file("dos.img", 1440 * 1024), {{"disk0", "", false}}) == std::nullopt);
}

TEST_CASE("window: a folder offers what the drive takes") {
    const Folder folder;
    folder.file("b.img", 1440 * 1024);
    folder.file("a.img", 720 * 1024);
    folder.file("os.iso", 40 << 20, 32769);
    folder.file(".hidden", 1000);
    fs::create_directory(folder.path() / "more");
    const auto names = [&](const std::string& drive) {
        std::vector<std::string> out;
        for (const FolderEntry& entry : folder_entries(folder.path(), drive)) out.push_back(entry.text);
        return out;
    };
    CHECK(names("floppy0") == std::vector<std::string>{"../", "a.img  720 KB", "b.img  1440 KB", "more/"});
    CHECK(names("cdrom0") == std::vector<std::string>{"../", "os.iso  40 MB", "more/"});
    CHECK(folder_entries(folder.path() / "missing", "floppy0").size() == 1); // the way out
    CHECK(folder_entries("/", "cdrom0").front().text != "../");
    CHECK(drive_title("floppy1") == "Floppy drive B:");
}

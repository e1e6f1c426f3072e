#include "frontend/host/files.h"
#include "core/error.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <unistd.h>

namespace r86 {

namespace {
struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;
} // namespace

std::vector<u8> read_host_file(const std::string& path, const std::string& what, u64 most) {
    const std::string subject = what + " '" + path + "' ";
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored)) throw UserError(subject + "is a directory");
    const File file(std::fopen(path.c_str(), "rb"));
    if (!file) throw UserError(subject + "cannot be read: " + std::strerror(errno));
    std::vector<u8> content;
    u8 chunk[65536];
    while (const usize got = std::fread(chunk, 1, sizeof chunk, file.get())) {
        content.insert(content.end(), chunk, chunk + got);
        if (content.size() > most) throw UserError(subject + "is too large");
    }
    if (std::ferror(file.get())) throw UserError(subject + "cannot be read: " + std::strerror(errno));
    if (content.empty()) throw UserError(subject + "is empty");
    return content;
}

bool may_be_written(const std::string& path) {
    return ::access(path.c_str(), W_OK) == 0 || (errno != EACCES && errno != EROFS && errno != EPERM);
}

void write_host_file(const std::string& path, std::span<const u8> content) {
    const auto fail = [&](int reason) {
        throw UserError("'" + path + "' cannot be written: " + std::strerror(reason));
    };
    const auto write = [&](const std::string& to) {
        errno = 0;
        File file(std::fopen(to.c_str(), "wb"));
        bool fine = file && std::fwrite(content.data(), 1, content.size(), file.get()) == content.size();
        int reason = errno;
        if (file && std::fclose(file.release()) != 0) {
            if (fine) reason = errno;
            fine = false;
        }
        return fine ? 0 : reason ? reason : EIO;
    };
    std::error_code ignored;
    const auto kind = std::filesystem::symlink_status(path, ignored).type();
    if (kind != std::filesystem::file_type::regular) { // a new file, or what can only be written where it is
        const int reason = write(path);
        if (!reason) return;
        if (kind == std::filesystem::file_type::not_found) std::filesystem::remove(path, ignored);
        fail(reason);
    }
    if (!may_be_written(path)) fail(EACCES);
    const std::string part = path + ".part";
    int reason = write(part);
    if (!reason && std::rename(part.c_str(), path.c_str()) != 0) reason = errno;
    if (!reason) return;
    std::filesystem::remove(part, ignored);
    fail(reason);
}

} // namespace r86

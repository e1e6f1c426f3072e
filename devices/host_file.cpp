#ifndef _WIN32
#define _FILE_OFFSET_BITS 64
#endif
#include "devices/host_file.h"
#include "core/error.h"
#include <algorithm>
#include <filesystem>
#include <system_error>
#ifdef _WIN32
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace r86 {

namespace {

/// One system call moves at most this much, so that its length fits every host's type.
constexpr usize kLargestPiece = usize{1} << 30;

class OpenFile final : public HostFile {
public:
    OpenFile(const std::string& path, Access access, const std::string& what);
    ~OpenFile() override;
    bool read(u64 offset, std::span<u8> out) override;
    bool write(u64 offset, std::span<const u8> in) override;
    bool resize(u64 bytes) override;

protected:
    bool do_flush() override;

private:
    bool fail(const char* doing);
#ifdef _WIN32
    void* handle_ = nullptr;
#else
    void close_descriptor();
    int descriptor_ = -1;
#endif
};

[[noreturn]] void refuse(const std::string& what, const std::string& path, const std::string& why) {
    throw UserError(what + " '" + path + "' " + why);
}

} // namespace

std::unique_ptr<HostFile> HostFile::open(const std::string& path, Access access, const std::string& what) {
    return std::make_unique<OpenFile>(path, access, what);
}

void HostFile::remove(const std::string& path) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
}

bool HostFile::flush() {
    if (read_only_) return true;
    if (flush_failed_) {
        error_ = "'" + path_ + "' could not be flushed before, and the host may have lost what was written since";
        return false;
    }
    if (do_flush()) return true;
    flush_failed_ = true;
    return false;
}

bool HostFile::read_padded(u64 offset, std::span<u8> out) {
    const usize there = offset < size_ ? static_cast<usize>(std::min<u64>(out.size(), size_ - offset)) : 0;
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(there), out.end(), u8{0});
    return there == 0 || read(offset, out.first(there));
}

bool same_host_file(const std::string& a, const std::string& b) {
    std::error_code ignored;
    return std::filesystem::equivalent(a, b, ignored);
}

std::string path_beside(const std::string& beside, const std::string& name) {
    return (std::filesystem::path(beside).parent_path() / name).lexically_normal().string();
}

bool names_a_neighbour(const std::string& image, const std::string& name) {
    const std::filesystem::path directory = std::filesystem::path(image).parent_path();
    const std::filesystem::path target = (directory / name).lexically_normal();
    if (!target.has_filename() || target.filename() == "..") return false;
    std::error_code ignored;
    const auto here = [](const std::filesystem::path& path) {
        return path.empty() ? std::filesystem::path(".") : path;
    };
    return target.parent_path() == directory.lexically_normal() ||
           std::filesystem::equivalent(here(target.parent_path()), here(directory), ignored);
}

#ifdef _WIN32

namespace {

std::string last_error_text() {
    char text[256];
    const DWORD length = FormatMessageA(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr,
                                        GetLastError(), 0, text, sizeof text, nullptr);
    std::string out(text, length);
    while (!out.empty() && (out.back() == '\n' || out.back() == '\r' || out.back() == '.')) out.pop_back();
    return out;
}

OVERLAPPED position(u64 offset) {
    OVERLAPPED at{};
    at.Offset = static_cast<DWORD>(offset);
    at.OffsetHigh = static_cast<DWORD>(offset >> 32);
    return at;
}

} // namespace

OpenFile::OpenFile(const std::string& path, Access access, const std::string& what) {
    path_ = path;
    const DWORD attributes = GetFileAttributesA(path.c_str());
    if (access != Access::Create) {
        if (attributes == INVALID_FILE_ATTRIBUTES) refuse(what, path, "does not exist; check the name");
        if (attributes & FILE_ATTRIBUTE_DIRECTORY) refuse(what, path, "is a directory; name a file");
    }
    // A writer shares with nobody, a reader with readers: the sharing mode is the lock.
    HANDLE handle = INVALID_HANDLE_VALUE;
    if (access != Access::Read) {
        handle = CreateFileA(path.c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
                             access == Access::Create ? CREATE_NEW : OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
    }
    if (handle == INVALID_HANDLE_VALUE && access != Access::Create && access != Access::Write &&
        GetLastError() != ERROR_SHARING_VIOLATION) {
        handle = CreateFileA(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL,
                             nullptr);
        read_only_ = true;
    }
    if (handle == INVALID_HANDLE_VALUE) {
        if (GetLastError() == ERROR_SHARING_VIOLATION)
            refuse(what, path, "is in use by another program; close it first");
        refuse(what, path, "cannot be opened: " + last_error_text());
    }
    handle_ = handle;
    LARGE_INTEGER size{};
    GetFileSizeEx(handle, &size);
    size_ = static_cast<u64>(size.QuadPart);
}

OpenFile::~OpenFile() {
    if (handle_) CloseHandle(handle_);
}

bool OpenFile::fail(const char* doing) {
    error_ = "'" + path_ + "' " + doing + ": " + last_error_text();
    return false;
}

bool OpenFile::read(u64 offset, std::span<u8> out) {
    while (!out.empty()) {
        OVERLAPPED at = position(offset);
        DWORD got = 0;
        if (!ReadFile(handle_, out.data(), static_cast<DWORD>(std::min(out.size(), kLargestPiece)), &got, &at) || !got)
            return fail("cannot be read");
        out = out.subspan(got);
        offset += got;
    }
    return true;
}

bool OpenFile::write(u64 offset, std::span<const u8> in) {
    while (!in.empty()) {
        OVERLAPPED at = position(offset);
        DWORD done = 0;
        if (!WriteFile(handle_, in.data(), static_cast<DWORD>(std::min(in.size(), kLargestPiece)), &done, &at) || !done)
            return fail("cannot be written");
        in = in.subspan(done);
        offset += done;
        size_ = std::max(size_, offset);
    }
    return true;
}

bool OpenFile::do_flush() { return FlushFileBuffers(handle_) ? true : fail("cannot be flushed"); }

bool OpenFile::resize(u64 bytes) {
    LARGE_INTEGER at{};
    at.QuadPart = static_cast<LONGLONG>(bytes);
    if (!SetFilePointerEx(handle_, at, nullptr, FILE_BEGIN) || !SetEndOfFile(handle_)) return fail("cannot be resized");
    size_ = bytes;
    return true;
}

#else

namespace {

#ifdef F_OFD_SETLK
/// One byte or, with length 0, everything from there on. `command`: F_OFD_SETLK sets, F_OFD_GETLK asks for what is in
/// the way. False: somebody else's lock is.
bool byte_lock(int descriptor, int command, short type, off_t at, off_t length) {
    struct flock range {};
    range.l_type = type;
    range.l_whence = SEEK_SET;
    range.l_start = at;
    range.l_len = length;
    if (fcntl(descriptor, command, &range) != 0) return errno != EAGAIN && errno != EACCES;
    return command == F_OFD_SETLK || range.l_type == F_UNLCK;
}
#endif

/// Locks belong to the open file description, so that two machines in one process exclude each other too.
/// Byte-range locks of that kind work over NFS; where the host has none, flock() does. A writer locks the whole file; a
/// reader locks as QEMU's do, so that its tools may read beside us: byte 100 + n says "I do n", byte 200 + n "nobody
/// else may", where n is 0 for reading what does not change, 1 for writing and 3 for resizing.
bool lock_file(int descriptor, bool exclusive) {
#ifdef F_OFD_SETLK
    struct flock anything {};
    anything.l_type = F_RDLCK;
    const bool works = fcntl(descriptor, F_OFD_GETLK, &anything) == 0 || errno != EINVAL;
    if (works && exclusive) return byte_lock(descriptor, F_OFD_SETLK, F_WRLCK, 0, 0);
    if (works) {
        for (const off_t mine : {100, 201, 203})
            if (!byte_lock(descriptor, F_OFD_SETLK, F_RDLCK, mine, 1)) return false;
        for (const off_t theirs : {101, 103, 200})
            if (!byte_lock(descriptor, F_OFD_GETLK, F_WRLCK, theirs, 1)) return false;
        return true;
    }
#endif
    if (flock(descriptor, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return true;
    return errno != EWOULDBLOCK;
}

} // namespace

OpenFile::OpenFile(const std::string& path, Access access, const std::string& what) {
    path_ = path;
    struct stat info {};
    if (access != Access::Create) {
        if (stat(path.c_str(), &info) != 0) {
            if (errno == ENOENT || errno == ENOTDIR) refuse(what, path, "does not exist; check the name");
            refuse(what, path, std::string("cannot be opened: ") + std::strerror(errno));
        }
        if (S_ISDIR(info.st_mode)) refuse(what, path, "is a directory; name a file");
        // A FIFO or terminal would block or answer differently each time.
        if (!S_ISREG(info.st_mode) && !S_ISBLK(info.st_mode)) refuse(what, path, "is no regular file");
    }
    int descriptor = -1;
    if (access == Access::Create)
        descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    else if (access != Access::Read)
        descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    const bool may_fall_back = errno == EACCES || errno == EPERM || errno == EROFS || errno == ETXTBSY;
    if (descriptor < 0 && (access == Access::Read || (access == Access::PreferWrite && may_fall_back))) {
        descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        read_only_ = true;
    }
    if (descriptor < 0) {
        if (errno == EACCES || errno == EPERM) refuse(what, path, "may not be opened; check its permissions");
        if (errno == EEXIST) refuse(what, path, "exists already; choose another name or remove it");
        refuse(what, path, std::string("cannot be opened: ") + std::strerror(errno));
    }
    descriptor_ = descriptor;
    if (!lock_file(descriptor, !read_only_)) {
        close_descriptor(); // a constructor that throws has no destructor
        refuse(what, path, "is in use by another program; close it first, or use --snapshot in both");
    }
    const off_t end = lseek(descriptor, 0, SEEK_END);
    if (end < 0) {
        const std::string why = std::strerror(errno);
        close_descriptor();
        refuse(what, path, "cannot be measured: " + why);
    }
    size_ = static_cast<u64>(end);
}

OpenFile::~OpenFile() { close_descriptor(); }

void OpenFile::close_descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
    descriptor_ = -1;
}

bool OpenFile::fail(const char* doing) {
    error_ = "'" + path_ + "' " + doing + ": " + std::strerror(errno);
    return false;
}

bool OpenFile::read(u64 offset, std::span<u8> out) {
    while (!out.empty()) {
        const ssize_t got =
            pread(descriptor_, out.data(), std::min(out.size(), kLargestPiece), static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got == 0) errno = EIO; // somebody cut the file under us
        if (got <= 0) return fail("cannot be read");
        out = out.subspan(static_cast<usize>(got));
        offset += static_cast<u64>(got);
    }
    return true;
}

bool OpenFile::write(u64 offset, std::span<const u8> in) {
    while (!in.empty()) {
        const ssize_t done =
            pwrite(descriptor_, in.data(), std::min(in.size(), kLargestPiece), static_cast<off_t>(offset));
        if (done < 0 && errno == EINTR) continue;
        if (done == 0) errno = ENOSPC;
        if (done <= 0) return fail("cannot be written");
        in = in.subspan(static_cast<usize>(done));
        offset += static_cast<u64>(done);
        size_ = std::max(size_, offset);
    }
    return true;
}

bool OpenFile::do_flush() {
    while (fsync(descriptor_) != 0) {
        if (errno == EINTR) continue;
        return fail("cannot be flushed");
    }
    return true;
}

bool OpenFile::resize(u64 bytes) {
    if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return fail("cannot be resized");
    size_ = bytes;
    return true;
}

#endif

} // namespace r86

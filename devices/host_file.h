#pragma once
/// A file of the host as disk images use it: positioned reads and writes, a lock against a second writer, and a flush
/// that reaches the medium. All calls that differ between hosts stand in host_file.cpp.
///
/// Opening throws UserError with one sentence; once open, trouble is a false result and a text in `error()`.
/// NOT IMPLEMENTED: block devices of the host as images (their size is asked for by seeking, which Windows refuses).
#include "core/types.h"
#include <memory>
#include <span>
#include <string>

namespace r86 {

class HostFile {
public:
    enum class Access : u8 {
        Read,        ///< shared with other readers; refused while somebody writes
        PreferWrite, ///< read-write where the host allows it, else as Read
        Write,       ///< read-write or an error
        Create,      ///< a new file; an existing one is an error
    };

    /// `what` names the file's role in messages, e.g. "disk image".
    static std::unique_ptr<HostFile> open(const std::string& path, Access access, const std::string& what);
    ~HostFile();
    HostFile(const HostFile&) = delete;
    HostFile& operator=(const HostFile&) = delete;

    const std::string& path() const { return path_; }
    bool read_only() const { return read_only_; }
    /// Bytes, as of the opening and our own writes since.
    u64 size() const { return size_; }

    /// All or nothing; reading beyond the end is an error.
    [[nodiscard]] bool read(u64 offset, std::span<u8> out);
    /// Writing beyond the end extends the file; the gap reads as zeros.
    [[nodiscard]] bool write(u64 offset, std::span<const u8> in);
    /// Returns when everything written so far is on the medium (fsync).
    [[nodiscard]] bool flush();
    [[nodiscard]] bool resize(u64 bytes);

    /// What went wrong last, in the host's words.
    const std::string& error() const { return error_; }

private:
    HostFile() = default;
    bool fail(const char* doing);

    std::string path_;
    std::string error_;
    u64 size_ = 0;
    bool read_only_ = false;
#ifdef _WIN32
    void* handle_ = nullptr;
#else
    int descriptor_ = -1;
#endif
};

} // namespace r86

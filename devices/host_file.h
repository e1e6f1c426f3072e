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
    /// Takes a closed file away; one that is not there is fine.
    static void remove(const std::string& path);
    virtual ~HostFile() = default;
    HostFile(const HostFile&) = delete;
    HostFile& operator=(const HostFile&) = delete;

    const std::string& path() const { return path_; }
    bool read_only() const { return read_only_; }
    /// Bytes, as of the opening and our own writes since.
    u64 size() const { return size_; }

    /// All or nothing; reading beyond the end is an error.
    [[nodiscard]] virtual bool read(u64 offset, std::span<u8> out) = 0;
    /// Writing beyond the end extends the file; the gap reads as zeros.
    [[nodiscard]] virtual bool write(u64 offset, std::span<const u8> in) = 0;
    /// Returns when everything written so far is on the medium (fsync). Once the host has failed here, it may have
    /// dropped what it could not write and would call the next flush a success; so every later flush fails too.
    [[nodiscard]] bool flush();
    [[nodiscard]] virtual bool resize(u64 bytes) = 0;

    /// As `read`, with zeros for what lies beyond the end.
    [[nodiscard]] bool read_padded(u64 offset, std::span<u8> out);

    /// What went wrong last, in the host's words.
    const std::string& error() const { return error_; }

protected:
    HostFile() = default;
    virtual bool do_flush() = 0;

    std::string path_;
    std::string error_;
    u64 size_ = 0;
    bool read_only_ = false;

private:
    bool flush_failed_ = false;
};

/// Whether two paths lead to the same file of the host; false if one leads nowhere.
bool same_host_file(const std::string& a, const std::string& b);
/// `name` as a path from the directory in which `beside` lies.
std::string path_beside(const std::string& beside, const std::string& name);
/// Whether `name`, as it stands in an image file, means a file in the image's own directory.
bool names_a_neighbour(const std::string& image, const std::string& name);

} // namespace r86

#pragma once
/// A directory of the host with everything below it, as it was when it was read. The door to host directories.
#include "core/types.h"
#include <string>
#include <vector>

namespace r86 {

struct DirectoryTree {
    struct Node {
        std::string name{}; ///< UTF-8, one path component; empty for the root
        std::string host_path{};
        bool directory = false;
        u64 size = 0;                ///< of a file, bytes
        i64 seconds = 0;             ///< last change, since 1970, UTC
        u32 parent = 0;              ///< the root is its own
        std::vector<u32> children{}; ///< by name, byte for byte
    };
    /// In an order in which parents come first and the nodes of one directory stand by name; the root is number 0.
    std::vector<Node> nodes;

    /// Throws UserError. What is neither file nor directory is left out, and so are links to directories (they may go
    /// round in circles).
    static DirectoryTree read(const std::string& path);
};

struct DateTime {
    u32 year, month, day, hour, minute, second;
};
/// The Gregorian date of a number of seconds since 1970, UTC.
DateTime date_of(i64 seconds);

} // namespace r86

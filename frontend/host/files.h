#pragma once
/// Whole files of the host.
#include "core/types.h"
#include <span>
#include <string>
#include <vector>

namespace r86 {

/// `what` names the file's role. Throws UserError with one sentence: missing, a directory, empty, too large.
std::vector<u8> read_host_file(const std::string& path, const std::string& what, u64 most = u64{1} << 31);
/// False for a file that is there and may not be changed.
bool may_be_written(const std::string& path);
/// What stood there before stays if the new content cannot be written whole. Throws UserError.
void write_host_file(const std::string& path, std::span<const u8> content);

} // namespace r86

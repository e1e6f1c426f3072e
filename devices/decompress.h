#pragma once
/// Compressed files and parts of image files. A build without zlib or zstd refuses what needs them.
#include "core/types.h"
#include <optional>
#include <span>
#include <vector>

namespace r86 {

/// Each fills `out` exactly; false if the data is damaged, too short or too long, or the method is not built in.
/// `in` may have bytes after the compressed data.
bool inflate_raw(std::span<const u8> in, std::span<u8> out);     ///< RFC 1951, as qcow2 has it
bool inflate_zlib(std::span<const u8> in, std::span<u8> out);    ///< RFC 1950, as VMDK has it
bool decompress_zstd(std::span<const u8> in, std::span<u8> out); ///< RFC 8878

/// The content of a gzip file (RFC 1952) of one member; nothing if it is none or is damaged.
std::optional<std::vector<u8>> gunzip(std::span<const u8> file);

bool has_inflate();
bool has_zstd();

} // namespace r86

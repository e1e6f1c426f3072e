#pragma once
/// Compression for what history keeps: zlib, level 1. Where the build has no zlib, `pack` keeps everything as it is.
#include "core/types.h"
#include <memory>
#include <span>
#include <vector>

namespace r86 {

/// Keeps its tables between calls, so that packing a page does not begin with clearing 256 KiB. One thread at a time.
class Packer {
public:
    Packer();
    ~Packer();
    Packer(const Packer&) = delete;
    Packer& operator=(const Packer&) = delete;
    /// False: it would not become smaller; `out` is then undefined.
    bool pack(std::span<const u8> in, std::vector<u8>& out);

private:
    struct Tables;
    std::unique_ptr<Tables> tables_;
};

/// Fills `out` exactly; false if the packed bytes are damaged or give another length.
bool unpack(std::span<const u8> packed, std::span<u8> out);

/// CRC-32 as of ISO 3309, which zlib and PNG use.
u32 crc32_of(std::span<const u8> bytes);

} // namespace r86

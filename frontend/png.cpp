#include "frontend/png.h"
#include "core/error.h"
#include "frontend/host/files.h"
#include <string_view>
#include <zlib.h>

namespace r86 {

namespace {

void put_u32(std::vector<u8>& out, u32 value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<u8>(value >> shift));
}

/// Chapter 5.3 "Chunk layout": length, type, data, CRC over type and data.
void put_chunk(std::vector<u8>& out, std::string_view type, const std::vector<u8>& data) {
    put_u32(out, static_cast<u32>(data.size()));
    const usize start = out.size();
    out.insert(out.end(), type.begin(), type.end());
    out.insert(out.end(), data.begin(), data.end());
    put_u32(out, static_cast<u32>(crc32(0, out.data() + start, static_cast<uInt>(out.size() - start))));
}

} // namespace

std::vector<u8> encode_png(const Picture& picture) {
    std::vector<u8> rows; // each begins with its filter type, 0: none
    rows.reserve(usize{picture.height} * (1 + usize{3} * picture.width));
    for (u32 y = 0; y < picture.height; ++y) {
        rows.push_back(0);
        for (u32 x = 0; x < picture.width; ++x) {
            const u32 pixel = picture.pixels[usize{y} * picture.width + x];
            rows.push_back(static_cast<u8>(pixel >> 16));
            rows.push_back(static_cast<u8>(pixel >> 8));
            rows.push_back(static_cast<u8>(pixel));
        }
    }
    uLongf packed_size = compressBound(static_cast<uLong>(rows.size()));
    std::vector<u8> packed(packed_size);
    if (compress2(packed.data(), &packed_size, rows.data(), static_cast<uLong>(rows.size()), 6) != Z_OK)
        throw UserError("the picture could not be compressed");
    packed.resize(packed_size);

    std::vector<u8> out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    std::vector<u8> header;
    put_u32(header, picture.width);
    put_u32(header, picture.height);
    header.insert(header.end(), {8, 2, 0, 0, 0}); // bit depth, RGB, deflate, adaptive filters, no interlace
    put_chunk(out, "IHDR", header);
    put_chunk(out, "IDAT", packed);
    put_chunk(out, "IEND", {});
    return out;
}

void write_png(const std::string& path, const Picture& picture) {
    if (!picture.width || !picture.height) throw UserError("the guest shows no picture");
    write_host_file(path, encode_png(picture));
}

} // namespace r86

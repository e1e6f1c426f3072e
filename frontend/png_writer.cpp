#include "frontend/png_writer.h"
#include "core/error.h"
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <zlib.h>

namespace r86 {

namespace {

void put32(std::vector<u8>& out, u32 value) {
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<u8>(value >> shift));
}

/// 5.3 "Chunk layout": length, type, data, CRC over type and data.
void put_chunk(std::vector<u8>& out, std::string_view type, const std::vector<u8>& data) {
    put32(out, static_cast<u32>(data.size()));
    const usize checked_from = out.size();
    out.insert(out.end(), type.begin(), type.end());
    out.insert(out.end(), data.begin(), data.end());
    put32(out, static_cast<u32>(crc32(0, out.data() + checked_from, static_cast<uInt>(out.size() - checked_from))));
}

} // namespace

std::vector<u8> encode_png(const Picture& picture) {
    std::vector<u8> header;
    put32(header, picture.width);
    put32(header, picture.height);
    for (const u8 byte : {8, 2, 0, 0, 0}) header.push_back(byte); // depth, truecolour, deflate, filters, no interlace

    // 9.2: each row starts with its filter type, and 2 is Up: what repeats the row above becomes zeros.
    constexpr u8 kUp = 2;
    const usize row_bytes = usize{picture.width} * 3;
    std::vector<u8> above(row_bytes);
    std::vector<u8> row(row_bytes);
    std::vector<u8> rows;
    rows.reserve((row_bytes + 1) * picture.height);
    for (u32 y = 0; y < picture.height; ++y) {
        const u32* pixel = picture.pixels.data() + usize{y} * picture.width;
        for (usize x = 0; x < picture.width; ++x)
            for (usize part = 0; part < 3; ++part) row[x * 3 + part] = static_cast<u8>(pixel[x] >> (16 - 8 * part));
        rows.push_back(kUp);
        for (usize i = 0; i < row_bytes; ++i) rows.push_back(static_cast<u8>(row[i] - above[i]));
        above.swap(row);
    }
    uLongf packed_size = compressBound(static_cast<uLong>(rows.size()));
    std::vector<u8> packed(packed_size);
    compress2(packed.data(), &packed_size, rows.data(), static_cast<uLong>(rows.size()), 9);
    packed.resize(packed_size);

    std::vector<u8> out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    put_chunk(out, "IHDR", header);
    put_chunk(out, "IDAT", packed);
    put_chunk(out, "IEND", {});
    return out;
}

void write_png(const std::string& path, const Picture& picture) {
    const std::vector<u8> bytes = encode_png(picture);
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) throw UserError("'" + path + "' cannot be written: " + std::strerror(errno) + ".");
}

} // namespace r86

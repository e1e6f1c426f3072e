#include "devices/decompress.h"
#ifdef R86_HAVE_ZLIB
#include <zlib.h>
#endif
#ifdef R86_HAVE_ZSTD
#include <zstd.h>
#endif

namespace r86 {

#ifdef R86_HAVE_ZLIB

namespace {

bool inflate_all(std::span<const u8> in, std::span<u8> out, int window_bits, bool end_needed = false) {
    z_stream stream{};
    stream.next_in = const_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    if (inflateInit2(&stream, window_bits) != Z_OK) return false;
    const int result = inflate(&stream, Z_FINISH);
    inflateEnd(&stream);
    // qcow2: data that was cut at the cluster's end has no end mark, but is complete all the same.
    return (result == Z_STREAM_END || (result == Z_BUF_ERROR && !end_needed)) && stream.avail_out == 0;
}

} // namespace

std::optional<std::vector<u8>> gunzip(std::span<const u8> file) {
    constexpr usize kHeader = 10, kTrailer = 8, kLargestRatio = 1032; // of deflate
    constexpr int kGzip = 16;                                         // zlib: expect a gzip header
    if (file.size() < kHeader + kTrailer || file[0] != 0x1F || file[1] != 0x8B) return std::nullopt;
    const u8* end = file.data() + file.size();
    const usize size = end[-4] | u32{end[-3]} << 8 | u32{end[-2]} << 16 | u32{end[-1]} << 24; // ISIZE
    if (size / kLargestRatio > file.size()) return std::nullopt;
    std::vector<u8> content(size);
    if (!inflate_all(file, content, MAX_WBITS + kGzip, true)) return std::nullopt;
    return content;
}

bool inflate_raw(std::span<const u8> in, std::span<u8> out) { return inflate_all(in, out, -MAX_WBITS); }
bool inflate_zlib(std::span<const u8> in, std::span<u8> out) { return inflate_all(in, out, MAX_WBITS); }
bool has_inflate() { return true; }

#else

std::optional<std::vector<u8>> gunzip(std::span<const u8>) { return std::nullopt; }
bool inflate_raw(std::span<const u8>, std::span<u8>) { return false; }
bool inflate_zlib(std::span<const u8>, std::span<u8>) { return false; }
bool has_inflate() { return false; }

#endif

#ifdef R86_HAVE_ZSTD

bool decompress_zstd(std::span<const u8> in, std::span<u8> out) {
    // A stream, since zeros may follow the frame up to the sector's end.
    ZSTD_DStream* stream = ZSTD_createDStream();
    if (!stream) return false;
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    bool good = true;
    while (good && to.pos < to.size) {
        const usize in_before = from.pos, out_before = to.pos;
        const usize result = ZSTD_decompressStream(stream, &to, &from);
        good = !ZSTD_isError(result) && (from.pos > in_before || to.pos > out_before);
        if (result == 0) break; // the frame has ended
    }
    ZSTD_freeDStream(stream);
    return good && to.pos == to.size;
}
bool has_zstd() { return true; }

#else

bool decompress_zstd(std::span<const u8>, std::span<u8>) { return false; }
bool has_zstd() { return false; }

#endif

} // namespace r86

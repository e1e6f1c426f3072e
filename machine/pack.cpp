#include "machine/pack.h"
#include "core/error.h"
#ifdef R86_HAVE_ZLIB
#include <zlib.h>
#endif

namespace r86 {

#ifdef R86_HAVE_ZLIB

namespace {
constexpr int kLevel = 1;
constexpr int kWindowBits = -15; // no zlib header: sections and pages have checks of their own
constexpr int kMemoryLevel = 8;
} // namespace

struct Packer::Tables {
    z_stream stream{};
};

Packer::Packer() : tables_(std::make_unique<Tables>()) {
    R86_ASSERT(deflateInit2(&tables_->stream, kLevel, Z_DEFLATED, kWindowBits, kMemoryLevel, Z_DEFAULT_STRATEGY) ==
               Z_OK);
}

Packer::~Packer() { deflateEnd(&tables_->stream); }

bool Packer::pack(std::span<const u8> in, std::vector<u8>& out) {
    z_stream& stream = tables_->stream;
    deflateReset(&stream);
    out.resize(in.size());
    stream.next_in = const_cast<u8*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return false;
    out.resize(out.size() - stream.avail_out);
    return out.size() < in.size();
}

bool unpack(std::span<const u8> packed, std::span<u8> out) {
    z_stream stream{};
    if (inflateInit2(&stream, kWindowBits) != Z_OK) return false;
    stream.next_in = const_cast<u8*>(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
    inflateEnd(&stream);
    return whole;
}

u32 crc32_of(std::span<const u8> bytes) {
    return static_cast<u32>(crc32_z(crc32(0, nullptr, 0), bytes.data(), bytes.size()));
}

#else

u32 crc32_of(std::span<const u8> bytes) {
    constexpr u32 kPolynomial = 0xEDB88320; // lowest bit first
    u32 crc = ~u32{0};
    for (const u8 byte : bytes) {
        crc ^= byte;
        for (unsigned bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kPolynomial : 0);
    }
    return ~crc;
}

struct Packer::Tables {};
Packer::Packer() = default;
Packer::~Packer() = default;
bool Packer::pack(std::span<const u8>, std::vector<u8>&) { return false; }
bool unpack(std::span<const u8>, std::span<u8>) { return false; }

#endif

} // namespace r86

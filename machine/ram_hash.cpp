#include "machine/ram_hash.h"
#include "core/address.h"
#include <algorithm>
#include <array>
#include <cstring>

namespace r86 {

namespace {

// Fractional digits of pi, as far as they are odd enough.
constexpr std::array<u64, 4> kKeys = {0x243F6A8885A308D3, 0x13198A2E03707345, 0xA4093822299F31D1, 0x082EFA98EC4E6C89};

/// The two halves of a 128-bit product, folded: every bit of the operands reaches every bit of the result.
u64 fold(u64 a, u64 b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<u64>(product) ^ static_cast<u64>(product >> 64);
}

u64 word(const u8* at) {
    u64 value;
    std::memcpy(&value, at, 8); // little-endian hosts only
    return value;
}

bool all_zero(std::span<const u8> content) {
    for (usize i = 0; i < content.size(); i += 32)
        if (word(&content[i]) | word(&content[i + 8]) | word(&content[i + 16]) | word(&content[i + 24])) return false;
    return true;
}

} // namespace

RamHash hash_page(u64 number, std::span<const u8> content) {
    if (all_zero(content)) return {};
    // Four independent chains keep the multiplier busy.
    std::array<u64, 4> lanes;
    for (usize i = 0; i < 4; ++i) lanes[i] = fold(number ^ kKeys[i], kKeys[(i + 1) % 4]);
    for (usize at = 0; at < content.size(); at += 64)
        for (usize i = 0; i < 4; ++i)
            lanes[i] =
                fold(word(&content[at + 16 * i]) ^ kKeys[i], word(&content[at + 16 * i + 8]) ^ lanes[i]) + kKeys[i];
    return {fold(lanes[0] ^ kKeys[2], lanes[1] ^ kKeys[3]) + fold(lanes[2] ^ kKeys[0], lanes[3] ^ kKeys[1]),
            fold(lanes[0] ^ kKeys[1], lanes[2] ^ kKeys[3]) ^ fold(lanes[1] ^ kKeys[0], lanes[3] ^ kKeys[2])};
}

RamHash hash_cluster(u32 image, u64 cluster, std::span<const u8> content) {
    const u64 key = fold(image + kKeys[0], cluster ^ kKeys[1]);
    RamHash sum{key, fold(key, kKeys[2])};
    std::array<u8, kPageSize> last{};
    for (u64 at = 0; at < content.size(); at += kPageSize) {
        const auto piece = content.subspan(at, std::min<usize>(kPageSize, content.size() - at));
        if (piece.size() == kPageSize) {
            sum += hash_page(key + at, piece);
        } else { // the end of an image may be short
            std::copy(piece.begin(), piece.end(), last.begin());
            sum += hash_page(key + at, last);
        }
    }
    return sum;
}

RamHash hash_ram(std::span<const u8> ram) {
    RamHash sum;
    for (u64 page = 0; page < ram.size() / kPageSize; ++page)
        sum += hash_page(page, ram.subspan(page * kPageSize, kPageSize));
    return sum;
}

} // namespace r86

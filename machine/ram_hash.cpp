#include "machine/ram_hash.h"
#include "core/address.h"
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

RamHash hash_ram(std::span<const u8> ram) {
    RamHash sum;
    for (u64 page = 0; page < ram.size() / kPageSize; ++page)
        sum += hash_page(page, ram.subspan(page * kPageSize, kPageSize));
    return sum;
}

} // namespace r86

#include "core/sha256.h"
#include <algorithm>
#include <bit>
#include <cstring>

namespace r86 {

namespace {

// FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<u32, 64> kRound = {
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2};

constexpr u32 big_endian(const u8* p) {
    return static_cast<u32>(p[0]) << 24 | static_cast<u32>(p[1]) << 16 | static_cast<u32>(p[2]) << 8 | p[3];
}

} // namespace

void Sha256::block(const u8* bytes) {
    std::array<u32, 64> w;
    for (usize t = 0; t < 16; ++t) w[t] = big_endian(bytes + 4 * t);
    for (usize t = 16; t < 64; ++t) {
        const u32 s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
        const u32 s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = h_;
    for (usize t = 0; t < 64; ++t) {
        const u32 sum1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
        const u32 t1 = h + sum1 + ((e & f) ^ (~e & g)) + kRound[t] + w[t];
        const u32 sum0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
        const u32 t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const std::array<u32, 8> add = {a, b, c, d, e, f, g, h};
    for (usize i = 0; i < 8; ++i) h_[i] += add[i];
}

void Sha256::update(std::span<const u8> data) {
    length_ += data.size();
    while (!data.empty()) {
        if (pending_size_ == 0 && data.size() >= 64) {
            block(data.data());
            data = data.subspan(64);
            continue;
        }
        const usize chunk = std::min<usize>(data.size(), 64 - pending_size_);
        std::memcpy(pending_.data() + pending_size_, data.data(), chunk);
        pending_size_ += chunk;
        data = data.subspan(chunk);
        if (pending_size_ == 64) {
            block(pending_.data());
            pending_size_ = 0;
        }
    }
}

void Sha256::update_u64(u64 value) {
    std::array<u8, 8> bytes;
    for (usize i = 0; i < 8; ++i) bytes[i] = static_cast<u8>(value >> (8 * i));
    update(bytes);
}

Sha256::Digest Sha256::finish() {
    // 5.1.1: a one bit, zeros, and the length in bits as a big-endian 64-bit number end the last block.
    const u64 length_bits = length_ * 8;
    std::array<u8, 72> tail{0x80};
    const usize zeros = (pending_size_ < 56 ? 56 : 120) - pending_size_;
    for (usize i = 0; i < 8; ++i) tail[zeros + i] = static_cast<u8>(length_bits >> (56 - 8 * i));
    update({tail.data(), zeros + 8});
    Digest digest;
    for (usize i = 0; i < 32; ++i) digest[i] = static_cast<u8>(h_[i / 4] >> (24 - 8 * (i % 4)));
    return digest;
}

Sha256::Digest Sha256::of(std::span<const u8> data) {
    Sha256 hash;
    hash.update(data);
    return hash.finish();
}

std::string Sha256::hex(const Digest& digest) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const u8 byte : digest) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

} // namespace r86

#include "devices/cd_sector.h"
#include <algorithm>
#include <cstdlib>

namespace r86 {

namespace {

constexpr usize kHeader = 12, kEdc = 2064, kZeros = 2068, kParityP = 2076, kParityQ = 2248;

u8 bcd(u8 value) { return static_cast<u8>(value / 10 << 4 | value % 10); }

/// 14.3: CRC with x^32 + x^31 + x^16 + x^15 + x^4 + x^3 + x + 1.
u32 error_detection_code(std::span<const u8> bytes) {
    u32 crc = 0;
    for (u8 byte : bytes) {
        crc ^= byte;
        for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ (crc & 1 ? 0xD8018001u : 0);
    }
    return crc;
}

/// Annex A.4: the field GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1; its primitive element is 2.
constexpr u8 twice(u8 value) { return static_cast<u8>(value << 1 ^ (value & 0x80 ? 0x1D : 0)); }
constexpr u8 multiply(u8 a, u8 b) {
    u8 product = 0;
    for (; b; b >>= 1, a = twice(a))
        if (b & 1) product ^= a;
    return product;
}
constexpr u8 kInverseOf3 = 0xF4;
static_assert(multiply(3, kInverseOf3) == 1);

/// Two parity bytes that make the sum of a codeword zero, and the sum with rising powers of 2 from its end as well:
/// p + q = a and 2p + q = b, where a and b are those sums over the data (b with the two places shifted in).
struct Parity {
    u8 first = 0, second = 0;
};
template <class At>
Parity parity_of(unsigned length, At&& at) {
    u8 sum = 0, weighted = 0;
    for (unsigned i = 0; i < length; ++i) {
        sum ^= at(i);
        weighted = twice(static_cast<u8>(weighted ^ at(i)));
    }
    weighted = twice(weighted);
    const u8 first = multiply(static_cast<u8>(sum ^ weighted), kInverseOf3);
    return {first, static_cast<u8>(sum ^ first)};
}

/// A.5, A.6: words from the header on, the two bytes of each in planes of their own. P goes down the 43 columns of 24
/// words, Q along 26 diagonals of 43 words through data and P.
void add_parities(RawSector& sector) {
    constexpr unsigned kColumns = 43, kRows = 24, kDiagonals = 26, kWords = kColumns * kDiagonals;
    u8* words = sector.data() + kHeader;
    for (unsigned plane = 0; plane < 2; ++plane) {
        for (unsigned column = 0; column < kColumns; ++column) {
            const Parity p =
                parity_of(kRows, [&](unsigned row) { return words[2 * (kColumns * row + column) + plane]; });
            sector[kParityP + 2 * column + plane] = p.first;
            sector[kParityP + 2 * (kColumns + column) + plane] = p.second;
        }
        for (unsigned diagonal = 0; diagonal < kDiagonals; ++diagonal) {
            const Parity q = parity_of(
                kColumns, [&](unsigned i) { return words[2 * ((44 * i + kColumns * diagonal) % kWords) + plane]; });
            sector[kParityQ + 2 * diagonal + plane] = q.first;
            sector[kParityQ + 2 * (kDiagonals + diagonal) + plane] = q.second;
        }
    }
}

} // namespace

void put_sector_header(RawSector& sector, u32 lba, u8 mode) {
    std::fill(sector.begin(), sector.begin() + kHeader, u8{0xFF});
    sector[0] = sector[11] = 0;
    const auto time = cd_time(lba);
    std::transform(time.begin(), time.end(), sector.begin() + kHeader, bcd);
    sector[15] = mode;
}

void complete_mode1_sector(RawSector& sector, u32 lba) {
    put_sector_header(sector, lba, 1);
    const u32 code = error_detection_code(std::span<const u8>(sector).first(kEdc));
    for (unsigned i = 0; i < 4; ++i) sector[kEdc + i] = static_cast<u8>(code >> (8 * i));
    std::fill(sector.begin() + kZeros, sector.begin() + kParityP, u8{0});
    add_parities(sector);
}

std::array<u8, 16> formatted_q(const CdPosition& position, u32 lba) {
    const auto absolute = cd_time(lba);
    const auto relative = cd_duration(static_cast<u32>(std::abs(position.relative))); // counts down in the pre-gap
    std::array<u8, 16> q{};
    q[0] = position.audio ? 0x01 : 0x41; // control and ADR: a position follows
    q[1] = bcd(position.track);
    q[2] = position.index;
    for (usize i = 0; i < 3; ++i) {
        q[3 + i] = bcd(relative[i]);
        q[7 + i] = bcd(absolute[i]);
    }
    u16 crc = 0; // 22.3.5: x^16 + x^12 + x^5 + 1, inverted
    for (usize i = 0; i < 10; ++i) {
        crc ^= static_cast<u16>(q[i] << 8);
        for (int bit = 0; bit < 8; ++bit) crc = static_cast<u16>(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    q[10] = static_cast<u8>(~crc >> 8);
    q[11] = static_cast<u8>(~crc);
    return q;
}

} // namespace r86

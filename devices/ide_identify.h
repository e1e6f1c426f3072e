#pragma once
/// The 256 words of IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA/ATAPI-6 8.15, 8.16).
#include "core/types.h"
#include <algorithm>
#include <string_view>
#include <vector>

namespace r86 {

class IdentifyPage {
public:
    explicit IdentifyPage(std::vector<u8>& bytes) : bytes_(bytes) { bytes_.assign(512, 0); }

    void word(usize index, u16 value) {
        bytes_[2 * index] = static_cast<u8>(value);
        bytes_[2 * index + 1] = static_cast<u8>(value >> 8);
    }
    void dword(usize index, u32 value) {
        word(index, static_cast<u16>(value));
        word(index + 1, static_cast<u16>(value >> 16));
    }
    /// Left-justified, padded with blanks, the first character of each pair in the high byte.
    void text(usize index, usize words, std::string_view value) {
        for (usize i = 0; i < 2 * words; ++i)
            bytes_[2 * index + (i ^ 1)] = i < value.size() ? static_cast<u8>(value[i]) : u8{' '};
    }
    /// Words 62 to 68 and 88: multiword DMA 0-2, PIO 3-4, Ultra DMA 0-5; `selected` as SET FEATURES 03h chose it.
    void dma_modes(u8 selected) {
        const u16 chosen = static_cast<u16>(0x100u << (selected & 7));
        word(63, static_cast<u16>(0x0007 | ((selected & 0x60) == 0x20 ? chosen : 0)));
        word(64, 0x0003);
        for (usize i = 65; i <= 68; ++i) word(i, 120); // cycle times in ns
        word(88, static_cast<u16>(0x003F | ((selected & 0x60) == 0x40 ? chosen : 0)));
    }
    static constexpr bool transfer_mode_exists(u8 mode) {
        const u8 number = mode & 7;
        switch (mode >> 3) {
        case 0: return number <= 1; // PIO default, with or without IORDY
        case 1: return number <= 4; // PIO flow control
        case 4: return number <= 2; // multiword DMA
        case 8: return number <= 5; // Ultra DMA
        default: return false;
        }
    }
    /// Word 255: signature and a checksum that makes all bytes add up to zero.
    void seal() {
        bytes_[510] = 0xA5;
        u8 sum = 0;
        for (usize i = 0; i < 511; ++i) sum = static_cast<u8>(sum + bytes_[i]);
        bytes_[511] = static_cast<u8>(-sum);
    }

private:
    std::vector<u8>& bytes_;
};

} // namespace r86

#pragma once
/// Discs made of files: sectors whose contents tell where they stand.
#include "devices/block_image.h"
#include "devices/cd_sector.h"
#include "tests/devices/image_fixture.h"
#include <memory>
#include <string>

namespace r86 {

class CdFolder {
public:
    void write(const std::string& name, const std::string& content) {
        scratch_.file(name, {content.begin(), content.end()});
    }
    std::unique_ptr<BlockImage> open(const std::string& sheet) {
        return open_image(scratch_.file("disc.cue", {sheet.begin(), sheet.end()}), MediaKind::Cd);
    }

    static u8 data_byte(u32 lba, usize at) { return static_cast<u8>(lba * 7 + at); }
    static std::string data_sectors(u32 count) {
        std::string all;
        for (u32 lba = 0; lba < count; ++lba) {
            RawSector sector{};
            for (usize i = 0; i < 2048; ++i) sector[kRawUserData + i] = data_byte(lba, i);
            complete_mode1_sector(sector, lba);
            all.append(sector.begin(), sector.end());
        }
        return all;
    }
    /// Sector n holds `first` + n on the left and its negative on the right.
    static std::string audio_sectors(i16 first, u32 count) {
        std::string all;
        for (u32 n = 0; n < count; ++n)
            for (usize i = 0; i < kRawSectorBytes / 4; ++i)
                for (const int sample : {first + static_cast<int>(n), -first - static_cast<int>(n)}) {
                    all += static_cast<char>(sample);
                    all += static_cast<char>(sample >> 8);
                }
        return all;
    }
    static i16 sample(const RawSector& sector, usize channel) {
        return static_cast<i16>(sector[2 * channel] | sector[2 * channel + 1] << 8);
    }
    static std::string wave_header(usize bytes) {
        std::string out = "RIFF";
        const auto number = [&out](usize value, int count) {
            for (int i = 0; i < count; ++i) out += static_cast<char>(value >> 8 * i);
        };
        number(bytes + 36, 4);
        out += "WAVEfmt ";
        number(16, 4);
        number(1, 2);
        number(2, 2);
        number(44100, 4);
        number(44100 * 4, 4);
        number(4, 2);
        number(16, 2);
        out += "data";
        number(bytes, 4);
        return out;
    }

private:
    ScratchDirectory scratch_;
};

} // namespace r86

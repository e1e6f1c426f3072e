// A vhd file that somebody else made. Checksums are made right first: a random change would never come past them.
#include "tests/fuzz/fuzz_image.h"

namespace {

void correct(std::vector<r86::u8>& file, r86::usize at, r86::usize bytes, r86::usize field) {
    if (file.size() < bytes || at > file.size() - bytes) return;
    r86::u32 sum = 0;
    for (r86::usize i = 0; i < bytes; ++i)
        if (i < field || i >= field + 4) sum += file[at + i];
    r86::store_be<r86::u32>(&file[at + field], ~sum);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<r86::u8> file(data, data + size);
    if (size >= 1536) correct(file, 512, 1024, 36);
    if (size >= 512) {
        correct(file, 0, 512, 64);
        correct(file, (size - 512) / 512 * 512, 512, 64);
    }
    r86::fuzz_image(r86::open_vhd, file.data(), file.size());
    return 0;
}

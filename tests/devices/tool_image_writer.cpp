// The program that the SIGKILL test kills: writes numbered blocks into an image and says on standard output which of
// them are safe.   tool_image_writer write IMAGE SEED | verify IMAGE FILE-WITH-THE-WRITER'S-OUTPUT
#include "core/byte_order.h"
#include "core/error.h"
#include "devices/block_image.h"
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <string>

using namespace r86;

namespace {

constexpr u64 kBlock = 4096;

std::vector<u8> block(u64 place, u64 number) {
    std::vector<u8> out(kBlock);
    for (usize i = 0; i < out.size(); i += 16) {
        store_le<u64>(&out[i], place);
        store_le<u64>(&out[i + 8], number);
    }
    return out;
}

/// "start", "w PLACE NUMBER" before each write, "f" after each flush that succeeded.
int write(const std::string& path, unsigned seed) {
    auto image = open_image(path, MediaKind::Disk);
    std::mt19937 random(seed);
    std::puts("start");
    const u64 places = image->size() / kBlock;
    for (u64 number = u64{seed} << 32 | 1;; ++number) {
        const u64 place = random() % places;
        std::printf("w %llu %llu\n", static_cast<unsigned long long>(place), static_cast<unsigned long long>(number));
        std::fflush(stdout);
        if (!image->write(place * kBlock, block(place, number))) return 1;
        if (random() % 16) continue;
        if (!image->flush()) return 1;
        std::puts("f");
        std::fflush(stdout);
    }
}

/// Every block holds what was last flushed, or one of those written later. What a killed writer had not flushed may be
/// there or not, until the block is written and flushed again.
int verify(const std::string& path, const std::string& log) {
    std::map<u64, u64> flushed;
    std::map<u64, std::vector<u64>> since, perhaps;
    std::ifstream in(log);
    std::string word;
    unsigned long long place = 0, number = 0;
    while (in >> word) {
        if (word == "f") {
            for (const auto& [at, numbers] : since) {
                flushed[at] = numbers.back();
                perhaps.erase(at);
            }
            since.clear();
        } else if (word == "start") {
            for (const auto& [at, numbers] : since)
                perhaps[at].insert(perhaps[at].end(), numbers.begin(), numbers.end());
            since.clear();
        } else if (in >> place >> number) {
            since[place].push_back(number);
        }
    }
    auto image = open_image(path, MediaKind::Disk); // frees the leaks
    std::vector<u8> content(kBlock);
    for (u64 at = 0; at < image->size() / kBlock; ++at) {
        if (!image->read(at * kBlock, content)) return 1;
        const u64 found = load_le<u64>(&content[8]);
        bool good = found == 0 ? content == std::vector<u8>(kBlock) : content == block(at, found);
        const auto known = flushed.find(at);
        if (found != (known == flushed.end() ? 0 : known->second)) {
            bool later = false;
            for (const auto* written : {&since[at], &perhaps[at]})
                for (const u64 one : *written) later |= one == found;
            good &= later;
        }
        if (good) continue;
        std::printf("block %llu is wrong\n", static_cast<unsigned long long>(at));
        return 1;
    }
    std::printf("%zu flushed blocks are there\n", flushed.size());
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const std::string what = argc == 4 ? argv[1] : "";
        if (what == "write") return write(argv[2], static_cast<unsigned>(std::atoi(argv[3])));
        if (what == "verify") return verify(argv[2], argv[3]);
    } catch (const UserError& error) {
        std::fprintf(stderr, "%s\n", error.what());
    }
    return 2;
}

// Runs a fuzz target over files and directories of files: what was found once must never come back.
#include "tests/fuzz/fuzz.h"
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

int main(int argc, char** argv) {
    unsigned count = 0;
    for (int i = 1; i < argc; ++i) {
        if (!std::filesystem::exists(argv[i])) continue; // a target without a corpus
        for (const auto& one : std::filesystem::recursive_directory_iterator(argv[i])) {
            if (!one.is_regular_file()) continue;
            std::ifstream in(one.path(), std::ios::binary);
            const std::vector<char> content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
            std::printf("%s\n", one.path().filename().string().c_str());
            std::fflush(stdout);
            LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
            ++count;
        }
    }
    LLVMFuzzerTestOneInput(nullptr, 0);
    std::printf("%u inputs replayed\n", count);
    return 0;
}

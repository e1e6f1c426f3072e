// The 82077AA with both 8237A and their page registers.
#include "tests/fuzz/fuzz_board.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const r86::FuzzPorts aim{{{0x3F0, 8}, {0x00, 16}, {0x80, 16}, {0xC0, 32}}, {}};
    r86::fuzz_board(aim, data, size);
    return 0;
}

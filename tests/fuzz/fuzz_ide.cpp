// IDE channels with a disk and a CD drive, and the bus master.
#include "tests/fuzz/fuzz_board.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const r86::FuzzPorts aim{{{0x1F0, 8}, {0x3F6, 1}, {0x170, 8}, {0x376, 1}, {0xC000, 16}}, {}};
    r86::fuzz_board(aim, data, size);
    return 0;
}

// PCI configuration: everything that moves; power management and SMBus.
#include "tests/fuzz/fuzz_board.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const r86::FuzzPorts aim{{{0xCF8, 8}, {0xB000, 64}, {0xB100, 16}, {0xC000, 16}}, {}};
    r86::fuzz_board(aim, data, size);
    return 0;
}

// fw_cfg by ports and by DMA.
#include "tests/fuzz/fuzz_board.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const r86::FuzzPorts aim{{{0x510, 12}}, {}};
    r86::fuzz_board(aim, data, size);
    return 0;
}

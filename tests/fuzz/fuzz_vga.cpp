// VGA: registers, video memory, the VBE ports, the linear frame buffer and the registers in memory.
#include "tests/fuzz/fuzz_board.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const r86::FuzzPorts aim{
        {{0x3B0, 48}, {0x1CE, 3}}, {{0xA0000, 0x20000}, {0xE0000000, 0x1000000}, {0xE1000000, 0x610}}, true};
    r86::fuzz_board(aim, data, size);
    return 0;
}

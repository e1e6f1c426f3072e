// Interrupt controllers, timers, keyboard, clock, serial, parallel and system control ports; local APIC, I/O APIC
// and HPET.
#include "tests/fuzz/fuzz_board.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const r86::FuzzPorts aim{{{0x20, 2},
                                     {0xA0, 2},
                                     {0x4D0, 2},
                                     {0x40, 4},
                                     {0x60, 5},
                                     {0x70, 4},
                                     {0x92, 1},
                                     {0x3F8, 8},
                                     {0x2F8, 8},
                                     {0x378, 3},
                                     {0xB2, 2},
                                     {0xB000, 64}},
                                    {{0xFEE00000, 0x1000}, {0xFEC00000, 0x1000}, {0xFED00000, 0x400}}};
    r86::fuzz_board(aim, data, size);
    return 0;
}

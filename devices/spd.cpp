#include "devices/spd.h"
#include <algorithm>
#include <bit>
#include <string_view>

namespace r86 {

namespace {

constexpr usize kSlots = 4;
constexpr u64 kSmallest = u64{8} << 20, kLargestSide = u64{512} << 20;

std::array<u8, 256> module_of(u64 bytes) {
    const u64 side = std::min(bytes, kLargestSide);
    const unsigned internal_banks = side == kSmallest ? 2 : 4;
    // Bytes of a side = 2^(rows + columns) x internal banks x 8.
    const unsigned address_bits = static_cast<unsigned>(std::countr_zero(side / (8 * internal_banks)));
    const unsigned rows = address_bits <= 19 ? 11 : address_bits <= 22 ? 12 : 13;

    std::array<u8, 256> spd{};
    const auto put = [&](usize at, std::initializer_list<unsigned> values) {
        for (const unsigned value : values) spd[at++] = static_cast<u8>(value);
    };
    put(0, {128, 8, 4});                           // bytes in use, 256 in all, SDRAM
    put(3, {rows, address_bits - rows});           // row and column addresses
    put(5, {static_cast<unsigned>(bytes / side)}); // sides
    put(6, {64, 0, 1});                            // data width, LVTTL
    put(9, {0xA0, 0x60, 0});                       // 10 ns and 6 ns at CL 3, no parity
    put(12, {0x80, 8, 0});                         // refresh 15.6 us by itself, chips of 8 bits
    put(15, {1, 0x8F, internal_banks});            // back-to-back delay, bursts of 1, 2, 4, 8 and page
    put(18, {0x06, 0x01, 0x01, 0x00, 0x0E});       // CL 2 and 3, CS and WE latency 0, attributes
    put(23, {0xA0, 0x60, 0, 0});                   // 10 ns and 6 ns at CL 2, no CL 1
    put(27, {20, 20, 20, 50});                     // tRP, tRRD, tRCD, tRAS in ns
    put(31, {static_cast<unsigned>(side >> 22)});  // bit n: a side of 4 MiB << n
    put(32, {0x20, 0x10, 0x20, 0x10});             // set-up and hold 2 ns and 1 ns
    put(62, {0x12});                               // revision 1.2
    constexpr std::string_view kPart = "REWIND86 SDRAM    ";
    static_assert(kPart.size() == 18);
    std::copy(kPart.begin(), kPart.end(), spd.begin() + 73);
    put(126, {0x64, 0xF5}); // 100 MHz; clocks 0 to 3, CL 2 and 3
    unsigned sum = 0;
    for (usize i = 0; i < 63; ++i) sum += spd[i];
    put(63, {sum & 0xFF});
    return spd;
}

} // namespace

std::vector<std::array<u8, 256>> memory_modules(u64 ram_bytes) {
    std::vector<std::array<u8, 256>> modules;
    while (modules.size() < kSlots && ram_bytes >= kSmallest) {
        const u64 bytes = std::min(std::bit_floor(ram_bytes), 2 * kLargestSide);
        modules.push_back(module_of(bytes));
        ram_bytes -= bytes;
    }
    return modules;
}

} // namespace r86

#pragma once
/// One x87 instruction on the host's own unit, state in and state out, and random operands worth trying.
#include "cpu/fpu/float80.h"
#include "tests/random.h"
#include <cstring>
#include <iomanip>
#include <sstream>
#include <string>

namespace r86::fpu_test {

using test::Random;

/// Sign and exponent, significand: "3FFF:8000000000000000".
inline std::string text(Float80 v) {
    std::ostringstream out;
    out << std::hex << std::uppercase << std::setfill('0') << std::setw(4) << v.sign_exponent << ':' << std::setw(16)
        << v.significand;
    return out.str();
}

inline Float80 random_float80(Random& random) {
    u64 significand = random.next() | fpu::kIntegerBit;
    switch (random.below(10)) {
    case 0: significand = fpu::kIntegerBit; break;
    case 1: significand = ~u64{0} - random.below(4); break;
    case 2: significand = fpu::kIntegerBit | random.below(4); break;
    case 3: significand &= ~u64{0} << random.below(64); break;
    case 4: significand = (significand & ~u64{0x7FF}) | (0x3FF + random.below(3)); break; // near a tie at 53 bits
    case 5: significand = (significand & ~u64{0xFFFFFFFFFF}) | (0x7FFFFFFFFF + random.below(3)); break; // at 24 bits
    default: break;
    }
    i32 exponent = 0;
    switch (random.below(12)) {
    case 0: exponent = 0; break;
    case 1: exponent = 0x7FFF; break;
    case 2: exponent = static_cast<i32>(random.below(3)); break;
    case 3: exponent = static_cast<i32>(0x7FFF - random.below(4)); break;
    case 4: exponent = static_cast<i32>(random.below(0x8000)); break;
    case 5: exponent = static_cast<i32>(random.below(140)); break;
    case 6: exponent = static_cast<i32>(0x3FFF - 1100 + random.below(200)); break; // denormal doubles
    default: exponent = static_cast<i32>(0x3FFF + random.below(140)) - 70; break;
    }
    if (exponent == 0) {
        if (random.below(3)) significand = significand >> random.below(64);
        if (random.below(4) == 0) significand = 0;
    } else if (random.below(40) == 0) {
        significand &= ~fpu::kIntegerBit; // unsupported
    }
    return fpu::make_float80(random.next() & 1, exponent, significand);
}

/// Any rounding and precision; exceptions all masked half of the time.
inline u16 random_control(Random& random) {
    static constexpr u16 precision[] = {0x000, 0x200, 0x300, 0x300};
    const u16 masks = random.below(2) ? 0x3F : static_cast<u16>(random.below(64));
    return static_cast<u16>(precision[random.below(4)] | (random.below(4) << 10) | masks);
}

#if defined(__x86_64__)
/// FSAVE image, 32-bit protected format.
struct HostState {
    u32 control, status, tag, fip, fcs_opcode, fdp, fds;
    u8 st[80];

    HostState(u16 cw, std::initializer_list<Float80> values) : HostState(cw, 0, values) {}
    HostState(u16 cw, u16 sw, std::initializer_list<Float80> values) {
        std::memset(this, 0, sizeof *this);
        control = 0xFFFF0000u | cw;
        status = sw;
        tag = 0xFFFF;
        unsigned i = 0;
        for (const Float80& v : values) {
            std::memcpy(st + i * 10, &v.significand, 8);
            std::memcpy(st + i * 10 + 8, &v.sign_exponent, 2);
            tag &= ~(3u << (2 * ((i + (sw >> 11)) & 7)));
            ++i;
        }
    }
    Float80 get(unsigned i) const {
        Float80 v;
        std::memcpy(&v.significand, st + i * 10, 8);
        std::memcpy(&v.sign_exponent, st + i * 10 + 8, 2);
        return v;
    }
    u16 sw() const { return static_cast<u16>(status); }
    unsigned top() const { return (status >> 11) & 7; }
};
static_assert(sizeof(HostState) == 108);

/// Runs one instruction; FNSAVE takes the state before a pending exception can strike.
#define R86_HOST_X87(text, state, ...) asm volatile("frstor %0\n\t" text "\n\tfnsave %0" : "+m"(state)__VA_ARGS__)
#endif

} // namespace r86::fpu_test

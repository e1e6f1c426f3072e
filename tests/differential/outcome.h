#pragma once
/// The machine as a program sees it, before and after: what is set up on both sides and what is compared.
#include "core/types.h"
#include "cpu/insn.h"
#include "tests/differential/layout.h"
#include <array>
#include <string>
#include <vector>

namespace r86::differential {

/// x87 and SSE registers in an order of their own: ST(0) first.
struct FloatState {
    u16 control = 0x37F;
    u16 status = 0;
    u8 tag = 0;  ///< FXSAVE's form: bit n is physical register n, 1 = not empty
    u32 fip = 0; ///< offset of the last x87 instruction
    std::array<std::array<u8, 10>, 8> st{};
    u32 mxcsr = 0x1F80;
    std::array<std::array<u8, 16>, 8> xmm{};
    bool operator==(const FloatState&) const = default;
};

struct Registers {
    std::array<u32, 8> gpr{};
    u32 eip = 0;
    u32 eflags = 0x202;
    std::array<u16, kSegments> selector{};
    FloatState fp;
};

enum class Ending : u8 {
    Exit,    ///< ran to its far jump
    Fault,   ///< an exception
    Timeout, ///< still running
    Broken,  ///< the bench failed
};

struct Outcome {
    Ending ending = Ending::Broken;
    u8 vector = 0;
    u32 error = 0;
    u32 fault_address = 0; ///< of a page fault
    Registers registers;   ///< at the fault: its restart state
    std::vector<u8> memory;
};

/// What a comparison leaves out.
struct Mask {
    u32 flags = 0; ///< EFLAGS bits that are undefined at this point
};

/// Differences in words, one a line; empty if there are none.
std::string compare(const Outcome& native, const Outcome& emulated, const Mask& mask);

} // namespace r86::differential

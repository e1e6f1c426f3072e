#pragma once
/// Where a hot handler finds its operands: small policy types that compile to one or two instructions.
#include "cpu/block/op.h"
#include "cpu/cpu.h"
#include "cpu/interpreter/dispatch.h"
#include "cpu/mmu/tlb.h"
#include <array>
#include <cstring>
#include <utility>

namespace r86 {

// ---- registers
// ------------------------------------------------------------------------------------------------------------

/// 32-bit register fixed at compile time.
template <unsigned n>
struct Fixed {
    static u32 get(const Cpu& cpu, const Op&) { return gpr32(cpu, n); }
    static void set(Cpu& cpu, const Op&, u32 value) { cpu.s.gpr[n] = value; }
};

/// Register named by one of the operation's fields. Byte registers are byte offsets into the register file.
template <class T, u8 Op::*field>
struct Indexed {
    static T get(const Cpu& cpu, const Op& op) {
        if constexpr (sizeof(T) == 1)
            return reinterpret_cast<const u8*>(cpu.s.gpr.data())[op.*field];
        else if constexpr (sizeof(T) == 4)
            return gpr32(cpu, op.*field);
        else
            return static_cast<T>(cpu.s.gpr[op.*field]);
    }
    static void set(Cpu& cpu, const Op& op, T value) {
        if constexpr (sizeof(T) == 1)
            reinterpret_cast<u8*>(cpu.s.gpr.data())[op.*field] = value;
        else if constexpr (sizeof(T) == 2)
            std::memcpy(&cpu.s.gpr[op.*field], &value, 2);
        else
            cpu.s.gpr[op.*field] = value;
    }
};
template <class T>
using RegA = Indexed<T, &Op::a>;
template <class T>
using RegB = Indexed<T, &Op::b>;

/// Immediate of an operation without memory operand.
template <class T>
struct Immediate {
    static T get(const Cpu&, const Op& op) { return static_cast<T>(op.imm); }
};
/// Immediate of an operation with a memory operand: stands in the slot behind it.
template <class T>
struct SlotImmediate {
    static T get(const Cpu&, const Op& op) { return static_cast<T>((&op)[1].imm); }
};

/// The file offset of a byte register: AL CL DL BL are the low bytes, 4-7 the second bytes of the first four.
inline u8 byte_register(unsigned reg, bool rex) {
    return static_cast<u8>(rex || reg < 4 ? reg * 8 : (reg - 4) * 8 + 1);
}

// ---- addresses
// ------------------------------------------------------------------------------------------------------------

/// Number 16 is the zero behind the register file.
[[gnu::always_inline]] inline u64 base_index(const Cpu& cpu, const Op& op) {
    const u64 index = cpu.s.gpr.data()[op.c & 31];
    return cpu.s.gpr.data()[op.b] + (index << (op.c >> 5)) + static_cast<u64>(static_cast<i64>(op.disp));
}
/// The same where `d` is the index's factor: a variable shift would need the count register, which holds an argument.
[[gnu::always_inline]] inline u64 base_factor(const Cpu& cpu, const Op& op) {
    return cpu.s.gpr.data()[op.b] + cpu.s.gpr.data()[op.c] * op.d + static_cast<u64>(static_cast<i64>(op.disp));
}

/// Flat segment, one base register known at compile time.
template <unsigned n>
struct FlatBase {
    template <class T, bool write>
    static bool linear(const Cpu& cpu, const Op& op, u64& out) {
        out = static_cast<u32>(cpu.s.gpr[n]) + static_cast<u32>(op.disp);
        out = static_cast<u32>(out);
        return true;
    }
};

/// Flat segment, no index.
struct FlatPlain {
    template <class T, bool write>
    static bool linear(const Cpu& cpu, const Op& op, u64& out) {
        out = static_cast<u32>(cpu.s.gpr.data()[op.b] + static_cast<u64>(static_cast<i64>(op.disp)));
        return true;
    }
};

/// Flat segment, any 32-bit address.
struct Flat {
    template <class T, bool write>
    static bool linear(const Cpu& cpu, const Op& op, u64& out) {
        out = static_cast<u32>(base_factor(cpu, op));
        return true;
    }
};

/// Segment `d` with base and limit; 16- or 32-bit address. False: outside the plain part of the segment.
template <class Offset>
struct Segmented {
    template <class T, bool write>
    static bool linear(const Cpu& cpu, const Op& op, u64& out) {
        const u64 offset = static_cast<Offset>(base_index(cpu, op));
        const u64 end = write ? cpu.run_state.write_end[op.d] : cpu.run_state.read_end[op.d];
        if (offset + sizeof(T) > end) return false;
        out = static_cast<u32>(cpu.s.seg[op.d].base + offset);
        return true;
    }
};

// ---- memory
// ---------------------------------------------------------------------------------------------------------------

/// Host address of a plain access at `linear`; nullptr on a miss.
template <class T, bool write>
[[gnu::always_inline]] inline u8* hot_address(const TlbTable* tlb, u64 linear) {
    const TlbEntry& entry = tlb_entry(write ? tlb->write : tlb->read, linear);
    if (entry.tag != tlb_page(linear + sizeof(T) - 1)) [[unlikely]]
        return nullptr;
    u8* host = reinterpret_cast<u8*>(static_cast<std::intptr_t>(static_cast<i64>(linear) + entry.addend));
    if (!host) __builtin_unreachable(); // a hit is never null: spares the caller's test
    return host;
}

/// Computes the address and looks it up. On failure `linear` says what the cold path needs.
template <class T, class Addr, bool write>
[[gnu::always_inline]] inline u8* locate(const Cpu& cpu, const Op& op, const TlbTable* tlb, u64& linear) {
    if (!Addr::template linear<T, write>(cpu, op, linear)) [[unlikely]] {
        linear = kNoLinear;
        return nullptr;
    }
    return hot_address<T, write>(tlb, linear);
}

template <class T>
[[gnu::always_inline]] inline T load_host(const u8* at) {
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}
template <class T>
[[gnu::always_inline]] inline void store_host(u8* at, T value) {
    std::memcpy(at, &value, sizeof(T));
}

// ---- from bodies to handlers
// ------------------------------------------------------------------------------------------------

enum class Touches { Nothing, Reads, Writes };

/// For tlb_miss: bodies that store and make one access only. Others say `static constexpr bool two_accesses = true`.
template <class Body>
consteval unsigned lone_slots() {
    if constexpr (requires { Body::two_accesses; }) return 0;
    return Body::touches == Touches::Writes ? Body::slots : 0;
}

/// A body without memory operand: `static void run(Cpu&, const Op&)`, `slots`.
/// A body with one: `static bool run(Cpu&, const Op&, TlbTable*, u64& linear)`, false before anything was committed.
template <class Body>
void hot(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch) {
    if constexpr (Body::touches == Touches::Nothing) {
        Body::run(*cpu, *op);
    } else {
        // The address lives in `scratch` from the start: where a miss takes it from, so no register is moved.
        if (!Body::run(*cpu, *op, tlb, scratch)) [[unlikely]]
            return tlb_miss<Body::size, Body::touches == Touches::Writes, lone_slots<Body>()>(cpu, op, budget, tlb, eip,
                                                                                              scratch);
    }
    return go(cpu, op + Body::slots, budget, tlb, eip, anything());
}

/// Handlers for one template over eight fixed registers.
template <template <unsigned> class Body>
constexpr std::array<Handler, 8> per_register = []<std::size_t... n>(std::index_sequence<n...>) {
    return std::array<Handler, 8>{&hot<Body<n>>...};
}
(std::make_index_sequence<8>{});

} // namespace r86

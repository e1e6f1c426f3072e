#pragma once
/// Decoded blocks: what the threaded interpreter runs and what a translator will start from.
///
/// An operation is 16 bytes: the handler and packed operands. Its place in the code (offset, instruction index) stands
/// in a side table that only the cold paths read. An exit operation is followed by one or two Links, which take two
/// slots each.
#include "core/types.h"
#include "cpu/fault.h"
#include "cpu/insn.h"
#include <vector>

namespace r86 {

class Cpu;
struct Op;
struct Block;
struct TlbTable;

/// `eip`: CS offset of the block's first byte. `budget`: ticks left after this whole block. `scratch` carries the
/// linear address from a hot handler to its cold path.
using Handler = void (*)(Cpu* cpu, const Op* op, i64 budget, TlbTable* tlb, u64 eip, u64 scratch);

struct Op {
    Handler handler = nullptr;
    union {
        i32 disp = 0; ///< displacement of a memory operand
        i32 imm;      ///< immediate, or the distance of a branch target from the block's first byte
    };
    u8 a = 0; ///< destination or only register: number, for byte registers the byte offset in the register file
    u8 b = 0; ///< source register, or base register of a memory operand (kZeroReg: none)
    u8 c = 0; ///< index register (kZeroReg: none), where `d` is a segment | scale << 5
    u8 d = 0; ///< factor of the index in flat segments, segment register, small immediate, distance to the next
              ///< instruction
};
static_assert(sizeof(Op) == 16);

/// A direct way from an exit of one block to another block.
struct Link {
    Block* target;   ///< never nullptr: `unresolved_block()` until it is resolved
    u64 space;       ///< links across pages hold only in this code space
    Link* next;      ///< the target's list of incoming links
    Link** previous; ///< what points here
};
static_assert(sizeof(Link) == 2 * sizeof(Op));

/// An operation of two slots that calls a semantic function.
struct SemanticOp {
    Handler handler;
    u8 offset; ///< of the instruction, from the block's first byte
    u8 end;    ///< of the next one
    u8 index;  ///< instructions before it in the block
    u8 unused[5];
    Fault (*semantic)(Cpu&, const Insn&);
    const Insn* insn;
};
inline constexpr unsigned kSemanticSlots = 2;
static_assert(sizeof(SemanticOp) == kSemanticSlots * sizeof(Op));

/// Where an operation came from.
struct OpPlace {
    u8 offset; ///< of its first instruction, from the block's first byte
    u8 index;  ///< instructions before it in the block
};

/// A displacement or an immediate of up to 32 bits that an operation holds as it stands in the code, sign-extended:
/// where nothing else has changed, a patched block needs no new lowering.
struct CodeField {
    u8 slot; ///< of the operation whose `imm` it is
    u8 at;   ///< offset from the block's first byte
    u8 size; ///< 1, 2 or 4 bytes
};

/// What a block's decoding depends on; part of its key.
enum ModeBits : u32 {
    kModeCode32 = 1u << 0,
    kModeStack32 = 1u << 1,
    kModeUser = 1u << 2, ///< CPL 3
    kModeReal = 1u << 3,
    kModeV86 = 1u << 4,
    kModeFlatDs = 1u << 5, ///< base 0, limit 4 GiB, writable: no base to add, no limit to check
    kModeFlatEs = 1u << 6,
    kModeFlatSs = 1u << 7,
    kModeFlatCs = 1u << 8,
    kModeFpu = 1u << 9, ///< x87 and MMX instructions do not fault with #NM or #UD
    kModeSse = 1u << 10,
    kModeSmm = 1u << 11,
    kModeHostFloat = 1u << 12, ///< and SSE floating point may run on the host's own unit: cpu/sse/host_float.h
};

struct alignas(16) Block {
    /// Ticks charged at entry: `instructions`, 0 once the block is dead, more than any budget in `unresolved_block()`,
    /// so that the test for the budget's end is the test for an unresolved link as well.
    i64 cost;
    u8 instructions;
    bool dead;       ///< its bytes were written to; BlockCache::revive
    u16 code_length; ///< bytes
    u16 slots;       ///< operation slots
    u8 field_count;
    bool forgotten; ///< dead for good
    u32 mode;
    u64 physical;    ///< of the first byte
    u64 second_page; ///< physical page of the tail if the only instruction crosses a page, else kNoPage
    Block* hash_next;
    Block* page_next[2]; ///< lists of the one or two pages that the code bytes stand in
    Link* incoming;
    Insn* insns;           ///< decoded instructions for cold paths, made on first use; one for each instruction
    OpPlace* places;       ///< one for each slot
    CodeField* fields;     ///< ascending; behind them stand the bytes that the block was made from
    Handler first_handler; ///< of a dead block: what its first operation was

    static constexpr u64 kNoPage = ~u64{0};

    Op* ops() { return reinterpret_cast<Op*>(this + 1); }
    const Op* ops() const { return reinterpret_cast<const Op*>(this + 1); }
    u8* code() { return reinterpret_cast<u8*>(fields + field_count); }
    const OpPlace& place(const Op* op) const { return places[op - ops()]; }
};
static_assert(sizeof(Block) % 16 == 0);

/// What links point to before they are resolved.
Block* unresolved_block();

/// Register number that always reads as zero (the slot behind the register file).
inline constexpr u8 kZeroReg = 16;

} // namespace r86

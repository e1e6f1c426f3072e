#pragma once
/// Choice of handlers for decoded instructions. Each family stands beside its handlers in cpu/interpreter; what no
/// family takes runs through its generic form.
#include "core/address.h"
#include "cpu/block/op.h"
#include "cpu/insn.h"
#include <array>
#include <cstring>
#include <new>
#include <span>

namespace r86 {

/// Collects the operations of one block. Its arrays are never cleared: that would cost more than a short block.
class OpEmitter {
public:
    static constexpr usize kMaxSlots = 32 * 3 + 8;

    void at(u8 offset, u8 index) { place_ = {offset, index}; }
    Op& emit(Handler handler) {
        places_[count_] = place_;
        Op* op = new (slot(count_++)) Op{};
        op->handler = handler;
        return *op;
    }
    /// `op` holds `size` bytes of the block's code, from offset `at`, sign-extended in its `imm`.
    void field(const Op& op, unsigned at, unsigned size) {
        fields_[field_count_++] = {static_cast<u8>(&op - ops()), static_cast<u8>(at), static_cast<u8>(size)};
    }
    std::span<const CodeField> fields() const { return {fields_.data(), field_count_}; }
    /// An operation of several slots.
    template <class Wide>
    void wide(const Wide& op) {
        std::memcpy(slot(count_), &op, sizeof op);
        for (unsigned i = 0; i < sizeof op / sizeof(Op); ++i) places_[count_++] = place_;
    }
    /// A slot that only carries the immediate of the operation before it.
    void immediate(u64 value) { emit(nullptr).imm = static_cast<i32>(value); }
    /// An operation that calls the semantic function; the block's own copy of the instruction is filled in later.
    void semantic(Handler handler, Fault (*function)(Cpu&, const Insn&), unsigned end, const Insn* insn) {
        SemanticOp what{};
        what.handler = handler;
        what.offset = place_.offset;
        what.end = static_cast<u8>(end);
        what.index = place_.index;
        what.semantic = function;
        what.insn = insn;
        semantics_[semantic_count_++] = count_;
        wide(what);
    }
    /// Slots of the operations that `semantic` made.
    std::span<const unsigned> semantics() const { return {semantics_.data(), semantic_count_}; }
    /// Room for links behind an exit.
    void links(unsigned count) {
        const Link fresh{unresolved_block(), 0, nullptr, nullptr};
        for (unsigned i = 0; i < count; ++i) {
            std::memcpy(slot(count_), &fresh, sizeof fresh);
            places_[count_++] = place_;
            places_[count_++] = place_;
        }
    }
    unsigned count() const { return count_; }
    const Op* ops() const { return reinterpret_cast<const Op*>(ops_.data()); }
    const OpPlace* places() const { return places_.data(); }

private:
    void* slot(unsigned n) { return ops_.data() + n * sizeof(Op); }

    alignas(Op) std::array<std::byte, kMaxSlots * sizeof(Op)> ops_;
    std::array<OpPlace, kMaxSlots> places_;
    std::array<unsigned, 32> semantics_;
    std::array<CodeField, 64> fields_;
    unsigned semantic_count_ = 0;
    unsigned field_count_ = 0;
    unsigned count_ = 0;
    OpPlace place_{};
};

struct LowerContext {
    OpEmitter& out;
    u32 mode;
    bool flags_dead;            ///< nobody sees the status flags that the instruction writes
    const Insn* next;           ///< for fusion; nullptr at the end of the block
    unsigned end;               ///< offset of the byte behind the instruction, from the block's first
    unsigned next_end;          ///< the same for `next`
    u64 physical;               ///< of the block's first byte
    unsigned count;             ///< instructions of the whole block
    unsigned index = 0;         ///< instructions before this one
    bool fused = false;         ///< set by a family that took `next` as well
    bool in_access_run = false; ///< whose operation was made for these displacements
};

/// FlatPlain: flat without an index.
enum class AddressForm : u8 { FlatPlain, Flat, Segmented32, Segmented16, Other };
inline bool is_flat(AddressForm form) { return form <= AddressForm::Flat; }

AddressForm address_form(const Insn& insn, u32 mode);
/// Fills b, c, d and disp of an operation with a memory operand, as its address form reads them
/// (cpu/interpreter/operands.h).
void set_address(LowerContext& context, Op& op, const Insn& insn);
/// The same for an address that no segment is added to: `d` is the factor of the index.
void set_factor(LowerContext& context, Op& op, const Insn& insn);
/// Fills imm of an operation that takes the immediate as it stands, whatever its value.
void set_immediate(LowerContext& context, Op& op, const Insn& insn);
/// The same in a slot behind the operation.
void emit_immediate(LowerContext& context, const Insn& insn);
/// True if a block that starts `distance` bytes from the block's first byte stands in the same page.
inline bool same_page(const LowerContext& context, i64 distance) {
    const u64 target = context.physical + static_cast<u64>(distance);
    return (target >> kPageShift) == (context.physical >> kPageShift);
}

// The families. False: not taken, nothing emitted.
bool lower_move(const Insn& insn, LowerContext& context);
bool lower_alu(const Insn& insn, LowerContext& context);
bool lower_shift(const Insn& insn, LowerContext& context);
bool lower_bit(const Insn& insn, LowerContext& context);
bool lower_stack(const Insn& insn, LowerContext& context);

// Runs: in front of instructions that are alike, an operation that does all of them at once. The length of the run at
// the beginning of `insns`, 0 if there is none; its instructions are lowered afterwards as always.
unsigned lower_stack_run(std::span<const Insn> insns, LowerContext& context);
unsigned lower_access_run(std::span<const Insn> insns, LowerContext& context);
bool lower_branch(const Insn& insn, LowerContext& context);
bool lower_sse(const Insn& insn, LowerContext& context);
bool lower_x87(const Insn& insn, LowerContext& context);
bool lower_segment(const Insn& insn, LowerContext& context);
bool lower_port(const Insn& insn, LowerContext& context);
bool lower_time(const Insn& insn, LowerContext& context);

/// The exit of a block that just runs on into the next one.
void emit_fall_through(LowerContext& context);

} // namespace r86

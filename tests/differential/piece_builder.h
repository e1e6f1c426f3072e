#pragma once
/// Makes pieces of programs: one row of the instruction table with prefixes, operands and what it needs before it, or
/// one of the forms that need more thought (jumps, stack frames, saved x87 states, self-modifying code).
#include "cpu/decoder/table.h"
#include "cpu/flags.h"
#include "tests/differential/program.h"
#include "tests/differential/random.h"
#include <initializer_list>
#include <map>

namespace r86::differential {

/// Eight bytes worth having in memory: numbers, floats of every class, small integers.
u64 interesting_data(Random& random);

/// What is known about the program at the point where it is being written.
struct Context {
    Random& random;
    Program& program;
    bool code16 = false;
    bool flat_data = true; ///< pointers are linear addresses, else offsets from kData
    bool flat_stack = true;
    u32 stack_middle = 0;
    u8 garbage = 0;                         ///< bit n: register n is a pointer register that may point anywhere
    u32 undefined = 0;                      ///< status flags that are undefined here
    u32 group = 0;                          ///< given to pieces while it is not 0
    bool keep_cx = false;                   ///< a loop counts in it
    std::map<u32, u32> joins;               ///< piece: flags undefined on a jump that goes there
    std::vector<std::pair<u32, u32>> loops; ///< first and last piece of each: nothing may jump into the middle

    /// An address that data instructions can mostly use; multiples of `align`.
    u32 pointer(u32 align = 1) const;
    /// Start value of a pointer register.
    void point(u8 reg) { program.start.gpr[reg] = pointer(); }
};

class PieceBuilder {
public:
    explicit PieceBuilder(Context& context) : c_(context), random_(context.random) {}

    void instruction(u16 index);
    void control_flow();
    void special();
    /// The far jump out of the program.
    void finish();

private:
    using Bytes = std::vector<u8>;

    /// Appends a piece; flags that it reads and that are undefined, here or on a jump to here, are defined first.
    Piece& add(Bytes bytes, u32 reads = 0);
    u32 here() const { return static_cast<u32>(c_.program.pieces.size()); }

    // Small helpers that become pieces of their own.
    void move_immediate(u8 reg, u32 value);
    void define_flags();
    void push_immediate(u32 value);
    void repair(u8 reg, u32 align);

    u8 any_register(unsigned width);
    u32 immediate(unsigned width);
    /// Appends ModRM (with `reg`), SIB and displacement of a memory operand; address size in bytes.
    void memory(Bytes& bytes, u8 reg, unsigned address_size, u32 align);
    /// `mov r, ptr`-like: a prefix, opcode and a memory operand based on EDI or DI that has just been set.
    void at_pointer(Bytes& bytes, u8 reg, u32 pointer);

    /// `mov [at], value`: 2 or 4 bytes, the immediate last.
    Piece& store_immediate(u32 at, u32 value, unsigned width);

    void forward_jump();
    void indirect_jump();
    void stack_return();
    void counted_loop();
    void forward_call();
    u32 later_piece();
    void note_join(u32 piece) { c_.joins[piece] |= c_.undefined; }
    void target_offset(Piece& piece, u8 at, u8 size, u32 target);

    void indirect_through_memory();
    void load_far_pointer(u8 seg, u16 selector);
    void load_selector_from_memory(u8 seg, u16 selector);
    void check_bounds();

    void load_segment();
    void pop_flags();
    void load_mxcsr();
    void saved_x87();
    void software_interrupt();
    void modify_code();
    void bad_column();
    void far_to_self();
    void special_or_row();

    Context& c_;
    Random& random_;
};

} // namespace r86::differential

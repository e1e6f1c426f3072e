#pragma once
/// One counter of an 8254: Control Word Register, Count Register (CR), Counting Element (CE), Output Latch (OL), and
/// the closed forms that move it over any number of CLK periods at once. Plain data, copied freely to look ahead.
#include "core/state_visitor.h"

namespace r86 {

struct I8254Counter {
    static constexpr u64 kNoEdge = ~u64{0};

    u64 cycle = 0;  ///< CLK period for which everything below holds
    u32 ce = 0;     ///< modes 0-2, 4, 5: Counting Element in binary. Mode 3: CLKs left in this half
    u16 cr = 0;     ///< Count Register as written (BCD digits if BCD)
    u16 ol = 0;     ///< Output Latch
    u8 control = 0; ///< bits 5-0 of the Control Word
    u8 status_latch = 0;
    u8 cr_low = 0;  ///< first byte of a two-byte write
    u8 latched = 0; ///< bytes of OL that are still to be read, 0-2
    bool status_latched = false;
    bool read_high = false;  ///< read flip-flop: the next byte is the most significant
    bool write_high = false; ///< write flip-flop
    bool gate = true;
    bool out = false;
    bool programmed = false;    ///< a Control Word was written
    bool counting = false;      ///< CE was loaded since
    bool load_pending = false;  ///< CR -> CE at the next CLK
    bool count_written = false; ///< CR holds a whole count
    bool expired = false;       ///< modes 0, 1, 4, 5: terminal count was reached
    bool null_count = false;
    bool half_odd = false; ///< mode 3: the half under way began with an odd count

    u8 mode() const {
        const u8 m = control >> 1 & 7;
        return m > 5 ? m & 3 : m; // X10 is mode 2, X11 mode 3
    }
    u8 rw() const { return control >> 4 & 3; }
    bool bcd() const { return control & 1; }
    u32 modulus() const { return bcd() ? 10000 : 65536; }

    void write_control(u8 value);
    void write_count(u8 value);
    u8 read();
    void latch_count();
    void latch_status();
    void set_gate(bool level);

    /// Moves to CLK period `to`; true if OUT changed at least once on the way.
    bool advance(u64 to);
    /// The CLK period at which OUT changes next; kNoEdge if never by itself.
    u64 next_edge() const;
    void visit(StateVisitor& visitor);

private:
    u32 period() const; ///< CR as a number of CLKs, 1 to modulus
    u16 ce_as_read() const;
    void load();
    bool gate_stops() const;
    void start_half();
    u64 advance_rate_generator(u64 n, bool& changed);
    u64 advance_square_wave(u64 n, bool& changed);
    void advance_one_shot(u64 n, bool& changed);
    void drive(bool level, bool& changed) {
        changed |= out != level;
        out = level;
    }
};

} // namespace r86

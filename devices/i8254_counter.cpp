#include "devices/i8254_counter.h"

namespace r86 {

namespace {

u32 from_bcd(u16 value) {
    // A nibble above 9 counts as its binary weight, which is what the decade counters start from.
    return static_cast<u32>((value >> 12) * 1000 + (value >> 8 & 15) * 100 + (value >> 4 & 15) * 10 + (value & 15));
}

u16 to_bcd(u32 value) {
    return static_cast<u16>(value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10);
}

} // namespace

u32 I8254Counter::period() const {
    const u32 value = bcd() ? from_bcd(cr) % modulus() : cr;
    return value ? value : modulus(); // "0 is equivalent to 2^16 for binary counting and 10^4 for BCD counting"
}

// "Control Word Format" and "Mode Definitions": the control logic is reset and OUT goes to its initial state at once.
void I8254Counter::write_control(u8 value) {
    control = value & 0x3F;
    programmed = true;
    counting = load_pending = count_written = expired = false;
    latched = 0;
    status_latched = false;
    read_high = write_high = false;
    cr = 0; // both bytes: a counter that is given one byte has the other zero
    null_count = true;
    out = mode() != 0;
}

void I8254Counter::write_count(u8 value) {
    if (!programmed) return; // without a Control Word the counter's logic takes nothing
    switch (rw()) {
    case 1: cr = value; break;
    case 2: cr = static_cast<u16>(value << 8); break;
    default:
        if (!write_high) {
            cr_low = value;
            write_high = true;
            if (mode() == 0) { // "Writing the first byte disables counting. OUT is set low immediately."
                counting = load_pending = false;
                out = false;
            }
            return;
        }
        write_high = false;
        cr = static_cast<u16>(value << 8 | cr_low);
        break;
    }
    null_count = true;
    count_written = true;
    switch (mode()) {
    case 0:
        out = false;
        expired = false;
        load_pending = true;
        break;
    case 4: load_pending = true; break;
    case 2:
    case 3:
        // The first count starts it; a later one waits for the end of the period (mode 2) or half period (mode 3).
        if (!counting) load_pending = true;
        break;
    default: break; // modes 1 and 5 wait for the trigger
    }
}

/// A read on the ISA bus lasts longer than a CLK period, so a count that waits for the next CLK has arrived when the
/// byte is taken. Linux' quick_pit_calibrate writes FFFFh and relies on finding FFh right afterwards.
u16 I8254Counter::ce_as_read() const {
    u32 value = ce;
    if (load_pending && !gate_stops())
        value = mode() == 3 ? period() & ~1u : period();
    else if (mode() == 3 && counting)
        value = half_odd && out ? 2 * (ce - 1) : 2 * ce;
    value %= modulus();
    return bcd() ? to_bcd(value) : static_cast<u16>(value);
}

u8 I8254Counter::read() {
    if (status_latched) {
        status_latched = false;
        return status_latch;
    }
    const u16 value = latched ? ol : ce_as_read();
    if (latched) --latched;
    if (rw() == 1) return static_cast<u8>(value);
    if (rw() == 2) return static_cast<u8>(value >> 8);
    const bool high = read_high;
    read_high = !read_high;
    return static_cast<u8>(high ? value >> 8 : value);
}

void I8254Counter::latch_count() {
    if (latched) return; // "the second Counter Latch Command is ignored"
    ol = ce_as_read();
    latched = rw() == 3 ? (read_high ? 1 : 2) : 1;
}

void I8254Counter::latch_status() {
    if (status_latched) return;
    status_latched = true;
    status_latch = static_cast<u8>(u8{out} << 7 | u8{null_count} << 6 | control);
}

void I8254Counter::set_gate(bool level) {
    if (gate == level) return;
    gate = level;
    if (!programmed) return;
    switch (mode()) {
    case 1:
    case 5:
        if (level && count_written) load_pending = true; // the trigger
        break;
    case 2:
    case 3:
        if (!level)
            out = true; // "If GATE goes low during an output pulse, OUT is set high immediately"
        else if (count_written)
            load_pending = true;
        break;
    default: break; // 0 and 4: GATE only enables counting
    }
}

bool I8254Counter::gate_stops() const { return !gate && mode() != 1 && mode() != 5; }

void I8254Counter::start_half() {
    const u32 count = period();
    half_odd = count & 1;
    ce = out ? (count + 1) / 2 : count / 2;
    null_count = false;
}

void I8254Counter::load() {
    load_pending = false;
    counting = true;
    expired = false;
    null_count = false;
    ce = period();
    if (mode() == 3) {
        out = true;
        start_half();
    }
}

// Mode 2: OUT is low while CE is 1, for one CLK.
u64 I8254Counter::advance_rate_generator(u64 n, bool& changed) {
    if (n < ce) {
        ce -= static_cast<u32>(n);
        if (ce == 1 && n && period() != 1) drive(false, changed);
        return 0;
    }
    n -= ce;
    if (ce > 1) changed = true; // it was low on the way
    ce = period();
    null_count = false;
    drive(true, changed);
    if (ce == 1) return 0;
    if (n >= ce) { // whole periods leave nothing but their edges behind
        n %= ce;
        changed = true;
    }
    return n;
}

// Mode 3: high for (N+1)/2, low for N/2. CE steps by two; `ce` holds the CLKs left in the half.
u64 I8254Counter::advance_square_wave(u64 n, bool& changed) {
    if (n < ce) {
        ce -= static_cast<u32>(n);
        return 0;
    }
    n -= ce;
    const u32 count = period();
    if (count == 1) {
        drive(true, changed);
        start_half();
        return 0;
    }
    drive(!out, changed);
    start_half();
    if (n >= count) n %= count;
    return n;
}

// Modes 0, 1, 4, 5: count down once, then go on through FFFFh (or 9999).
void I8254Counter::advance_one_shot(u64 n, bool& changed) {
    const bool strobe = mode() >= 4;
    if (strobe && expired && n) drive(true, changed);
    if (!expired && n >= ce) {
        expired = true;
        if (!strobe) {
            drive(true, changed);
        } else {
            drive(false, changed);
            if (n > ce) drive(true, changed);
        }
    }
    const u64 m = modulus();
    ce = static_cast<u32>((ce + m - n % m) % m);
}

bool I8254Counter::advance(u64 to) {
    bool changed = false;
    if (to <= cycle) return false;
    u64 n = to - cycle;
    cycle = to;
    while (n) {
        if (load_pending && !(gate_stops() && (mode() == 2 || mode() == 3))) {
            const bool before = out;
            load();
            if (mode() == 1) out = false;
            if (mode() >= 2) out = true;
            changed |= before != out;
            --n;
            continue;
        }
        if (!counting || gate_stops()) break;
        if (mode() == 2) {
            n = advance_rate_generator(n, changed);
        } else if (mode() == 3) {
            n = advance_square_wave(n, changed);
        } else {
            advance_one_shot(n, changed);
            n = 0;
        }
    }
    return changed;
}

u64 I8254Counter::next_edge() const {
    if (load_pending && !(gate_stops() && (mode() == 2 || mode() == 3))) {
        // The load itself may move OUT (mode 1 falls, a retriggered strobe or half rises); what follows is found from
        // there.
        I8254Counter after = *this;
        if (after.advance(cycle + 1)) return cycle + 1;
        return after.next_edge();
    }
    if (!counting || gate_stops()) return kNoEdge;
    switch (mode()) {
    case 2:
        if (period() == 1 && ce == 1) return kNoEdge;
        return ce > 1 ? cycle + ce - 1 : cycle + 1;
    case 3: return period() == 1 ? (out ? kNoEdge : cycle + ce) : cycle + ce;
    case 0:
    case 1: return expired ? kNoEdge : cycle + ce;
    default:
        if (!expired) return cycle + ce;
        return out ? kNoEdge : cycle + 1;
    }
}

void I8254Counter::visit(StateVisitor& v) {
    auto& [cycle_, ce_, cr_, ol_, control_, status_latch_, cr_low_, latched_, status_latched_, read_high_, write_high_,
           gate_, out_, programmed_, counting_, load_pending_, count_written_, expired_, null_count_, half_odd_] =
        *this;
    v.field("cycle", cycle_);
    v.field("ce", ce_);
    v.field("cr", cr_);
    v.field("ol", ol_);
    v.field("control", control_);
    v.field("status_latch", status_latch_);
    v.field("cr_low", cr_low_);
    v.field("latched", latched_);
    v.field("status_latched", status_latched_);
    v.field("read_high", read_high_);
    v.field("write_high", write_high_);
    v.field("gate", gate_);
    v.field("out", out_);
    v.field("programmed", programmed_);
    v.field("counting", counting_);
    v.field("load_pending", load_pending_);
    v.field("count_written", count_written_);
    v.field("expired", expired_);
    v.field("null_count", null_count_);
    v.field("half_odd", half_odd_);
    if (v.loading() && counting_ && ce_ == 0 && (mode() == 2 || mode() == 3)) ce_ = 1; // never from our own states
}

} // namespace r86

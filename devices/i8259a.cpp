#include "devices/i8259a.h"
#include "core/bits.h"

namespace r86 {

namespace {
// ICW1
constexpr u8 kIc4 = 1 << 0, kSngl = 1 << 1, kAdi = 1 << 2, kIcw1Select = 1 << 4;
// ICW4
constexpr u8 kUpm = 1 << 0, kAeoi = 1 << 1, kSfnm = 1 << 4;
// OCW3
constexpr u8 kRis = 1 << 0, kRr = 1 << 1, kPoll = 1 << 2, kOcw3Select = 1 << 3, kSmm = 1 << 5, kEsmm = 1 << 6;

constexpr u8 mask_of(unsigned level) { return static_cast<u8>(1u << level); }
} // namespace

void I8259A::reset(ResetKind) {
    // The pins belong to whoever drives them; everything else is as at power-on. ICW1 has to come before anything
    // works.
    const u8 pins = state_.ir;
    state_ = {};
    state_.ir = pins;
    update_int();
}

void I8259A::visit(StateVisitor& v) {
    auto& [ir, irr, isr, imr, icw1, icw2, icw3, icw4, elcr, lowest, read_isr, poll, special_mask, rotate, phase] =
        state_;
    v.field("ir", ir);
    v.field("irr", irr);
    v.field("isr", isr);
    v.field("imr", imr);
    v.field("icw1", icw1);
    v.field("icw2", icw2);
    v.field("icw3", icw3);
    v.field("icw4", icw4);
    v.field("elcr", elcr);
    v.field("lowest", lowest);
    v.field("read_isr", read_isr);
    v.field("poll", poll);
    v.field("special_mask", special_mask);
    v.field("rotate_in_aeoi", rotate);
    v.field("phase", phase);
    v.field("int", int_out);
    if (v.loading()) lowest &= 7;
}

void I8259A::set_ir(unsigned n, bool level) {
    const u8 mask = mask_of(n & 7);
    const bool was = state_.ir & mask;
    if (was == level) return;
    state_.ir = level ? state_.ir | mask : state_.ir & static_cast<u8>(~mask);
    // An edge is latched only while the input stays high: a request that goes away before INTA becomes a spurious
    // level 7 ("Interrupt Request Register and In-Service Register").
    if (level)
        state_.irr |= mask;
    else
        state_.irr &= static_cast<u8>(~mask);
    update_int();
}

void I8259A::set_elcr(u8 value) {
    state_.elcr = value & (role_ == Role::Master ? 0xF8 : 0xDE);
    state_.irr |= state_.ir & state_.elcr;
    update_int();
}

u8 I8259A::read8(u16 offset) {
    if (state_.poll) { // "Poll Command": the read is the INTA, whatever the address
        state_.poll = false;
        const int level = highest_request();
        if (level < 0) return 0x07;
        enter_service(static_cast<unsigned>(level));
        update_int();
        return static_cast<u8>(0x80 | level);
    }
    if (offset & 1) return state_.imr;
    return state_.read_isr ? state_.isr : state_.irr;
}

void I8259A::write8(u16 offset, u8 value) {
    if (!(offset & 1)) {
        if (value & kIcw1Select)
            write_icw1(value);
        else if (value & kOcw3Select)
            write_ocw3(value);
        else
            write_ocw2(value);
        update_int();
        return;
    }
    const Phase after_icw3 = state_.icw1 & kIc4 ? Phase::WaitIcw4 : Phase::Ready;
    switch (state_.phase) {
    case Phase::WaitIcw2:
        state_.icw2 = value;
        state_.phase = state_.icw1 & kSngl ? after_icw3 : Phase::WaitIcw3;
        break;
    case Phase::WaitIcw3:
        state_.icw3 = value;
        state_.phase = after_icw3;
        break;
    case Phase::WaitIcw4:
        state_.icw4 = value;
        state_.phase = Phase::Ready;
        break;
    case Phase::Uninitialised:
    case Phase::Ready:
        state_.imr = value; // OCW1
        break;
    }
    update_int();
}

// "Initialization Command Words 1 and 2": what happens by itself on ICW1.
void I8259A::write_icw1(u8 value) {
    state_.icw1 = value;
    state_.icw4 = 0; // stays so if IC4 = 0
    state_.icw3 = role_ == Role::Slave ? 7 : 0;
    state_.irr = state_.ir & state_.elcr; // the edge sense circuit wants a new low-to-high transition
    state_.isr = 0;
    state_.imr = 0;
    state_.lowest = 7;
    state_.special_mask = false;
    state_.rotate_in_aeoi = false;
    state_.read_isr = false;
    state_.poll = false;
    state_.phase = Phase::WaitIcw2;
}

void I8259A::write_ocw2(u8 value) {
    const unsigned level = value & 7;
    // The level that a non-specific EOI ends: the highest in service, but in special mask mode not a masked one.
    const auto highest_in_service = [this]() -> int {
        const u8 candidates = state_.special_mask ? state_.isr & static_cast<u8>(~state_.imr) : state_.isr;
        for (unsigned i = 1; i <= 8; ++i) {
            const unsigned n = (state_.lowest + i) & 7;
            if (candidates & mask_of(n)) return static_cast<int>(n);
        }
        return -1;
    };
    switch (value >> 5) { // R, SL, EOI
    case 0b001:           // non-specific EOI
    case 0b101:           // rotate on non-specific EOI
        if (const int n = highest_in_service(); n >= 0) end_of_interrupt(static_cast<unsigned>(n), value & 0x80);
        break;
    case 0b011: // specific EOI
    case 0b111: // rotate on specific EOI
        end_of_interrupt(level, value & 0x80);
        break;
    case 0b100: state_.rotate_in_aeoi = true; break;
    case 0b000: state_.rotate_in_aeoi = false; break;
    case 0b110: state_.lowest = static_cast<u8>(level); break; // set priority
    case 0b010: break;                                         // no operation
    }
}

void I8259A::write_ocw3(u8 value) {
    if (value & kEsmm) state_.special_mask = value & kSmm;
    if (value & kPoll)
        state_.poll = true;
    else if (value & kRr)
        state_.read_isr = value & kRis;
}

void I8259A::end_of_interrupt(unsigned level, bool rotate) {
    state_.isr &= static_cast<u8>(~mask_of(level));
    if (rotate) state_.lowest = static_cast<u8>(level);
}

bool I8259A::has_slave(unsigned level) const {
    return role_ == Role::Master && !(state_.icw1 & kSngl) && (state_.icw3 & mask_of(level));
}

int I8259A::highest_request() const {
    const u8 requests = state_.irr & static_cast<u8>(~state_.imr);
    if (!requests) return -1;
    // "Special Mask Mode": a level that is in service and masked does not hold back the others.
    const u8 blocking = state_.special_mask ? state_.isr & static_cast<u8>(~state_.imr) : state_.isr;
    for (unsigned i = 1; i <= 8; ++i) {
        const unsigned n = (state_.lowest + i) & 7;
        const u8 mask = mask_of(n);
        if (blocking & mask) {
            // "Special Fully Nested Mode": a slave in service may ask again, for a higher level of its own.
            const bool again = (state_.icw4 & kSfnm) && has_slave(n) && (requests & mask);
            return again ? static_cast<int>(n) : -1;
        }
        if (requests & mask) return static_cast<int>(n);
    }
    return -1;
}

void I8259A::enter_service(unsigned level) {
    const u8 mask = mask_of(level);
    if (!(state_.elcr & mask)) state_.irr &= static_cast<u8>(~mask);
    if (state_.icw4 & kAeoi) { // the ISR bit is set by the first INTA pulse and reset by the last
        if (state_.rotate_in_aeoi) state_.lowest = static_cast<u8>(level);
    } else {
        state_.isr |= mask;
    }
}

u8 I8259A::vector(unsigned level) const {
    if (state_.icw4 & kUpm) return static_cast<u8>((state_.icw2 & 0xF8) | level);
    // MCS-80/85 mode: the second INTA pulse reads the low byte of a call address.
    if (state_.icw1 & kAdi) return static_cast<u8>((state_.icw1 & 0xE0) | level << 2);
    return static_cast<u8>((state_.icw1 & 0xC0) | level << 3);
}

u8 I8259A::acknowledge() {
    const int request = initialised() ? highest_request() : -1;
    int_out.set(false); // INT falls with the first INTA; a further request makes a new edge
    if (request < 0) {
        update_int();
        return vector(7);
    }
    const unsigned level = static_cast<unsigned>(request);
    enter_service(level);
    u8 result = vector(level);
    // The slave drives the bus, and its INT may fall and rise again on our input meanwhile.
    if (has_slave(level)) result = slaves_[level] ? slaves_[level](static_cast<u8>(level)) : 0xFF;
    update_int();
    return result;
}

u8 I8259A::acknowledge_cascaded(u8 cascade) {
    if (!initialised() || (state_.icw3 & 7) != cascade) return 0xFF;
    return acknowledge();
}

void I8259A::update_int() { int_out.set(initialised() && highest_request() >= 0); }

} // namespace r86

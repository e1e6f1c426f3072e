#include "devices/ns16550a.h"
#include "core/bits.h"

namespace r86 {

namespace {

enum Offset : u16 { kRbrThr, kIer, kIirFcr, kLcr, kMcr, kLsr, kMsr, kScr };
// IER
constexpr u8 kErbfi = 1, kEtbei = 2, kElsi = 4, kEdssi = 8;
// IIR, by priority
constexpr u8 kNone = 0x01, kModemStatus = 0x00, kThrEmpty = 0x02, kDataAvailable = 0x04, kLineStatus = 0x06,
             kTimeout = 0x0C;
// FCR
constexpr u8 kFifoEnable = 1, kRcvrReset = 2, kXmitReset = 4;
// LCR
constexpr u8 kStb = 0x04, kPen = 0x08, kSetBreak = 0x40, kDlab = 0x80;
// MCR
constexpr u8 kMcrDtr = 1, kMcrRts = 2, kMcrOut1 = 4, kMcrOut2 = 8;
// LSR
constexpr u8 kDr = 0x01, kOe = 0x02, kFe = 0x08, kBi = 0x10, kThre = 0x20, kTemt = 0x40, kFifoError = 0x80;

} // namespace

Ns16550a::Ns16550a(EventQueue& queue, const std::string& name)
    : tx_timer_(queue, name + ".tx", [this](u64 deadline) { tx_done(deadline); }),
      rx_timer_(queue, name + ".rx", [this](u64 deadline) { rx_done(deadline); }),
      timeout_timer_(queue, name + ".timeout",
                     [this](u64) {
                         state_.timeout = state_.rx_count != 0;
                         update_irq();
                     }),
      thre_timer_(queue, name + ".thre", [this](u64) {
          state_.thre_pending = true;
          update_irq();
      }) {}

/// Table I: MR does not touch the scratch register and the divisor latch.
void Ns16550a::reset(ResetKind kind) {
    const State before = state_;
    state_ = {};
    state_.modem_inputs = before.modem_inputs;
    if (kind != ResetKind::PowerOn) {
        state_.scr = before.scr;
        state_.dll = before.dll;
        state_.dlm = before.dlm;
    }
    for (Timer* timer : {&tx_timer_, &rx_timer_, &timeout_timer_, &thre_timer_}) timer->cancel();
    break_out.set(false);
    write_mcr(0);
}

void Ns16550a::visit(StateVisitor& v) {
    auto& [rx, rx_errors, tx, line, rx_count, tx_count, line_count, line_break, shifting, shift_busy, ier, fcr, lcr,
           mcr, scr, lsr_errors, modem_inputs, msr_deltas, dll, dlm, thre_pending, timeout, tx_two] = state_;
    v.field("rx", rx);
    v.field("rx_errors", rx_errors);
    v.field("tx", tx);
    v.field("line", line);
    v.field("rx_count", rx_count);
    v.field("tx_count", tx_count);
    v.field("line_count", line_count);
    v.field("line_break", line_break);
    v.field("shifting", shifting);
    v.field("shift_busy", shift_busy);
    v.field("ier", ier);
    v.field("fcr", fcr);
    v.field("lcr", lcr);
    v.field("mcr", mcr);
    v.field("scr", scr);
    v.field("lsr_errors", lsr_errors);
    v.field("modem_inputs", modem_inputs);
    v.field("msr_deltas", msr_deltas);
    v.field("dll", dll);
    v.field("dlm", dlm);
    v.field("thre_pending", thre_pending);
    v.field("timeout", timeout);
    v.field("tx_two", tx_two);
    v.field("irq", irq);
    v.field("dtr", dtr);
    v.field("rts", rts);
    v.field("out1", out1);
    v.field("out2", out2);
    v.field("break", break_out);
    if (v.loading()) { // never from our own states
        if (rx_count > kFifo) rx_count = 0;
        if (tx_count > kFifo) tx_count = 0;
        if (line_count > kLine) line_count = 0;
    }
}

/// Start bit, 5 to 8 data bits, parity, 1, 1.5 or 2 stop bits, each 16 divided clocks; `less` halves of a bit fewer.
u64 Ns16550a::half_bits_ns(unsigned less) const {
    const u8 lcr = state_.lcr;
    const unsigned data = 5 + bits(lcr, 1, 0);
    const unsigned stop_halves = !(lcr & kStb) ? 2 : data == 5 ? 3 : 4;
    const u64 halves = 2 * (1 + data + (lcr & kPen ? 1 : 0)) + stop_halves - less;
    const u64 written = u64{state_.dlm} << 8 | state_.dll;
    const u64 divisor = written ? written : 65536;
    return halves * 8 * divisor * 1'000'000'000 / kHz;
}

// Interrupts ---------------------------------------------------------------------------------------------------------

u8 Ns16550a::line_status() const {
    u8 lsr = state_.lsr_errors;
    if (state_.rx_count) lsr |= kDr;
    if (!state_.tx_count) lsr |= kThre | (state_.shift_busy ? 0 : kTemt);
    if (fifos()) // "at least one parity error, framing error or break indication in the FIFO"
        for (usize i = 0; i < state_.rx_count; ++i)
            if (state_.rx_errors[i]) lsr |= kFifoError;
    return lsr;
}

u8 Ns16550a::modem_status() const {
    if (!loopback()) return state_.modem_inputs;
    const u8 mcr = state_.mcr; // "the four modem control outputs are internally connected to the four inputs"
    return static_cast<u8>((mcr & kMcrRts ? kCts : 0) | (mcr & kMcrDtr ? kDsr : 0) | (mcr & kMcrOut1 ? kRi : 0) |
                           (mcr & kMcrOut2 ? kDcd : 0));
}

u8 Ns16550a::interrupt_identification() const {
    static constexpr u8 kTriggers[4] = {1, 4, 8, 14};
    if ((state_.ier & kElsi) && state_.lsr_errors) return kLineStatus;
    if (state_.ier & kErbfi) {
        const u8 trigger = fifos() ? kTriggers[bits(state_.fcr, 7, 6)] : 1;
        if (state_.rx_count >= trigger) return kDataAvailable;
        if (state_.timeout) return kTimeout;
    }
    if ((state_.ier & kEtbei) && state_.thre_pending) return kThrEmpty;
    if ((state_.ier & kEdssi) && state_.msr_deltas) return kModemStatus;
    return kNone;
}

void Ns16550a::update_irq() {
    irq.set(interrupt_identification() != kNone && out2.level()); // in loopback OUT2 is inactive, and so is the buffer
}

// Registers ----------------------------------------------------------------------------------------------------------

u8 Ns16550a::read8(u16 offset) {
    switch (offset & 7) {
    case kRbrThr: return state_.lcr & kDlab ? state_.dll : read_rbr();
    case kIer: return state_.lcr & kDlab ? state_.dlm : state_.ier;
    case kIirFcr: {
        const u8 iir = interrupt_identification();
        if (iir == kThrEmpty) { // reading IIR clears it, if it is the source
            state_.thre_pending = false;
            update_irq();
        }
        return static_cast<u8>(iir | (fifos() ? 0xC0 : 0));
    }
    case kLcr: return state_.lcr;
    case kMcr: return state_.mcr;
    case kLsr: {
        const u8 lsr = line_status();
        state_.lsr_errors = 0;
        if (state_.rx_count) state_.rx_errors[0] = 0;
        update_irq();
        return lsr;
    }
    case kMsr: {
        const u8 msr = static_cast<u8>(modem_status() | state_.msr_deltas);
        state_.msr_deltas = 0;
        update_irq();
        return msr;
    }
    default: return state_.scr;
    }
}

void Ns16550a::write8(u16 offset, u8 value) {
    switch (offset & 7) {
    case kRbrThr:
        if (state_.lcr & kDlab) {
            state_.dll = value;
            break;
        }
        state_.thre_pending = false;
        thre_timer_.cancel();
        if (!fifos()) state_.tx_count = 0; // a second write replaces the first
        if (state_.tx_count < kFifo) state_.tx[state_.tx_count++] = value;
        if (state_.tx_count >= 2) state_.tx_two = true;
        start_shift();
        update_irq();
        break;
    case kIer:
        if (state_.lcr & kDlab) {
            state_.dlm = value;
            break;
        }
        // Enabling it while THR is empty interrupts at once.
        if (!(state_.ier & kEtbei) && (value & kEtbei) && !state_.tx_count) state_.thre_pending = true;
        state_.ier = value & 0x0F;
        if (state_.rx_count && !timeout_timer_.armed() && !state_.timeout) restart_timeout();
        update_irq();
        break;
    case kIirFcr: write_fcr(value); break;
    case kLcr:
        state_.lcr = value;
        if (loopback() && (value & kSetBreak) && !break_out.level()) put_rx(0, kBi | kFe);
        break_out.set(value & kSetBreak);
        break;
    case kMcr: write_mcr(value); break;
    case kScr: state_.scr = value; break;
    default: break; // LSR and MSR: writing is for factory tests
    }
}

void Ns16550a::write_fcr(u8 value) {
    const bool toggled = (state_.fcr ^ value) & kFifoEnable; // "FIFO data is lost" when the mode changes
    if (!(value & kFifoEnable)) value &= kFifoEnable | kRcvrReset | kXmitReset;
    if (toggled || (value & kRcvrReset)) {
        state_.rx_count = 0;
        state_.timeout = false;
        timeout_timer_.cancel();
    }
    if (toggled || (value & kXmitReset)) {
        if (state_.tx_count) state_.thre_pending = true;
        state_.tx_count = 0;
    }
    if (toggled) state_.tx_two = true; // "the first transmitter interrupt after changing FCR0 will be immediate"
    state_.fcr = value & (kFifoEnable | 0xC8);
    start_line();
    update_irq();
}

void Ns16550a::add_deltas(u8 before, u8 after) {
    const u8 changed = before ^ after;
    state_.msr_deltas |= (changed & (kCts | kDsr | kDcd)) >> 4;
    if (before & ~after & kRi) state_.msr_deltas |= kRi >> 4; // TERI: the trailing edge only
}

void Ns16550a::write_mcr(u8 value) {
    const u8 before = modem_status();
    state_.mcr = value & 0x1F;
    add_deltas(before, modem_status());
    const bool outside = !loopback(); // in loopback the pins are inactive
    dtr.set(outside && (value & kMcrDtr));
    rts.set(outside && (value & kMcrRts));
    out1.set(outside && (value & kMcrOut1));
    out2.set(outside && (value & kMcrOut2));
    start_line();
    update_irq();
}

void Ns16550a::set_modem_inputs(u8 msr_bits) {
    const u8 before = modem_status();
    state_.modem_inputs = msr_bits & 0xF0;
    add_deltas(before, modem_status());
    update_irq();
}

// Transmitter --------------------------------------------------------------------------------------------------------

void Ns16550a::start_shift() {
    if (state_.shift_busy || !state_.tx_count) return;
    state_.shifting = state_.tx[0];
    --state_.tx_count;
    for (usize i = 0; i < state_.tx_count; ++i) state_.tx[i] = state_.tx[i + 1];
    state_.shift_busy = true;
    tx_timer_.arm_after(character_ns());
    if (state_.tx_count) return;
    // "FIFO Interrupt Mode Operation": the indication is delayed by one character less its last stop bit, unless there
    // have been two bytes in the FIFO at the same time since the last one.
    if (!fifos() || state_.tx_two)
        state_.thre_pending = true;
    else
        thre_timer_.arm_after(half_bits_ns(2));
    state_.tx_two = false;
}

void Ns16550a::tx_done(u64) {
    state_.shift_busy = false;
    if (loopback())
        put_rx(state_.shifting & static_cast<u8>(0xFF >> (3 - bits(state_.lcr, 1, 0))), 0);
    else if (sink_ && !(state_.lcr & kSetBreak))
        sink_->put(state_.shifting);
    start_shift();
    update_irq();
}

void Ns16550a::flush() const {
    if (loopback() || !sink_ || (state_.lcr & kSetBreak)) return;
    if (state_.shift_busy) sink_->put(state_.shifting);
    for (usize i = 0; i < state_.tx_count; ++i) sink_->put(state_.tx[i]);
}

// Receiver -----------------------------------------------------------------------------------------------------------

bool Ns16550a::receive(u8 byte) {
    if (state_.line_count == kLine) return false;
    state_.line[state_.line_count++] = byte;
    start_line();
    return true;
}

bool Ns16550a::receive_break() {
    if (state_.line_count == kLine || state_.line_break) return false;
    state_.line[state_.line_count++] = 0;
    state_.line_break = state_.line_count;
    start_line();
    return true;
}

/// The far end watches that nothing is lost: it waits while the guest has not taken what came, or has cut the line.
void Ns16550a::start_line() {
    if (!state_.line_count || rx_timer_.armed() || loopback() || state_.rx_count >= rx_capacity()) return;
    rx_timer_.arm_after(character_ns());
}

void Ns16550a::rx_done(u64) {
    if (!state_.line_count || loopback() || state_.rx_count >= rx_capacity()) return; // start_line() takes it up again
    const u8 byte = state_.line[0];
    --state_.line_count;
    for (usize i = 0; i < state_.line_count; ++i) state_.line[i] = state_.line[i + 1];
    const bool is_break = state_.line_break == 1;
    if (state_.line_break) --state_.line_break;
    put_rx(is_break ? 0 : byte, is_break ? kBi | kFe : 0);
    start_line();
}

void Ns16550a::put_rx(u8 byte, u8 errors) {
    if (state_.rx_count >= rx_capacity()) {
        state_.lsr_errors |= kOe; // with FIFOs the new character is lost, without them the old one
        if (!fifos()) {
            state_.rx[0] = byte;
            state_.lsr_errors |= errors;
        }
        update_irq();
        return;
    }
    state_.rx[state_.rx_count] = byte;
    state_.rx_errors[state_.rx_count] = errors;
    if (state_.rx_count == 0) state_.lsr_errors |= errors; // errors show when their character is at the top
    ++state_.rx_count;
    restart_timeout();
    update_irq();
}

u8 Ns16550a::read_rbr() {
    const u8 byte = state_.rx[0];
    if (!state_.rx_count) return byte;
    --state_.rx_count;
    for (usize i = 0; i < state_.rx_count; ++i) {
        state_.rx[i] = state_.rx[i + 1];
        state_.rx_errors[i] = state_.rx_errors[i + 1];
    }
    if (state_.rx_count) state_.lsr_errors |= state_.rx_errors[0];
    restart_timeout();
    start_line();
    update_irq();
    return byte;
}

/// "FIFO Interrupt Mode Operation": four character times without a character in or out, with at least one inside.
void Ns16550a::restart_timeout() {
    state_.timeout = false;
    if (fifos() && state_.rx_count && (state_.ier & kErbfi))
        timeout_timer_.arm_after(4 * character_ns());
    else
        timeout_timer_.cancel();
}

} // namespace r86

#pragma once
/// National Semiconductor NS16550A (PC16550D) UART with FIFOs.
/// Data sheet: "PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs", National Semiconductor, 1995.
/// In a PC: 3F8h/2F8h/3E8h/2E8h, crystal 1.8432 MHz, INTRPT through a buffer that OUT2 opens -> IRQ4 or IRQ3.
/// Both directions take the time of the line: divisor and frame length. A transmission never waits for the host.
/// NOT IMPLEMENTED: RXRDY/TXRDY pins (FCR3), which a PC does not connect; parity bits, and framing of a far end that is
/// set differently: bytes go in and out whole whatever the word length. (A reset leaves five bits, SeaBIOS leaves that,
/// and test kernels set only the divisor.)
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/host_endpoints.h"
#include "core/line.h"

namespace r86 {

class Ns16550a final : public Device, public PortHandler {
public:
    static constexpr u64 kHz = 1843200;
    static constexpr usize kLine = 64; ///< bytes that may be on their way from the far end
    /// Modem inputs, in the places of the Modem Status Register.
    enum ModemInput : u8 { kCts = 0x10, kDsr = 0x20, kRi = 0x40, kDcd = 0x80 };

    Ns16550a(EventQueue& queue, const std::string& name);

    Line irq;                  ///< INTRPT behind the buffer that OUT2 opens
    Line dtr, rts, out1, out2; ///< high: the register's bit is 1 (the pin is low-active)
    Line break_out;            ///< SOUT is held in the break condition

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;

    /// Where transmitted bytes go; nullptr: nowhere. Wiring, not state.
    void connect(ByteSink* sink) { sink_ = sink; }
    /// A byte from the far end starts to arrive. False when the line is still busy with earlier ones: ask again later.
    bool receive(u8 byte);
    /// How many bytes `receive` would take now.
    usize room() const { return kLine - state_.line_count; }
    /// The far end's break: a zero byte with the break indication. False when there is no room.
    bool receive_break();
    /// The levels of CTS, DSR, RI and DCD from the far end.
    void set_modem_inputs(u8 msr_bits);
    /// What is still in the transmitter goes to the far end at once: the guest has ended, and no time will pass. The
    /// state stays as it is.
    void flush() const;
    /// The virtual time that one character takes, for hosts that want to pace themselves.
    u64 character_ns() const { return half_bits_ns(0); }

private:
    static constexpr usize kFifo = 16;
    struct State {
        std::array<u8, kFifo> rx{}, rx_errors{}; ///< receiver FIFO; [0] alone is RBR without FIFOs
        std::array<u8, kFifo> tx{};
        std::array<u8, kLine> line{}; ///< bytes on their way from the far end
        u8 rx_count = 0, tx_count = 0, line_count = 0;
        u8 line_break = 0; ///< 1 + position in `line` of a break; 0: none
        u8 shifting = 0;   ///< Transmitter Shift Register
        bool shift_busy = false;
        u8 ier = 0, fcr = 0, lcr = 0, mcr = 0, scr = 0;
        u8 lsr_errors = 0; ///< OE, and PE, FE, BI of the character at the top, until LSR is read
        u8 modem_inputs = 0, msr_deltas = 0;
        u8 dll = 12, dlm = 0;      ///< 9600 baud: the data sheet leaves the divisor undefined at power-on
        bool thre_pending = false; ///< the THRE interrupt waits for its IIR read or THR write
        bool timeout = false;      ///< character timeout indication
        bool tx_two = true;        ///< two bytes were in the FIFO at once since it was empty, or FCR0 has just changed
    };

    u64 half_bits_ns(unsigned less) const;
    bool fifos() const { return state_.fcr & 0x01; }
    bool loopback() const { return state_.mcr & 0x10; }
    usize rx_capacity() const { return fifos() ? kFifo : 1; }
    u8 modem_status() const;
    u8 line_status() const;
    u8 interrupt_identification() const;
    void update_irq();
    void start_shift();
    void tx_done(u64 deadline);
    void rx_done(u64 deadline);
    void put_rx(u8 byte, u8 errors);
    void start_line();
    void restart_timeout();
    void write_fcr(u8 value);
    void write_mcr(u8 value);
    void add_deltas(u8 before, u8 after);
    u8 read_rbr();

    Timer tx_timer_, rx_timer_, timeout_timer_, thre_timer_;
    ByteSink* sink_ = nullptr;
    State state_;
};

} // namespace r86

#pragma once
/// IBM enhanced (101/102-key) keyboard with a PS/2 connector.
/// Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)", 84F9735.
/// In a PC: the keyboard cable of the 8042.
/// NOT IMPLEMENTED: nothing of the commands; the cable's parity errors are the controller's (i8042.h).
#include "core/device.h"
#include "core/event_queue.h"
#include "devices/ps2_device.h"
#include "devices/scancodes.h"

namespace r86 {

class Ps2Keyboard final : public Device, public Ps2Device {
public:
    static constexpr u64 kSelfTestNs = 20'000'000; ///< shorter than a real one's 300 to 500 ms, so that boots are

    explicit Ps2Keyboard(EventQueue& queue);

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

    /// A key goes down or up. A repeated `down` of a key that is down already is ignored: the keyboard repeats itself.
    void key(KeyCode code, bool down);
    bool is_down(KeyCode code) const { return state_.down[static_cast<usize>(code)]; }
    /// Bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock.
    u8 leds() const { return state_.leds; }

    void receive(u8 byte) override;
    bool pending() const override { return state_.answer_count || state_.count; }
    u8 send() override;

private:
    static constexpr usize kBuffer = 16;
    static constexpr usize kKeys = static_cast<usize>(KeyCode::Count);
    struct State {
        std::array<u8, kBuffer + 1> buffer{}; ///< scan codes; the place behind the 16 holds the overrun code
        u8 count = 0;
        std::array<u8, 8> answers{}; ///< ACK, identification...: sent before any scan code
        u8 answer_count = 0;
        u8 last_sent = 0xFF;
        u8 awaiting = 0; ///< command that waits for its parameter; 0: none
        bool enabled = true;
        bool self_test = false; ///< the timer runs for the BAT, not for typematic
        u8 leds = 0;
        u8 scan_set = 2;
        u8 typematic = 0x2B; ///< 500 ms, 10.9 per second
        KeyCode repeating = KeyCode::None;
        std::array<u8, kKeys> down{};
        std::array<u8, kKeys> kinds{}; ///< Set3Kind of each key
    };

    struct Sequence {
        std::array<u8, 8> bytes{};
        u8 length = 0;
        void add(u8 byte) { bytes[length++] = byte; }
    };
    Sequence sequence_of(KeyCode code, bool down, bool repeated = false) const;
    Sequence special_sequence(KeyCode code, bool down, bool repeated) const;
    bool held(KeyCode code) const { return state_.down[static_cast<usize>(code)] != 0; }
    void add_code(Sequence& s, u8 prefix, u8 set2, bool make) const;
    void add_shift_codes(Sequence& s, KeyCode code, bool after) const;
    void enqueue(const Sequence& sequence);
    void answer(u8 byte);
    void command(u8 byte);
    void parameter(u8 command, u8 byte);
    void set_defaults();
    void set_all_kinds(Set3Kind kind);
    void stop_typematic();
    void clear_buffer();
    void start_self_test();
    void timer_fired(u64 deadline);
    u64 typematic_delay_ns() const;
    u64 typematic_period_ns() const;

    Timer timer_;
    State state_;
};

} // namespace r86

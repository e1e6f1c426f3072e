#pragma once
/// PS/2 mouse with the wheel of the IntelliMouse and the five buttons of the IntelliMouse Explorer.
/// Sources: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; A. Chapweske, "The PS/2 Mouse Interface";
/// Microsoft, "Intellimouse" knock sequences (sample rates 200, 100, 80 and 200, 200, 80).
/// In a PC: the auxiliary cable of the 8042.
/// NOT IMPLEMENTED: nothing of the commands; E1h answers as a mouse that is no pointing stick.
#include "core/device.h"
#include "core/event_queue.h"
#include "devices/ps2_device.h"
#include <array>

namespace r86 {

class Ps2Mouse final : public Device, public Ps2Device {
public:
    static constexpr u64 kSelfTestNs = 20'000'000;

    explicit Ps2Mouse(EventQueue& queue);

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;

    /// Motion since the last call, dx to the right, dy upwards, dz towards the user; `buttons`: bit 0 left, 1 right,
    /// 2 middle, 3 and 4 the side buttons. Motion is forgotten while nobody has asked for reports.
    void move(int dx, int dy, int dz, u8 buttons);

    void receive(u8 byte) override;
    bool pending() const override { return state_.count != 0; }
    u8 send() override;

private:
    enum class Mode : u8 { Stream, Remote, Wrap };
    struct State {
        std::array<u8, 16> queue{};
        u8 count = 0;
        std::array<u8, 4> last_sent{}; ///< the last answer or packet, for RESEND
        u8 last_length = 0;
        u8 awaiting = 0; ///< command that waits for its parameter; 0: none
        Mode mode = Mode::Stream;
        Mode before_wrap = Mode::Stream;
        bool enabled = false;
        bool scaling = false; ///< 2:1
        bool self_test = false;
        bool error = false; ///< the last byte was invalid: the next invalid one answers FCh
        u8 resolution = 2;  ///< 4 counts/mm
        u8 rate = 100;
        u8 id = 0;
        std::array<u8, 3> knock{}; ///< the last sample rates
        i32 dx = 0, dy = 0, dz = 0;
        u8 buttons = 0;
        u8 reported = 0; ///< buttons of the last packet
        u64 last_sample_ns = 0;
    };

    void put(u8 byte);
    void acknowledge();
    void command(u8 byte);
    void parameter(u8 command, u8 byte);
    void invalid();
    void packet(bool scaled);
    bool changed() const;
    void schedule();
    void timer_fired();
    void set_defaults();

    Timer timer_;
    State state_;
};

} // namespace r86

#pragma once
/// The PC's loudspeaker: OUT2 of the 8254 AND bit 1 of port 61h, filtered to samples for the host.
/// Source: IBM PC AT Technical Reference, "Speaker".
/// The cone's position over each sample is averaged over the CLK periods in it, so that pulse-width modulation (sampled
/// speech of DOS games) is heard as its makers meant it. Sound is no state: whether anybody listens changes nothing;
/// the timer that hands over samples runs by the guest's doings alone. NOT IMPLEMENTED: the resonance of a real cone.
#include "core/device.h"
#include "core/event_queue.h"
#include "core/host_endpoints.h"
#include <functional>

namespace r86 {

class PcSpeaker final : public Device {
public:
    static constexpr u32 kHz = 44100;
    static constexpr u64 kClk = 1193182; ///< the 8254's
    static constexpr u64 kChunkNs = 10'000'000;

    /// `high_cycles(from, to)`: how many CLK periods in [from, to) OUT2 was high.
    PcSpeaker(EventQueue& queue, std::function<u64(u64 from, u64 to)> high_cycles);

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    void loaded() override;

    /// Bit 1 of port 61h.
    void set_enabled(bool level);
    /// Takes what OUT2 did until now; the board calls it before counter 2 changes its course.
    void catch_up();
    /// Wiring, not state.
    void connect(AudioSink* sink) { sink_ = sink; }

private:
    void add(u64 cycles, u64 high);

    const VirtualClock& clock_;
    Timer timer_;
    std::function<u64(u64, u64)> high_cycles_;
    AudioSink* sink_ = nullptr;
    struct State {
        bool enabled = false;
        bool used = false; ///< enabled at some time since the last chunk
    } state_;

    // Not state: what goes to the host.
    u64 position_ = 0; ///< CLK period up to which samples were made
    u64 sample_end_ = 0;
    u64 sample_index_ = 0;
    u64 high_ = 0, total_ = 0;
    i32 last_in_ = 0, last_out_ = 0;
    std::vector<i16> chunk_;
};

} // namespace r86

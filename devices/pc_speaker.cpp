#include "devices/pc_speaker.h"
#include <algorithm>

namespace r86 {

namespace {
constexpr i32 kAmplitude = 12000;
constexpr u64 kLongestGap = PcSpeaker::kClk / 10; // more than a chunk behind: nothing worth hearing was there
} // namespace

PcSpeaker::PcSpeaker(EventQueue& queue, std::function<u64(u64, u64)> high_cycles)
    : clock_(queue.clock()), timer_(queue, "pc_speaker",
                                    [this](u64 deadline) {
                                        catch_up();
                                        if (sink_ && !chunk_.empty())
                                            sink_->samples(AudioSource::Speaker, chunk_, 1, kHz);
                                        chunk_.clear();
                                        const bool go_on = state_.enabled || state_.used;
                                        state_.used = state_.enabled;
                                        if (go_on) timer_.arm_at(deadline + kChunkNs);
                                    }),
      high_cycles_(std::move(high_cycles)) {}

void PcSpeaker::reset(ResetKind) {
    set_enabled(false);
    state_.used = false;
    timer_.cancel();
}

void PcSpeaker::visit(StateVisitor& v) {
    auto& [enabled, used] = state_;
    v.field("enabled", enabled);
    v.field("used", used);
}

void PcSpeaker::loaded() {
    position_ = clock_.cycles(kClk);
    sample_end_ = 0;
    chunk_.clear();
}

void PcSpeaker::set_enabled(bool level) {
    if (level == state_.enabled) return;
    catch_up();
    state_.enabled = level;
    if (!level) return;
    state_.used = true;
    if (!timer_.armed()) {
        loaded(); // silence needs no samples: begin here
        timer_.arm_after(kChunkNs);
    }
}

void PcSpeaker::catch_up() {
    const u64 now = clock_.cycles(kClk);
    const bool active = timer_.armed() || state_.enabled || state_.used; // in its own handler the timer is not armed
    if (!sink_ || !active || now < position_ || now - position_ > kLongestGap) {
        position_ = now;
        sample_end_ = 0;
        return;
    }
    if (sample_end_ == 0) {
        sample_index_ = position_ * kHz / kClk;
        sample_end_ = ((sample_index_ + 1) * kClk + kHz - 1) / kHz;
        high_ = total_ = 0;
    }
    while (position_ < now) {
        const u64 end = std::min(now, sample_end_);
        add(end - position_, state_.enabled ? high_cycles_(position_, end) : 0);
        position_ = end;
        if (end == sample_end_) {
            // The mean position, with the constant part taken away as a capacitor in the speaker's line would.
            const i32 in = total_ ? static_cast<i32>(high_ * 2 * kAmplitude / total_) : 0;
            last_out_ = in - last_in_ + last_out_ * 995 / 1000;
            last_in_ = in;
            chunk_.push_back(static_cast<i16>(std::clamp(last_out_, -32768, 32767)));
            high_ = total_ = 0;
            ++sample_index_;
            sample_end_ = ((sample_index_ + 1) * kClk + kHz - 1) / kHz;
        }
    }
}

void PcSpeaker::add(u64 cycles, u64 high) {
    total_ += cycles;
    high_ += high;
}

} // namespace r86

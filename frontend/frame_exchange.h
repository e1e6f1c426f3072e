#pragma once
/// Hands finished frames from the emulation thread to a display: a triple buffer (the display's own
/// frame is the third), so that neither waits for the other.
#include <array>
#include <mutex>
#include <utility>

namespace r86 {

template <class Frame>
class FrameExchange {
public:
    /// Emulation thread: the frame to draw into; nobody else sees it before publish().
    Frame& back() { return frames_[back_]; }
    void publish() {
        const std::lock_guard lock(mutex_);
        std::swap(back_, ready_);
        fresh_ = true;
    }
    /// Display: the newest frame, whose place `out` takes; false if there is none since the last call.
    bool take(Frame& out) {
        const std::lock_guard lock(mutex_);
        if (!fresh_) return false;
        std::swap(out, frames_[ready_]);
        fresh_ = false;
        return true;
    }

private:
    std::array<Frame, 2> frames_{};
    unsigned back_ = 0, ready_ = 1;
    bool fresh_ = false;
    std::mutex mutex_;
};

} // namespace r86

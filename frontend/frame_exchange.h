#pragma once
/// Hands finished frames from the emulation thread to a display: a triple buffer, so that neither waits for the other.
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
    /// Display: the newest frame, false if there is none since the last call.
    bool take(Frame& out) {
        {
            const std::lock_guard lock(mutex_);
            if (!fresh_) return false;
            std::swap(front_, ready_);
            fresh_ = false;
        }
        out = frames_[front_];
        return true;
    }

private:
    std::array<Frame, 3> frames_{};
    unsigned back_ = 0, ready_ = 1, front_ = 2;
    bool fresh_ = false;
    std::mutex mutex_;
};

} // namespace r86

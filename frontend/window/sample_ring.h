#pragma once
/// Sound samples on their way from the guest's thread to the host's audio thread: one writer, one reader, no waiting.
#include "core/types.h"
#include <algorithm>
#include <array>
#include <atomic>
#include <span>

namespace r86 {

/// Samples of the channels stand in turn; whole frames are put and taken. Playback starts when a little is there, so
/// that the guest's uneven pace is not heard; when it runs dry the wave returns to zero smoothly and playback starts
/// anew. What does not fit is dropped.
template <unsigned kChannels>
class SampleRing {
public:
    static constexpr usize kCapacity = kChannels << 14; ///< 370 ms at 44100 Hz
    static constexpr usize kStart = kChannels * 2048;   ///< 46 ms

    void put(std::span<const i16> samples) {
        const usize written = written_.load(std::memory_order_relaxed);
        const usize room = kCapacity - (written - read_.load(std::memory_order_acquire));
        if (samples.size() > room) samples = samples.first(room);
        for (usize i = 0; i < samples.size(); ++i) ring_[(written + i) % kCapacity] = samples[i];
        written_.store(written + samples.size(), std::memory_order_release);
    }

    void take(std::span<i16> out) {
        const usize read = read_.load(std::memory_order_relaxed);
        const usize ready = written_.load(std::memory_order_acquire) - read;
        if (!playing_ && ready >= kStart) playing_ = true;
        const usize count = playing_ ? (ready < out.size() ? ready : out.size()) : 0;
        for (usize i = 0; i < count; ++i) out[i] = ring_[(read + i) % kCapacity];
        if (count != 0)
            std::copy_n(out.begin() + static_cast<std::ptrdiff_t>(count - kChannels), kChannels, last_.begin());
        for (usize i = count; i < out.size(); ++i) {
            i16& last = last_[i % kChannels];
            last = static_cast<i16>(last * 63 / 64);
            out[i] = last;
        }
        if (count < out.size()) playing_ = false;
        read_.store(read + count, std::memory_order_release);
    }

private:
    std::array<i16, kCapacity> ring_{};
    std::atomic<usize> written_ = 0;
    std::atomic<usize> read_ = 0;
    // The reader's own.
    bool playing_ = false;
    std::array<i16, kChannels> last_{};
};

} // namespace r86

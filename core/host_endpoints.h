#pragma once
/// What the board gives to chips as the other end of their connectors. Nothing here may block or ask the host's clock;
/// what comes back from the host enters through the machine's input door, stamped with a tick.
#include "core/types.h"
#include <span>
#include <vector>

namespace r86 {

/// The far end of a serial line, a parallel port or a debug console.
class ByteSink {
public:
    virtual ~ByteSink() = default;
    virtual void put(u8 byte) = 0;
};

/// A finished frame, made by a video chip at virtual vertical retrace. Not state.
struct Picture {
    u32 width = 0; ///< pixels before any scaling for the window: 720x400 for 80x25 text, 640x400 for mode 13h
    u32 height = 0;
    std::vector<u32> pixels; ///< width*height, 00RRGGBBh
};

enum class AudioSource : u8 { Speaker, Cd };

/// Sound samples at a fixed rate; not state.
class AudioSink {
public:
    virtual ~AudioSink() = default;
    /// `frames`: a sample of each channel in turn; one channel or two.
    virtual void samples(AudioSource source, std::span<const i16> frames, unsigned channels, u32 hz) = 0;
};

} // namespace r86

#pragma once
/// Where the beam is, from the CRT controller's counters or from the size of a VBE mode.
#include "devices/vga_registers.h"

namespace r86 {

/// One frame in periods of a dot clock.
struct VgaTiming {
    u64 hz = 0;               ///< dot clock
    u32 line_dots = 0;        ///< horizontal total
    u32 display_dots = 0;     ///< of these, display enable is active for the first
    u32 lines = 0;            ///< vertical total
    u32 display_lines = 0;    ///< likewise
    u32 retrace_start = 0;    ///< first line of the vertical retrace pulse
    u32 retrace_end = 0;      ///< first line after it
    bool synchronous = false; ///< a monitor could show it; otherwise the picture is black

    bool operator==(const VgaTiming&) const = default;
    u64 frame_dots() const { return u64{line_dots} * lines; }

    struct Beam {
        u32 line;
        u32 dot;
    };
    /// `dots`: dot clocks since the top left of some frame.
    Beam beam(u64 dots) const {
        const u64 in_frame = dots % frame_dots();
        return {static_cast<u32>(in_frame / line_dots), static_cast<u32>(in_frame % line_dots)};
    }
    bool display_enable(Beam b) const { return b.line < display_lines && b.dot < display_dots; }
    bool vertical_retrace(Beam b) const { return b.line >= retrace_start && b.line < retrace_end; }

    /// From the programmed registers. What no monitor would follow becomes a free-running 70 Hz frame that shows
    /// nothing, so that a guest which waits for retrace is never left waiting and no register value makes frames
    /// endless.
    static VgaTiming from_crtc(const VgaRegisters& registers);
    /// 60 frames a second whatever the size; the Bochs extensions have no clock registers.
    static VgaTiming for_size(u32 width, u32 height);
};

} // namespace r86

#include "devices/vga_timing.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr u64 kClock25 = 25'175'000; // 640 dots
constexpr u64 kClock28 = 28'322'000; // 720 dots
constexpr u64 kHighestFrameRate = 200;
constexpr u64 kLowestFrameRate = 10;

/// 80x25 text of the VGA BIOS: 900 x 449 dots at 28.322 MHz.
constexpr VgaTiming kIdle{kClock28, 900, 720, 449, 400, 412, 414, false};

} // namespace

VgaTiming VgaTiming::from_crtc(const VgaRegisters& r) {
    VgaTiming t;
    t.hz = r.clock_select() == 1 ? kClock28 : kClock25;
    // Half the dot clock is the same as dots of twice the width.
    const u32 character = r.dots_per_character() * (r.half_dot_clock() ? 2 : 1);
    const u32 line_scale = r.vertical_times_two() ? 2 : 1;
    t.line_dots = r.horizontal_total() * character;
    t.display_dots = std::min(r.horizontal_displayed() * character, t.line_dots);
    t.lines = r.vertical_total() * line_scale;
    t.display_lines = std::min(r.vertical_displayed() * line_scale, t.lines);
    // The retrace ends at the next line whose low four bits match (CR11, Vertical Retrace End).
    const u32 start = r.vertical_retrace_start();
    const u32 length = (r.vertical_retrace_end() - start) & 0x0F;
    t.retrace_start = std::min(start * line_scale, t.lines - 1);
    t.retrace_end = std::min((start + (length ? length : 16)) * line_scale, t.lines);
    const u64 rate = t.hz / t.frame_dots();
    t.synchronous = r.running() && rate <= kHighestFrameRate && rate >= kLowestFrameRate;
    return t.synchronous ? t : kIdle;
}

VgaTiming VgaTiming::for_size(u32 width, u32 height) {
    VgaTiming t;
    t.line_dots = width + width / 4;
    t.display_dots = width;
    t.lines = height + std::max<u32>(height / 20, 8);
    t.display_lines = height;
    t.retrace_start = height + 2;
    t.retrace_end = height + 5;
    t.hz = t.frame_dots() * 60;
    t.synchronous = true;
    return t;
}

} // namespace r86

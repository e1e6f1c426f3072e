#pragma once
/// What the monitor behind the display adapter says of itself.
/// Layout: VESA Enhanced Extended Display Identification Data Standard, release A, section 3 (EDID 1.3).
#include "core/types.h"
#include <array>

namespace r86 {

/// One block without extensions: an analog monitor of 1024x768 that takes sizes from 640x480 to 1920x1200 at 60 Hz.
const std::array<u8, 128>& monitor_edid();

} // namespace r86

#pragma once

namespace r86 {

/// Xlib ends a program at the first error, and a window that somebody else destroyed (xkill, a script) is one. After
/// this call it is a request to quit, so that images are written out. To be called once SDL's video runs; nothing
/// happens where that is not X11.
void survive_x11_errors();

} // namespace r86

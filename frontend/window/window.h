#pragma once
/// The window: shows a running session and passes on what the user does. It sees the session through EmulationPort
/// alone; the guest runs on another thread.
/// NOT IMPLEMENTED: an absolute pointer (the mouse is grabbed), several screens, game controllers.
#include "frontend/emulation_port.h"
#include "frontend/window/scaling.h"
#include <memory>
#include <string>

namespace r86 {

struct WindowOptions {
    std::string title;               ///< what runs, for the title bar; empty: the names of the media
    std::string host_key = "ctrl-r"; ///< a key's name as in scripts, or "ctrl-alt" for both held together
    ScaleMode scale = ScaleMode::Shape;
    bool full_screen = false;
    bool status_line = true;
    unsigned speed_percent = 100; ///< what the session was started with; 0: as fast as the host can
};

/// True if this host has a display that SDL can open a window on.
bool can_open_window();

/// Shows the session until it has ended; closing the window ends it. Runs on the program's first thread, as SDL wants.
/// Throws UserError if there is no display or the host key is unknown. The result is 0.
int run_window(EmulationPort& port, const WindowOptions& options);

/// Where the PC speaker plays; silent on a host without an audio device. Any thread may put samples in. It must outlive
/// the machine that it is connected to.
std::unique_ptr<AudioSink> open_audio();

} // namespace r86

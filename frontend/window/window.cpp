#include "frontend/window/window.h"
#include "core/error.h"
#include "frontend/window/window_loop.h"
#include "frontend/window/x11_errors.h"

namespace r86 {

namespace {

/// SDL's video, as long as this lives. A display that is in use keeps its screen saver: we leave that to the desktop.
class SdlVideo {
public:
    SdlVideo() {
        // The drivers that somebody can see: without a display SDL would take one that shows nothing. What the user's
        // environment asks for goes first. Wayland's library complains on its own where no session can be.
        const bool session = SDL_getenv("WAYLAND_DISPLAY") || SDL_getenv("XDG_RUNTIME_DIR");
        SDL_SetHint(SDL_HINT_VIDEODRIVER, session ? "x11,wayland,kmsdrm" : "x11,kmsdrm");
        survive_x11_errors();
        ready_ = SDL_InitSubSystem(SDL_INIT_VIDEO) == 0;
        survive_x11_errors();
        SDL_EnableScreenSaver();
    }
    ~SdlVideo() {
        if (ready_) SDL_QuitSubSystem(SDL_INIT_VIDEO);
    }
    SdlVideo(const SdlVideo&) = delete;
    SdlVideo& operator=(const SdlVideo&) = delete;
    bool ready() const { return ready_; }

private:
    bool ready_ = false;
};

} // namespace

bool can_open_window() { return SdlVideo().ready(); }

int run_window(EmulationPort& port, const WindowOptions& options) {
    // What a window manager sees; the program's name otherwise.
    SDL_SetHint(SDL_HINT_APP_NAME, "rewind86");
    const SdlVideo video;
    if (!video.ready())
        throw UserError(std::string("There is no display for a window (") + SDL_GetError() +
                        "): use --display terminal or --headless.");
    WindowLoop(port, options).run();
    return 0;
}

} // namespace r86

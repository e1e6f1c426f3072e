#include "frontend/window/x11_errors.h"
#if defined(__linux__) && __has_include(<X11/Xlib.h>)
#include <SDL.h>
#include <X11/Xlib.h>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

namespace r86 {

namespace {

/// Called inside of SDL's event pump or drawing, on the window's thread.
int on_error(Display*, XErrorEvent* error) {
    if (error->error_code == BadWindow || error->error_code == BadDrawable) {
        SDL_Event quit{};
        quit.type = SDL_QUIT;
        SDL_PushEvent(&quit);
    } else {
        std::fprintf(stderr, "X11: error %u of request %u\n", error->error_code, error->request_code);
    }
    return 0;
}

} // namespace

void survive_x11_errors() {
    if (!std::getenv("DISPLAY")) return;
    // The library that SDL loads; the program itself is not linked with it.
    static void* const library = dlopen("libX11.so.6", RTLD_LAZY);
    if (!library) return;
    using SetHandler = XErrorHandler (*)(XErrorHandler);
    if (const auto set = reinterpret_cast<SetHandler>(dlsym(library, "XSetErrorHandler"))) set(on_error);
}

} // namespace r86
#else
namespace r86 {
void survive_x11_errors() {}
} // namespace r86
#endif

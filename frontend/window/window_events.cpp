/// What the user does with keyboard, mouse and window.
#include "frontend/window/media.h"
#include "frontend/window/window_loop.h"
#include <cmath>

namespace r86 {

namespace {

/// Bits of input::Mouse; 0 for a button that a PC mouse does not have.
u8 button_bit(Uint8 button) {
    switch (button) {
    case SDL_BUTTON_LEFT: return 1;
    case SDL_BUTTON_RIGHT: return 2;
    case SDL_BUTTON_MIDDLE: return 4;
    case SDL_BUTTON_X1: return 8;
    case SDL_BUTTON_X2: return 16;
    default: return 0;
    }
}

} // namespace

void WindowLoop::handle(const SDL_Event& event) {
    switch (event.type) {
    case SDL_QUIT: command(Command::Quit); break;
    case SDL_WINDOWEVENT: handle_window(event.window); break;
    case SDL_KEYDOWN:
    case SDL_KEYUP: handle_key(event.key); break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: handle_button(event.button); break;
    case SDL_MOUSEMOTION: handle_motion(event.motion); break;
    case SDL_MOUSEWHEEL: handle_wheel(event.wheel); break;
    case SDL_DROPFILE: {
        const std::string path = event.drop.file;
        SDL_free(event.drop.file);
        drop_file(path);
        break;
    }
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET:
        screen_.contents_lost(event.type == SDL_RENDER_DEVICE_RESET);
        redraw_ = true;
        break;
    default: break;
    }
}

void WindowLoop::handle_window(const SDL_WindowEvent& event) {
    switch (event.event) {
    case SDL_WINDOWEVENT_CLOSE: command(Command::Quit); break;
    case SDL_WINDOWEVENT_RESIZED: screen_.user_resized(); [[fallthrough]];
    case SDL_WINDOWEVENT_SIZE_CHANGED:
    case SDL_WINDOWEVENT_DISPLAY_CHANGED: lay_out_ = true; break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN: minimised_ = true; break;
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_MAXIMIZED:
    case SDL_WINDOWEVENT_SHOWN:
    case SDL_WINDOWEVENT_EXPOSED:
        minimised_ = false;
        redraw_ = true;
        break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        perform(keyboard_.release_all());
        grab(false);
        break;
    default: break;
    }
}

void WindowLoop::handle_key(const SDL_KeyboardEvent& event) {
    const bool down = event.type == SDL_KEYDOWN;
    const SDL_Scancode scancode = event.keysym.scancode;
    if (menu_ && down) {
        switch (menu_->key(scancode)) {
        case Menu::Answer::Open: draw_menu(); break;
        case Menu::Answer::Close: close_menu(); break;
        case Menu::Answer::Chosen: choose(); break;
        }
        return;
    }
    if (slider_key(event)) return;
    if (down && event.repeat) return;
    perform(keyboard_.key(scancode, down));
}

void WindowLoop::perform(const std::vector<KeyAction>& actions) {
    for (const KeyAction& action : actions) {
        if (const auto* key = std::get_if<input::Key>(&action))
            port_.send(*key);
        else if (const auto* chosen = std::get_if<Command>(&action))
            command(*chosen);
        else if (std::holds_alternative<HeldCommandEnded>(action))
            travel(travel::Backwards{false});
        else
            grab(false);
    }
}

void WindowLoop::grab(bool on) {
    if (on == state_.mouse_grabbed) return;
    if (on && SDL_SetRelativeMouseMode(SDL_TRUE) != 0) {
        say(std::string("The mouse cannot be grabbed: ") + SDL_GetError() + ".");
        return;
    }
    if (!on) SDL_SetRelativeMouseMode(SDL_FALSE);
    SDL_SetWindowKeyboardGrab(screen_.window(), on ? SDL_TRUE : SDL_FALSE);
    state_.mouse_grabbed = on;
    if (on) {
        say("The guest has mouse and keyboard. Press " + state_.host_key + " alone (or Ctrl+Alt) to get them back.");
    } else if (mouse_buttons_ != 0) { // no button stays down
        mouse_buttons_ = 0;
        mouse_moved_ = true;
        send_mouse();
    }
    draw_status();
}

void WindowLoop::handle_button(const SDL_MouseButtonEvent& event) {
    const bool down = event.type == SDL_MOUSEBUTTONDOWN;
    if (state_.mouse_grabbed) {
        const u8 bit = button_bit(event.button);
        mouse_buttons_ = static_cast<u8>(down ? mouse_buttons_ | bit : mouse_buttons_ & ~bit);
        mouse_moved_ = true;
        send_mouse(); // a click between two polls must not vanish
        return;
    }
    const double ratio = screen_.pixels_per_unit();
    const int x = static_cast<int>(std::lround(event.x * ratio));
    const int y = static_cast<int>(std::lround(event.y * ratio));
    if (!menu_ && slider_pointer(x, y, down ? Pointer::Down : Pointer::Up)) return;
    if (!down) return;
    if (menu_) {
        const int scale = screen_.ui_scale();
        const Rect& place = menu_panel_.place;
        if (!place.contains(x, y))
            close_menu();
        else if (menu_->point((x - place.x) / scale, (y - place.y) / scale))
            choose();
    } else if (status_panel_.visible && status_panel_.place.contains(x, y)) {
        help_menu(); // also for those whose keyboard lacks the host key
    } else if (event.button == SDL_BUTTON_LEFT) {
        grab(true);
    }
}

void WindowLoop::handle_motion(const SDL_MouseMotionEvent& event) {
    if (state_.mouse_grabbed) {
        mouse_.dx += event.xrel;
        mouse_.dy += event.yrel;
        mouse_moved_ = true;
    } else if (menu_) {
        const double ratio = screen_.pixels_per_unit() / screen_.ui_scale();
        const Rect& place = menu_panel_.place;
        const int scale = screen_.ui_scale();
        const int x = static_cast<int>(std::lround(event.x * ratio)) - place.x / scale;
        const int y = static_cast<int>(std::lround(event.y * ratio)) - place.y / scale;
        if (menu_->point(x, y)) draw_menu();
    } else {
        const double ratio = screen_.pixels_per_unit();
        slider_pointer(static_cast<int>(std::lround(event.x * ratio)), static_cast<int>(std::lround(event.y * ratio)),
                       Pointer::Move);
    }
}

void WindowLoop::handle_wheel(const SDL_MouseWheelEvent& event) {
    const int towards_user = event.direction == SDL_MOUSEWHEEL_FLIPPED ? event.y : -event.y;
    if (menu_) {
        menu_->scroll(towards_user);
        draw_menu();
    } else if (state_.mouse_grabbed) {
        mouse_.wheel += towards_user;
        mouse_moved_ = true;
    }
}

/// Motion since the last time as one input.
void WindowLoop::send_mouse() {
    if (!mouse_moved_) return;
    mouse_.buttons = mouse_buttons_;
    port_.send(mouse_);
    mouse_ = {};
    mouse_moved_ = false;
}

void WindowLoop::drop_file(const std::string& path) {
    const std::string name = std::filesystem::path(path).filename().string();
    const auto drive = drive_for_file(path, status_.drives);
    if (!drive) {
        say("'" + name + "' is neither a CD image nor a floppy image that a drive of this machine takes.");
        return;
    }
    port_.change_medium(*drive, path);
    say(drive_title(*drive) + ": inserting '" + name + "'.");
}

} // namespace r86

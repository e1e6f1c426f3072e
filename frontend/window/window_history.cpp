/// Going through the session's history in the window: commands, the slider's keys and the mouse on it.
#include "frontend/window/window_loop.h"

namespace r86 {

namespace {
constexpr i64 kSecondNs = 1'000'000'000;
} // namespace

bool WindowLoop::history_command(Command command) {
    switch (command) {
    case Command::Backwards: travel(travel::Backwards{true}); return true;
    case Command::FrameBack: travel(travel::Frames{-1}); return true;
    case Command::FrameOn: travel(travel::Frames{1}); return true;
    case Command::PlayFromHere: travel(travel::PlayFromHere{}); return true;
    case Command::Present: travel(travel::ToPresent{}); return true;
    case Command::History: show_slider(!slider_open_); return true;
    default: return false;
    }
}

void WindowLoop::travel(TravelOrder order) {
    const bool goes_on = std::holds_alternative<travel::PlayFromHere>(order);
    port_.travel(std::move(order));
    if (!goes_on) grab(false); // nothing that the mouse does belongs into the past
    next_status_ = 0;
    travelled_ms_ = SDL_GetTicks64();
}

void WindowLoop::show_slider(bool open) {
    if (open == slider_open_) return;
    if (open) {
        perform(keyboard_.release_all());
        grab(false);
        slider_.update(status_);
    } else if (slider_backwards_) {
        travel(travel::Backwards{false});
    }
    slider_backwards_ = slider_dragged_ = false;
    slider_open_ = open;
    draw_slider();
}

/// The keyboard is the slider's while it is open, except for what the host key does.
bool WindowLoop::slider_key(const SDL_KeyboardEvent& event) {
    const bool down = event.type == SDL_KEYDOWN;
    const SDL_Scancode scancode = event.keysym.scancode;
    if (!slider_open_ || keyboard_.host_active()) return false;
    if (scancode == SDL_SCANCODE_BACKSPACE) {
        if (down != slider_backwards_) travel(travel::Backwards{down});
        slider_backwards_ = down;
        return true;
    }
    if (!down || keyboard_.is_host_key(scancode)) return false;
    switch (scancode) {
    case SDL_SCANCODE_LEFT: travel(travel::By{-kSecondNs}); break;
    case SDL_SCANCODE_RIGHT: travel(travel::By{kSecondNs}); break;
    case SDL_SCANCODE_PAGEUP: travel(travel::By{-10 * kSecondNs}); break;
    case SDL_SCANCODE_PAGEDOWN: travel(travel::By{10 * kSecondNs}); break;
    case SDL_SCANCODE_COMMA: travel(travel::Frames{-1}); break;
    case SDL_SCANCODE_PERIOD: travel(travel::Frames{1}); break;
    case SDL_SCANCODE_HOME: travel(travel::To{status_.history.begin, std::nullopt}); break;
    case SDL_SCANCODE_END: travel(travel::ToPresent{}); break;
    case SDL_SCANCODE_UP:
    case SDL_SCANCODE_DOWN: other_branch(scancode == SDL_SCANCODE_UP ? -1 : 1); break;
    case SDL_SCANCODE_SPACE:
        if (!event.repeat) set_paused(!status_.paused);
        break;
    case SDL_SCANCODE_RETURN:
    case SDL_SCANCODE_KP_ENTER:
        travel(travel::PlayFromHere{});
        show_slider(false);
        break;
    case SDL_SCANCODE_ESCAPE: show_slider(false); break;
    default: break;
    }
    return true;
}

/// To the end of the branch above or below.
void WindowLoop::other_branch(int direction) {
    const HistoryStatus& history = status_.history;
    const i64 wanted = static_cast<i64>(history.branch) + direction;
    if (wanted < 0 || wanted >= static_cast<i64>(history.branches.size())) return;
    const u32 branch = static_cast<u32>(wanted);
    travel(travel::To{history.branches[branch].end, branch});
}

bool WindowLoop::slider_pointer(int x, int y, Pointer what) {
    if (!slider_open_) return false;
    const int scale = screen_.ui_scale();
    const Rect& place = slider_panel_.place;
    const int dot_x = (x - place.x) / scale, dot_y = (y - place.y) / scale;
    if (what == Pointer::Up) {
        const bool was = slider_dragged_;
        slider_dragged_ = false;
        return was;
    }
    if (what == Pointer::Move) {
        if (!slider_dragged_) return false;
        if (const auto to = slider_.dragged(dot_x)) travel(*to);
        return true;
    }
    if (!place.contains(x, y)) return false;
    if (const auto to = slider_.at(dot_x, dot_y)) {
        slider_dragged_ = true;
        travel(*to);
    }
    return true;
}

void WindowLoop::draw_slider() {
    redraw_ = true;
    slider_panel_.visible = slider_open_;
    if (!slider_open_) return;
    const Size area = screen_.area();
    const int scale = screen_.ui_scale();
    slider_.draw(slider_panel_.redraw(), area.width / scale);
    const int height = slider_panel_.canvas().size().height * scale;
    const int below = status_panel_.visible ? status_panel_.place.height : 0;
    slider_panel_.place = {0, area.height - below - height, area.width, height};
}

} // namespace r86

#include "frontend/window/window_loop.h"
#include "bios/embedded.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

constexpr u64 kFrameMs = 16;    ///< how often a running session is asked for a new frame
constexpr u64 kStatusMs = 100;  ///< lights and numbers
constexpr u64 kTravelMs = 1000; ///< after an order to travel the screen may change although the guest is paused
constexpr int kStatusPadding = 2;
constexpr int kStatusHeight = Canvas::kCellHeight + 2 * kStatusPadding;

u32 ink(StatusPart::Tone tone) {
    switch (tone) {
    case StatusPart::Tone::Plain: return colour::kText;
    case StatusPart::Tone::Dim: return colour::kDim;
    case StatusPart::Tone::Lit: return colour::kLit;
    case StatusPart::Tone::Warning: return colour::kWarning;
    }
    return colour::kText;
}

Rect enlarged(int x, int y, Size size, int scale) { return {x, y, size.width * scale, size.height * scale}; }

} // namespace

WindowLoop::WindowLoop(EmulationPort& port, const WindowOptions& options)
    : port_(port), options_(options), fonts_(bundled_vgabios().bytes), keyboard_(options.host_key),
      screen_("rewind86", options.full_screen, options.status_line ? kStatusHeight : 0) {
    std::error_code ignored;
    folder_ = std::filesystem::current_path(ignored);
    state_.host_key = keyboard_.host_key_name();
    state_.speed_percent = options.speed_percent;
    // Drivers without a connection to sleep on are asked every millisecond by SDL; then we sleep ourselves.
    const char* driver = SDL_GetCurrentVideoDriver();
    waits_well_ = driver && std::strcmp(driver, "dummy") != 0 && std::strcmp(driver, "offscreen") != 0;
    SDL_StopTextInput();
    SDL_EventState(SDL_DROPFILE, SDL_ENABLE);
    say(state_.host_key + "+F1 shows what the window can do.");
}

void WindowLoop::say(const std::string& text) {
    notices_.add(text, SDL_GetTicks64());
    draw_notices();
}

void WindowLoop::run() {
    u64 next_frame = 0;
    while (true) {
        const bool moving =
            status_.history.backwards || status_.history.on_the_way || SDL_GetTicks64() < travelled_ms_ + kTravelMs;
        const bool still = (status_.paused && !moving) || minimised_;
        wait_for_event(still ? next_status_ : std::min(next_frame, next_status_));
        for (SDL_Event event; SDL_PollEvent(&event);) handle(event);
        send_mouse();
        const u64 now = SDL_GetTicks64();
        if (port_.take_frame(frame_)) {
            const u32 width = screen_.picture().width;
            const u32 height = screen_.picture().height;
            changed_ |= screen_.set_picture(frame_);
            if (frame_.width != width || frame_.height != height) {
                const int status_height = options_.status_line ? kStatusHeight * screen_.ui_scale() : 0;
                screen_.grow_for({static_cast<int>(frame_.width), static_cast<int>(frame_.height)}, status_height);
                lay_out_ = true;
            }
        }
        // Counted from before the frame is shown: a present that waits for the retrace is part of the period.
        next_frame = now + kFrameMs;
        if (now >= next_status_) {
            poll_session(now);
            next_status_ = now + (moving ? kFrameMs : kStatusMs);
            if (status_.ended) return;
        }
        if (lay_out_) lay_out();
        if ((redraw_ || changed_) && !minimised_) {
            screen_.present(picture_place_, {&status_panel_, &slider_panel_, &notice_panel_, &menu_panel_}, redraw_);
            redraw_ = changed_ = false;
        }
    }
}

/// Returns at an event or at the deadline. The event stays in the queue.
void WindowLoop::wait_for_event(u64 deadline) {
    const u64 now = SDL_GetTicks64();
    if (now >= deadline) return;
    const int left = static_cast<int>(deadline - now);
    if (waits_well_) {
        SDL_WaitEventTimeout(nullptr, left);
    } else {
        SDL_Delay(static_cast<Uint32>(left));
    }
}

void WindowLoop::poll_session(u64 now) {
    status_ = port_.status();
    while (const auto message = port_.take_message()) say(*message);
    if (notices_.expire(now)) draw_notices();
    const std::string title = window_title(options_.title, status_);
    if (title != title_) {
        title_ = title;
        screen_.set_title(title_);
    }
    draw_status();
    if (slider_open_ && slider_.update(status_)) draw_slider();
}

void WindowLoop::lay_out() {
    lay_out_ = false;
    redraw_ = true;
    const Size area = screen_.area();
    const int scale = screen_.ui_scale();
    // A full screen belongs to the guest.
    status_panel_.visible = options_.status_line && !screen_.full_screen();
    const int below = status_panel_.visible ? kStatusHeight * scale : 0;
    const Size room{area.width, area.height - below};
    picture_place_ = place_picture(
        {static_cast<int>(screen_.picture().width), static_cast<int>(screen_.picture().height)}, room, options_.scale);
    shown_status_.clear();
    draw_status();
    draw_notices();
    draw_menu();
    draw_slider();
}

void WindowLoop::draw_status() {
    if (!status_panel_.visible) return;
    const Size area = screen_.area();
    const int scale = screen_.ui_scale();
    const int width = area.width / scale;
    std::vector<PlacedPart> placed = place_status(status_groups(status_, state_), width / Canvas::kCellWidth);
    if (placed == shown_status_) return;
    shown_status_ = std::move(placed);
    Canvas& canvas = status_panel_.redraw();
    canvas.reset({width, kStatusHeight}, colour::kPanel | 0xFF000000);
    for (const PlacedPart& part : shown_status_)
        canvas.text(part.column * Canvas::kCellWidth, kStatusPadding, part.part.text, ink(part.part.tone));
    status_panel_.place = {0, area.height - kStatusHeight * scale, area.width, kStatusHeight * scale};
    changed_ = true;
}

void WindowLoop::draw_notices() {
    redraw_ = true;
    notice_panel_.visible = !notices_.shown().empty();
    if (!notice_panel_.visible) return;
    constexpr int kMargin = 8;
    constexpr int kWidest = 76;
    const Size area = screen_.area();
    const int scale = screen_.ui_scale();
    const int most = std::min((area.width / scale - 4 * kMargin) / Canvas::kCellWidth, kWidest);
    std::vector<std::string> lines;
    int columns = 0;
    for (const Notices::Notice& notice : notices_.shown())
        for (std::string& line : wrapped(notice.text, most)) {
            columns = std::max(columns, text_columns(line));
            lines.push_back(std::move(line));
        }
    const Size size{columns * Canvas::kCellWidth + 2 * kMargin,
                    static_cast<int>(lines.size()) * Canvas::kCellHeight + 2 * kMargin};
    Canvas& canvas = notice_panel_.redraw();
    canvas.reset(size, colour::kPanel);
    canvas.frame({0, 0, size.width, size.height}, colour::kFrame);
    for (usize i = 0; i < lines.size(); ++i)
        canvas.text(kMargin, kMargin + static_cast<int>(i) * Canvas::kCellHeight, lines[i], colour::kText);
    notice_panel_.place = enlarged((area.width - size.width * scale) / 2, kMargin * scale, size, scale);
}

void WindowLoop::draw_menu() {
    redraw_ = true;
    menu_panel_.visible = menu_.has_value();
    if (!menu_) return;
    const Size area = screen_.area();
    const int scale = screen_.ui_scale();
    menu_->draw(menu_panel_.redraw(), {area.width / scale, area.height / scale - kStatusHeight});
    const Size size = menu_panel_.canvas().size();
    menu_panel_.place = enlarged((area.width - size.width * scale) / 2,
                                 std::max((area.height - size.height * scale) / 2, 0), size, scale);
}

} // namespace r86

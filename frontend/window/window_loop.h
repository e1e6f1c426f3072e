#pragma once
/// The window's doings: events to the session, frames and words to the screen. One object a window, first thread only.
#include "frontend/window/keyboard_input.h"
#include "frontend/window/menu.h"
#include "frontend/window/notices.h"
#include "frontend/window/screen.h"
#include "frontend/window/status_line.h"
#include "frontend/window/time_slider.h"
#include "frontend/window/window.h"
#include <filesystem>
#include <optional>

namespace r86 {

class WindowLoop {
public:
    WindowLoop(EmulationPort& port, const WindowOptions& options);
    void run();

private:
    // window_loop.cpp: the loop and what is on screen
    void wait_for_event(u64 deadline);
    void poll_session(u64 now);
    void lay_out();
    void draw_status();
    void draw_notices();
    void draw_menu();
    void say(const std::string& text);

    // window_events.cpp
    void handle(const SDL_Event& event);
    void handle_window(const SDL_WindowEvent& event);
    void handle_key(const SDL_KeyboardEvent& event);
    void handle_button(const SDL_MouseButtonEvent& event);
    void handle_motion(const SDL_MouseMotionEvent& event);
    void handle_wheel(const SDL_MouseWheelEvent& event);
    void drop_file(const std::string& path);
    void perform(const std::vector<KeyAction>& actions);
    void send_mouse();
    void grab(bool on);

    // window_history.cpp
    enum class Pointer : u8 { Down, Move, Up };
    bool history_command(Command command);
    void travel(TravelOrder order);
    void show_slider(bool open);
    bool slider_key(const SDL_KeyboardEvent& event);
    bool slider_pointer(int x, int y, Pointer what);
    void other_branch(int direction);
    void draw_slider();

    // window_commands.cpp
    void command(Command command);
    void open_menu(Menu menu);
    void close_menu();
    void choose();
    void help_menu();
    void keys_menu();
    void speed_menu();
    void media_menu();
    void folder_menu(const std::string& drive, const std::filesystem::path& folder);
    void press_chord(std::string_view names);
    void paste();
    void screenshot();
    void set_paused(bool paused);

    EmulationPort& port_;
    WindowOptions options_;
    FontSet fonts_;
    KeyboardInput keyboard_;
    Screen screen_;
    Panel status_panel_{fonts_};
    Panel notice_panel_{fonts_};
    Panel menu_panel_{fonts_};
    Panel slider_panel_{fonts_};
    Notices notices_;
    std::optional<Menu> menu_;
    TimeSlider slider_;
    bool slider_open_ = false;
    bool slider_dragged_ = false;
    bool slider_backwards_ = false; ///< its key is held
    std::filesystem::path folder_;  ///< where the user looked for media last

    SessionStatus status_;
    WindowState state_;
    std::vector<PlacedPart> shown_status_;
    std::string title_;
    Rect picture_place_;
    Picture frame_;
    bool redraw_ = true;     ///< something on screen has changed
    bool changed_ = false;   ///< only the picture or the words of the status line have
    bool lay_out_ = true;    ///< sizes have changed
    bool minimised_ = false; ///< nothing can be seen
    bool quit_asked_ = false;
    u64 next_status_ = 0;
    u64 travelled_ms_ = 0;   ///< when the last order to travel was given
    bool waits_well_ = true; ///< SDL sleeps until an event comes

    u8 mouse_buttons_ = 0;
    input::Mouse mouse_; ///< motion that is not yet sent
    bool mouse_moved_ = false;
};

} // namespace r86

/// What the host key's commands and the menus do.
#include "frontend/png.h"
#include "frontend/window/media.h"
#include "frontend/window/window_loop.h"
#include <chrono>
#include <ctime>

namespace r86 {

namespace fs = std::filesystem;

namespace {

/// A name that does not exist yet, by local time: rewind86-2001-02-03-040506.png.
fs::path free_name(const std::string& suffix) {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    char stem[64];
    std::strftime(stem, sizeof stem, "rewind86-%Y-%m-%d-%H%M%S", std::localtime(&now));
    fs::path path = stem + suffix;
    std::error_code ignored;
    for (int number = 2; fs::exists(path, ignored); ++number)
        path = std::string(stem) + "-" + std::to_string(number) + suffix;
    return path;
}

} // namespace

void WindowLoop::command(Command command) {
    if (history_command(command)) return;
    switch (command) {
    case Command::Help: help_menu(); break;
    case Command::CtrlAltDelete: press_chord("ctrl-alt-delete"); break;
    case Command::Keys: keys_menu(); break;
    case Command::Paste: paste(); break;
    case Command::Grab: grab(!state_.mouse_grabbed); break;
    case Command::FullScreen:
        screen_.set_full_screen(!screen_.full_screen());
        if (screen_.full_screen()) say("Full screen: " + state_.host_key + "+F leaves it.");
        lay_out_ = true;
        break;
    case Command::Scale:
        options_.scale = options_.scale == ScaleMode::Shape ? ScaleMode::Pixels : ScaleMode::Shape;
        say(options_.scale == ScaleMode::Shape ? "The picture has the shape that a monitor gives it."
                                               : "Every pixel is a whole number of the screen's pixels.");
        lay_out_ = true;
        break;
    case Command::StatusLine:
        options_.status_line = !options_.status_line;
        lay_out_ = true;
        break;
    case Command::Media: media_menu(); break;
    case Command::Screenshot: screenshot(); break;
    case Command::SaveRecording: {
        std::error_code ignored;
        port_.save_recording(fs::absolute(free_name(".r86"), ignored).string());
        break;
    }
    case Command::Pause: set_paused(!status_.paused); break;
    case Command::Speed: speed_menu(); break;
    case Command::PowerButton:
        port_.send(input::PowerButton{});
        say("Power button pressed: a guest that knows ACPI shuts down.");
        break;
    case Command::Reset:
        port_.send(input::Reset{});
        say("Reset button pressed.");
        break;
    case Command::Quit:
        if (!quit_asked_) port_.quit();
        quit_asked_ = true;
        break;
    default: break; // of history
    }
}

void WindowLoop::open_menu(Menu menu) {
    perform(keyboard_.release_all());
    grab(false);
    menu_ = std::move(menu);
    draw_menu();
}

void WindowLoop::close_menu() {
    menu_.reset();
    draw_menu();
}

void WindowLoop::choose() {
    if (!menu_ || menu_->empty()) return close_menu();
    const auto run = menu_->selected().run; // the menu may be gone when it has run
    close_menu();
    if (run) run();
}

void WindowLoop::help_menu() {
    std::vector<MenuItem> items;
    for (const CommandInfo& info : all_commands()) {
        if (info.command == Command::Help) continue;
        items.push_back({state_.host_key + "+" + std::string(info.key), std::string(info.text), info.scancode,
                         [this, chosen = info.command] { command(chosen); }});
    }
    open_menu(Menu("Hold " + state_.host_key + " and press a key; alone it frees the mouse", "Esc: back to the guest",
                   std::move(items)));
}

void WindowLoop::keys_menu() {
    std::vector<MenuItem> items;
    for (const std::string_view names : special_chords())
        items.push_back({"", std::string(names), SDL_SCANCODE_UNKNOWN, [this, names] { press_chord(names); }});
    open_menu(Menu("Press keys in the guest", "Enter: press   Esc: back to the guest", std::move(items)));
}

void WindowLoop::speed_menu() {
    std::vector<MenuItem> items;
    const auto add = [&](const char* key, SDL_Scancode scancode, unsigned percent) {
        const char* mark = percent == state_.speed_percent ? "  (now)" : "";
        items.push_back({key, speed_name(percent) + mark, scancode, [this, percent] {
                             state_.speed_percent = percent;
                             port_.set_speed(percent);
                             say("Speed: " + speed_name(percent) + ".");
                             draw_status();
                         }});
    };
    add("1", SDL_SCANCODE_1, 100);
    add("2", SDL_SCANCODE_2, 200);
    add("5", SDL_SCANCODE_5, 50);
    add("M", SDL_SCANCODE_M, 0);
    open_menu(Menu("How fast the guest's time goes", "Esc: back to the guest", std::move(items)));
}

void WindowLoop::media_menu() {
    std::vector<MenuItem> items;
    for (const SessionStatus::Drive& drive : status_.drives) {
        if (!drive.removable) continue;
        const std::string number = std::to_string(items.size() + 1);
        items.push_back({number, drive_title(drive.name) + "  " + (drive.medium.empty() ? "(empty)" : drive.medium),
                         static_cast<SDL_Scancode>(SDL_SCANCODE_1 + static_cast<int>(items.size())),
                         [this, name = drive.name] { folder_menu(name, folder_); }});
    }
    if (items.empty()) return say("This machine has no drive whose medium can be changed.");
    open_menu(Menu("Change a medium", "Or drop a file on the window.   Esc: back to the guest", std::move(items)));
}

void WindowLoop::folder_menu(const std::string& drive, const fs::path& folder) {
    folder_ = folder;
    std::vector<MenuItem> items;
    items.push_back({"", "(take the medium out)", SDL_SCANCODE_UNKNOWN, [this, drive] {
                         port_.change_medium(drive, "");
                         say(drive_title(drive) + ": taken out.");
                     }});
    for (const FolderEntry& entry : folder_entries(folder, drive)) {
        items.push_back({"", entry.text, SDL_SCANCODE_UNKNOWN, [this, drive, entry] {
                             if (entry.folder) return folder_menu(drive, entry.path);
                             port_.change_medium(drive, entry.path.string());
                             say(drive_title(drive) + ": inserting '" + entry.path.filename().string() + "'.");
                         }});
    }
    open_menu(
        Menu(drive_title(drive) + ": " + folder.string(), "Enter: choose   Esc: back to the guest", std::move(items)));
}

void WindowLoop::press_chord(std::string_view names) {
    perform(keyboard_.release_all());
    port_.press(find_chord(names));
}

void WindowLoop::paste() {
    char* text = SDL_GetClipboardText();
    if (text && *text)
        port_.type(text);
    else
        say("The clipboard holds no text.");
    SDL_free(text);
}

void WindowLoop::screenshot() {
    if (screen_.picture().width == 0) return say("There is no picture yet.");
    const fs::path path = free_name(".png");
    try {
        write_png(path.string(), screen_.picture());
        std::error_code ignored;
        say("Screenshot: " + fs::absolute(path, ignored).string());
    } catch (const std::exception& error) {
        say(error.what());
    }
}

void WindowLoop::set_paused(bool paused) {
    port_.set_paused(paused);
    status_.paused = paused;
    say(paused ? "Paused: " + state_.host_key + "+P goes on." : "Going on.");
    draw_status();
}

} // namespace r86

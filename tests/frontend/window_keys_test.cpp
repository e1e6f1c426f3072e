/// From the host's keys to the guest's, and what the host key does.
#include "core/error.h"
#include "frontend/window/commands.h"
#include "frontend/window/key_map.h"
#include "frontend/window/keyboard_input.h"
#include "tests/catch.h"
#include <set>

using namespace r86;

namespace {

/// Actions as one line: "+a -a", "!Help", "tap".
std::string text(const std::vector<KeyAction>& actions) {
    std::string out;
    for (const KeyAction& action : actions) {
        if (!out.empty()) out += ' ';
        if (const auto* key = std::get_if<input::Key>(&action))
            out += (key->down ? "+" : "-") + std::string(key_name(key->key));
        else if (const auto* command = std::get_if<Command>(&action))
            out += "!" + std::string(all_commands()[static_cast<usize>(*command)].key);
        else if (const auto* ended = std::get_if<HeldCommandEnded>(&action))
            out += "/" + std::string(all_commands()[static_cast<usize>(ended->command)].key);
        else
            out += "tap";
    }
    return out;
}

} // namespace

TEST_CASE("window: every key of a PC keyboard can be pressed") {
    std::set<KeyCode> in_menu;
    for (const std::string_view names : special_chords()) {
        const std::vector<KeyCode> keys = find_chord(names);
        CHECK_FALSE(keys.empty());
        in_menu.insert(keys.begin(), keys.end());
    }
    for (const std::string_view name : key_names()) {
        const KeyCode key = find_key(name);
        INFO(name);
        CHECK((scancode_of_key(key) != SDL_SCANCODE_UNKNOWN || in_menu.contains(key)));
    }
    CHECK(scancode_of_key(KeyCode::Wake) == SDL_SCANCODE_UNKNOWN); // SDL has no name for it: by menu alone
}

TEST_CASE("window: a scan code stands for a place on the keyboard") {
    CHECK(key_of_scancode(SDL_SCANCODE_NONUSBACKSLASH) == KeyCode::Key102);
    CHECK(key_of_scancode(SDL_SCANCODE_PAUSE) == KeyCode::Pause);
    CHECK(key_of_scancode(SDL_SCANCODE_KP_ENTER) == KeyCode::KpEnter);
    CHECK(key_of_scancode(SDL_SCANCODE_RGUI) == KeyCode::WinR);
    CHECK(key_of_scancode(SDL_SCANCODE_F24) == KeyCode::None);
    std::set<SDL_Scancode> seen;
    for (int code = 1; code < SDL_NUM_SCANCODES; ++code)
        if (key_of_scancode(static_cast<SDL_Scancode>(code)) != KeyCode::None)
            CHECK(seen.insert(static_cast<SDL_Scancode>(code)).second);
    CHECK(seen.size() > 120);
}

TEST_CASE("window: commands have keys of their own, in the order of their names") {
    std::set<SDL_Scancode> seen;
    usize index = 0;
    for (const CommandInfo& info : all_commands()) {
        CHECK(static_cast<usize>(info.command) == index++);
        CHECK(seen.insert(info.scancode).second);
        CHECK(command_of_scancode(info.scancode) == &info);
    }
    CHECK(command_of_scancode(SDL_SCANCODE_UNKNOWN) == nullptr);
}

TEST_CASE("window: keys go to the guest once, whatever the host repeats") {
    KeyboardInput keyboard("ctrl-r");
    CHECK(text(keyboard.key(SDL_SCANCODE_A, true)) == "+a");
    CHECK(text(keyboard.key(SDL_SCANCODE_A, true)).empty());
    CHECK(text(keyboard.key(SDL_SCANCODE_A, false)) == "-a");
    CHECK(text(keyboard.key(SDL_SCANCODE_A, false)).empty());
    CHECK(text(keyboard.key(SDL_SCANCODE_F24, true)).empty());
}

TEST_CASE("window: no key stays down when the window loses the keyboard") {
    KeyboardInput keyboard("ctrl-r");
    keyboard.key(SDL_SCANCODE_LALT, true);
    keyboard.key(SDL_SCANCODE_TAB, true); // the desktop takes the focus here
    const std::string released = text(keyboard.release_all());
    CHECK(released.find("-alt") != std::string::npos);
    CHECK(released.find("-tab") != std::string::npos);
    // They come up in another window, or in this one when it is back.
    CHECK(text(keyboard.key(SDL_SCANCODE_TAB, false)).empty());
    CHECK(text(keyboard.key(SDL_SCANCODE_LALT, false)).empty());
    CHECK(text(keyboard.release_all()).empty());
}

TEST_CASE("window: the host key") {
    KeyboardInput keyboard("ctrl-r");
    CHECK(keyboard.host_key_name() == "Right Ctrl");

    SECTION("alone gives the mouse back") {
        CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, true)).empty());
        CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, true)).empty()); // a repeat
        CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, false)) == "tap");
    }
    SECTION("with a key is a command, which the guest does not see") {
        keyboard.key(SDL_SCANCODE_RCTRL, true);
        CHECK(text(keyboard.key(SDL_SCANCODE_F1, true)) == "!F1");
        CHECK(text(keyboard.key(SDL_SCANCODE_F1, false)).empty());
        CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, false)).empty());
        CHECK(text(keyboard.key(SDL_SCANCODE_F1, true)) == "+f1");
    }
    SECTION("a command that is held ends with its key, with the host key, or with the keyboard") {
        keyboard.key(SDL_SCANCODE_RCTRL, true);
        CHECK(text(keyboard.key(SDL_SCANCODE_BACKSPACE, true)) == "!Backspace");
        SECTION("its key") {
            CHECK(text(keyboard.key(SDL_SCANCODE_BACKSPACE, false)) == "/Backspace");
            CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, false)).empty());
        }
        SECTION("the host key") {
            CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, false)) == "/Backspace");
            CHECK(text(keyboard.key(SDL_SCANCODE_BACKSPACE, false)).empty());
        }
        SECTION("the keyboard") { CHECK(text(keyboard.release_all()) == "/Backspace"); }
        SECTION("another command") { CHECK(text(keyboard.key(SDL_SCANCODE_F1, true)) == "/Backspace !F1"); }
    }
    SECTION("with a key that means nothing does nothing") {
        keyboard.key(SDL_SCANCODE_RCTRL, true);
        CHECK(text(keyboard.key(SDL_SCANCODE_X, true)).empty());
        CHECK(text(keyboard.key(SDL_SCANCODE_X, false)).empty());
        CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, false)).empty());
    }
    SECTION("keys that the guest holds come up before a command") {
        keyboard.key(SDL_SCANCODE_LSHIFT, true);
        keyboard.key(SDL_SCANCODE_RCTRL, true);
        CHECK(text(keyboard.key(SDL_SCANCODE_S, true)) == "-shift !S");
        CHECK(text(keyboard.key(SDL_SCANCODE_LSHIFT, false)).empty());
    }
    SECTION("a key that was down before comes up for the guest") {
        keyboard.key(SDL_SCANCODE_A, true);
        keyboard.key(SDL_SCANCODE_RCTRL, true);
        CHECK(text(keyboard.key(SDL_SCANCODE_A, false)) == "-a");
    }
    SECTION("Ctrl and Alt pressed together and let go give the mouse back as well") {
        CHECK(text(keyboard.key(SDL_SCANCODE_LCTRL, true)) == "+ctrl");
        CHECK(text(keyboard.key(SDL_SCANCODE_LALT, true)) == "+alt");
        CHECK(text(keyboard.key(SDL_SCANCODE_LALT, false)) == "-alt tap");
        CHECK(text(keyboard.key(SDL_SCANCODE_LCTRL, false)) == "-ctrl");
    }
    SECTION("Ctrl-Alt with another key belongs to the guest") {
        keyboard.key(SDL_SCANCODE_LCTRL, true);
        keyboard.key(SDL_SCANCODE_LALT, true);
        CHECK(text(keyboard.key(SDL_SCANCODE_F1, true)) == "+f1");
        CHECK(text(keyboard.key(SDL_SCANCODE_F1, false)) == "-f1");
        CHECK(text(keyboard.key(SDL_SCANCODE_LALT, false)) == "-alt");
    }
}

TEST_CASE("window: Ctrl and Alt as the host key") {
    KeyboardInput keyboard("ctrl-alt");
    CHECK(keyboard.host_key_name() == "Ctrl+Alt");
    CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, true)) == "+ctrl-r");
    CHECK(text(keyboard.key(SDL_SCANCODE_RCTRL, false)) == "-ctrl-r");
    keyboard.key(SDL_SCANCODE_LCTRL, true);
    keyboard.key(SDL_SCANCODE_LALT, true);
    SECTION("commands take the two away from the guest") {
        const std::string out = text(keyboard.key(SDL_SCANCODE_F, true));
        CHECK(out.find("-ctrl") != std::string::npos);
        CHECK(out.find("-alt") != std::string::npos);
        CHECK(out.ends_with("!F"));
    }
    SECTION("Ctrl-Alt-Delete and what is no command reach the guest") {
        CHECK(text(keyboard.key(SDL_SCANCODE_DELETE, true)) == "+delete");
        CHECK(text(keyboard.key(SDL_SCANCODE_F3, true)) == "+f3");
    }
    SECTION("alone they give the mouse back") { CHECK(text(keyboard.key(SDL_SCANCODE_LCTRL, false)) == "-ctrl tap"); }
}

TEST_CASE("window: only a key can be the host key") {
    CHECK_THROWS_AS(KeyboardInput("hyper"), UserError);
    CHECK_THROWS_AS(KeyboardInput(""), UserError);
    CHECK(KeyboardInput("scroll_lock").host_key_name() == "Scroll Lock");
    CHECK(KeyboardInput("f12").host_key_name() == "F12");
}

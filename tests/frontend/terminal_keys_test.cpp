/// Bytes of a terminal as keys.
#include "frontend/terminal/terminal_keys.h"
#include "tests/catch.h"

using namespace r86;
using Chords = std::vector<TerminalKeys::Chord>;

TEST_CASE("terminal keys: characters") {
    TerminalKeys keys;
    CHECK(keys.decode("aA\r") == Chords{{find_key("a")}, {KeyCode::Shift, find_key("a")}, {KeyCode::Enter}});
    CHECK(keys.decode("\x03") == Chords{{KeyCode::Ctrl, find_key("c")}});
    CHECK(keys.decode("\x7F") == Chords{{KeyCode::Backspace}});
}

TEST_CASE("terminal keys: sequences, whole and cut") {
    TerminalKeys keys;
    CHECK(keys.decode("\x1B[A\x1BOP\x1B[15~") == Chords{{KeyCode::Up}, {KeyCode::F1}, {KeyCode::F5}});
    CHECK(keys.decode("\x1B[1;5D") == Chords{{KeyCode::Ctrl, KeyCode::Left}});
    CHECK(keys.decode("\x1B[3;3~") == Chords{{KeyCode::Alt, KeyCode::Delete}});
    CHECK(keys.decode("\x1B[").empty());
    CHECK(keys.decode("B") == Chords{{KeyCode::Down}});
    CHECK(keys.decode("\x1Bx") == Chords{{KeyCode::Alt, find_key("x")}});
    CHECK(keys.decode("\x1B[[B") == Chords{{KeyCode::F2}});
}

TEST_CASE("terminal keys: Esc alone, and Ctrl-A") {
    TerminalKeys keys;
    CHECK(keys.decode("\x1B").empty());
    CHECK(keys.idle() == Chords{{KeyCode::Esc}});
    CHECK(keys.idle().empty());
    CHECK(keys.decode("\x01\x01") == Chords{{KeyCode::Ctrl, find_key("a")}});
    CHECK(!keys.quit());
    CHECK(keys.decode("\x01x").empty());
    CHECK(keys.quit());
}

#pragma once
/// What a terminal sends for keys (ECMA-48 and xterm's function keys) as keys of a PC keyboard.
#include "devices/scancodes.h"
#include <string>
#include <string_view>
#include <vector>

namespace r86 {

class TerminalKeys {
public:
    using Chord = std::vector<KeyCode>; ///< keys held together

    /// Chords in the order of the bytes. An escape sequence may be cut between two calls.
    std::vector<Chord> decode(std::string_view bytes);
    /// Nothing came for a while: an escape that still waits was the Esc key itself.
    std::vector<Chord> idle();
    /// Ctrl-A X was pressed.
    bool quit() const { return quit_; }

private:
    bool escape_sequence(std::vector<Chord>& out);
    std::string pending_; ///< behind the escape character
    bool escaped_ = false;
    bool prefix_ = false; ///< Ctrl-A
    bool quit_ = false;
};

} // namespace r86

#include "frontend/terminal/terminal_keys.h"
#include <optional>

namespace r86 {

namespace {

struct Sequence {
    std::string_view bytes;
    KeyCode key;
};

/// Without modifiers; "CSI 1;5A" and "CSI 15;2~" are taken apart before.
constexpr Sequence kSequences[] = {
    {"[A", KeyCode::Up},      {"[B", KeyCode::Down},      {"[C", KeyCode::Right},   {"[D", KeyCode::Left},
    {"[H", KeyCode::Home},    {"[F", KeyCode::End},       {"OA", KeyCode::Up},      {"OB", KeyCode::Down},
    {"OC", KeyCode::Right},   {"OD", KeyCode::Left},      {"OH", KeyCode::Home},    {"OF", KeyCode::End},
    {"[1~", KeyCode::Home},   {"[2~", KeyCode::Insert},   {"[3~", KeyCode::Delete}, {"[4~", KeyCode::End},
    {"[5~", KeyCode::PageUp}, {"[6~", KeyCode::PageDown}, {"[7~", KeyCode::Home},   {"[8~", KeyCode::End},
    {"OP", KeyCode::F1},      {"OQ", KeyCode::F2},        {"OR", KeyCode::F3},      {"OS", KeyCode::F4},
    {"[P", KeyCode::F1},      {"[Q", KeyCode::F2},        {"[R", KeyCode::F3},      {"[S", KeyCode::F4},
    {"[11~", KeyCode::F1},    {"[12~", KeyCode::F2},      {"[13~", KeyCode::F3},    {"[14~", KeyCode::F4},
    {"[15~", KeyCode::F5},    {"[17~", KeyCode::F6},      {"[18~", KeyCode::F7},    {"[19~", KeyCode::F8},
    {"[20~", KeyCode::F9},    {"[21~", KeyCode::F10},     {"[23~", KeyCode::F11},   {"[24~", KeyCode::F12},
    {"[[A", KeyCode::F1},     {"[[B", KeyCode::F2},       {"[[C", KeyCode::F3},     {"[[D", KeyCode::F4},
    {"[[E", KeyCode::F5},
};

TerminalKeys::Chord with_modifiers(unsigned modifiers, KeyCode key) {
    TerminalKeys::Chord chord;
    if (modifiers & 1) chord.push_back(KeyCode::Shift);
    if (modifiers & 2) chord.push_back(KeyCode::Alt);
    if (modifiers & 4) chord.push_back(KeyCode::Ctrl);
    chord.push_back(key);
    return chord;
}

std::optional<TerminalKeys::Chord> chord_of(char c) {
    if (const auto typed = us_key(c)) return with_modifiers(typed->shift ? 1 : 0, typed->key);
    if (c >= 1 && c <= 26) return with_modifiers(4, us_key(static_cast<char>('a' + c - 1))->key);
    return std::nullopt;
}

} // namespace

/// `pending_` begins behind ESC. True: it was a whole sequence, or can never become one.
bool TerminalKeys::escape_sequence(std::vector<Chord>& out) {
    if (pending_.empty()) return false;
    if (pending_[0] != '[' && pending_[0] != 'O') { // Alt and a key
        if (auto chord = chord_of(pending_[0])) {
            chord->insert(chord->begin(), KeyCode::Alt);
            out.push_back(std::move(*chord));
        }
        return true;
    }
    const char last = pending_.back();
    const bool linux_console = pending_ == "[[";
    if (pending_.size() < 2 || linux_console || !((last >= '@' && last <= '~') || pending_.size() > 16)) return false;
    std::string plain = pending_;
    unsigned modifiers = 0;
    if (const usize semicolon = plain.find(';'); semicolon != std::string::npos && semicolon + 1 < plain.size()) {
        modifiers = static_cast<unsigned>(plain[semicolon + 1] - '1');
        plain = (last == '~' ? plain.substr(0, semicolon) : "[") + last;
    }
    if (plain == "[Z") out.push_back(with_modifiers(1, KeyCode::Tab));
    for (const Sequence& sequence : kSequences)
        if (sequence.bytes == plain) out.push_back(with_modifiers(modifiers, sequence.key));
    return true;
}

std::vector<TerminalKeys::Chord> TerminalKeys::decode(std::string_view bytes) {
    constexpr char kCtrlA = 1, kEsc = 0x1B;
    std::vector<Chord> out;
    for (const char c : bytes) {
        if (escaped_) {
            pending_.push_back(c);
            if (escape_sequence(out)) {
                pending_.clear();
                escaped_ = false;
            }
        } else if (prefix_) {
            prefix_ = false;
            if (c == 'x' || c == 'X') quit_ = true;
            if (c == kCtrlA) out.push_back(*chord_of(c));
        } else if (c == kCtrlA) {
            prefix_ = true;
        } else if (c == kEsc) {
            escaped_ = true;
        } else if (auto chord = chord_of(c)) {
            out.push_back(std::move(*chord));
        }
    }
    return out;
}

std::vector<TerminalKeys::Chord> TerminalKeys::idle() {
    std::vector<Chord> out;
    if (escaped_) out.push_back({KeyCode::Esc});
    escaped_ = false;
    pending_.clear();
    return out;
}

} // namespace r86

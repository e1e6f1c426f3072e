#include "frontend/ports/serial_line.h"

namespace r86 {

namespace {
constexpr usize kMostUnread = usize{4} << 20;
constexpr usize kRecent = 8192;
} // namespace

bool TranscriptFilter::keeps(u8 byte) {
    switch (state_) {
    case State::Text:
        if (byte == 0x1B) {
            state_ = State::Escape;
            return false;
        }
        return byte == '\n' || byte == '\r' || byte == '\t' || (byte >= 0x20 && byte != 0x7F);
    case State::Escape:
        switch (byte) {
        case '[': state_ = State::Csi; break;
        case ']':
        case 'P':
        case '^':
        case '_': state_ = State::String; break;
        case '(':
        case ')':
        case '#':
        case ' ':
        case '%': state_ = State::OneMore; break;
        case 0x1B: break;
        default: state_ = State::Text; break;
        }
        return false;
    case State::Csi:
        if (byte == 0x1B)
            state_ = State::Escape;
        else if (byte >= 0x40 && byte <= 0x7E)
            state_ = State::Text;
        return false;
    case State::String:
        if (byte == 0x07)
            state_ = State::Text;
        else if (byte == 0x1B)
            state_ = State::StringEscape;
        return false;
    case State::StringEscape:
    case State::OneMore: state_ = State::Text; return false;
    }
    return false;
}

void SerialLine::put(u8 byte) {
    channel_->put(byte);
    ++received_;
    if (!filter_.keeps(byte)) return;
    unread_.push_back(static_cast<char>(byte));
    recent_.push_back(static_cast<char>(byte));
    // Nobody waits for ever on what is far behind; both are bounded.
    if (unread_.size() > kMostUnread) unread_.erase(0, kMostUnread / 2);
    if (recent_.size() > 2 * kRecent) recent_.erase(0, kRecent);
}

std::vector<std::string> SerialLine::last_lines(usize count) const {
    std::vector<std::string> lines(1);
    for (const char c : recent_) {
        if (c == '\n')
            lines.emplace_back();
        else if (c != '\r')
            lines.back().push_back(c);
    }
    if (lines.back().empty()) lines.pop_back();
    if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
    return lines;
}

} // namespace r86

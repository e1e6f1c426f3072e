#pragma once
/// The far end of a serial port: what the guest sends goes to a channel and, without escape sequences, into a
/// transcript that scripts wait on.
#include "frontend/ports/channel.h"
#include <string>

namespace r86 {

/// Text of a terminal line without its control sequences (ECMA-48: CSI, OSC and the two-character escapes).
class TranscriptFilter {
public:
    /// True if the byte belongs to the text.
    bool keeps(u8 byte);

private:
    enum class State : u8 { Text, Escape, Csi, String, StringEscape, OneMore };
    State state_ = State::Text;
};

class SerialLine final : public ByteSink {
public:
    explicit SerialLine(std::unique_ptr<Channel> channel) : channel_(std::move(channel)) {}
    void put(u8 byte) override;
    Channel& channel() { return *channel_; }

    /// What arrived since the last match. Grows only; take_until() shortens it.
    const std::string& unread() const { return unread_; }
    u64 received() const { return received_; }
    void take_until(usize end) { unread_.erase(0, end); }
    /// The last lines, for messages.
    std::vector<std::string> last_lines(usize count) const;

private:
    std::unique_ptr<Channel> channel_;
    TranscriptFilter filter_;
    std::string unread_;
    std::string recent_;
    u64 received_ = 0;
};

} // namespace r86

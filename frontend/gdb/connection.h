#pragma once
/// GDB's packets over one TCP connection from this host: GDB manual, appendix E "Remote Serial Protocol".
#include "core/types.h"
#include <optional>
#include <string>

namespace r86::gdb {

class Connection {
public:
    /// Listens on 127.0.0.1. Throws UserError.
    explicit Connection(u16 port);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    bool connected() const { return peer_ >= 0; }
    /// True once somebody has connected; waits so long for that.
    bool accept(int wait_ms);
    void drop();
    /// The next packet's text; "\x03" for an interrupt. Nothing if none comes in that time or the peer has gone.
    std::optional<std::string> receive(int wait_ms);
    void send(const std::string& text);
    void no_more_acks() { acks_ = false; }

private:
    bool fill(int wait_ms);
    int listener_ = -1;
    int peer_ = -1;
    bool acks_ = true;
    std::string in_;
};

} // namespace r86::gdb

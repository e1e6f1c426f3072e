#pragma once
/// GDB's packets over one TCP or unix connection from this host: GDB manual, appendix E "Remote Serial Protocol".
#include "core/types.h"
#include <optional>
#include <string>

namespace r86::gdb {

/// Where the server listens.
struct Address {
    u16 port = 0;     ///< of 127.0.0.1
    std::string path; ///< of a unix socket, if there is one
    std::string text() const { return path.empty() ? "127.0.0.1:" + std::to_string(port) : "unix:" + path; }
};
/// "PORT" or "unix:PATH". Throws UserError.
Address parse_address(const std::string& text);

class Connection {
public:
    /// Throws UserError.
    explicit Connection(const Address& address);
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
    std::string path_; ///< the socket's file, which goes when this goes
    int listener_ = -1;
    int peer_ = -1;
    bool acks_ = true;
    std::string in_;
};

} // namespace r86::gdb

#pragma once
/// Where the bytes of a serial line, a parallel port or a debug console go on the host, and where a serial line's bytes
/// come from. Nothing is created or opened before open(), so that wrong options leave no files behind.
#include "core/host_endpoints.h"
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace r86 {

class Channel : public ByteSink {
public:
    /// Bytes from the host for the guest; called from a thread of the channel.
    using Receive = std::function<void(std::vector<u8>)>;
    using Message = std::function<void(const std::string&)>;

    /// Throws UserError. `say` tells the user where to connect.
    virtual void open(Receive receive, Message say) = 0;
    /// A byte of the guest. Never waits for whoever reads it.
    void put(u8 byte) override = 0;
    /// Hands on what is buffered; called now and then from the emulation thread.
    virtual void flush() {}
    /// Receives nothing any more; no thread of the channel runs afterwards.
    virtual void close() {}
    /// The first trouble with the host's side, as a sentence.
    virtual std::optional<std::string> error() const { return std::nullopt; }
    /// Guest bytes go to standard output, so that nothing else may.
    virtual bool uses_stdout() const { return false; }
    virtual bool uses_stdin() const { return false; }
};

/// `null`, `stdio`, `file:PATH`, and for a serial line `pty` and `tcp:PORT`. `option` names the option in messages.
/// Throws UserError for anything else.
std::unique_ptr<Channel> make_channel(const std::string& specification, const std::string& option, bool serial);

/// What Ctrl-A X on a raw terminal asks for.
void on_terminal_quit(std::function<void()> quit);

} // namespace r86

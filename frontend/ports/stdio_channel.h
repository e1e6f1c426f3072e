#pragma once
/// A serial line on standard input and output, or a port that only writes to standard output. A terminal is raw while
/// a serial line uses it: every key goes to the guest, and Ctrl-A X quits (Ctrl-A Ctrl-A sends a Ctrl-A).
#include "frontend/ports/channel.h"
#include <atomic>
#include <thread>

namespace r86 {

class StdioChannel final : public Channel {
public:
    explicit StdioChannel(bool reads) : reads_(reads) {}
    ~StdioChannel() override { StdioChannel::close(); }
    void open(Receive receive, Message say) override;
    void put(u8 byte) override;
    void flush() override;
    void close() override;
    std::optional<std::string> error() const override { return error_; }
    bool uses_stdout() const override { return true; }
    bool uses_stdin() const override { return reads_; }
    /// Standard input belongs to somebody else (a script).
    void do_not_read() { reads_ = false; }

private:
    void read_loop(Receive receive);
    bool reads_;
    bool dirty_ = false;
    std::optional<std::string> error_;
    std::atomic<bool> stop_{false};
    std::thread reader_;
};

} // namespace r86

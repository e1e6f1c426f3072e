#pragma once
/// Serial lines that other programs connect to: a pseudo-terminal, or a TCP port on 127.0.0.1 for one client at a
/// time. What the guest sends while nobody reads is lost, as on a cable with nothing at its end.
#include "frontend/ports/channel.h"
#include <atomic>
#include <mutex>
#include <thread>

namespace r86 {

/// A file descriptor that one thread reads and the emulation thread writes without waiting.
class DescriptorChannel : public Channel {
public:
    ~DescriptorChannel() override { DescriptorChannel::close(); }
    void put(u8 byte) override { pending_.push_back(byte); }
    void flush() override;
    void close() override;

protected:
    void start(Receive receive);
    /// Waits for somebody to talk to, for a short time at most; -1 if there is nobody yet.
    virtual int connect_peer(int wait_ms) = 0;
    virtual void peer_gone() {}
    std::atomic<int> peer_{-1};

private:
    void read_loop(Receive receive);
    std::atomic<bool> stop_{false};
    std::vector<u8> pending_;
    std::thread reader_;
};

class PtyChannel final : public DescriptorChannel {
public:
    explicit PtyChannel(std::string option) : option_(std::move(option)) {}
    ~PtyChannel() override;
    void open(Receive receive, Message say) override;

protected:
    int connect_peer(int wait_ms) override;

private:
    std::string option_;
    int master_ = -1;
    int slave_ = -1; // held open, so that reading waits while no program has the terminal open
};

class TcpChannel final : public DescriptorChannel {
public:
    explicit TcpChannel(unsigned port) : port_(port) {}
    ~TcpChannel() override;
    void open(Receive receive, Message say) override;

protected:
    int connect_peer(int wait_ms) override;
    void peer_gone() override;

private:
    unsigned port_;
    int listener_ = -1;
};

} // namespace r86

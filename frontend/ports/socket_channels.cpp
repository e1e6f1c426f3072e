#include "frontend/ports/socket_channels.h"
#include "core/error.h"
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

namespace r86 {

namespace {
constexpr int kPollMs = 100;
constexpr usize kMostPending = 1 << 16; ///< what a reader that is late may still get
} // namespace

void DescriptorChannel::start(Receive receive) {
    reader_ = std::thread([this, receive = std::move(receive)] { read_loop(receive); });
}

void DescriptorChannel::close() {
    stop_ = true;
    if (reader_.joinable()) reader_.join();
}

void DescriptorChannel::flush() {
    const int peer = peer_;
    usize done = 0;
    while (peer >= 0 && done < pending_.size()) {
        const ssize_t sent = ::write(peer, pending_.data() + done, pending_.size() - done);
        if (sent <= 0) break;
        done += static_cast<usize>(sent);
    }
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
    if (peer < 0 || pending_.size() > kMostPending) pending_.clear();
}

void DescriptorChannel::read_loop(Receive receive) {
    while (!stop_) {
        if (peer_ < 0) {
            peer_ = connect_peer(kPollMs);
            continue;
        }
        pollfd wait{peer_, POLLIN, 0};
        if (::poll(&wait, 1, kPollMs) <= 0) continue;
        u8 bytes[256];
        const ssize_t got = ::read(peer_, bytes, sizeof bytes);
        if (got > 0) {
            receive(std::vector<u8>(bytes, bytes + got));
        } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
            peer_gone();
        }
    }
}

PtyChannel::~PtyChannel() {
    DescriptorChannel::close();
    if (master_ >= 0) ::close(master_);
    if (slave_ >= 0) ::close(slave_);
}

void PtyChannel::open(Receive receive, Message say) {
    char name[128] = {};
    if (::openpty(&master_, &slave_, name, nullptr, nullptr))
        throw UserError(option_ + ": the host gave no pseudo-terminal: " + std::strerror(errno));
    termios mode{};
    ::tcgetattr(slave_, &mode);
    ::cfmakeraw(&mode);
    ::tcsetattr(slave_, TCSANOW, &mode);
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
    peer_ = master_;
    say(option_ + ": the serial line is " + name);
    start(std::move(receive));
}

int PtyChannel::connect_peer(int) { return master_; }

TcpChannel::~TcpChannel() {
    DescriptorChannel::close();
    if (peer_ >= 0) ::close(peer_);
    if (listener_ >= 0) ::close(listener_);
}

void TcpChannel::open(Receive receive, Message say) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<u16>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) || ::listen(listener_, 1) ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length))
        throw UserError("TCP port " + std::to_string(port_) + " on 127.0.0.1 cannot be used: " + std::strerror(errno));
    say("the serial line listens on 127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
    start(std::move(receive));
}

int TcpChannel::connect_peer(int wait_ms) {
    pollfd wait{listener_, POLLIN, 0};
    if (::poll(&wait, 1, wait_ms) <= 0) return -1;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int on = 1;
    if (client >= 0) ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return client;
}

void TcpChannel::peer_gone() {
    // The emulation thread may still write to the number, so the descriptor is replaced before it is closed; a byte
    // that is written in between is lost like any other without a reader.
    ::close(peer_.exchange(-1));
}

} // namespace r86

#include "frontend/gdb/connection.h"
#include "core/error.h"
#include "frontend/script/command_line.h"
#include <arpa/inet.h>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace r86::gdb {

namespace {
constexpr usize kLongestPacket = usize{1} << 20;

std::string framed(const std::string& text) {
    u8 sum = 0;
    for (const char c : text) sum = static_cast<u8>(sum + static_cast<u8>(c));
    char end[4];
    std::snprintf(end, sizeof end, "#%02x", sum);
    return "$" + text + end;
}

int listen_on_path(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        throw UserError("--gdb: the path '" + path + "' is too long for a unix socket");
    std::memcpy(address.sun_path, path.data(), path.size());
    struct stat old {};
    if (::lstat(path.c_str(), &old) == 0 && S_ISSOCK(old.st_mode))
        ::unlink(path.c_str()); // of a session that was killed
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) || ::listen(listener, 1)) {
        const std::string why = std::strerror(errno);
        ::close(listener);
        throw UserError("the unix socket '" + path + "' cannot be used: " + why);
    }
    return listener;
}

int listen_on_port(u16 port) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) || ::listen(listener, 1)) {
        const std::string why = std::strerror(errno);
        ::close(listener);
        throw UserError("TCP port " + std::to_string(port) + " on 127.0.0.1 cannot be used: " + why);
    }
    return listener;
}
} // namespace

Address parse_address(const std::string& text) {
    static constexpr std::string_view kUnix = "unix:";
    if (text.rfind(kUnix, 0) == 0 && text.size() > kUnix.size()) return {0, text.substr(kUnix.size())};
    const auto port = parse_integer(text);
    if (!port || *port == 0 || *port > 0xFFFF)
        throw UserError("--gdb: '" + text + "' is neither a TCP port nor unix:PATH");
    return {static_cast<u16>(*port), ""};
}

Connection::Connection(const Address& address)
    : path_(address.path), listener_(path_.empty() ? listen_on_port(address.port) : listen_on_path(path_)) {}

Connection::~Connection() {
    drop();
    ::close(listener_);
    if (!path_.empty()) ::unlink(path_.c_str());
}

bool Connection::accept(int wait_ms) {
    if (peer_ >= 0) return true;
    pollfd wait{listener_, POLLIN, 0};
    if (::poll(&wait, 1, wait_ms) <= 0) return false;
    peer_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const int on = 1;
    if (peer_ >= 0 && path_.empty()) ::setsockopt(peer_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    acks_ = true;
    in_.clear();
    return peer_ >= 0;
}

void Connection::drop() {
    if (peer_ >= 0) ::close(peer_);
    peer_ = -1;
}

bool Connection::fill(int wait_ms) {
    if (peer_ < 0) return false;
    pollfd wait{peer_, POLLIN, 0};
    if (::poll(&wait, 1, wait_ms) <= 0) return false;
    char bytes[4096];
    const ssize_t count = ::recv(peer_, bytes, sizeof bytes, 0);
    if (count <= 0 || in_.size() > kLongestPacket) {
        drop();
        return false;
    }
    in_.append(bytes, static_cast<usize>(count));
    return true;
}

std::optional<std::string> Connection::receive(int wait_ms) {
    for (;;) {
        while (!in_.empty() && in_[0] != '$' && in_[0] != '\x03') in_.erase(0, 1); // acknowledgements
        if (!in_.empty() && in_[0] == '\x03') {
            in_.erase(0, 1);
            return "\x03";
        }
        const usize end = in_.find('#');
        if (!in_.empty() && end != std::string::npos && in_.size() >= end + 3) {
            const std::string raw = in_.substr(1, end - 1);
            const bool right = framed(raw) == in_.substr(0, end + 3);
            in_.erase(0, end + 3);
            if (acks_) static_cast<void>(::send(peer_, right ? "+" : "-", 1, MSG_NOSIGNAL));
            if (!right && acks_) continue;
            std::string text; // '}' escapes a byte
            for (usize i = 0; i < raw.size(); ++i)
                text += raw[i] == '}' && i + 1 < raw.size() ? static_cast<char>(raw[++i] ^ 0x20) : raw[i];
            return text;
        }
        if (!fill(wait_ms)) return std::nullopt;
    }
}

void Connection::send(const std::string& text) {
    const std::string out = framed(text);
    for (usize done = 0; done < out.size() && peer_ >= 0;) {
        const ssize_t count = ::send(peer_, out.data() + done, out.size() - done, MSG_NOSIGNAL);
        if (count <= 0) return drop();
        done += static_cast<usize>(count);
    }
}

} // namespace r86::gdb

#include "frontend/ports/stdio_channel.h"
#include "frontend/host/raw_terminal.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <unistd.h>

namespace r86 {

namespace {
constexpr int kPollMs = 100;
constexpr u8 kCtrlA = 0x01;

std::function<void()>& terminal_quit() {
    static std::function<void()> quit;
    return quit;
}
} // namespace

void on_terminal_quit(std::function<void()> quit) { terminal_quit() = std::move(quit); }

void StdioChannel::close() {
    stop_ = true;
    if (!reader_.joinable()) return;
    reader_.join();
    restore_terminal();
}

void StdioChannel::open(Receive receive, Message) {
    if (!reads_) return;
    make_terminal_raw();
    reader_ = std::thread([this, receive = std::move(receive)] { read_loop(receive); });
}

void StdioChannel::put(u8 byte) {
    if (std::fputc(byte, stdout) == EOF && !error_)
        error_ = std::string("standard output cannot be written: ") + std::strerror(errno);
    dirty_ = true;
}

void StdioChannel::flush() {
    if (!dirty_) return;
    dirty_ = false;
    if (std::fflush(stdout) && !error_)
        error_ = std::string("standard output cannot be written: ") + std::strerror(errno);
}

void StdioChannel::read_loop(Receive receive) {
    const bool keys = terminal_is_raw();
    bool escape = false;
    while (!stop_) {
        pollfd wait{STDIN_FILENO, POLLIN, 0};
        if (::poll(&wait, 1, kPollMs) <= 0) continue;
        u8 bytes[256];
        const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return; // the end of the input changes nothing for the guest
        std::vector<u8> out;
        for (ssize_t i = 0; i < got; ++i) {
            if (keys && escape) {
                escape = false;
                if (bytes[i] == 'x' || bytes[i] == 'X') {
                    if (terminal_quit()) terminal_quit()();
                    return;
                }
                if (bytes[i] != kCtrlA) out.push_back(kCtrlA);
            } else if (keys && bytes[i] == kCtrlA) {
                escape = true;
                continue;
            }
            out.push_back(bytes[i]);
        }
        if (!out.empty()) receive(std::move(out));
    }
}

} // namespace r86

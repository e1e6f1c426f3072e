#include "frontend/host/raw_terminal.h"
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <termios.h>
#include <unistd.h>

namespace r86 {

namespace {

// A process has one terminal; a signal handler must reach it.
termios saved_mode;
std::atomic<int> depth{0};
std::atomic<const char*> farewell{nullptr};

void put_back() {
    if (const char* text = farewell.exchange(nullptr)) {
        const ssize_t ignored = ::write(STDOUT_FILENO, text, std::strlen(text));
        (void)ignored;
    }
    ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
}

void restore_at_exit() {
    if (depth.exchange(0) > 0) put_back();
}

extern "C" void restore_and_die(int signal) {
    restore_at_exit();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

} // namespace

bool make_terminal_raw() {
    if (!::isatty(STDIN_FILENO)) return false;
    if (depth++ > 0) return true;
    ::tcgetattr(STDIN_FILENO, &saved_mode);
    termios raw = saved_mode;
    ::cfmakeraw(&raw);
    raw.c_oflag = saved_mode.c_oflag; // messages still begin at the left
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    static const bool registered = [] {
        std::atexit(restore_at_exit);
        for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGHUP})
            std::signal(signal, restore_and_die);
        return true;
    }();
    (void)registered;
    return true;
}

void restore_terminal() {
    if (depth > 0 && --depth == 0) put_back();
}

bool terminal_is_raw() { return depth > 0; }

void set_terminal_farewell(const char* sequence) { farewell = sequence; }

} // namespace r86

#include "frontend/host/signals.h"
#include <atomic>
#include <csignal>

namespace r86 {

namespace {
std::atomic<int> received{0};

extern "C" void note_signal(int signal) { received = signal; }
} // namespace

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = note_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND); // and no SA_RESTART: a read that waits comes back
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    std::signal(SIGPIPE, SIG_IGN); // a reader that goes away is an error of write()
    std::signal(SIGXFSZ, SIG_IGN); // and so is a file that may not grow
}

int signal_received() { return received; }

const char* signal_name(int signal) { return signal == SIGINT ? "SIGINT" : "SIGTERM"; }

} // namespace r86

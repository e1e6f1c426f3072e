#include "frontend/script/script.h"
#include "core/error.h"
#include "frontend/host/files.h"
#include "frontend/host/signals.h"
#include <cerrno>
#include <poll.h>
#include <unistd.h>

namespace r86 {

std::vector<ScriptLine> read_script(const std::string& path) {
    constexpr u64 kMostScript = u64{16} << 20;
    const auto content = read_host_file(path, "script", kMostScript);
    std::string_view rest(reinterpret_cast<const char*>(content.data()), content.size());
    std::vector<ScriptLine> lines;
    for (unsigned number = 1; !rest.empty(); ++number) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        try {
            if (auto command = parse_command(line)) lines.push_back({number, std::move(*command)});
        } catch (const UserError& error) {
            throw UserError("script '" + path + "', line " + std::to_string(number) + ": " + error.what());
        }
    }
    return lines;
}

bool InputLines::next(std::string& line) {
    constexpr int kPollMs = 200;
    for (;;) {
        if (const usize end = buffer_.find('\n'); end != std::string::npos || (ended_ && !buffer_.empty())) {
            line = buffer_.substr(0, end);
            buffer_.erase(0, end == std::string::npos ? end : end + 1);
            return true;
        }
        if (ended_ || signal_received()) return false;
        pollfd wait{STDIN_FILENO, POLLIN, 0};
        if (::poll(&wait, 1, kPollMs) <= 0) continue;
        char bytes[4096];
        const ssize_t got = ::read(STDIN_FILENO, bytes, sizeof bytes);
        if (got > 0)
            buffer_.append(bytes, static_cast<usize>(got));
        else if (got == 0 || errno != EINTR)
            ended_ = true;
    }
}

} // namespace r86

#pragma once
/// Where a script's lines come from: a file, which is checked whole before the machine starts, or standard input,
/// where each command is answered with `ok` or `error TEXT`.
#include "frontend/script/command_line.h"
#include <memory>

namespace r86 {

struct ScriptLine {
    unsigned number = 0;
    Command command;
};

/// Throws UserError that names the file and the line.
std::vector<ScriptLine> read_script(const std::string& path);

/// Lines of standard input. A signal ends the waiting.
class InputLines {
public:
    /// False at the end of the input, or when a signal came.
    bool next(std::string& line);

private:
    std::string buffer_;
    bool ended_ = false;
};

} // namespace r86

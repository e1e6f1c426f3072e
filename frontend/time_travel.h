#pragma once
/// Time travel as scripts, the GDB server's `monitor` and the command line use it: the words of going and asking.
#include "frontend/script/command_line.h"
#include "frontend/session.h"
#include <chrono>

namespace r86 {

/// Options of the command line that belong here.
struct TimeTravelOptions {
    std::string rewind;             ///< --rewind SIZE|off; empty: the default
    std::string record;             ///< --record FILE
    std::string record_checkpoints; ///< --record-checkpoints SECONDS|off; empty: off
    std::string gdb;                ///< --gdb PORT|unix:PATH
};

/// Long ways through history are worth a word every second; GDB gives up a server that is silent for two.
class Patience {
public:
    bool is_over() {
        const auto now = std::chrono::steady_clock::now();
        if (now - since_ < std::chrono::seconds(1)) return false;
        since_ = now;
        return true;
    }

private:
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

/// Called before anything is opened. Throws UserError for what cannot be.
void check_time_travel(const TimeTravelOptions& options);
/// Memory for the flight recorder; 0: none.
u64 rewind_bytes(const TimeTravelOptions& options);
/// Virtual time between checkpoints in a recording; 0: none. Throws UserError.
u64 record_checkpoints_ns(const TimeTravelOptions& options);
/// seek, reverse-step, last-write ...: the lines of the answer. Throws UserError.
std::vector<std::string> time_travel_answer(Session& session, const Command& command);
/// The same for a script.
void time_travel_command(Session& session, const Command& command);

} // namespace r86

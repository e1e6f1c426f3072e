#pragma once
/// The door to time travel: recordings, replay, going backwards, the GDB server.
/// NOT IMPLEMENTED: all of it; every entry says 'not available yet'.
#include "frontend/script/command_line.h"
#include "frontend/session.h"

namespace r86 {

/// Options of the command line that belong here.
struct TimeTravelOptions {
    std::string rewind; ///< --rewind SIZE|off: accepted, without effect yet
    std::string record; ///< --record FILE
    std::string gdb;    ///< --gdb PORT
};

/// Called before anything is opened. Throws UserError for what is not available.
void check_time_travel(const TimeTravelOptions& options);
/// `rewind86 replay ...`: the program's exit status.
int replay_command(int argc, char** argv);
/// seek, reverse-step, last-write ... of a script. Throws UserError.
void time_travel_command(Session& session, const Command& command);

} // namespace r86

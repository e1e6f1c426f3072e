#include "frontend/time_travel.h"
#include "core/error.h"

namespace r86 {

namespace {
[[noreturn]] void not_available(std::string_view what) { throw UserError(std::string(what) + " is not available yet"); }
} // namespace

void check_time_travel(const TimeTravelOptions& options) {
    if (!options.record.empty()) not_available("--record");
    if (!options.gdb.empty()) not_available("--gdb");
}

int replay_command(int, char**) { not_available("rewind86 replay"); }

void time_travel_command(Session&, const Command& command) { not_available(command_info(command.id).name); }

} // namespace r86

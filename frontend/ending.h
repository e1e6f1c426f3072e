#pragma once
/// How a session ends: what the program returns and says about it.
#include <string>

namespace r86 {

/// Exit statuses of the program, apart from the guest's own through isa-debug-exit.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;      ///< wrong use or host error
inline constexpr int kExitWaitFailed = 3; ///< a script's wait ran out, or the guest ended during it
inline constexpr int kExitCrashed = 4;    ///< triple fault with --no-reboot, or a halt that nothing can end
inline constexpr int kExitDiverged = 5;   ///< a replay

struct Ending {
    enum class Cause {
        Guest, ///< powered off, reset with --no-reboot, isa-debug-exit
        TripleFault,
        DeadHalt,
        Asked,     ///< a stop that was asked for: a tick, a signal, the window, the script
        HostError, ///< an output that cannot be written
    };
    Cause cause = Cause::Asked;
    int status = kExitOk;
    std::string reason; ///< printed as `exit: REASON`
    bool of_guest() const { return cause == Cause::Guest || cause == Cause::TripleFault; }
};

} // namespace r86

#pragma once
/// `rewind86 replay FILE [--image PATH]... [--explain]`: replays a recording, in the window or without a display, and
/// compares it with the digests that it holds. Unless told it takes the window if there is a display and a terminal
/// reads the results. With `--script` or `--gdb` it is looked into instead: the session stands at its beginning, and
/// all of it can be gone to. Images are found by content, at the recorded path or among those given, and never written.
/// NOT IMPLEMENTED: inputs of another machine's semantics revision.
#include "machine/recording.h"
#include <memory>

namespace r86 {

struct ReplayOptions {
    std::string file;
    std::vector<std::string> images; ///< where else to look: images, kernels, initial RAM disks
    bool explain = false;
    bool window = false;
    std::string script; ///< a file, or "-": standard input
    std::string gdb;    ///< where a debugger is waited for
    std::string host_key = "ctrl-r";
};

/// What a replay found.
struct ReplayResult {
    Tick end = 0;
    std::string digest;
    struct Divergence {
        Tick tick = 0;         ///< of the first digest that differs
        Tick good = 0;         ///< up to there everything agreed
        std::string field;     ///< "field a != b"
        std::string explained; ///< where the replay took the other value; with `explain` only
    };
    std::optional<Divergence> divergence;
};

/// What a machine is made of on which a recording is replayed.
struct ReplayParts {
    MachineConfig config;
    std::vector<std::shared_ptr<BlockImage>> media; ///< that were inserted before the recording's first state
};
/// Finds everything that the recording needs, its inputs among it. Throws UserError, naming what is missing.
ReplayParts parts_for(Recording& recording, const std::vector<std::string>& places);
/// Puts a fresh machine where the recording begins. Throws UserError, naming chip and field, if its state does not fit.
void begin_replay(Machine& machine, const Recording& recording, const std::vector<std::shared_ptr<BlockImage>>& media);
std::unique_ptr<Machine> machine_for(Recording& recording, const std::vector<std::string>& places);
/// "field a != b" if the machine is not what was recorded.
std::optional<std::string> difference(Machine& machine, const RecordedDigest& recorded);
ReplayResult replay(Machine& machine, const Recording& recording, bool explain);

/// In the window: plays, stands still at the end, and can be gone back in. The program's exit status.
int replay_in_window(Recording recording, const ReplayOptions& options);
/// At the beginning, for a script or a debugger; nothing is compared. The program's exit status.
int replay_with_words(Recording recording, const ReplayOptions& options);
/// The program's exit status.
int replay_command(int argc, char** argv);

} // namespace r86

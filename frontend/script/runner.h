#pragma once
/// Carries out the commands of a session script on a session, on its emulation thread. Waits look at the guest at fixed
/// virtual times, so a script is part of what determines a run.
#include "frontend/script/script.h"
#include "frontend/session.h"

namespace r86 {

class ScriptRunner {
public:
    explicit ScriptRunner(Session& session) : session_(session) {}

    /// Runs the script to its end or the session's; the session has ended afterwards.
    void run(const std::string& path, const std::vector<ScriptLine>& lines);
    void run_interactively();

private:
    struct SessionEnded {};
    /// A wait ran out, or cannot come true any more.
    struct WaitFailed {
        std::string sentence;
    };

    void execute(const Command& command);
    void answer(const std::string& line) { session_.results().line(line); }
    void run_to(Tick target, DeadHalt dead_halt = DeadHalt::PassTime);
    void run_for_ns(u64 ns, DeadHalt dead_halt = DeadHalt::PassTime) {
        run_to(session_.machine().tick_after(ns), dead_halt);
    }

    // Waits: runner_waits.cpp
    template <class Condition>
    void wait_until(const std::string& what, double seconds, DeadHalt dead_halt, u64 look_ns, Condition&& condition);
    void wait_screen(const Command& command);
    void wait_serial(const Command& command, unsigned port);
    void wait_screen_size(const Command& command);
    void wait_stable(const Command& command);
    void show_failure();

    // Input: runner_input.cpp
    void type(const std::string& text);
    void type_serial(const std::string& text, unsigned port);
    void key(const std::string& names);
    void hold(const std::string& names, bool down);
    void mouse(const Command& command);

    // Looking
    void screen();
    void memory(const Command& command);
    void position(const std::string& detail);
    void quit(const Command& command);

    Session& session_;
    int status_at_end_ = kExitOk;
};

} // namespace r86

/// A recording as a session in which one can go to and fro: in the window, where it plays, or at the hands of a script
/// or a debugger.
#include "core/error.h"
#include "frontend/beside.h"
#include "frontend/gdb/connection.h"
#include "frontend/gdb/server.h"
#include "frontend/host/signals.h"
#include "frontend/replay.h"
#include "frontend/script/runner.h"
#include "frontend/session.h"
#include "frontend/window/window.h"
#include <cstdio>
#include <filesystem>

namespace r86 {

namespace {

constexpr u64 kHistoryBytes = u64{512} << 20;

/// What both have in common; `parts` must outlive the session's making.
SessionOptions session_of(Recording& recording, const ReplayParts& parts) {
    SessionOptions how;
    how.snapshot = true;
    how.rewind_bytes = kHistoryBytes;
    PlayedRecording& playing = how.playing.emplace();
    for (const Recording::Input& input : recording.inputs) playing.inputs.push_back({input.tick, input.input});
    playing.end = recording.end;
    playing.begin = [&](Machine& machine) { begin_replay(machine, recording, parts.media); };
    playing.checkpoints = std::move(recording.checkpoints);
    return how;
}

} // namespace

int replay_in_window(Recording recording, const ReplayOptions& options) {
    Results results;
    bool diverged = false;
    Session* shown = nullptr;
    ReplayParts parts = parts_for(recording, options.images);
    SessionOptions how = session_of(recording, parts);
    how.speed_percent = 100;
    how.show_frames = true;
    PlayedRecording& playing = *how.playing;
    for (const RecordedDigest& digest : recording.digests) playing.marks.push_back(digest.tick);
    playing.at_mark = [&](Machine& machine, usize inputs) {
        for (const RecordedDigest& digest : recording.digests) {
            if (diverged || digest.tick != machine.now() || digest.inputs != inputs) continue;
            const auto field = difference(machine, digest);
            if (!field) continue;
            diverged = true;
            results.line("diverged " + std::to_string(digest.tick) + " " + *field);
            shown->say("This replay has diverged from its recording: " + *field + ".");
        }
    };
    playing.at_end = [&](Machine& machine) {
        if (!diverged) results.line("digest " + std::to_string(machine.now()) + " " + machine.digest());
    };
    catch_signals();
    std::unique_ptr<AudioSink> audio = open_audio(); // outlives the machine
    Session session(std::move(parts.config), how, results, {nullptr, nullptr});
    shown = &session;
    session.connect_audio(audio.get());
    const auto emulate = [&] {
        try {
            session.standing_still();
            static_cast<void>(session.run_to(kNever));
        } catch (const std::exception& error) {
            session.end({Ending::Cause::HostError, kExitError, error.what()});
        }
        session.finished();
    };
    const auto show = [&] {
        WindowOptions window;
        window.title = std::filesystem::path(options.file).filename().string();
        window.host_key = options.host_key;
        run_window(session, window);
    };
    emulate_beside(session, emulate, show);
    const Ending ending = session.ending().value_or(Ending{});
    std::fprintf(stderr, "exit: %s\n", diverged ? "the replay diverged" : ending.reason.c_str());
    return diverged ? kExitDiverged : ending.cause == Ending::Cause::HostError ? kExitError : kExitOk;
}

int replay_with_words(Recording recording, const ReplayOptions& options) {
    std::vector<ScriptLine> script;
    if (!options.script.empty() && options.script != "-") script = read_script(options.script);
    Results results;
    ReplayParts parts = parts_for(recording, options.images);
    SessionOptions how = session_of(recording, parts);
    how.playing->at_end = [](Machine&) {};
    catch_signals();
    Session session(std::move(parts.config), how, results, {nullptr, nullptr});
    try {
        session.standing_still();
        if (!options.gdb.empty()) {
            gdb::Server(session, gdb::parse_address(options.gdb)).serve();
        } else {
            ScriptRunner runner(session);
            if (options.script == "-")
                runner.run_interactively();
            else
                runner.run(options.script, script);
        }
    } catch (const std::exception& error) {
        session.end({Ending::Cause::HostError, kExitError, error.what()});
    }
    session.finished();
    const Ending ending = session.ending().value_or(Ending{});
    std::fprintf(stderr, "exit: %s\n", ending.reason.c_str());
    return ending.status;
}

} // namespace r86

/// A recording played in the window.
#include "core/error.h"
#include "frontend/beside.h"
#include "frontend/host/signals.h"
#include "frontend/replay.h"
#include "frontend/session.h"
#include "frontend/window/window.h"
#include <cstdio>
#include <filesystem>

namespace r86 {

namespace {
constexpr u64 kHistoryBytes = u64{512} << 20;
} // namespace

int replay_in_window(Recording recording, const ReplayOptions& options) {
    Results results;
    bool diverged = false;
    Session* shown = nullptr;
    SessionOptions how;
    how.speed_percent = 100;
    how.show_frames = true;
    how.snapshot = true;
    how.rewind_bytes = kHistoryBytes;
    MachineConfig config = config_for(recording, options.images); // also finds the media among the inputs
    SessionOptions::Playing& playing = how.playing.emplace();
    for (const Recording::Input& input : recording.inputs) playing.inputs.push_back({input.tick, input.input});
    playing.end = recording.end;
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
    Session session(std::move(config), how, results, {nullptr, nullptr});
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

} // namespace r86

/// The half of a session that keeps history, and goes through it for a display.
#include "core/error.h"
#include "frontend/host/files.h"
#include "frontend/host/signals.h"
#include "frontend/session.h"
#include <cstdio>

namespace r86 {

void Session::start_history() {
    TimelineSettings settings;
    settings.budget = options_.rewind_bytes;
    timeline_.emplace(machine_, settings);
    timeline_->on_progress([this](double done) {
        if (options_.playing) timeline_->keep_due_checkpoint();
        if (traveller_ && traveller_->working()) {
            traveller_->progress(done);
            update_status();
            if (called_away_) return false;
        }
        if (searching_ && !searching_(done)) return false;
        return signal_received() == 0;
    });
    recorder_.emplace(*timeline_, options_.sources);
    recorder_->stream_checkpoints(options_.record_checkpoints_ns);
    if (!options_.record.empty()) start_recording();
    if (options_.playing) {
        auto& playing = *options_.playing;
        recording_end_ = playing.end;
        timeline_->load_history(std::move(playing.inputs), playing.end, std::move(playing.checkpoints));
    }
    if (!options_.show_frames && !options_.show_text) return;
    Traveller::Surroundings around;
    around.show = [this](const Picture& picture) {
        frames_.back() = picture;
        frames_.publish();
        update_status();
    };
    around.called_away = [this] { return called_away_.load() || signal_received() != 0; };
    around.say = [this](std::string text) { say(std::move(text)); };
    around.wait = [this](std::chrono::nanoseconds time) {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, time, [this] { return attention_.load(); });
    };
    traveller_.emplace(*timeline_, std::move(around));
    if (options_.playing) traveller_->look_back();
}

/// While a recording is played.
void Session::look_at_recording() {
    const auto& [inputs, end, checkpoints, begin, marks, at_mark, at_end] = *options_.playing;
    const Tick now = machine_.now();
    if (now == end && timeline_->current_branch() == 0) timeline_->go_live(); // what came at the very end acts
    for (; next_mark_ < marks.size() && marks[next_mark_] <= now; ++next_mark_)
        if (marks[next_mark_] == now && timeline_->current_branch() == 0) at_mark(machine_, timeline_->inputs_done());
    if (!timeline_->live()) return timeline_->keep_due_checkpoint(); // what was played can be gone back to
    if (timeline_->current_branch() == 0) {
        at_end(machine_);
        if (traveller_) {
            set_paused(true);
            say("The recording ends here; going on, the guest runs on live.");
        }
    }
    options_.playing.reset();
}

void Session::start_recording() {
    const std::shared_ptr<std::FILE> file(std::fopen(options_.record.c_str(), "wb"), [](std::FILE* open) {
        if (open) std::fclose(open);
    });
    if (!file) throw UserError("recording '" + options_.record + "' cannot be written");
    recorder_->stream_to([this, file](std::span<const u8> bytes) {
        if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() && std::fflush(file.get()) == 0)
            return true;
        const std::string sentence = "recording '" + options_.record + "' cannot be written any further and ends here";
        Results::message(sentence);
        say(sentence);
        return false;
    });
}

void Session::save_recording(std::string path) {
    post([this, path = std::move(path)] {
        if (!recorder_) return say("This session keeps no history: it was started with --rewind off.");
        try {
            write_host_file(path, recorder_->whole());
            say("Recording: " + path + ". It holds everything that was typed.");
        } catch (const UserError& error) {
            say(error.what());
        }
    });
}

bool Session::held_back() {
    if (!traveller_ || !traveller_->looking_back()) return false;
    say("This is the past: it stays as it was until you play from here.");
    return true;
}

void Session::travel(TravelOrder order) {
    // A step goes on from where the order before it leads.
    const bool step = std::holds_alternative<travel::By>(order) || std::holds_alternative<travel::Frames>(order);
    if (!step) called_away_ = true;
    if (const auto* to = std::get_if<travel::To>(&order)) {
        const std::lock_guard lock(mutex_);
        wanted_ = *to;
    }
    post([this, order = std::move(order)]() mutable {
        if (auto* to = std::get_if<travel::To>(&order)) {
            const std::lock_guard lock(mutex_);
            if (!wanted_) return; // an earlier task has gone there
            *to = *std::exchange(wanted_, std::nullopt);
        }
        carry_out(order);
    });
}

void Session::carry_out(const TravelOrder& order) {
    if (!traveller_) return say("This session keeps no history: it was started with --rewind off.");
    set_paused(true);
    typist_.clear();
    machine_.pc().connect_audio(nullptr); // what is passed on the way is not heard
    const bool stands = traveller_->carry_out(order);
    if (!traveller_->runs_backwards()) {
        machine_.pc().connect_audio(audio_);
        show_machine();
    }
    if (!stands) set_paused(false);
    update_status(true);
}

} // namespace r86

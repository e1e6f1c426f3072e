/// Searching through history: whole intervals between checkpoints are replayed under a probe, the nearest first.
#include "machine/probe.h"
#include "machine/timeline.h"
#include <algorithm>

namespace r86 {

namespace {

/// A write to the legacy window changes video memory, where it is plain memory at all.
bool in_video_window(const Probe::Range& range) {
    return range.address < 0xC0000 && range.address + range.length > 0xA0000;
}

bool may_match(const Probe& probe, const Checkpoints& checkpoints, const Checkpoint* end_of_interval) {
    if (!probe.only_writes()) return true;
    return std::any_of(probe.pieces().begin(), probe.pieces().end(), [&](const Probe::Piece& piece) {
        const Probe::Range& range = piece.range;
        if (!end_of_interval || checkpoints.may_have_changed(*end_of_interval, range.address, range.length))
            return true;
        return in_video_window(range) && checkpoints.video_changed(*end_of_interval);
    });
}

} // namespace

void Timeline::return_to(Tick tick) {
    const auto progress = std::exchange(progress_, {});
    seek(tick);
    progress_ = progress;
}

std::optional<Moment> Timeline::find_before(Probe& probe) {
    const Tick before = machine_.now();
    gave_up_ = false;
    probe.rest();
    probe.forget();
    if (before == begin()) return std::nullopt;
    leave_head();
    // Ends of intervals, latest first. The first interval ends where we stand, the others at checkpoints.
    std::vector<std::pair<Checkpoint*, Checkpoint*>> intervals; // from, to (nullptr: where we stand)
    Checkpoint* to = nullptr;
    for (Checkpoint* from = nearest(before - 1); from; to = from, from = from->parent) intervals.emplace_back(from, to);
    for (const auto& [from, end] : intervals) {
        if (!may_match(probe, *checkpoints_, end)) continue;
        const Tick stop = end ? end->tick : before;
        probe.rest();
        restore(from);
        probe.collect_until(before);
        const bool whole = replay(stop, false);
        // An interval runs up to and with the inputs of its last tick, which may be what is looked for.
        if (whole && end && stop < before) apply_logged();
        probe.rest();
        if (!whole && !machine_.ended()) {
            gave_up_ = true;
            break;
        }
        if (probe.hit()) break;
        if (progress_ && !progress_(static_cast<double>(before - from->tick) / static_cast<double>(before - begin()))) {
            gave_up_ = true;
            break;
        }
    }
    std::optional<Moment> result;
    if (probe.hit() && !gave_up_) result = Moment{probe.hit()->tick, probe.hit()->detail};
    return_to(before);
    return result;
}

std::optional<Moment> Timeline::find_after(Probe& probe) {
    const Tick start = machine_.now();
    gave_up_ = false;
    probe.rest();
    probe.forget();
    if (live_) return std::nullopt;
    const Tick end = branch().end;
    probe.stop_after(start);
    const bool whole = replay(end, false);
    probe.rest();
    std::optional<Moment> result;
    if (probe.hit()) result = Moment{probe.hit()->tick, probe.hit()->detail};
    gave_up_ = !whole && !result && !machine_.ended();
    return_to(start);
    return result;
}

std::optional<Moment> Timeline::first_text(const std::string& text, Tick every) {
    const Tick start = machine_.now();
    const auto shown = [&] {
        for (const std::string& line : machine_.text_screen().lines())
            if (line.find(text) != std::string::npos) return true;
        return false;
    };
    gave_up_ = false;
    leave_head();
    const Tick end = branch().end;
    std::vector<Checkpoint*> path;
    for (Checkpoint* at = branch().tip; at; at = at->parent) path.push_back(at);
    std::reverse(path.begin(), path.end());
    std::optional<Tick> found;
    Tick absent = begin(); // the last tick at which it was not there
    for (usize i = 0; i < path.size() && !found && path[i]->tick <= end; ++i) {
        const Tick stop = i + 1 < path.size() ? path[i + 1]->tick : end;
        // Nothing on the screen changes while video memory stays; cursor and registers draw no text.
        if (i + 1 < path.size() && i > 0 && !checkpoints_->video_changed(*path[i + 1])) continue;
        restore(path[i]);
        while (!found) {
            if (shown()) {
                found = machine_.now();
                break;
            }
            absent = machine_.now();
            if (machine_.now() >= stop || !replay(std::min(stop, machine_.now() + every), false)) break;
        }
        if (progress_ && !found &&
            !progress_(static_cast<double>(machine_.now() - begin()) / static_cast<double>(end - begin()))) {
            gave_up_ = true;
            break;
        }
    }
    // It appeared between two looks: halve the distance.
    while (found && absent + 1 < *found) {
        const Tick middle = absent + (*found - absent) / 2;
        seek(middle);
        if (shown())
            found = middle;
        else
            absent = middle;
    }
    std::optional<Moment> result;
    if (found) result = Moment{*found, "first \"" + text + "\""};
    return_to(start);
    return result;
}

} // namespace r86

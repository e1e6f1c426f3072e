#include "frontend/traveller.h"
#include <algorithm>
#include <array>
#include <cmath>

namespace r86 {

namespace {

constexpr u64 kPieceNs = 250'000'000;       ///< of virtual time, replayed at once
constexpr u64 kStillNs = 15'000'000;        ///< pictures closer than that are left out
constexpr u64 kLongestFrameNs = 60'000'000; ///< no mode of a VGA has fewer than 17 frames a second
constexpr u64 kFrameNs = 16'666'667;        ///< at the present, where no frame has been yet
constexpr usize kEnoughStills = 40;         ///< more are not replayed ahead
constexpr u64 kDroppedLagNs = 100'000'000;  ///< a lag over this is dropped, not chased
constexpr auto kLongestWait = std::chrono::milliseconds(20);

} // namespace

Traveller::Traveller(Timeline& timeline, Surroundings surroundings)
    : timeline_(timeline), around_(std::move(surroundings)) {}

bool Traveller::carry_out(const TravelOrder& order) {
    if (!std::holds_alternative<travel::Backwards>(order)) set_backwards(false);
    depart();
    if (const auto* to = std::get_if<travel::To>(&order)) {
        go_to(*to);
    } else if (const auto* by = std::get_if<travel::By>(&order)) {
        const Machine& machine = timeline_.machine();
        const u64 ns = machine.now_ns();
        const u64 far = static_cast<u64>(std::abs(by->ns));
        const Tick ticks = ticks_of(far);
        if (by->ns >= 0)
            go(std::min(timeline_.live() ? timeline_.now() : timeline_.head(), machine.tick_after(far)));
        else
            go(ns < far || timeline_.now() - timeline_.begin() < ticks ? timeline_.begin() : timeline_.now() - ticks);
    } else if (const auto* some = std::get_if<travel::Frames>(&order)) {
        frames(some->count);
    } else if (const auto* held = std::get_if<travel::Backwards>(&order)) {
        set_backwards(held->on);
    } else if (std::holds_alternative<travel::ToPresent>(order)) {
        go(timeline_.head());
    } else {
        play_from_here();
        return false;
    }
    return true;
}

void Traveller::depart() {
    note_present();
    away_ = true;
}

bool Traveller::go(Tick tick, Work work) {
    work_ = work;
    // Retraces and pictures are wanted all; else a checkpoint on the way may be jumped to.
    const bool there = work == Work::Silent ? timeline_.seek(tick) : timeline_.play_to(tick);
    work_ = Work::None;
    done_.reset();
    return there;
}

void Traveller::go_to(const travel::To& to) {
    if (to.branch && *to.branch < timeline_.branches().size() && *to.branch != timeline_.current_branch()) {
        work_ = Work::Silent;
        const bool there = timeline_.switch_branch(*to.branch);
        work_ = Work::None;
        done_.reset();
        if (!there) return;
    }
    go(std::clamp(to.tick, timeline_.begin(), timeline_.head()));
}

void Traveller::frames(int count) {
    for (; count < 0 && !around_.called_away(); ++count)
        if (!frame_back()) return around_.say("This is the beginning.");
    for (; count > 0 && !around_.called_away(); --count) {
        const Tick from = timeline_.now();
        const Machine& machine = timeline_.machine();
        if (timeline_.live()) { // the future has yet to happen
            go(machine.tick_after(kFrameNs));
            continue;
        }
        retraces_.clear();
        go(std::min(timeline_.head(), machine.tick_after(kLongestFrameNs)), Work::Retraces);
        const auto next = std::upper_bound(retraces_.begin(), retraces_.end(), from);
        if (next != retraces_.end()) go(*next);
    }
}

/// To the last retrace before now; false at the beginning.
bool Traveller::frame_back() {
    const Tick from = timeline_.now();
    if (from == timeline_.begin()) return false;
    const Tick start = from - std::min(ticks_of(kLongestFrameNs), from - timeline_.begin());
    if (!go(start)) return true; // called away
    retraces_.clear();
    if (!go(from - 1, Work::Retraces)) return true;
    go(retraces_.empty() ? start : retraces_.back());
    return true;
}

void Traveller::play_from_here() {
    if (!timeline_.live()) {
        const u32 old = timeline_.current_branch();
        timeline_.branch_here();
        release_keys();
        around_.say("The guest goes on from here as branch " + std::to_string(timeline_.current_branch()) +
                    "; branch " + std::to_string(old) + " is kept.");
    }
    away_ = false;
}

/// Keys that were held here are held no more: nobody would let go of them.
void Traveller::release_keys() {
    std::vector<KeyCode> held;
    u8 buttons = 0;
    for (const Timeline::LoggedInput& logged : timeline_.branch().inputs) {
        if (const auto* key = std::get_if<input::Key>(&logged.input)) {
            std::erase(held, key->key);
            if (key->down) held.push_back(key->key);
        } else if (const auto* mouse = std::get_if<input::Mouse>(&logged.input)) {
            buttons = mouse->buttons;
        }
    }
    for (const KeyCode key : held) timeline_.machine().apply(input::Key{key, false});
    if (buttons) timeline_.machine().apply(input::Mouse{});
}

// Running backwards --------------------------------------------------------------------------------------------------

void Traveller::set_backwards(bool on) {
    if (on == backwards_) return;
    if (on) {
        depart();
        strip_.clear();
        shown_ = {timeline_.now(), timeline_.machine().now_ns(), nullptr};
        strip_begin_ = shown_.tick;
        strip_begin_ns_ = shown_.ns;
        piece_cost_ns_ = 0;
        since_ = Clock::now();
        since_ns_ = shown_.ns;
        backwards_ = true;
    } else {
        backwards_ = false;
        strip_.clear();
        if (!shown_.picture) { // let go before the first was ready: as far as it would have gone
            const auto passed = static_cast<u64>(std::chrono::nanoseconds(Clock::now() - since_).count());
            shown_.tick -= std::min(ticks_of(passed), shown_.tick - timeline_.begin());
        }
        go(shown_.tick);
    }
}

void Traveller::run_backwards() {
    if (!backwards_) return;
    if (strip_.empty()) leave_out_what_is_late();
    if (strip_.size() < kEnoughStills && strip_begin_ > timeline_.begin()) load_piece();
    show_due();
    if (around_.called_away()) return;
    if (strip_.empty() && strip_begin_ == timeline_.begin()) {
        if (shown_.tick != timeline_.begin()) around_.say("This is the beginning.");
        shown_ = {timeline_.begin(), 0, nullptr};
    }
    // The next piece is worth more than sleep while there is little to show.
    if (strip_.size() >= kEnoughStills || strip_begin_ == timeline_.begin()) around_.wait(until_due());
}

/// Replays the piece before the strip; false if called away.
bool Traveller::load_piece() {
    const Clock::time_point began = Clock::now();
    const Tick end = strip_begin_;
    const Tick start = end - std::min(std::max<Tick>(ticks_of(kPieceNs), 1), end - timeline_.begin());
    piece_.clear();
    seen_generation_ = ~u64{0};
    if (!go(start)) return false;
    const u64 start_ns = timeline_.machine().now_ns();
    if (!go(end, Work::Pictures)) return false;
    while (!piece_.empty() && piece_.back().tick >= end) piece_.pop_back();
    strip_.insert(strip_.begin(), piece_.begin(), piece_.end());
    strip_begin_ = start;
    strip_begin_ns_ = start_ns;
    piece_cost_ns_ = static_cast<u64>(std::chrono::nanoseconds(Clock::now() - began).count());
    return true;
}

/// So that the next piece comes in time, as far as one can tell from the last.
void Traveller::leave_out_what_is_late() {
    const u64 passed = static_cast<u64>(std::chrono::nanoseconds(Clock::now() - since_).count());
    const u64 reached = since_ns_ - std::min(since_ns_, strip_begin_ns_);
    if (passed + piece_cost_ns_ < reached + kDroppedLagNs) return;
    const u64 late = passed + piece_cost_ns_ - reached;
    strip_begin_ -= std::min(ticks_of(late), strip_begin_ - timeline_.begin());
    strip_begin_ns_ -= std::min(late, strip_begin_ns_);
}

void Traveller::frame() {
    Machine& machine = timeline_.machine();
    if (work_ == Work::Retraces) retraces_.push_back(machine.now());
    if (work_ == Work::Pictures && (piece_.empty() || machine.now_ns() - piece_.back().ns >= kStillNs)) {
        const u64 generation = machine.pc().vga.frame_generation();
        Still still{machine.now(), machine.now_ns(), nullptr};
        if (generation == seen_generation_ && !piece_.empty())
            still.picture = piece_.back().picture;
        else
            still.picture = std::make_shared<Picture>(machine.picture());
        seen_generation_ = generation;
        piece_.push_back(std::move(still));
    }
    if (backwards_) show_due();
}

std::chrono::nanoseconds Traveller::until_due() const {
    if (strip_.empty()) return kLongestWait;
    const i64 due = static_cast<i64>(since_ns_ - std::min(since_ns_, strip_.back().ns));
    const i64 passed = std::chrono::nanoseconds(Clock::now() - since_).count();
    return std::clamp<std::chrono::nanoseconds>(std::chrono::nanoseconds(due - passed), std::chrono::nanoseconds(0),
                                                kLongestWait);
}

/// Shows the newest picture whose time has come; those that are late are left out.
void Traveller::show_due() {
    const u64 passed = static_cast<u64>(std::chrono::nanoseconds(Clock::now() - since_).count());
    bool any = false;
    while (!strip_.empty() && since_ns_ - std::min(since_ns_, strip_.back().ns) <= passed) {
        shown_ = std::move(strip_.back());
        strip_.pop_back();
        any = true;
    }
    if (any) around_.show(*shown_.picture);
}

// Status -------------------------------------------------------------------------------------------------------------

void Traveller::note_present() {
    if (!timeline_.live()) return;
    head_ns_.resize(timeline_.branches().size());
    head_ns_[timeline_.current_branch()] = timeline_.machine().now_ns();
}

HistoryStatus Traveller::status() const {
    HistoryStatus out;
    out.kept = true;
    out.live = timeline_.live() && !backwards_;
    out.backwards = backwards_;
    out.begin = timeline_.begin();
    out.branch = timeline_.current_branch();
    if (out.branch < head_ns_.size()) out.head_ns = head_ns_[out.branch];
    for (usize i = 0; i < timeline_.branches().size(); ++i) {
        const Timeline::Branch& branch = timeline_.branches()[i];
        out.branches.push_back({branch.parent, branch.begins, i == out.branch ? timeline_.head() : branch.end});
    }
    out.on_the_way = done_;
    return out;
}

} // namespace r86

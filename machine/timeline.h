#pragma once
/// The history of a session: everything that came through the input door, checkpoints, and the way to any tick of it.
///
/// A position is a tick: the state after its events and before the inputs that were stamped with it; only the end of
/// the history (`head`) is after them, because there the session stands. While the machine stands in the past, running
/// it replays what happened; an input from outside, or `branch_here`, begins a new branch there, and the old future
/// stays as a branch of its own.
///
/// The front end goes on calling Machine::run_until and Machine::apply; this listens as the machine's History.
#include "machine/checkpoints.h"
#include "machine/machine.h"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace r86 {

struct TimelineSettings {
    u64 budget = u64{512} << 20; ///< memory for checkpoints, about
    u64 spacing = 40'000'000;    ///< retired instructions between two new checkpoints
    bool verify = false;         ///< compare with the checkpoints that a replay meets (tests)
};

/// The state at a position of the first branch, kept outside of this history: a recording has such.
struct KeptState {
    Tick tick = 0;
    usize inputs = 0;     ///< that had acted
    std::vector<u8> file; ///< see machine/state_file.h
};

/// A place in history and what happens there.
struct Moment {
    Tick tick = 0;
    std::string detail;
};

/// What a search looks for; see machine/probe.h.
class Probe;

class Timeline final : public History {
public:
    struct LoggedInput {
        Tick tick = 0;
        HostInput input;
    };
    struct Branch {
        u32 parent = 0; ///< its number; the first branch is its own parent
        Tick begins = 0;
        Tick end = 0;
        std::vector<LoggedInput> inputs; ///< all since the root, those of its ancestors before `begins` included
        Checkpoint* tip = nullptr;       ///< its last checkpoint
    };

    Timeline(Machine& machine, TimelineSettings settings = {});
    ~Timeline() override;

    // ---- where we are ---------------------------------------------------------------------------------------------
    Machine& machine() { return machine_; }
    Tick now() const { return machine_.now(); }
    Tick begin() const { return checkpoints_->root()->tick; }
    /// Where the current branch ends: `now` while the session runs live.
    Tick head() const { return live_ ? machine_.now() : branch().end; }
    bool live() const { return live_; }
    /// How many of the branch's inputs have acted.
    usize inputs_done() const { return cursor_; }
    const std::vector<Branch>& branches() const { return branches_; }
    u32 current_branch() const { return current_; }
    const Branch& branch() const { return branches_[current_]; }
    Checkpoints& checkpoints() { return *checkpoints_; }
    /// "N CS:EIP", as the session's answers begin.
    std::string position() const;
    /// `timeline`: branches and checkpoints, a line each.
    std::vector<std::string> describe() const;

    // ---- going ------------------------------------------------------------------------------------------------------
    /// To a tick of the current branch; beyond its head the machine runs on live. False if it ended before.
    bool seek(Tick tick);
    /// To a later tick of the current branch through everything that lies between: whoever watches sees all of it.
    bool play_to(Tick tick);
    /// Runs on to the head of the branch.
    void go_live() { seek(head()); }
    bool step(u64 ticks) { return seek(now() + ticks); }
    /// False: that was before the beginning, where it stands now.
    bool reverse_step(u64 ticks);
    /// One instruction or delivery back; a halt counts as one, however long it was.
    bool reverse_step_instruction();
    /// From here on the session is live: a new branch unless this is the head already.
    void branch_here();
    /// To another branch's head; 0 is the first.
    bool switch_branch(u32 number);

    // ---- searching --------------------------------------------------------------------------------------------------
    /// The last match before now / the first one after. The machine is where it was afterwards.
    std::optional<Moment> find_before(Probe& probe);
    std::optional<Moment> find_after(Probe& probe);
    /// Where the text stood on the screen for the first time, as far as the screen was looked at `every` ticks.
    std::optional<Moment> first_text(const std::string& text, Tick every = 1'000'000);
    /// Asked during long work with the share that is done; false gives up.
    void on_progress(std::function<bool(double)> hook) { progress_ = std::move(hook); }
    /// Whether the last search was given up, so that it says nothing.
    bool gave_up() const { return gave_up_; }

    // ---- for recordings
    // -----------------------------------------------------------------------------------------------
    /// A checkpoint right here, whatever the spacing.
    void checkpoint_now();
    /// As seek, forwards, with exactly so many of the inputs done: where a digest was taken.
    bool seek_with_inputs(Tick tick, usize inputs);
    /// While replaying: a checkpoint here, as a live session has them.
    void keep_checkpoint();
    /// The same, if the last one is as far back as in a live session.
    void keep_due_checkpoint();
    /// Fills an untouched timeline with a recording's inputs and end. A seek of a long way begins at the nearest state
    /// that is kept, if there are any.
    void load_history(std::vector<LoggedInput> inputs, Tick end, std::vector<KeptState> kept = {});
    /// Called for each input of the live session, and when the history after a tick is no more.
    struct Listener {
        std::function<void(Tick, const HostInput&)> input;
        std::function<void(Tick)> cut;
        std::function<void()> checkpoint; ///< the live session has just passed one
        std::function<void()> media;      ///< images may have come
        std::function<void()> switched;   ///< another branch is the session now
        std::function<void()> ends;       ///< a state is about to be loaded
        std::function<void()> replaced;   ///< it was: this is another history
    };
    void set_listener(Listener listener) { listener_ = std::move(listener); }
    /// Filled while verifying: what differed, if anything did.
    const std::vector<std::string>& divergences() const { return divergences_; }

    // ---- History
    // ------------------------------------------------------------------------------------------------------
    Tick next() const override { return next_; }
    void boundary() override;
    void input(const HostInput& input) override;
    void state_ends() override {
        if (listener_.ends) listener_.ends();
    }
    /// Another state was loaded: history begins there.
    void state_replaced() override {
        begin_anew();
        if (listener_.replaced) listener_.replaced();
    }
    void media_changed() override {
        checkpoints_->watch_media();
        if (listener_.media) listener_.media();
    }
    std::vector<FirstContent> first_contents() override { return checkpoints_->first_contents(); }
    RamHash memory_hash() override { return checkpoints_->memory_hash(); }
    RamHash media_hash() override { return checkpoints_->media_hash(); }

private:
    friend class Search;
    void begin_anew();
    void find_next();
    void apply_logged();
    Checkpoint* following() const;
    Checkpoint* nearest(Tick tick) const;
    /// Keeps the live end of the branch, so that it can be left.
    void leave_head();
    void restore(Checkpoint* checkpoint);
    void fetch_kept(Tick tick);
    /// Replays to a tick with close checkpoints before it; false if the machine ended or the user gave up.
    bool replay(Tick tick, bool close_checkpoints);
    bool run_towards(Tick tick);
    void take(bool temporary);
    void thin();
    void remove(Checkpoint* checkpoint);
    void verify_arrival();
    /// Back to where a search began, which nobody may interrupt.
    void return_to(Tick tick);

    Machine& machine_;
    TimelineSettings settings_;
    std::optional<Checkpoints> checkpoints_;
    std::vector<Branch> branches_;
    std::vector<KeptState> kept_; // ascending; those that are no checkpoints yet
    u32 current_ = 0;
    usize cursor_ = 0; // the next input of the branch
    bool live_ = true;
    bool replaying_input_ = false;
    bool new_inputs_ = false; // since the last checkpoint at the head
    bool gave_up_ = false;    // the last search
    Tick next_ = 0;
    Tick due_ = 0; // the earliest tick at which a checkpoint may be due
    Listener listener_;
    std::function<bool(double)> progress_;
    std::vector<std::string> divergences_;
};

} // namespace r86

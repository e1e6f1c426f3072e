#pragma once
/// Carries out what a display asks of history, on the emulation thread.
///
/// Running backwards goes in pieces: a piece of history is replayed forwards and its pictures are kept; while the next
/// earlier piece is replayed they are shown, the last one first; what a slow host cannot replay in time is left out.
/// Where the user lets go, the machine follows.
#include "core/host_endpoints.h"
#include "frontend/travel.h"
#include "machine/timeline.h"
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace r86 {

class Traveller {
public:
    /// What the session does for it.
    struct Surroundings {
        std::function<void(const Picture&)> show;
        std::function<bool()> called_away; ///< an order or the end waits for this thread
        std::function<void(std::string)> say;
        std::function<void(std::chrono::nanoseconds)> wait; ///< returns early if called away
    };
    Traveller(Timeline& timeline, Surroundings surroundings);

    /// True: the guest stands still afterwards.
    bool carry_out(const TravelOrder& order);
    /// A display went into the past and is there still: what comes from outside has to wait.
    void look_back() { away_ = true; }
    bool looking_back() const { return away_ && !timeline_.live(); }

    bool runs_backwards() const { return backwards_; }
    /// One piece of running backwards; soon over when called away.
    void run_backwards();

    /// While true, the guest's frames belong to frame(), not to the screen.
    bool working() const { return work_ != Work::None; }
    /// At virtual vertical retrace.
    void frame();
    void progress(double done) { done_ = done; }

    /// The session is where it is: remembers the time of the present.
    void note_present();
    HistoryStatus status() const;
    /// Where the picture on the screen belongs.
    Tick shown_tick() const { return backwards_ ? shown_.tick : timeline_.now(); }
    u64 shown_ns() const { return backwards_ ? shown_.ns : timeline_.machine().now_ns(); }

private:
    enum class Work : u8 { None, Silent, Retraces, Pictures };
    struct Still {
        Tick tick = 0;
        u64 ns = 0;
        std::shared_ptr<const Picture> picture;
    };
    using Clock = std::chrono::steady_clock;

    void depart();
    bool go(Tick tick, Work work = Work::Silent);
    void go_to(const travel::To& to);
    void frames(int count);
    bool frame_back();
    void play_from_here();
    void release_keys();
    void set_backwards(bool on);
    bool load_piece();
    void leave_out_what_is_late();
    void show_due();
    std::chrono::nanoseconds until_due() const;
    Tick ticks_of(u64 ns) const { return ns * timeline_.machine().mips() / 1000; }

    Timeline& timeline_;
    Surroundings around_;
    bool away_ = false;
    Work work_ = Work::None;
    std::vector<u64> head_ns_; ///< by branch
    std::optional<double> done_;

    // Finding frames
    std::vector<Tick> retraces_;

    // Running backwards
    bool backwards_ = false;
    Still shown_;
    std::deque<Still> strip_; ///< what is to be shown next, ascending
    std::vector<Still> piece_;
    Tick strip_begin_ = 0; ///< nothing before this is in the strip
    u64 strip_begin_ns_ = 0;
    u64 piece_cost_ns_ = 0; ///< real time that the last piece took
    u64 seen_generation_ = ~u64{0};
    // Real time against the guest's: at `since_` the picture of `since_ns_` was shown.
    Clock::time_point since_{};
    u64 since_ns_ = 0;
};

} // namespace r86

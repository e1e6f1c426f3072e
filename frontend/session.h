#pragma once
/// A machine that runs: slices, pacing, inputs from outside, frames and status for a display, stops that were asked
/// for.
///
/// One thread, the emulation thread, owns the machine and calls run_to(); every other thread speaks through
/// EmulationPort. Without a display the emulation thread is the main thread. Inputs are taken at the end of a slice;
/// slices change nothing else.
#include "frontend/emulation_port.h"
#include "frontend/ending.h"
#include "frontend/frame_exchange.h"
#include "frontend/pacer.h"
#include "frontend/ports/serial_line.h"
#include "frontend/results.h"
#include "frontend/traveller.h"
#include "frontend/typist.h"
#include "machine/machine.h"
#include "machine/recorder.h"
#include "machine/timeline.h"
#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace r86 {

/// A recording to be played; the session stands still where it ends.
struct PlayedRecording {
    std::vector<Timeline::LoggedInput> inputs;
    Tick end = 0;
    std::vector<KeptState> checkpoints;
    std::function<void(Machine&)> begin; ///< puts the machine where the recording begins
    /// Where to look, ascending, and what is called there with the number of inputs that have acted.
    std::vector<Tick> marks;
    std::function<void(Machine&, usize inputs)> at_mark;
    std::function<void(Machine&)> at_end;
};

struct SessionOptions {
    unsigned speed_percent = 0; ///< of real time; 0: as fast as the host can
    bool auto_mips = false;
    bool show_frames = false; ///< a display takes pictures
    bool show_text = false;   ///< a terminal display takes the text screen
    bool snapshot = false;    ///< media that are inserted later are not written either
    std::optional<Tick> until;
    std::vector<Tick> digest_at;
    u64 rewind_bytes = 0;                       ///< memory of the flight recorder; 0: none
    std::string record;                         ///< file of a recording from the beginning
    u64 record_checkpoints_ns = 0;              ///< virtual time between checkpoints in that file; 0: none
    std::map<std::string, std::string> sources; ///< for recordings, see Recorder
    std::optional<PlayedRecording> playing;
};

/// Whether a halt that nothing can end is the end of the session.
enum class DeadHalt {
    Ends,     ///< after a second, in which chips finish what they are doing
    PassTime, ///< virtual time goes on
};

class Session final : public EmulationPort {
public:
    /// Serial lines, where they exist, outlive the session.
    Session(MachineConfig config, SessionOptions options, Results& results, std::array<SerialLine*, 2> serial);
    ~Session() override;

    // ---- emulation thread ---------------------------------------------------------------------------------------
    Machine& machine() { return machine_; }
    /// nullptr: the session keeps no history.
    Timeline* timeline() { return timeline_ ? &*timeline_ : nullptr; }
    /// Where the recording that is replayed ends, unless this is another branch.
    std::optional<Tick> recording_end() const {
        return timeline_ && timeline_->current_branch() == 0 ? recording_end_ : std::nullopt;
    }
    Recorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }
    SerialLine* serial(unsigned port) { return serial_[port]; }
    Results& results() { return results_; }
    /// Runs to exactly `target`, or to where a watcher of the processor stops it; false if the session ended before.
    /// Everything that is due on the way happens.
    [[nodiscard]] bool run_to(Tick target, DeadHalt dead_halt = DeadHalt::PassTime);
    [[nodiscard]] bool run_for_ns(u64 ns, DeadHalt dead_halt = DeadHalt::PassTime) {
        return run_to(machine_.tick_after(ns), dead_halt);
    }
    /// One input now. False: the machine refused it.
    bool apply(const HostInput& input) { return machine_.apply(input); }
    /// Text or keys for the guest's keyboard, taken while time passes.
    Typist& typist() { return typist_; }
    /// Bytes for a serial port, handed over as the line takes them.
    void send_serial(unsigned port, std::span<const u8> bytes);
    /// Everything sent has reached the port's receiver.
    bool serial_taken(unsigned port);
    /// Throws UserError: no such drive, not removable, the file cannot be opened, the guest has locked the drive.
    void insert(const std::string& drive, const std::string& path);
    void eject(const std::string& drive);
    /// The first ending counts.
    void end(Ending ending);
    /// A wait sees the guest's ending as its own failure.
    void replace_ending(Ending ending) { ending_ = std::move(ending); }
    const std::optional<Ending>& ending() const { return ending_; }
    /// Everything that was written reaches the host's files. False with a message if it does not.
    bool flush_media();
    /// Who may interrupt long ways through history, and sees how far they are: false gives up. Empty: nobody.
    void while_searching(std::function<bool(double)> hook) { searching_ = std::move(hook); }
    /// Wait for something else than the guest (a script's next command): time does not count meanwhile.
    void standing_still() { pacer_.restart(machine_.now_ns()); }
    void connect_audio(AudioSink* sink) {
        audio_ = sink;
        machine_.pc().connect_audio(sink);
    }
    /// The newest text screen for a terminal.
    bool take_text(TextScreen& out) { return texts_.take(out); }

    // ---- any thread: EmulationPort --------------------------------------------------------------------------------
    void send(HostInput input) override;
    void type(std::string text) override;
    void press(std::vector<KeyCode> chord) override;
    void change_medium(std::string drive, std::string path) override;
    void set_paused(bool paused) override;
    void travel(TravelOrder order) override;
    void save_recording(std::string path) override;
    void set_speed(unsigned percent) override;
    bool take_frame(Picture& out) override { return frames_.take(out); }
    SessionStatus status() override;
    std::optional<std::string> take_message() override;
    void quit() override { quit_with("the user quit"); }
    void quit_with(std::string reason);
    void say(std::string message);
    /// The emulation is over; a display may close.
    void finished();

private:
    using Task = std::function<void()>;

    bool check_stops();
    void take_inputs();
    bool hurried() const;
    void feed_serial();
    Tick slice_end(Tick target) const;
    void run_slice(Tick limit, DeadHalt dead_halt);
    void guest_stopped(Stop stop);
    void wait_for_wall_clock();
    void publish_frame();
    void show_machine();
    void update_status(bool at_once = false);
    void start_history();
    void look_at_recording();
    void carry_out(const TravelOrder& order);
    void stand_still(std::unique_lock<std::mutex>& lock);
    /// Nothing from outside acts while somebody looks at the past; true, and a word about it, if that is so.
    bool held_back();
    void post(Task task);
    void start_recording();
    void watch_errors(BlockImage& image);
    MediaKind kind_of_removable(const std::string& drive) const;
    std::vector<SessionStatus::Drive> list_drives() const;

    Results& results_;
    SessionOptions options_;
    std::array<SerialLine*, 2> serial_;
    Machine machine_;
    std::optional<Timeline> timeline_;
    std::optional<Recorder> recorder_;
    std::optional<Traveller> traveller_; ///< with a display and a history
    std::function<bool(double)> searching_;
    AudioSink* audio_ = nullptr;
    Pacer pacer_;
    RatioFinder ratio_;
    Typist typist_;
    std::array<std::deque<u8>, 2> serial_waiting_;
    std::vector<std::shared_ptr<BlockImage>> inserted_;
    std::array<std::string, 3> media_names_; ///< of floppy0, floppy1, cdrom0
    std::optional<Ending> ending_;
    std::optional<u64> dead_since_ns_;
    bool watcher_stopped_ = false;
    u64 hurried_until_ns_ = 0;
    usize next_digest_ = 0;
    usize next_mark_ = 0; ///< of the recording that is played
    std::optional<Tick> recording_end_;
    u64 shown_generation_ = ~u64{0};
    Pacer::Clock::time_point last_frame_{};
    VgaCanvas canvas_;
    FrameExchange<Picture> frames_;
    FrameExchange<TextScreen> texts_;

    // Shared with other threads, under mutex_.
    std::mutex mutex_;
    std::condition_variable wake_;
    std::vector<Task> tasks_;
    std::deque<std::string> messages_;
    std::string quit_reason_;
    SessionStatus status_;
    bool paused_ = false;
    std::optional<travel::To> wanted_;     ///< the newest
    std::atomic<bool> called_away_{false}; ///< from a long way through history
    std::atomic<bool> attention_{false};   ///< there is something above for the emulation thread

    // For status(): what was last counted.
    Pacer::Clock::time_point status_at_{};
    Pacer::Clock::time_point counted_at_ = Pacer::Clock::now();
    Tick counted_tick_ = 0;
    u64 counted_retired_ = 0;
    u64 counted_ns_ = 0;
    std::array<u64, 2> activity_{};
};

} // namespace r86

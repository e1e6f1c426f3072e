#include "frontend/session.h"
#include "core/error.h"
#include "frontend/host/signals.h"
#include <algorithm>

namespace r86 {

namespace {
constexpr Tick kSliceTicks = 100'000;
constexpr u64 kSliceNs = 1'000'000;
constexpr u64 kIdleSliceNs = 20'000'000; ///< a halted guest's, at real-time speed
constexpr u64 kDeadHaltGraceNs = 1'000'000'000;
constexpr auto kPausedPoll = std::chrono::milliseconds(20);
constexpr auto kLeastWait = std::chrono::microseconds(500);
/// A halted guest's deadlines are met several at a time: each sleep costs the host as much as a timer interrupt.
constexpr auto kLeastIdleWait = std::chrono::milliseconds(15);
/// So long after an input the guest need not wait for the wall clock, nor get further ahead of it than this.
constexpr u64 kHurryNs = 4'000'000;
constexpr auto kMostAhead = std::chrono::milliseconds(40);
} // namespace

Session::Session(MachineConfig config, SessionOptions options, Results& results, std::array<SerialLine*, 2> serial)
    : results_(results), options_(std::move(options)), serial_(serial), machine_(std::move(config)),
      pacer_(options_.speed_percent) {
    std::sort(options_.digest_at.begin(), options_.digest_at.end());
    const MachineConfig& made = machine_.config();
    for (unsigned n = 0; n < 2; ++n)
        if (made.floppies[n]) media_names_[n] = made.floppies[n]->name();
    if (made.cdrom) media_names_[2] = made.cdrom->name();
    for (const auto& disk : made.disks)
        if (disk) watch_errors(*disk);
    for (const auto& floppy : made.floppies)
        if (floppy) watch_errors(*floppy);
    if (made.cdrom) watch_errors(*made.cdrom);
    if (options_.show_frames || options_.show_text) {
        machine_.pc().vga.on_frame([this] { publish_frame(); });
        machine_.pc().vga.want_frames(true);
    }
    if (options_.playing) options_.playing->begin(machine_);
    if (options_.rewind_bytes) start_history();
    update_status();
}

Session::~Session() = default;

// Running ------------------------------------------------------------------------------------------------------------

bool Session::run_to(Tick target, DeadHalt dead_halt) {
    for (;;) {
        if (check_stops()) return false;
        if (attention_) take_inputs();
        if (ending_) return false;
        if (std::exchange(watcher_stopped_, false)) return true;
        if (machine_.now() >= target) return true;
        if (!traveller_ || !traveller_->looking_back()) {
            typist_.step(machine_, [this](const HostInput& input) { apply(input); });
            feed_serial();
        }
        run_slice(slice_end(target), dead_halt);
        for (SerialLine* line : serial_)
            if (line) line->channel().flush();
        wait_for_wall_clock();
    }
}

/// What is due at this very tick, and stops from outside. True: the session has ended.
bool Session::check_stops() {
    if (ending_) return true;
    const Tick now = machine_.now();
    if (options_.playing) look_at_recording();
    while (next_digest_ < options_.digest_at.size() && options_.digest_at[next_digest_] <= now) {
        results_.line("digest " + std::to_string(options_.digest_at[next_digest_]) + " " + machine_.digest());
        ++next_digest_;
    }
    if (options_.until && now >= *options_.until)
        end({Ending::Cause::Asked, kExitOk, "stopped at tick " + std::to_string(now)});
    else if (const int signal = signal_received())
        end({Ending::Cause::Asked, kExitOk, std::string("stopped by ") + signal_name(signal)});
    for (SerialLine* line : serial_)
        if (!ending_ && line && line->channel().error())
            end({Ending::Cause::HostError, kExitError, *line->channel().error()});
    return ending_.has_value();
}

Tick Session::slice_end(Tick target) const {
    Tick end = machine_.now() + std::min<Tick>(kSliceTicks, u64{machine_.mips()} * (kSliceNs / 1000));
    const auto& pc = const_cast<Session*>(this)->machine_.pc();
    // An idle guest wakes the host for its own deadlines only.
    if (machine_.cpu().s.halted && pacer_.percent() && !hurried())
        end = std::max(end, std::min(pc.events.next(), machine_.tick_after(kIdleSliceNs)));
    if (options_.until) end = std::min(end, *options_.until);
    if (next_digest_ < options_.digest_at.size()) end = std::min(end, options_.digest_at[next_digest_]);
    if (options_.playing && next_mark_ < options_.playing->marks.size())
        end = std::min(end, std::max(options_.playing->marks[next_mark_], machine_.now() + 1));
    if (options_.playing && machine_.now() < options_.playing->end) end = std::min(end, options_.playing->end);
    return std::min(end, target);
}

void Session::run_slice(Tick limit, DeadHalt dead_halt) {
    const bool stops_ahead = options_.until || next_digest_ < options_.digest_at.size();
    const bool may_end = dead_halt == DeadHalt::Ends && !stops_ahead;
    const auto started = Pacer::Clock::now();
    const u64 retired = machine_.retired();
    machine_.stop_on_dead_halt(may_end);
    Stop stop = machine_.run_until(limit);
    if (stop.reason == StopReason::DeadHalt) {
        // Chips finish what they are doing: the last bytes of a serial line, a sector on its way.
        const u64 now_ns = machine_.now_ns();
        if (!dead_since_ns_) dead_since_ns_ = now_ns;
        if (now_ns - *dead_since_ns_ >= kDeadHaltGraceNs) {
            end({Ending::Cause::DeadHalt, kExitCrashed, "the processor is halted and nothing can wake it"});
            return;
        }
        machine_.stop_on_dead_halt(false);
        stop = machine_.run_until(limit);
    } else {
        dead_since_ns_.reset();
    }
    if (stop.reason != StopReason::Reached) guest_stopped(stop);
    watcher_stopped_ = stop.reason == StopReason::Breakpoint || stop.reason == StopReason::Interrupted;
    if (options_.auto_mips && (!timeline_ || timeline_->live())) { // the past has its own changes
        ratio_.add_slice(machine_.retired() - retired,
                         static_cast<u64>(std::chrono::nanoseconds(Pacer::Clock::now() - started).count()));
        if (const u32 mips = ratio_.advise(machine_.mips())) apply(input::Ratio{mips});
    }
}

void Session::guest_stopped(Stop stop) {
    using Cause = Ending::Cause;
    const bool over = stop.reason == StopReason::PoweredOff || stop.reason == StopReason::ResetEnded ||
                      stop.reason == StopReason::GuestExit || stop.reason == StopReason::TripleFault;
    if (over && !ending_)
        for (const Ns16550a& serial : machine_.pc().serial) serial.flush();
    switch (stop.reason) {
    case StopReason::PoweredOff: end({Cause::Guest, kExitOk, "the guest powered off"}); break;
    case StopReason::ResetEnded: end({Cause::Guest, kExitOk, "the guest reset the machine"}); break;
    case StopReason::GuestExit:
        end({Cause::Guest, stop.code, "the guest ended through isa-debug-exit with " + std::to_string(stop.code)});
        break;
    case StopReason::TripleFault: end({Cause::TripleFault, kExitCrashed, "triple fault"}); break;
    default: break; // not an ending
    }
}

void Session::end(Ending ending) {
    if (!ending_) ending_ = std::move(ending);
}

void Session::wait_for_wall_clock() {
    if (options_.show_frames || options_.show_text || pacer_.percent()) update_status();
    std::unique_lock lock(mutex_);
    if (paused_) return stand_still(lock);
    const auto ahead = pacer_.ahead(machine_.now_ns());
    const bool hears = ahead < kMostAhead; // of inputs
    if (hears && hurried()) return;
    if (ahead < (machine_.cpu().s.halted ? std::chrono::nanoseconds(kLeastIdleWait) : kLeastWait)) return;
    const auto wait = hears ? ahead : ahead - kMostAhead + kLeastWait;
    wake_.wait_for(lock, wait, [&] { return !quit_reason_.empty() || paused_ || (hears && attention_); });
}

/// Inputs are taken, time stands still, or goes backwards.
void Session::stand_still(std::unique_lock<std::mutex>& lock) {
    while (paused_ && !ending_ && !signal_received()) {
        const bool moving = traveller_ && traveller_->runs_backwards();
        if (!moving) wake_.wait_for(lock, kPausedPoll, [this] { return attention_.load(); });
        lock.unlock();
        if (attention_) take_inputs();
        if (moving && !ending_) traveller_->run_backwards();
        if (traveller_) update_status();
        lock.lock();
    }
    pacer_.restart(machine_.now_ns());
}

// Inputs -------------------------------------------------------------------------------------------------------------

void Session::take_inputs() {
    attention_ = false;
    called_away_ = false;
    std::vector<Task> tasks;
    {
        const std::lock_guard lock(mutex_);
        tasks.swap(tasks_);
        if (!quit_reason_.empty()) end({Ending::Cause::Asked, kExitOk, quit_reason_});
    }
    for (const Task& task : tasks) task();
    hurried_until_ns_ = machine_.now_ns() + kHurryNs;
}

/// An input is on its way through the chips, or more keys are to follow.
bool Session::hurried() const {
    const u64 now = machine_.now_ns();
    const bool just_now = now < hurried_until_ns_ && hurried_until_ns_ - now <= kHurryNs; // not before a journey back
    return just_now || !typist_.done();
}

void Session::post(Task task) {
    {
        const std::lock_guard lock(mutex_);
        tasks_.push_back(std::move(task));
        attention_ = true;
    }
    wake_.notify_all();
}

void Session::send(HostInput input) {
    if (const auto* serial = std::get_if<input::SerialReceive>(&input)) {
        post([this, port = serial->port, bytes = serial->bytes] { send_serial(port, bytes); });
        return;
    }
    const auto* key = std::get_if<input::Key>(&input);
    const bool of_no_weight = std::holds_alternative<input::Mouse>(input) || (key && !key->down);
    post([this, input = std::move(input), of_no_weight] {
        if (of_no_weight ? traveller_ && traveller_->looking_back() : held_back()) return;
        apply(input);
    });
}

void Session::type(std::string text) {
    post([this, text = std::move(text)] {
        if (!held_back()) typist_.add(text);
    });
}

void Session::press(std::vector<KeyCode> chord) {
    post([this, chord = std::move(chord)] {
        if (!held_back()) typist_.add_chord(chord);
    });
}

void Session::send_serial(unsigned port, std::span<const u8> bytes) {
    serial_waiting_[port].insert(serial_waiting_[port].end(), bytes.begin(), bytes.end());
}

bool Session::serial_taken(unsigned port) {
    const Ns16550a& uart = machine_.pc().serial[port];
    return serial_waiting_[port].empty() && uart.room() == Ns16550a::kLine;
}

void Session::feed_serial() {
    for (unsigned port = 0; port < serial_waiting_.size(); ++port) {
        auto& waiting = serial_waiting_[port];
        const usize count = std::min(waiting.size(), machine_.pc().serial[port].room());
        if (!count) continue;
        const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
        apply(input::SerialReceive{static_cast<u8>(port), {waiting.begin(), end}});
        waiting.erase(waiting.begin(), end);
    }
}

void Session::set_paused(bool paused) {
    const std::lock_guard lock(mutex_);
    paused_ = paused;
    status_.paused = paused;
    wake_.notify_all();
}

void Session::set_speed(unsigned percent) {
    post([this, percent] { pacer_.set_percent(percent, machine_.now_ns()); });
}

void Session::quit_with(std::string reason) {
    {
        const std::lock_guard lock(mutex_);
        if (quit_reason_.empty()) quit_reason_ = std::move(reason);
    }
    called_away_ = true;
    attention_ = true;
    wake_.notify_all();
}

// Media --------------------------------------------------------------------------------------------------------------

namespace {
constexpr std::array<const char*, 3> kRemovable = {"floppy0", "floppy1", "cdrom0"};
} // namespace

MediaKind Session::kind_of_removable(const std::string& drive) const {
    if (drive == "cdrom0") return MediaKind::Cd;
    if (drive == "floppy0" || drive == "floppy1") return MediaKind::Floppy;
    if (drive.rfind("disk", 0) == 0) throw UserError("the medium of " + drive + " cannot be changed while it runs");
    throw UserError("there is no drive '" + drive + "'; use floppy0, floppy1 or cdrom0");
}

void Session::watch_errors(BlockImage& image) {
    image.on_error([this](const std::string& sentence) {
        Results::message(sentence);
        say(sentence);
    });
}

void Session::insert(const std::string& drive, const std::string& path) {
    const MediaKind kind = kind_of_removable(drive);
    ImageOptions how;
    how.snapshot = options_.snapshot;
    std::shared_ptr<BlockImage> image = open_image(path, kind, how);
    watch_errors(*image);
    if (!apply(input::Medium{drive, image})) throw UserError("the medium of " + drive + " could not be changed");
    inserted_.push_back(image);
    *std::find_if(media_names_.begin(), media_names_.end(),
                  [&, n = usize{0}](const std::string&) mutable { return drive == kRemovable[n++]; }) = path;
}

void Session::eject(const std::string& drive) {
    static_cast<void>(kind_of_removable(drive));
    if (!apply(input::Medium{drive, nullptr})) throw UserError("the guest has locked " + drive);
    for (usize n = 0; n < kRemovable.size(); ++n)
        if (drive == kRemovable[n]) media_names_[n].clear();
}

void Session::change_medium(std::string drive, std::string path) {
    post([this, drive = std::move(drive), path = std::move(path)] {
        if (held_back()) return;
        try {
            if (path.empty())
                eject(drive);
            else
                insert(drive, path);
        } catch (const UserError& error) {
            say(error.what());
        }
    });
}

bool Session::flush_media() {
    // The files belong to the live end of the history, wherever somebody looks.
    if (timeline_ && !timeline_->live()) timeline_->go_live();
    if (recorder_) recorder_->finish();
    bool fine = true;
    const auto flush = [&fine](BlockImage* image) {
        if (image && !image->read_only()) fine &= image->flush();
    };
    const MachineConfig& config = machine_.config();
    for (const auto& disk : config.disks) flush(disk.get());
    for (const auto& floppy : config.floppies) flush(floppy.get());
    for (const auto& image : inserted_) flush(image.get());
    return fine;
}

} // namespace r86

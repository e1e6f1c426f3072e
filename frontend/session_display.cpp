/// The half of a session that a display sees: frames, lights, figures and messages.
#include "frontend/session.h"
#include <filesystem>

namespace r86 {

namespace {
constexpr auto kStatus = std::chrono::milliseconds(20);
constexpr auto kLeastFrame = std::chrono::milliseconds(12); ///< more pictures a second than this nobody sees
constexpr auto kFigures = std::chrono::milliseconds(500);
} // namespace

/// At virtual vertical retrace, on the emulation thread.
void Session::publish_frame() {
    if (traveller_ && traveller_->working()) return traveller_->frame();
    const auto now = Pacer::Clock::now();
    if (now - last_frame_ < kLeastFrame) return;
    const Vga& vga = machine_.pc().vga;
    if (vga.frame_generation() == shown_generation_) return;
    last_frame_ = now;
    show_machine();
}

/// The screen as it is.
void Session::show_machine() {
    const Vga& vga = machine_.pc().vga;
    shown_generation_ = vga.frame_generation();
    if (options_.show_frames) {
        vga.render(canvas_, frames_.back());
        frames_.publish();
    }
    if (options_.show_text) {
        texts_.back() = vga.text();
        texts_.publish();
    }
}

void Session::update_status(bool at_once) {
    const auto now = Pacer::Clock::now();
    if (!at_once && now - status_at_ < kStatus) return;
    status_at_ = now;
    if (traveller_) traveller_->note_present();
    Pc& pc = machine_.pc();
    std::array<u64, 2> activity{}; // disks, CD
    for (IdeChannel* channel : {&pc.ide_primary, &pc.ide_secondary})
        for (unsigned slot = 0; slot < 2; ++slot)
            if (const IdeDrive* drive = channel->drive(slot))
                activity[drive == static_cast<const IdeDrive*>(pc.cdrom)] += drive->activity();
    const u8 leds = pc.keyboard.leds();

    const std::lock_guard lock(mutex_);
    status_.tick = traveller_ ? traveller_->shown_tick() : machine_.now();
    status_.virtual_ns = traveller_ ? traveller_->shown_ns() : machine_.now_ns();
    if (traveller_) status_.history = traveller_->status();
    status_.disk_active |= activity[0] != activity_[0];
    status_.cdrom_active |= activity[1] != activity_[1];
    status_.floppy_active |= pc.floppy.motor_on(0) || pc.floppy.motor_on(1);
    activity_ = activity;
    status_.scroll_lock = leds & 1;
    status_.num_lock = leds & 2;
    status_.caps_lock = leds & 4;
    const auto passed = std::chrono::duration<double, std::micro>(now - counted_at_).count();
    if (now - counted_at_ >= kFigures) {
        // Who went back in between has no pace.
        const bool onwards = status_.tick >= counted_tick_ && status_.virtual_ns >= counted_ns_;
        const u64 retired = machine_.retired();
        status_.mips =
            onwards && retired >= counted_retired_ ? static_cast<double>(retired - counted_retired_) / passed : 0;
        status_.speed_percent = onwards ? static_cast<double>(status_.virtual_ns - counted_ns_) / 10.0 / passed : 0;
        counted_at_ = now;
        counted_tick_ = status_.tick;
        counted_retired_ = retired;
        counted_ns_ = status_.virtual_ns;
    }
    status_.drives = list_drives();
}

std::vector<SessionStatus::Drive> Session::list_drives() const {
    const MachineConfig& config = machine_.config();
    const auto file = [](const std::string& path) { return std::filesystem::path(path).filename().string(); };
    std::vector<SessionStatus::Drive> drives;
    drives.push_back({"floppy0", file(media_names_[0]), true});
    if (config.floppies[1] || config.floppy_drive_b) drives.push_back({"floppy1", file(media_names_[1]), true});
    drives.push_back({"cdrom0", file(media_names_[2]), true});
    for (usize n = 0; n < config.disks.size(); ++n)
        if (config.disks[n]) drives.push_back({"disk" + std::to_string(n), file(config.disks[n]->name()), false});
    return drives;
}

SessionStatus Session::status() {
    const std::lock_guard lock(mutex_);
    SessionStatus out = status_;
    status_.disk_active = status_.cdrom_active = status_.floppy_active = false;
    return out;
}

std::optional<std::string> Session::take_message() {
    const std::lock_guard lock(mutex_);
    if (messages_.empty()) return std::nullopt;
    std::string message = std::move(messages_.front());
    messages_.pop_front();
    return message;
}

void Session::say(std::string message) {
    constexpr usize kMost = 20; // somebody who never looks
    const std::lock_guard lock(mutex_);
    if (messages_.size() < kMost) messages_.push_back(std::move(message));
}

void Session::finished() {
    const std::lock_guard lock(mutex_);
    status_.ended = true;
    if (ending_) status_.end_reason = ending_->reason;
}

} // namespace r86

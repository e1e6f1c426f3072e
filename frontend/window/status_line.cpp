#include "frontend/window/status_line.h"
#include <cstdio>

namespace r86 {

namespace {

using Tone = StatusPart::Tone;

std::string formatted(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

/// "floppy0" is A to people who know this machine.
std::string drive_label(const std::string& name, int same_kind) {
    if (name == "floppy0") return "A:";
    if (name == "floppy1") return "B:";
    if (name.starts_with("cdrom")) return "CD";
    if (name.starts_with("disk")) return same_kind == 0 ? "Disk" : "";
    return name;
}

std::vector<StatusPart> drive_lights(const SessionStatus& status) {
    std::vector<StatusPart> parts;
    int disks = 0;
    for (const SessionStatus::Drive& drive : status.drives) {
        const bool is_disk = drive.name.starts_with("disk");
        const bool is_cd = drive.name.starts_with("cdrom");
        const std::string label = drive_label(drive.name, is_disk ? disks++ : 0);
        if (label.empty()) continue;
        const bool active = is_disk ? status.disk_active : is_cd ? status.cdrom_active : status.floppy_active;
        if (active && !drive.medium.empty())
            parts.push_back({label, Tone::Lit});
        else
            parts.push_back({label, drive.medium.empty() ? Tone::Dim : Tone::Plain});
    }
    return parts;
}

int columns_of(const std::vector<StatusPart>& group) {
    int columns = 0;
    for (const StatusPart& part : group) columns += text_columns(part.text) + (columns ? 1 : 0);
    return columns;
}

} // namespace

StatusGroups status_groups(const SessionStatus& status, const WindowState& window) {
    StatusGroups groups(4);
    if (status.history.on_the_way)
        groups[0].push_back({formatted("on the way: %.0f%%", *status.history.on_the_way * 100), Tone::Warning});
    else if (status.history.backwards)
        groups[0].push_back({"backwards", Tone::Warning});
    else if (!status.history.live)
        groups[0].push_back({status.paused ? "the past, paused" : "the past", Tone::Warning});
    if (status.paused) {
        if (groups[0].empty()) groups[0].push_back({"paused", Tone::Warning});
    } else {
        groups[0].push_back({formatted(status.mips < 99.95 ? "%.1f MIPS" : "%.0f MIPS", status.mips)});
        groups[0].push_back({formatted("%.0f%%", status.speed_percent) + " of real time"});
        if (window.speed_percent != 100) groups[0].push_back({"(" + speed_name(window.speed_percent) + ")", Tone::Dim});
    }
    groups[1] = drive_lights(status);
    groups[2] = {{"Num", status.num_lock ? Tone::Lit : Tone::Dim},
                 {"Caps", status.caps_lock ? Tone::Lit : Tone::Dim},
                 {"Scroll", status.scroll_lock ? Tone::Lit : Tone::Dim}};
    if (window.mouse_grabbed)
        groups[3] = {{window.host_key + " frees the mouse", Tone::Warning}};
    else
        groups[3] = {{"Click: mouse to guest", Tone::Dim}};
    groups[3].push_back({window.host_key + "+F1: help"});
    return groups;
}

std::vector<PlacedPart> place_status(const StatusGroups& groups, int columns) {
    constexpr int kMargin = 1;
    constexpr int kGap = 3;
    std::vector<const std::vector<StatusPart>*> shown;
    for (const auto& group : groups)
        if (!group.empty()) shown.push_back(&group);
    const auto needed = [&] {
        int sum = 2 * kMargin;
        for (const auto* group : shown) sum += columns_of(*group) + kGap;
        return shown.empty() ? 0 : sum - kGap;
    };
    while (shown.size() > 1 && needed() > columns) {
        // How to leave and where the help is goes last but for the pace.
        const usize victim = shown.size() > 2 ? shown.size() - 2 : 1;
        shown.erase(shown.begin() + static_cast<std::ptrdiff_t>(victim));
    }
    std::vector<PlacedPart> placed;
    int column = kMargin;
    for (usize i = 0; i < shown.size(); ++i) {
        if (i != 0 && i + 1 == shown.size()) column = columns - kMargin - columns_of(*shown[i]);
        for (const StatusPart& part : *shown[i]) {
            placed.push_back({column, part});
            column += text_columns(part.text) + 1;
        }
        column += kGap - 1;
    }
    return placed;
}

std::string window_title(const std::string& what_runs, const SessionStatus& status) {
    std::string what = what_runs;
    if (what.empty()) {
        for (const SessionStatus::Drive& drive : status.drives)
            if (!drive.medium.empty()) what += (what.empty() ? "" : ", ") + drive.medium;
    }
    std::string title = what.empty() ? "rewind86" : what + " - rewind86";
    if (status.ended)
        title += " (ended)";
    else if (status.paused)
        title += " (paused)";
    return title;
}

std::string speed_name(unsigned percent) {
    if (percent == 0) return "as fast as it can";
    if (percent == 100) return "real time";
    if (percent % 100 == 0) return std::to_string(percent / 100) + "x real time";
    return std::to_string(percent) + "% of real time";
}

} // namespace r86

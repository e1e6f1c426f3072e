#pragma once
/// What the status line and the title bar say: text alone.
#include "frontend/emulation_port.h"
#include "frontend/window/canvas.h"

namespace r86 {

struct StatusPart {
    enum class Tone : u8 { Plain, Dim, Lit, Warning };
    std::string text;
    Tone tone = Tone::Plain;
    bool operator==(const StatusPart&) const = default;
};

/// What the window knows and the session does not.
struct WindowState {
    bool mouse_grabbed = false;
    std::string host_key; ///< as it is called on screen
    unsigned speed_percent = 100;
};

/// Groups from left to right: pace, drives, keyboard lights, mouse and help. The parts of a group are one blank apart.
using StatusGroups = std::vector<std::vector<StatusPart>>;
StatusGroups status_groups(const SessionStatus& status, const WindowState& window);
/// The groups in one row of that many columns: the last stands at the right end, and where there is no room, groups
/// are left out from the third on, at last all but the first. Columns of each part come with it.
struct PlacedPart {
    int column = 0;
    StatusPart part;
    bool operator==(const PlacedPart&) const = default;
};
std::vector<PlacedPart> place_status(const StatusGroups& groups, int columns);

/// "default.iso - rewind86", with "(paused)" where it is.
std::string window_title(const std::string& what_runs, const SessionStatus& status);

/// How the speed menu names a pace.
std::string speed_name(unsigned percent);

} // namespace r86

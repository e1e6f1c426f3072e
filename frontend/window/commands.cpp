#include "frontend/window/commands.h"

namespace r86 {

namespace {

constexpr CommandInfo kCommands[] = {
#define R86_COMMAND(id, scancode, key, text) {Command::id, SDL_SCANCODE_##scancode, key, text},
#include "frontend/window/commands.inc"
#undef R86_COMMAND
};

constexpr std::string_view kChords[] = {
    "ctrl-alt-delete",
    "ctrl-alt-backspace",
    "ctrl-alt-f1",
    "ctrl-alt-f2",
    "ctrl-alt-f3",
    "ctrl-alt-f7",
    "ctrl-esc",
    "alt-tab",
    "alt-f4",
    "alt-esc",
    "ctrl-pause",
    "pause",
    "print",
    "alt-print",
    "win",
    "menu",
    "ctrl-r",
    "alt-r",
    "scroll_lock",
    "num_lock",
    "caps_lock",
    "power",
    "sleep",
    "wake",
};

} // namespace

std::span<const CommandInfo> all_commands() { return kCommands; }

const CommandInfo* command_of_scancode(SDL_Scancode scancode) {
    for (const CommandInfo& info : kCommands)
        if (info.scancode == scancode) return &info;
    return nullptr;
}

std::span<const std::string_view> special_chords() { return kChords; }

} // namespace r86

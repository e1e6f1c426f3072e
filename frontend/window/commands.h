#pragma once
/// What the host key does together with another key, and the keys that a host may keep for itself.
#include "core/types.h"
#include <SDL_scancode.h>
#include <span>
#include <string_view>

namespace r86 {

enum class Command : u8 {
#define R86_COMMAND(id, scancode, key, text) id,
#include "frontend/window/commands.inc"
#undef R86_COMMAND
};

struct CommandInfo {
    Command command;
    SDL_Scancode scancode;
    std::string_view key;
    std::string_view text;
};
std::span<const CommandInfo> all_commands();
/// Goes on as long as its key is held.
constexpr bool is_held(Command command) { return command == Command::Backwards; }
/// nullptr if the key has none.
const CommandInfo* command_of_scancode(SDL_Scancode scancode);

/// Chords for the menu of special keys, as find_chord() reads them: what the host's desktop takes for itself, what the
/// host key hides, and what few keyboards have.
std::span<const std::string_view> special_chords();

} // namespace r86

#pragma once
/// What becomes of the host's key presses: keys for the guest, commands of the host key, the mouse given back.
/// Knows which keys the guest holds, so that none stays down when the window loses the keyboard.
#include "frontend/window/commands.h"
#include "machine/input.h"
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace r86 {

/// The host key was pressed and released alone, or Ctrl and Alt together were.
struct HostKeyTapped {};
/// The key of a command that is held (see is_held) was let go.
struct HeldCommandEnded {
    Command command;
};
using KeyAction = std::variant<input::Key, Command, HostKeyTapped, HeldCommandEnded>;

class KeyboardInput {
public:
    /// `host_key`: a key's name, or "ctrl-alt": left Ctrl and left Alt, which the guest sees all the same until a
    /// command is chosen. Throws UserError for a name that no key of the host has.
    explicit KeyboardInput(const std::string& host_key);

    /// A key of the host went down or up. Repeats are left to the guest's keyboard, which makes its own.
    std::vector<KeyAction> key(SDL_Scancode scancode, bool down);
    /// Every key that the guest holds goes up: the window lost the keyboard, or a menu takes it.
    std::vector<KeyAction> release_all();

    /// How the host key is called on screen, e.g. "Right Ctrl".
    const std::string& host_key_name() const { return name_; }

    bool is_host_key(SDL_Scancode scancode) const { return scancode == host_key_; }
    /// What is pressed now is a command.
    bool host_active() const;

private:
    void release_guest_keys(std::vector<KeyAction>& out);
    void end_held_command(std::vector<KeyAction>& out);
    void watch_ctrl_alt(SDL_Scancode scancode, bool down, std::vector<KeyAction>& out);

    SDL_Scancode host_key_ = SDL_SCANCODE_UNKNOWN; ///< unknown: Ctrl and Alt together
    std::string name_;
    std::set<SDL_Scancode> held_; ///< the guest knows of them
    const CommandInfo* held_command_ = nullptr;
    bool host_down_ = false;
    bool host_used_ = false;
    enum class Tap : u8 { No, Possible } ctrl_alt_tap_ = Tap::No;
};

} // namespace r86

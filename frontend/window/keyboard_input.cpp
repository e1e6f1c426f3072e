#include "frontend/window/keyboard_input.h"
#include "core/error.h"
#include "frontend/window/key_map.h"
#include <utility>

namespace r86 {

namespace {

std::string printed_name(KeyCode key) {
    switch (key) {
    case KeyCode::CtrlR: return "Right Ctrl";
    case KeyCode::Ctrl: return "Left Ctrl";
    case KeyCode::AltR: return "Right Alt";
    case KeyCode::Alt: return "Left Alt";
    case KeyCode::ShiftR: return "Right Shift";
    case KeyCode::Shift: return "Left Shift";
    case KeyCode::WinR: return "Right Windows key";
    case KeyCode::Win: return "Left Windows key";
    case KeyCode::Menu: return "Menu key";
    case KeyCode::ScrollLock: return "Scroll Lock";
    default: break;
    }
    std::string name(key_name(key));
    if (!name.empty() && name[0] >= 'a' && name[0] <= 'z') name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name;
}

} // namespace

KeyboardInput::KeyboardInput(const std::string& host_key) {
    if (host_key == "ctrl-alt") {
        name_ = "Ctrl+Alt";
        return;
    }
    const KeyCode key = find_key(host_key);
    host_key_ = scancode_of_key(key);
    if (key == KeyCode::None || host_key_ == SDL_SCANCODE_UNKNOWN)
        throw UserError("'" + host_key + "' cannot be the host key: give a key's name (see --list keys) or ctrl-alt.");
    name_ = printed_name(key);
}

bool KeyboardInput::host_active() const {
    if (host_key_ != SDL_SCANCODE_UNKNOWN) return host_down_;
    return held_.contains(SDL_SCANCODE_LCTRL) && held_.contains(SDL_SCANCODE_LALT);
}

void KeyboardInput::release_guest_keys(std::vector<KeyAction>& out) {
    for (const SDL_Scancode scancode : held_) out.push_back(input::Key{key_of_scancode(scancode), false});
    held_.clear();
}

std::vector<KeyAction> KeyboardInput::release_all() {
    std::vector<KeyAction> out;
    release_guest_keys(out);
    end_held_command(out);
    host_down_ = false;
    ctrl_alt_tap_ = Tap::No;
    return out;
}

void KeyboardInput::end_held_command(std::vector<KeyAction>& out) {
    if (const CommandInfo* info = std::exchange(held_command_, nullptr)) out.push_back(HeldCommandEnded{info->command});
}

/// Ctrl and Alt pressed and released with nothing in between give the mouse back on any host key: it is what people
/// try.
void KeyboardInput::watch_ctrl_alt(SDL_Scancode scancode, bool down, std::vector<KeyAction>& out) {
    const bool either = scancode == SDL_SCANCODE_LCTRL || scancode == SDL_SCANCODE_LALT;
    if (!either) {
        ctrl_alt_tap_ = Tap::No;
    } else if (down) {
        const auto other = scancode == SDL_SCANCODE_LCTRL ? SDL_SCANCODE_LALT : SDL_SCANCODE_LCTRL;
        ctrl_alt_tap_ = held_.size() == 2 && held_.contains(other) ? Tap::Possible : Tap::No;
    } else if (ctrl_alt_tap_ == Tap::Possible) {
        ctrl_alt_tap_ = Tap::No;
        out.push_back(HostKeyTapped{});
    }
}

std::vector<KeyAction> KeyboardInput::key(SDL_Scancode scancode, bool down) {
    std::vector<KeyAction> out;
    if (scancode == host_key_ && scancode != SDL_SCANCODE_UNKNOWN) {
        if (down == host_down_) return out;
        host_down_ = down;
        if (!down) end_held_command(out);
        if (down)
            host_used_ = false;
        else if (!host_used_)
            out.push_back(HostKeyTapped{});
        return out;
    }
    if (!down) {
        if (held_command_ && held_command_->scancode == scancode) end_held_command(out);
        // What went down under the host key, in a menu or in another window is none of the guest's business.
        if (held_.erase(scancode) != 0) out.push_back(input::Key{key_of_scancode(scancode), false});
        watch_ctrl_alt(scancode, down, out);
        return out;
    }
    if (held_.contains(scancode)) return out;
    if (host_active()) {
        host_used_ = true;
        const CommandInfo* info = command_of_scancode(scancode);
        // Ctrl+Alt+Delete is what the guest expects by itself.
        if (info && host_key_ == SDL_SCANCODE_UNKNOWN && info->command == Command::CtrlAltDelete) info = nullptr;
        if (info) {
            release_guest_keys(out);
            end_held_command(out);
            out.push_back(info->command);
            if (is_held(info->command)) held_command_ = info;
        }
        if (info || host_key_ != SDL_SCANCODE_UNKNOWN) return out;
    }
    if (const KeyCode key = key_of_scancode(scancode); key != KeyCode::None) {
        held_.insert(scancode);
        out.push_back(input::Key{key, true});
    }
    watch_ctrl_alt(scancode, down, out);
    return out;
}

} // namespace r86

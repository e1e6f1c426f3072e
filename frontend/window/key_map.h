#pragma once
/// From SDL's scan codes to the keys of a PC.
#include "devices/scancodes.h"
#include <SDL_scancode.h>

namespace r86 {

/// KeyCode::None for a key that a PC keyboard does not have.
KeyCode key_of_scancode(SDL_Scancode scancode);
/// The first scan code that gives the key; SDL_SCANCODE_UNKNOWN if no host key does.
SDL_Scancode scancode_of_key(KeyCode key);

} // namespace r86

#include "frontend/window/key_map.h"

namespace r86 {

namespace {

struct Pair {
    SDL_Scancode scancode;
    KeyCode key;
};
constexpr Pair kPairs[] = {
#define R86_WINDOW_KEY(scancode, key) {SDL_SCANCODE_##scancode, KeyCode::key},
#include "frontend/window/key_map.inc"
#undef R86_WINDOW_KEY
};

} // namespace

KeyCode key_of_scancode(SDL_Scancode scancode) {
    for (const Pair& pair : kPairs)
        if (pair.scancode == scancode) return pair.key;
    return KeyCode::None;
}

SDL_Scancode scancode_of_key(KeyCode key) {
    for (const Pair& pair : kPairs)
        if (pair.key == key) return pair.scancode;
    return SDL_SCANCODE_UNKNOWN;
}

} // namespace r86

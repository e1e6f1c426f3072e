#pragma once
/// The keys of a PC keyboard: names for people, scan codes of sets 2 and 3 for the keyboard, and the 8042's translation
/// from set 2 to set 1.
/// Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-Key)", 84F9735; Microsoft
/// "Keyboard Scan Code Specification" 1.3a for the Windows, ACPI and multimedia keys.
#include "core/types.h"
#include <optional>
#include <string_view>
#include <vector>

namespace r86 {

enum class KeyCode : u8 {
    None,
#define R86_KEY(id, name, set2, set3, kind) id,
#include "devices/scancodes.inc"
#undef R86_KEY
    Count
};

/// What a key does in set 3 by default.
enum class Set3Kind : u8 { Typematic, MakeBreak, Make };

struct KeyInfo {
    std::string_view name;
    u16 set2 = 0; ///< E0xxh: with prefix. 0: the key has a sequence of its own (Pause, Print Screen)
    u8 set3 = 0;  ///< 0: none
    Set3Kind kind = Set3Kind::Typematic;
};

const KeyInfo& key_info(KeyCode key);
/// The key with that name, e.g. "enter", "ctrl-r", "kp_5"; KeyCode::None if there is none. A few common second names
/// ("return", "escape", "ctrl-l", "del") are understood as well.
KeyCode find_key(std::string_view name);
inline std::string_view key_name(KeyCode key) { return key_info(key).name; }
/// Keys that are held together, joined by '-': "ctrl-alt-delete". At each place the longest name wins, so "ctrl-r" is
/// the right control key. Empty if any part is unknown.
std::vector<KeyCode> find_chord(std::string_view names);
/// All names, in the order of the keyboard.
std::vector<std::string_view> key_names();

struct TypedKey {
    KeyCode key = KeyCode::None;
    bool shift = false;
};
/// How a US keyboard types an ASCII character; nothing for what it has no key for.
std::optional<TypedKey> us_key(char character);

/// The 8042's translation of one byte of set 2 (prefixes and answers included) to set 1.
u8 translate_set2(u8 byte);
/// Scan code of set 1 without its prefix, from one of set 2.
inline u8 set1_of(u16 set2) { return translate_set2(static_cast<u8>(set2)); }

} // namespace r86

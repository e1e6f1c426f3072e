#include "devices/scancodes.h"
#include <array>

namespace r86 {

namespace {

constexpr KeyInfo kKeys[] = {
    {"", 0, 0, Set3Kind::Make},
#define R86_KEY(id, name, set2, set3, kind) {name, set2, set3, Set3Kind::kind},
#include "devices/scancodes.inc"
#undef R86_KEY
};
static_assert(sizeof kKeys / sizeof kKeys[0] == static_cast<usize>(KeyCode::Count));

struct Alias {
    std::string_view name;
    KeyCode key;
};
constexpr Alias kAliases[] = {
    {"escape", KeyCode::Esc},
    {"return", KeyCode::Enter},
    {"ret", KeyCode::Enter},
    {"spc", KeyCode::Space},
    {"del", KeyCode::Delete},
    {"ins", KeyCode::Insert},
    {"ctrl-l", KeyCode::Ctrl},
    {"alt-l", KeyCode::Alt},
    {"shift-l", KeyCode::Shift},
    {"win-l", KeyCode::Win},
    {"altgr", KeyCode::AltR},
    {"pgup", KeyCode::PageUp},
    {"pgdn", KeyCode::PageDown},
    {"pageup", KeyCode::PageUp},
    {"pagedown", KeyCode::PageDown},
    {"capslock", KeyCode::CapsLock},
    {"numlock", KeyCode::NumLock},
    {"scrolllock", KeyCode::ScrollLock},
    {"print_screen", KeyCode::Print},
    {"sysrq", KeyCode::Print},
    {"break", KeyCode::Pause},
    {"period", KeyCode::Dot},
    {"kp_period", KeyCode::KpDot},
    {"kp_multiply", KeyCode::KpAsterisk},
    {"kp_divide", KeyCode::KpSlash},
    {"kp_add", KeyCode::KpPlus},
    {"kp_subtract", KeyCode::KpMinus},
    {"-", KeyCode::Minus},
    {"=", KeyCode::Equal},
    {"[", KeyCode::BracketLeft},
    {"]", KeyCode::BracketRight},
    {"\\", KeyCode::Backslash},
    {";", KeyCode::Semicolon},
    {"'", KeyCode::Apostrophe},
    {"`", KeyCode::Grave},
    {",", KeyCode::Comma},
    {".", KeyCode::Dot},
    {"/", KeyCode::Slash},
};

// The 8042's translation ROM. From 80h on every byte stands for itself, but for 83h (F7) and 84h (SysRq).
constexpr std::array<u8, 128> kSet2ToSet1 = {
    0xFF, 0x43, 0x41, 0x3F, 0x3D, 0x3B, 0x3C, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3E, 0x0F, 0x29, 0x59, // 00
    0x65, 0x38, 0x2A, 0x70, 0x1D, 0x10, 0x02, 0x5A, 0x66, 0x71, 0x2C, 0x1F, 0x1E, 0x11, 0x03, 0x5B, // 10
    0x67, 0x2E, 0x2D, 0x20, 0x12, 0x05, 0x04, 0x5C, 0x68, 0x39, 0x2F, 0x21, 0x14, 0x13, 0x06, 0x5D, // 20
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5E, 0x6A, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5F, // 30
    0x6B, 0x33, 0x25, 0x17, 0x18, 0x0B, 0x0A, 0x60, 0x6C, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0C, 0x61, // 40
    0x6D, 0x73, 0x28, 0x74, 0x1A, 0x0D, 0x62, 0x6E, 0x3A, 0x36, 0x1C, 0x1B, 0x75, 0x2B, 0x63, 0x76, // 50
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7A, 0x0E, 0x7B, 0x7C, 0x4F, 0x7D, 0x4B, 0x47, 0x7E, 0x7F, 0x6F, // 60
    0x52, 0x53, 0x50, 0x4C, 0x4D, 0x48, 0x01, 0x45, 0x57, 0x4E, 0x51, 0x4A, 0x37, 0x49, 0x46, 0x54, // 70
};

} // namespace

u8 translate_set2(u8 byte) {
    if (byte < 0x80) return kSet2ToSet1[byte];
    if (byte == 0x83) return 0x41;
    if (byte == 0x84) return 0x54;
    return byte;
}

const KeyInfo& key_info(KeyCode key) { return kKeys[key < KeyCode::Count ? static_cast<usize>(key) : 0]; }

KeyCode find_key(std::string_view name) {
    if (name.empty()) return KeyCode::None;
    for (usize i = 1; i < static_cast<usize>(KeyCode::Count); ++i)
        if (kKeys[i].name == name) return static_cast<KeyCode>(i);
    for (const Alias& alias : kAliases)
        if (alias.name == name) return alias.key;
    return KeyCode::None;
}

std::vector<KeyCode> find_chord(std::string_view names) {
    std::vector<KeyCode> keys;
    while (!names.empty()) {
        usize length = names.size();
        KeyCode key = find_key(names);
        while (key == KeyCode::None) { // cut at the last '-' before this one; a '-' that is itself a key stays
            if (length == 0) return {};
            length = names.substr(0, length).rfind('-');
            if (length == std::string_view::npos || length == 0) return {};
            key = find_key(names.substr(0, length));
        }
        keys.push_back(key);
        names.remove_prefix(length < names.size() ? length + 1 : length);
    }
    return keys;
}

std::vector<std::string_view> key_names() {
    std::vector<std::string_view> names;
    for (usize i = 1; i < static_cast<usize>(KeyCode::Count); ++i) names.push_back(kKeys[i].name);
    return names;
}

std::optional<TypedKey> us_key(char character) {
    if (character >= 'a' && character <= 'z') return TypedKey{find_key(std::string_view(&character, 1)), false};
    if (character >= '0' && character <= '9') return TypedKey{find_key(std::string_view(&character, 1)), false};
    if (character >= 'A' && character <= 'Z') {
        const char lower = static_cast<char>(character - 'A' + 'a');
        return TypedKey{find_key(std::string_view(&lower, 1)), true};
    }
    struct Pair {
        char plain, shifted;
        KeyCode key;
    };
    static constexpr Pair kPairs[] = {
        {'`', '~', KeyCode::Grave},       {'-', '_', KeyCode::Minus},        {'=', '+', KeyCode::Equal},
        {'[', '{', KeyCode::BracketLeft}, {']', '}', KeyCode::BracketRight}, {'\\', '|', KeyCode::Backslash},
        {';', ':', KeyCode::Semicolon},   {'\'', '"', KeyCode::Apostrophe},  {',', '<', KeyCode::Comma},
        {'.', '>', KeyCode::Dot},         {'/', '?', KeyCode::Slash},        {' ', 0, KeyCode::Space},
        {'\n', 0, KeyCode::Enter},        {'\r', 0, KeyCode::Enter},         {'\t', 0, KeyCode::Tab},
        {'\b', 0, KeyCode::Backspace},    {'\x1B', 0, KeyCode::Esc},         {0x7F, 0, KeyCode::Backspace},
        {0, '!', KeyCode::Digit1},        {0, '@', KeyCode::Digit2},         {0, '#', KeyCode::Digit3},
        {0, '$', KeyCode::Digit4},        {0, '%', KeyCode::Digit5},         {0, '^', KeyCode::Digit6},
        {0, '&', KeyCode::Digit7},        {0, '*', KeyCode::Digit8},         {0, '(', KeyCode::Digit9},
        {0, ')', KeyCode::Digit0},
    };
    if (character == 0) return std::nullopt;
    for (const Pair& pair : kPairs) {
        if (pair.plain == character) return TypedKey{pair.key, false};
        if (pair.shifted == character) return TypedKey{pair.key, true};
    }
    return std::nullopt;
}

} // namespace r86

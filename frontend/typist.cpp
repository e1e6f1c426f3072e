#include "frontend/typist.h"

namespace r86 {

namespace {

constexpr u64 kRingPatience = 10'000'000'000; ///< a full type-ahead buffer that does not move is given up after this
constexpr u64 kTakenPatience = 2'000'000'000; ///< and a last key that stays in it counts as taken after this

/// The BIOS data area's keyboard buffer: head at 40:1A, tail at 40:1C, bounds at 40:80 and 40:82.
/// Source: IBM PC AT Technical Reference, "BIOS Data Area". Other systems leave it alone, so it looks empty there.
struct Ring {
    unsigned used = 0;
    unsigned room = 15;
    u32 raw = 0; ///< head and tail, to see whether it moves

    explicit Ring(Machine& machine) {
        const auto word = [&](u64 address) {
            const auto bytes = machine.read_physical(address, 2);
            return static_cast<u32>(bytes[0] | bytes[1] << 8);
        };
        const u32 head = word(0x41A), tail = word(0x41C), start = word(0x480), end = word(0x482);
        const bool sane = start >= 0x1E && end > start + 4 && end <= 0x100 && (end - start) % 2 == 0 && head >= start &&
                          head < end && tail >= start && tail < end && (head | tail) % 2 == 0;
        if (!sane) return;
        const u32 places = (end - start) / 2;
        used = (tail + (end - start) - head) % (end - start) / 2;
        room = places - 1 - used;
        raw = head << 16 | tail;
    }
};

char32_t next_character(std::string_view text, usize& at) {
    const u8 first = static_cast<u8>(text[at++]);
    unsigned more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    char32_t character = more == 3 ? first & 7 : more == 2 ? first & 15 : more == 1 ? first & 31 : first;
    for (; more && at < text.size(); --more) character = character << 6 | (static_cast<u8>(text[at++]) & 0x3F);
    return character;
}

} // namespace

std::string Typist::add(std::string_view text) {
    std::string unknown;
    for (usize at = 0; at < text.size();) {
        const usize start = at;
        const char32_t character = next_character(text, at);
        if (character < 0x80) {
            const char c = static_cast<char>(character);
            if (const auto typed = us_key(c)) {
                if (typed->shift)
                    add_chord({KeyCode::Shift, typed->key});
                else
                    add_chord({typed->key});
                continue;
            }
            if (c >= 1 && c <= 26) {
                add_chord({KeyCode::Ctrl, us_key(static_cast<char>('a' + c - 1))->key});
                continue;
            }
        }
        if (unknown.empty()) unknown = text.substr(start, at - start);
    }
    return unknown;
}

void Typist::add_chord(std::vector<KeyCode> keys) {
    if (!keys.empty()) waiting_.push_back(std::move(keys));
}

void Typist::step(Machine& machine, const Apply& apply) {
    if (done() || !machine.pc().kbc.keyboard_idle()) return;
    const Ring ring(machine);
    const bool moves = ring.raw != ignored_ring_;
    const u64 waited = machine.now_ns() - since_ns_;
    if (waiting_.empty()) {
        if (ring.used && moves && waited < kTakenPatience) return;
        if (ring.used) ignored_ring_ = ring.raw;
        unsettled_ = false;
        return;
    }
    // Two places are left free: some programs of the BIOS's time take a key to be lost when the last one is used.
    if (ring.room < 3 && moves) {
        if (unsettled_ && waited < kRingPatience) return;
        if (!unsettled_) { // nothing was sent yet: the wait begins here
            unsettled_ = true;
            since_ns_ = machine.now_ns();
            return;
        }
        ignored_ring_ = ring.raw;
    }
    const std::vector<KeyCode> keys = std::move(waiting_.front());
    waiting_.pop_front();
    // Down and up at once: they wait in the keyboard's own buffer, so that a slow guest sees no repetition.
    for (const KeyCode key : keys) apply(input::Key{key, true});
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) apply(input::Key{*key, false});
    unsettled_ = true;
    since_ns_ = machine.now_ns();
}

u64 Typist::stuck_ns(const Machine& machine) const { return unsettled_ ? machine.now_ns() - since_ns_ : 0; }

} // namespace r86

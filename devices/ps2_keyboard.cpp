#include "devices/ps2_keyboard.h"
#include "core/bits.h"

namespace r86 {

namespace {

enum Command : u8 {
    kSetLeds = 0xED,
    kEcho = 0xEE,
    kScanSet = 0xF0,
    kReadId = 0xF2,
    kTypematic = 0xF3,
    kEnable = 0xF4,
    kDefaultDisable = 0xF5,
    kSetDefault = 0xF6,
    kAllTypematic = 0xF7,
    kAllMakeBreak = 0xF8,
    kAllMake = 0xF9,
    kAllBoth = 0xFA,
    kKeyTypematic = 0xFB,
    kKeyMakeBreak = 0xFC,
    kKeyMake = 0xFD,
    kResend = 0xFE,
    kReset = 0xFF
};
constexpr u8 kNumLockLed = 0x02;
constexpr u8 kAck = 0xFA, kBatPassed = 0xAA, kOverrun23 = 0x00, kOverrun1 = 0xFF;
/// "Set All Keys - Typematic/Make/Break": a fourth kind, of command FAh only.
constexpr u8 kBoth = 3;

} // namespace

Ps2Keyboard::Ps2Keyboard(EventQueue& queue)
    : timer_(queue, "ps2_keyboard", [this](u64 deadline) { timer_fired(deadline); }) {
    set_defaults();
}

void Ps2Keyboard::reset(ResetKind kind) {
    const auto down = state_.down; // keys that a person holds stay held
    state_ = {};
    state_.down = down;
    timer_.cancel();
    set_defaults();
    if (kind == ResetKind::PowerOn) start_self_test(); // RESET does not reach the keyboard; power does
}

void Ps2Keyboard::visit(StateVisitor& v) {
    auto& [buffer, count, answers, answer_count, last_sent, awaiting, enabled, self_test, leds_, scan_set, typematic,
           repeating, down, kinds] = state_;
    v.field("buffer", buffer);
    v.field("count", count);
    v.field("answers", answers);
    v.field("answer_count", answer_count);
    v.field("last_sent", last_sent);
    v.field("awaiting", awaiting);
    v.field("enabled", enabled);
    v.field("self_test", self_test);
    v.field("leds", leds_);
    v.field("scan_set", scan_set);
    v.field("typematic", typematic);
    v.field("repeating", repeating);
    v.field("down", down);
    v.field("kinds", kinds);
    if (v.loading()) { // never from our own states
        if (count > buffer.size()) count = 0;
        if (answer_count > answers.size()) answer_count = 0;
        if (repeating >= KeyCode::Count) repeating = KeyCode::None;
    }
}

void Ps2Keyboard::set_defaults() {
    state_.typematic = 0x2B;
    for (usize i = 0; i < kKeys; ++i) state_.kinds[i] = static_cast<u8>(key_info(static_cast<KeyCode>(i)).kind);
    stop_typematic();
}

void Ps2Keyboard::set_all_kinds(Set3Kind kind) { state_.kinds.fill(static_cast<u8>(kind)); }

void Ps2Keyboard::clear_buffer() {
    state_.count = 0;
    stop_typematic();
}

void Ps2Keyboard::stop_typematic() {
    state_.repeating = KeyCode::None;
    if (!state_.self_test) timer_.cancel();
}

// Keys ---------------------------------------------------------------------------------------------------------------

void Ps2Keyboard::key(KeyCode code, bool down) {
    if (code == KeyCode::None || code >= KeyCode::Count) return;
    u8& held = state_.down[static_cast<usize>(code)];
    if (held == u8{down}) return;
    held = down;
    if (state_.self_test || !state_.enabled) return;
    if (!down && state_.repeating == code) stop_typematic();
    const Sequence sequence = sequence_of(code, down);
    if (sequence.length == 0) return;
    enqueue(sequence);
    const u8 kind = state_.kinds[static_cast<usize>(code)];
    const bool repeats =
        state_.scan_set == 3 ? kind == static_cast<u8>(Set3Kind::Typematic) || kind == kBoth : code != KeyCode::Pause;
    if (down && repeats) { // "the last key pressed is the one that repeats"
        state_.repeating = code;
        timer_.arm_after(typematic_delay_ns());
    } else if (down) {
        stop_typematic();
    }
}

/// One make or break code of set 1 or 2.
void Ps2Keyboard::add_code(Sequence& s, u8 prefix, u8 set2, bool make) const {
    if (prefix) s.add(prefix);
    if (state_.scan_set == 1) {
        s.add(static_cast<u8>(translate_set2(set2) | (make ? 0 : 0x80)));
    } else {
        if (!make) s.add(0xF0);
        s.add(set2);
    }
}

/// "Scan Code Set 2", tables of the keys that older keyboards had on the numeric pad alone: with Shift the keyboard
/// takes it away before the make code and gives it back after the break code; with Num Lock it is the other way round;
/// with both nothing is sent. So software that knows no E0h prefix never takes a cursor key for a digit.
void Ps2Keyboard::add_shift_codes(Sequence& s, KeyCode code, bool after) const {
    constexpr u8 kLeft = 0x12, kRight = 0x59;
    const bool cursor = code >= KeyCode::Insert && code <= KeyCode::Right;
    if (!cursor && code != KeyCode::KpSlash) return;
    const bool num_lock = cursor && (state_.leds & kNumLockLed);
    const bool left = held(KeyCode::Shift), right = held(KeyCode::ShiftR);
    if (left || right) {
        if (num_lock) return;
        if (left) add_code(s, 0xE0, kLeft, after);
        if (right) add_code(s, 0xE0, kRight, after);
    } else if (num_lock) {
        add_code(s, 0xE0, kLeft, !after);
    }
}

/// What a key sends. A repetition is the make code alone, without the shift codes around it.
Ps2Keyboard::Sequence Ps2Keyboard::sequence_of(KeyCode code, bool down, bool repeated) const {
    const KeyInfo& info = key_info(code);
    Sequence s;
    if (state_.scan_set == 3) {
        const u8 kind = state_.kinds[static_cast<usize>(code)];
        const bool breaks = kind == static_cast<u8>(Set3Kind::MakeBreak) || kind == kBoth;
        if (info.set3 == 0 || (!down && !breaks)) return s;
        if (!down) s.add(0xF0);
        s.add(info.set3);
        return s;
    }
    if (info.set2 == 0) return special_sequence(code, down, repeated);
    if (down && !repeated) add_shift_codes(s, code, false);
    add_code(s, static_cast<u8>(info.set2 >> 8), static_cast<u8>(info.set2), down);
    if (!down) add_shift_codes(s, code, true);
    return s;
}

/// Print Screen and Pause, which stand for other keys with modifiers, as "Scan Code Set 2" lists them.
Ps2Keyboard::Sequence Ps2Keyboard::special_sequence(KeyCode code, bool down, bool repeated) const {
    const bool ctrl = held(KeyCode::Ctrl) || held(KeyCode::CtrlR), alt = held(KeyCode::Alt) || held(KeyCode::AltR);
    const bool shift = held(KeyCode::Shift) || held(KeyCode::ShiftR);
    Sequence s;
    if (code == KeyCode::Print) {
        if (alt) {
            add_code(s, 0, 0x84, down); // SysRq
        } else if (ctrl || shift || repeated) {
            add_code(s, 0xE0, 0x7C, down);
        } else if (down) {
            add_code(s, 0xE0, 0x12, true);
            add_code(s, 0xE0, 0x7C, true);
        } else {
            add_code(s, 0xE0, 0x7C, false);
            add_code(s, 0xE0, 0x12, false);
        }
    } else if (code == KeyCode::Pause && down) { // make and break in one, nothing on release
        if (ctrl) {
            add_code(s, 0xE0, 0x7E, true);
            add_code(s, 0xE0, 0x7E, false);
        } else {
            add_code(s, 0xE1, 0x14, true);
            add_code(s, 0, 0x77, true);
            add_code(s, 0xE1, 0x14, false);
            add_code(s, 0, 0x77, false);
        }
    }
    return s;
}

/// "Keyboard Buffer": 16 bytes; a sequence that does not fit is lost and an overrun code takes the 17th place.
void Ps2Keyboard::enqueue(const Sequence& sequence) {
    const u8 overrun = state_.scan_set == 1 ? kOverrun1 : kOverrun23;
    if (state_.count + sequence.length <= static_cast<int>(kBuffer))
        for (u8 i = 0; i < sequence.length; ++i) state_.buffer[state_.count++] = sequence.bytes[i];
    else if (state_.buffer[state_.count - 1] != overrun)
        state_.buffer[state_.count++] = overrun;
    announce();
}

// Typematic ----------------------------------------------------------------------------------------------------------

/// "Set Typematic Rate/Delay": delay = 1 + bits 6-5, times 250 ms.
u64 Ps2Keyboard::typematic_delay_ns() const { return (1 + u64{bits(state_.typematic, 6, 5)}) * 250'000'000; }

/// Period = (8 + bits 2-0) x 2^(bits 4-3) x 0.00417 s.
u64 Ps2Keyboard::typematic_period_ns() const {
    return (u64{8} + bits(state_.typematic, 2, 0)) * (u64{1} << bits(state_.typematic, 4, 3)) * 4'170'000;
}

void Ps2Keyboard::timer_fired(u64 deadline) {
    if (state_.self_test) {
        state_.self_test = false;
        answer(kBatPassed);
        return;
    }
    if (state_.repeating == KeyCode::None) return;
    enqueue(sequence_of(state_.repeating, true, true));
    timer_.arm_at(deadline + typematic_period_ns());
}

// The cable ----------------------------------------------------------------------------------------------------------

void Ps2Keyboard::answer(u8 byte) {
    if (state_.answer_count < state_.answers.size()) state_.answers[state_.answer_count++] = byte;
    announce();
}

u8 Ps2Keyboard::send() {
    if (state_.answer_count) {
        state_.last_sent = state_.answers[0];
        --state_.answer_count;
        for (usize i = 0; i < state_.answer_count; ++i) state_.answers[i] = state_.answers[i + 1];
        return state_.last_sent;
    }
    if (!state_.count) return 0xFF;
    state_.last_sent = state_.buffer[0];
    --state_.count;
    for (usize i = 0; i < state_.count; ++i) state_.buffer[i] = state_.buffer[i + 1];
    return state_.last_sent;
}

void Ps2Keyboard::start_self_test() {
    state_.answer_count = 0;
    state_.awaiting = 0;
    clear_buffer();
    state_.self_test = true;
    timer_.arm_after(kSelfTestNs);
}

void Ps2Keyboard::receive(u8 byte) {
    const u8 awaiting = state_.awaiting;
    state_.awaiting = 0;
    // A command in the place of a parameter is taken as the command ("Set/Reset Status Indicators").
    if (awaiting && byte < kSetLeds)
        parameter(awaiting, byte);
    else
        command(byte);
}

void Ps2Keyboard::command(u8 byte) {
    if (byte != kResend && byte != kReset) {
        state_.answer_count = 0; // the host's byte aborts an answer under way
        if (state_.self_test) {  // and ends the power-on test early
            state_.self_test = false;
            timer_.cancel();
        }
    }
    switch (byte) {
    case kSetLeds:
    case kScanSet:
    case kTypematic:
    case kKeyTypematic:
    case kKeyMakeBreak:
    case kKeyMake:
        if (byte >= kKeyTypematic) clear_buffer();
        state_.awaiting = byte;
        answer(kAck);
        break;
    case kEcho: answer(kEcho); break;
    case kReadId:
        answer(kAck);
        answer(0xAB);
        answer(0x83);
        break;
    case kEnable:
        clear_buffer();
        state_.enabled = true;
        answer(kAck);
        break;
    case kDefaultDisable:
    case kSetDefault:
        clear_buffer();
        set_defaults();
        state_.scan_set = 2; // "all conditions to the power-on default state"; the indicators stay
        if (byte == kDefaultDisable) state_.enabled = false;
        answer(kAck);
        break;
    case kAllTypematic:
    case kAllMakeBreak:
    case kAllMake:
    case kAllBoth:
        clear_buffer();
        if (byte == kAllBoth)
            state_.kinds.fill(kBoth);
        else
            set_all_kinds(byte == kAllTypematic   ? Set3Kind::Typematic
                          : byte == kAllMakeBreak ? Set3Kind::MakeBreak
                                                  : Set3Kind::Make);
        answer(kAck);
        break;
    case kResend: answer(state_.last_sent); break;
    case kReset:
        state_.scan_set = 2;
        state_.enabled = true;
        state_.leds = 0;
        state_.self_test = false;
        set_defaults();
        start_self_test();
        answer(kAck);
        break;
    default: answer(kResend); break;
    }
}

void Ps2Keyboard::parameter(u8 command_byte, u8 byte) {
    switch (command_byte) {
    case kSetLeds: state_.leds = byte & 7; break;
    case kTypematic: state_.typematic = byte & 0x7F; break;
    case kScanSet:
        if (byte > 3) {
            answer(kResend);
            return;
        }
        answer(kAck);
        if (byte == 0) {
            answer(state_.scan_set);
        } else {
            clear_buffer();
            state_.scan_set = byte;
        }
        return;
    default: // FBh to FDh: a list of set 3 codes, ended by the next command
        for (usize i = 1; i < kKeys; ++i)
            if (byte && key_info(static_cast<KeyCode>(i)).set3 == byte)
                state_.kinds[i] = static_cast<u8>(command_byte == kKeyTypematic   ? Set3Kind::Typematic
                                                  : command_byte == kKeyMakeBreak ? Set3Kind::MakeBreak
                                                                                  : Set3Kind::Make);
        state_.awaiting = command_byte;
        break;
    }
    answer(kAck);
}

} // namespace r86

#include "devices/ps2_mouse.h"
#include <algorithm>
#include <cstdlib>

namespace r86 {

namespace {

enum Command : u8 {
    kSecondaryId = 0xE1,
    kScaling11 = 0xE6,
    kScaling21 = 0xE7,
    kSetResolution = 0xE8,
    kStatusRequest = 0xE9,
    kSetStream = 0xEA,
    kReadData = 0xEB,
    kResetWrap = 0xEC,
    kSetWrap = 0xEE,
    kSetRemote = 0xF0,
    kReadId = 0xF2,
    kSetRate = 0xF3,
    kEnable = 0xF4,
    kDisable = 0xF5,
    kSetDefaults = 0xF6,
    kResend = 0xFE,
    kReset = 0xFF
};
constexpr u8 kAck = 0xFA, kError = 0xFC, kBatPassed = 0xAA;
constexpr u8 kWheelId = 3, kFiveButtonId = 4;
constexpr i32 kFarthest = 1 << 16; // motion kept between packets; a hand does not get there

/// "Scaling 2:1": 1, 2, 3, 4, 5 become 1, 1, 3, 6, 9; larger ones double.
i32 scale21(i32 value) {
    static constexpr i32 small[6] = {0, 1, 1, 3, 6, 9};
    const i32 size = std::abs(value);
    const i32 scaled = size <= 5 ? small[size] : 2 * size;
    return value < 0 ? -scaled : scaled;
}

} // namespace

Ps2Mouse::Ps2Mouse(EventQueue& queue) : timer_(queue, "ps2_mouse", [this](u64) { timer_fired(); }) {}

void Ps2Mouse::reset(ResetKind kind) {
    const u8 buttons = state_.buttons;
    state_ = {};
    state_.buttons = state_.reported = buttons;
    timer_.cancel();
    if (kind == ResetKind::PowerOn) {
        state_.self_test = true;
        timer_.arm_after(kSelfTestNs);
    }
}

void Ps2Mouse::visit(StateVisitor& v) {
    auto& [queue, count, last_sent, last_length, awaiting, mode, before_wrap, enabled, scaling, self_test, error,
           resolution, rate, id, knock, dx, dy, dz, buttons, reported, last_sample_ns] = state_;
    v.field("queue", queue);
    v.field("count", count);
    v.field("last_sent", last_sent);
    v.field("last_length", last_length);
    v.field("awaiting", awaiting);
    v.field("mode", mode);
    v.field("before_wrap", before_wrap);
    v.field("enabled", enabled);
    v.field("scaling", scaling);
    v.field("self_test", self_test);
    v.field("error", error);
    v.field("resolution", resolution);
    v.field("rate", rate);
    v.field("id", id);
    v.field("knock", knock);
    v.field("dx", dx);
    v.field("dy", dy);
    v.field("dz", dz);
    v.field("buttons", buttons);
    v.field("reported", reported);
    v.field("last_sample_ns", last_sample_ns);
    if (v.loading()) { // never from our own states
        if (count > queue.size()) count = 0;
        if (last_length > last_sent.size()) last_length = 0;
        if (rate == 0) rate = 100;
    }
}

/// "Set Defaults": 100 reports a second, 4 counts/mm, 1:1, stream mode, disabled.
void Ps2Mouse::set_defaults() {
    state_.rate = 100;
    state_.resolution = 2;
    state_.scaling = false;
    state_.mode = Mode::Stream;
    state_.enabled = false;
    state_.dx = state_.dy = state_.dz = 0;
    timer_.cancel();
}

// Motion -------------------------------------------------------------------------------------------------------------

void Ps2Mouse::move(int dx, int dy, int dz, u8 buttons) {
    state_.buttons = buttons & 0x1F;
    const bool asked = state_.mode == Mode::Remote || (state_.mode == Mode::Stream && state_.enabled);
    if (!asked || state_.self_test) {
        state_.reported = state_.buttons;
        return;
    }
    const auto sum = [](i32 a, int b) { return static_cast<i32>(std::clamp<i64>(i64{a} + b, -kFarthest, kFarthest)); };
    state_.dx = sum(state_.dx, dx);
    state_.dy = sum(state_.dy, dy);
    state_.dz = sum(state_.dz, dz);
    schedule();
}

bool Ps2Mouse::changed() const {
    const u8 visible = state_.id == kFiveButtonId ? 0x1F : 0x07;
    return state_.dx || state_.dy || (state_.id && state_.dz) || ((state_.buttons ^ state_.reported) & visible);
}

/// Reports come at the sample rate; the first after a rest at once.
void Ps2Mouse::schedule() {
    if (state_.self_test || timer_.armed()) return;
    if (state_.mode != Mode::Stream || !state_.enabled || !changed()) return;
    // A packet that still waits holds the next one back, so that packets never mix; send() comes here again.
    if (state_.count) return;
    const u64 due = state_.last_sample_ns ? state_.last_sample_ns + 1'000'000'000u / state_.rate : 0;
    timer_.arm_at(std::max(due, timer_.now_ns()));
}

void Ps2Mouse::timer_fired() {
    if (state_.self_test) {
        state_.self_test = false;
        state_.last_length = 0;
        put(kBatPassed);
        put(state_.id);
        announce();
        return;
    }
    if (state_.mode != Mode::Stream || !state_.enabled || state_.count || !changed()) return;
    state_.last_sample_ns = timer_.now_ns();
    packet(true);
    announce();
}

void Ps2Mouse::packet(bool scaled) {
    // 9-bit counters; what does not fit waits for the next packet, so that the pointer arrives where the hand did.
    const i32 limit = scaled && state_.scaling ? 127 : 255;
    const i32 dx = std::clamp(state_.dx, -limit, limit), dy = std::clamp(state_.dy, -limit, limit);
    state_.dx -= dx;
    state_.dy -= dy;
    const i32 x = scaled && state_.scaling ? scale21(dx) : dx, y = scaled && state_.scaling ? scale21(dy) : dy;
    state_.last_length = 0;
    put(static_cast<u8>((state_.buttons & 7) | 0x08 | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0)));
    put(static_cast<u8>(x));
    put(static_cast<u8>(y));
    if (state_.id) {
        const i32 dz = std::clamp(state_.dz, -8, 7);
        state_.dz -= dz;
        put(state_.id == kWheelId ? static_cast<u8>(dz) : static_cast<u8>((dz & 0x0F) | (state_.buttons & 0x18) << 1));
    } else {
        state_.dz = 0;
    }
    state_.reported = state_.buttons;
}

// The cable ----------------------------------------------------------------------------------------------------------

void Ps2Mouse::put(u8 byte) {
    if (state_.count < state_.queue.size()) state_.queue[state_.count++] = byte;
    if (state_.last_length < state_.last_sent.size()) state_.last_sent[state_.last_length++] = byte;
}

u8 Ps2Mouse::send() {
    if (!state_.count) return 0xFF;
    const u8 byte = state_.queue[0];
    --state_.count;
    for (usize i = 0; i < state_.count; ++i) state_.queue[i] = state_.queue[i + 1];
    if (!state_.count) schedule();
    return byte;
}

void Ps2Mouse::acknowledge() {
    state_.last_length = 0;
    state_.error = false;
    put(kAck);
}

void Ps2Mouse::invalid() {
    state_.last_length = 0;
    put(static_cast<u8>(state_.error ? kError : u8{kResend})); // "a second error answers FCh"
    state_.error = !state_.error;
}

void Ps2Mouse::receive(u8 byte) {
    state_.count = byte == kResend ? state_.count : 0; // a byte from the host ends what was being sent
    if (state_.self_test && byte != kReset) {
        state_.self_test = false;
        timer_.cancel();
    }
    const u8 awaiting = state_.awaiting;
    state_.awaiting = 0;
    if (state_.mode == Mode::Wrap && byte != kResetWrap && byte != kReset)
        put(byte);
    else if (awaiting)
        parameter(awaiting, byte);
    else
        command(byte);
    schedule();
    announce();
}

void Ps2Mouse::command(u8 byte) {
    switch (byte) {
    case kSecondaryId: // a pointing stick says which; a mouse is none
        acknowledge();
        put(0x00);
        put(0x00);
        break;
    case kScaling11:
    case kScaling21:
        state_.scaling = byte == kScaling21;
        acknowledge();
        break;
    case kSetResolution:
    case kSetRate:
        state_.awaiting = byte;
        acknowledge();
        break;
    case kStatusRequest: {
        acknowledge();
        const u8 b = state_.buttons;
        put(static_cast<u8>((state_.mode == Mode::Remote ? 0x40 : 0) | (state_.enabled ? 0x20 : 0) |
                            (state_.scaling ? 0x10 : 0) | (b & 1 ? 4 : 0) | (b & 4 ? 2 : 0) | (b & 2 ? 1 : 0)));
        put(state_.resolution);
        put(state_.rate);
        break;
    }
    case kSetStream:
    case kSetRemote:
        state_.mode = byte == kSetStream ? Mode::Stream : Mode::Remote;
        state_.dx = state_.dy = state_.dz = 0;
        acknowledge();
        break;
    case kReadData:
        acknowledge();
        packet(false); // scaling is of stream mode only
        break;
    case kSetWrap:
        state_.before_wrap = state_.mode;
        state_.mode = Mode::Wrap;
        acknowledge();
        break;
    case kResetWrap:
        if (state_.mode == Mode::Wrap) state_.mode = state_.before_wrap;
        acknowledge();
        break;
    case kReadId:
        acknowledge();
        put(state_.id);
        break;
    case kEnable:
    case kDisable:
        state_.enabled = byte == kEnable;
        state_.dx = state_.dy = state_.dz = 0;
        state_.reported = state_.buttons;
        acknowledge();
        break;
    case kSetDefaults:
        set_defaults();
        acknowledge();
        break;
    case kResend:
        state_.count = 0;
        for (u8 i = 0, n = state_.last_length; i < n; ++i) state_.queue[state_.count++] = state_.last_sent[i];
        break;
    case kReset:
        set_defaults();
        state_.id = 0;
        state_.knock = {};
        acknowledge();
        state_.self_test = true;
        timer_.arm_after(kSelfTestNs);
        break;
    default: invalid(); break;
    }
}

void Ps2Mouse::parameter(u8 command_byte, u8 byte) {
    if (command_byte == kSetResolution) {
        if (byte > 3) {
            state_.awaiting = state_.error ? 0 : command_byte;
            invalid();
            return;
        }
        state_.resolution = byte;
        acknowledge();
        return;
    }
    static constexpr u8 kRates[] = {10, 20, 40, 60, 80, 100, 200};
    if (std::find(std::begin(kRates), std::end(kRates), byte) == std::end(kRates)) {
        state_.awaiting = state_.error ? 0 : command_byte;
        invalid();
        return;
    }
    state_.rate = byte;
    auto& knock = state_.knock;
    knock = {knock[1], knock[2], byte};
    if (knock == std::array<u8, 3>{200, 100, 80} && state_.id == 0) state_.id = kWheelId;
    if (knock == std::array<u8, 3>{200, 200, 80}) state_.id = kFiveButtonId;
    acknowledge();
}

} // namespace r86

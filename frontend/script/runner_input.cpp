/// What ScriptRunner gives to the guest: keys, the mouse, serial bytes.
#include "core/error.h"
#include "frontend/script/runner.h"

namespace r86 {

namespace {
constexpr u64 kStepNs = 1'000'000;
constexpr u64 kPatienceNs = 60'000'000'000; ///< a guest that takes nothing for so long will not any more
constexpr u64 kKeyHeldNs = 50'000'000;      ///< long enough for programs that look at keys now and then
constexpr u64 kMouseNs = 20'000'000;        ///< two samples of the mouse, so that a click is seen as one
} // namespace

void ScriptRunner::type(const std::string& text) {
    if (const std::string unknown = session_.typist().add(text); !unknown.empty()) {
        session_.typist().clear();
        throw UserError("type: no key of a US keyboard types '" + unknown + "'");
    }
    while (!session_.typist().done()) {
        run_for_ns(kStepNs);
        if (session_.typist().stuck_ns(session_.machine()) < kPatienceNs) continue;
        session_.typist().clear();
        throw WaitFailed{"type: the guest takes no keys"};
    }
}

void ScriptRunner::type_serial(const std::string& text, unsigned port) {
    const auto* bytes = reinterpret_cast<const u8*>(text.data());
    session_.send_serial(port, {bytes, text.size()});
    const Machine& machine = session_.machine();
    u64 since_ns = machine.now_ns();
    for (usize room = 0; !session_.serial_taken(port);) {
        run_for_ns(kStepNs);
        const usize now = session_.machine().pc().serial[port].room();
        if (now != room) since_ns = machine.now_ns();
        room = now;
        if (machine.now_ns() - since_ns < kPatienceNs) continue;
        throw WaitFailed{"type-serial: the guest takes no bytes"};
    }
}

void ScriptRunner::key(const std::string& names) {
    hold(names, true);
    run_for_ns(kKeyHeldNs);
    hold(names, false);
    for (u64 waited = 0; !session_.machine().pc().kbc.keyboard_idle(); waited += kStepNs) {
        if (waited >= kPatienceNs) throw WaitFailed{"key: the guest takes no keys"};
        run_for_ns(kStepNs);
    }
}

/// Pressed in the order of their names, released in the opposite one.
void ScriptRunner::hold(const std::string& names, bool down) {
    const std::vector<KeyCode> keys = find_chord(names);
    if (down)
        for (const KeyCode key : keys) session_.apply(input::Key{key, true});
    else
        for (auto key = keys.rbegin(); key != keys.rend(); ++key) session_.apply(input::Key{*key, false});
}

void ScriptRunner::mouse(const Command& command) {
    input::Mouse motion;
    motion.dx = static_cast<i32>(static_cast<i64>(command.arguments[0].integer));
    motion.dy = static_cast<i32>(static_cast<i64>(command.arguments[1].integer));
    if (command.has(2))
        for (const char button : command.arguments[2].text)
            motion.buttons |= button == 'l' ? 1 : button == 'r' ? 2 : button == 'm' ? 4 : 0;
    session_.apply(motion);
    run_for_ns(kMouseNs);
}

} // namespace r86

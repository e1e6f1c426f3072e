#include "frontend/script/runner.h"
#include "core/error.h"
#include "frontend/host/signals.h"
#include "frontend/machine_report.h"
#include "frontend/png.h"
#include "frontend/time_travel.h"

namespace r86 {

namespace {
constexpr u64 kMostMemory = u64{16} << 20; // bytes that one command prints

u64 nanoseconds(double seconds) { return static_cast<u64>(seconds * 1e9 + 0.5); }
} // namespace

void ScriptRunner::run(const std::string& path, const std::vector<ScriptLine>& lines) {
    for (const ScriptLine& line : lines) {
        const std::string where = "script '" + path + "', line " + std::to_string(line.number) + ": ";
        try {
            execute(line.command);
        } catch (const SessionEnded&) {
            return;
        } catch (const WaitFailed& failed) {
            show_failure();
            session_.end({Ending::Cause::Asked, kExitWaitFailed, where + failed.sentence});
            return;
        } catch (const UserError& error) {
            Results::message(where + error.what());
            session_.end({Ending::Cause::HostError, kExitError, "the script failed"});
            return;
        }
    }
    session_.end({Ending::Cause::Asked, kExitOk, "the script ended"});
}

/// A wait that ran out is answered and remembered: it is the program's exit status unless `quit` names another one.
void ScriptRunner::run_interactively() {
    InputLines input;
    std::string line;
    while (input.next(line)) {
        session_.standing_still();
        try {
            if (const auto command = parse_command(line)) execute(*command);
            answer("ok");
        } catch (const SessionEnded&) {
            const Ending& ending = *session_.ending();
            const bool fine = ending.cause == Ending::Cause::Asked || ending.status == kExitOk;
            answer(fine ? "ok" : "error " + ending.reason);
            return;
        } catch (const WaitFailed& failed) {
            show_failure();
            status_at_end_ = kExitWaitFailed;
            answer("error " + failed.sentence);
        } catch (const UserError& error) {
            answer(std::string("error ") + error.what());
        }
    }
    const int signal = signal_received();
    session_.end({Ending::Cause::Asked, signal ? kExitOk : status_at_end_,
                  signal ? std::string("stopped by ") + signal_name(signal) : "the script ended"});
}

void ScriptRunner::run_to(Tick target, DeadHalt dead_halt) {
    if (!session_.run_to(target, dead_halt)) throw SessionEnded{};
}

void ScriptRunner::execute(const Command& command) {
    Machine& machine = session_.machine();
    const auto& arguments = command.arguments;
    switch (command.id) {
    case CommandId::WaitScreen: wait_screen(command); break;
    case CommandId::WaitSerial: wait_serial(command, 0); break;
    case CommandId::WaitSerial2: wait_serial(command, 1); break;
    case CommandId::WaitScreenSize: wait_screen_size(command); break;
    case CommandId::WaitStable: wait_stable(command); break;
    case CommandId::Type: type(arguments[0].text); break;
    case CommandId::TypeSerial: type_serial(arguments[0].text, 0); break;
    case CommandId::TypeSerial2: type_serial(arguments[0].text, 1); break;
    case CommandId::Key: key(arguments[0].text); break;
    case CommandId::KeyDown: hold(arguments[0].text, true); break;
    case CommandId::KeyUp: hold(arguments[0].text, false); break;
    case CommandId::Mouse: mouse(command); break;
    case CommandId::Screen: screen(); break;
    case CommandId::Screenshot: write_png(arguments[0].text, machine.picture()); break;
    case CommandId::Registers:
        for (const std::string& line : register_lines(machine)) answer(line);
        break;
    case CommandId::Memory: memory(command); break;
    case CommandId::Insert: session_.insert(arguments[0].text, arguments[1].text); break;
    case CommandId::Eject: session_.eject(arguments[0].text); break;
    case CommandId::PowerButton: session_.apply(input::PowerButton{}); break;
    case CommandId::Reset: session_.apply(input::Reset{}); break;
    case CommandId::RunInstructions: run_to(machine.now() + arguments[0].integer); break;
    case CommandId::RunSeconds: run_for_ns(nanoseconds(arguments[0].number)); break;
    case CommandId::Digest: answer("digest " + std::to_string(machine.now()) + " " + machine.digest()); break;
    case CommandId::Position: position(std::to_string(machine.retired()) + " instructions retired"); break;
    case CommandId::Quit: quit(command); break;
    case CommandId::Step:
        run_to(machine.now() + (command.has(0) ? arguments[0].integer : 1));
        position("stepped");
        break;
    default: time_travel_command(session_, command); break;
    }
}

void ScriptRunner::screen() {
    for (const std::string& row : session_.machine().text_screen().lines()) answer(row);
}

void ScriptRunner::memory(const Command& command) {
    const u64 address = command.arguments[0].integer, length = command.arguments[1].integer;
    if (length > kMostMemory) throw UserError("memory: at most 16 MiB at a time");
    std::vector<u8> bytes;
    if (command.arguments[0].text[0] == 'p')
        bytes = session_.machine().read_physical(address, length);
    else if (!session_.machine().read_linear(address, length, bytes))
        throw UserError("memory: no page is mapped at all of these linear addresses");
    for (const std::string& line : hex_lines(bytes)) answer(line);
}

void ScriptRunner::position(const std::string& detail) {
    const Machine& machine = session_.machine();
    answer("at " + std::to_string(machine.now()) + " " + cs_eip(machine) + " " + detail);
}

void ScriptRunner::quit(const Command& command) {
    const u64 code = command.has(0) ? command.arguments[0].integer : static_cast<u64>(status_at_end_);
    if (code > 255) throw UserError("quit: an exit status is a number from 0 to 255");
    session_.end({Ending::Cause::Asked, static_cast<int>(code), "the script quit"});
    throw SessionEnded{};
}

} // namespace r86

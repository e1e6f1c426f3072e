#include "frontend/time_travel.h"
#include "core/error.h"
#include "frontend/cli/options.h"
#include "frontend/disassembler.h"
#include "frontend/gdb/connection.h"
#include "frontend/host/files.h"
#include "frontend/machine_report.h"
#include "machine/probe.h"
#include "machine/state_file.h"
#include <charconv>

namespace r86 {

namespace {

constexpr u64 kDefaultRewind = u64{512} << 20;
constexpr u64 kLeastRewind = u64{1} << 20;
constexpr u64 kMostStateFile = u64{8} << 30;
constexpr u64 kLongestRange = u64{16} << 20;
constexpr unsigned kMostMapSearches = 64;
constexpr u64 kSecond = 1'000'000'000, kMostSeconds = 1'000'000;

/// The instruction at CS:EIP as text; empty where none can be read.
std::string instruction_here(Machine& machine) {
    const Cpu& cpu = machine.cpu();
    const u64 linear = (cpu.s.seg[CS].base + cpu.s.rip) & 0xFFFFFFFF;
    std::vector<u8> bytes;
    for (usize length = 15; length && !machine.read_linear(linear, length, bytes); --length) {
    }
    return disassemble(bytes, cpu.s.rip, cpu.code32()).text;
}

class Words {
public:
    Words(Session& session, Timeline& timeline) : session_(session), timeline_(timeline), machine_(session.machine()) {}

    std::vector<std::string> answer(const Command& command) {
        const auto& arguments = command.arguments;
        const auto number = [&](usize n, u64 otherwise) { return command.has(n) ? arguments[n].integer : otherwise; };
        switch (command.id) {
        case CommandId::Seek: return seek(number(0, 0));
        case CommandId::ReverseStep: return reverse_step(number(0, 1));
        case CommandId::ReverseUntil: return reverse_until(arguments[0].text, arguments[1], number(2, 1));
        case CommandId::Branch: return branch(command);
        case CommandId::Timeline: return describe();
        case CommandId::SaveRecording: return save_recording(arguments[0].text, number(1, 0));
        case CommandId::LastWrite: return look(last_access(arguments[0], number(1, 1), false));
        case CommandId::LastOut: return last_out(number(0, 0));
        case CommandId::LastMap: return last_map(arguments[0]);
        case CommandId::Exception: return exception(arguments[0].text, number(1, 0));
        case CommandId::Change: return change(arguments[0].text, arguments[1].text);
        case CommandId::FirstText: return look(timeline_.first_text(arguments[0].text));
        case CommandId::Step: return step(number(0, 1));
        default: throw UserError(std::string(command_info(command.id).name) + " is not available yet");
        }
    }

private:
    std::string here(const std::string& detail) const { return "at " + timeline_.position() + " " + detail; }
    static std::vector<std::string> none() { return {"none"}; }

    std::vector<std::string> seek(u64 tick) {
        const Tick head = timeline_.head();
        if (tick > head) { // the future has yet to happen
            timeline_.go_live();
            if (!session_.run_to(tick))
                throw UserError("seek: the session ended at tick " + std::to_string(machine_.now()));
        } else if (!timeline_.seek(tick)) {
            throw UserError("seek: stopped at tick " + std::to_string(machine_.now()) + " of " + std::to_string(tick));
        }
        return {here(instruction_here(machine_))};
    }

    std::vector<std::string> step(u64 ticks) {
        if (!session_.run_to(machine_.now() + ticks))
            throw UserError("step: the session ended at tick " + std::to_string(machine_.now()));
        return {here("stepped")};
    }

    std::vector<std::string> reverse_step(u64 ticks) {
        if (!timeline_.reverse_step(ticks)) return none();
        return {here(instruction_here(machine_))};
    }

    /// The last access to a range of addresses before now.
    std::optional<Moment> last_access(const Argument& address, u64 length, bool read) {
        if (length == 0 || length > kLongestRange) throw UserError("a length from 1 byte to 16 MiB, please");
        Probe::What what;
        if (address.text[0] == 'p')
            what.ranges = {{address.integer, length, read, !read}};
        else
            what.linear = {{address.integer, length, read, !read}};
        Probe probe(machine_, std::move(what));
        if (!probe.all_mapped()) throw UserError("no page is mapped at that linear address now");
        return timeline_.find_before(probe);
    }

    std::optional<Moment> find_before(Probe::What what) {
        Probe probe(machine_, std::move(what));
        return timeline_.find_before(probe);
    }

    std::optional<Moment> find(const std::string& direction, Probe::What what) {
        Probe probe(machine_, std::move(what));
        if (direction == "prev") return timeline_.find_before(probe);
        if (direction == "next") return timeline_.find_after(probe);
        throw UserError("prev or next, not '" + direction + "'");
    }

    /// Goes there and tells.
    std::vector<std::string> go(const std::optional<Moment>& moment) {
        if (!moment && timeline_.gave_up()) throw UserError("the search was interrupted");
        if (!moment) return none();
        timeline_.seek(moment->tick);
        return {here(moment->detail + "  " + instruction_here(machine_))};
    }

    /// Tells, and stays where we are.
    std::vector<std::string> look(const std::optional<Moment>& moment) {
        const Tick before = machine_.now();
        auto lines = go(moment);
        timeline_.seek(before);
        return lines;
    }

    std::vector<std::string> reverse_until(const std::string& what, const Argument& address, u64 length) {
        if (what != "write" && what != "read") throw UserError("reverse-until: write or read, not '" + what + "'");
        return go(last_access(address, length, what == "read"));
    }

    std::vector<std::string> branch(const Command& command) {
        if (command.has(0)) {
            const u64 number = command.arguments[0].integer;
            if (number >= timeline_.branches().size())
                throw UserError("branch: there is no branch " + std::to_string(number) + "; see timeline");
            timeline_.switch_branch(static_cast<u32>(number));
        } else {
            timeline_.branch_here();
        }
        return {here("branch " + std::to_string(timeline_.current_branch()))};
    }

    std::vector<std::string> describe() {
        auto lines = timeline_.describe();
        lines.push_back(here(timeline_.live() ? "live" : "in the past"));
        return lines;
    }

    std::vector<std::string> save_recording(const std::string& path, u64 seconds_between_checkpoints) {
        if (seconds_between_checkpoints > kMostSeconds) throw UserError("save-recording: so many seconds never pass");
        write_host_file(path, session_.recorder()->whole(seconds_between_checkpoints * kSecond));
        return {here("recording saved; it holds everything that was typed")};
    }

    std::vector<std::string> last_out(u64 port) {
        if (port > 0xFFFF) throw UserError("last-out: a port is a number up to 0xFFFF");
        return look(find_before({.ports_written = {static_cast<u16>(port)}}));
    }

    /// The last write to the entries that translate the address now after which it was mapped as it is.
    std::vector<std::string> last_map(const Argument& address) {
        if (address.text[0] == 'p') throw UserError("last-map: a linear address, please");
        const Tick start = machine_.now();
        PhysicalMemory& memory = machine_.pc().memory;
        const TableWalk walk = walk_tables(memory, address_space(machine_.cpu().s), address.integer);
        if (!walk.mapped) return none();
        std::optional<Moment> found;
        for (unsigned n = 0; n < kMostMapSearches; ++n) {
            Probe::What what;
            for (const PageEntry& entry : walk) what.ranges.push_back({entry.physical, entry.bytes, false, true});
            found = what.ranges.empty() ? std::nullopt : find_before(std::move(what));
            if (!found) break;
            timeline_.seek(found->tick);
            if (!maps_the_same(memory, walk)) break; // before that write it was not mapped, or elsewhere
        }
        if (found) found->detail = "map " + std::to_string(walk.levels) + " levels, " + found->detail;
        timeline_.seek(start);
        return look(found);
    }

    std::vector<std::string> exception(const std::string& direction, u64 vector) {
        if (vector > 255) throw UserError("exception: a vector is a number up to 255");
        Probe::What what;
        what.vectors.set(static_cast<usize>(vector));
        return go(find(direction, std::move(what)));
    }

    std::vector<std::string> change(const std::string& direction, const std::string& of) {
        Probe::What what;
        what.cr3 = of == "cr3";
        what.cpl = of == "cpl";
        what.mode = of == "mode";
        if (!what.cr3 && !what.cpl && !what.mode) throw UserError("change: cr3, cpl or mode, not '" + of + "'");
        return go(find(direction, std::move(what)));
    }

    Session& session_;
    Timeline& timeline_;
    Machine& machine_;
};

/// savestate and loadstate, which need no history.
std::vector<std::string> state_answer(Session& session, const Command& command) {
    const std::string& path = command.arguments[0].text;
    const bool saves = command.id == CommandId::SaveState;
    Machine& machine = session.machine();
    if (saves) {
        write_host_file(path, pack_state(machine));
    } else {
        unpack_state(machine, read_host_file(path, "state", kMostStateFile), "state '" + path + "' ");
    }
    return {"at " + std::to_string(machine.now()) + " " + cs_eip(machine) + (saves ? " saved" : " loaded")};
}

} // namespace

void check_time_travel(const TimeTravelOptions& options) {
    static_cast<void>(rewind_bytes(options));
    if (!options.gdb.empty()) static_cast<void>(gdb::parse_address(options.gdb));
    const bool checkpoints = record_checkpoints_ns(options) != 0;
    if (checkpoints && options.record.empty()) throw UserError("--record-checkpoints needs --record FILE");
    if (!options.record.empty() && options.rewind == "off")
        throw UserError("--record keeps a history; leave --rewind off out");
}

u64 record_checkpoints_ns(const TimeTravelOptions& options) {
    const std::string& text = options.record_checkpoints;
    if (text.empty() || text == "off") return 0;
    u64 seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size() || seconds < 1 || seconds > kMostSeconds)
        throw UserError("--record-checkpoints: whole seconds of virtual time, or off");
    return seconds * kSecond;
}

u64 rewind_bytes(const TimeTravelOptions& options) {
    if (options.rewind.empty()) return kDefaultRewind;
    if (options.rewind == "off") return 0;
    const u64 bytes = parse_size(options.rewind);
    if (bytes < kLeastRewind) throw UserError("--rewind: at least 1M, or off");
    return bytes;
}

std::vector<std::string> time_travel_answer(Session& session, const Command& command) {
    if (command.id == CommandId::SaveState || command.id == CommandId::LoadState) return state_answer(session, command);
    if (!session.timeline())
        throw UserError(std::string(command_info(command.id).name) + " needs a history; start without --rewind off");
    return Words(session, *session.timeline()).answer(command);
}

void time_travel_command(Session& session, const Command& command) {
    Patience patience;
    session.while_searching([&patience](double done) {
        if (patience.is_over())
            Results::message("going through history: " + std::to_string(static_cast<int>(done * 100)) + " %");
        return true;
    });
    const struct Done {
        Session& session;
        ~Done() { session.while_searching({}); }
    } done{session};
    for (const std::string& line : time_travel_answer(session, command)) session.results().line(line);
    session.standing_still();
}

} // namespace r86

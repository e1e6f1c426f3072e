#include "frontend/gdb/server.h"
#include "core/error.h"
#include "frontend/gdb/registers.h"
#include "frontend/gdb/segments.h"
#include "frontend/host/signals.h"
#include "frontend/machine_report.h"
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <sstream>

namespace r86::gdb {

namespace {

constexpr int kPollMs = 100;
constexpr u64 kSliceNs = 20'000'000; ///< virtual time between two looks for an interrupt
constexpr usize kMostMemory = 64 * 1024;
constexpr u64 kLongestWatch = u64{16} << 20;

std::string hex(std::span<const u8> bytes) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const u8 byte : bytes) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

std::string hex(const std::string& text) { return hex({reinterpret_cast<const u8*>(text.data()), text.size()}); }

std::vector<u8> unhex(std::string_view text) {
    std::vector<u8> bytes;
    for (usize i = 0; i + 1 < text.size(); i += 2) {
        u8 value = 0;
        std::from_chars(text.data() + i, text.data() + i + 2, value, 16);
        bytes.push_back(value);
    }
    return bytes;
}

/// A hexadecimal number up to the next character that is none, which is taken away as well.
u64 take_number(std::string_view& text) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    text.remove_prefix(std::min(text.size(), static_cast<usize>(end - text.data()) + 1));
    return value;
}

bool starts(const std::string& text, std::string_view with) { return text.compare(0, with.size(), with) == 0; }

} // namespace

Server::Server(Session& session, const Address& address)
    : session_(session), machine_(session.machine()), connection_(address) {
    Results::message("waiting for GDB on " + address.text());
}

/// The next debugger begins with none.
void Server::forget_points() {
    breakpoints_.clear();
    watches_.clear();
    catches_ = {};
    over_interrupts_ = false;
}

void Server::serve() {
    bool was_there = false;
    while (!session_.ending()) {
        if (!connection_.connected()) {
            if (!was_there && !connection_.accept(kPollMs)) {
                if (signal_received() && !session_.run_to(machine_.now())) return;
                continue;
            }
            // Between two debuggers the guest runs on.
            if (was_there && !connection_.accept(0) && !session_.run_for_ns(kSliceNs)) return;
            if (!connection_.connected()) continue;
            was_there = true;
        }
        session_.standing_still();
        const auto packet = connection_.receive(kPollMs);
        if (!packet) {
            if (!connection_.connected()) forget_points();
            if (signal_received() && !session_.run_to(machine_.now())) return;
            continue;
        }
        try {
            if (!handle(*packet)) connection_.drop();
            if (!connection_.connected()) forget_points();
        } catch (const UserError& error) {
            connection_.send("E.rewind86: " + std::string(error.what()));
        }
    }
    if (connection_.connected()) connection_.send("W00");
}

bool Server::handle(const std::string& packet) {
    const std::string arguments = packet.substr(std::min<usize>(1, packet.size()));
    switch (packet.empty() ? 0 : packet[0]) {
    case '?': stopped(); break;
    case '\x03': stopped(); break;
    case 'g': read_registers(); break;
    case 'p': {
        std::string_view text = arguments;
        const auto value = read_register(machine_, take_number(text));
        connection_.send(value.empty() ? "E01" : hex(value));
        break;
    }
    case 'P': write_register(arguments); break;
    case 'm': read_memory(arguments); break;
    case 'M': write_memory(arguments); break;
    case 'c': resume(); break;
    case 's': step(); break;
    case 'b': arguments == "s" ? reverse_step() : reverse_resume(); break;
    case 'Z':
    case 'z': connection_.send(point(packet) ? "OK" : ""); break;
    case 'H':
    case 'T': connection_.send("OK"); break;
    case 'D': connection_.send("OK"); return false;
    case 'k': session_.end({Ending::Cause::Asked, kExitOk, "GDB ended the session"}); break;
    case 'Q':
        if (packet == "QStartNoAckMode") {
            connection_.send("OK");
            connection_.no_more_acks();
        } else {
            connection_.send("");
        }
        break;
    case 'v':
        if (packet == "vCont?")
            connection_.send("vCont;c;C;s;S");
        else if (starts(packet, "vCont;s") || starts(packet, "vCont;S"))
            step();
        else if (starts(packet, "vCont;c") || starts(packet, "vCont;C"))
            resume();
        else
            connection_.send("");
        break;
    case 'q': query(packet); break;
    default: connection_.send("");
    }
    return true;
}

void Server::query(const std::string& packet) {
    if (starts(packet, "qSupported")) {
        connection_.send(
            std::string("PacketSize=10000;QStartNoAckMode+;qXfer:features:read+;vContSupported+;hwbreak+") +
            (session_.timeline() ? ";ReverseStep+;ReverseContinue+" : ""));
    } else if (starts(packet, "qXfer:features:read:target.xml:")) {
        std::string_view text = std::string_view(packet).substr(31);
        const u64 offset = take_number(text), length = take_number(text);
        const std::string xml = target_description(machine_);
        if (offset >= xml.size()) return connection_.send("l");
        const std::string piece = xml.substr(static_cast<usize>(offset), static_cast<usize>(length));
        connection_.send((offset + piece.size() < xml.size() ? "m" : "l") + piece);
    } else if (packet == "qfThreadInfo") {
        connection_.send("m1");
    } else if (packet == "qsThreadInfo") {
        connection_.send("l");
    } else if (packet == "qC") {
        connection_.send("QC1");
    } else if (starts(packet, "qAttached")) {
        connection_.send("1");
    } else if (starts(packet, "qRcmd,")) {
        const std::vector<u8> line = unhex(std::string_view(packet).substr(6));
        monitor({line.begin(), line.end()});
    } else {
        connection_.send("");
    }
}

/// While it lives, long ways through history are seen on GDB's console, and Ctrl-C gives them up.
class Server::Searching {
public:
    explicit Searching(Server& server) : session_(server.session_) {
        session_.while_searching([this, &server](double done) { return server.goes_on(done, patience_); });
    }
    ~Searching() { session_.while_searching({}); }
    Searching(const Searching&) = delete;
    Searching& operator=(const Searching&) = delete;

private:
    Session& session_;
    Patience patience_;
};

void Server::monitor(const std::string& line) {
    std::string out;
    try {
        std::vector<std::string> lines;
        const bool own = own_word(line, lines);
        const auto command = own ? std::optional<Command>() : parse_command(line);
        if (!command) {
        } else if (command->id == CommandId::Screen) {
            lines = machine_.text_screen().lines();
        } else if (command->id == CommandId::Registers) {
            lines = register_lines(machine_);
        } else if (command->id == CommandId::Digest) {
            lines = {"digest " + std::to_string(machine_.now()) + " " + machine_.digest()};
        } else if (command->id == CommandId::Memory) {
            const u64 length = std::min<u64>(command->arguments[1].integer, kMostMemory);
            std::vector<u8> bytes;
            if (command->arguments[0].text[0] == 'p')
                bytes = machine_.read_physical(command->arguments[0].integer, length);
            else if (!machine_.read_linear(command->arguments[0].integer, length, bytes))
                throw UserError("no page is mapped there");
            lines = {hex(bytes)};
        } else if (command->id == CommandId::Position) {
            const CpuState& s = machine_.cpu().s;
            char text[80];
            std::snprintf(text, sizeof text, "at %llu %04x:%08x", static_cast<unsigned long long>(machine_.now()),
                          s.seg[CS].selector, static_cast<u32>(s.rip));
            lines = {text};
        } else {
            const Searching searching(*this);
            lines = time_travel_answer(session_, *command);
        }
        for (const std::string& one : lines) out += one + "\n";
    } catch (const UserError& error) {
        out = std::string("error ") + error.what() + "\n";
    }
    connection_.send(out.empty() ? "OK" : hex(out));
}

bool Server::own_word(const std::string& line, std::vector<std::string>& answer) {
    std::istringstream words(line);
    std::string name, first, second;
    words >> name >> first >> second;
    if (name == "catch") {
        answer = {catch_word(first, second)};
    } else if (name == "step-over-interrupts") {
        if (first != "on" && first != "off") throw UserError("step-over-interrupts on or off, please");
        over_interrupts_ = first == "on";
        answer = {"steps go " + std::string(over_interrupts_ ? "over" : "into") + " interrupts"};
    } else if (name == "linear") {
        char text[24];
        std::snprintf(text, sizeof text, "linear 0x%08llx",
                      static_cast<unsigned long long>(linear_of(machine_, first)));
        answer = {text};
    } else {
        return false;
    }
    return true;
}

std::string Server::catch_word(const std::string& kind, const std::string& number) {
    if (kind == "clear") {
        catches_ = {};
        return "nothing is caught";
    }
    const auto value = parse_integer(number);
    if (kind == "exception") {
        if (!value || *value > 255) throw UserError("catch exception: a vector is a number up to 255");
        catches_.vectors.set(static_cast<usize>(*value));
        return "caught: deliveries of vector " + number;
    }
    if (kind != "in" && kind != "out") throw UserError("catch in PORT, out PORT, exception VECTOR, or clear");
    if (!value || *value > 0xFFFF) throw UserError("catch " + kind + ": a port is a number up to 0xFFFF");
    (kind == "in" ? catches_.ports_read : catches_.ports_written).push_back(static_cast<u16>(*value));
    return "caught: " + kind + " port " + number;
}

/// On GDB's console, before the stop.
void Server::tell_catch(const std::optional<Probe::Hit>& hit) {
    if (hit && !hit->breakpoint && !hit->range) connection_.send("O" + hex("caught: " + hit->detail + "\n"));
}

void Server::read_memory(const std::string& arguments) {
    std::string_view text = arguments;
    const u64 address = take_number(text);
    const u64 length = std::min<u64>(take_number(text), kMostMemory);
    std::vector<u8> bytes;
    connection_.send(machine_.read_linear(address & 0xFFFFFFFF, static_cast<usize>(length), bytes) ? hex(bytes)
                                                                                                   : "E14");
}

void Server::write_memory(const std::string& arguments) {
    std::string_view text = arguments;
    const u64 address = take_number(text);
    take_number(text);
    const std::vector<u8> bytes = unhex(text);
    for (usize done = 0; done < bytes.size();) {
        const u64 linear = (address + done) & 0xFFFFFFFF;
        const usize piece = std::min<usize>(bytes.size() - done, kPageSize - (linear & kPageMask));
        PhysAddr physical;
        if (!machine_.cpu().translate_for_debugger({linear}, physical)) return connection_.send("E14");
        const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(done);
        session_.apply(input::Poke{"", physical.value, {from, from + static_cast<std::ptrdiff_t>(piece)}});
        done += piece;
    }
    connection_.send("OK");
}

void Server::read_registers() {
    std::string all;
    for (usize i = 0; i < register_count(); ++i) all += hex(read_register(machine_, i));
    connection_.send(all);
}

void Server::write_register(const std::string& arguments) {
    std::string_view text = arguments;
    const u64 number = take_number(text);
    const auto inputs = gdb::write_register(machine_, static_cast<usize>(number), unhex(text));
    for (const HostInput& input : inputs) session_.apply(input);
    connection_.send(inputs.empty() ? "E01" : "OK");
}

bool Server::point(const std::string& packet) {
    std::string_view text = std::string_view(packet).substr(std::min<usize>(3, packet.size()));
    const u64 address = take_number(text) & 0xFFFFFFFF;
    const u64 length = std::max<u64>(1, take_number(text));
    const char kind = packet.size() > 1 ? packet[1] : ' ';
    const bool set = packet[0] == 'Z';
    if (kind == '0' || kind == '1') {
        breakpoints_.erase(std::remove(breakpoints_.begin(), breakpoints_.end(), address), breakpoints_.end());
        if (set) breakpoints_.push_back(address);
        return true;
    }
    if (kind < '2' || kind > '4' || length > kLongestWatch) return false;
    const auto same = [&](const Watch& w) { return w.kind == kind && w.address == address && w.length == length; };
    watches_.erase(std::remove_if(watches_.begin(), watches_.end(), same), watches_.end());
    if (set) watches_.push_back({kind, address, length});
    return true;
}

Probe::What Server::what() const {
    Probe::What wanted = catches_;
    wanted.breakpoints = breakpoints_;
    for (const Watch& watch : watches_)
        wanted.linear.push_back({watch.address, watch.length, watch.kind != '2', watch.kind != '3'});
    return wanted;
}

void Server::stopped(const std::string& more) { connection_.send("T05thread:01;" + more); }

std::string Server::watch_text(const std::optional<Probe::Hit>& hit) const {
    if (!hit || !hit->range) return hit && hit->breakpoint ? "hwbreak:;" : "";
    const Watch& watch = watches_[*hit->range];
    char text[40];
    std::snprintf(text, sizeof text, "%s:%llx;",
                  watch.kind == '2'   ? "watch"
                  : watch.kind == '3' ? "rwatch"
                                      : "awatch",
                  static_cast<unsigned long long>(watch.address));
    return text;
}

void Server::resume() {
    std::string why;
    {
        Probe probe(machine_, what());
        probe.stop_from(machine_.now());
        for (;;) {
            const Tick end = session_.recording_end().value_or(0), before = machine_.now();
            const Tick slice = machine_.tick_after(kSliceNs);
            if (!session_.run_to(before < end ? std::min(slice, end) : slice)) return; // it ended: serve() tells
            if (probe.hit()) break;
            if (before < end && machine_.now() == end) return stopped("replaylog:end;"); // to go on is to go on live
            if (const auto packet = connection_.receive(0); packet && *packet == "\x03") break;
            if (!connection_.connected()) return;
        }
        why = watch_text(probe.hit());
        tell_catch(probe.hit());
    }
    stopped(why);
}

/// One instruction, or one delivery of an interrupt. What PAUSE waits belongs to it; a halt is passed until something
/// ends it.
void Server::step() {
    const CpuState& s = machine_.cpu().s;
    const u64 linear = (s.seg[CS].base + s.rip) & 0xFFFFFFFF, stack = s.seg[SS].base + s.gpr[RSP];
    bool interrupted = false;
    {
        Probe::What deliveries;
        deliveries.vectors.set();
        Probe probe(machine_, over_interrupts_ ? deliveries : Probe::What{});
        probe.collect_until(machine_.now() + 1);
        if (!session_.run_to(machine_.now() + 1)) return;
        interrupted = probe.hit() && starts(probe.hit()->detail, "interrupt ");
    }
    if (interrupted) {
        if (!finish_interrupt(linear, stack)) return;
        if (!session_.run_to(machine_.now() + 1)) return;
    }
    while (s.waiting()) {
        const Tick next = s.halted ? std::max(machine_.now() + 1,
                                              std::min(machine_.pc().events.next(), machine_.tick_after(kSliceNs)))
                                   : s.pause_end;
        if (!session_.run_to(next)) return;
        if (const auto packet = connection_.receive(0); packet && *packet == "\x03") break;
        if (!connection_.connected()) return;
    }
    stopped();
}

/// Runs until the interrupted instruction is next again, on the stack that it had. False: there is no one to tell.
bool Server::finish_interrupt(u64 linear, u64 stack) {
    Probe::What back;
    back.breakpoints = {linear};
    Probe probe(machine_, std::move(back));
    probe.stop_after(machine_.now());
    for (;;) {
        if (!session_.run_for_ns(kSliceNs)) return false;
        const CpuState& s = machine_.cpu().s;
        if (probe.hit()) {
            if (s.seg[SS].base + s.gpr[RSP] == stack) return true;
            probe.stop_after(machine_.now());
        }
        if (const auto packet = connection_.receive(0); packet && *packet == "\x03") return true;
        if (!connection_.connected()) return false;
    }
}

/// False: give up.
bool Server::goes_on(double done, Patience& patience) {
    if (patience.is_over())
        connection_.send("O" + hex("going through history: " + std::to_string(static_cast<int>(done * 100)) + " %\n"));
    const auto packet = connection_.receive(0);
    return connection_.connected() && !(packet && *packet == "\x03");
}

void Server::reverse_step() {
    Timeline* timeline = session_.timeline();
    if (!timeline) return connection_.send("E01");
    stopped(timeline->reverse_step_instruction() ? "" : "replaylog:begin;");
}

void Server::reverse_resume() {
    Timeline* timeline = session_.timeline();
    if (!timeline) return connection_.send("E01");
    std::optional<Probe::Hit> hit;
    {
        Probe probe(machine_, what());
        const Searching searching(*this);
        const auto found = timeline->find_before(probe);
        if (found) hit = probe.hit();
    }
    if (timeline->gave_up()) return connection_.send("T02thread:01;"); // SIGINT, where it stood before
    timeline->seek(hit ? hit->tick : timeline->begin());
    tell_catch(hit);
    stopped(hit ? watch_text(hit) : "replaylog:begin;");
}

} // namespace r86::gdb

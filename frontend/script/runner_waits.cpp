/// The waits of ScriptRunner.
#include "core/error.h"
#include "frontend/machine_report.h"
#include "frontend/script/runner.h"
#include <cstdio>

namespace r86 {

namespace {

constexpr double kDefaultLimit = 60; // seconds
constexpr u64 kLookNs = 20'000'000;
constexpr u64 kPictureLookNs = 50'000'000;
constexpr usize kSerialLinesShown = 25;

double limit_of(const Command& command, usize argument) {
    return command.has(argument) ? command.arguments[argument].number : kDefaultLimit;
}

std::string seconds_text(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", seconds);
    return text;
}

u64 hash_picture(const Picture& picture) {
    u64 hash = u64{picture.width} << 32 | picture.height;
    for (const u32 pixel : picture.pixels) hash = (hash ^ pixel) * 0x9E3779B97F4A7C15 + (hash >> 29);
    return hash;
}

/// A row is as wide as the screen, so a TEXT may end in blanks, as prompts do. For a REGEX `$` stands behind the last
/// visible character, or before the cursor.
bool on_screen(const Pattern& pattern, const TextScreen& screen) {
    const std::vector<std::string> rows = screen.lines();
    for (usize y = 0; y < rows.size(); ++y) {
        if (pattern.find_in(rows[y])) return true;
        const auto padded = [&](usize columns) {
            usize characters = 0;
            for (const char c : rows[y]) characters += (static_cast<u8>(c) & 0xC0) != 0x80;
            return rows[y] + std::string(columns > characters ? columns - characters : 0, ' ');
        };
        if (screen.cursor_row == y && pattern.find_in(padded(screen.cursor_column))) return true;
        if (pattern.find_in(padded(screen.columns))) return true;
    }
    return false;
}

} // namespace

/// Looks at once and then every `look_ns` of virtual time until the limit has passed. Throws WaitFailed or
/// SessionEnded.
template <class Condition>
void ScriptRunner::wait_until(const std::string& what, double seconds, DeadHalt dead_halt, u64 look_ns,
                              Condition&& condition) {
    Machine& machine = session_.machine();
    const u64 end_ns = machine.now_ns() + static_cast<u64>(seconds * 1e9);
    while (!condition()) {
        const u64 now_ns = machine.now_ns();
        if (now_ns >= end_ns) throw WaitFailed{what + " did not come within " + seconds_text(seconds) + " s"};
        if (session_.run_to(machine.tick_after(std::min(look_ns, end_ns - now_ns)), dead_halt)) continue;
        if (condition()) throw SessionEnded{}; // it came with the guest's last breath: the guest's own ending counts
        const Ending::Cause cause = session_.ending()->cause;
        if (cause != Ending::Cause::Guest && cause != Ending::Cause::TripleFault) throw SessionEnded{};
        show_failure();
        session_.replace_ending(
            {Ending::Cause::Guest, kExitWaitFailed, what + " did not come: " + session_.ending()->reason});
        throw SessionEnded{};
    }
}

void ScriptRunner::wait_screen(const Command& command) {
    const Pattern& pattern = *command.arguments[0].pattern;
    const Machine& machine = session_.machine();
    u64 seen = ~u64{0};
    wait_until("wait-screen " + pattern.source(), limit_of(command, 1), DeadHalt::Ends, kLookNs, [&] {
        const u64 generation = session_.machine().pc().vga.frame_generation();
        if (generation == seen) return false; // nothing was drawn since the last look
        seen = generation;
        if (on_screen(pattern, machine.text_screen())) return true;
        return false;
    });
}

void ScriptRunner::wait_serial(const Command& command, unsigned port) {
    const Pattern& pattern = *command.arguments[0].pattern;
    SerialLine* line = session_.serial(port);
    u64 seen = ~u64{0};
    usize searched = 0; // rows before this are complete and have no match
    wait_until((port ? "wait-serial2 " : "wait-serial ") + pattern.source(), limit_of(command, 1), DeadHalt::Ends,
               kLookNs, [&] {
                   if (line->received() == seen) return false;
                   seen = line->received();
                   if (!pattern.is_regex()) {
                       const auto end = pattern.find_in(line->unread());
                       if (end) line->take_until(*end);
                       return end.has_value();
                   }
                   // A row at a time: `^` and `$` are its ends, and a search never goes over megabytes.
                   const std::string& unread = line->unread();
                   if (searched > unread.size()) searched = 0; // the buffer was cut
                   while (searched < unread.size()) {
                       usize end = unread.find_first_of("\r\n", searched);
                       const bool whole = end != std::string::npos;
                       if (!whole) end = unread.size();
                       if (const auto found = pattern.find_in(unread.substr(searched, end - searched))) {
                           line->take_until(searched + *found);
                           return true;
                       }
                       if (!whole) break;
                       searched = end + 1;
                   }
                   return false;
               });
}

void ScriptRunner::wait_screen_size(const Command& command) {
    const std::string& size = command.arguments[0].text;
    const u32 width = static_cast<u32>(std::stoul(size)),
              height = static_cast<u32>(std::stoul(size.substr(size.find('x') + 1)));
    wait_until("wait-screen-size " + size, limit_of(command, 1), DeadHalt::Ends, kPictureLookNs, [&] {
        const Picture picture = session_.machine().picture();
        return picture.width == width && picture.height == height;
    });
}

void ScriptRunner::wait_stable(const Command& command) {
    const u64 for_ns = static_cast<u64>(command.arguments[0].number * 1e9);
    Machine& machine = session_.machine();
    Picture picture;
    u64 generation = ~u64{0}, hash = 0, since_ns = machine.now_ns();
    wait_until("wait-stable " + command.arguments[0].text, limit_of(command, 1), DeadHalt::PassTime, kPictureLookNs,
               [&] {
                   const Vga& vga = machine.pc().vga;
                   if (vga.frame_generation() != generation) {
                       generation = vga.frame_generation();
                       vga.render(picture, VgaBlink::Steady);
                       const u64 now = hash_picture(picture);
                       if (now != hash) since_ns = machine.now_ns();
                       hash = now;
                   }
                   return machine.now_ns() - since_ns >= for_ns;
               });
}

/// What the guest shows, for the person who wonders why a wait failed.
void ScriptRunner::show_failure() {
    std::fprintf(stderr, "---- screen ----\n");
    for (const std::string& row : session_.machine().text_screen().lines()) std::fprintf(stderr, "%s\n", row.c_str());
    for (unsigned port = 0; port < 2; ++port) {
        const SerialLine* line = session_.serial(port);
        if (!line || !line->received()) continue;
        std::fprintf(stderr, "---- COM%u, the last lines ----\n", port + 1);
        for (const std::string& row : line->last_lines(kSerialLinesShown)) std::fprintf(stderr, "%s\n", row.c_str());
    }
    std::fprintf(stderr, "----------------\n");
}

} // namespace r86

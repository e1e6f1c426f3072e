#include "frontend/program.h"
#include "core/error.h"
#include "frontend/beside.h"
#include "frontend/cli/machine_config.h"
#include "frontend/gdb/server.h"
#include "frontend/host/signals.h"
#include "frontend/machine_report.h"
#include "frontend/png.h"
#include "frontend/ports/stdio_channel.h"
#include "frontend/script/runner.h"
#include "frontend/terminal/terminal_display.h"
#include "frontend/window/window.h"
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>

namespace r86 {

namespace {

DisplayKind choose_display(DisplayKind asked) {
    if (asked == DisplayKind::Sdl && !can_open_window())
        throw UserError("there is no display for a window; use --display terminal or --headless");
    if (asked != DisplayKind::Default) return asked;
    if (can_open_window()) return DisplayKind::Sdl;
    if (::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO)) return DisplayKind::Terminal;
    throw UserError("there is no display for a window and no terminal; use --headless");
}

/// `post XX` on standard error.
class PostPrinter final : public ByteSink {
public:
    void put(u8 code) override { std::fprintf(stderr, "post %02X\n", code); }
};

/// Everything at the other end of the machine's connectors.
struct Connectors {
    std::array<std::unique_ptr<SerialLine>, 2> serial;
    std::unique_ptr<Channel> parallel;
    std::unique_ptr<Channel> debugcon;
    PostPrinter post;

    explicit Connectors(const Options& options) {
        for (usize n = 0; n < serial.size(); ++n) {
            const std::string where = n < options.serial.size() ? options.serial[n] : "null";
            serial[n] = std::make_unique<SerialLine>(make_channel(where, "--serial", true));
        }
        parallel = make_channel(options.parallel, "--parallel", false);
        debugcon = make_channel(options.debugcon, "--debugcon", false);
    }
    std::vector<Channel*> all() const {
        return {&serial[0]->channel(), &serial[1]->channel(), parallel.get(), debugcon.get()};
    }
    bool use_stdout() const {
        for (const Channel* channel : all())
            if (channel->uses_stdout()) return true;
        return false;
    }
    void connect(MachineConfig& config) {
        for (usize n = 0; n < serial.size(); ++n) config.serial[n] = serial[n].get();
        config.parallel = parallel.get();
        config.debug_console = debugcon.get();
        config.post = &post;
    }
    void close() {
        for (Channel* channel : all()) channel->close();
    }
    /// Opens files, sockets and the terminal, now that everything else has been found to be right.
    void open(Session& session) {
        const auto say = [](const std::string& text) { Results::message(text); };
        for (usize n = 0; n < serial.size(); ++n)
            serial[n]->channel().open(
                [&session, n](std::vector<u8> bytes) {
                    session.send(input::SerialReceive{static_cast<u8>(n), std::move(bytes)});
                },
                say);
        parallel->open({}, say);
        debugcon->open({}, say);
    }
};

void check_streams(const Options& options, const Connectors& connectors, DisplayKind display) {
    usize readers = options.script == "-";
    for (Channel* channel : connectors.all()) {
        auto* stdio = dynamic_cast<StdioChannel*>(channel);
        if (stdio && options.script == "-") stdio->do_not_read();
        readers += channel->uses_stdin();
    }
    if (display == DisplayKind::Terminal && (readers || connectors.use_stdout()))
        throw UserError("--display terminal needs the terminal for itself, without stdio ports and --script -");
    const auto folder = std::filesystem::path(options.screenshot).parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder))
        throw UserError("'" + options.screenshot + "' cannot be written: there is no directory '" + folder.string() +
                        "'");
    if (readers > 1) throw UserError("--serial stdio can be given for one port only");
}

void set_up_trace(Log& log, const std::vector<std::string>& categories) {
    for (const std::string& name : categories) {
        const LogCategory category = Log::find(name);
        if (category == LogCategory::Count) {
            std::string known;
            for (unsigned i = 0; i < static_cast<unsigned>(LogCategory::Count); ++i)
                known += std::string(i ? ", " : "") + Log::name(static_cast<LogCategory>(i));
            throw UserError("--trace: '" + name + "' is unknown; use " + known);
        }
        log.enable(category);
    }
    log.set_sink([](LogCategory category, std::string_view line) {
        std::fprintf(stderr, "%s: %.*s\n", Log::name(category), static_cast<int>(line.size()), line.data());
    });
}

/// The emulation thread's work.
void emulate(Session& session, const Options& options, const std::vector<ScriptLine>& script, bool headless) {
    try {
        session.standing_still();
        if (!options.time_travel.gdb.empty()) {
            gdb::Server(session, gdb::parse_address(options.time_travel.gdb)).serve();
        } else if (!options.script.empty()) {
            ScriptRunner runner(session);
            if (options.script == "-")
                runner.run_interactively();
            else
                runner.run(options.script, script);
        } else {
            static_cast<void>(session.run_to(kNever, headless ? DeadHalt::Ends : DeadHalt::PassTime));
        }
    } catch (const std::exception& error) {
        session.end({Ending::Cause::HostError, kExitError, error.what()});
    }
    session.finished();
}

void report_crash(Session& session) {
    std::fprintf(stderr, "---- screen ----\n");
    for (const std::string& row : session.machine().text_screen().lines())
        if (!row.empty()) std::fprintf(stderr, "%s\n", row.c_str());
    std::fprintf(stderr, "---- registers ----\n");
    for (const std::string& line : register_lines(session.machine())) std::fprintf(stderr, "%s\n", line.c_str());
    std::fprintf(stderr, "---- last instructions, as they stand in memory ----\n");
    for (const std::string& line : code_lines(session.machine())) std::fprintf(stderr, "%s\n", line.c_str());
}

/// Everything that comes after the last tick.
int finish(Session& session, const Options& options, Connectors& connectors, Results& results) {
    connectors.close(); // a raw terminal is itself again for what is printed now
    Ending ending = session.ending().value_or(Ending{});
    for (Channel* channel : connectors.all()) {
        channel->flush();
        if (channel->error() && ending.status == kExitOk)
            ending = {Ending::Cause::HostError, kExitError, *channel->error()};
    }
    if (ending.cause == Ending::Cause::TripleFault || ending.cause == Ending::Cause::DeadHalt) report_crash(session);
    if (!options.screenshot.empty()) {
        try {
            write_png(options.screenshot, session.machine().picture());
        } catch (const UserError& error) {
            ending = {Ending::Cause::HostError, kExitError, error.what()};
        }
    }
    if (!session.flush_media()) ending = {Ending::Cause::HostError, kExitError, "an image could not be written"};
    if (results.failed() && ending.status == kExitOk)
        ending = {Ending::Cause::HostError, kExitError, "the results could not be written"};
    std::fprintf(stderr, "exit: %s\n", ending.reason.c_str());
    return ending.status;
}

} // namespace

int run_program(const Options& options) {
    const DisplayKind display = choose_display(options.display);
    const bool headless = display == DisplayKind::None;
    Results results;
    Connectors connectors(options);
    check_streams(options, connectors, display);
    std::vector<ScriptLine> script;
    if (!options.script.empty() && options.script != "-") script = read_script(options.script);
    MachineConfig config = make_machine_config(options, !headless);
    connectors.connect(config);

    SessionOptions how;
    how.speed_percent = options.speed_percent.value_or(headless ? 0 : 100);
    how.auto_mips = options.auto_mips || (!headless && !options.mips);
    how.show_frames = display == DisplayKind::Sdl;
    how.show_text = display == DisplayKind::Terminal;
    how.snapshot = options.snapshot;
    how.until = options.until_instructions;
    how.digest_at = options.digest_at;
    how.rewind_bytes = rewind_bytes(options.time_travel);
    how.record = options.time_travel.record;
    how.record_checkpoints_ns = record_checkpoints_ns(options.time_travel);
    how.sources["kernel_path"] = options.kernel;
    how.sources["initrd_path"] = options.initrd;
    for (usize i = 0; i < options.modules.size(); ++i) // behind a blank: arguments
        how.sources["module" + std::to_string(i) + "_path"] =
            options.modules[i].substr(0, options.modules[i].find(' '));
    catch_signals();                  // before anything is written
    std::unique_ptr<AudioSink> audio; // outlives the machine
    Session session(std::move(config), how, results, {connectors.serial[0].get(), connectors.serial[1].get()});
    set_up_trace(session.machine().log(), options.trace);
    if (!options.script_output.empty())
        results.use_file(options.script_output);
    else if (connectors.use_stdout())
        results.use_stderr();
    on_terminal_quit([&session] { session.quit_with("Ctrl-A X"); });
    const struct Closer { // before the session goes: threads of channels speak to it
        Connectors& connectors;
        ~Closer() { connectors.close(); }
    } closer{connectors};
    connectors.open(session);

    if (headless) {
        emulate(session, options, script, true);
        return finish(session, options, connectors, results);
    }
    if (display == DisplayKind::Sdl) {
        audio = open_audio();
        session.connect_audio(audio.get());
    }
    const auto show = [&] {
        if (display == DisplayKind::Terminal) run_terminal(session);
        if (display == DisplayKind::Sdl) {
            WindowOptions window;
            window.host_key = options.host_key;
            window.full_screen = options.full_screen;
            window.speed_percent = how.speed_percent;
            run_window(session, window);
        }
    };
    emulate_beside(
        session, [&] { emulate(session, options, script, false); }, show);
    return finish(session, options, connectors, results);
}

} // namespace r86

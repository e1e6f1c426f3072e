#include "frontend/cli/options.h"
#include "core/error.h"
#include "frontend/cli/texts.h"
#include "frontend/script/command_line.h"
#include <CLI/CLI.hpp>
#include <cstdio>

namespace r86 {

namespace {

[[noreturn]] void wrong(const std::string& option, const std::string& text, const std::string& use) {
    throw UserError(option + ": '" + text + "' is not valid; " + use);
}

u64 parse_number(const std::string& option, const std::string& text, u64 least, u64 most) {
    const auto value = parse_integer(text);
    if (!value || *value < least || *value > most)
        wrong(option, text, "give a number from " + std::to_string(least) + " to " + std::to_string(most));
    return *value;
}

bool parse_on_off(const std::string& option, const std::string& text) {
    if (text != "on" && text != "off") wrong(option, text, "use on or off");
    return text == "on";
}

DisplayKind parse_display(const std::string& text) {
    if (text == "sdl") return DisplayKind::Sdl;
    if (text == "terminal") return DisplayKind::Terminal;
    if (text == "none") return DisplayKind::None;
    wrong("--display", text, "use sdl, terminal or none");
}

unsigned parse_speed(std::string text) {
    if (text == "realtime") return 100;
    if (text == "max") return 0;
    if (!text.empty() && text.back() == '%') text.pop_back();
    const auto value = parse_integer(text);
    if (!value || *value < 1 || *value > 10000) wrong("--speed", text, "use realtime, max, or percent from 1 to 10000");
    return static_cast<unsigned>(*value);
}

/// CLI11 knows options by their names and says what is unknown; values are checked here, so that each mistake has one
/// clear sentence.
class CommandLine {
public:
    CommandLine() : app_(program_summary()) {
        app_.name("rewind86");
        app_.footer(help_footer());
        app_.set_help_flag("-h,--help", "This text");
        app_.get_formatter()->column_width(34);
        images();
        direct_boot();
        machine();
        ports();
        display();
        sessions();
        debugging();
        app_.add_flag("--version", version_, "Version, and the hashes of the bundled firmware");
        app_.add_option("--list", list_, "What there is to choose from: cpus, devices or keys")->type_name("WHAT");
    }

    ParsedCommandLine parse(int argc, char** argv) {
        ParsedCommandLine out;
        try {
            app_.parse(arguments(argc, argv));
        } catch (const CLI::CallForHelp&) {
            std::fputs(app_.help().c_str(), stdout);
            return out;
        } catch (const CLI::ParseError& error) {
            std::string text = error.what();
            for (char& c : text)
                if (c == '\n') c = ' ';
            throw UserError(text + (text.ends_with('.') ? "" : ".") + " See rewind86 --help.");
        }
        if (version_) {
            print_version();
            return out;
        }
        if (!list_.empty()) {
            print_list(list_);
            return out;
        }
        convert();
        check();
        out.run = true;
        out.options = std::move(options_);
        return out;
    }

private:
    CLI::Option* option(const char* group, const char* name, std::string& value, const char* type, const char* text) {
        return app_.add_option(name, value, text)->type_name(type)->group(group);
    }
    CLI::Option* list_option(const char* group, const char* name, std::vector<std::string>& values, const char* type,
                             const char* text) {
        return app_.add_option(name, values, text)->type_name(type)->group(group)->allow_extra_args(false);
    }
    void flag(const char* group, const char* name, bool& value, const char* text) {
        app_.add_flag(name, value, text)->group(group);
    }

    /// CLI11 wants them from the last to the first. A kernel's arguments may look like options of ours ("-v"), so they
    /// are joined to their option.
    static std::vector<std::string> arguments(int argc, char** argv) {
        std::vector<std::string> out;
        for (int i = 1; i < argc; ++i) {
            out.emplace_back(argv[i]);
            if ((out.back() == "--append" || out.back() == "--module") && i + 1 < argc)
                out.back() += std::string("=") + argv[++i];
        }
        return {out.rbegin(), out.rend()};
    }

    void images() {
        static constexpr const char* kGroup = "Images";
        app_.add_option("IMAGE", options_.images, "Floppy, CD or disk image; which one is found from content and size")
            ->type_name("FILE")
            ->group(kGroup);
        list_option(kGroup, "--floppy", options_.floppies, "FILE", "Drive A; given again: drive B");
        list_option(kGroup, "--disk", disks_, "FILE[,format=F][,backing=FILE]",
                    "Hard disk, up to three; F: raw, qcow2, vhd or vmdk; a backing file elsewhere needs to be named");
        option(kGroup, "--cdrom", options_.cdrom, "FILE",
               "CD or DVD image: .iso, .bin, or the .cue of a disc with audio");
        list_option(kGroup, "--floppy-dir", options_.floppy_directories, "DIR", "A directory as a read-only floppy");
        list_option(kGroup, "--disk-dir", options_.disk_directories, "DIR", "A directory as a read-only FAT disk");
        option(kGroup, "--cdrom-dir", options_.cdrom_directory, "DIR",
               "A directory as a CD: the easiest way to bring files into an old system");
        option(kGroup, "--boot", options_.boot, "LETTERS", "Order of booting: a floppy, c disk, d CD");
        option(kGroup, "--boot-menu", boot_menu_, "on|off", "The firmware's boot menu (Esc); default on");
        flag(kGroup, "--snapshot", options_.snapshot, "Write no image: changes are forgotten at the end");
    }
    void direct_boot() {
        static constexpr const char* kGroup = "Kernel without a boot loader";
        option(kGroup, "--kernel", options_.kernel, "FILE", "Linux, multiboot, memtest86+ or iPXE (.lkrn) kernel");
        option(kGroup, "--append", options_.append, "ARGS", "Its command line");
        option(kGroup, "--initrd", options_.initrd, "FILE", "Its initial RAM disk");
        list_option(kGroup, "--module", options_.modules, "\"FILE ARGS\"", "Multiboot module; repeatable, in order");
    }
    void machine() {
        static constexpr const char* kGroup = "Machine";
        option(kGroup, "--memory", memory_, "SIZE", "RAM, 1M to 3584M; default 128M");
        option(kGroup, "--cpu", options_.cpu, "MODEL[,+F][,-F]",
               "Processor and its features; default pentium4 (--list cpus)");
        option(kGroup, "--mips", mips_, "N|auto", "Ticks per virtual microsecond; default 100, in a window auto");
        option(kGroup, "--speed", speed_, "realtime|max|PERCENT",
               "Pace against the wall clock; default realtime, headless max");
        option(kGroup, "--rtc", rtc_, "now|DATE", "What the clock reads at the start: YYYY-MM-DDThh:mm:ss");
        option(kGroup, "--bios", options_.bios, "FILE", "Firmware instead of the bundled SeaBIOS");
        option(kGroup, "--vgabios", options_.vgabios, "FILE|none", "VGA BIOS instead of the bundled one");
        flag(kGroup, "--no-reboot", options_.no_reboot, "A reset ends the program, a triple fault with status 4");
    }
    void ports() {
        static constexpr const char* kGroup = "Ports";
        list_option(kGroup, "--serial", options_.serial, "WHERE",
                    "COM1, given again COM2: stdio, null, file:PATH, pty or tcp:PORT");
        option(kGroup, "--parallel", options_.parallel, "WHERE", "LPT1: stdio, null or file:PATH");
        option(kGroup, "--debugcon", options_.debugcon, "WHERE", "Ports 0x402 and 0xE9: stdio, null or file:PATH");
        option(kGroup, "--post-port", post_port_, "PORT", "Print each byte written there, for example 0x80");
        flag(kGroup, "--hpet", options_.hpet, "With high precision event timers, for systems that want them");
        flag(kGroup, "--isa-debug-exit", options_.isa_debug_exit, "Port 0xF4 ends the program with (value << 1) | 1");
    }
    void display() {
        static constexpr const char* kGroup = "Display";
        option(kGroup, "--display", display_, "sdl|terminal|none", "Window, text in this terminal, or nothing");
        flag(kGroup, "--headless", headless_, "The same as --display none");
        flag(kGroup, "--full-screen", options_.full_screen, "The window fills the screen");
        option(kGroup, "--host-key", options_.host_key, "KEY", "The window's own key; default the right Ctrl");
    }
    void sessions() {
        static constexpr const char* kGroup = "Sessions";
        option(kGroup, "--script", options_.script, "FILE|-", "Run session commands from a file or standard input");
        option(kGroup, "--script-output", options_.script_output, "FILE",
               "Where results go instead of standard output");
        option(kGroup, "--until-instructions", until_, "N", "Stop at exactly tick N");
        list_option(kGroup, "--digest-at", digest_at_, "N", "Print the digest of the state at tick N; repeatable");
        option(kGroup, "--screenshot", options_.screenshot, "FILE.png", "The picture at the end");
    }
    void debugging() {
        static constexpr const char* kGroup = "Debugging and time travel";
        list_option(kGroup, "--trace", options_.trace, "WHAT", "Log to standard error: categories joined by commas")
            ->delimiter(',');
        option(kGroup, "--rewind", options_.time_travel.rewind, "SIZE|off",
               "Memory of the flight recorder (default 512M)");
        option(kGroup, "--record", options_.time_travel.record, "FILE", "Record the session from its beginning");
        option(kGroup, "--record-checkpoints", options_.time_travel.record_checkpoints, "SECONDS|off",
               "Put states into the recording, so far apart, for long ways on replay (default off)");
        option(kGroup, "--gdb", options_.time_travel.gdb, "PORT|unix:PATH",
               "Wait for a GDB on 127.0.0.1:PORT or there");
    }

    void convert() {
        for (const std::string& disk : disks_) options_.disks.push_back(parse_image_option(disk));
        if (!boot_menu_.empty()) options_.boot_menu = parse_on_off("--boot-menu", boot_menu_);
        if (!memory_.empty()) options_.memory_bytes = parse_size(memory_);
        if (mips_ == "auto")
            options_.auto_mips = true;
        else if (!mips_.empty())
            options_.mips = static_cast<u32>(parse_number("--mips", mips_, 1, 1000));
        if (!speed_.empty()) options_.speed_percent = parse_speed(speed_);
        if (rtc_ == "now")
            options_.rtc_now = true;
        else if (!rtc_.empty())
            options_.rtc = parse_rtc(rtc_);
        if (!post_port_.empty())
            options_.post_port = static_cast<u16>(parse_number("--post-port", post_port_, 0, 0xFFFF));
        if (!display_.empty()) options_.display = parse_display(display_);
        if (headless_) {
            if (options_.display != DisplayKind::Default && options_.display != DisplayKind::None)
                throw UserError("--headless and --display " + display_ + " contradict each other");
            options_.display = DisplayKind::None;
        }
        if (!until_.empty()) options_.until_instructions = parse_number("--until-instructions", until_, 0, ~u64{0} - 1);
        for (const std::string& at : digest_at_)
            options_.digest_at.push_back(parse_number("--digest-at", at, 0, ~u64{0} - 1));
        if (const std::string& rewind = options_.time_travel.rewind; !rewind.empty() && rewind != "off")
            static_cast<void>(parse_size(rewind));
    }

    void check() const {
        if (options_.floppies.size() > 2) throw UserError("--floppy: there are two floppy drives, A and B");
        if (options_.serial.size() > 2) throw UserError("--serial: there are two serial ports, COM1 and COM2");
        if (options_.kernel.empty() &&
            !(options_.initrd.empty() && options_.append.empty() && options_.modules.empty()))
            throw UserError("--append, --initrd and --module need --kernel");
        check_time_travel(options_.time_travel);
    }

    CLI::App app_;
    Options options_;
    std::vector<std::string> disks_, digest_at_;
    std::string boot_menu_, memory_, mips_, speed_, rtc_, post_port_, display_, until_, list_;
    bool headless_ = false, version_ = false;
};

} // namespace

ParsedCommandLine parse_command_line(int argc, char** argv) { return CommandLine().parse(argc, argv); }

u64 parse_size(const std::string& text) {
    const usize digits = text.find_first_not_of("0123456789");
    const std::string number = text.substr(0, digits);
    std::string unit = digits == std::string::npos ? "" : text.substr(digits);
    if (unit.ends_with("iB"))
        unit.resize(unit.size() - 2);
    else if (unit.ends_with("B"))
        unit.pop_back();
    static constexpr std::string_view kUnits = "KMGT";
    const usize power = unit.empty() ? 0 : kUnits.find(static_cast<char>(std::toupper(unit[0]))) + 1;
    if (number.empty() || number.size() > 15 || unit.size() > 1 || (!unit.empty() && power == 0))
        throw UserError("'" + text + "' is not a size; write for example 128M");
    const u64 value = std::stoull(number);
    if (power && value >> (64 - 10 * power)) throw UserError("'" + text + "' is too large a size");
    return value << (10 * power);
}

RtcTime parse_rtc(const std::string& text) {
    unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
    int used = 0;
    const int fields =
        std::sscanf(text.c_str(), "%4u-%2u-%2uT%2u:%2u:%2u%n", &year, &month, &day, &hour, &minute, &second, &used);
    static constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const bool valid = fields == 6 && used == 19 && text.size() == 19 && year >= 1900 && year <= 2199 && month >= 1 &&
                       month <= 12 && day >= 1 && day <= kDays[month - 1] + (leap && month == 2) && hour < 24 &&
                       minute < 60 && second < 60;
    if (!valid) throw UserError("--rtc: '" + text + "' is no date; write now or for example 2000-01-31T23:59:59");
    return {static_cast<u16>(year), static_cast<u8>(month),  static_cast<u8>(day),
            static_cast<u8>(hour),  static_cast<u8>(minute), static_cast<u8>(second)};
}

ImageOption parse_image_option(const std::string& text) {
    static constexpr std::string_view kFormat = ",format=", kBacking = ",backing=";
    ImageOption out{text, "", {}};
    for (;;) {
        const usize format = out.path.rfind(kFormat), backing = out.path.rfind(kBacking);
        if (format == std::string::npos && backing == std::string::npos) return out;
        if (format != std::string::npos && (backing == std::string::npos || format > backing)) {
            out.format = out.path.substr(format + kFormat.size());
            out.path.resize(format);
            if (out.format != "raw" && out.format != "qcow2" && out.format != "vhd" && out.format != "vmdk")
                throw UserError("--disk: '" + out.format + "' is no image format; use raw, qcow2, vhd or vmdk");
        } else {
            out.backing.insert(out.backing.begin(), out.path.substr(backing + kBacking.size()));
            out.path.resize(backing);
        }
    }
}

} // namespace r86

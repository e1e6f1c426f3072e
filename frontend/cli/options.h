#pragma once
/// The command line of `rewind86 [options] [IMAGE ...]` as data.
#include "core/types.h"
#include "devices/mc146818.h"
#include "frontend/time_travel.h"
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace r86 {

struct ImageOption {
    std::string path;
    std::string format;               ///< of `FILE,format=...`; empty: found from the content
    std::vector<std::string> backing; ///< of `,backing=...`: files that the image may stand on wherever they are
};

enum class DisplayKind { Default, Sdl, Terminal, None };

struct Options {
    // Images
    std::vector<std::string> images; ///< kind by content and size
    std::vector<std::string> floppies;
    std::vector<ImageOption> disks;
    std::string cdrom;
    // Directories of the host as read-only media.
    std::vector<std::string> floppy_directories;
    std::vector<std::string> disk_directories;
    std::string cdrom_directory;
    std::string boot;
    bool boot_menu = true;
    bool snapshot = false;
    // Direct boot
    std::string kernel;
    std::string append;
    std::string initrd;
    std::vector<std::string> modules; ///< "FILE ARGS"
    // Machine
    u64 memory_bytes = u64{128} << 20;
    std::string cpu = "pentium4";
    std::string bios;
    std::string vgabios;        ///< "none": no VGA BIOS
    std::optional<RtcTime> rtc; ///< nothing: `now`, or by the display
    bool rtc_now = false;
    // Ports
    std::vector<std::string> serial;
    std::string parallel = "null";
    std::string debugcon = "null";
    std::optional<u16> post_port;
    bool isa_debug_exit = false;
    // Display and time
    DisplayKind display = DisplayKind::Default;
    bool full_screen = false;
    std::string host_key = "ctrl-r";
    std::optional<u32> mips; ///< nothing: auto with a display, else 100
    bool auto_mips = false;
    std::optional<unsigned> speed_percent; ///< 0: max
    // Sessions
    std::string script; ///< "-": standard input
    std::string script_output;
    std::optional<u64> until_instructions;
    std::vector<u64> digest_at;
    std::string screenshot;
    bool no_reboot = false;
    bool hpet = false;
    std::vector<std::string> trace;
    TimeTravelOptions time_travel;
};

/// What is to be done with a command line.
struct ParsedCommandLine {
    bool run = false; ///< else everything was said already; `status` is the program's
    int status = 0;
    Options options;
};

/// Prints help, version and lists itself. Throws UserError with one sentence.
ParsedCommandLine parse_command_line(int argc, char** argv);

/// "128M", "64KiB", "1T", plain bytes. Throws UserError.
u64 parse_size(const std::string& text);
/// "YYYY-MM-DDThh:mm:ss". Throws UserError.
RtcTime parse_rtc(const std::string& text);
/// "FILE[,format=F][,backing=FILE]...": a comma that begins no such ending belongs to the name.
ImageOption parse_image_option(const std::string& text);

} // namespace r86

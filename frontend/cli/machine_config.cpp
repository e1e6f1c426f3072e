#include "frontend/cli/machine_config.h"
#include "core/error.h"
#include "cpu/model.h"
#include "frontend/host/files.h"
#include <ctime>

namespace r86 {

namespace {

constexpr u32 kHeadlessMips = 100;

/// The host's local time, which is what old systems expect of the clock.
RtcTime time_now() {
    const std::time_t now = std::time(nullptr);
    std::tm local{};
    localtime_r(&now, &local);
    return {static_cast<u16>(local.tm_year + 1900), static_cast<u8>(local.tm_mon + 1), static_cast<u8>(local.tm_mday),
            static_cast<u8>(local.tm_hour),         static_cast<u8>(local.tm_min),     static_cast<u8>(local.tm_sec)};
}

class Builder {
public:
    Builder(const Options& options, MachineConfig& config) : options_(options), config_(config) {}

    void open_images() {
        for (const std::string& path : options_.floppies) add_floppy(path);
        for (const ImageOption& disk : options_.disks) add_disk(disk);
        if (!options_.cdrom.empty()) add_cd(options_.cdrom);
        for (const std::string& path : options_.floppy_directories)
            put_floppy(path, [&] { return open_directory_image(path, MediaKind::Floppy); });
        for (const std::string& path : options_.disk_directories)
            put_disk(path, [&] { return open_directory_image(path, MediaKind::Disk); });
        if (const std::string& path = options_.cdrom_directory; !path.empty())
            put_cd(path, [&] { return open_directory_image(path, MediaKind::Cd); });
        for (const std::string& text : options_.images) {
            const ImageOption image = parse_image_option(text);
            switch (image.format.empty() ? probe_media(image.path) : MediaKind::Disk) {
            case MediaKind::Floppy: add_floppy(image.path); break;
            case MediaKind::Cd: add_cd(image.path); break;
            case MediaKind::Disk: add_disk(image); break;
            }
        }
    }

    void read_kernel() {
        if (options_.kernel.empty()) return;
        KernelFiles& files = config_.kernel.emplace();
        files.kernel = read_host_file(options_.kernel, "kernel");
        files.command_line = options_.append;
        if (!options_.initrd.empty()) files.initrd = read_host_file(options_.initrd, "initial RAM disk");
        for (const std::string& module : options_.modules) {
            const usize blank = module.find(' ');
            const std::string arguments = blank == std::string::npos ? "" : module.substr(blank + 1);
            files.modules.push_back({read_host_file(module.substr(0, blank), "module"), arguments});
        }
    }

    void read_firmware() {
        if (!options_.bios.empty()) config_.bios = read_host_file(options_.bios, "firmware");
        config_.no_vgabios = options_.vgabios == "none";
        if (!options_.vgabios.empty() && !config_.no_vgabios)
            config_.vgabios = read_host_file(options_.vgabios, "VGA BIOS");
    }

private:
    std::unique_ptr<BlockImage> open(const ImageOption& image, MediaKind kind) {
        ImageOptions how;
        how.format = image.format;
        how.parents = image.backing;
        how.snapshot = options_.snapshot;
        auto opened = open_image(image.path, kind, how);
        // A write that fails hours later is no way to find out.
        if (kind != MediaKind::Cd && !options_.snapshot && !may_be_written(image.path))
            throw UserError("image '" + image.path + "' may not be written; --snapshot keeps changes in memory");
        return opened;
    }
    void add_floppy(const std::string& path) {
        put_floppy(path, [&] { return open({path, "", {}}, MediaKind::Floppy); });
    }
    void add_disk(const ImageOption& image) {
        put_disk(image.path, [&] { return open(image, MediaKind::Disk); });
    }
    void add_cd(const std::string& path) {
        put_cd(path, [&] { return open({path, "", {}}, MediaKind::Cd); });
    }

    // `open` is called when there is a place, so that a wrong command line does not lock a file.
    template <class Open>
    void put_floppy(const std::string& path, Open&& open_it) {
        for (auto& drive : config_.floppies) {
            if (drive) continue;
            drive = open_it();
            return;
        }
        throw UserError("floppy image '" + path + "': both floppy drives are taken");
    }
    template <class Open>
    void put_disk(const std::string& path, Open&& open_it) {
        if (config_.disks.size() == 3) throw UserError("disk image '" + path + "': there is room for three disks");
        config_.disks.push_back(open_it());
    }
    template <class Open>
    void put_cd(const std::string& path, Open&& open_it) {
        if (config_.cdrom) throw UserError("CD image '" + path + "': there is one CD drive, and it has a disc");
        config_.cdrom = open_it();
    }

    const Options& options_;
    MachineConfig& config_;
};

} // namespace

MachineConfig make_machine_config(const Options& options, bool interactive) {
    MachineConfig config;
    config.memory_bytes = options.memory_bytes;
    static_cast<void>(find_cpu_model(options.cpu)); // says what is wrong with it
    config.cpu = options.cpu;
    config.mips = options.mips.value_or(kHeadlessMips);
    if (options.rtc)
        config.rtc = *options.rtc;
    else if (options.rtc_now || interactive)
        config.rtc = time_now();
    config.boot_order = options.boot;
    config.boot_menu = options.boot_menu;
    config.isa_debug_exit = options.isa_debug_exit;
    config.post_port = options.post_port;
    config.no_reboot = options.no_reboot;
    config.hpet = options.hpet;
    check_config(config);
    Builder builder(options, config);
    builder.read_firmware();
    builder.read_kernel();
    builder.open_images();
    check_config(config);
    return config;
}

} // namespace r86

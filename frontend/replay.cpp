#include "frontend/replay.h"
#include "core/error.h"
#include "core/sha256.h"
#include "frontend/ending.h"
#include "frontend/gdb/connection.h"
#include "frontend/host/files.h"
#include "frontend/results.h"
#include "frontend/window/window.h"
#include "machine/recorder.h"
#include "machine/state_file.h"
#include "machine/visitors.h"
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace r86 {

namespace {

/// An image as it was when the recording began: what was overwritten since comes from the recording.
class ImageAtStart final : public ReadOnlyImage {
public:
    ImageAtStart(std::unique_ptr<BlockImage> file, u64 size, std::string name)
        : file_(std::move(file)), size_(size), name_(std::move(name)) {}
    u64 size() const override { return size_; }
    const std::string& name() const override { return name_; }
    void put(u64 cluster, std::vector<u8> content) { old_[cluster] = std::move(content); }

protected:
    bool do_read(u64 offset, std::span<u8> out) override {
        while (!out.empty()) {
            const u64 cluster = offset / kClusterBytes;
            const usize inside = offset % kClusterBytes;
            const usize length = std::min<usize>(out.size(), kClusterBytes - inside);
            const auto known = old_.find(cluster);
            if (known != old_.end() && known->second.size() >= inside + length)
                std::copy_n(known->second.begin() + static_cast<std::ptrdiff_t>(inside), length, out.begin());
            else if (!file_)
                std::fill_n(out.begin(), length, u8{0}); // never read in the session either
            else if (!file_->read(offset, out.first(length)))
                return false;
            out = out.subspan(length);
            offset += length;
        }
        return true;
    }

private:
    std::unique_ptr<BlockImage> file_;
    u64 size_;
    std::string name_;
    std::map<u64, std::vector<u8>> old_;
};

/// Does what the session read of the image read the same here?
bool fits(BlockImage& image, const Recording& recording, u32 number) {
    std::vector<u8> content;
    for (const auto& [place, hash] : recording.read_clusters) {
        if (place.first != number) continue;
        if (!image.read_cluster(place.second, content) || hash_cluster(0, place.second, content) != hash) return false;
    }
    return true;
}

std::unique_ptr<BlockImage> find_image(const Recording& recording, const RecordedImage& about,
                                       std::vector<std::string> places) {
    places.insert(places.begin(), about.path);
    const auto make = [&](std::unique_ptr<BlockImage> file) {
        auto image = std::make_unique<ImageAtStart>(std::move(file), about.size, about.path);
        for (const auto& [place, content] : recording.old_clusters)
            if (place.first == about.number) image->put(place.second, content);
        return image;
    };
    const auto as_seen = [&](std::unique_ptr<BlockImage> image) -> std::unique_ptr<BlockImage> {
        if (about.read_only) return image;
        return std::make_unique<SnapshotOverlay>(std::move(image));
    };
    for (const std::string& path : places) {
        std::unique_ptr<BlockImage> file;
        try {
            ImageOptions how;
            how.read_only = true;
            how.parents = places; // an image on top of another one may stand on those that were given
            file = std::filesystem::is_directory(path) ? open_directory_image(path, about.kind)
                                                       : open_image(path, about.kind, how);
        } catch (const UserError&) {
            continue; // not this one
        }
        if (file->size() != about.size) continue;
        auto image = make(std::move(file));
        if (!fits(*image, recording, about.number)) continue;
        return as_seen(std::move(image));
    }
    auto empty = make(nullptr);
    if (fits(*empty, recording, about.number)) return as_seen(std::move(empty));
    throw UserError("no image has the content that '" + about.path +
                    "' had when the recording was made; give it with --image PATH");
}

/// A file by its hash, for kernels.
std::vector<u8> find_file(const Recording& recording, const std::string& what, std::vector<std::string> places) {
    const auto text = [&](const std::string& name) {
        const auto found = recording.configuration.find(name);
        return found == recording.configuration.end() ? std::string() : found->second;
    };
    const std::string wanted = text(what + "_sha256");
    const std::string path = text(what + "_path");
    if (!path.empty()) places.insert(places.begin(), path);
    for (const std::string& place : places) {
        try {
            std::vector<u8> content = read_host_file(place, what);
            if (Sha256::hex(Sha256::of(content)) == wanted) return content;
        } catch (const UserError&) {
        }
    }
    throw UserError("no file has the content of the recorded " + what + (path.empty() ? "" : " '" + path + "'") +
                    "; give it with --image PATH");
}

} // namespace

std::optional<std::string> difference(Machine& machine, const RecordedDigest& recorded) {
    const auto left = fields_of(recorded.chips);
    const auto right = fields_of(machine.save_chips());
    const auto fields = differences(left, right, 1);
    if (!fields.empty()) {
        const std::string prefix = "machine.";
        return fields[0].rfind(prefix, 0) == 0 ? fields[0].substr(prefix.size()) : fields[0];
    }
    if (!recorded.has_memory) return std::nullopt;
    const auto hex = [](const RamHash& hash) {
        char text[40];
        std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(hash.high),
                      static_cast<unsigned long long>(hash.low));
        return std::string(text);
    };
    const RamHash memory = machine.memory_hash(), media = machine.media_hash();
    if (memory != recorded.memory) return "memory " + hex(recorded.memory) + " != " + hex(memory);
    if (media != recorded.media) return "media " + hex(recorded.media) + " != " + hex(media);
    return std::nullopt;
}

namespace {

std::string field_value(Machine& machine, const std::string& field) {
    for (const auto& [name, value] : fields_of(machine.save_chips()))
        if (name == "machine." + field) return value;
    return {};
}

/// Where, between the last good digest and the bad one, the replay left the recorded session. If the session kept the
/// field's value all the while, that is where the replay's field leaves it; else, where it took the value that differs.
std::string explain(Timeline& timeline, const ReplayResult::Divergence& found) {
    const usize name_end = found.field.find(' ');
    const std::string field = found.field.substr(0, name_end);
    const std::string recorded = found.field.substr(name_end + 1, found.field.find(" != ") - name_end - 1);
    Machine& machine = timeline.machine();
    const std::string final = field_value(machine, field);
    if (final.empty()) return "memory differs; " + timeline.position();
    timeline.seek(found.good);
    const bool kept = field_value(machine, field) == recorded;
    Tick low = found.good, high = found.tick;
    while (low + 1 < high) {
        const Tick middle = low + (high - low) / 2;
        timeline.seek(middle);
        const std::string value = field_value(machine, field);
        ((kept ? value != recorded : value == final) ? high : low) = middle;
    }
    timeline.seek(high);
    const std::string value = field_value(machine, field);
    timeline.seek(low);
    return "at " + timeline.position() + " " + field + " becomes " + value;
}

} // namespace

ReplayParts parts_for(Recording& recording, const std::vector<std::string>& places) {
    ReplayParts parts;
    MachineConfig& config = parts.config = recorded_machine(recording);
    const auto& lines = recording.configuration;
    const auto text = [&](const std::string& name) {
        const auto found = lines.find(name);
        return found == lines.end() ? std::string() : found->second;
    };
    if (!text("kernel_sha256").empty()) {
        KernelFiles& kernel = config.kernel.emplace();
        kernel.kernel = find_file(recording, "kernel", places);
        kernel.command_line = text("kernel_arguments");
        if (!text("initrd_sha256").empty()) kernel.initrd = find_file(recording, "initrd", places);
        for (usize i = 0; !text("module" + std::to_string(i) + "_sha256").empty(); ++i) {
            const std::string module = "module" + std::to_string(i);
            kernel.modules.push_back({find_file(recording, module, places), text(module + "_arguments")});
        }
    }
    // Numbers as Machine gives them: disks by place; then CD, floppies, and what came later.
    std::map<u32, std::shared_ptr<BlockImage>> later;
    std::vector<std::unique_ptr<BlockImage>> removable;
    for (const RecordedImage& about : recording.images) {
        auto image = find_image(recording, about, places);
        if (about.number < 16) {
            if (about.number > 2) throw UserError("the recording is damaged: it has too many disks");
            if (config.disks.size() <= about.number) config.disks.resize(about.number + 1);
            config.disks[about.number] = std::move(image);
        } else if (about.comes != RecordedImage::Comes::AtStart) {
            later[about.number] = std::move(image);
        } else if (about.kind == MediaKind::Cd && !config.cdrom) {
            config.cdrom = std::move(image);
        } else if (!config.floppies[0] && about.number != 0) {
            config.floppies[0] = std::move(image);
        } else {
            config.floppies[1] = std::move(image);
        }
    }
    for (Recording::Input& input : recording.inputs) {
        auto* medium = std::get_if<input::Medium>(&input.input);
        if (!medium || !input.medium) continue;
        const auto known = later.find(input.medium);
        if (known == later.end()) throw UserError("the recording is damaged: it names an image that it does not hold");
        medium->image = known->second;
    }
    // In the order of their numbers, which is how a machine gives them.
    for (const auto& [number, image] : later)
        for (const RecordedImage& about : recording.images)
            if (about.number == number && about.comes == RecordedImage::Comes::WithState) parts.media.push_back(image);
    return parts;
}

void begin_replay(Machine& machine, const Recording& recording, const std::vector<std::shared_ptr<BlockImage>>& media) {
    if (!recording.begins) return;
    for (const auto& medium : media) machine.add_medium(medium);
    // The recording says by the hashes of clusters whether the images are the right ones.
    unpack_state(machine, recording.begins->file, "the state at which recording '" + recording.name + "' begins ",
                 ImageCheck::None);
}

std::unique_ptr<Machine> machine_for(Recording& recording, const std::vector<std::string>& places) {
    ReplayParts parts = parts_for(recording, places);
    auto machine = std::make_unique<Machine>(std::move(parts.config));
    begin_replay(*machine, recording, parts.media);
    return machine;
}

ReplayResult replay(Machine& machine, const Recording& recording, bool explained) {
    TimelineSettings settings;
    Timeline timeline(machine, settings);
    std::vector<Timeline::LoggedInput> inputs;
    for (const Recording::Input& input : recording.inputs) inputs.push_back({input.tick, input.input});
    timeline.load_history(std::move(inputs), recording.end); // all of it is to be compared: no checkpoints
    ReplayResult result;
    Tick good = timeline.begin();
    for (const RecordedDigest& digest : recording.digests) {
        const bool reached = timeline.seek_with_inputs(digest.tick, static_cast<usize>(digest.inputs));
        std::optional<std::string> field = difference(machine, digest);
        if (!reached && !field) field = "machine.ended 00 != 01";
        if (field) {
            result.divergence = ReplayResult::Divergence{digest.tick, good, *field, ""};
            if (explained) result.divergence->explained = explain(timeline, *result.divergence);
            return result;
        }
        good = digest.tick;
        timeline.keep_checkpoint();
    }
    timeline.seek(recording.end);
    result.end = machine.now();
    result.digest = machine.digest();
    return result;
}

namespace {

constexpr const char* kUsage = "usage: rewind86 replay FILE [--image PATH]... [--explain] [--display sdl|none] "
                               "[--headless] [--host-key KEY] [--script FILE|- | --gdb PORT|unix:PATH]";

ReplayOptions parse(int argc, char** argv) {
    ReplayOptions options;
    std::optional<bool> window;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        const std::string next = i + 1 < argc ? argv[i + 1] : "";
        if (word == "--explain") {
            options.explain = true;
        } else if (word == "--headless") {
            window = false;
        } else if (word == "--display") {
            if (next != "sdl" && next != "none") throw UserError("replay: --display takes sdl (the window) or none");
            window = next == "sdl";
            ++i;
        } else if (word == "--host-key" && !next.empty()) {
            options.host_key = next;
            ++i;
        } else if (word == "--script" && !next.empty()) {
            options.script = next;
            ++i;
        } else if (word == "--gdb" && !next.empty()) {
            static_cast<void>(gdb::parse_address(next));
            options.gdb = next;
            ++i;
        } else if (word == "--image" && !next.empty()) {
            options.images.push_back(next);
            ++i;
        } else if (word.rfind("-", 0) == 0 || !options.file.empty()) {
            throw UserError("replay: '" + word + "' is not understood; " + kUsage);
        } else {
            options.file = word;
        }
    }
    if (options.file.empty()) throw UserError(kUsage);
    const bool words = !options.script.empty() || !options.gdb.empty();
    if (!options.script.empty() && !options.gdb.empty()) throw UserError("replay: --script or --gdb, not both");
    if (words && (options.explain || window.value_or(false)))
        throw UserError("replay: a script or a debugger looks into a recording, without a window or --explain");
    if (window.value_or(false) && !can_open_window())
        throw UserError("there is no display for a window; a recording is also replayed with --headless");
    // Who asks for an explanation, or reads the results by a program, wants an answer, not a show.
    options.window = window ? *window : !words && !options.explain && ::isatty(STDOUT_FILENO) && can_open_window();
    return options;
}

} // namespace

int replay_command(int argc, char** argv) {
    if (argc == 2 && std::strcmp(argv[1], "--help") == 0) {
        std::printf("%s\n", kUsage);
        return kExitOk;
    }
    const ReplayOptions options = parse(argc, argv);
    Recording recording = parse_recording(read_host_file(options.file, "recording"), options.file);
    if (!recording.trouble.empty()) Results::message(recording.trouble);
    if (options.window) return replay_in_window(std::move(recording), options);
    if (!options.script.empty() || !options.gdb.empty()) return replay_with_words(std::move(recording), options);
    const auto machine = machine_for(recording, options.images);
    const ReplayResult result = replay(*machine, recording, options.explain);
    Results results;
    if (result.divergence) {
        results.line("diverged " + std::to_string(result.divergence->tick) + " " + result.divergence->field);
        if (!result.divergence->explained.empty()) results.line(result.divergence->explained);
        Results::message("the replay agreed up to tick " + std::to_string(result.divergence->good));
        std::fprintf(stderr, "exit: the replay diverged\n");
        return kExitDiverged;
    }
    results.line("digest " + std::to_string(result.end) + " " + result.digest);
    std::fprintf(stderr, "exit: the recording ended\n");
    return kExitOk;
}

} // namespace r86

#include "machine/recorder.h"
#include "bios/embedded.h"
#include "core/error.h"
#include "core/sha256.h"
#include "machine/state_file.h"
#include <algorithm>

namespace r86 {

namespace {

constexpr usize kInputsBetweenFlushes = 32;
constexpr u32 kFirstRemovable = 16;

std::string sha(std::span<const u8> bytes) { return Sha256::hex(Sha256::of(bytes)); }

std::map<std::string, std::string> describe(const MachineConfig& config) {
    std::map<std::string, std::string> lines;
    const auto number = [&lines](const char* name, u64 value) { lines[name] = std::to_string(value); };
    number("semantics", kSemanticsRevision);
    number("memory", config.memory_bytes);
    lines["cpu"] = config.cpu;
    number("mips", config.mips);
    const RtcTime& rtc = config.rtc;
    lines["rtc"] = std::to_string(rtc.year) + " " + std::to_string(rtc.month) + " " + std::to_string(rtc.day) + " " +
                   std::to_string(rtc.hour) + " " + std::to_string(rtc.minute) + " " + std::to_string(rtc.second);
    lines["boot_order"] = config.boot_order;
    number("boot_menu", config.boot_menu);
    number("floppy_drive_b", config.floppy_drive_b);
    number("disks", config.disks.size());
    number("isa_debug_exit", config.isa_debug_exit);
    number("post_port", config.post_port ? *config.post_port : 0x10000);
    number("no_reboot", config.no_reboot);
    number("hpet", config.hpet);
    number("no_vgabios", config.no_vgabios);
    lines["bundled_bios"] = config.bios.empty() ? sha(bundled_bios().bytes) : "";
    lines["bundled_vgabios"] = config.vgabios.empty() && !config.no_vgabios ? sha(bundled_vgabios().bytes) : "";
    if (config.kernel) {
        lines["kernel_sha256"] = sha(config.kernel->kernel);
        lines["kernel_arguments"] = config.kernel->command_line;
        lines["initrd_sha256"] = config.kernel->initrd.empty() ? "" : sha(config.kernel->initrd);
        number("modules", config.kernel->modules.size());
        for (usize i = 0; i < config.kernel->modules.size(); ++i) {
            lines["module" + std::to_string(i) + "_sha256"] = sha(config.kernel->modules[i].content);
            lines["module" + std::to_string(i) + "_arguments"] = config.kernel->modules[i].command_line;
        }
    }
    return lines;
}

} // namespace

Recorder::Recorder(Timeline& timeline, std::map<std::string, std::string> sources)
    : timeline_(timeline), sources_(std::move(sources)) {
    watch_images();
    if (timeline_.begin() != 0) begin_from_state(); // a recording that begins so is replayed
    Timeline::Listener listener;
    listener.input = [this](Tick, const HostInput&) {
        if (sink_ && timeline_.branch().inputs.size() - written_inputs_ > kInputsBetweenFlushes) flush(false);
    };
    listener.checkpoint = [this] {
        if (!sink_) return;
        flush(true);
        const u64 now = timeline_.machine().now_ns();
        if (!checkpoints_every_ || now < next_checkpoint_) return;
        next_checkpoint_ = now + checkpoints_every_;
        stream_.state(RecordingWriter::State::Checkpoint, state_here());
        give(stream_);
    };
    listener.media = [this] { watch_images(); };
    listener.cut = [this](Tick tick) {
        if (!sink_) return;
        stream_.cut(tick);
        // The new branch has the old one's inputs up to here; those of this very tick are written again.
        const auto& inputs = timeline_.branch().inputs;
        written_inputs_ = 0;
        while (written_inputs_ < inputs.size() && inputs[written_inputs_].tick < tick) ++written_inputs_;
        flush(false);
    };
    listener.switched = [this] {
        if (!sink_) return;
        stream_.cut(timeline_.begin());
        written_inputs_ = 0;
        flush(false);
    };
    listener.ends = [this] {
        if (!sink_) return;
        flush(false);
        stream_.end(timeline_.head());
        give(stream_);
    };
    listener.replaced = [this] { begin_from_state(); };
    timeline_.set_listener(std::move(listener));
}

Recorder::~Recorder() {
    timeline_.set_listener({});
    for (const auto& [number, image] : timeline_.machine().images()) image->on_first_read({});
}

void Recorder::watch_images() {
    for (const auto& entry : timeline_.machine().images()) {
        const u32 number = entry.first;
        BlockImage* image = entry.second;
        if (images_.count(number)) continue;
        RecordedImage about;
        about.number = number;
        about.size = image->size();
        about.path = image->name();
        about.read_only = image->read_only();
        const MachineConfig& config = timeline_.machine().config();
        about.kind = number < kFirstRemovable ? MediaKind::Disk : MediaKind::Floppy;
        if (image == config.cdrom.get()) about.kind = MediaKind::Cd;
        const bool at_start = number < kFirstRemovable || image == config.cdrom.get() ||
                              image == config.floppies[0].get() || image == config.floppies[1].get();
        about.comes = at_start ? RecordedImage::Comes::AtStart : RecordedImage::Comes::WithInput;
        if (!at_start && image->size() > (u64{4} << 20)) about.kind = MediaKind::Cd;
        images_[number] = unwritten_images_[number] = about;
        image->on_first_read([this, number, image](u64 cluster) {
            std::vector<u8> content;
            if (!image->read_cluster(cluster, content)) return;
            const RamHash hash = hash_cluster(0, cluster, content);
            read_[{number, cluster}] = hash;
            unwritten_reads_.push_back({{number, cluster}, hash});
        });
    }
}

u32 Recorder::number_of(const BlockImage* image) const {
    for (const auto& [number, known] : timeline_.machine().images())
        if (known == image) return number;
    return 0;
}

std::vector<Recording::Input> Recorder::encode(usize from) const {
    std::vector<Recording::Input> all;
    const auto& inputs = timeline_.branch().inputs;
    for (usize i = from; i < inputs.size(); ++i) {
        const auto* medium = std::get_if<input::Medium>(&inputs[i].input);
        all.push_back({inputs[i].tick, inputs[i].input, medium && medium->image ? number_of(medium->image.get()) : 0});
    }
    return all;
}

void Recorder::begin(RecordingWriter& writer) {
    const MachineConfig& config = timeline_.machine().config();
    auto lines = describe(config);
    if (from_state_) lines["begins"] = "state";
    lines.insert(sources_.begin(), sources_.end());
    writer.configuration(lines);
    if (!config.bios.empty()) writer.file("bios", config.bios);
    if (!config.vgabios.empty()) writer.file("vgabios", config.vgabios);
}

void Recorder::stream_to(Sink sink) {
    sink_ = std::move(sink);
    begin(stream_);
    next_checkpoint_ = timeline_.machine().now_ns() + checkpoints_every_;
    watch_first_changes();
    flush(false);
}

void Recorder::watch_first_changes() {
    timeline_.checkpoints().on_first_change([this](u32 image, u64 cluster, std::span<const u8> content) {
        if (!sink_) return;
        stream_.old_cluster(image, cluster, content);
        give(stream_);
    });
}

KeptState Recorder::state_here() { return {timeline_.now(), timeline_.inputs_done(), pack_state(timeline_.machine())}; }

/// A state was loaded, and with it begins another history.
void Recorder::begin_from_state() {
    from_state_ = true;
    for (auto& [number, about] : images_) {
        if (about.comes != RecordedImage::Comes::WithInput) continue;
        about.comes = RecordedImage::Comes::WithState;
        unwritten_images_[number] = about;
    }
    written_inputs_ = 0;
    if (!sink_) return;
    watch_first_changes();
    // What the state has put into images that are written in place is no write of the guest.
    for (const auto& [place, content] : timeline_.machine().first_contents())
        stream_.old_cluster(place.first, place.second, content);
    next_checkpoint_ = timeline_.machine().now_ns() + checkpoints_every_;
    flush(false);
    stream_.state(RecordingWriter::State::First, state_here());
    flush(true);
}

void Recorder::give(RecordingWriter& writer) {
    const std::vector<u8> bytes = writer.take();
    if (sink_ && !bytes.empty() && !sink_(bytes)) sink_ = {};
}

void Recorder::flush(bool with_digest) {
    for (const auto& [number, image] : std::exchange(unwritten_images_, {})) stream_.image(image);
    stream_.read_clusters(std::exchange(unwritten_reads_, {}));
    stream_.inputs(encode(written_inputs_));
    written_inputs_ = timeline_.branch().inputs.size();
    if (with_digest) {
        RecordedDigest digest;
        digest.tick = timeline_.now();
        digest.inputs = timeline_.branch().inputs.size();
        digest.has_memory = true;
        digest.memory = timeline_.memory_hash();
        digest.media = timeline_.media_hash();
        digest.chips = timeline_.machine().save_chips();
        stream_.digest(digest);
    }
    give(stream_);
}

void Recorder::finish() {
    if (!sink_) return;
    flush(true);
    stream_.end(timeline_.now());
    give(stream_);
    sink_ = {};
}

/// The first state, if the history begins with one, and checkpoints: by going there.
void Recorder::add_states(RecordingWriter& writer, u64 checkpoints_every) {
    if (!from_state_ && !checkpoints_every) return;
    const Tick before = timeline_.now();
    if (from_state_) {
        timeline_.seek(timeline_.begin());
        writer.state(RecordingWriter::State::First, state_here());
    }
    if (checkpoints_every) {
        std::vector<Tick> ticks; // of the checkpoints that there are: going anywhere else would replay
        for (const Checkpoint* at = timeline_.branch().tip; at && at->parent; at = at->parent)
            ticks.push_back(at->tick);
        timeline_.seek(timeline_.begin());
        u64 next = timeline_.machine().now_ns() + checkpoints_every;
        for (auto tick = ticks.rbegin(); tick != ticks.rend(); ++tick) {
            timeline_.seek(*tick);
            const u64 now = timeline_.machine().now_ns();
            if (now < next) continue;
            next = now + checkpoints_every;
            writer.state(RecordingWriter::State::Checkpoint, state_here());
        }
    }
    timeline_.seek(before);
}

std::vector<u8> Recorder::whole(u64 checkpoints_every) {
    RecordingWriter writer;
    begin(writer);
    for (const auto& [number, image] : images_) writer.image(image);
    writer.read_clusters({read_.begin(), read_.end()});
    for (const auto& old : timeline_.checkpoints().first_contents())
        writer.old_cluster(old.image, old.cluster, old.content);
    if (from_state_) // what the state, or the history before it, has changed
        for (const auto& [place, content] : timeline_.machine().first_contents())
            writer.old_cluster(place.first, place.second, content);
    add_states(writer, checkpoints_every);
    writer.inputs(encode(0));
    // The chips' states at the checkpoints of this branch serve as digests.
    std::vector<const Checkpoint*> path;
    for (const Checkpoint* at = timeline_.branch().tip; at && at->parent; at = at->parent) path.push_back(at);
    for (auto at = path.rbegin(); at != path.rend(); ++at) {
        RecordedDigest digest;
        digest.tick = (*at)->tick;
        digest.inputs = (*at)->inputs;
        digest.chips = timeline_.checkpoints().store().read(*(*at)->chips);
        writer.digest(digest);
    }
    if (timeline_.live()) {
        RecordedDigest digest;
        digest.tick = timeline_.now();
        digest.inputs = timeline_.branch().inputs.size();
        digest.has_memory = true;
        digest.memory = timeline_.memory_hash();
        digest.media = timeline_.media_hash();
        digest.chips = timeline_.machine().save_chips();
        writer.digest(digest);
    }
    writer.end(timeline_.head());
    return writer.take();
}

MachineConfig recorded_machine(const Recording& recording) {
    const auto text = [&recording](const char* name) {
        const auto found = recording.configuration.find(name);
        return found == recording.configuration.end() ? std::string() : found->second;
    };
    const auto number = [&text](const char* name) -> u64 {
        const std::string value = text(name);
        u64 result = 0;
        for (const char digit : value) {
            if (digit < '0' || digit > '9' || result > (u64{1} << 50))
                throw UserError("the recording is damaged: it names no such machine");
            result = result * 10 + static_cast<u64>(digit - '0');
        }
        return result;
    };
    MachineConfig config;
    config.memory_bytes = number("memory");
    config.cpu = text("cpu");
    config.mips = static_cast<u32>(std::min<u64>(number("mips"), 100000));
    unsigned rtc[6] = {};
    usize field = 0;
    for (const char c : text("rtc")) {
        if (c == ' ' && field < 5)
            ++field;
        else if (c >= '0' && c <= '9')
            rtc[field] = (rtc[field] * 10 + static_cast<unsigned>(c - '0')) % 100000;
    }
    config.rtc = {static_cast<u16>(rtc[0]), static_cast<u8>(rtc[1]), static_cast<u8>(rtc[2]),
                  static_cast<u8>(rtc[3]),  static_cast<u8>(rtc[4]), static_cast<u8>(rtc[5])};
    config.boot_order = text("boot_order");
    config.boot_menu = number("boot_menu");
    config.floppy_drive_b = number("floppy_drive_b");
    config.isa_debug_exit = number("isa_debug_exit");
    if (number("post_port") < 0x10000) config.post_port = static_cast<u16>(number("post_port"));
    config.no_reboot = number("no_reboot");
    config.hpet = number("hpet");
    config.no_vgabios = number("no_vgabios");
    const auto firmware = [&](const char* name, const char* bundled, std::span<const u8> ours, std::vector<u8>& out) {
        const auto file = recording.files.find(name);
        if (file != recording.files.end())
            out = file->second;
        else if (!text(bundled).empty() && text(bundled) != sha(ours))
            throw UserError("the recording was made with another bundled firmware; use the program it was made with");
    };
    firmware("bios", "bundled_bios", bundled_bios().bytes, config.bios);
    firmware("vgabios", "bundled_vgabios", bundled_vgabios().bytes, config.vgabios);
    return config;
}

} // namespace r86

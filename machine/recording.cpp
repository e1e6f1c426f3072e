#include "machine/recording.h"
#include "core/error.h"
#include "core/sha256.h"
#include "machine/pack.h"
#include <algorithm>
#include <cstring>

namespace r86 {

namespace {

constexpr std::string_view kMagic = "rewind86 recording\n";
constexpr u32 kVersion = 2, kOldestVersion = 1; ///< 1 knew no states
constexpr usize kSectionHead = 4 + 4 + 4 + 8;   // tag, size, stored size, checksum
constexpr u32 kMostSection = u32{64} << 20;
constexpr usize kStatePiece = usize{4} << 20;

class Out {
public:
    void number(u64 value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) bytes_.push_back(static_cast<u8>(value >> (8 * i)));
    }
    void text(std::span<const u8> data) {
        number(data.size(), 4);
        bytes_.insert(bytes_.end(), data.begin(), data.end());
    }
    void text(const std::string& data) { text({reinterpret_cast<const u8*>(data.data()), data.size()}); }
    void hash(const RamHash& hash) {
        number(hash.low, 8);
        number(hash.high, 8);
    }
    const std::vector<u8>& bytes() const { return bytes_; }

private:
    std::vector<u8> bytes_;
};

/// Reading beyond the end gives zeros and is remembered.
class In {
public:
    explicit In(std::span<const u8> data) : data_(data) {}
    u64 number(unsigned bytes) {
        u64 value = 0;
        if (bytes > data_.size()) {
            fine_ = false;
            return 0;
        }
        for (unsigned i = 0; i < bytes; ++i) value |= u64{data_[i]} << (8 * i);
        data_ = data_.subspan(bytes);
        return value;
    }
    std::vector<u8> data() {
        const u64 size = number(4);
        if (size > data_.size()) {
            fine_ = false;
            return {};
        }
        std::vector<u8> out(data_.begin(), data_.begin() + static_cast<std::ptrdiff_t>(size));
        data_ = data_.subspan(static_cast<usize>(size));
        return out;
    }
    std::string text() {
        const std::vector<u8> raw = data();
        return {raw.begin(), raw.end()};
    }
    RamHash hash() {
        RamHash hash;
        hash.low = number(8);
        hash.high = number(8);
        return hash;
    }
    bool more() const { return fine_ && !data_.empty(); }
    bool fine() const { return fine_; }

private:
    std::span<const u8> data_;
    bool fine_ = true;
};

} // namespace

u64 recording_checksum(const std::string& tag, std::span<const u8> payload) {
    Sha256 hash;
    hash.update({reinterpret_cast<const u8*>(tag.data()), 4});
    hash.update(payload);
    const auto digest = hash.finish();
    u64 value = 0;
    std::memcpy(&value, digest.data(), 8); // little-endian hosts only
    return value;
}

namespace {

// Kinds of inputs in a file: the order of HostInput's alternatives, which must not change.
void write_input(Out& out, const Recording::Input& recorded) {
    out.number(recorded.tick, 8);
    out.number(recorded.input.index(), 1);
    struct Encode {
        Out& out;
        u32 medium;
        void operator()(const input::Key& key) {
            out.number(static_cast<u64>(key.key), 2);
            out.number(key.down, 1);
        }
        void operator()(const input::Mouse& mouse) {
            for (const i32 value : {mouse.dx, mouse.dy, mouse.wheel}) out.number(static_cast<u32>(value), 4);
            out.number(mouse.buttons, 1);
        }
        void operator()(const input::SerialReceive& serial) {
            out.number(serial.port, 1);
            out.text(serial.bytes);
        }
        void operator()(const input::ParallelReceive& parallel) { out.number(parallel.data, 1); }
        void operator()(const input::Medium& change) {
            out.text(change.drive);
            out.number(medium, 4);
        }
        void operator()(const input::PowerButton&) {}
        void operator()(const input::Reset&) {}
        void operator()(const input::Ratio& ratio) { out.number(ratio.mips, 4); }
        void operator()(const input::Poke& poke) {
            out.text(poke.field);
            out.number(poke.address, 8);
            out.text(poke.bytes);
        }
    };
    std::visit(Encode{out, recorded.medium}, recorded.input);
}

bool read_input(In& in, Recording::Input& recorded) {
    recorded.tick = in.number(8);
    switch (in.number(1)) {
    case 0: {
        const auto key = static_cast<KeyCode>(in.number(2));
        recorded.input = input::Key{key, in.number(1) != 0};
        break;
    }
    case 1: {
        input::Mouse mouse;
        mouse.dx = static_cast<i32>(in.number(4));
        mouse.dy = static_cast<i32>(in.number(4));
        mouse.wheel = static_cast<i32>(in.number(4));
        mouse.buttons = static_cast<u8>(in.number(1));
        recorded.input = mouse;
        break;
    }
    case 2: {
        const auto port = static_cast<u8>(in.number(1));
        recorded.input = input::SerialReceive{port, in.data()};
        break;
    }
    case 3: recorded.input = input::ParallelReceive{static_cast<u8>(in.number(1))}; break;
    case 4:
        recorded.input = input::Medium{in.text(), nullptr};
        recorded.medium = static_cast<u32>(in.number(4));
        break;
    case 5: recorded.input = input::PowerButton{}; break;
    case 6: recorded.input = input::Reset{}; break;
    case 7: recorded.input = input::Ratio{static_cast<u32>(in.number(4))}; break;
    case 8: {
        input::Poke poke;
        poke.field = in.text();
        poke.address = in.number(8);
        poke.bytes = in.data();
        recorded.input = poke;
        break;
    }
    default: return false;
    }
    return in.fine();
}

/// A state of which some pieces were read.
struct StateSoFar {
    RecordingWriter::State what = RecordingWriter::State::First;
    KeptState state;
    u64 size = 0;
};

bool read_state(In& in, StateSoFar& so_far, Recording& r) {
    using What = RecordingWriter::State;
    StateSoFar now;
    now.what = in.number(1) ? What::Checkpoint : What::First;
    now.state.tick = in.number(8);
    now.state.inputs = static_cast<usize>(in.number(8));
    now.size = in.number(8);
    const u64 offset = in.number(8);
    const std::vector<u8> piece = in.data();
    if (offset == 0) so_far = std::move(now);
    std::vector<u8>& file = so_far.state.file;
    if (!in.fine() || piece.empty() || offset != file.size() || piece.size() > so_far.size - offset) return false;
    file.insert(file.end(), piece.begin(), piece.end());
    if (file.size() < so_far.size) return true;
    r.end = std::max(r.end, so_far.state.tick);
    if (so_far.what == What::First) { // everything before it was another history
        r.inputs.clear();
        r.digests.clear();
        r.checkpoints.clear();
        r.end = so_far.state.tick;
        r.begins = std::exchange(so_far, {}).state;
        return true;
    }
    if (!r.checkpoints.empty() && r.checkpoints.back().tick > so_far.state.tick) return false;
    r.checkpoints.push_back(std::exchange(so_far, {}).state);
    return true;
}

/// One section into the recording; false if it makes no sense.
bool read_section(const std::string& tag, std::span<const u8> payload, Recording& r, StateSoFar& so_far) {
    In in(payload);
    if (tag == "CONF") {
        while (in.more()) {
            const std::string name = in.text();
            r.configuration[name] = in.text();
        }
    } else if (tag == "FILE") {
        const std::string name = in.text();
        r.files[name] = in.data();
    } else if (tag == "IMAG") {
        RecordedImage image;
        image.number = static_cast<u32>(in.number(4));
        image.kind = static_cast<MediaKind>(std::min<u64>(in.number(1), 2));
        image.comes = static_cast<RecordedImage::Comes>(std::min<u64>(in.number(1), 2));
        image.size = in.number(8);
        image.path = in.text();
        image.read_only = in.more() ? in.number(1) != 0 : image.kind == MediaKind::Cd; // version 1 did not say it
        const auto same = [&image](const RecordedImage& known) { return known.number == image.number; };
        std::erase_if(r.images, same); // a state has come that knows it
        r.images.push_back(image);
    } else if (tag == "CLUS") {
        while (in.more()) {
            const auto image = static_cast<u32>(in.number(4));
            const u64 cluster = in.number(8);
            r.read_clusters[{image, cluster}] = in.hash();
        }
    } else if (tag == "OLDC") {
        const auto image = static_cast<u32>(in.number(4));
        const u64 cluster = in.number(8);
        r.old_clusters[{image, cluster}] = in.data();
    } else if (tag == "INPT") {
        while (in.more()) {
            Recording::Input input;
            if (!read_input(in, input) || (!r.inputs.empty() && input.tick < r.inputs.back().tick)) return false;
            r.inputs.push_back(std::move(input));
        }
    } else if (tag == "DIGS") {
        RecordedDigest digest;
        digest.tick = in.number(8);
        digest.inputs = in.number(8);
        digest.has_memory = in.number(1) != 0;
        digest.memory = in.hash();
        digest.media = in.hash();
        digest.chips = in.data();
        r.end = std::max(r.end, digest.tick);
        r.digests.push_back(std::move(digest));
    } else if (tag == "STAT") {
        return read_state(in, so_far, r);
    } else if (tag == "ENDS") {
        r.end = in.number(8);
    } else if (tag == "CUTS") {
        const Tick tick = in.number(8);
        while (!r.inputs.empty() && r.inputs.back().tick >= tick) r.inputs.pop_back();
        while (!r.digests.empty() && r.digests.back().tick > tick) r.digests.pop_back();
        while (!r.checkpoints.empty() && r.checkpoints.back().tick > tick) r.checkpoints.pop_back();
        r.end = tick;
    } // other sections belong to later versions
    return in.fine();
}

} // namespace

RecordingWriter::RecordingWriter() {
    out_.assign(kMagic.begin(), kMagic.end());
    for (unsigned i = 0; i < 4; ++i) out_.push_back(static_cast<u8>(kVersion >> (8 * i)));
}

void RecordingWriter::section(const char* tag, std::span<const u8> payload, bool pack) {
    std::vector<u8> packed;
    Packer packer;
    const bool smaller = pack && packer.pack(payload, packed);
    const std::span<const u8> stored = smaller ? std::span<const u8>(packed) : payload;
    Out head;
    for (unsigned i = 0; i < 4; ++i) head.number(static_cast<u8>(tag[i]), 1);
    head.number(payload.size(), 4);
    head.number(stored.size(), 4);
    head.number(recording_checksum(tag, payload), 8);
    out_.insert(out_.end(), head.bytes().begin(), head.bytes().end());
    out_.insert(out_.end(), stored.begin(), stored.end());
}

void RecordingWriter::configuration(const std::map<std::string, std::string>& lines) {
    Out out;
    for (const auto& [name, value] : lines) {
        out.text(name);
        out.text(value);
    }
    section("CONF", out.bytes());
}

void RecordingWriter::file(const std::string& name, std::span<const u8> content) {
    Out out;
    out.text(name);
    out.text(content);
    section("FILE", out.bytes());
}

void RecordingWriter::image(const RecordedImage& image) {
    Out out;
    out.number(image.number, 4);
    out.number(static_cast<u64>(image.kind), 1);
    out.number(static_cast<u64>(image.comes), 1);
    out.number(image.size, 8);
    out.text(image.path);
    out.number(image.read_only, 1);
    section("IMAG", out.bytes());
}

void RecordingWriter::read_clusters(const std::vector<std::pair<std::pair<u32, u64>, RamHash>>& clusters) {
    if (clusters.empty()) return;
    Out out;
    for (const auto& [place, hash] : clusters) {
        out.number(place.first, 4);
        out.number(place.second, 8);
        out.hash(hash);
    }
    section("CLUS", out.bytes());
}

void RecordingWriter::old_cluster(u32 image, u64 cluster, std::span<const u8> content) {
    Out out;
    out.number(image, 4);
    out.number(cluster, 8);
    out.text(content);
    section("OLDC", out.bytes());
}

void RecordingWriter::inputs(const std::vector<Recording::Input>& inputs) {
    if (inputs.empty()) return;
    Out out;
    for (const Recording::Input& input : inputs) write_input(out, input);
    section("INPT", out.bytes());
}

void RecordingWriter::digest(const RecordedDigest& digest) {
    Out out;
    out.number(digest.tick, 8);
    out.number(digest.inputs, 8);
    out.number(digest.has_memory, 1);
    out.hash(digest.memory);
    out.hash(digest.media);
    out.text(digest.chips);
    section("DIGS", out.bytes());
}

void RecordingWriter::state(State what, const KeptState& state) {
    const std::span<const u8> file = state.file;
    for (usize at = 0; at < file.size(); at += kStatePiece) {
        Out out;
        out.number(static_cast<u64>(what), 1);
        out.number(state.tick, 8);
        out.number(state.inputs, 8);
        out.number(file.size(), 8);
        out.number(at, 8);
        out.text(file.subspan(at, std::min(kStatePiece, file.size() - at)));
        section("STAT", out.bytes(), false); // its sections are packed already
    }
}

void RecordingWriter::end(Tick tick) {
    Out out;
    out.number(tick, 8);
    section("ENDS", out.bytes());
}

void RecordingWriter::cut(Tick tick) {
    Out out;
    out.number(tick, 8);
    section("CUTS", out.bytes());
}

Recording parse_recording(std::span<const u8> file, const std::string& name) {
    const std::string subject = "recording '" + name + "' ";
    if (file.size() < kMagic.size() + 4 || !std::equal(kMagic.begin(), kMagic.end(), file.begin()))
        throw UserError("'" + name + "' is no recording of this program");
    In head(file.subspan(kMagic.size(), 4));
    const u64 version = head.number(4);
    if (version < kOldestVersion || version > kVersion)
        throw UserError(subject + "was made by another version of this program");
    file = file.subspan(kMagic.size() + 4);
    Recording recording;
    recording.name = name;
    StateSoFar state;
    bool ended = false;
    std::vector<u8> payload;
    while (!file.empty()) {
        if (file.size() < kSectionHead) break;
        In in(file.subspan(4, kSectionHead - 4));
        const std::string tag(file.begin(), file.begin() + 4);
        const u64 size = in.number(4), stored = in.number(4), sum = in.number(8);
        if (size > kMostSection || stored > size || stored > file.size() - kSectionHead) break;
        const auto content = file.subspan(kSectionHead, static_cast<usize>(stored));
        payload.assign(content.begin(), content.end());
        if (stored != size) {
            payload.resize(static_cast<usize>(size));
            if (!unpack(content, payload)) break;
        }
        if (recording_checksum(tag, payload) != sum || !read_section(tag, payload, recording, state)) break;
        ended = tag == "ENDS";
        file = file.subspan(kSectionHead + static_cast<usize>(stored));
    }
    recording.whole = file.empty() && ended;
    if (!file.empty())
        recording.trouble = subject + "is damaged or cut off; it is replayed up to its last whole section";
    else if (!ended)
        recording.trouble = subject + "has no end: its session was killed; it is replayed as far as it goes";
    const auto revision = recording.configuration.find("semantics");
    if (revision == recording.configuration.end())
        throw UserError(subject + "is damaged: it does not say which machine it is of");
    if (revision->second != std::to_string(kSemanticsRevision))
        throw UserError(subject + "was made with semantics revision " + revision->second + "; this program has " +
                        std::to_string(kSemanticsRevision));
    if (recording.configuration.count("begins") && !recording.begins)
        throw UserError(subject + "is cut off within the state at which it begins");
    return recording;
}

} // namespace r86

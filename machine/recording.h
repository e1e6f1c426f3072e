#pragma once
/// A session as a file: a header, then sections, each with a checksum of its own, so that a file that ends in the
/// middle of one is right up to there. Numbers are little-endian; a section's payload is packed where that makes it
/// smaller.
///
///   CONF  the machine, `name=value` lines        IMAG  an image: number, kind, size, path
///   FILE  firmware that is not the bundled one   CLUS  a cluster that was read: its hash
///   INPT  inputs with their ticks                OLDC  a cluster's content before it was first written
///   DIGS  a digest with the chips' state         ENDS  how far the recording goes
///   CUTS  what came after that tick is no more (a new branch began)
///   STAT  a piece of a state (machine/state_file.h): that at which the recording begins, or a checkpoint
///
/// A recording begins where the machine is switched on, unless it holds a first state. One that comes later in the file
/// was loaded while the session was recorded: what stands before it is no more. Images are always as they were when the
/// machine was made; a state says what has changed since.
#include "devices/block_image.h"
#include "machine/input.h"
#include "machine/ram_hash.h"
#include "machine/timeline.h"
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace r86 {

/// Changes whenever an instruction, a chip or the digest gives other results than before.
inline constexpr u32 kSemanticsRevision = 8;

struct RecordedImage {
    u32 number = 0; ///< Machine::images()
    MediaKind kind = MediaKind::Disk;
    enum class Comes : u8 {
        WithInput = 0, ///< when somebody inserts it
        AtStart = 1,   ///< the machine was made with it
        WithState = 2, ///< inserted before the first state
    };
    Comes comes = Comes::AtStart;
    u64 size = 0;
    std::string path;
    bool read_only = false; ///< as the guest sees it
};

struct RecordedDigest {
    Tick tick = 0;
    u64 inputs = 0; ///< that had acted
    bool has_memory = false;
    RamHash memory;
    RamHash media;
    std::vector<u8> chips; ///< Machine::save_chips()
};

/// The parsed file.
struct Recording {
    std::string name; ///< of the file
    std::map<std::string, std::string> configuration;
    std::map<std::string, std::vector<u8>> files;
    std::vector<RecordedImage> images;
    std::map<std::pair<u32, u64>, RamHash> read_clusters;
    std::map<std::pair<u32, u64>, std::vector<u8>> old_clusters;
    struct Input {
        Tick tick = 0;
        HostInput input;
        u32 medium = 0; ///< Medium: the image's number, 0 none
    };
    std::vector<Input> inputs;
    std::vector<RecordedDigest> digests;
    std::optional<KeptState> begins; ///< nothing: where the machine is switched on
    std::vector<KeptState> checkpoints;
    Tick end = 0;
    bool whole = false;  ///< no damage, and an end
    std::string trouble; ///< why not
};

/// Of a section whose tag has four characters.
u64 recording_checksum(const std::string& tag, std::span<const u8> payload);

class RecordingWriter {
public:
    /// The file's beginning; then take() after each section.
    RecordingWriter();
    void configuration(const std::map<std::string, std::string>& lines);
    void file(const std::string& name, std::span<const u8> content);
    void image(const RecordedImage& image);
    void read_clusters(const std::vector<std::pair<std::pair<u32, u64>, RamHash>>& clusters);
    void old_cluster(u32 image, u64 cluster, std::span<const u8> content);
    void inputs(const std::vector<Recording::Input>& inputs);
    enum class State : u8 { First = 0, Checkpoint = 1 };
    void state(State what, const KeptState& state);
    void digest(const RecordedDigest& digest);
    void end(Tick tick);
    void cut(Tick tick);
    std::vector<u8> take() { return std::exchange(out_, {}); }

private:
    void section(const char* tag, std::span<const u8> payload, bool pack = true);
    std::vector<u8> out_;
};

/// Throws UserError if it is no recording, or of another version or semantics revision.
Recording parse_recording(std::span<const u8> file, const std::string& name);

} // namespace r86

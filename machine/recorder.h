#pragma once
/// Makes recordings of a session: as it goes (`--record`), or of everything so far (`save-recording`).
#include "machine/recording.h"
#include <functional>

namespace r86 {

class Recorder {
public:
    /// `sources`: where a reader may find what is known by its hash: "kernel_path", "initrd_path".
    Recorder(Timeline& timeline, std::map<std::string, std::string> sources);
    ~Recorder();
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;

    /// Takes whole sections; false: no more can be written, the recording ends there and the session goes on.
    using Sink = std::function<bool(std::span<const u8>)>;
    /// From now on, which must be the session's beginning.
    void stream_to(Sink sink);
    bool streaming() const { return static_cast<bool>(sink_); }
    /// The session is over.
    void finish();
    /// The current branch from the beginning to where it ends. Throws UserError if a state was loaded on the way.
    std::vector<u8> whole();

private:
    void watch_images();
    void begin(RecordingWriter& writer);
    void add_images(RecordingWriter& writer);
    std::vector<Recording::Input> encode(usize from) const;
    u32 number_of(const BlockImage* image) const;
    void flush(bool with_digest);
    void give(RecordingWriter& writer);

    Timeline& timeline_;
    std::map<std::string, std::string> sources_;
    Sink sink_;
    RecordingWriter stream_;
    std::map<u32, RecordedImage> images_;
    std::map<u32, RecordedImage> unwritten_images_;
    std::map<std::pair<u32, u64>, RamHash> read_;
    std::vector<std::pair<std::pair<u32, u64>, RamHash>> unwritten_reads_;
    usize written_inputs_ = 0;
    bool replaced_ = false;
};

/// The machine of a recording, without its images and kernel files. Throws UserError if this program cannot make it.
MachineConfig recorded_machine(const Recording& recording);

} // namespace r86

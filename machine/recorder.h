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
    /// The current branch from the beginning to where it ends, for which it goes through history; `checkpoints_every`
    /// as below.
    std::vector<u8> whole(u64 checkpoints_every = 0);
    /// From now on checkpoints, so many nanoseconds of virtual time apart, go into what is streamed: a reader need not
    /// replay all that comes before the place where he wants to look. 0: none.
    void stream_checkpoints(u64 every) { checkpoints_every_ = every; }

private:
    void watch_images();
    void watch_first_changes();
    void begin(RecordingWriter& writer);
    void begin_from_state();
    void add_states(RecordingWriter& writer, u64 checkpoints_every);
    KeptState state_here();
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
    u64 checkpoints_every_ = 0;
    u64 next_checkpoint_ = 0; ///< of the stream, in virtual time
    bool from_state_ = false; ///< the history began when a state was loaded
};

/// The machine of a recording, without its images and kernel files. Throws UserError if this program cannot make it.
MachineConfig recorded_machine(const Recording& recording);

} // namespace r86

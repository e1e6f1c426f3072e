#pragma once
/// Who keeps a machine's history sees the machine from here: asked at instruction boundaries, told of inputs.
#include "machine/input.h"
#include "machine/ram_hash.h"
#include <vector>

namespace r86 {

/// The content that a cluster of an image had when the machine was made, if it has changed since the history began.
struct FirstContent {
    u32 image = 0; ///< as Machine::images() numbers them
    u64 cluster = 0;
    std::vector<u8> content;
};

class History {
public:
    virtual ~History() = default;
    /// The machine stops there on its way, whatever its target ...
    virtual Tick next() const = 0;
    /// ... and calls this before it goes on: a checkpoint is due, or an input that happened there. It comes after the
    /// events of the tick, and not at the tick at which a run stops.
    virtual void boundary() = 0;
    /// An input from outside is about to act.
    virtual void input(const HostInput& input) = 0;
    /// The media that the machine knows may be others now.
    virtual void media_changed() = 0;
    /// Another state is about to come, which has nothing to do with this one ...
    virtual void state_ends() = 0;
    /// ... and has come, whatever was known of the other.
    virtual void state_replaced() = 0;
    virtual std::vector<FirstContent> first_contents() = 0;
    /// The sums of Machine::memory_hash() and media_hash(), as far as they need no new hashing.
    virtual RamHash memory_hash() = 0;
    virtual RamHash media_hash() = 0;
};

} // namespace r86

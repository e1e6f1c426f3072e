#pragma once
/// Types on the guest's keyboard as fast as the guest takes the keys, without a fixed delay: the next key follows when
/// the keyboard controller has handed over the last one and the BIOS's type-ahead buffer has room.
#include "devices/scancodes.h"
#include "machine/machine.h"
#include <deque>
#include <functional>
#include <string_view>
#include <vector>

namespace r86 {

class Typist {
public:
    using Apply = std::function<void(const HostInput&)>;

    /// UTF-8. Control characters without a key of their own are typed with Ctrl. What has no key on a US keyboard is
    /// left out; the return value is the first such character, or empty.
    std::string add(std::string_view text);
    void add_chord(std::vector<KeyCode> keys);
    void clear() { waiting_.clear(); }

    /// Sends what the guest can take at this boundary, through `apply`.
    void step(Machine& machine, const Apply& apply);
    /// Everything was typed and taken. `step` decides.
    bool done() const { return waiting_.empty() && !unsettled_; }
    /// The guest has not taken the last key, and this since `ns` of virtual time.
    u64 stuck_ns(const Machine& machine) const;

private:
    std::deque<std::vector<KeyCode>> waiting_;
    bool unsettled_ = false; ///< keys are on their way to the guest
    u64 since_ns_ = 0;       ///< when the last progress was made
    u32 ignored_ring_ = 0;   ///< state of a type-ahead buffer that nobody empties
};

} // namespace r86

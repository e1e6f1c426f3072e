#pragma once
/// What a display asks of a session's history, and what it sees of it.
#include "core/types.h"
#include <optional>
#include <variant>
#include <vector>

namespace r86 {

namespace travel {

/// To a tick, of another branch if one is named.
struct To {
    Tick tick = 0;
    std::optional<u32> branch;
};
/// By so much virtual time; negative: back.
struct By {
    i64 ns = 0;
};
/// By frames of the guest's screen; negative: back.
struct Frames {
    int count = 0;
};
/// While on, the guest's screen is shown backwards at the pace of real time.
struct Backwards {
    bool on = false;
};
/// The guest runs on from here as a new branch; the old future is kept.
struct PlayFromHere {};
/// To the newest instant of the current branch.
struct ToPresent {};

} // namespace travel

/// After each but PlayFromHere the guest stands still, until the session is told to go on.
using TravelOrder =
    std::variant<travel::To, travel::By, travel::Frames, travel::Backwards, travel::PlayFromHere, travel::ToPresent>;

struct HistoryStatus {
    struct Branch {
        u32 parent = 0; ///< the first is its own
        Tick begins = 0;
        Tick end = 0;
        bool operator==(const Branch&) const = default;
    };
    bool kept = false; ///< the session has a history
    bool live = true;  ///< the guest stands at the end of its branch
    bool backwards = false;
    Tick begin = 0;
    u64 head_ns = 0; ///< virtual time at the end of the current branch; 0: not known
    u32 branch = 0;
    std::vector<Branch> branches;
    std::optional<double> on_the_way; ///< share of a long way that is done
    bool operator==(const HistoryStatus&) const = default;
};

} // namespace r86

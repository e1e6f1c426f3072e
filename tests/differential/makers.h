#pragma once
/// Where processors differ from each other although both are right: kept as data, each with its reason. A difference
/// brings the emulator's outcome to the host's in exactly the fields that it is about.
#include "cpu/insn.h"
#include "tests/differential/flow.h"
#include "tests/differential/outcome.h"
#include <span>

namespace r86::differential {

/// What a difference sees: the instruction that faulted and both outcomes.
struct Faulted {
    const Insn& insn;
    const Outcome& host;
    Outcome& ours;
    Mask& mask;
};

struct MakerDifference {
    const char* name;
    const char* reason;
    /// True if it applied.
    bool (*adjust)(Faulted&);
};
std::span<const MakerDifference> maker_differences();

/// The comparison that counts: undefined flags masked, maker's differences applied. Empty if both agree; `applied`
/// gets an entry's number for each use; status flags in `more_undefined` are not compared either.
std::string judge(const Program& program, const Layout& layout, const Outcome& host, const Outcome& ours,
                  bool undefined_flags = false, std::vector<usize>* applied = nullptr, u32 more_undefined = 0);

} // namespace r86::differential

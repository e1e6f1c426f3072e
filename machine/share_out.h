#pragma once
/// The same work on many pieces, on a few threads: packing and checking of states, whose results do not depend on who
/// does which piece when.
#include "core/types.h"
#include <functional>

namespace r86 {

/// Calls `work` with each number below `count` and returns when all are done; it must not throw.
void share_out(usize count, const std::function<void(usize)>& work);

} // namespace r86

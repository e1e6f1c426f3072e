#pragma once
#include "core/error.h"
#include "frontend/session.h"
#include <thread>

namespace r86 {

/// Runs `emulate` on a thread of its own while `show`, a window or a terminal, has this one; returns when both have
/// ended. An error of `show` ends the session and comes back to the caller.
template <class Emulate, class Show>
void emulate_beside(Session& session, Emulate emulate, Show show) {
    std::thread emulation(emulate);
    try {
        show();
    } catch (const UserError& error) {
        session.quit_with(error.what());
        emulation.join();
        throw;
    }
    emulation.join();
}

} // namespace r86

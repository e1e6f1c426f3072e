#pragma once
/// The guest's text screen in a terminal, with ANSI sequences; keys of the terminal are the guest's. Ctrl-A X quits.
/// NOT IMPLEMENTED: pictures of graphics modes (their text is shown where it can be read), the mouse.
#include "frontend/session.h"

namespace r86 {

/// Runs until the session has ended. The terminal is put back as it was.
void run_terminal(Session& session);

} // namespace r86

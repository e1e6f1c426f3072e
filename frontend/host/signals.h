#pragma once
/// SIGINT and SIGTERM ask the session to end: images are flushed and the usual messages printed. A second one ends the
/// program at once.

namespace r86 {

void catch_signals();
/// The signal that came, 0 if none.
int signal_received();
const char* signal_name(int signal);

} // namespace r86

#pragma once
/// The terminal on standard input in raw mode: no echo, no line editing, no signals from keys. It is restored on every
/// way out of the program, crashes by signal included.

namespace r86 {

/// False, and nothing happens, if standard input is no terminal. Calls nest.
bool make_terminal_raw();
void restore_terminal();
bool terminal_is_raw();
/// Also written to the terminal on restoring (to leave the alternate screen, for example). A string that lives on.
void set_terminal_farewell(const char* sequence);

} // namespace r86

#pragma once
/// Trouble that the user or the host caused (a file, an option, a full disk). The text is one sentence that says what
/// is wrong and what to do; the front end prints it and exits with 1. Guest faults are values, never exceptions.
#include <stdexcept>
#include <string>

namespace r86 {

class [[nodiscard]] UserError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A bug of ours: prints the message and ends the program. Kept in release builds.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

} // namespace r86

#define R86_ASSERT(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) [[unlikely]]                                                                                 \
            ::r86::assertion_failed(#condition, __FILE__, __LINE__);                                                   \
    } while (false)

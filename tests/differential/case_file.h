#pragma once
/// A program with what the host's processor made of it, as text: differences that were found once and are checked for
/// ever, on any host. The format is one block for each case; see tests/differential/cases/README.md.
#include "tests/differential/program.h"
#include <iosfwd>
#include <string>
#include <vector>

namespace r86::differential {

struct Case {
    std::string story; ///< what was wrong
    Program program;   ///< one piece: the whole code
    u32 undefined = 0; ///< flags that are not compared
    Outcome host;      ///< its memory is complete
};

void write_case(std::ostream& out, const Case& from);
/// Throws std::runtime_error with the line number.
std::vector<Case> read_cases(std::istream& in);

} // namespace r86::differential

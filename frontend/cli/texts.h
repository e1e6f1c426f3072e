#pragma once
/// What the command line tells people: help, version, lists.
#include <string>

namespace r86 {

std::string program_summary();
std::string help_footer();
void print_version();
/// Throws UserError if there is no such list.
void print_list(const std::string& what);

} // namespace r86

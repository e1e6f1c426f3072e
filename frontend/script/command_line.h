#pragma once
/// One line of a session script as a command with arguments. The whole table of commands is command_list.inc.
#include "core/types.h"
#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace r86 {

/// TEXT or /REGEX/ of a wait, against rows of text in UTF-8.
class Pattern {
public:
    static Pattern text(std::string value);
    /// ECMAScript; throws UserError if it is none. Characters are Unicode, `^` and `$` are the ends of the row.
    static Pattern regex(const std::string& source);

    /// In `row`: the byte behind the first match.
    std::optional<usize> find_in(const std::string& row) const;
    bool is_regex() const { return regex_.has_value(); }
    /// As the user wrote it, for messages.
    const std::string& source() const { return source_; }

private:
    std::string source_;
    std::string text_;
    std::optional<std::wregex> regex_;
};

enum class CommandId : u8 {
#define R86_COMMAND(id, name, usage, summary) id,
#include "frontend/script/command_list.inc"
#undef R86_COMMAND
    Count
};

struct CommandInfo {
    std::string_view name;
    std::string_view usage; ///< its arguments: the letters that the parser checks them by
    std::string_view summary;
};
const CommandInfo& command_info(CommandId id);

struct Argument {
    std::string text;
    std::optional<Pattern> pattern;
    double number = 0; ///< SECONDS
    u64 integer = 0;   ///< N, LEN, CODE, DX, DY, the address of phys:A or lin:A
    bool quoted = false;
};

struct Command {
    CommandId id = CommandId::Count;
    std::vector<Argument> arguments;
    bool has(usize n) const { return n < arguments.size(); }
};

/// Empty for a blank line or a comment. Throws UserError that says what is wrong with the line.
std::optional<Command> parse_command(std::string_view line);

/// What stands between the quotes: \n \r \t \e \" \\ \xHH are escapes, any other backslash stands for itself.
std::string unescape(std::string_view quoted);
/// Decimal, or hexadecimal with 0x or with hexadecimal letters. Nothing if it is no number.
std::optional<u64> parse_integer(std::string_view text);

std::wstring wide_from_utf8(std::string_view text);

} // namespace r86

#include "frontend/script/command_line.h"
#include "core/error.h"
#include "devices/scancodes.h"
#include "devices/text_screen.h"
#include <array>
#include <charconv>
#include <cmath>

namespace r86 {

namespace {

constexpr CommandInfo kCommands[] = {
#define R86_COMMAND(id, name, usage, summary) {name, usage, summary},
#include "frontend/script/command_list.inc"
#undef R86_COMMAND
};

constexpr std::string_view kBlanks = " \t\r";

CommandId find_command(std::string_view name) {
    for (usize i = 0; i < std::size(kCommands); ++i)
        if (kCommands[i].name == name) return static_cast<CommandId>(i);
    throw UserError("there is no command '" + std::string(name) + "'");
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/// Words of a line. A comment begins with # where a word could begin.
class Scanner {
public:
    explicit Scanner(std::string_view line) : rest_(line) {}

    bool at_end() {
        const usize start = rest_.find_first_not_of(kBlanks);
        rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
        return rest_.empty() || rest_[0] == '#';
    }
    bool at_quote() const { return rest_[0] == '"'; }
    bool at_slash() const { return rest_[0] == '/'; }
    std::string_view word() {
        const std::string_view out = rest_.substr(0, rest_.find_first_of(kBlanks));
        rest_.remove_prefix(out.size());
        return out;
    }
    /// Up to the next `delimiter` that no backslash stands before; both delimiters are left out.
    std::string_view delimited(char delimiter) {
        for (usize i = 1; i < rest_.size(); ++i) {
            if (rest_[i] == '\\' && skips(delimiter, i)) {
                ++i;
            } else if (rest_[i] == delimiter) {
                const std::string_view out = rest_.substr(1, i - 1);
                rest_.remove_prefix(i + 1);
                if (!rest_.empty() && kBlanks.find(rest_[0]) == std::string_view::npos)
                    throw UserError("there must be a blank behind the closing " + std::string(1, delimiter));
                return out;
            }
        }
        throw UserError(std::string("the closing ") + delimiter + " is missing");
    }

private:
    /// A backslash hides the next character in a regular expression always, in quotes only before \ and ". The last
    /// quote of the line closes, so that "A:\" is the text A:\ and a backslash.
    bool skips(char delimiter, usize at) const {
        if (at + 1 >= rest_.size()) return false;
        const char next = rest_[at + 1];
        if (delimiter == '/') return true;
        if (next == '\\') return true;
        return next == '"' && rest_.find('"', at + 2) != std::string_view::npos;
    }
    std::string_view rest_;
};

[[noreturn]] void wrong(std::string_view kind, const std::string& text) {
    throw UserError("'" + text + "' is not " + std::string(kind));
}

double parse_seconds(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0) || value > 1e9)
        wrong("a number of seconds", text);
    return value;
}

void check_size(const std::string& text) {
    const usize x = text.find('x');
    const auto digits = [](std::string_view part) {
        return !part.empty() && part.size() <= 5 && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (x == std::string::npos || !digits(text.substr(0, x)) || !digits(text.substr(x + 1)))
        wrong("a size such as 640x480", text);
}

u64 parse_address(const std::string& text) {
    const usize colon = text.find(':');
    const std::string space = text.substr(0, colon);
    if (colon == std::string::npos || (space != "phys" && space != "lin"))
        wrong("an address such as phys:0x7C00 or lin:0xC0100000", text);
    const auto value = parse_integer(std::string_view(text).substr(colon + 1));
    if (!value) wrong("an address such as phys:0x7C00 or lin:0xC0100000", text);
    return *value;
}

void interpret(std::string_view kind, Argument& argument) {
    const std::string& text = argument.text;
    if (kind == "PATTERN") {
        if (!argument.pattern) argument.pattern = Pattern::text(text);
    } else if (kind == "SECONDS") {
        argument.number = parse_seconds(text);
    } else if (kind == "N") {
        const auto value = parse_integer(text);
        if (!value) wrong("a number", text);
        argument.integer = *value;
    } else if (kind == "DELTA") {
        const bool negative = !text.empty() && text[0] == '-';
        const auto value = parse_integer(std::string_view(text).substr(negative || (!text.empty() && text[0] == '+')));
        if (!value || *value > 100'000) wrong("a distance", text);
        argument.integer = negative ? ~*value + 1 : *value;
    } else if (kind == "KEYS") {
        if (find_chord(text).empty()) wrong("a key; see --list keys", text);
    } else if (kind == "WxH") {
        check_size(text);
    } else if (kind == "ADDRESS") {
        argument.integer = parse_address(text);
    } else if (kind == "BUTTONS") {
        if (text.empty() || (text != "0" && text.find_first_not_of("lmr") != std::string::npos))
            wrong("a set of mouse buttons: letters l, m, r, or 0", text);
    } else if (text.empty() && kind != "TEXT") {
        throw UserError("an empty " + std::string(kind == "FILE" ? "file name" : "word"));
    }
}

} // namespace

const CommandInfo& command_info(CommandId id) { return kCommands[static_cast<usize>(id)]; }

std::optional<u64> parse_integer(std::string_view text) {
    int base = text.find_first_of("abcdefABCDEF") == std::string_view::npos ? 10 : 16;
    if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        text.remove_prefix(2);
        base = 16;
    }
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string unescape(std::string_view quoted) {
    std::string out;
    for (usize i = 0; i < quoted.size(); ++i) {
        if (quoted[i] != '\\' || i + 1 == quoted.size()) {
            out += quoted[i];
            continue;
        }
        switch (const char next = quoted[i + 1]; next) {
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case 'e': out += '\x1B'; break;
        case '"':
        case '\\': out += next; break;
        case 'x': {
            const int high = i + 2 < quoted.size() ? hex_digit(quoted[i + 2]) : -1;
            const int low = i + 3 < quoted.size() ? hex_digit(quoted[i + 3]) : -1;
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high << 4 | low);
                i += 2;
                break;
            }
            [[fallthrough]];
        }
        default: out += '\\'; --i; // the backslash stands for itself
        }
        ++i;
    }
    return out;
}

std::optional<Command> parse_command(std::string_view line) {
    Scanner scanner(line);
    if (scanner.at_end()) return std::nullopt;
    Command command;
    command.id = find_command(scanner.word());
    const CommandInfo& info = command_info(command.id);
    const auto usage = [&info] {
        return std::string(info.name) + (info.usage.empty() ? " takes no arguments" : " " + std::string(info.usage));
    };

    std::string_view kinds = info.usage;
    while (!kinds.empty()) {
        std::string_view kind = kinds.substr(0, kinds.find(' '));
        kinds.remove_prefix(std::min(kinds.size(), kind.size() + 1));
        const bool optional = kind[0] == '[';
        if (optional) kind = kind.substr(1, kind.size() - 2);
        if (scanner.at_end()) {
            if (optional) break;
            throw UserError("something is missing: " + usage());
        }
        Argument argument;
        try {
            if (scanner.at_quote()) {
                argument.text = unescape(scanner.delimited('"'));
                argument.quoted = true;
            } else if (kind == "PATTERN" && scanner.at_slash()) {
                argument.pattern = Pattern::regex(std::string(scanner.delimited('/')));
            } else {
                argument.text = scanner.word();
            }
            interpret(kind, argument);
        } catch (const UserError& error) {
            throw UserError(std::string(info.name) + ": " + error.what());
        }
        command.arguments.push_back(std::move(argument));
    }
    if (!scanner.at_end()) throw UserError("too much on the line: " + usage());
    return command;
}

} // namespace r86

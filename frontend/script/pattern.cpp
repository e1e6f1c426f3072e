/// Pattern: what a wait looks for.
#include "core/error.h"
#include "devices/text_screen.h"
#include "frontend/script/command_line.h"

namespace r86 {

std::wstring wide_from_utf8(std::string_view text) {
    std::wstring out;
    for (usize at = 0; at < text.size();) {
        const u8 first = static_cast<u8>(text[at++]);
        unsigned more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
        u32 character = more == 3 ? first & 7 : more == 2 ? first & 15 : more == 1 ? first & 31 : first;
        for (; more && at < text.size(); --more) character = character << 6 | (static_cast<u8>(text[at++]) & 0x3F);
        out.push_back(static_cast<wchar_t>(character));
    }
    return out;
}

Pattern Pattern::text(std::string value) {
    Pattern pattern;
    pattern.source_ = "\"" + value + "\"";
    pattern.text_ = std::move(value);
    return pattern;
}

Pattern Pattern::regex(const std::string& source) {
    Pattern pattern;
    pattern.source_ = "/" + source + "/";
    try {
        pattern.regex_.emplace(wide_from_utf8(source), std::regex::ECMAScript);
    } catch (const std::regex_error& error) {
        throw UserError("'" + source + "' is no regular expression (" + error.what() + ")");
    }
    return pattern;
}

std::optional<usize> Pattern::find_in(const std::string& row) const {
    if (!regex_) {
        const usize at = row.find(text_);
        if (at == std::string::npos) return std::nullopt;
        return at + text_.size();
    }
    const std::wstring wide = wide_from_utf8(row);
    std::wsmatch match;
    if (!std::regex_search(wide, match, *regex_)) return std::nullopt;
    std::string before;
    for (auto it = wide.begin(); it != match[0].second; ++it) append_utf8(before, static_cast<char32_t>(*it));
    return before.size();
}

} // namespace r86

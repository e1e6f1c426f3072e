#include "frontend/window/canvas.h"
#include <algorithm>

namespace r86 {

namespace {

/// The character at `at`, which moves behind it; a byte that starts nothing stands for U+FFFD.
char32_t next_character(std::string_view utf8, usize& at) {
    const auto byte = [&](usize i) { return static_cast<u8>(utf8[i]); };
    const u8 lead = byte(at++);
    if (lead < 0x80) return lead;
    const usize more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (more == 0 || at + more > utf8.size()) return U'\uFFFD';
    char32_t character = lead & (0x3Fu >> more);
    for (usize i = 0; i < more; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) return U'\uFFFD';
        character = character << 6 | (byte(at + i) & 0x3F);
    }
    at += more;
    return character;
}

/// The byte where column `columns` begins.
usize byte_of_column(std::string_view utf8, int columns) {
    usize at = 0;
    while (at < utf8.size() && columns-- > 0) next_character(utf8, at);
    return at;
}

} // namespace

std::vector<u8> font_codes(std::string_view utf8) {
    std::vector<u8> codes;
    for (usize at = 0; at < utf8.size();) codes.push_back(cp437_of_unicode(next_character(utf8, at)));
    return codes;
}

int text_columns(std::string_view utf8) {
    int columns = 0;
    for (usize at = 0; at < utf8.size(); ++columns) next_character(utf8, at);
    return columns;
}

std::string shortened(std::string_view utf8, int columns) {
    if (text_columns(utf8) <= columns) return std::string(utf8);
    if (columns <= 3) return std::string(utf8.substr(0, byte_of_column(utf8, columns)));
    return std::string(utf8.substr(0, byte_of_column(utf8, columns - 3))) + "...";
}

std::vector<std::string> wrapped(std::string_view utf8, int columns) {
    std::vector<std::string> lines;
    columns = std::max(columns, 1);
    while (text_columns(utf8) > columns) {
        const usize most = byte_of_column(utf8, columns);
        const usize blank = utf8.substr(0, most + 1).rfind(' ');
        const bool at_blank = blank != std::string_view::npos && blank != 0;
        lines.emplace_back(utf8.substr(0, at_blank ? blank : most));
        utf8.remove_prefix(at_blank ? blank + 1 : most);
    }
    lines.emplace_back(utf8);
    return lines;
}

void Canvas::reset(Size size, u32 fill) {
    size_ = {std::max(size.width, 0), std::max(size.height, 0)};
    pixels_.assign(static_cast<usize>(size_.width) * static_cast<usize>(size_.height), fill);
}

void Canvas::rectangle(const Rect& rect, u32 fill) {
    const int right = std::min(rect.x + rect.width, size_.width);
    const int bottom = std::min(rect.y + rect.height, size_.height);
    for (int y = std::max(rect.y, 0); y < bottom; ++y)
        for (int x = std::max(rect.x, 0); x < right; ++x)
            pixels_[static_cast<usize>(y) * static_cast<usize>(size_.width) + static_cast<usize>(x)] = fill;
}

void Canvas::frame(const Rect& rect, u32 line) {
    rectangle({rect.x, rect.y, rect.width, 1}, line);
    rectangle({rect.x, rect.y + rect.height - 1, rect.width, 1}, line);
    rectangle({rect.x, rect.y, 1, rect.height}, line);
    rectangle({rect.x + rect.width - 1, rect.y, 1, rect.height}, line);
}

void Canvas::text(int x, int y, std::string_view utf8, u32 ink) {
    for (const u8 code : font_codes(utf8)) {
        const FontSet::Glyph* glyph = fonts_->glyph(kCellHeight, code);
        for (int row = 0; glyph && row < kCellHeight; ++row)
            for (int dot = 0; dot < kCellWidth; ++dot)
                if ((*glyph)[static_cast<usize>(row)] >> (7 - dot) & 1) rectangle({x + dot, y + row, 1, 1}, ink);
        x += kCellWidth;
    }
}

} // namespace r86

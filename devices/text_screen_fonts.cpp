/// Characters and their shapes: code page 437 as Unicode, and the fonts in a VGA BIOS image.
#include "devices/text_screen.h"
#include <algorithm>
#include <bit>
#include <cstring>

namespace r86 {

namespace {

constexpr char32_t kLow[] =
    U" \u263A\u263B\u2665\u2666\u2663\u2660\u2022\u25D8\u25CB\u25D9\u2642\u2640\u266A\u266B\u263C"
    U"\u25BA\u25C4\u2195\u203C\u00B6\u00A7\u25AC\u21A8\u2191\u2193\u2192\u2190\u221F\u2194\u25B2\u25BC";
constexpr char32_t kHigh[] =
    U"\u00C7\u00FC\u00E9\u00E2\u00E4\u00E0\u00E5\u00E7\u00EA\u00EB\u00E8\u00EF\u00EE\u00EC\u00C4\u00C5"
    U"\u00C9\u00E6\u00C6\u00F4\u00F6\u00F2\u00FB\u00F9\u00FF\u00D6\u00DC\u00A2\u00A3\u00A5\u20A7\u0192"
    U"\u00E1\u00ED\u00F3\u00FA\u00F1\u00D1\u00AA\u00BA\u00BF\u2310\u00AC\u00BD\u00BC\u00A1\u00AB\u00BB"
    U"\u2591\u2592\u2593\u2502\u2524\u2561\u2562\u2556\u2555\u2563\u2551\u2557\u255D\u255C\u255B\u2510"
    U"\u2514\u2534\u252C\u251C\u2500\u253C\u255E\u255F\u255A\u2554\u2569\u2566\u2560\u2550\u256C\u2567"
    U"\u2568\u2564\u2565\u2559\u2558\u2552\u2553\u256B\u256A\u2518\u250C\u2588\u2584\u258C\u2590\u2580"
    U"\u03B1\u00DF\u0393\u03C0\u03A3\u03C3\u00B5\u03C4\u03A6\u0398\u03A9\u03B4\u221E\u03C6\u03B5\u2229"
    U"\u2261\u00B1\u2265\u2264\u2320\u2321\u00F7\u2248\u00B0\u2219\u00B7\u221A\u207F\u00B2\u25A0\u00A0";
static_assert(std::size(kLow) == 32 + 1 && std::size(kHigh) == 128 + 1);

/// Glyphs of code 1, the smiling face, which stand right after an empty glyph in every font of this family.
constexpr FontSet::Glyph kFace8{0x7E, 0x81, 0xA5, 0x81, 0xBD, 0x99, 0x81, 0x7E};
constexpr FontSet::Glyph kFace14{0, 0, 0x7E, 0x81, 0xA5, 0x81, 0x81, 0xBD, 0x99, 0x81, 0x7E};
constexpr FontSet::Glyph kFace16{0, 0, 0x7E, 0x81, 0xA5, 0x81, 0x81, 0xBD, 0x99, 0x81, 0x81, 0x7E};

unsigned difference(const FontSet::Glyph& a, const FontSet::Glyph& b) {
    std::array<u64, 2> left;
    std::array<u64, 2> right;
    std::memcpy(left.data(), a.data(), sizeof left);
    std::memcpy(right.data(), b.data(), sizeof right);
    return static_cast<unsigned>(std::popcount(left[0] ^ right[0]) + std::popcount(left[1] ^ right[1]));
}

/// SeaBIOS' 8x16 font has some letters as they look best nine dots wide; frame buffer consoles draw the same font with
/// eight-dot forms of them. Twelve rows from the top; the rest is empty.
struct EightDotForm {
    char code;
    std::array<u8, 12> rows;
};
constexpr EightDotForm kEightDotForms[] = {
    {'0', {0, 0, 0x38, 0x6C, 0xC6, 0xC6, 0xD6, 0xD6, 0xC6, 0xC6, 0x6C, 0x38}},
    {'M', {0, 0, 0xC6, 0xEE, 0xFE, 0xFE, 0xD6, 0xC6, 0xC6, 0xC6, 0xC6, 0xC6}},
    {'T', {0, 0, 0x7E, 0x7E, 0x5A, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x3C}},
    {'V', {0, 0, 0xC6, 0xC6, 0xC6, 0xC6, 0xC6, 0xC6, 0xC6, 0x6C, 0x38, 0x10}},
    {'W', {0, 0, 0xC6, 0xC6, 0xC6, 0xC6, 0xD6, 0xD6, 0xD6, 0xFE, 0xEE, 0x6C}},
    {'X', {0, 0, 0xC6, 0xC6, 0x6C, 0x7C, 0x38, 0x38, 0x7C, 0x6C, 0xC6, 0xC6}},
    {'Y', {0, 0, 0x66, 0x66, 0x66, 0x66, 0x3C, 0x18, 0x18, 0x18, 0x18, 0x3C}},
    {'Z', {0, 0, 0xFE, 0xC6, 0x86, 0x0C, 0x18, 0x30, 0x60, 0xC2, 0xC6, 0xFE}},
    {'`', {0, 0x30, 0x18, 0x0C}},
    {'f', {0, 0, 0x1C, 0x36, 0x32, 0x30, 0x78, 0x30, 0x30, 0x30, 0x30, 0x78}},
    {'m', {0, 0, 0, 0, 0, 0xEC, 0xFE, 0xD6, 0xD6, 0xD6, 0xD6, 0xC6}},
    {'v', {0, 0, 0, 0, 0, 0xC6, 0xC6, 0xC6, 0xC6, 0xC6, 0x6C, 0x38}},
    {'w', {0, 0, 0, 0, 0, 0xC6, 0xC6, 0xD6, 0xD6, 0xD6, 0xFE, 0x6C}},
    {'x', {0, 0, 0, 0, 0, 0xC6, 0x6C, 0x38, 0x38, 0x38, 0x6C, 0xC6}},
    {'|', {0, 0, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18}},
    {'~', {0, 0x76, 0xDC}},
};

} // namespace

char32_t unicode_of_cp437(u8 code) {
    if (code < 0x20) return kLow[code];
    if (code == 0x7F) return U'\u2302';
    return code < 0x80 ? code : kHigh[code - 0x80];
}

u8 cp437_of_unicode(char32_t character, u8 missing) {
    if (character >= 0x20 && character < 0x7F) return static_cast<u8>(character);
    for (unsigned code = 0; code < 256; ++code)
        if (unicode_of_cp437(static_cast<u8>(code)) == character) return static_cast<u8>(code);
    return missing;
}

void append_utf8(std::string& out, char32_t c) {
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xC0 | c >> 6);
        out += static_cast<char>(0x80 | (c & 0x3F));
    } else {
        out += static_cast<char>(0xE0 | c >> 12);
        out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
        out += static_cast<char>(0x80 | (c & 0x3F));
    }
}

std::vector<std::string> TextScreen::lines() const {
    std::vector<std::string> result(rows);
    for (u32 row = 0; row < rows; ++row) {
        const Cell* cell = cells.data() + usize{row} * columns;
        u32 length = columns;
        while (length > 0 && (cell[length - 1].character == U' ' || cell[length - 1].character == U'\u00A0')) --length;
        for (u32 column = 0; column < length; ++column) append_utf8(result[row], cell[column].character);
    }
    return result;
}

FontSet::FontSet(std::span<const u8> image) {
    const std::pair<unsigned, const Glyph*> known[] = {{16, &kFace16}, {14, &kFace14}, {8, &kFace8}};
    for (const auto& [height, face] : known) {
        const auto begin = face->begin();
        const auto end = begin + height;
        auto at = image.begin();
        for (;; ++at) {
            at = std::search(at, image.end(), begin, end);
            if (at == image.end()) break;
            const usize position = static_cast<usize>(at - image.begin());
            if (position < height || position - height + 256 * height > image.size()) continue;
            const u8* font = image.data() + position - height;
            if (std::any_of(font, font + height, [](u8 row) { return row != 0; })) continue;
            Font found{height, std::vector<Glyph>(256), {}};
            for (unsigned code = 0; code < 256; ++code)
                std::copy_n(font + code * height, height, found.glyphs[code].begin());
            for (unsigned code = 0x20; code < 0x7F; ++code) found.by_shape.emplace(found.glyphs[code], code);
            for (unsigned code = 0; code < 256; ++code) found.by_shape.emplace(found.glyphs[code], code);
            for (const EightDotForm& form : kEightDotForms) {
                if (height != 16) break;
                Glyph glyph{};
                std::copy(form.rows.begin(), form.rows.end(), glyph.begin());
                found.by_shape.emplace(glyph, static_cast<u8>(form.code));
            }
            fonts_.push_back(std::move(found));
            break;
        }
    }
}

std::vector<unsigned> FontSet::heights() const {
    std::vector<unsigned> result;
    for (const Font& font : fonts_) result.push_back(font.height);
    return result;
}

const FontSet::Glyph* FontSet::glyph(unsigned height, u8 code) const {
    for (const Font& font : fonts_)
        if (font.height == height) return &font.glyphs[code];
    return nullptr;
}

int FontSet::find(unsigned height, const Glyph& glyph) const {
    for (const Font& font : fonts_) {
        if (font.height != height) continue;
        if (const auto exact = font.by_shape.find(glyph); exact != font.by_shape.end()) return exact->second;
        // Relatives of the font differ in a dot or two of a few letters.
        constexpr unsigned kMostDifferent = 2;
        unsigned best = kMostDifferent + 1;
        int code = -1;
        for (unsigned i = 0x21; i < 0x7F; ++i) {
            const unsigned dots = difference(glyph, font.glyphs[i]);
            if (dots < best) best = dots, code = static_cast<int>(i);
        }
        return code;
    }
    return -1;
}

} // namespace r86

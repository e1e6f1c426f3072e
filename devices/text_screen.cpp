#include "devices/text_screen.h"
#include <algorithm>
#include <bit>

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
    unsigned dots = 0;
    for (usize i = 0; i < a.size(); ++i) dots += static_cast<unsigned>(std::popcount(static_cast<u8>(a[i] ^ b[i])));
    return dots;
}

} // namespace

char32_t unicode_of_cp437(u8 code) {
    if (code < 0x20) return kLow[code];
    if (code == 0x7F) return U'\u2302';
    return code < 0x80 ? code : kHigh[code - 0x80];
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

int FontSet::find(unsigned height, const Glyph& glyph) const {
    for (const Font& font : fonts_) {
        if (font.height != height) continue;
        if (const auto exact = font.by_shape.find(glyph); exact != font.by_shape.end()) return exact->second;
        // Relatives of the font (Linux, the BSDs) differ in a few dots of a few letters.
        constexpr unsigned kMostDifferent = 4;
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

namespace {

TextScreen read_cells(const VgaView& view, const FontSet& fonts) {
    const VgaRegisters& r = view.registers;
    const VgaColours colours(r, view.vbe.dac_8bit());
    TextScreen screen;
    screen.columns = std::min(r.horizontal_displayed(), r.horizontal_total());
    const unsigned height = r.maximum_scan_line() + 1;
    const bool two_fonts = r.font_a() != r.font_b();
    VgaScan scan(r, view.start_address);
    u32 last_address = ~u32{0};
    for (u32 y = 0; y < view.height(); ++y, scan.next_line()) {
        // A line that starts a row: a new address, or the split screen's first line.
        if (y > 0 && scan.row_address() == last_address) continue;
        last_address = scan.row_address();
        for (u32 column = 0; column < screen.columns; ++column) {
            const u32 counter = (scan.row_address() + column) & 0xFFFF;
            const u32 planes = view.fetch(counter, scan.row_scan());
            const u8 code = static_cast<u8>(planes);
            const u8 attribute = static_cast<u8>(planes >> 8);
            const u8 background = r.blink_enabled() ? (attribute >> 4) & 7 : attribute >> 4;
            TextScreen::Cell cell{unicode_of_cp437(code), colours.of4(attribute), colours.of4(background)};
            if (two_fonts && (attribute & 0x08) && (height == 16 || height == 14 || height == 8)) {
                // The second font holds what code page 437 has no place for; the shape may still be known.
                FontSet::Glyph glyph{};
                for (unsigned row = 0; row < height; ++row)
                    glyph[row] = view.vram[(r.font_a() + code * 32u + row) * 4 + 2];
                if (const int known = fonts.find(height, glyph); known >= 0)
                    cell.character = unicode_of_cp437(static_cast<u8>(known));
            }
            if (counter == r.cursor_location() && !(r.crtc[0x0A] & 0x20)) {
                screen.cursor_visible = true;
                screen.cursor_column = column;
                screen.cursor_row = screen.rows;
            }
            screen.cells.push_back(cell);
        }
        ++screen.rows;
    }
    return screen;
}

/// How many dots and lines of the picture show one pixel of the mode.
std::pair<u32, u32> pixel_size(const VgaView& view) {
    const VgaRegisters& r = view.registers;
    if (view.vbe.enabled()) return {1, 1};
    const u32 x = (r.half_dot_clock() ? 2u : 1u) * (r.eight_bit_pixels() ? 2u : 1u);
    // Lines of a row are equal unless row scan bits take part in the address (CR17).
    const bool equal_lines = (r.crtc[0x17] & 3) == 3;
    const u32 y = (r.double_scan() ? 2u : 1u) * (equal_lines ? r.maximum_scan_line() + 1 : 1);
    return {x, y};
}

/// 8 by `height` pixels as dots of two colours, the more frequent one the background.
struct Shape {
    FontSet::Glyph glyph{};
    u32 foreground;
    u32 background;
    bool two_colours = true;
    bool blank = false;
};

Shape shape_of(const Picture& p, u32 left, u32 top, std::pair<u32, u32> pixel, unsigned height) {
    const auto at = [&](u32 x, u32 y) {
        return p.pixels[usize{(top + y) * pixel.second} * p.width + usize{left + x} * pixel.first];
    };
    Shape shape;
    shape.background = at(0, 0);
    shape.foreground = shape.background;
    unsigned dots = 0;
    for (u32 y = 0; y < height; ++y) {
        for (u32 x = 0; x < 8; ++x) {
            const u32 colour = at(x, y);
            if (colour == shape.background) continue;
            if (dots == 0) shape.foreground = colour;
            if (colour != shape.foreground) {
                shape.two_colours = false;
                return shape;
            }
            ++dots;
            shape.glyph[y] |= static_cast<u8>(0x80u >> x);
        }
    }
    shape.blank = dots == 0;
    return shape;
}

TextScreen::Cell match(const Shape& shape, const FontSet& fonts, unsigned height) {
    if (!shape.two_colours || shape.blank) return {U' ', shape.foreground, shape.background};
    unsigned dots = 0;
    Shape inverse = shape;
    for (unsigned y = 0; y < height; ++y) {
        dots += static_cast<unsigned>(std::popcount(shape.glyph[y]));
        inverse.glyph[y] = static_cast<u8>(~shape.glyph[y]);
    }
    std::swap(inverse.foreground, inverse.background);
    const bool mostly_set = dots > height * 4;
    for (const Shape& attempt : {mostly_set ? inverse : shape, mostly_set ? shape : inverse}) {
        const int code = fonts.find(height, attempt.glyph);
        if (code >= 0) return {unicode_of_cp437(static_cast<u8>(code)), attempt.foreground, attempt.background};
    }
    return {U' ', shape.foreground, shape.background};
}

TextScreen read_picture(const VgaView& view, const FontSet& fonts) {
    TextScreen best;
    usize best_found = 0;
    Picture picture;
    render_vga(view, picture);
    const auto pixel = pixel_size(view);
    for (const unsigned height : fonts.heights()) {
        TextScreen screen;
        screen.columns = picture.width / pixel.first / 8;
        screen.rows = picture.height / pixel.second / height;
        usize found = 0;
        for (u32 row = 0; row < screen.rows; ++row) {
            for (u32 column = 0; column < screen.columns; ++column) {
                const auto shape = shape_of(picture, column * 8, row * height, pixel, height);
                screen.cells.push_back(match(shape, fonts, height));
                if (screen.cells.back().character != U' ') ++found;
            }
        }
        // Small cells find more by chance: half of a tall letter is sometimes a small one.
        if (best.cells.empty() || found * height > best_found) {
            best_found = found * height;
            best = std::move(screen);
        }
    }
    return best;
}

} // namespace

TextScreen read_text(const VgaView& view, const FontSet& fonts) {
    if (!view.visible()) return {};
    if (view.vbe.enabled() || view.registers.graphics_mode()) return read_picture(view, fonts);
    return read_cells(view, fonts);
}

} // namespace r86

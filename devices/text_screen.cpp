/// Reading the screen: text modes from their cells, graphics modes by the shapes in them.
#include "devices/text_screen.h"
#include <algorithm>
#include <bit>

namespace r86 {

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

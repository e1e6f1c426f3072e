#pragma once
/// The screen as characters: what scripts wait for and what a terminal shows. Text modes are read from their cells;
/// consoles drawn in graphics modes are read by matching 8 dots wide cells against the fonts of the VGA BIOS.
/// NOT IMPLEMENTED: proportional or anti-aliased text, fonts that are not 8 dots wide, grids that do not start at 0, 0.
#include "devices/vga_render.h"
#include <map>
#include <string>
#include <vector>

namespace r86 {

/// Code page 437 as Unicode, with the picture characters in 01h-1Fh.
char32_t unicode_of_cp437(u8 code);
/// The inverse; `missing` for what the code page does not have.
u8 cp437_of_unicode(char32_t character, u8 missing = '?');
void append_utf8(std::string& out, char32_t character);

struct TextScreen {
    struct Cell {
        char32_t character = U' ';
        u32 foreground = 0; ///< 00RRGGBBh
        u32 background = 0;
    };
    u32 columns = 0;
    u32 rows = 0;
    std::vector<Cell> cells; ///< row by row
    bool cursor_visible = false;
    u32 cursor_column = 0;
    u32 cursor_row = 0;

    /// Every row as UTF-8, trailing blanks cut.
    std::vector<std::string> lines() const;
};

/// The 8x8, 8x14 and 8x16 fonts of a VGA BIOS image.
class FontSet {
public:
    using Glyph = std::array<u8, 16>; ///< rows from the top, bit 7 leftmost; unused rows are 0

    FontSet() = default;
    explicit FontSet(std::span<const u8> video_bios);

    bool empty() const { return fonts_.empty(); }
    /// Heights found, the tallest first.
    std::vector<unsigned> heights() const;
    /// The character code with these dots, or one that differs from it in very few; -1 if there is none.
    int find(unsigned height, const Glyph& glyph) const;
    /// The dots of a character code; nullptr if there is no font of that height.
    const Glyph* glyph(unsigned height, u8 code) const;

private:
    struct Font {
        unsigned height;
        std::vector<Glyph> glyphs;    // 256
        std::map<Glyph, u8> by_shape; // the lowest code of printable ASCII first
    };
    std::vector<Font> fonts_;
};

TextScreen read_text(const VgaView& view, const FontSet& fonts);

} // namespace r86

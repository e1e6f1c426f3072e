#pragma once
/// A text picture that is drawn again and again: only the rows of characters that differ from the last time are.
/// A blinking cursor costs its own row, and nothing here is state: the picture is the one that render_vga draws.
#include "devices/vga_render.h"
#include <optional>
#include <vector>

namespace r86 {

class VgaCanvas {
public:
    /// As render_vga(view, out). Pictures that are no plain text go straight to `out`.
    void draw(const VgaView& view, Picture& out);
    /// Rows of characters that the last draw() found different; of plain text only.
    usize rows_drawn() const { return rows_drawn_; }

private:
    /// What all rows share. Different from the last time: everything is drawn.
    struct Frame {
        VgaRegisters registers; ///< without those that only ports see, and without the cursor's place
        VgaTiming timing;
        u16 start_address;
        bool dac_8bit;
        bool operator==(const Frame&) const = default;
    };
    struct Cursor {
        bool on;
        u16 address;
        bool operator==(const Cursor&) const = default;
    };
    struct Row {
        std::vector<u32> cells; ///< planes 0 to 3 of each character; the font is in `glyphs_`
        bool blinks;            ///< one of them has the blink attribute
    };

    static bool is_plain_text(const VgaView& view);
    static Frame frame_of(const VgaView& view);
    static Cursor cursor_of(const VgaView& view);
    bool take_glyphs(const VgaView& view);
    bool take_row(const VgaView& view, u32 address, Row& row) const;

    Picture picture_;
    std::optional<Frame> frame_; ///< none: `picture_` shows nothing to build on
    Cursor cursor_{};
    bool characters_on_ = false; ///< of the two phases of blinking
    std::vector<Row> rows_;
    usize rows_drawn_ = 0;
    std::vector<u8> glyphs_; ///< both fonts
};

} // namespace r86

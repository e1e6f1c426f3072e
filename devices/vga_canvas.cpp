#include "devices/vga_canvas.h"
#include <algorithm>

namespace r86 {

namespace {
constexpr u32 kFontBytes = 256 * 32;
constexpr u32 kBlinkAttribute = 0x8000; // plane 1, bit 7
} // namespace

/// Rows of characters whose lines all come from the same addresses.
bool VgaCanvas::is_plain_text(const VgaView& view) {
    const VgaRegisters& r = view.registers;
    const bool one_address = (r.crtc[0x17] & 3) == 3; // no row scan bits in it
    return view.changes.empty() && view.visible() && !view.vbe.enabled() && !r.graphics_mode() && one_address;
}

VgaCanvas::Frame VgaCanvas::frame_of(const VgaView& view) {
    Frame frame{view.registers, view.timing, view.start_address, view.vbe.dac_8bit()};
    VgaRegisters& r = frame.registers;
    r.crtc[0x0E] = r.crtc[0x0F] = 0;
    r.sequencer_index = r.crtc_index = r.graphics_index = 0;
    r.attribute_index &= 0x20;
    r.attribute_data_next = false;
    r.latches = 0;
    const VgaDac dac = r.dac;
    r.dac = {};
    r.dac.pel_mask = dac.pel_mask;
    r.dac.palette = dac.palette;
    return frame;
}

VgaCanvas::Cursor VgaCanvas::cursor_of(const VgaView& view) {
    const VgaRegisters& r = view.registers;
    return {!(r.crtc[0x0A] & 0x20) && view.cursor_phase(),
            static_cast<u16>(r.cursor_location() + ((r.crtc[0x0B] >> 5) & 3u))};
}

/// True if they are those of the last time.
bool VgaCanvas::take_glyphs(const VgaView& view) {
    glyphs_.resize(2 * kFontBytes);
    u8 differs = 0;
    u8* seen = glyphs_.data();
    for (const u32 font : {view.registers.font_a(), view.registers.font_b()}) {
        const u8* plane2 = view.vram.data() + usize{font} * 4 + 2;
        for (u32 i = 0; i < kFontBytes; ++i, ++seen) {
            differs |= static_cast<u8>(*seen ^ plane2[usize{i} * 4]);
            *seen = plane2[usize{i} * 4];
        }
    }
    return !differs;
}

/// True if the characters are those of the last time.
bool VgaCanvas::take_row(const VgaView& view, u32 address, Row& row) const {
    bool same = true;
    row.blinks = false;
    for (u32 column = 0; column < row.cells.size(); ++column) {
        // A font's bytes in plane 2 share their addresses with the text.
        const u32 cell = view.fetch((address + column) & 0xFFFF, 0) & 0xFFFF;
        same &= cell == row.cells[column];
        row.blinks |= (cell & kBlinkAttribute) != 0;
        row.cells[column] = cell;
    }
    return same;
}

void VgaCanvas::draw(const VgaView& view, Picture& out) {
    if (!is_plain_text(view)) {
        frame_.reset();
        return render_vga(view, out);
    }
    const Frame frame = frame_of(view);
    const bool same_glyphs = take_glyphs(view);
    const bool builds_on = frame_ == frame && same_glyphs;
    if (!builds_on) rows_.clear();
    const Cursor cursor = cursor_of(view);
    const bool cursor_differs = cursor != cursor_;
    const bool blink_differs = view.registers.blink_enabled() && view.character_phase() != characters_on_;
    const u32 columns = picture_columns(view.registers);
    const auto holds = [columns](const Cursor& one, u32 address) {
        return one.on && ((one.address - address) & 0xFFFF) < columns;
    };

    // Equal frames go through the same rows, so that their number says which is which.
    usize number = 0;
    rows_drawn_ = 0;
    std::optional<u32> address;
    bool has_it = false;
    render_vga(view, picture_, [&](const VgaScan& scan) {
        if (address == scan.row_address()) return has_it;
        address = scan.row_address();
        const bool known = number < rows_.size();
        if (!known) rows_.push_back({std::vector<u32>(columns), false});
        Row& row = rows_[number++];
        const bool same = take_row(view, *address, row) && known;
        const bool cursor_here = cursor_differs && (holds(cursor_, *address) || holds(cursor, *address));
        has_it = same && !cursor_here && !(blink_differs && row.blinks);
        rows_drawn_ += !has_it;
        return has_it;
    });
    frame_ = frame;
    cursor_ = cursor;
    characters_on_ = view.character_phase();
    out.width = picture_.width;
    out.height = picture_.height;
    out.pixels = picture_.pixels;
}

} // namespace r86

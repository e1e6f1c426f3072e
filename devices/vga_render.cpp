#include "devices/vga_render.h"
#include <algorithm>
#include <cstring>
#include <utility>

namespace r86 {

namespace {

/// Eight pixels, one in each byte, the leftmost in the lowest.
using EightPixels = u64;

constexpr std::array<u64, 256> make_spread() {
    std::array<u64, 256> table{};
    for (unsigned value = 0; value < 256; ++value)
        for (unsigned x = 0; x < 8; ++x) table[value] |= u64{(value >> (7 - x)) & 1u} << (x * 8);
    return table;
}
constexpr std::array<u64, 256> kSpread = make_spread(); // bit 7 is the leftmost pixel
static_assert(kSpread[0x81] == 0x0100000000000001);

/// Two-bit pixels of a byte, the leftmost in bits 7 and 6.
constexpr u64 pairs(u8 value) {
    return u64{bits(value, 7, 6)} | u64{bits(value, 5, 4)} << 8 | u64{bits(value, 3, 2)} << 16 |
           u64{bits(value, 1, 0)} << 24;
}

/// Graphics controller Mode register, Shift Register Mode: how the bytes of four planes leave as 4-bit pixels.
EightPixels shift_out(const VgaRegisters& r, u32 planes) {
    const auto plane = [planes](unsigned n) { return static_cast<u8>(planes >> (n * 8)); };
    if (r.shift_256()) {
        EightPixels pixels = 0;
        for (unsigned n = 0; n < 4; ++n)
            pixels |= (u64{bits(plane(n), 7, 4)} | u64{bits(plane(n), 3, 0)} << 8) << (n * 16);
        return pixels;
    }
    if (r.shift_interleave())
        return (pairs(plane(0)) | pairs(plane(2)) << 2) | (pairs(plane(1)) | pairs(plane(3)) << 2) << 32;
    return kSpread[plane(0)] | kSpread[plane(1)] << 1 | kSpread[plane(2)] << 2 | kSpread[plane(3)] << 3;
}

/// For four dots of a glyph, the leftmost in bit 3: all ones where they are set.
constexpr std::array<std::array<u32, 4>, 16> make_masks() {
    std::array<std::array<u32, 4>, 16> table{};
    for (unsigned value = 0; value < 16; ++value)
        for (unsigned x = 0; x < 4; ++x) table[value][x] = value & (8u >> x) ? ~u32{0} : 0;
    return table;
}
constexpr std::array<std::array<u32, 4>, 16> kMasks = make_masks();

/// One scan line, one u32 for each dot, before panning and before half-clock dots are doubled.
class LineBuffer {
public:
    void put(u32 colour) { dots_[used_++] = colour; }
    /// Eight dots, the leftmost in bit 7.
    void put(u8 glyph, u32 foreground, u32 background) {
        u32* out = &dots_[used_];
        used_ += 8;
        for (const unsigned half : {unsigned{glyph} >> 4, unsigned{glyph} & 15})
            for (unsigned x = 0; x < 4; ++x) *out++ = background ^ ((foreground ^ background) & kMasks[half][x]);
    }
    void start() { used_ = 0; }
    const u32* dots() const { return dots_.data(); }

private:
    static constexpr unsigned kMostCharacters = 256 + 1; // one more for panning
    std::array<u32, kMostCharacters * 9> dots_{};
    usize used_ = 0;
};

class TextLine {
public:
    TextLine(const VgaView& view, const VgaColours& colours) : view_(view), r_(view.registers), colours_(colours) {
        const u8 start = r_.crtc[0x0A];
        const u8 end = r_.crtc[0x0B];
        cursor_first_ = start & 0x1F;
        cursor_last_ = end & 0x1F;
        cursor_on_ = !(start & 0x20) && view.cursor_phase();
        cursor_address_ = (r_.cursor_location() + ((end >> 5) & 3u)) & 0xFFFF; // Cursor Skew delays it
    }

    void draw(const VgaScan& scan, unsigned characters, LineBuffer& line) const {
        const bool nine = r_.dots_per_character() == 9;
        const unsigned row = scan.row_scan();
        const bool cursor_row = cursor_on_ && row >= cursor_first_ && row <= cursor_last_;
        const bool underline_row = row == (r_.crtc[0x14] & 0x1Fu);
        for (unsigned column = 0; column < characters; ++column) {
            const u32 counter = (scan.row_address() + column) & 0xFFFF;
            const u32 planes = view_.fetch(counter, row);
            const u8 code = static_cast<u8>(planes);
            const u8 attribute = static_cast<u8>(planes >> 8);
            const u32 font = attribute & 0x08 ? r_.font_a() : r_.font_b();
            u8 glyph = view_.vram[(font + code * 32u + row) * 4 + 2];
            u32 foreground = colours_.of4(attribute);
            u32 background = colours_.of4(attribute >> 4);
            if (r_.blink_enabled()) {
                background = colours_.of4((attribute >> 4) & 7);
                if ((attribute & 0x80) && !view_.character_phase()) foreground = background;
            }
            const bool cursor = cursor_row && counter == cursor_address_;
            // X000X001b is the underlined attribute of the monochrome adapter.
            const bool solid = cursor || (underline_row && (attribute & 0x77) == 0x01);
            if (solid) glyph = 0xFF;
            line.put(glyph, foreground, background);
            // Line Graphics Enable: the ninth dot of C0h-DFh repeats the eighth, so that boxes close.
            if (nine) {
                const bool repeat = solid || (r_.line_graphics() && (code & 0xE0) == 0xC0);
                line.put(repeat && (glyph & 1) ? foreground : background);
            }
        }
    }

private:
    const VgaView& view_;
    const VgaRegisters& r_;
    const VgaColours& colours_;
    unsigned cursor_first_;
    unsigned cursor_last_;
    bool cursor_on_;
    u32 cursor_address_;
};

void draw_graphics(const VgaView& view, const VgaColours& colours, const VgaScan& scan, unsigned characters,
                   LineBuffer& line) {
    const VgaRegisters& r = view.registers;
    const bool count_by_two = r.crtc[0x17] & 0x08;
    const bool count_by_four = r.crtc[0x14] & 0x20;
    const unsigned count_shift = count_by_four ? 2 : count_by_two ? 1 : 0;
    const bool nine = r.dots_per_character() == 9;
    for (unsigned column = 0; column < characters; ++column) {
        const u32 counter = (scan.row_address() + (column >> count_shift)) & 0xFFFF;
        const EightPixels pixels = shift_out(r, view.fetch(counter, scan.row_scan()));
        u32 colour = 0;
        if (r.eight_bit_pixels()) {
            // Pixel Width: two 4-bit pixels make one of 8 bits that lasts two dots.
            for (unsigned x = 0; x < 8; x += 2) {
                const unsigned pair = static_cast<unsigned>(pixels >> (x * 8));
                colour = colours.of8((pair & 0x0F) << 4 | ((pair >> 8) & 0x0F));
                line.put(colour);
                line.put(colour);
            }
        } else {
            for (unsigned x = 0; x < 8; ++x) {
                colour = colours.of4(static_cast<unsigned>(pixels >> (x * 8)));
                line.put(colour);
            }
        }
        if (nine) line.put(colour);
    }
}

/// Attribute controller, Horizontal PEL Panning: dots by which the picture moves to the left.
unsigned panning_dots(const VgaRegisters& r, unsigned panning) {
    if (r.dots_per_character() == 9) return panning >= 8 ? 0 : panning + 1;
    return panning & 7;
}

void resize(Picture& picture, u32 width, u32 height) {
    picture.width = width;
    picture.height = height;
    picture.pixels.resize(usize{width} * height);
}

} // namespace

bool VgaView::visible() const {
    if (registers.screen_off() || !registers.palette_on_display()) return false;
    // The extensions have clocks of their own: drivers without a VGA BIOS never start the sequencer.
    return vbe.enabled() || (timing.synchronous && registers.running());
}

u32 VgaView::width() const { return vbe.enabled() ? vbe.width() : timing.display_dots; }
u32 VgaView::height() const { return vbe.enabled() ? vbe.height() : timing.display_lines; }

/// CR17 and CR14: byte, word or doubleword addresses from the counter, then row scan bits in place of address bits
/// 13 and 14 for the adapters before the VGA.
u32 VgaView::fetch(u32 counter, unsigned row_scan) const {
    const u8 mode = registers.crtc[0x17];
    u32 address = counter;
    if (registers.doubleword_mode()) {
        address = counter << 2 | ((counter >> 14) & 3);
    } else if (!registers.byte_mode()) {
        const unsigned wrapped = mode & 0x20 ? 15 : 13;
        address = counter << 1 | ((counter >> wrapped) & 1);
    }
    if (!(mode & 0x01)) address = (address & ~0x2000u) | (row_scan & 1) << 13;
    if (!(mode & 0x02)) address = (address & ~0x4000u) | ((row_scan >> 1) & 1) << 14;
    u32 planes;
    std::memcpy(&planes, vram.data() + usize{address & 0xFFFF} * 4, 4);
    return planes;
}

VgaScan::VgaScan(const VgaRegisters& registers, u16 start_address)
    : registers_(registers), row_address_(start_address + registers.byte_panning()),
      row_scan_(registers.preset_row_scan()) {}

void VgaScan::next_line() {
    const VgaRegisters& r = registers_;
    ++line_;
    const unsigned halved = r.vertical_times_two() ? 1 : 0;
    // Line Compare: the line after the one that matches starts again at address 0, row 0.
    if (line_ == (r.line_compare() + 1) << halved) {
        row_address_ = 0;
        row_scan_ = 0;
        repeat_ = false;
        split_ = true;
        if (r.split_keeps_panning()) row_address_ = r.byte_panning();
        return;
    }
    if (r.double_scan()) {
        repeat_ = !repeat_;
        if (repeat_) return;
    }
    if (row_scan_ == r.maximum_scan_line()) {
        row_scan_ = 0;
        row_address_ = (row_address_ + r.row_offset()) & 0xFFFF;
    } else {
        row_scan_ = (row_scan_ + 1) & 0x1F;
    }
}

VgaColours::VgaColours(const VgaRegisters& r, bool dac_8bit) {
    const auto component = [dac_8bit](u8 value) -> u32 {
        return dac_8bit ? value : (value & 0x3Fu) << 2 | (value & 0x3Fu) >> 4;
    };
    for (unsigned i = 0; i < 256; ++i) {
        const u8* rgb = r.dac.palette.data() + (i & r.dac.pel_mask) * 3;
        dac_[i] = component(rgb[0]) << 16 | component(rgb[1]) << 8 | component(rgb[2]);
    }
    const u8 mode = r.attribute[0x10];
    const unsigned select = r.attribute[0x14];
    for (unsigned i = 0; i < 16; ++i) {
        unsigned index = r.attribute[i & r.attribute[0x12]] & 0x3F;  // Color Plane Enable
        if (mode & 0x80) index = (index & 0x0F) | (select & 3) << 4; // P5, P4 Select
        palette_[i] = dac_[index | (select & 0x0C) << 4];
    }
}

/// Horizontal total may cut off displayed characters.
u32 picture_columns(const VgaRegisters& r) { return std::min<u32>(r.horizontal_displayed(), r.horizontal_total()) + 1; }

void render_vga(const VgaView& top, Picture& picture, const HasLine& has_line) {
    const u32 width = top.width();
    const u32 height = top.height();
    resize(picture, width, height);
    if (!top.visible() && top.changes.empty()) {
        std::fill(picture.pixels.begin(), picture.pixels.end(), 0);
        return;
    }
    if (top.vbe.enabled()) return render_vbe(top, picture);

    VgaRegisters r = top.registers; // as they are when the beam is in the line
    const VgaView view{r, top.vbe, top.vram, top.timing, top.start_address, top.frame, top.blink, {}};
    auto change = top.changes.begin();
    VgaColours colours(r, view.vbe.dac_8bit());
    const TextLine text(view, colours);
    const unsigned dot_width = r.half_dot_clock() ? 2 : 1;
    const unsigned characters = picture_columns(r);
    LineBuffer line;
    VgaScan scan(r, view.start_address);
    u32 drawn_address = 0;
    unsigned drawn_scan = 0;
    unsigned drawn_panning = 0;
    bool drawn_nothing = false;
    for (u32 y = 0; y < height; ++y, scan.next_line()) {
        u32* out = picture.pixels.data() + usize{y} * width;
        bool changed = y == 0;
        for (; change != top.changes.end() && change->line <= y; ++change) {
            line_register(r, change->number) = change->after;
            changed = true;
        }
        if (changed && y > 0) colours = VgaColours(r, view.vbe.dac_8bit());
        if (!view.visible()) {
            std::fill_n(out, width, 0);
            drawn_nothing = true;
            continue;
        }
        if (has_line && has_line(scan)) {
            drawn_nothing = true; // by us: the next line cannot be a copy
            continue;
        }
        // In graphics modes only the row scan bits that reach the address make lines of a row differ.
        const unsigned scan_bits = r.graphics_mode() ? scan.row_scan() & ~r.crtc[0x17] & 3 : scan.row_scan();
        if (!changed && !std::exchange(drawn_nothing, false) && scan.row_address() == drawn_address &&
            scan_bits == drawn_scan && scan.pixel_panning() == drawn_panning) {
            std::memcpy(out, out - width, usize{width} * sizeof(u32));
            continue;
        }
        drawn_address = scan.row_address();
        drawn_scan = scan_bits;
        drawn_panning = scan.pixel_panning();
        line.start();
        if (r.graphics_mode())
            draw_graphics(view, colours, scan, characters, line);
        else
            text.draw(scan, characters, line);
        const u32* dots = line.dots() + panning_dots(r, scan.pixel_panning());
        if (dot_width == 1)
            std::memcpy(out, dots, usize{width} * sizeof(u32));
        else
            for (u32 x = 0; x < width; ++x) out[x] = dots[x / 2];
    }
}

} // namespace r86

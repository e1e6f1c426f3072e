#pragma once
/// The VGA's registers as the ports show them, and the names of their fields. What they mean for memory accesses is in
/// vga_memory.h, for the beam in vga_timing.h, for the picture in vga_render.h.
/// Data sheet: IBM "Personal System/2 Hardware Interface Technical Reference, Video Subsystem" (1992), section 2, VGA
/// function; the same registers are in Chips and Technologies, "82C451 Data Sheet" (1989).
#include "core/bits.h"
#include "core/state_visitor.h"

namespace r86 {

/// Palette DAC in the way of an Inmos IMSG171: 256 words of three components behind an address register that steps by
/// itself, one for reading and one for writing.
struct VgaDac {
    u8 pel_mask = 0xFF;
    u8 read_address = 0;
    u8 write_address = 0;
    u8 component = 0; ///< 0 red, 1 green, 2 blue comes next
    bool reading = false;
    std::array<u8, 3> buffer{}; ///< a colour reaches the palette when its third component has been written
    std::array<u8, 768> palette{};

    bool operator==(const VgaDac&) const = default;
    void visit(StateVisitor& v) {
        auto& [mask, read, write, next, is_reading, latch, colours] = *this;
        v.field("pel_mask", mask);
        v.field("read_address", read);
        v.field("write_address", write);
        v.field("component", next);
        v.field("reading", is_reading);
        v.field("buffer", latch);
        v.field("palette", colours);
        if (v.loading()) next %= 3;
    }
};

struct VgaRegisters {
    u8 misc_output = 0;
    u8 feature_control = 0;
    u8 subsystem_enable = 1;
    u8 sequencer_index = 0;
    std::array<u8, 5> sequencer{};
    u8 crtc_index = 0;
    std::array<u8, 0x19> crtc{};
    u8 graphics_index = 0;
    std::array<u8, 9> graphics{};
    u8 attribute_index = 0;           ///< bit 5 is PAS, Palette Address Source
    bool attribute_data_next = false; ///< the flip-flop behind port 3C0h
    std::array<u8, 0x15> attribute{};
    VgaDac dac;
    u32 latches = 0; ///< one byte for each plane, plane 0 lowest

    bool operator==(const VgaRegisters&) const = default;

    // General registers.
    bool colour_addresses() const { return misc_output & 0x01; } ///< 3Dxh instead of 3Bxh
    bool memory_enabled() const { return (misc_output & 0x02) && (subsystem_enable & 1); }
    unsigned clock_select() const { return (misc_output >> 2) & 3; }

    // Sequencer: Reset, Clocking Mode, Map Mask, Character Map Select, Memory Mode.
    bool running() const { return (sequencer[0] & 3) == 3; }
    unsigned dots_per_character() const { return (sequencer[1] & 0x01) ? 8 : 9; }
    bool half_dot_clock() const { return sequencer[1] & 0x08; }
    bool screen_off() const { return sequencer[1] & 0x20; }
    u8 map_mask() const { return sequencer[2]; }
    bool odd_even_writes() const { return !(sequencer[4] & 0x04); }
    bool chain4() const { return sequencer[4] & 0x08; }
    /// Byte offset in plane 2 of the font for characters whose attribute bit 3 is set (A) or clear (B).
    u32 font_a() const { return font_offset((sequencer[3] >> 2) & 3, sequencer[3] & 0x20); }
    u32 font_b() const { return font_offset(sequencer[3] & 3, sequencer[3] & 0x10); }

    // CRT controller.
    u32 horizontal_total() const { return crtc[0x00] + 5u; } ///< characters
    u32 horizontal_displayed() const { return crtc[0x01] + 1u; }
    u32 vertical_total() const { return (crtc[0x06] | overflow(0, 8) | overflow(5, 9)) + 2u; }
    u32 vertical_displayed() const { return (crtc[0x12] | overflow(1, 8) | overflow(6, 9)) + 1u; }
    u32 vertical_retrace_start() const { return crtc[0x10] | overflow(2, 8) | overflow(7, 9); }
    u32 vertical_retrace_end() const { return crtc[0x11] & 0x0F; } ///< only the low four bits of the line
    u32 line_compare() const { return crtc[0x18] | overflow(4, 8) | ((crtc[0x09] >> 6) & 1u) << 9; }
    bool locked() const { return crtc[0x11] & 0x80; }
    unsigned maximum_scan_line() const { return crtc[0x09] & 0x1F; }
    bool double_scan() const { return crtc[0x09] & 0x80; }
    unsigned preset_row_scan() const { return crtc[0x08] & 0x1F; }
    unsigned byte_panning() const { return (crtc[0x08] >> 5) & 3; }
    u16 start_address() const { return static_cast<u16>(crtc[0x0C] << 8 | crtc[0x0D]); }
    u16 cursor_location() const { return static_cast<u16>(crtc[0x0E] << 8 | crtc[0x0F]); }
    u32 row_offset() const { return crtc[0x13] * 2u; } ///< address counter steps from row to row
    bool doubleword_mode() const { return crtc[0x14] & 0x40; }
    bool byte_mode() const { return crtc[0x17] & 0x40; }
    bool vertical_times_two() const { return crtc[0x17] & 0x04; }

    // Graphics controller.
    u8 set_reset() const { return graphics[0]; }
    u8 enable_set_reset() const { return graphics[1]; }
    unsigned rotate_count() const { return graphics[3] & 7; }
    unsigned function_select() const { return (graphics[3] >> 3) & 3; }
    unsigned read_map_select() const { return graphics[4] & 3; }
    unsigned write_mode() const { return graphics[5] & 3; }
    bool read_mode_1() const { return graphics[5] & 0x08; }
    bool odd_even_reads() const { return graphics[5] & 0x10; }
    bool shift_interleave() const { return graphics[5] & 0x20; }
    bool shift_256() const { return graphics[5] & 0x40; }
    bool graphics_mode() const { return graphics[6] & 0x01; }
    bool chain_odd_even() const { return graphics[6] & 0x02; }
    unsigned memory_map() const { return (graphics[6] >> 2) & 3; }
    u8 bit_mask() const { return graphics[8]; }

    // Attribute controller.
    bool palette_on_display() const { return attribute_index & 0x20; } ///< PAS; clear: the screen is blank
    bool line_graphics() const { return attribute[0x10] & 0x04; }
    bool blink_enabled() const { return attribute[0x10] & 0x08; }
    bool split_keeps_panning() const { return !(attribute[0x10] & 0x20); }
    bool eight_bit_pixels() const { return attribute[0x10] & 0x40; }
    unsigned pixel_panning() const { return attribute[0x13] & 0x0F; }

    void visit(StateVisitor& v) {
        auto& [misc, feature, enable, seq_index, seq, crt_index, crt, gfx_index, gfx, attr_index, flip_flop, attr, pal,
               latch] = *this;
        v.field("misc_output", misc);
        v.field("feature_control", feature);
        v.field("subsystem_enable", enable);
        v.field("sequencer_index", seq_index);
        v.field("sequencer", seq);
        v.field("crtc_index", crt_index);
        v.field("crtc", crt);
        v.field("graphics_index", gfx_index);
        v.field("graphics", gfx);
        v.field("attribute_index", attr_index);
        v.field("attribute_data_next", flip_flop);
        v.field("attribute", attr);
        v.field("dac", pal);
        v.field("latches", latch);
    }

private:
    u32 overflow(unsigned from, unsigned to) const { return ((crtc[0x07] >> from) & 1u) << to; }
    static u32 font_offset(unsigned low, bool high) { return low * 0x4000u + (high ? 0x2000u : 0); }
};

} // namespace r86

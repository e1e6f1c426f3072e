#pragma once
/// From video memory and registers to a picture. Nothing here is state and nothing here changes state.
#include "core/host_endpoints.h"
#include "devices/bochs_vbe.h"
#include "devices/vga_raster.h"
#include "devices/vga_timing.h"
#include <functional>
#include <span>

namespace r86 {

enum class VgaBlink : u8 {
    Live,   ///< as the frame counter has it
    Steady, ///< cursor and blinking characters always on: for comparing pictures and reading text
};

struct VgaView {
    const VgaRegisters& registers;
    const BochsVbe& vbe;
    std::span<const u8> vram;
    const VgaTiming& timing;
    u16 start_address;
    u32 frame;
    VgaBlink blink;
    std::span<const VgaChange> changes; ///< in the middle of the frame; `registers` are those at its top

    // IBM: the cursor blinks with 1/16, a character with 1/32 of the frame rate.
    bool cursor_phase() const { return blink == VgaBlink::Steady || !(frame & 8); }
    bool character_phase() const { return blink == VgaBlink::Steady || !(frame & 16); }
    /// False: reset, screen off or palette address source off; the picture is black.
    bool visible() const;
    u32 width() const;
    u32 height() const;
    /// The plane bytes that the CRT controller fetches at this value of its address counter (16 bits) and row scan.
    u32 fetch(u32 counter, unsigned row_scan) const;
};

/// The CRT controller's address and row scan counters from scan line to scan line.
class VgaScan {
public:
    VgaScan(const VgaRegisters& registers, u16 start_address);
    void next_line();
    u32 row_address() const { return row_address_; }
    unsigned row_scan() const { return row_scan_; }
    /// Horizontal PEL Panning as it is now; below the split none, if that is asked for.
    unsigned pixel_panning() const {
        if (split_ && !registers_.split_keeps_panning()) return registers_.dots_per_character() == 9 ? 8 : 0;
        return registers_.pixel_panning();
    }

private:
    const VgaRegisters& registers_;
    u32 line_ = 0;
    u32 row_address_;
    unsigned row_scan_;
    bool split_ = false;  // Line Compare has matched
    bool repeat_ = false; // the second of two equal lines comes next
};

/// What the attribute controller and the DAC make of pixels, 00RRGGBBh.
class VgaColours {
public:
    VgaColours(const VgaRegisters& registers, bool dac_8bit);
    u32 of4(unsigned pixel) const { return palette_[pixel & 15]; }
    u32 of8(unsigned pixel) const { return dac_[pixel & 0xFF]; }

private:
    std::array<u32, 256> dac_;
    std::array<u32, 16> palette_;
};

/// Characters (of 8 or 9 dots) that a line of the picture needs: one more than it shows, to pan in.
u32 picture_columns(const VgaRegisters& registers);

/// Asked before each visible line of a mode without VBE is drawn: true if `picture` has it already.
using HasLine = std::function<bool(const VgaScan&)>;

/// A picture of the current mode: 720x400 black while nothing is programmed. `picture` is reused if it has the size.
void render_vga(const VgaView& view, Picture& picture, const HasLine& has_line = {});
/// The same for an enabled VBE mode; of render_vga's making.
void render_vbe(const VgaView& view, Picture& picture);

} // namespace r86

#pragma once
/// VGA: sequencer, CRT controller, graphics and attribute controllers, palette DAC, 16 MiB of video memory and the
/// Bochs VBE extensions, as QEMU's and Bochs' "standard VGA".
/// Data sheet: IBM "Personal System/2 Hardware Interface Technical Reference, Video Subsystem" (1992); Bochs, "VBE
/// Display API".
/// In a PC: ports 3B4h/3B5h, 3BAh, 3C0h-3CFh, 3D4h/3D5h, 3DAh, memory A0000h-BFFFFh; VBE ports 1CEh-1D0h and a linear
/// frame buffer in a PCI BAR.
/// Frames end at the start of vertical retrace, by virtual time from the programmed dot clock and counters. The frame
/// timer always runs, whether anybody looks or not, so that looking changes nothing.
/// The vertical interrupt can be polled in Input Status 0; its line is not connected, as on most boards.
/// Register changes in the middle of a frame show from the next scan line on (vga_raster.h).
/// NOT IMPLEMENTED: light pen, colour bits of Input Status 1 (diagnostic), blanking inside of the displayed area, shift
/// load by 2 and 4, video memory that changes in the middle of a frame. The border (overscan) is not part of a picture.
#include "core/bus.h"
#include "core/device.h"
#include "core/event_queue.h"
#include "core/host_endpoints.h"
#include "core/log.h"
#include "devices/bochs_vbe.h"
#include "devices/text_screen.h"
#include "devices/vga_canvas.h"
#include "devices/vga_memory.h"
#include "devices/vga_raster.h"
#include "devices/vga_registers.h"
#include "devices/vga_render.h"
#include "devices/vga_timing.h"
#include <functional>
#include <span>

namespace r86 {

class Vga final : public Device, public PortHandler {
public:
    Vga(EventQueue& queue, Log& log);

    void reset(ResetKind kind) override;
    void visit(StateVisitor& visitor) override;
    void loaded() override;

    /// Ports 3B0h-3DFh; offset 0 is 3B0h.
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    /// Ports 1CEh-1D0h.
    BochsVbe& vbe() { return vbe_; }
    /// A0000h-BFFFFh.
    MmioHandler& window() { return memory_; }
    /// The linear frame buffer. Whoever maps it may write to it directly while a VBE mode is on, and goes through
    /// memory().linear() otherwise: on_linear_change tells.
    std::span<u8> vram() { return memory_.bytes(); }
    void on_linear_change(std::function<void(bool direct)> hook) { linear_hook_ = std::move(hook); }
    VgaMemory& memory() { return memory_; }

    /// `hook` is called at each vertical retrace while frames are wanted, from the timer; it may call render().
    void on_frame(std::function<void()> hook) { frame_hook_ = std::move(hook); }
    void want_frames(bool wanted) { frames_wanted_ = wanted; }
    /// Unchanged between two frames: so is the picture. Modes in the linear frame buffer change it with every frame.
    u64 frame_generation() const { return generation_ + memory_.generation(); }

    void render(Picture& picture, VgaBlink blink = VgaBlink::Live) const;
    Picture render(VgaBlink blink = VgaBlink::Live) const;
    /// The same as the first, with what `canvas` remembers of the last time; it belongs to this VGA then.
    void render(VgaCanvas& canvas, Picture& picture) const;
    /// The VGA BIOS image, whose fonts are used to read text out of graphics modes.
    void set_video_bios(std::span<const u8> image) { fonts_ = FontSet(image); }
    TextScreen text() const;

private:
    struct State {
        VgaRegisters registers;
        u64 origin_ns = 0;      ///< when the frame timing in force started
        u32 frame = 0;          ///< frames so far: the clock of everything that blinks
        u16 start_address = 0;  ///< CRTC start address as of the last vertical retrace
        bool interrupt = false; ///< Input Status 0: a vertical interrupt is pending
        VgaRaster raster;       ///< changes in the middle of this frame and the last one
    };

    u8 read_crtc();
    u8 read_attribute() const;
    u8 read_dac();
    u8 input_status_1();
    void write_sequencer(u8 value);
    void write_crtc(u8 value);
    void write_graphics(u8 value);
    void write_attribute(u8 value);
    void write_dac(u8 value);

    VgaTiming timing_from_registers() const;
    void update_timing();
    void arm_frame_timer(u64 after_ns);
    void vertical_retrace(u64 deadline_ns);
    void picture_changed() { ++generation_; }
    VgaTiming::Beam beam() const {
        return timing_.beam(VirtualClock::cycles_at_ns(clock_.now_ns() - state_.origin_ns, timing_.hz));
    }
    /// Sets a register that decides how a line looks (vga_line_register); `seen`: the bits of it that do.
    void set_line_register(u16 number, u8 value, u8 seen = 0xFF);
    void path_changed();
    VgaView view(VgaBlink blink) const;
    /// Calls `draw` with the view of the frame that a picture is of.
    template <class Draw>
    void with_frame(VgaBlink blink, Draw draw) const;

    const VirtualClock& clock_;
    State state_;
    BochsVbe vbe_;
    VgaMemory memory_;
    Timer frame_timer_;
    VgaTiming timing_; // follows from the registers
    FontSet fonts_;
    std::function<void()> frame_hook_;
    std::function<void(bool)> linear_hook_;
    bool linear_direct_ = false; // follows from the VBE registers
    bool frames_wanted_ = false;
    bool frame_ends_ = false; // the frame hook runs: a picture is that of the frame under way
    u64 generation_ = 0;
};

} // namespace r86

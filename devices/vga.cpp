#include "devices/vga.h"
#include <utility>

namespace r86 {

Vga::Vga(EventQueue& queue, Log& log)
    : clock_(queue.clock()), vbe_(
                                 log, VgaMemory::kBytes,
                                 [this] {
                                     picture_changed();
                                     update_timing();
                                     path_changed();
                                 },
                                 [this](u32 bytes) { memory_.clear(bytes); }),
      memory_(state_.registers, vbe_),
      frame_timer_(queue, "vga.frame", [this](u64 deadline) { vertical_retrace(deadline); }) {
    reset(ResetKind::PowerOn);
}

void Vga::reset(ResetKind kind) {
    state_ = State{};
    vbe_.reset();
    if (kind == ResetKind::PowerOn) memory_.clear(VgaMemory::kBytes);
    path_changed();
    timing_ = timing_from_registers();
    state_.origin_ns = clock_.now_ns();
    arm_frame_timer(state_.origin_ns);
    picture_changed();
}

/// A register that may decide how the processor reaches video memory was written.
void Vga::path_changed() {
    memory_.path_changed();
    if (std::exchange(linear_direct_, vbe_.enabled()) != vbe_.enabled() && linear_hook_) linear_hook_(linear_direct_);
}

void Vga::visit(StateVisitor& v) {
    auto& [registers, origin_ns, frame, start_address, interrupt, raster] = state_;
    v.field("registers", registers);
    v.field("origin_ns", origin_ns);
    v.field("frame", frame);
    v.field("start_address", start_address);
    v.field("interrupt", interrupt);
    v.field("raster", raster);
    v.field("vbe", vbe_);
    v.field("memory", memory_);
}

void Vga::loaded() {
    timing_ = timing_from_registers();
    memory_.loaded();
    path_changed();
    picture_changed();
}

VgaTiming Vga::timing_from_registers() const {
    return vbe_.enabled() ? VgaTiming::for_size(vbe_.width(), vbe_.height()) : VgaTiming::from_crtc(state_.registers);
}

/// A new timing starts a frame at its top; writing the same values again changes nothing.
void Vga::update_timing() {
    const VgaTiming timing = timing_from_registers();
    if (timing == timing_) return;
    timing_ = timing;
    state_.raster.forget();
    state_.origin_ns = clock_.now_ns();
    arm_frame_timer(state_.origin_ns);
}

void Vga::arm_frame_timer(u64 after_ns) {
    const u64 retrace = u64{timing_.retrace_start} * timing_.line_dots;
    const u64 passed = VirtualClock::cycles_at_ns(after_ns - state_.origin_ns, timing_.hz);
    const u64 frames = passed < retrace ? 0 : (passed - retrace) / timing_.frame_dots() + 1;
    const u64 next = frames * timing_.frame_dots() + retrace;
    frame_timer_.arm_at(state_.origin_ns + VirtualClock::ns_of_cycles(next, timing_.hz));
}

/// The picture is the frame that has just been shown; then the CRT controller takes the start address of the next one.
void Vga::vertical_retrace(u64 deadline_ns) {
    constexpr u32 kBlinkStep = 8; // the cursor, the faster of the two, changes every 8 frames
    ++state_.frame;
    // CR11: bit 5 low enables the interrupt, bit 4 low clears it.
    if ((state_.registers.crtc[0x11] & 0x30) == 0x10) state_.interrupt = true;
    const bool text = !state_.registers.graphics_mode();
    if (vbe_.enabled() || (text && state_.frame % kBlinkStep == 0)) picture_changed();
    if (frames_wanted_ && frame_hook_) {
        frame_ends_ = true;
        frame_hook_();
        frame_ends_ = false;
    }
    if (state_.raster.moving()) {
        state_.raster.next_frame(state_.start_address);
        picture_changed();
    }
    if (state_.start_address != state_.registers.start_address()) {
        state_.start_address = state_.registers.start_address();
        picture_changed();
    }
    memory_.lend_if_busy();
    arm_frame_timer(deadline_ns);
}

VgaView Vga::view(VgaBlink blink) const {
    return {state_.registers, vbe_, memory_.bytes(), timing_, state_.start_address, state_.frame, blink, {}};
}

void Vga::set_line_register(u16 number, u8 value, u8 seen) {
    u8& target = line_register(state_.registers, number);
    if (((target ^ value) & seen) && !vbe_.enabled()) {
        const VgaTiming::Beam at = beam();
        const u32 line = at.line + (at.dot >= timing_.display_dots / 2 ? 1 : 0);
        // Behind the retrace everything is for the whole next frame.
        if (line > 0 && at.line < timing_.retrace_start)
            state_.raster.note({static_cast<u16>(line), number, target, value});
    }
    target = value;
}

template <class Draw>
void Vga::with_frame(VgaBlink blink, Draw draw) const {
    VgaView now = view(blink);
    const VgaRaster& raster = state_.raster;
    if (!vbe_.enabled()) now.changes = frame_ends_ ? raster.ending() : raster.shown();
    if (now.changes.empty()) return draw(now);
    VgaRegisters top = state_.registers;
    raster.rewind(top, !frame_ends_);
    const u16 start = frame_ends_ ? state_.start_address : raster.shown_start_address();
    draw(VgaView{top, vbe_, now.vram, timing_, start, now.frame, blink, now.changes});
}

void Vga::render(Picture& picture, VgaBlink blink) const {
    with_frame(blink, [&](const VgaView& view) { render_vga(view, picture); });
}

void Vga::render(VgaCanvas& canvas, Picture& picture) const {
    with_frame(VgaBlink::Live, [&](const VgaView& view) { canvas.draw(view, picture); });
}

Picture Vga::render(VgaBlink blink) const {
    Picture picture;
    render(picture, blink);
    return picture;
}

/// Text is read with the start address as programmed: a console that scrolls by it has already moved its rows.
TextScreen Vga::text() const {
    VgaView now = view(VgaBlink::Steady);
    now.start_address = state_.registers.start_address();
    return read_text(now, fonts_);
}

} // namespace r86

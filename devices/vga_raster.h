#pragma once
/// What a program changes while the beam is in the middle of a frame: colour bars, a second palette for a status line,
/// a split that moves, lines that are panned apart. A list of the changes of the frame under way and of the one before
/// is kept, so that a picture of a frame is still a pure function of the state.
/// A change counts from the scan line on that begins after it; in the first half of a line, from that line on. Video
/// memory is taken as it is at the end of the frame.
#include "devices/vga_registers.h"
#include <span>
#include <vector>

namespace r86 {

/// The registers that decide how a line looks, by number.
namespace vga_line_register {
constexpr u16 kDac = 0, kPelMask = 768, kAttribute = 769, kAttributeIndex = kAttribute + 0x15,
              kSequencer = kAttributeIndex + 1, kGraphics = kSequencer + 5, kCrtc = kGraphics + 9,
              kCount = kCrtc + 0x19;
}
u8& line_register(VgaRegisters& registers, u16 number);

struct VgaChange {
    u16 line = 0; ///< the first that shows it
    u16 number = 0;
    u8 before = 0, after = 0;
};

class VgaRaster {
public:
    void forget() { *this = {}; }
    /// More of them than a frame has use for are not kept: they count for the whole frame.
    void note(const VgaChange& change) {
        if (now_.size() < kMost) now_.push_back(change);
    }
    /// A frame ends; `start_address` was its own.
    void next_frame(u16 start_address);

    /// Changes of the frame that is about to end.
    std::span<const VgaChange> ending() const { return now_; }
    /// Changes of the last whole frame, if the one before had some as well: a program that set its colours once, in the
    /// middle of a frame, did not mean it.
    std::span<const VgaChange> shown() const { return row_ >= 2 ? shown_ : std::span<const VgaChange>{}; }
    u16 shown_start_address() const { return shown_start_; }
    /// The frame before needed changes, or this one does: the picture differs from one without.
    bool moving() const { return !shown_.empty() || !now_.empty(); }
    /// From the registers as they are now to those at the top of the frame that is about to end, or of the last whole
    /// one.
    void rewind(VgaRegisters& registers, bool whole_frame) const;

    void visit(StateVisitor& visitor);

private:
    static constexpr usize kMost = 4096;
    using Changes = std::vector<VgaChange>;
    static void visit_changes(StateVisitor& visitor, std::string_view name, Changes& changes);

    Changes now_, shown_;
    u16 shown_start_ = 0;
    u8 row_ = 0; ///< frames with changes in a row, up to 2
};

} // namespace r86

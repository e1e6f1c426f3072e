#include "devices/vga_raster.h"
#include <utility>

namespace r86 {

namespace {
constexpr usize kBytesOfChange = 6;
} // namespace

u8& line_register(VgaRegisters& r, u16 number) {
    using namespace vga_line_register;
    if (number < kPelMask) return r.dac.palette[number];
    if (number == kPelMask) return r.dac.pel_mask;
    if (number < kAttributeIndex) return r.attribute[number - kAttribute];
    if (number == kAttributeIndex) return r.attribute_index;
    if (number < kGraphics) return r.sequencer[number - kSequencer];
    if (number < kCrtc) return r.graphics[number - kGraphics];
    return r.crtc[number - kCrtc];
}

void VgaRaster::next_frame(u16 start_address) {
    row_ = now_.empty() ? u8{0} : row_ < 2 ? static_cast<u8>(row_ + 1) : row_;
    shown_ = std::exchange(now_, {});
    shown_start_ = start_address;
}

void VgaRaster::rewind(VgaRegisters& registers, bool whole_frame) const {
    for (auto change = now_.rbegin(); change != now_.rend(); ++change)
        line_register(registers, change->number) = change->before;
    if (!whole_frame) return;
    for (auto change = shown_.rbegin(); change != shown_.rend(); ++change)
        line_register(registers, change->number) = change->before;
}

void VgaRaster::visit_changes(StateVisitor& visitor, std::string_view name, Changes& changes) {
    std::vector<u8> bytes;
    if (!visitor.loading()) {
        bytes.reserve(changes.size() * kBytesOfChange);
        for (const VgaChange& c : changes)
            bytes.insert(bytes.end(), {static_cast<u8>(c.line), static_cast<u8>(c.line >> 8), static_cast<u8>(c.number),
                                       static_cast<u8>(c.number >> 8), c.before, c.after});
    }
    visitor.blob(name, bytes, kMost * kBytesOfChange);
    if (!visitor.loading()) return;
    changes.clear();
    for (usize at = 0; at + kBytesOfChange <= bytes.size(); at += kBytesOfChange) {
        const u8* b = bytes.data() + at;
        const VgaChange change{static_cast<u16>(b[0] | b[1] << 8), static_cast<u16>(b[2] | b[3] << 8), b[4], b[5]};
        if (change.number < vga_line_register::kCount) changes.push_back(change);
    }
}

void VgaRaster::visit(StateVisitor& visitor) {
    auto& [now, shown, shown_start, row] = *this;
    visit_changes(visitor, "now", now);
    visit_changes(visitor, "shown", shown);
    visitor.field("shown_start_address", shown_start);
    visitor.field("row", row);
}

} // namespace r86

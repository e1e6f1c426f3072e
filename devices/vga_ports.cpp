/// The register file of the VGA behind ports 3B0h-3DFh.
#include "devices/vga.h"
#include <algorithm>

namespace r86 {

namespace {

/// Offsets from 3B0h.
enum Port : u16 {
    kMonoCrtcIndex = 0x04,
    kMonoCrtcData = 0x05,
    kMonoStatus = 0x0A,
    kAttribute = 0x10,
    kAttributeData = 0x11,
    kMiscWrite = 0x12, // reads Input Status 0
    kSubsystemEnable = 0x13,
    kSequencerIndex = 0x14,
    kSequencerData = 0x15,
    kPelMask = 0x16,
    kDacRead = 0x17,
    kDacWrite = 0x18,
    kDacData = 0x19,
    kFeatureRead = 0x1A,
    kMiscRead = 0x1C,
    kGraphicsIndex = 0x1E,
    kGraphicsData = 0x1F,
    kColourCrtcIndex = 0x24,
    kColourCrtcData = 0x25,
    kColourStatus = 0x2A,
};

// Bits that exist; the others read as 0.
constexpr std::array<u8, 5> kSequencerBits{0x03, 0x3D, 0x0F, 0x3F, 0x0E};
constexpr std::array<u8, 9> kGraphicsBits{0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF};
constexpr std::array<u8, 0x19> kCrtcBits{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0x3F, 0x7F, 0xFF,
                                         0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xEF, 0xFF};
constexpr std::array<u8, 5> kAttributeBits{0xEF, 0xFF, 0x3F, 0x0F, 0x0F}; // from index 10h

// Input Status 0: a colour monitor loads the DAC's outputs; a vertical interrupt is pending.
constexpr u8 kSwitchSense = 0x10, kCrtInterrupt = 0x80;

/// The half of 3B0h-3DFh that Miscellaneous Output, I/O Address Select, switches away.
bool other_adapter(u16 offset, bool colour) { return colour ? offset < kAttribute : offset >= 0x20; }

} // namespace

u8 Vga::read8(u16 offset) {
    VgaRegisters& r = state_.registers;
    if (other_adapter(offset, r.colour_addresses())) return 0xFF;
    switch (offset) {
    case kMonoCrtcIndex:
    case kColourCrtcIndex: return r.crtc_index;
    case kMonoCrtcData:
    case kColourCrtcData: return read_crtc();
    case kMonoStatus:
    case kColourStatus: return input_status_1();
    case kAttribute: return r.attribute_index;
    case kAttributeData: return read_attribute();
    case kMiscWrite: return static_cast<u8>(kSwitchSense | (state_.interrupt ? kCrtInterrupt : 0));
    case kSubsystemEnable: return r.subsystem_enable;
    case kSequencerIndex: return r.sequencer_index;
    case kSequencerData: return r.sequencer_index < r.sequencer.size() ? r.sequencer[r.sequencer_index] : 0;
    case kPelMask: return r.dac.pel_mask;
    case kDacRead: return r.dac.reading ? 3 : 0; // "DAC State": the last address written was for reading or writing
    case kDacWrite: return r.dac.write_address;
    case kDacData: return read_dac();
    case kFeatureRead: return r.feature_control;
    case kMiscRead: return r.misc_output;
    case kGraphicsIndex: return r.graphics_index;
    case kGraphicsData: return r.graphics_index < r.graphics.size() ? r.graphics[r.graphics_index] : 0;
    default: return 0xFF;
    }
}

void Vga::write8(u16 offset, u8 value) {
    VgaRegisters& r = state_.registers;
    if (other_adapter(offset, r.colour_addresses())) return;
    switch (offset) {
    case kMonoCrtcIndex:
    case kColourCrtcIndex: r.crtc_index = value & 0x3F; return;
    case kMonoCrtcData:
    case kColourCrtcData: write_crtc(value); break;
    case kMonoStatus:
    case kColourStatus: r.feature_control = value & 0x08; return;
    case kAttribute: write_attribute(value); break;
    case kMiscWrite:
        r.misc_output = value & 0xEF;
        path_changed();
        update_timing();
        break;
    case kSubsystemEnable:
        r.subsystem_enable = value & 0x01;
        path_changed();
        return;
    case kSequencerIndex: r.sequencer_index = value & 0x07; return;
    case kSequencerData: write_sequencer(value); break;
    case kPelMask: set_line_register(vga_line_register::kPelMask, value); break;
    case kDacRead:
        r.dac.read_address = value;
        r.dac.component = 0;
        r.dac.reading = true;
        return;
    case kDacWrite:
        r.dac.write_address = value;
        r.dac.component = 0;
        r.dac.reading = false;
        return;
    case kDacData: write_dac(value); break;
    case kGraphicsIndex: r.graphics_index = value & 0x0F; return;
    case kGraphicsData: write_graphics(value); break;
    default: return;
    }
    picture_changed();
}

/// CR22h and CR24h are not in the manual, but in every VGA: the processor latch of the plane that Read Map Select
/// names, and the attribute controller's flip-flop.
u8 Vga::read_crtc() {
    const VgaRegisters& r = state_.registers;
    if (r.crtc_index < r.crtc.size()) return r.crtc[r.crtc_index];
    if (r.crtc_index == 0x22) return static_cast<u8>(r.latches >> (r.read_map_select() * 8));
    if (r.crtc_index == 0x24) return r.attribute_data_next ? 0x80 : 0;
    return 0;
}

/// CR11 bit 7 protects CR00-CR07, except for the line compare bit in CR07.
void Vga::write_crtc(u8 value) {
    VgaRegisters& r = state_.registers;
    constexpr u8 kOverflow = 0x07, kCursorStart = 0x0A, kCursorLow = 0x0F;
    constexpr u8 kLineCompare8 = 0x10;
    if (r.crtc_index >= r.crtc.size()) return;
    u8& target = r.crtc[r.crtc_index];
    if (r.crtc_index <= kOverflow && r.locked()) {
        if (r.crtc_index != kOverflow) return;
        value = static_cast<u8>((target & ~kLineCompare8) | (value & kLineCompare8));
    }
    value &= kCrtcBits[r.crtc_index];
    // Cursor and start address have nothing to do with single lines; the other registers make a frame of their own.
    if (r.crtc_index >= kCursorStart && r.crtc_index <= kCursorLow)
        target = value;
    else
        set_line_register(static_cast<u16>(vga_line_register::kCrtc + r.crtc_index), value);
    if (r.crtc_index == 0x11 && !(value & 0x10)) state_.interrupt = false; // Clear Vertical Interrupt
    update_timing();
}

void Vga::write_sequencer(u8 value) {
    VgaRegisters& r = state_.registers;
    if (r.sequencer_index >= r.sequencer.size()) return;
    // Clocking Mode and Character Map Select are for the beam, the others for the processor.
    constexpr std::array<u8, 5> kSeen{0x00, 0xFF, 0x00, 0xFF, 0x00};
    set_line_register(static_cast<u16>(vga_line_register::kSequencer + r.sequencer_index),
                      value & kSequencerBits[r.sequencer_index], kSeen[r.sequencer_index]);
    path_changed();
    update_timing();
}

void Vga::write_graphics(u8 value) {
    VgaRegisters& r = state_.registers;
    if (r.graphics_index >= r.graphics.size()) return;
    constexpr std::array<u8, 9> kSeen{0, 0, 0, 0, 0, 0x60, 0x01, 0, 0}; // Shift Register Mode, Graphics Mode
    set_line_register(static_cast<u16>(vga_line_register::kGraphics + r.graphics_index),
                      value & kGraphicsBits[r.graphics_index], kSeen[r.graphics_index]);
    path_changed();
}

u8 Vga::read_attribute() const {
    const VgaRegisters& r = state_.registers;
    const unsigned index = r.attribute_index & 0x1F;
    return index < r.attribute.size() ? r.attribute[index] : 0;
}

/// Port 3C0h takes index and data in turns. While PAS is set the palette drives the screen and cannot be written.
void Vga::write_attribute(u8 value) {
    VgaRegisters& r = state_.registers;
    const bool data = r.attribute_data_next;
    r.attribute_data_next = !data;
    if (!data) {
        set_line_register(vga_line_register::kAttributeIndex, value & 0x3F, 0x20); // PAS
        return;
    }
    const unsigned index = r.attribute_index & 0x1F;
    const u16 number = static_cast<u16>(vga_line_register::kAttribute + index);
    if (index < 0x10) {
        if (!r.palette_on_display()) set_line_register(number, value & 0x3F);
    } else if (index < r.attribute.size()) {
        set_line_register(number, value & kAttributeBits[index - 0x10]);
    }
}

u8 Vga::input_status_1() {
    state_.registers.attribute_data_next = false;
    const VgaTiming::Beam at = beam();
    constexpr u8 kDisplayDisabled = 0x01;
    constexpr u8 kVerticalRetrace = 0x08;
    return static_cast<u8>((timing_.display_enable(at) ? 0 : kDisplayDisabled) |
                           (timing_.vertical_retrace(at) ? kVerticalRetrace : 0));
}

u8 Vga::read_dac() {
    VgaDac& dac = state_.registers.dac;
    const u8 value = dac.palette[dac.read_address * 3u + dac.component];
    if (++dac.component == 3) {
        dac.component = 0;
        ++dac.read_address;
    }
    return value;
}

void Vga::write_dac(u8 value) {
    VgaDac& dac = state_.registers.dac;
    dac.buffer[dac.component] = vbe_.dac_8bit() ? value : value & 0x3F;
    if (++dac.component < 3) return;
    for (unsigned i = 0; i < 3; ++i)
        set_line_register(static_cast<u16>(vga_line_register::kDac + dac.write_address * 3u + i), dac.buffer[i]);
    dac.component = 0;
    ++dac.write_address;
}

} // namespace r86

#pragma once
/// Bochs VBE extensions ("DISPI"): a register file that switches a VGA into packed-pixel modes.
/// Data sheet: Bochs, "VBE Display API" (bochs/iodev/display, version B0C5h).
/// In a PC: index port 1CEh, data port 1CFh (16 bits wide; data also at 1D0h); driven by the VGA BIOS and by drivers.
/// NOT IMPLEMENTED: moving the frame buffer by register (it is a PCI BAR).
#include "core/bus.h"
#include "core/log.h"
#include "core/state_visitor.h"
#include "devices/ddc.h"
#include <functional>

namespace r86 {

class BochsVbe final : public PortHandler {
public:
    static constexpr u16 kMaxWidth = 2560;
    static constexpr u16 kMaxHeight = 1600;
    static constexpr u16 kMaxDepth = 32;

    /// `changed` is called after every write that may change the picture or its timing; `clear` must zero the first
    /// `bytes` of video memory.
    BochsVbe(Log& log, u32 vram_bytes, std::function<void()> changed, std::function<void(u32 bytes)> clear);

    /// Offset 0 is the index, 1 (and its second byte, 2) the data port.
    u8 read8(u16 offset) override;
    void write8(u16 offset, u8 value) override;
    u16 read16(u16 offset) override;
    void write16(u16 offset, u16 value) override;

    /// The registers by number, as the memory-mapped copy of them has it; one that does not exist reads 0.
    u16 get(u16 index) const;
    void set(u16 index, u16 value);

    bool enabled() const { return state_.enable & kEnabled; }
    bool packed() const { return enabled() && state_.bpp != 4; } ///< memory is linear, not planes
    bool dac_8bit() const { return state_.enable & kDac8Bit; }
    u32 width() const { return state_.xres; }
    u32 height() const { return state_.yres; }
    u32 depth() const { return state_.bpp; }
    u32 x_offset() const { return state_.x_offset; }
    u32 y_offset() const { return state_.y_offset; }
    u32 virtual_width() const { return state_.virt_width; }
    u32 pitch() const; ///< bytes of one line; with 4 bits, of one line in one plane
    u32 bank_offset() const { return u32{state_.bank} << 16; }

    void reset();
    void visit(StateVisitor& visitor);

private:
    enum Index : u16 {
        kId,
        kXres,
        kYres,
        kBpp,
        kEnable,
        kBank,
        kVirtWidth,
        kVirtHeight,
        kXOffset,
        kYOffset,
        kMemory64K,
        kDdc
    };
    enum EnableBit : u16 { kEnabled = 0x01, kGetCaps = 0x02, kDac8Bit = 0x20, kLinear = 0x40, kNoClear = 0x80 };
    enum DdcBit : u16 { kDck = 0x01, kDda = 0x02, kDckIn = 0x04, kDdaIn = 0x08, kDdcEnabled = 0x80 };

    struct State {
        u16 index = 0;
        u16 id = 0xB0C5;
        u16 xres = 640;
        u16 yres = 480;
        u16 bpp = 8;
        u16 enable = 0;
        u16 bank = 0;
        u16 virt_width = 640;
        u16 x_offset = 0;
        u16 y_offset = 0;
        bool ddc_enabled = false;
        Ddc ddc;
    };

    u16 read_ddc() const;
    void write_ddc(u16 value);
    void write_enable(u16 value);
    u32 max_virtual_width() const;
    u32 virtual_height() const;

    Log& log_;
    u32 vram_bytes_;
    std::function<void()> changed_;
    std::function<void(u32)> clear_;
    State state_;
};

} // namespace r86

#include "devices/bochs_vbe.h"
#include <algorithm>

namespace r86 {

namespace {

bool valid_depth(u16 bpp) { return bpp == 4 || bpp == 8 || bpp == 15 || bpp == 16 || bpp == 24 || bpp == 32; }

} // namespace

BochsVbe::BochsVbe(Log& log, u32 vram_bytes, std::function<void()> changed, std::function<void(u32)> clear)
    : log_(log), vram_bytes_(vram_bytes), changed_(std::move(changed)), clear_(std::move(clear)) {}

void BochsVbe::reset() { state_ = State{}; }

void BochsVbe::visit(StateVisitor& v) {
    auto& [index, id, xres, yres, bpp, enable, bank, virt_width, x_offset, y_offset, ddc_enabled, ddc] = state_;
    v.field("index", index);
    v.field("id", id);
    v.field("xres", xres);
    v.field("yres", yres);
    v.field("bpp", bpp);
    v.field("enable", enable);
    v.field("bank", bank);
    v.field("virt_width", virt_width);
    v.field("x_offset", x_offset);
    v.field("y_offset", y_offset);
    v.field("ddc_enabled", ddc_enabled);
    v.field("ddc", ddc);
    if (v.loading()) { // a damaged file must not bring what no write could
        xres = std::clamp<u16>(xres, 1, kMaxWidth);
        yres = std::clamp<u16>(yres, 1, kMaxHeight);
        if (!valid_depth(bpp)) bpp = 8;
    }
}

u32 BochsVbe::pitch() const {
    switch (state_.bpp) {
    case 4: return state_.virt_width / 8u;
    case 15:
    case 16: return state_.virt_width * 2u;
    case 24: return state_.virt_width * 3u;
    case 32: return state_.virt_width * 4u;
    default: return state_.virt_width;
    }
}

u32 BochsVbe::virtual_height() const {
    const u32 line = state_.bpp == 4 ? pitch() * 4 : pitch();
    return line ? std::min<u32>(vram_bytes_ / line, 0xFFFF) : 0;
}

u8 BochsVbe::read8(u16 offset) {
    if (offset == 2) return static_cast<u8>(get(state_.index) >> 8);
    return static_cast<u8>(read16(offset));
}

/// The registers are 16 bits wide; a byte reaches the index and the wires of the monitor only, as no other register is
/// complete with half of its bits.
void BochsVbe::write8(u16 offset, u8 value) {
    if (offset == 0)
        state_.index = value;
    else if (offset == 1 && state_.index == kDdc)
        write_ddc(value);
    else
        log_.write(LogCategory::Video, "VBE: byte write of %02Xh to the data port ignored", value);
}

u16 BochsVbe::read16(u16 offset) { return offset == 0 ? state_.index : get(state_.index); }

void BochsVbe::write16(u16 offset, u16 value) {
    if (offset == 0)
        state_.index = value;
    else
        set(state_.index, value);
}

u16 BochsVbe::read_ddc() const {
    const Ddc& wires = state_.ddc;
    if (!state_.ddc_enabled) return kDck | kDda | kDckIn | kDdaIn;
    return static_cast<u16>(kDdcEnabled | (wires.clock() ? kDck | kDckIn : 0) | (wires.host_data() ? kDda : 0) |
                            (wires.data() ? kDdaIn : 0));
}

void BochsVbe::write_ddc(u16 value) {
    state_.ddc_enabled = value & kDdcEnabled;
    if (state_.ddc_enabled) state_.ddc.drive(value & kDck, value & kDda);
}

u16 BochsVbe::get(u16 index) const {
    const bool caps = state_.enable & kGetCaps;
    switch (index) {
    case kId: return state_.id;
    case kXres: return caps ? kMaxWidth : state_.xres;
    case kYres: return caps ? kMaxHeight : state_.yres;
    case kBpp: return caps ? kMaxDepth : state_.bpp;
    case kEnable: return state_.enable;
    case kBank: return state_.bank;
    case kVirtWidth: return state_.virt_width;
    case kVirtHeight: return static_cast<u16>(virtual_height());
    case kXOffset: return state_.x_offset;
    case kYOffset: return state_.y_offset;
    case kMemory64K: return static_cast<u16>(vram_bytes_ >> 16);
    case kDdc: return read_ddc();
    default: return 0;
    }
}

void BochsVbe::set(u16 index, u16 value) {
    switch (index) {
    case kId:
        // A guest asks for a version by writing it; what this chip is not, does not stick.
        if (value >= 0xB0C0 && value <= 0xB0C5) state_.id = value;
        return;
    case kXres:
        if (!enabled() && value >= 1 && value <= kMaxWidth) state_.xres = value;
        return;
    case kYres:
        if (!enabled() && value >= 1 && value <= kMaxHeight) state_.yres = value;
        return;
    case kBpp:
        if (value == 0) value = 8; // as version B0C0h had it
        if (!enabled() && valid_depth(value)) state_.bpp = value;
        return;
    case kEnable: write_enable(value); break;
    case kBank:
        // Whole 64 KiB of what the window can reach; beyond that the bank register keeps its value.
        if (value < (state_.bpp == 4 ? vram_bytes_ >> 18 : vram_bytes_ >> 16)) state_.bank = value;
        return; // moves no pixel
    case kVirtWidth:
        state_.virt_width = static_cast<u16>(std::clamp<u32>(value, state_.xres, max_virtual_width()));
        break;
    case kXOffset: state_.x_offset = value; break;
    case kYOffset: state_.y_offset = value; break;
    case kDdc: write_ddc(value); return;
    default: return;
    }
    changed_();
}

/// The longest line with which a whole screen still fits into memory.
u32 BochsVbe::max_virtual_width() const {
    const u32 bits = state_.bpp == 15 ? 16u : state_.bpp;
    const u64 pixels = u64{vram_bytes_} * 8 / bits / state_.yres;
    return static_cast<u32>(std::clamp<u64>(pixels & ~u64{7}, state_.xres, 0xFFF8));
}

void BochsVbe::write_enable(u16 value) {
    const bool was_enabled = enabled();
    const u32 bits = state_.bpp == 15 ? 16u : state_.bpp;
    if ((value & kEnabled) && !was_enabled && u64{state_.xres} * state_.yres * bits / 8 > vram_bytes_) {
        log_.write(LogCategory::Video, "VBE: %ux%ux%u does not fit into video memory", state_.xres, state_.yres,
                   state_.bpp);
        value &= static_cast<u16>(~kEnabled);
    }
    state_.enable = static_cast<u16>(value & (kEnabled | kGetCaps | kDac8Bit | kLinear | kNoClear));
    if (!enabled()) {
        state_.bank = 0;
        return;
    }
    if (was_enabled) return;
    state_.virt_width = state_.xres;
    state_.x_offset = 0;
    state_.y_offset = 0;
    state_.bank = 0;
    log_.write(LogCategory::Video, "VBE mode %ux%ux%u", state_.xres, state_.yres, state_.bpp);
    if (!(value & kNoClear)) clear_(pitch() * state_.yres * (state_.bpp == 4 ? 4 : 1));
}

} // namespace r86

#include "devices/vga_direct.h"
#include "core/host_memory.h"
#include <cstring>

namespace r86 {

namespace {

constexpr u32 kChain4Bytes = 0x10000;
constexpr u32 kTextBytes = 0x8000;
constexpr u32 kStripeBytes = 1024; ///< compared at once

/// What one group of window bytes is in video memory: chain-4, four bytes of a cell in sixteen; text, two in eight.
template <class Group>
constexpr u32 kStride = sizeof(Group) * sizeof(Group);
static_assert(kStride<u32> == 16);
template <>
constexpr u32 kStride<u16> = 8;

template <class Group>
Group load(const u8* from) {
    Group value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

template <class Group>
void gather(u8* window, const u8* vram, u32 bytes) {
    for (u32 i = 0; i < bytes / sizeof(Group); ++i)
        std::memcpy(window + i * sizeof(Group), vram + usize{i} * kStride<Group>, sizeof(Group));
}

template <class Group>
bool scatter(const u8* window, u8* vram, u32 first, u32 bytes, const std::function<void(u32)>& touch) {
    bool changed = false;
    for (u32 i = first / sizeof(Group); i < (first + bytes) / sizeof(Group); ++i) {
        const u32 byte = i * kStride<Group>;
        const Group value = load<Group>(window + i * sizeof(Group));
        if (value == load<Group>(vram + byte)) continue;
        touch(byte);
        std::memcpy(vram + byte, &value, sizeof value);
        changed = true;
    }
    return changed;
}

} // namespace

VgaForm vga_form(const VgaRegisters& r, const BochsVbe& vbe) {
    if (!r.memory_enabled()) return VgaForm::General;
    if (vbe.enabled()) return vbe.packed() ? VgaForm::Packed : VgaForm::General;
    // Write mode 0 without rotation, function, set/reset or mask; read mode 0.
    const auto& g = r.graphics;
    if (((g[5] & 3) | g[1] | g[3]) != 0 || g[8] != 0xFF || r.read_mode_1()) return VgaForm::General;
    if (r.chain4()) return r.map_mask() == 0x0F && r.memory_map() == 1 ? VgaForm::Chain4 : VgaForm::General;
    const bool text = r.odd_even_writes() && r.odd_even_reads() && r.chain_odd_even() && r.memory_map() >= 2;
    return text && r.map_mask() == 0x03 && r.read_map_select() < 2 ? VgaForm::Text : VgaForm::General;
}

VgaDirect::VgaDirect(u8* vram)
    : vram_(vram), window_(static_cast<u8*>(host_allocate(kWindowBytes))),
      settled_(static_cast<u8*>(host_allocate(kWindowBytes))) {}

VgaDirect::~VgaDirect() {
    host_release(window_, kWindowBytes);
    host_release(settled_, kWindowBytes);
}

VgaDirect::Piece VgaDirect::piece() const {
    if (!lent()) return {};
    return {offset_, form_ == VgaForm::Chain4 ? kChain4Bytes : kTextBytes, window_ + offset_};
}

void VgaDirect::lend(VgaForm form, u32 offset) {
    form_ = form;
    offset_ = offset;
    if (form == VgaForm::Chain4)
        gather<u32>(window_ + offset, vram_, kChain4Bytes);
    else
        gather<u16>(window_ + offset, vram_, kTextBytes);
    const Piece block = piece();
    std::memcpy(settled_ + offset, block.host, block.size);
}

/// Asked for at each retrace, mostly about a block in which nothing or a line of text has changed.
bool VgaDirect::put_back(const std::function<void(u32)>& touch) {
    const Piece block = piece();
    u8* settled = settled_ + block.offset;
    bool changed = false;
    for (u32 at = 0; at < block.size; at += kStripeBytes) {
        if (std::memcmp(block.host + at, settled + at, kStripeBytes) == 0) continue;
        std::memcpy(settled + at, block.host + at, kStripeBytes);
        changed |= form_ == VgaForm::Chain4 ? scatter<u32>(block.host, vram_, at, kStripeBytes, touch)
                                            : scatter<u16>(block.host, vram_, at, kStripeBytes, touch);
    }
    return changed;
}

u8* VgaDirect::shadow(u32 byte) {
    const u32 group = form_ == VgaForm::Chain4 ? sizeof(u32) : sizeof(u16);
    const u32 stride = form_ == VgaForm::Chain4 ? kStride<u32> : kStride<u16>;
    const u32 index = byte / stride * group + byte % stride;
    if (!lent() || byte % stride >= group || index >= piece().size) return nullptr;
    return window_ + offset_ + index;
}

void VgaDirect::write_through(u32 byte, u8 value) {
    vram_[byte] = value;
    u8* lent_byte = shadow(byte);
    if (!lent_byte) return;
    *lent_byte = value;
    settled_[lent_byte - window_] = value;
}

u8* VgaDirect::at(u64 offset) {
    const Piece lent_piece = piece();
    return offset >= lent_piece.offset && offset < u64{lent_piece.offset} + lent_piece.size ? window_ + offset
                                                                                            : nullptr;
}

} // namespace r86

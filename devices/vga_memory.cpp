#include "devices/vga_memory.h"
#include "core/host_memory.h"
#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace r86 {

namespace {

static_assert(std::endian::native == std::endian::little, "a cell's lowest byte is plane 0");

constexpr u32 all_planes(u8 value) { return value * 0x01010101u; }

/// FFh in the byte of each plane whose bit is set.
constexpr u32 plane_bytes(unsigned planes) {
    return (planes & 1 ? 0x000000FFu : 0) | (planes & 2 ? 0x0000FF00u : 0) | (planes & 4 ? 0x00FF0000u : 0) |
           (planes & 8 ? 0xFF000000u : 0);
}
static_assert(plane_bytes(0b1010) == 0xFF00FF00u);

} // namespace

VgaMemory::VgaMemory(VgaRegisters& registers, const BochsVbe& vbe)
    : registers_(registers), vbe_(vbe), vram_(static_cast<u8*>(host_allocate(kBytes))), direct_(vram_) {}

VgaMemory::~VgaMemory() { host_release(vram_, kBytes); }

/// Graphics controller Miscellaneous register, Memory Map 1 and 0.
bool VgaMemory::decode(u64 offset, u32& address) const {
    if (!registers_.memory_enabled()) return false;
    address = static_cast<u32>(offset);
    if (vbe_.packed()) return offset < 0x10000;
    switch (registers_.memory_map()) {
    case 0: return offset < 0x20000;
    case 1: return offset < 0x10000;
    case 2: address &= 0x7FFF; return offset >= 0x10000 && offset < 0x18000;
    default: address &= 0x7FFF; return offset >= 0x18000 && offset < 0x20000;
    }
}

u32 VgaMemory::cell_of(u32 plane_address) const {
    u32 cell = plane_address & 0xFFFF;
    if (vbe_.enabled()) cell += vbe_.bank_offset();
    return cell & (kBytes / 4 - 1);
}

/// Sequencer Memory Mode register (Chain 4, Odd/Even) chooses planes; chaining also takes away the address bits that
/// did the choosing. In odd/even the highest bit of a 128 KiB window moves into their place.
VgaMemory::Target VgaMemory::write_target(u32 address) const {
    if (registers_.chain4()) return {cell_of(address & ~3u), static_cast<u8>(1u << (address & 3))};
    const u32 cell = cell_of(registers_.chain_odd_even() ? (address & ~1u) | (address >> 16) : address);
    if (registers_.odd_even_writes()) return {cell, static_cast<u8>(address & 1 ? 0b1010 : 0b0101)};
    return {cell, 0b1111};
}

u32 VgaMemory::load(u32 cell) const {
    u32 value;
    std::memcpy(&value, vram_ + usize{cell} * 4, 4);
    return value;
}

u8 VgaMemory::byte_of(u32 address, u32& latches) const {
    const VgaRegisters& r = registers_;
    unsigned plane = r.read_map_select();
    u32 cell;
    if (r.chain4()) {
        plane = address & 3;
        cell = cell_of(address & ~3u);
    } else {
        if (r.odd_even_reads()) plane = (plane & 2) | (address & 1);
        cell = cell_of(r.chain_odd_even() ? (address & ~1u) | (address >> 16) : address);
    }
    latches = load(cell);
    if (!r.read_mode_1()) return static_cast<u8>(latches >> (plane * 8));
    // Read mode 1: a bit is set where every plane that Color Don't Care names agrees with Color Compare.
    const u32 differs = (latches ^ plane_bytes(r.graphics[2])) & plane_bytes(r.graphics[7]);
    const u32 folded = differs | differs >> 16;
    return static_cast<u8>(~(folded | folded >> 8));
}

u8 VgaMemory::read_byte(u32 address) {
    u32 latches;
    const u8 value = byte_of(address, latches);
    if (form_ == VgaForm::General) registers_.latches = latches;
    return value;
}

u8 VgaMemory::peek(u64 offset) const {
    settle();
    u32 address, latches;
    if (!decode(offset, address)) return 0xFF;
    return vbe_.packed() ? vram_[(vbe_.bank_offset() + address) % kBytes] : byte_of(address, latches);
}

u64 VgaMemory::read(u64 offset, unsigned size) {
    ++accesses_;
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        u32 address;
        u8 byte = 0xFF;
        if (direct_.lent()) {
            if (const u8* lent = direct_.at(offset + i)) byte = *lent;
        } else if (decode(offset + i, address)) {
            byte = vbe_.packed() ? vram_[(vbe_.bank_offset() + address) % kBytes] : read_byte(address);
        }
        value |= u64{byte} << (i * 8);
    }
    return value;
}

/// IBM, "Graphics Mode Register", write modes 0 to 3.
u32 VgaMemory::through_data_path(u8 value) const {
    const VgaRegisters& r = registers_;
    u8 mask = r.bit_mask();
    u32 pixels = 0;
    const u8 rotated = std::rotr(value, static_cast<int>(r.rotate_count()));
    switch (r.write_mode()) {
    case 0: {
        const u32 enable = plane_bytes(r.enable_set_reset());
        pixels = (all_planes(rotated) & ~enable) | (plane_bytes(r.set_reset()) & enable);
        break;
    }
    case 1: return r.latches;
    case 2: pixels = plane_bytes(value & 0x0F); break;
    case 3:
        mask &= rotated;
        pixels = plane_bytes(r.set_reset());
        break;
    }
    switch (r.function_select()) {
    case 1: pixels &= r.latches; break;
    case 2: pixels |= r.latches; break;
    case 3: pixels ^= r.latches; break;
    default: break;
    }
    return (pixels & all_planes(mask)) | (r.latches & ~all_planes(mask));
}

void VgaMemory::store(Target target, u32 pixels) {
    const u32 mask = plane_bytes(target.planes & registers_.map_mask());
    const u32 value = (load(target.cell) & ~mask) | (pixels & mask);
    touch(target.cell * 4);
    std::memcpy(vram_ + usize{target.cell} * 4, &value, 4);
}

void VgaMemory::write_byte(u32 address, u8 value) { store(write_target(address), through_data_path(value)); }

void VgaMemory::write(u64 offset, unsigned size, u64 value) {
    ++accesses_;
    ++generation_;
    u32 address;
    switch (form_) {
    case VgaForm::Chain4: // whole cells at once; the rest goes byte by byte
        if (direct_.lent()) return write_lent(offset, size, value);
        for (; size >= 4 && offset % 4 == 0 && decode(offset, address); offset += 4, size -= 4, value >>= 32)
            store({cell_of(address), 0b1111}, static_cast<u32>(value));
        break;
    case VgaForm::Text:
        if (direct_.lent()) return write_lent(offset, size, value);
        for (; size >= 2 && offset % 2 == 0 && decode(offset, address); offset += 2, size -= 2, value >>= 16)
            store({cell_of(address), 0b0011}, static_cast<u16>(value));
        break;
    case VgaForm::Packed: {
        const u64 byte = vbe_.bank_offset() + offset;
        if (offset + size > 0x10000 || byte + size > kBytes) break;
        touch(static_cast<u32>(byte));
        std::memcpy(vram_ + byte, &value, size); // an access stays in one page
        return;
    }
    case VgaForm::General: break;
    }
    if (size) write_general(offset, size, value);
}

void VgaMemory::write_general(u64 offset, unsigned size, u64 value) {
    u32 address;
    for (; size; ++offset, --size, value >>= 8) {
        if (!decode(offset, address)) continue;
        if (vbe_.packed()) {
            const u32 byte = (vbe_.bank_offset() + address) % kBytes;
            touch(byte);
            vram_[byte] = static_cast<u8>(value);
        } else {
            write_byte(address, static_cast<u8>(value));
        }
    }
}

// ---- the window as host memory

void VgaMemory::write_lent(u64 offset, unsigned size, u64 value) {
    for (; size; ++offset, --size, value >>= 8)
        if (u8* lent = direct_.at(offset)) *lent = static_cast<u8>(value);
}

void VgaMemory::settle() const {
    // Whoever is told of a first touch looks at video memory as it was.
    if (!direct_.lent() || std::exchange(settling_, true)) return;
    if (direct_.put_back([this](u32 byte) { touch(byte); })) ++generation_;
    settling_ = false;
}

u64 VgaMemory::window_offset(VgaForm form) const {
    return form == VgaForm::Chain4 ? 0 : registers_.memory_map() == 2 ? 0x10000 : 0x18000;
}

void VgaMemory::path_changed() {
    const VgaForm form = vga_form(registers_, vbe_);
    if (direct_.lent() && (form != form_ || direct_.piece().offset != window_offset(form))) {
        settle();
        direct_.forget();
        if (direct_hook_) direct_hook_();
    }
    if (form != form_) accesses_ = 0;
    form_ = form;
}

/// Mapping the window costs some microseconds, which pays off where a frame makes a few hundred accesses.
void VgaMemory::lend_if_busy() {
    constexpr u32 kBusy = 256;
    const bool busy = std::exchange(accesses_, 0) >= kBusy;
    if (!busy || direct_.lent() || (form_ != VgaForm::Chain4 && form_ != VgaForm::Text)) return;
    direct_.lend(form_, static_cast<u32>(window_offset(form_)));
    if (direct_hook_) direct_hook_();
}

void VgaMemory::loaded() {
    form_ = vga_form(registers_, vbe_);
    accesses_ = 0;
    direct_.forget();
    if (direct_hook_) direct_hook_();
}

u64 VgaMemory::Linear::read(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        const u32 byte = static_cast<u32>(offset + i) % kBytes;
        const u8* shadow = memory.direct_.shadow(byte);
        value |= u64{shadow ? *shadow : memory.vram_[byte]} << (8 * i);
    }
    return value;
}

void VgaMemory::Linear::write(u64 offset, unsigned size, u64 value) {
    ++memory.generation_;
    for (unsigned i = 0; i < size; ++i, value >>= 8) {
        const u32 byte = static_cast<u32>(offset + i) % kBytes;
        memory.touch(byte);
        memory.direct_.write_through(byte, static_cast<u8>(value));
    }
}

void VgaMemory::touch(u32 byte) const {
    const u32 page = byte / kPageBytes;
    if (!touched(page)) touch_page(page);
}

void VgaMemory::touch_page(u32 page) const {
    if (first_touch_) first_touch_(page);
    touched_[page / 64] |= u64{1} << (page % 64);
}

void VgaMemory::clear(u32 count) {
    path_changed();
    settle();
    count = std::min(count, kBytes);
    for (u32 byte = 0; byte < count; byte += kPageBytes) touch(byte);
    if (count == kBytes)
        host_discard(vram_, kBytes); // a machine that never shows a picture shall not pay for one
    else
        std::memset(vram_, 0, count);
    ++generation_;
}

/// Most of video memory is never written, so only pieces that are not all zero are listed.
void VgaMemory::visit(StateVisitor& v) {
    if (v.loading())
        direct_.forget(); // loaded() tells the board
    else
        settle();
    if (v.skips_bulk()) {
        if (v.loading()) ++generation_;
        return;
    }
    constexpr u32 kPiece = 0x10000;
    static constexpr std::array<u8, 256> kZero{};
    std::array<u8, kBytes / kPiece / 8> used{};
    const auto is_zero = [](const u8* piece) {
        for (u32 i = 0; i < kPiece; i += kZero.size())
            if (std::memcmp(piece + i, kZero.data(), kZero.size()) != 0) return false;
        return true;
    };
    if (!v.loading()) {
        for (u32 i = 0; i < kBytes / kPiece; ++i)
            if (!is_zero(vram_ + usize{i} * kPiece)) used[i / 8] |= static_cast<u8>(1u << (i % 8));
    }
    v.field("used", used);
    for (u32 i = 0; i < kBytes / kPiece; ++i) {
        u8* piece = vram_ + usize{i} * kPiece;
        if (v.loading())
            for (u32 byte = 0; byte < kPiece; byte += kPageBytes) touch(i * kPiece + byte);
        if (used[i / 8] & (1u << (i % 8)))
            v.bytes("vram[" + std::to_string(i) + "]", {piece, kPiece});
        else if (v.loading() && !is_zero(piece))
            std::memset(piece, 0, kPiece);
    }
    if (v.loading()) ++generation_;
}

} // namespace r86

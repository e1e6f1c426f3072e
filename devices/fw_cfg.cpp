#include "devices/fw_cfg.h"
#include "core/byte_order.h"
#include "core/error.h"
#include <algorithm>
#include <array>
#include <string_view>

namespace r86 {

namespace {

constexpr std::string_view kDmaSignature = "QEMU CFG";
constexpr u32 kDmaError = 1 << 0;
constexpr u32 kDmaRead = 1 << 1;
constexpr u32 kDmaSkip = 1 << 2;
constexpr u32 kDmaSelect = 1 << 3;
constexpr u32 kDmaWrite = 1 << 4;
constexpr u32 kIdTraditional = 1 << 0;
constexpr u32 kIdDma = 1 << 1;
constexpr usize kNameField = 56;
constexpr u16 kSelectorWrite = 1 << 14; // "ignored as of QEMU v2.4"

constexpr u16 swap16(u16 value) { return static_cast<u16>(value << 8 | value >> 8); }
constexpr u32 swap32(u32 value) {
    return u32{swap16(static_cast<u16>(value))} << 16 | swap16(static_cast<u16>(value >> 16));
}

void append_big_endian(std::vector<u8>& out, u32 value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<u8>(value >> (8 * i)));
}

} // namespace

FwCfg::FwCfg(PhysicalMemory& memory) : memory_(memory) {
    add_item(fw_cfg_item::kSignature, {'Q', 'E', 'M', 'U'});
    add_number(fw_cfg_item::kId, kIdTraditional | kIdDma, 4);
}

void FwCfg::add_number(u16 item, u64 value, unsigned bytes) {
    std::vector<u8> content;
    for (unsigned i = 0; i < bytes; ++i) content.push_back(i < 8 ? static_cast<u8>(value >> (8 * i)) : u8{0});
    add_item(item, std::move(content));
}

void FwCfg::follow_base(const std::string& name, std::vector<usize> offsets, u16 initial, std::function<u16()> base) {
    for (const usize offset : offsets) R86_ASSERT(offset + 2 <= files_.at(name).size());
    follower_ = {name, 0, std::move(offsets), initial, std::move(base)};
    s_.base = initial;
}

void FwCfg::move_words(u16 base) {
    const u16 distance = static_cast<u16>(base - s_.base);
    s_.base = base;
    if (distance == 0) return;
    auto& content = items_.at(follower_.item);
    for (const usize at : follower_.offsets)
        store_le<u16>(&content[at], static_cast<u16>(load_le<u16>(&content[at]) + distance));
}

void FwCfg::finish() {
    std::vector<u8> directory;
    append_big_endian(directory, static_cast<u32>(files_.size()), 4);
    u16 number = fw_cfg_item::kFirstFile;
    for (auto& [name, content] : files_) {
        R86_ASSERT(name.size() < kNameField);
        append_big_endian(directory, static_cast<u32>(content.size()), 4);
        append_big_endian(directory, number, 2);
        append_big_endian(directory, 0, 2); // reserved
        directory.insert(directory.end(), name.begin(), name.end());
        directory.insert(directory.end(), kNameField - name.size(), 0);
        if (name == follower_.file) follower_.item = number;
        items_[number++] = std::move(content);
    }
    files_.clear();
    items_[fw_cfg_item::kFileDirectory] = std::move(directory);
}

std::span<const u8> FwCfg::item(u16 number) const {
    const auto found = items_.find(number);
    return found == items_.end() ? std::span<const u8>{} : std::span<const u8>{found->second};
}

void FwCfg::select(u16 item) {
    s_.selector = item & static_cast<u16>(~kSelectorWrite);
    s_.position = 0;
    if (follower_.item && s_.selector == follower_.item) move_words(follower_.base());
}

u8 FwCfg::read8(u16 offset) {
    if (offset >= 4) return static_cast<u8>(kDmaSignature[(offset - 4) & 7]);
    if (offset != 1) return 0;
    const auto content = item(s_.selector);
    return s_.position < content.size() ? content[s_.position++] : u8{0}; // reads past the end give zeros
}

u16 FwCfg::read16(u16 offset) {
    // The data register is one byte wide; the selector cannot be read.
    return offset < 4 ? u16{0} : PortHandler::read16(offset);
}

void FwCfg::write8(u16, u8) {} // the selector takes words, DMA takes dwords, data is read-only

void FwCfg::write16(u16 offset, u16 value) {
    if (offset == 0) select(value);
}

void FwCfg::write32(u16 offset, u32 value) {
    if (offset == 4) {
        s_.dma_address = u64{swap32(value)} << 32;
    } else if (offset == 8) {
        s_.dma_address = (s_.dma_address & ~u64{0xFFFFFFFF}) | swap32(value);
        run_dma();
    }
}

/// The guest's descriptor is control, length and address, all big endian. The transfer is over when control reads 0.
void FwCfg::run_dma() {
    const PhysAddr descriptor{s_.dma_address};
    s_.dma_address = 0;
    const u32 control = swap32(static_cast<u32>(memory_.read(descriptor, 4)));
    u64 length = swap32(static_cast<u32>(memory_.read(descriptor + 4, 4)));
    PhysAddr target{u64{swap32(static_cast<u32>(memory_.read(descriptor + 8, 4)))} << 32 |
                    swap32(static_cast<u32>(memory_.read(descriptor + 12, 4)))};
    if (control & kDmaSelect) select(static_cast<u16>(control >> 16));
    const auto content = item(s_.selector);
    u32 result = 0;
    if (control & kDmaRead) {
        const u64 available = std::min<u64>(length, content.size() - std::min<usize>(s_.position, content.size()));
        memory_.write(target, content.subspan(available ? s_.position : 0, available));
        s_.position += static_cast<u32>(available);
        target = target + available;
        // Past the end of the item zeros follow; past the end of RAM nobody would see them.
        length = std::min(length - available, memory_.ram_size() - std::min(target.value, memory_.ram_size()));
        static constexpr std::array<u8, kPageSize> kZeros{};
        for (u64 done = 0; done < length; done += kZeros.size())
            memory_.write(target + done, std::span{kZeros}.first(std::min<u64>(kZeros.size(), length - done)));
    } else if (control & kDmaWrite) {
        result = kDmaError;
    } else if (control & kDmaSkip) {
        s_.position = static_cast<u32>(std::min<u64>(s_.position + length, content.size()));
    }
    memory_.write(descriptor, 4, swap32(result));
}

void FwCfg::reset(ResetKind) {
    move_words(follower_.initial);
    s_ = {.base = follower_.initial};
}

void FwCfg::visit(StateVisitor& visitor) {
    auto& [selector, position, dma_address, current_base] = s_;
    u16 base = current_base;
    visitor.field("selector", selector);
    visitor.field("position", position);
    visitor.field("dma_address", dma_address);
    visitor.field("base", base);
    if (visitor.loading() && follower_.item) move_words(base);
}

} // namespace r86
